"""What a shell completes with Tab: folders of runs, trackers, keys with their values. Nothing heavy is imported for it.

Keys and values are in `keys.txt`, which `make generated` writes: the classes that have them would load JAX.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

RECORDS = ("manifest.json", "search.json", "comparison.json", "leaderboard.json")
"""The files by which a folder is that of a run, a search or a comparison."""
ROOT = "runs"
"""The folder of runs without a name of their own, looked into before anything is typed."""
TRACKERS = (("tensorboard", True), ("mlflow", False), ("trackio", False), ("wandb", False), ("csv", True))
"""The kinds of trackers, and whether a place on this disk has to follow, as `tracking.places` has them, with JAX."""


def complete_run(incomplete: str) -> list[str]:
    """The folders of runs that begin so, and other folders that may hold some."""
    above, _, begun = incomplete.rpartition("/")
    folder = Path(f"{above}/" if above or incomplete.startswith("/") else ".")
    shown = f"{above}/" if "/" in incomplete else ""
    found = list(_folders(folder, shown, begun))
    return [*_folders(Path(ROOT), f"{ROOT}/", ""), *found] if not incomplete else found


def _folders(folder: Path, shown: str, begun: str) -> Iterator[str]:
    """The folders in a folder whose names begin so; one that is no record ends in a slash, to be completed further."""
    try:
        names = sorted(entry.name for entry in folder.iterdir() if entry.is_dir())
    except OSError:
        return
    for name in names:
        if name.startswith(begun) and (begun or not name.startswith(".")) and name.isprintable():
            is_record = any((folder / name / record).is_file() for record in RECORDS)
            yield f"{shown}{name}{'' if is_record else '/'}"


def complete_assignment(incomplete: str) -> list[str]:
    """The keys that begin so; once it can only be one, its values, as in optimizer.name=adam."""
    key, equals, begun = incomplete.partition("=")
    fitting = [key] if equals and key in keys() else [one for one in keys() if one.startswith(key) and not equals]
    if len(fitting) != 1:
        return [f"{one}=" for one in fitting]
    values = [f"{fitting[0]}={value}" for value in keys()[fitting[0]] if value.startswith(begun)]
    return values or ([] if equals else [f"{fitting[0]}="])


def complete_tracker(incomplete: str) -> list[str]:
    """The kinds of trackers that begin so; behind the colon of one on this disk, the folders and files that begin so.

    >>> complete_tracker("t")
    ['tensorboard:', 'trackio']
    """
    kind, colon, begun = incomplete.partition(":")
    if not colon:
        return [name + (":" if needs_place else "") for name, needs_place in TRACKERS if name.startswith(kind)]
    return [f"{kind}:{path}" for path in _paths(begun, files=kind == "csv")] if (kind, True) in TRACKERS else []


def _paths(incomplete: str, *, files: bool) -> Iterator[str]:
    """Folders, which end in a slash, and files if they are asked for, whose path begins so."""
    above, slash, begun = incomplete.rpartition("/")
    folder = Path(f"{above}{slash}" or ".")
    try:
        found = sorted(one.name + "/" * one.is_dir() for one in folder.iterdir() if files or one.is_dir())
    except OSError:
        return
    for name in found:
        if name.startswith(begun) and (begun or not name.startswith(".")) and name.isprintable():
            yield f"{above}{slash}{name}"


@cache
def keys() -> dict[str, tuple[str, ...]]:
    """The keys of a configuration, and of each the words that it may be.

    >>> keys()["training.remainder"]
    ('keep', 'drop')
    """
    lines = files("batchwright.cli").joinpath("keys.txt").read_text(encoding="utf-8").splitlines()
    return {key: tuple(values) for key, *values in map(str.split, lines)}


def completes_values(key: str) -> Callable[[str], list[str]]:
    """A function that completes the words that a key may be.

    >>> completes_values("training.remainder")("k")
    ['keep']
    """
    return lambda incomplete: [value for value in keys().get(key, ()) if value.startswith(incomplete)]


def completes_words(words: Sequence[str]) -> Callable[[str], list[str]]:
    """A function that completes some words.

    >>> completes_words(["onnx", "numpy"])("n")
    ['numpy']
    """
    return lambda incomplete: [word for word in words if word.startswith(incomplete)]
