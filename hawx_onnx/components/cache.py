"""Results kept between runs, by the hash of everything that they follow from.

Entries are JSON texts of our own making. One that cannot be read, or is of another kind than asked
for, counts as missing.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

FOLDER = "HAWX_ONNX_CACHE"
"""Environment variable: the folder of the cache; an empty text switches the cache off."""


def cache_folder() -> Path | None:
    """Returns the folder of the cache, which need not exist yet; None where it is switched off."""
    chosen = os.environ.get(FOLDER)
    if chosen is not None:
        return Path(chosen) if chosen else None
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "hawx-onnx"


def key_of(*parts: str) -> str:
    """Returns the hash of texts, each of which counts with its length."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()


def cached(kind: str, key: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Returns a result from the cache, or makes it and keeps it.

    Args:
        kind: A word for what it is; a folder of the cache.
        key: From :func:`key_of`: program, version, options and content.
        make: Makes the result, of JSON values only. Its errors are passed on and not kept.
    """
    folder = cache_folder()
    if folder is None:
        return make()
    path = folder / kind / key[:2] / f"{key}.json"
    with contextlib.suppress(OSError, ValueError):
        found = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(found, dict):
            return found
    result = make()
    # A cache that cannot be written costs time, no result.
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{secrets.token_hex(8)}.tmp")
        try:
            part.write_text(json.dumps(result), encoding="utf-8")
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    return result
