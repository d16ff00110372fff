"""Where the images are that the cells of a table name: in one folder, out of which no cell leads."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from batchwright.data.formats.image_tree import ENDINGS
from batchwright.errors import DataError

MOST_FOLDERS = 100
"""Folders beside a table in which images are looked for, at most."""
SAMPLE = 100
"""Names of a column that are looked for to find the folder of its images."""
ABSOLUTE = re.compile(r"/|\\\\|[A-Za-z]:[\\/]")
"""How a path begins that says where a file is on some machine."""


@dataclass(frozen=True)
class Places:
    """Folders in which images are looked for.

    Args:
        folders: the folders; where several hold as many images, the first goes before the others.
        table: the name of the table without its ending; among others, a folder whose name begins with it goes first.
    """

    folders: tuple[Path, ...]
    table: str | None = None
    _stems: dict[Path, dict[str, list[str]]] = field(default_factory=dict, compare=False, repr=False)

    @property
    def hold_images(self) -> bool:
        """Whether one of the folders holds an image, not counting folders in it."""
        return any(self._stems_in(folder) for folder in self.folders)

    def holders(self, names: list[str]) -> list[Path]:
        """The folders that hold most of the images of these names; none if no folder holds any."""
        counts = {folder: sum(self._holds(folder, name) for name in names) for folder in self.folders}
        most = max(counts.values(), default=0)
        best = [folder for folder, count in counts.items() if count == most]
        return self._preferred(best) if most else []

    def holders_of_all(self, names: list[str]) -> list[Path]:
        """The folders that hold all images of these names."""
        return self._preferred([folder for folder in self.folders if all(self._holds(folder, name) for name in names)])

    def _preferred(self, folders: list[Path]) -> list[Path]:
        """The one among equals that goes before the others; all of them if none does."""
        if self.folders[0] in folders:
            return [self.folders[0]]
        named = [folder for folder in folders if self.table and folder.name.startswith(self.table)]
        return named if len(named) == 1 else folders

    def find(self, folder: Path, name: str) -> Path:
        """The file of this name in the folder.

        The name may begin with the folder's own name; one without ending may be an image's name without its ending. Of
        a path of another machine, the longest end that is a file in the folder counts.

        Raises:
            ValueError: there is no such file, or several; or it is outside the folder.
        """
        path = folder / name
        if is_elsewhere(name):
            path = _by_end(folder, name)
        elif not path.is_file():
            path = folder / _without(folder.resolve().name, name.replace("\\", "/"))
        if not _is_inside(path, folder):
            raise ValueError(f"it is outside of {_shown(folder)}")
        if path.is_file():
            return path
        path = self._by_stem(path, folder)
        if not _is_inside(path, folder):
            raise ValueError(f"it leads out of {_shown(folder)}")
        return path

    def _by_stem(self, path: Path, folder: Path) -> Path:
        names = self._stems_in(path.parent).get(path.name, [])
        if len(names) != 1:
            there = f"there are {', '.join(names[:3])}" if names else "there is no such file"
            raise ValueError(f"{there} in {_shown(folder)}")
        return path.parent / names[0]

    def _holds(self, folder: Path, name: str) -> bool:
        try:
            self.find(folder, name)
        except (ValueError, OSError):
            return False
        return True

    def _stems_in(self, folder: Path) -> dict[str, list[str]]:
        """The names of the images in a folder, by their names without ending."""
        if folder not in self._stems:
            found: dict[str, list[str]] = {}
            for path in map(Path, _names_in(folder)):
                if path.suffix.lower() in ENDINGS:
                    found.setdefault(path.stem, []).append(path.name)
            self._stems[folder] = found
        return self._stems[folder]


def places_of(source: Path | None, image_dir: str | None, *, like: bool = False) -> Places | None:
    """The folders in which the images of a table may be: the user's, or else the table's and the folders in it.

    Args:
        source: the file of the table, or the folder of its files; None for rows that are in no file.
        image_dir: the folder that the user names.
        like: whether the folder was named for other rows, so that the images of these may be beside them instead.

    Raises:
        DataError: there is no such folder.
    """
    named = () if image_dir is None else (Path(image_dir),)
    if named and not like and not named[0].is_dir():
        raise DataError(f"image_dir: there is no folder {image_dir}. Give the folder of the images.")
    if source is None or (named and not like):
        return Places(named) if named else None
    home = source if source.is_dir() else source.parent
    inner = (home / name for name in _names_in(home) if not name.startswith("."))
    beside = (home, *[folder for folder in inner if folder.is_dir()][:MOST_FOLDERS])
    also = (folder for folder in named if folder.resolve() not in map(Path.resolve, beside))
    return Places((*beside, *also), source.stem)


def _names_in(folder: Path) -> list[str]:
    """What a folder holds, in order; nothing if it cannot be read."""
    try:
        return sorted(entry.name for entry in os.scandir(folder))
    except OSError:
        return []


def some_of(names: pl.Series) -> list[str]:
    """Some of the names, evenly spaced."""
    return names.gather_every(max(1, len(names) // SAMPLE)).to_list()


def listed_folders(folders: Iterable[Path]) -> str:
    """The names of folders as a sentence lists them."""
    return " and in ".join(f"{folder.name}/" for folder in folders)


def _without(first: str, name: str) -> str:
    """The name of a file without the name of its folder, if it begins with that."""
    return name.removeprefix(f"{first}/") if first else name


def is_elsewhere(name: str) -> bool:
    """Whether a name is a path of another machine: it says where a file is, and nothing is there.

    >>> is_elsewhere("C:/photos/im1.png"), is_elsewhere("photos/im1.png")
    (True, False)
    """
    return ABSOLUTE.match(name) is not None and not Path(name).exists()


def _by_end(folder: Path, name: str) -> Path:
    """The file in the folder that the longest end of a path names; the path itself if none does."""
    parts = name.replace("\\", "/").split("/")[1:]
    ends = (folder.joinpath(*parts[start:]) for start in range(len(parts)) if ".." not in parts and parts[start])
    return next((path for path in ends if path.is_file()), folder / name)


def _is_inside(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


def _shown(folder: Path) -> str:
    return "the folder of the table" if folder == Path() else str(folder)
