"""How a folder of images is laid out: its parts, and the classes of each."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from batchwright.data.formats.image_notes import layout_notes, others_notes
from batchwright.data.formats.image_tree import ENDINGS, Tree, walk
from batchwright.data.typed.schema import normal_name
from batchwright.errors import DataError

ROLES: Mapping[str, tuple[str, ...]] = {
    "train": ("train", "training"),
    "validation": ("val", "valid", "validation", "dev", "eval"),
    "test": ("test", "testing"),
}
"""Names of the folders of a part, in any capitals, alone or as in `test_set`, `testset` and `test_images`."""


@dataclass(frozen=True)
class Part:
    """The images of a part: what it is called, its files, and the class of each; None where there are no classes."""

    name: str
    files: list[Path]
    labels: list[str] | None


@dataclass(frozen=True)
class Layout:
    """The parts of a folder, and notes on how it was understood, one sentence each."""

    train: Part
    validation: Part | None
    test: Part | None
    notes: tuple[str, ...]


def lay_out(path: Path) -> Layout:
    """The parts of a folder of images, or an image as the only part.

    The folders of a part are its classes, with all that lies below them. A validation or test part without a class of
    the training part is left out, with a note.

    Raises:
        DataError: there are no images, or no training images, or two folders for one part.
    """
    if path.is_file():
        return Layout(Part(path.stem, [path], None), None, None, ())
    tree, name = _unwrap(walk(path)), path.resolve().name
    if not tree.count:
        found = "; ".join(others_notes(tree, path))
        raise DataError(
            f"{path} holds no images. Put the images of each class ({' '.join(ENDINGS)}) into its own folder."
            + (f" Found: {found}." if found else "")
        )
    parts = _parts(tree)
    if not parts:
        as_class = (folder.path.name for folder in tree.holding if role_of(folder.path.name))
        classes_notes = (f"the folder {folder} is taken for a class, not for a part" for folder in as_class)
        return Layout(_part(tree, name), None, None, (*classes_notes, *layout_notes(tree, [tree], [], path)))
    if "train" not in parts:
        named = " and ".join(part.path.name for part in parts.values())
        raise DataError(f"{path} has {named}, but no folder of training images: call it train.")
    classes = _class_names(parts["train"])
    labelled = {role: part for role, part in parts.items() if not classes or classes & _class_names(part)}
    unlabelled = [part for role, part in parts.items() if role not in labelled]
    found_parts = {role: _part(part, _name_of(part, tree, name)) for role, part in labelled.items()}
    notes = layout_notes(tree, list(labelled.values()), unlabelled, path)
    return Layout(found_parts["train"], found_parts.get("validation"), found_parts.get("test"), notes)


def part_for_new_rows(path: Path) -> Path:
    """The part of a folder that a trained model is given: test, else validation, else train; else the folder itself."""
    if not path.is_dir():
        return path
    parts = _parts(_unwrap(walk(path)))
    return next((parts[role].path for role in ("test", "validation", "train") if role in parts), path)


def role_of(name: str) -> str | None:
    """The part that a folder of this name is; None if it is none.

    >>> role_of("Test"), role_of("training_set"), role_of("cat")
    ('test', 'train', None)
    """
    word = re.sub(r"[ _-]?(set|data|images)$", "", name.casefold())
    return next((role for role, names in ROLES.items() if word in names), None)


def _unwrap(tree: Tree) -> Tree:
    """The folder inside a folder that holds nothing else, if it has the same name, or is divided into parts.

    Archives are often unpacked to such folders.
    """
    while len(tree.holding) == 1 and not tree.images:
        inner = tree.holding[0]
        role, outer = role_of(inner.path.name), tree.path.resolve().name
        same = normal_name(inner.path.name) == normal_name(outer) or (role is not None and role == role_of(outer))
        if not inner.holding or not (same or (role is None and "train" in _parts(inner))):
            break
        tree = inner
    return tree


def _parts(tree: Tree) -> dict[str, Tree]:
    """The parts into which a folder is divided, by role; none if its folders are classes.

    Folders named as parts are parts if a training part with classes is among them, or if there are no others. Beside
    classes, one is a part if its own folders are named as these classes are.

    Raises:
        DataError: two folders are the same part.
    """
    named = [(role_of(folder.path.name), folder) for folder in tree.holding]
    classes = {normal_name(folder.path.name) for role, folder in named if role is None}
    if classes and not any(folder.holding for role, folder in named if role == "train"):
        own = [(role, part) for role, part in named if role and part.holding and _class_names(part) <= classes]
        if not own:
            return {}
        folders = tuple(folder for folder in tree.folders if folder not in [part for _, part in own])
        named = [*own, ("train", replace(tree, folders=folders, count=sum(folder.count for folder in folders)))]
    found: dict[str, Tree] = {}
    for role, folder in named:
        if role in found:
            both = f"{found[role].path.name} and {folder.path.name}"
            raise DataError(f"{tree.path} has two folders of {role} images, {both}: put all of them into one.")
        if role is not None:
            found[role] = folder
    return {
        role: _unwrap(found[role]) if found[role].path != tree.path else found[role] for role in ROLES if role in found
    }


def _class_names(tree: Tree) -> set[str]:
    return {normal_name(folder.path.name) for folder in tree.holding}


def _name_of(part: Tree, tree: Tree, name: str) -> str:
    """What a part is called in messages: the folder's name, and the name of the part's folder in it."""
    return name if part.path == tree.path else f"{name}/{part.path.relative_to(tree.path).parts[0]}"


def _part(tree: Tree, name: str) -> Part:
    """The images of a part, in the order of the names of their folders, and the class of each if it has folders."""
    if not tree.holding:
        return Part(name, list(tree.images), None)
    pairs = [(normal_name(folder.path.name), file) for folder in tree.holding for file in folder.every_image()]
    return Part(name, [file for _, file in pairs], [label for label, _ in pairs])
