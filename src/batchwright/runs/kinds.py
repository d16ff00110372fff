"""What a folder holds, told from the files in it."""

from pathlib import Path
from typing import Literal, TypeAlias

from batchwright.runs.comparisons import is_comparison
from batchwright.runs.manifest import LEADERBOARD
from batchwright.runs.searches import is_search

Kind: TypeAlias = Literal["run", "search", "comparison", "leaderboard"]


def kind_of(path: Path) -> Kind:
    """What a folder holds; what is none of the others is opened as a run, which says what is wrong."""
    if is_comparison(path):
        return "comparison"
    if (path / LEADERBOARD).is_file():
        return "leaderboard"
    return "search" if is_search(path) else "run"
