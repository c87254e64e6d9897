"""Where the parts of a library lie: a folder, or one ``.npz`` file with its index beside it.

======================  ==========================================
folder ``LIB``          file ``LIB.npz``
======================  ==========================================
``library.toml``        ``LIB.toml``: everything but the tables
``tables.npz``          ``LIB.npz``: int32 [256, 256] by name
``verilog/NAME.v``      ``LIB.verilog/NAME.v``
``netlists/N.npz``      ``LIB.netlists/N.npz``: of technology N
======================  ==========================================
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from hawx_onnx.errors import ComponentError

MEND = "import it anew"


@dataclass(frozen=True)
class LibraryPaths:
    """Where the parts of a library lie."""

    index: Path
    tables: Path
    verilog: str
    """Name of the folder of Verilog, beside the index."""
    netlists: str
    """Name of the folder of mapped netlists, beside the index."""

    @classmethod
    def of(cls, path: str | Path) -> LibraryPaths:
        """Returns the paths of a library, there or not; a folder unless it ends in ``.npz``."""
        path = Path(path)
        if path.suffix == ".npz":
            beside = (f"{path.stem}.{part}" for part in ("verilog", "netlists"))
            return cls(path.with_suffix(".toml"), path, *beside)
        return cls(path / "library.toml", path / "tables.npz", "verilog", "netlists")

    def inside(self, name: str) -> Path:
        """Returns the path of a part of the library; it neither leaves the folder nor is a link.

        Raises:
            ComponentError: It does.
        """
        parts = PurePosixPath(name).parts
        folder = self.index.parent
        bad = not parts or "\\" in name or ":" in name or name.startswith("/") or ".." in parts
        if bad or any(folder.joinpath(*parts[:n]).is_symlink() for n in range(1, len(parts) + 1)):
            raise ComponentError(
                f"{name!r} leads out of the library",
                where=str(self.index),
                mend="name a file below the folder, without links",
            )
        return folder.joinpath(*parts)


def read_part(path: Path, sha256: str, what: str, most: int | None = None) -> bytes:
    """Reads a part of a library and holds it against the index.

    Args:
        path: The file.
        sha256: Its hash.
        what: What it is, for messages.
        most: Bytes that it may have.

    Raises:
        ComponentError: It cannot be read, is larger, or has another hash.
    """
    where = str(path)
    try:
        with path.open("rb") as stream:
            data = stream.read(-1 if most is None else most + 1)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ComponentError(f"cannot be read: {reason}", where=where, mend=MEND) from error
    if most is not None and len(data) > most:
        raise ComponentError(f"has more than {most >> 20} MiB", where=where, mend=MEND)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ComponentError(f"the {what} is not the one of the index", where=where, mend=MEND)
    return data
