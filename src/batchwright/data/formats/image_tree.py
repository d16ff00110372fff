"""What lies in a folder of images: images, other files, folders."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ENDINGS = (
    *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".gif", ".webp", ".avif", ".tif", ".tiff"),
    *(".pgm", ".ppm", ".pbm", ".pnm", ".tga", ".jp2"),
)
"""Endings of images that are read, in lower case."""

TABLES = (".csv", ".tsv", ".xlsx", ".xls", ".parquet", ".feather", ".json", ".jsonl")
"""Endings of tables, which may list images."""

OF_SYSTEMS = ("__macosx", "@eadir", "thumbs.db", "desktop.ini")
"""Files and folders that systems make; those that begin with a dot are left out too."""

STORES = (".batchwright", ".batchwright-rows")
"""Endings of the folders in which rows are kept that are read in pieces."""

DEPTH = 4
"""Folders within folders in which images are looked for, to tell a folder of images from others."""


@dataclass(frozen=True)
class Tree:
    """A folder: the images directly in it, the names of its other files, its folders by name, and all images below."""

    path: Path
    images: tuple[Path, ...]
    others: tuple[str, ...]
    folders: tuple["Tree", ...]
    count: int

    @property
    def holding(self) -> tuple["Tree", ...]:
        """The folders that hold images, or have folders that do."""
        return tuple(folder for folder in self.folders if folder.count)

    def every_image(self) -> Iterator[Path]:
        """All images: those directly in the folder, then those of each of its folders."""
        yield from self.images
        for folder in self.folders:
            yield from folder.every_image()

    def every_other(self) -> Iterator[str]:
        """The names of all files that are not images."""
        yield from self.others
        for folder in self.folders:
            yield from folder.every_other()


def walk(path: Path, above: frozenset[str] = frozenset()) -> Tree:
    """All images and other files below a folder, by name; links are followed, but never in a circle.

    A broken link that is named as an image counts as one, so that it is told when it is read.
    """
    real = os.path.realpath(path)
    images, others, folders = [], [], []
    with os.scandir(path) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if is_left_out(entry.name):
                continue
            if entry.is_dir():
                if not entry.is_symlink() or os.path.realpath(entry.path) not in above | {real}:
                    folders.append(walk(Path(entry.path), above | {real}))
            elif ending(entry.name) in ENDINGS and (entry.is_file() or entry.is_symlink()):
                images.append(Path(entry.path))
            else:
                others.append(entry.name)
    count = len(images) + sum(folder.count for folder in folders)
    return Tree(path, tuple(images), tuple(others), tuple(folders), count)


def is_image(path: Path) -> bool:
    """Whether a file's name says that it is an image of a readable format."""
    return ending(path.name) in ENDINGS and not is_left_out(path.name) and path.is_file()


def holds_images(path: Path) -> bool:
    """Whether a folder is one of images: some lie in its folders, or directly in it and not among more tables."""
    with os.scandir(path) as found:
        entries = [entry for entry in found if not is_left_out(entry.name)]
    images, tables = (sum(ending(entry.name) in known for entry in entries) for known in (ENDINGS, TABLES))
    if images:
        return images >= tables
    return any(_holds_image(Path(entry.path), depth=DEPTH) for entry in entries if entry.is_dir())


def _holds_image(path: Path, *, depth: int) -> bool:
    """Whether there is an image in a folder, or in its folders down to this depth; the first one ends the search."""
    with os.scandir(path) as found:
        entries = [entry for entry in found if not is_left_out(entry.name)]
    if any(ending(entry.name) in ENDINGS and entry.is_file() for entry in entries):
        return True
    folders = [Path(entry.path) for entry in entries if depth and entry.is_dir()]
    return any(_holds_image(folder, depth=depth - 1) for folder in folders)


def is_left_out(name: str) -> bool:
    """Whether a file or folder is hidden, or one that systems make."""
    return name.startswith(".") or name.casefold() in OF_SYSTEMS or name.endswith(STORES)


def ending(name: str) -> str:
    """The ending of a file name in lower case, with its dot; empty if it has none."""
    stem, dot, end = name.rpartition(".")
    return dot + end.lower() if stem else ""
