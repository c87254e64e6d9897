"""Samples from a folder of image files, read one by one when they are run."""

from __future__ import annotations

import csv
import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np

from hawx_onnx.errors import DataError
from hawx_onnx.frontend.data_types import Array
from hawx_onnx.frontend.sources import RawData, RawPart

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
LABELS = "labels.csv"
MOST_PIXELS = 1 << 26
"""Of an image: in floats of three channels 800 MB."""

_NUMBER = re.compile(r"-?[0-9]{1,18}")
_PARTS = {"train": ("train",), "test": ("test", "val", "validation")}


@dataclass(frozen=True, eq=False)
class ImageFiles:
    """Image files, of any sizes.

    Attributes:
        files: In the order of the samples.
    """

    files: tuple[Path, ...]

    def __len__(self) -> int:
        return len(self.files)

    def image(self, index: int, *, grey: bool) -> Array:
        """One image: uint8 [1, H, W, 3], or [1, H, W, 1] in grey.

        Raises:
            DataError: The file is damaged, or pillow is not installed.
        """
        try:
            from PIL import Image
        except ImportError as error:
            raise DataError(
                "images are read with pillow, which is not installed",
                where=str(self.files[index]),
                mend="pip install 'hawx-onnx[images]'",
            ) from error
        path = self.files[index]
        try:
            with Image.open(path) as opened:
                _check_size(path, *opened.size)
                values = np.asarray(opened.convert("L" if grey else "RGB"), np.uint8)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise DataError(
                f"is no readable image: {error}", where=str(path), mend="drop or repair the file"
            ) from error
        return values[None, :, :, None] if grey else values[None]


def _check_size(path: Path, width: int, height: int) -> None:
    """Refuses an image before its pixels take memory: a few kilobytes may declare gigabytes."""
    if width * height > MOST_PIXELS:
        raise DataError(
            f"is an image of {width} x {height} pixels, {MOST_PIXELS >> 20} Mi are read at most",
            where=str(path),
            mend="cut it, or store it smaller",
        )


def is_folder(folder: Path) -> bool:
    """Whether the folder, or one below it, holds image files."""
    return any(_is_image(path) for path in folder.glob("*")) or any(
        _is_image(path) for pattern in ("*/*", "*/*/*") for path in folder.glob(pattern)
    )


def load(folder: Path) -> RawData:
    """Lists the images of a folder with their labels; none is read.

    Labels are the numbers of the class folders, in the order of their names, or those of
    ``labels.csv``. Folders ``train`` and ``test`` (or ``val``) are parts of their own.

    Raises:
        DataError: A label file does not fit the images, or the parts have different classes.
    """
    names = {
        part: next((folder / name for name in known if (folder / name).is_dir()), None)
        for part, known in _PARTS.items()
    }
    found = {part: at for part, at in names.items() if at is not None}
    if set(found) != set(_PARTS):
        part, classes = _part(folder)
        return RawData(str(folder), _note(folder, len(part.x), classes), {"all": part})
    parts = {name: _part(at) for name, at in found.items()}
    one, other = (classes for _, classes in parts.values())
    if one != other:
        differing = sorted({*one, *other} - ({*one} & {*other}))[:4]
        raise DataError(
            f"its parts have different classes: {', '.join(differing)}",
            where=str(folder),
            mend="give every part the same class folders",
        )
    count = sum(len(part.x) for part, _ in parts.values())
    return RawData(
        str(folder), _note(folder, count, one), {name: part for name, (part, _) in parts.items()}
    )


def _note(folder: Path, count: int, classes: list[str]) -> str:
    told = f" in {len(classes)} classes" if classes else ""
    return f"{count} images{told} of {folder.name}"


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and path.is_file()


def _images(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if _is_image(path))


def _part(folder: Path) -> tuple[RawPart, list[str]]:
    """Images below a folder, and the names of their classes."""
    if (folder / LABELS).is_file():
        files, labels = _listed(folder / LABELS)
        return _raw(folder, files, labels, folder / LABELS), []
    own = _images(folder)
    below = {at.name: _images(at) for at in sorted(folder.iterdir()) if at.is_dir()}
    below = {name: files for name, files in below.items() if files}
    if own and below:
        raise DataError(
            f"holds images ({own[0].name}) beside class folders ({next(iter(below))})",
            where=str(folder),
            mend="move every image into the folder of its class",
        )
    if own or not below:
        return _raw(folder, own, None, folder), []
    files = [path for images in below.values() for path in images]
    labels = [number for number, images in enumerate(below.values()) for _ in images]
    return _raw(folder, files, labels, folder), list(below)


def _raw(folder: Path, files: list[Path], labels: list[int] | None, where: Path) -> RawPart:
    y = None if labels is None else np.array(labels, np.int64)
    return RawPart(ImageFiles(tuple(files)), y, str(folder), f"{where}, labels")


def _listed(path: Path) -> tuple[list[Path], list[int]]:
    """Files and labels of lines ``file,label``; a head line without a number is left out."""
    files, labels = [], []
    try:
        with path.open(newline="", encoding="utf-8") as opened:
            rows = [row for row in csv.reader(opened) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"cannot be read: {error}", where=str(path)) from error
    for line, row in enumerate(rows, 1):
        label = row[1].strip() if len(row) == 2 else ""
        if line == 1 and not _NUMBER.fullmatch(label):
            continue
        file = path.parent / row[0].strip()
        if what := _wrong(row[0].strip(), file, label):
            told = ",".join(row)
            raise DataError(
                f"line {line}, {told[:100]!r}: {what}",
                where=str(path),
                mend="write lines `file,class number`, files relative to this folder",
            )
        files.append(file)
        labels.append(int(label))
    return files, labels


def _wrong(name: str, file: Path, label: str) -> str:
    """What is wrong with a line, empty if nothing is; a list of a stranger reads this folder."""
    if not _NUMBER.fullmatch(label):
        return "no class number"
    if PurePath(name).is_absolute() or ".." in PurePath(name).parts:
        return "the file is outside of the folder"
    # Unlike those of pathlib, this takes names that no file can have.
    return "" if os.path.isfile(file) else "no file of this name"  # noqa: PTH113
