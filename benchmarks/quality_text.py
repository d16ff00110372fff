"""The results of quality.py as Markdown."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from quality_tables import Table
from report import table as as_table


@dataclass(frozen=True)
class Result:
    """What came of a contestant on a table: accuracy and log loss of classes, R² and RMSE of values, on test rows.

    `fit` has seconds of training (and compiling), `processor` those of all cores for the whole process. `error` says
    why there are none. `version` is the commit of ours.
    """

    table: str
    seed: int
    contestant: str
    options: str
    version: str
    rows: int
    score: float = math.nan
    loss: float = math.nan
    fit: float = math.nan
    processor: float = math.nan
    error: str = ""

    @property
    def key(self) -> tuple[str, int, str, str, int]:
        """What may be measured once."""
        return self.table, self.seed, self.contestant, self.options, self.rows


MOST = 2.0
"""By which factor a loss may differ at most in a mean: on a table where nearly all is right, losses are anything."""
Found = Mapping[tuple[str, str], Sequence[Result]]
"""The results of every seed, by table and contestant."""


def markdown(tables: Sequence[Table], contestants: Sequence[str], results: Sequence[Result]) -> str:
    """Score and loss of each table, and all in all; others are compared with the first contestant."""
    found = {
        (table.name, name): [one for one in results if (one.table, one.contestant) == (table.name, name)]
        for table in tables
        for name in contestants
    }
    seeds = len({one.seed for one in results})
    versions = sorted({one.version for one in results} - {""})
    over = "one seed" if seeds == 1 else f"means of {seeds} seeds"
    what = (
        f"{len(tables)} tables, {over}. Each cell: accuracy and log loss of classes, R² and RMSE of values, on test "
        f"rows; the best loss of a table is bold. The ratio of losses is a geometric mean over the tables, each at "
        f"most {MOST:g} and at least 1/{MOST:g}. Commit of ours: {', '.join(versions) or 'unknown'}."
    )
    failed = [
        f"- {one.contestant} on {one.table}, seed {one.seed}: {_last_line(one.error)}" for one in results if one.error
    ]
    parts = [what, _by_table(tables, contestants, found), _in_all(tables, contestants, found), "\n".join(failed)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _by_table(tables: Sequence[Table], contestants: Sequence[str], found: Found) -> str:
    rows = []
    for table in tables:
        losses = {name: _mean(found[table.name, name], "loss") for name in contestants}
        best = min((loss for loss in losses.values() if not math.isnan(loss)), default=math.nan)
        cells = [
            _cell(_mean(found[table.name, name], "score"), losses[name], best=losses[name] == best)
            for name in contestants
        ]
        counts = [one.rows for name in contestants for one in found[table.name, name]]
        rows.append((table.name, f"{max(counts):,}", str(len(table.header) - 1), *cells))
    return as_table(("", "training rows", "columns", *contestants), rows)


def _in_all(tables: Sequence[Table], contestants: Sequence[str], found: Found) -> str:
    """Mean ranks, loss beside the first contestant's, and seconds."""
    header = (
        "",
        "mean rank by score",
        "by loss",
        f"loss / {contestants[0]}'s (/× its standard error)",
        "lower loss on",
        "s in fit",
        "s of processor in all",
    )
    ranks = {what: [_ranks(table, contestants, found, what) for table in tables] for what in ("score", "loss")}
    rows = []
    for place, name in enumerate(contestants):
        every = [one for table in tables for one in found[table.name, name] if not one.error]
        by = [f"{fmean(one[place] for one in ranks[what]):.2f}" for what in ("score", "loss")]
        spent = [f"{sum(getattr(one, what) for one in every):.0f}" for what in ("fit", "processor")]
        rows.append((name, *by, *_beside(tables, name, contestants[0], found), *spent))
    return as_table(header, rows)


def _beside(tables: Sequence[Table], name: str, first: str, found: Found) -> tuple[str, str]:
    """The geometric mean of the tables' ratios of losses, with its standard error; and how often the loss is lower."""
    if name == first:
        return "", ""
    ratios = list[float]()
    lower = pairs = 0
    for table in tables:
        theirs = {one.seed: one.loss for one in found[table.name, first] if not one.error}
        both = [(one.loss, theirs[one.seed]) for one in found[table.name, name] if not one.error and one.seed in theirs]
        pairs, lower = pairs + len(both), lower + sum(a < b for a, b in both)
        ratios += [fmean(_log_ratio(a, b) for a, b in both)] if both else []
    if not ratios:
        return "", ""
    error = f" (/× {math.exp(stdev(ratios) / math.sqrt(len(ratios))):.3f})" if len(ratios) > 1 else ""
    return f"{math.exp(fmean(ratios)):.3f}{error}", f"{lower} of {pairs}"


def _log_ratio(loss: float, other: float) -> float:
    """The logarithm of a ratio of losses, within `MOST`."""
    return math.log(min(max(loss, other / MOST), other * MOST) / other) if other > 0 else 0.0


def _ranks(table: Table, contestants: Sequence[str], found: Found, what: str) -> list[float]:
    """The rank of each contestant on a table, 1 the best; the mean of ranks for equals, and the last for failures."""
    means = [_mean(found[table.name, name], what) for name in contestants]
    costs = [math.inf if math.isnan(mean) else mean if what == "loss" else -mean for mean in means]
    return [1 + sum(b < a for b in costs) + (sum(b == a for b in costs) - 1) / 2 for a in costs]


def _mean(results: Sequence[Result], what: str) -> float:
    """The mean over the seeds; not a number where one has failed."""
    values = [getattr(one, what) for one in results]
    return fmean(values) if values and not any(one.error for one in results) else math.nan


def _cell(score: float, loss: float, *, best: bool) -> str:
    if math.isnan(loss):
        return "failed"
    text = f"{score:.4f}, {loss:.4g}"
    return f"**{text}**" if best else text


def _last_line(error: str) -> str:
    return error.strip().splitlines()[-1][:200]
