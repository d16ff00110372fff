"""What a person sees of a comparison with peers: who is trained, and the table at the end."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from batchwright.comparison.peers.board import Leaderboard
from batchwright.comparison.peers.race import LeaderboardEvent, Racing
from batchwright.comparison.peers.scores import Measured


def follow_leaderboard(events: Iterator[LeaderboardEvent], console: Console) -> Leaderboard:
    """Say who is trained, and return the leaderboard."""
    for event in events:
        match event:
            case Racing():
                console.print(f"{event.number}/{event.contestants}: {event.name}", soft_wrap=True)
            case Leaderboard():
                return event
    raise AssertionError("a comparison with peers ends with a Leaderboard")


def leaderboard_table(found: Leaderboard) -> Table:
    """All contestants, the lowest loss first; those that have failed last, with the reason."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), title_justify="left")
    table.title = f"{found.target} of {found.rows['test']:,} test rows of {found.source}, with 95 % intervals"
    for name in ("", "", found.loss, f"{found.loss} minus ours", found.score, "seconds", "learns from"):
        table.add_column(name, justify="left" if name in ("", "learns from") else "right")
    for rank, one in enumerate(found.contestants, start=1):
        if one.scores is None:
            table.add_row("", one.name, "", "", "", "", one.failure)
            continue
        figures = (_shown(figure) for figure in (one.scores.loss, one.scores.difference, one.scores.score))
        table.add_row(str(rank), one.name, *figures, f"{one.seconds:.1f}", one.rows)
    return table


def plain_leaderboard(found: Leaderboard) -> dict[str, Any]:
    """All of it as plain data."""
    return {**asdict(found), "verdict": found.verdict}


def _shown(figure: Measured | None) -> str:
    return "" if figure is None else f"{figure.value:.4g} ({figure.low:.4g} to {figure.high:.4g})"
