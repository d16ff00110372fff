"""Columns that reveal the target by themselves: perhaps not known when a prediction is needed."""

from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float, Integer, Shaped

from batchwright.data.dataset import Dataset
from batchwright.data.encode.several import OneTarget, each_target
from batchwright.data.encode.targets import ClassTarget
from batchwright.findings.columns import (
    EncodedColumn,
    EncodedPart,
    columns,
    leave_out,
    sample_note,
    sampled_targets,
)
from batchwright.findings.finding import Finding
from batchwright.findings.told import NOTHING_TOLD, Told, group_advice

PERFECT = 0.99
"""Score of one column from which it is suspected. Honest columns stay below: petal length of iris has 0.95."""

FEWEST = 60
"""Training rows needed for a suspicion: with this many, a column that is right for 9 of 10 is right for all once in
500."""

Values = Float[np.ndarray, " rows"]


def leaks(dataset: Dataset, told: Told = NOTHING_TOLD) -> tuple[Finding, ...]:
    """Find columns that reveal the target by themselves: with a balanced accuracy, or an R² of ranks, of at least 0.99.

    One half of the training rows (every second one) learns the usual target at each value of a column. Each row of the
    other half is answered by the nearest value, and scored; then the halves are swapped. A category that only one half
    has is not scored, and a column with more than half such rows reveals nothing: so names of rows reveal nothing. For
    numeric targets, ranks are predicted, so that a few very large values do not decide.

    A column that separates two classes cleanly by its nature is found too: only a person can know whether it is a leak.
    """
    if dataset.train.rows < FEWEST:
        return ()
    known = each_target(dataset.target, sampled_targets(dataset.train))
    return tuple(finding for target, encoded in known for finding in _leaks(dataset, told, target, encoded))


def _leaks(
    dataset: Dataset, told: Told, target: OneTarget, encoded: Shaped[np.ndarray, " rows"]
) -> tuple[Finding, ...]:
    if encoded.min() == encoded.max():
        return ()
    classes = isinstance(target, ClassTarget)
    wanted = encoded if classes else _ranks(encoded)
    found = ((column, *_best(column, wanted, classes)) for column in columns(dataset) if column.parts)
    return tuple(
        replace(
            _finding(dataset, column, part, score, target, group_advice(dataset, told, column.name)),
            changes={"data.kinds": {**told.data.kinds, column.name: "identifier"}},
        )
        for column, part, score in found
        if score >= PERFECT
    )


def _finding(
    dataset: Dataset, column: EncodedColumn, part: EncodedPart, score: float, target: OneTarget, group: str
) -> Finding:
    measure = "balanced accuracy" if isinstance(target, ClassTarget) else "R² of ranks"
    by_group = "" if part.ordered or not group else f"; if it names whom a row is about, split by it: {group}"
    return Finding(
        "leak",
        "warning",
        f"column {part.name!r} alone tells {target.name!r} with {measure} {score:.4f} on training rows held out"
        f"{sample_note(dataset.train.rows)}",
        f"if it is not known when a prediction is asked for, leave it out: {leave_out(column.name)}{by_group}",
    )


def _best(column: EncodedColumn, targets: Shaped[np.ndarray, " rows"], classes: bool) -> tuple[EncodedPart, float]:
    """The part of the column that tells most, and its score."""
    scores = [
        one_column_score(_with_missing(part, column.missing), targets, part.ordered, classes) for part in column.parts
    ]
    best = int(np.argmax(scores))
    return column.parts[best], scores[best]


def _with_missing(part: EncodedPart, missing: Bool[np.ndarray, " rows"]) -> Values:
    """The values, those that are missing far from all others."""
    if not missing.any():
        return part.values
    return np.where(missing, 3 * np.abs(part.values).max() + 1, part.values)


def one_column_score(values: Values, targets: Shaped[np.ndarray, " rows"], ordered: bool, classes: bool) -> float:
    """Balanced accuracy (the mean over classes of the share of right answers) or R², on held-out rows.

    0 if more than half of the rows cannot be answered.

    >>> x = np.arange(100.0)
    >>> one_column_score(x, (x > 50).astype(np.int32), ordered=True, classes=True) > 0.98
    True
    """
    answers = np.empty(len(targets), np.float64)
    for half in (0, 1):
        learned, asked = slice(half, None, 2), slice(1 - half, None, 2)
        answers[asked] = _answers(values[learned], targets[learned], values[asked], ordered, classes)
    answered = ~np.isnan(answers)
    if 2 * answered.sum() < len(targets):
        return 0.0
    return (_balanced_accuracy if classes else _r2)(targets[answered], answers[answered])


def _balanced_accuracy(codes: Shaped[np.ndarray, " rows"], answers: Values) -> float:
    sizes, right = np.bincount(codes), np.bincount(codes, answers == codes)
    return float(np.mean(right[sizes > 0] / sizes[sizes > 0]))


def _r2(numbers: Shaped[np.ndarray, " rows"], answers: Values) -> float:
    spread = float(np.sum(np.square(numbers - numbers.mean(dtype=np.float64))))
    return 1.0 - float(np.sum(np.square(numbers - answers))) / spread if spread else 0.0


def _answers(
    known: Values,
    targets: Shaped[np.ndarray, " rows"],
    asked: Float[np.ndarray, " asked"],
    ordered: bool,
    classes: bool,
) -> Float[np.ndarray, " asked"]:
    """The usual target at the nearest value to each value asked for; for categories at the same value, or NaN."""
    values, place = np.unique(known, return_inverse=True)
    usual = _commonest(place, targets) if classes else np.bincount(place, targets) / np.bincount(place)
    nearest = np.minimum(np.searchsorted(values, asked), len(values) - 1)
    if ordered:
        below = np.maximum(nearest - 1, 0)
        nearest = np.where(asked - values[below] < values[nearest] - asked, below, nearest)
    return np.where(ordered | (values[nearest] == asked), usual[nearest], np.nan)


def _ranks(numbers: Shaped[np.ndarray, " rows"]) -> Float[np.ndarray, " rows"]:
    """The rank of each number, from 0 to 1; equal numbers share the mean of their ranks."""
    _, place, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts + 1) / 2)[place] / max(1, len(numbers) - 1))


def _commonest(
    place: Integer[np.ndarray, " rows"], codes: Integer[np.ndarray, " rows"]
) -> Integer[np.ndarray, " places"]:
    """The commonest code at each place; among equally common ones, the largest."""
    width = int(codes.max()) + 1
    pairs, counts = np.unique(place.astype(np.int64) * width + codes, return_counts=True)
    order = np.lexsort((pairs, counts, pairs // width))
    last = np.flatnonzero(np.diff(pairs[order] // width, append=-1))
    return np.asarray(pairs[order[last]] % width)
