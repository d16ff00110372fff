"""Figures of a search: what mattered, all trials by their settings, and how the best came about."""

from collections.abc import Sequence
from functools import partial
from math import isfinite
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from batchwright._shown import Drawings
from batchwright.config import flow
from batchwright.figures import Axis, Bar, Column, Line, Points, Svg, bars, line_chart, parallel_coordinates, scatter

if TYPE_CHECKING:
    from batchwright.search.importance import Importance
    from batchwright.search.objective import Objective
    from batchwright.search.study import Finished

Cell: TypeAlias = float | str | None
WIDE = 30.0
"""The ratio of the largest to the smallest number from which an axis is logarithmic."""
NARROWEST, BESIDE = 720.0, 150.0
"""Pixels of the narrowest figure of all trials, and from one of its axes to the next."""
STRONG, CURVES = 5, 8
"""Trials that are drawn strongly among all, and trials whose curves are drawn: the best."""


def search_drawings(
    finished: "Sequence[Finished]", objective: "Objective", importance: "Importance | None"
) -> Drawings:
    """The figures of a search by name, or why there is none.

    - progress: what each trial came to, and which were the best so far
    - importance, interactions: of settings, and of pairs of them, with intervals
    - parallel: a line for each trial through its settings; the best are strong
    - curves: of the best trials by epoch
    - halving: how many trials were still trained after each epoch
    """
    few = "importance takes 8 complete trials that differ"
    return {
        "progress": partial(draw_progress, finished, objective),
        "importance": few if importance is None else partial(draw_importance, importance),
        "interactions": partial(draw_interactions, importance)
        if importance is not None and importance.interactions
        else "it takes the importance of two settings",
        "parallel": partial(draw_parallel, finished, objective),
        "curves": partial(draw_curves, finished, objective),
        "halving": partial(draw_survivors, finished)
        if any(one.outcome.ending == "stopped" for one in finished)
        else "no trial was stopped early",
    }


def draw_progress(finished: "Sequence[Finished]", objective: "Objective") -> Svg:
    """What each trial came to by its number; a new best is the best of all before it that were not stopped early."""
    trials = [one for one in sorted(finished, key=lambda one: one.number) if isfinite(one.outcome.value)]
    values = [one.outcome.value for one in trials]
    whole = [one for one in trials if one.outcome.ending == "finished"]
    best = {
        one.number
        for place, one in enumerate(whole)
        if objective.cost(one.outcome.value) < objective.cost(objective.best(o.outcome.value for o in whole[:place]))
    }
    others = [one for one in trials if one.number not in best]
    sets = {
        "new best": [one for one in trials if one.number in best],
        "finished": [one for one in others if one.outcome.ending == "finished"],
        "stopped early": [one for one in others if one.outcome.ending != "finished"],
    }
    points = [
        Points(name, [one.number for one in some], [one.outcome.value for one in some])
        for name, some in sets.items()
        if some
    ]
    left_out = len(finished) - len(trials)
    title = f"Trials of the search{f' ({left_out} without a finite value)' if left_out else ''}"
    return scatter(points, Axis("trial"), Axis(objective.monitor, scale=_scale(values)), title=title)


def draw_importance(found: "Importance") -> Svg:
    """The share of each setting in the variance of the objective, with its 95 % interval."""
    shown = [Bar(one.name, one.share, one.low, one.high) for one in found.fanova]
    return bars(shown, Axis("share of the variance"), title="What mattered in the search")


def draw_interactions(found: "Importance") -> Svg:
    """The share of each pair of settings beyond their own, with its 95 % interval."""
    shown = [
        Bar(f"{_short_key(one.first)} × {_short_key(one.second)}", one.share, one.low, one.high)
        for one in found.interactions
    ]
    return bars(shown, Axis("share of the variance"), title="What mattered in pairs")


def draw_parallel(finished: "Sequence[Finished]", objective: "Objective", *, narrowest: float = NARROWEST) -> Svg:
    """A line for each trial through its settings to what it came to; as wide as its axes need."""
    keys = dict.fromkeys(key for one in finished for key in one.chosen)
    columns = [_column(key, [one.chosen.get(key) for one in finished]) for key in keys]
    values = [one.outcome.value if isfinite(one.outcome.value) else None for one in finished]
    last = Column(Axis(objective.monitor, scale=_scale(values)), values)
    best = [place for place in _by_value(finished, objective) if values[place] is not None][:STRONG]
    title, width = f"Trials by their settings; the best {len(best)}", max(narrowest, BESIDE * len(columns))
    return parallel_coordinates([*columns, last], title=title, strong=best, width=width)


def draw_curves(finished: "Sequence[Finished]", objective: "Objective") -> Svg:
    """The objective by epoch of the best trials."""
    best = [finished[place] for place in _by_value(finished, objective)[:CURVES]]
    lines = [
        Line(f"trial {one.number}", range(1, len(one.outcome.curve) + 1), one.outcome.curve, pale=place > 0)
        for place, one in enumerate(best)
        if one.outcome.curve
    ]
    y = Axis(objective.monitor, scale=_scale([value for line in lines for value in line.y]))
    return line_chart(lines, Axis("epoch"), y, title=f"The best {len(lines)} trials by epoch")


def draw_survivors(finished: "Sequence[Finished]") -> Svg:
    """How many trials were trained in each epoch: where trials were stopped early, the line falls."""
    lengths = [len(one.outcome.curve) for one in finished]
    epochs = range(1, max(lengths, default=0) + 1)
    line = Line("trials", epochs, [sum(length >= epoch for length in lengths) for epoch in epochs], points=True)
    return line_chart([line], Axis("epoch"), Axis("trials", low=0.0), title="Trials that were trained in each epoch")


def _by_value(finished: "Sequence[Finished]", objective: "Objective") -> list[int]:
    """The places of the trials, best first."""
    return sorted(range(len(finished)), key=lambda place: objective.cost(finished[place].outcome.value))


def _short_key(key: str) -> str:
    """The last part of a key; of the name of a part, which part it is.

    >>> _short_key("optimizer.learning_rate"), _short_key("optimizer.name")
    ('learning_rate', 'optimizer')
    """
    section, _, last = key.rpartition(".")
    return section if last == "name" and section else last


def _column(key: str, values: Sequence[Any]) -> Column:
    """The values of a setting: numbers, or the texts of a configuration if some are none."""
    numbers = all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in values)
    cells: list[Cell] = [value if value is None or numbers else flow(value) for value in values]
    return Column(Axis(_short_key(key), scale=_scale(cells) if numbers else "linear"), cells)


def _scale(values: Sequence[Any]) -> Literal["linear", "log"]:
    """A log scale for numbers above 0 that differ widely."""
    finite = [float(value) for value in values if value is not None and isfinite(value)]
    return "log" if finite and min(finite) > 0 and max(finite) / min(finite) > WIDE else "linear"
