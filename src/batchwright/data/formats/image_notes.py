"""Notes on what lies in a folder of images and is left out, and on names of classes that are nearly the same."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

from batchwright.data.formats.image_tree import TABLES, Tree, ending
from batchwright.data.typed.cells import first_ten
from batchwright.data.typed.schema import normal_name

UNREAD = (".svg", ".heic", ".heif", ".raw", ".dng", ".cr2", ".nef", ".arw", ".psd", ".eps", ".ico", ".exr", ".dcm")
"""Endings of pictures that are not read."""


def layout_notes(tree: Tree, parts: list[Tree], unlabelled: list[Tree], path: Path) -> tuple[str, ...]:
    """All notes.

    Args:
        tree: the folder with everything in it.
        parts: the parts that are used; the folder itself if it is not divided into parts.
        unlabelled: parts without classes, which are left out.
        path: the folder as the user named it.
    """
    without = (
        f"{count_of(part.count, 'image')} of {part.path.relative_to(path)} left out, in no folder of a known class: "
        f"`batchwright predict RUN {part.path}` answers them"
        for part in unlabelled
    )
    left_out = _left_out_notes(tree, parts, unlabelled, path)
    return (*without, *left_out, *_alike_notes(parts), *others_notes(tree, path))


def others_notes(tree: Tree, path: Path) -> Iterator[str]:
    """Notes on the files that are not images."""
    names = list(tree.every_other())
    tables = [name for name in names if ending(name) in TABLES]
    pictures = Counter(ending(name) for name in names if ending(name) in UNREAD)
    rest = Counter(ending(name) or "without ending" for name in names if ending(name) not in (*TABLES, *UNREAD))
    if tables:
        own = next((name for name in tree.others if name in tables), None)
        advice = "" if own is None else f"; if {own} lists images, it is a source itself: {tree.path / own}"
        yield f"{count_of(len(tables), 'table')} in {path} not read: {first_ten(dict.fromkeys(tables))}{advice}"
    if pictures:
        yield f"{count_of(pictures.total(), 'picture')} left out, to be saved as PNG or JPEG: {_kinds(pictures)}"
    if rest:
        what = "which is no image" if rest.total() == 1 else "which are no images"
        yield f"{count_of(rest.total(), 'file')} left out, {what}: {_kinds(rest)}"


def count_of(number: int, what: str) -> str:
    """A number of things.

    >>> count_of(1, "image"), count_of(2000, "image")
    ('1 image', '2,000 images')
    """
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _left_out_notes(tree: Tree, parts: list[Tree], unlabelled: list[Tree], path: Path) -> Iterator[str]:
    """Notes on images and folders that are in no class, or in no part."""
    divided = all(part.path != tree.path for part in parts)
    loose = [file for part in parts if part.holding for file in part.images] + list(tree.images if divided else ())
    taken = {folder.path for part in parts for folder in part.holding} | {part.path for part in (*parts, *unlabelled)}
    beside = [folder for folder in tree.holding if divided and not _reaches(folder, taken)]
    empty = dict.fromkeys(f.path.name for part in parts if part.holding for f in part.folders if not f.count)
    if loose:
        yield f"{count_of(len(loose), 'image')} beside the class folders left out: {_relative(loose, path)}"
    if beside:
        left, folders = sum(folder.count for folder in beside), [folder.path for folder in beside]
        yield f"{count_of(left, 'image')} in folders beside the parts left out: {_relative(folders, path)}"
    if empty:
        yield f"folders without images are no classes: {first_ten(empty)}"


def _reaches(folder: Tree, taken: set[Path]) -> bool:
    """Whether a folder, or one that it holds, is taken."""
    return folder.path in taken or any(_reaches(inner, taken) for inner in folder.holding)


def _alike_notes(parts: list[Tree]) -> Iterator[str]:
    """Notes on folders whose names differ only in capitals, or only in how accents are stored."""
    for part in parts:
        stored = Counter(normal_name(folder.path.name) for folder in part.holding)
        for name in (name for name, count in stored.items() if count > 1):
            yield f"folders of the same name {name!r}, stored in different ways, are one class"
    names = {normal_name(folder.path.name) for part in parts for folder in part.holding}
    ordered = sorted(names, key=lambda name: (name.casefold(), name))
    for first, second in pairwise(ordered):
        if first.casefold() == second.casefold():
            yield f"the classes {first!r} and {second!r} differ only in capitals: rename a folder if they are one class"


def _relative(paths: Iterable[Path], path: Path) -> str:
    return first_ten(found.relative_to(path).as_posix() for found in paths)


def _kinds(counts: Counter[str]) -> str:
    return first_ten(f"{count:,} {name}" for name, count in counts.most_common())
