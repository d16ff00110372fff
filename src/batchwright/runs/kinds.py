"""What a folder holds, told from the files in it."""

from pathlib import Path
from typing import Literal, TypeAlias

from batchwright.runs.manifest import COMPARISON, LEADERBOARD, MANIFEST, SEARCH

Kind: TypeAlias = Literal["run", "search", "comparison", "leaderboard"]
FILES: dict[str, Kind] = {COMPARISON: "comparison", LEADERBOARD: "leaderboard", SEARCH: "search", MANIFEST: "run"}
"""By a file that a folder of a kind has; the first that is there decides."""
NAMES: dict[Kind, str] = {
    "run": "a run",
    "search": "a search",
    "comparison": "a comparison",
    "leaderboard": "a comparison with peers",
}


def kind_of(path: Path) -> Kind:
    """What a folder holds; what is none of the others is opened as a run, which says what is wrong."""
    return next((kind for file, kind in FILES.items() if (path / file).is_file()), "run")


def how_to_open(path: Path) -> str:
    """A sentence on what a folder holds instead of what was asked for, and how to open that; empty if it holds nothing.

    >>> how_to_open(Path("nowhere"))
    ''
    """
    if not any((path / file).is_file() for file in FILES):
        return ""
    kind = kind_of(path)
    return f" It holds {NAMES[kind]}: `batchwright report {path}` shows it, and open_{kind} of Python opens it."
