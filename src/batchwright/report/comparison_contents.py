"""What a report of a comparison says: who is ahead, by how much, the curves of the seeds, and the stable ranges."""

from math import isfinite
from shlex import quote

import numpy as np

from batchwright.comparison import drawing
from batchwright.comparison.compare import Compared, ComparedVariant
from batchwright.comparison.differences import differences_from_lowest, is_behind_lowest, name_of_test
from batchwright.comparison.saved import SavedComparison
from batchwright.figures import Axis, Bar, bars
from batchwright.figures.text import clean
from batchwright.report.about import FROM_PYTHON, how_to_repeat, settings_grid
from batchwright.report.blocks import Block, Cell, Chart, Contents, Facts, Grid, Points, Section, Words
from batchwright.report.rows_shown import shown_name
from batchwright.report.search_contents import setting_cell
from batchwright.runs.comparisons import SPACE, ComparisonPlan

RATE = "optimizer.learning_rate"


def comparison_contents(found: SavedComparison) -> Contents:
    """All that a report of a comparison says."""
    plan, compared = found.plan, found.compared
    sections = (
        _summary(plan, compared),
        _differences(compared),
        _curves(compared),
        _stable_ranges(compared),
        *_learning_curve(compared),
        _seeds(compared),
        _data(plan),
        _settings(plan),
        _reproduce(found),
    )
    return Contents(clean(str(found.path)), _about(plan), sections)


def _settings(plan: ComparisonPlan) -> Section:
    words = "What all variants share; what is compared, and what was tuned for each of them, is in the tables above."
    return Section("settings", "Settings of all variants", (Words(words), settings_grid(plan.settings, plan.reasons)))


def _about(plan: ComparisonPlan) -> str:
    what = plan.vary or "update rules"
    version = plan.versions.get("batchwright", "")
    return clean(
        f"comparison of {what} on {plan.source}, {plan.created[:16].replace('T', ' ')} UTC, batchwright {version}: "
        f"{plan.seeds} seeds, {plan.trials} learning rates tried for each"
    )


def _summary(plan: ComparisonPlan, found: Compared) -> Section:
    diverged = [row.name for row in found.rows if row.validation is None]
    lost = [Words(f"Diverged in every trial: {', '.join(map(shown_name, diverged))}.", strong=True)] if diverged else []
    notes = [Points(tuple(map(clean, plan.notes)))] if plan.notes else []
    target = "" if found.target is None else f" The target is a validation loss of {found.target:.4g}, the middle one."
    means = Words("The mean over the seeds, with its 95 % interval, and the learning rate of the middle seed.")
    times = Words(f"Times are of one training by itself.{target}")
    blocks: tuple[Block, ...] = (
        Words(clean(f"{found.verdict}.")),
        *lost,
        _variants(found),
        means,
        _times(found),
        times,
        *notes,
    )
    return Section("summary", "Summary", blocks)


def _variants(found: Compared) -> Grid:
    heads = ("variant", "validation loss", "from", "to", "learning rate")
    rows = tuple(
        (
            shown_name(row.name),
            *((None, None, None) if row.validation is None else _ends(row)),
            setting_cell(row.settings.get(RATE)),
        )
        for row in found.rows
    )
    return Grid("Variants, best first", heads, rows)


def _times(found: Compared) -> Grid:
    heads = ("variant", "loss at equal seconds", "updates to the target", "seconds to the target", "seconds per epoch")
    rows = tuple(
        (
            shown_name(row.name),
            row.at_equal_seconds,
            row.updates_to_target,
            row.seconds_to_target,
            row.seconds_per_epoch,
        )
        for row in found.rows
    )
    return Grid("Time to the target", heads, rows)


def _ends(row: ComparedVariant) -> tuple[float, float, float]:
    assert row.validation is not None
    return row.validation.mean, row.validation.low, row.validation.high


def _differences(found: Compared) -> Section:
    """How far each variant is behind the lowest, with intervals that hold for all at once."""
    good = [row for row in found.rows if row.by_seed]
    if len(good) < 2 or len(good[0].by_seed) < 2:
        words = "Differences with intervals take two variants that did not diverge, and two seeds."
        return Section("differences", "Differences", (Words(words),))
    losses = np.array([row.by_seed for row in good], np.float64)
    means, reaches = differences_from_lowest(losses)
    behind, lowest = is_behind_lowest(losses), int(losses.mean(axis=1).argmin())
    others = [place for place in range(len(good)) if place != lowest]
    best = shown_name(good[lowest].name)
    rows = tuple(
        (
            shown_name(good[place].name),
            float(means[place]),
            float(means[place] - reaches[place]),
            float(means[place] + reaches[place]),
            "yes" if behind[place] else "no",
        )
        for place in others
    )
    drawn = [Bar(str(name), mean, low, high) for name, mean, low, high, _ in rows]
    chart = bars(drawn, Axis("higher validation loss"), title=f"Differences from {best}", width=480)
    words = (
        "The mean over the seeds of the loss of a variant minus that of the lowest, with the same seed. The interval"
        f"{'s hold for all variants at once,' if len(good) > 2 else ' holds'} with 95 % ({name_of_test(len(good))}); "
        "an interval that leaves out 0 is beyond chance."
    )
    heads = ("variant", "higher loss", "from", "to", "beyond chance")
    grid = Grid(f"Differences from {best}, the lowest", heads, rows)
    return Section("differences", "Differences", (Words(words), Chart(chart), grid))


def _curves(found: Compared) -> Section:
    if not any(row.curve for row in found.rows):
        return Section("curves", "Curves", (Words("All that was compared has diverged."),))
    words = "The mean over the seeds of the lowest validation loss so far; the band reaches over all seeds."
    return Section(
        "curves",
        "Curves",
        (
            Chart(drawing.draw_curves(found), words),
            Chart(drawing.draw_seconds(found), "The same by time of training."),
            Chart(drawing.draw_losses(found), "At the end, with 95 % intervals."),
        ),
    )


def _stable_ranges(found: Compared) -> Section:
    """The learning rates with which the loss fell."""
    rows = tuple(
        (shown_name(row.name), *row.stable_range, setting_cell(row.settings.get(RATE)))
        for row in found.rows
        if row.stable_range
    )
    if not rows:
        return Section("stable", "Stable learning rates", (Words("No learning rates were tried."),))
    words = (
        "The least and the largest learning rate that were tried with which the loss fell and stayed finite, below the "
        "first that diverged; and the one that was chosen, of the middle seed."
    )
    grid = Grid("Stable learning rates", ("variant", "least", "largest", "chosen"), rows)
    return Section("stable", "Stable learning rates", (Words(words), Chart(drawing.draw_stable_ranges(found)), grid))


def _learning_curve(found: Compared) -> list[Section]:
    curve = found.learning_curve
    if curve is None:
        return []
    rows: list[tuple[Cell, ...]] = [
        (count, loss, None, None, "measured") for count, loss in zip(curve.rows, curve.losses, strict=True)
    ]
    then = curve.foretold
    rows.append((curve.more_rows, then.mean, then.low, then.high, "predicted"))
    grid = Grid("Loss by number of rows", ("rows", "validation loss", "from", "to", "how"), tuple(rows))
    words = Words(clean(f"{curve.verdict[:1].upper()}{curve.verdict[1:]}."))
    return [Section("rows", "More rows", (words, Chart(drawing.draw_learning_curve(curve)), grid))]


def _seeds(found: Compared) -> Section:
    """The loss of each seed, and what was tuned for it: a column for each key."""
    keys = list(dict.fromkeys(key for row in found.rows for one in row.tuned for key in one))
    rows = tuple(
        (
            shown_name(row.name),
            seed,
            loss,
            *(setting_cell(row.tuned[seed].get(key)) if seed < len(row.tuned) else None for key in keys),
        )
        for row in found.rows
        for seed, loss in enumerate(row.by_seed)
        if isfinite(loss)
    )
    blocks: tuple[Block, ...] = (
        (Grid("Validation loss of every seed", ("variant", "seed", "validation loss", *map(shown_name, keys)), rows),)
        if rows
        else (Words("No seed came to a finite loss."),)
    )
    return Section("seeds", "Every seed", blocks)


def _data(plan: ComparisonPlan) -> Section:
    rows = ", ".join(f"{count:,} {name}" for name, count in plan.rows.items())
    facts = Facts((("source", clean(plan.source)), ("rows", clean(rows)), ("fingerprint", clean(plan.fingerprint))))
    return Section("data", "Data", (facts,))


def _reproduce(found: SavedComparison) -> Section:
    plan = found.plan
    vary = "" if plan.vary is None else f" --vary {quote(plan.vary)}"
    command = (
        f"batchwright compare --config {quote(str(found.path / SPACE))}{vary} --trials {plan.trials} "
        f"--seeds {plan.seeds}"
    )
    source = plan.settings.get("data.source")
    rows = [FROM_PYTHON] if source is None or source.value is None else []
    own = ["# in Python, with the same parts of your own, which a record only names"] if plan.own_parts else []
    commands = [f"pip install batchwright=={plan.versions.get('batchwright', '')}", *own, *rows, command]
    return how_to_repeat(commands, plan.fingerprint, {**plan.versions, **plan.machine})
