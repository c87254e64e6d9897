"""What the operating system says of disks and folders, as errors that tell how to mend it."""

from __future__ import annotations

import errno
import os

from hawx_onnx.errors import ConfigError

_NO_SPACE = "free some space or write to another disk"
_NO_RIGHT = "choose a folder that you may write to"
_A_FILE = "a part of this path is a file: choose another folder"
_MENDS = {
    errno.ENOSPC: _NO_SPACE,
    errno.EDQUOT: _NO_SPACE,
    errno.EFBIG: "raise the limit of the size of files, `ulimit -f`, or write to another disk",
    errno.EACCES: _NO_RIGHT,
    errno.EPERM: _NO_RIGHT,
    errno.EROFS: "choose a folder on a disk that can be written",
    errno.ENOTDIR: _A_FILE,
    errno.EEXIST: _A_FILE,
    errno.EISDIR: "this is a folder: give the name of a file",
    errno.ENAMETOOLONG: "choose a shorter name",
}
# Whatever is written, and wherever, these are no defects of the one who writes.
DISK_FAILURES = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO})


def refusal(path: str | os.PathLike[str], error: OSError, mend: str = "") -> ConfigError:
    """The error of a file that cannot be written.

    Args:
        path: The file, as the user knows it.
        error: What the operating system said.
        mend: What helps; otherwise it follows from the error.
    """
    reason = (error.strerror or str(error)).lower()
    known = _MENDS.get(error.errno or 0, "choose another path")
    return ConfigError(f"cannot be written: {reason}", where=os.fspath(path), mend=mend or known)
