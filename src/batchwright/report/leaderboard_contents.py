"""What a report of a comparison with peers says: who is ahead, by how much, and what each has learned from."""

from pathlib import Path

from batchwright.comparison.peers.board import Contestant, Leaderboard
from batchwright.comparison.peers.drawing import draw_losses, draw_seconds
from batchwright.comparison.peers.scores import Measured
from batchwright.figures.text import clean
from batchwright.report.blocks import Block, Cell, Chart, Contents, Facts, Grid, Points, Section, Words
from batchwright.report.rows_shown import shown_name


def leaderboard_contents(found: Leaderboard, path: Path) -> Contents:
    """All that a report of a comparison with peers says; `path` is its folder."""
    about = f"{found.target} of {found.source} by batchwright and by other libraries, {found.seconds:,.1f} s in all"
    return Contents(clean(str(path)), clean(about), (_summary(found), _charts(found), *_failures(found), _data(found)))


def _summary(found: Leaderboard) -> Section:
    words = (
        f"The {found.loss} of the test rows, the lowest first, and its difference from that of batchwright, with 95 % "
        f"intervals; {found.score} beside it."
    )
    notes: tuple[Block, ...] = (Points(tuple(map(clean, found.notes))),) if found.notes else ()
    blocks = (Words(clean(f"{found.verdict}."), strong=True), Words(clean(words)), _scores(found), *notes)
    return Section("summary", "Summary", blocks)


def _scores(found: Leaderboard) -> Grid:
    """A row for each contestant that has scores."""
    figures = (found.loss, f"{found.loss} minus ours", found.score)
    heads = [f"{name}{end}" for name in figures for end in ("", ", from", ", to")]
    rows = tuple(_row(one) for one in found.contestants if one.scores is not None)
    columns = ("model", *map(clean, heads), "seconds of training", "learns from")
    return Grid(f"Models on {found.rows['test']:,} test rows, best first", columns, rows)


def _row(one: Contestant) -> tuple[Cell, ...]:
    scores = one.scores
    assert scores is not None
    measured = (scores.loss, scores.difference, scores.score)
    return (shown_name(one.name), *(end for each in measured for end in _ends(each)), one.seconds, clean(one.rows))


def _ends(found: Measured | None) -> tuple[float | None, ...]:
    return (None, None, None) if found is None else (found.value, found.low, found.high)


def _charts(found: Leaderboard) -> Section:
    words = "Intervals of two models may overlap although their difference is beyond chance: both are of the same rows."
    return Section("charts", "Charts", (Chart(draw_losses(found), words), Chart(draw_seconds(found))))


def _failures(found: Leaderboard) -> tuple[Section, ...]:
    """A section with those that have no scores, and why; none where all have."""
    rows = tuple((shown_name(one.name), clean(one.failure)) for one in found.contestants if one.scores is None)
    if not rows:
        return ()
    return (Section("failures", "Not trained", (Grid("Models without scores", ("model", "why"), rows),)),)


def _data(found: Leaderboard) -> Section:
    rows = ", ".join(f"{count:,} {name}" for name, count in found.rows.items())
    facts = (("source", clean(found.source)), ("target", clean(found.target)), ("rows", clean(rows)))
    return Section("data", "Data", (Facts(facts),))
