"""Differences of columns of numbers that move together: found on the training rows, where they tell of the target.

Two columns such as a planned and an actual time nearly say the same, and what counts is by how much they differ. In
columns that are scaled for themselves that is small, and a network learns it slowly; so it becomes an input of its own.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np
import polars as pl
from jaxtyping import Bool, Float32, Float64

from batchwright.data.encode.classes import ClassTarget
from batchwright.data.encode.encoders import Encoder, Number, Quantile, Wide
from batchwright.data.encode.labels import LabelTarget
from batchwright.data.encode.scaling import REACH
from batchwright.data.encode.several import SeveralTargets, Target
from batchwright.data.typed.table import ColumnSource, Table, column_of

LEAST_CORRELATION = 0.9
"""The correlation from which on two columns move together."""
LEAST_REST = 1e-3
"""The share of a column's deviation that has to be left beyond the other: less is rounding."""
LEAST_GAIN = 0.01
"""The share of the variance of the target that a difference has to tell beyond both columns."""
LEAST_ROWS, MOST_ROWS = 100, 20_000
"""Training rows from which it can be told, and those that are looked at, evenly spaced."""
MOST_COLUMNS, MOST_PAIRS, MOST_FOUND = 200, 20, 8
"""The most columns and pairs, those of the highest correlations, that are looked at, and the most differences kept."""
MOST_CLASSES = 20
"""The most classes, the commonest, of which it is asked what tells them."""
BINS = 16


@dataclasses.dataclass(frozen=True)
class Difference:
    """What one number says beyond another: z = (a − slope · b − center) / scale of features, cut at ±limit.

    - columns: the names of a and b; places: their places among the features
    - gain: the share of the variance of the target that it tells beyond both columns, on the training rows
    """

    columns: tuple[str, str]
    places: tuple[int, int]
    slope: float
    center: float
    scale: float
    limit: float
    gain: float


def fill_missing(
    numeric: Float32[np.ndarray, "rows features"],
    missing: Mapping[int, Bool[np.ndarray, " rows"]],
    differences: Sequence[Difference],
) -> None:
    """Put what one column says of the other where that is missing, so that their difference is as usual.

    `missing` has the rows without a number by place; where both lack it, they stay as they are.
    """
    for one in differences:
        first, second = one.places
        without = [missing.get(place, np.zeros(len(numeric), bool)) for place in one.places]
        of_first, of_second = without[0] & ~without[1], without[1] & ~without[0]
        numeric[of_first, first] = one.slope * numeric[of_first, second] + one.center
        numeric[of_second, second] = (numeric[of_second, first] - one.center) / one.slope


def find_differences(train: ColumnSource, target: Target | None, encoders: Sequence[Encoder]) -> tuple[Difference, ...]:
    """The differences that tell of the target what neither of their columns does, the most telling first.

    Two columns move together if their encoded numbers have a correlation of 0.9 or more. Rows where either is missing
    are not looked at.
    """
    numbers = dict(_numbers(encoders))
    if target is None or not 2 <= len(numbers) <= MOST_COLUMNS:
        return ()
    encoded = {place: _encoded(train.cells(encoder.column), encoder) for place, encoder in numbers.items()}
    pairs = _moving_together(encoded)
    if not pairs:
        return ()
    answers = _answers(train, target)
    tried = (_best(encoded, pair, answers, numbers) for pair in pairs)
    found = sorted((one for one in tried if one is not None), key=lambda one: -one.gain)
    return tuple(found[:MOST_FOUND])


def _numbers(encoders: Sequence[Encoder]) -> Iterator[tuple[int, Number | Quantile]]:
    """The encoders of numbers, each with the place of the number among the features."""
    wide = [encoder for encoder in encoders if isinstance(encoder, Wide)]
    ends = np.cumsum([0, *(len(encoder.features) for encoder in wide)])
    for place, encoder in zip(ends[:-1].tolist(), wide, strict=True):
        if isinstance(encoder, Number | Quantile):
            yield place, encoder


def _sample(rows: int) -> slice:
    return slice(None, None, max(1, -(-rows // MOST_ROWS)))


def _encoded(cells: pl.Series, encoder: Number | Quantile) -> Float64[np.ndarray, " rows"]:
    """The encoded numbers of the rows that are looked at, NaN where they are missing."""
    cells = cells[_sample(len(cells))]
    out = np.empty((len(cells), len(encoder.features)), np.float32)
    encoder.write(cells, out)
    return np.where(cells.is_null().to_numpy(), np.nan, out[:, 0].astype(np.float64))


def _moving_together(encoded: Mapping[int, Float64[np.ndarray, " rows"]]) -> list[tuple[int, int]]:
    """The pairs of places whose numbers move together, those with the highest correlation first."""
    places, columns = list(encoded), np.stack(list(encoded.values()))
    known = ~np.isnan(columns)
    means = np.where(known, columns, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    deviations = np.where(known, columns - means[:, None], 0.0)
    squares = (deviations**2) @ known.T
    with np.errstate(divide="ignore", invalid="ignore"):
        correlations = np.abs(deviations @ deviations.T) / np.sqrt(squares * squares.T)
    both = known.astype(np.float64) @ known.T
    found = [
        (correlations[i, j], places[i], places[j])
        for i, j in combinations(range(len(places)), 2)
        if both[i, j] >= LEAST_ROWS and correlations[i, j] >= LEAST_CORRELATION
    ]
    return [(first, second) for _, first, second in sorted(found, reverse=True)[:MOST_PAIRS]]


def _best(
    encoded: Mapping[int, Float64[np.ndarray, " rows"]],
    pair: tuple[int, int],
    answers: Float64[np.ndarray, "rows answers"],
    numbers: Mapping[int, Number | Quantile],
) -> Difference | None:
    """What one of two columns says beyond the other: whichever tells more, if it tells enough."""
    known = ~np.isnan(encoded[pair[0]] + encoded[pair[1]])
    a, b = (encoded[place][known] for place in pair)
    rest = _beyond(answers[known], np.concatenate([_in_bins(a), _in_bins(b)], axis=1))
    total = float(np.var(answers[known], axis=0).sum())
    least = max(LEAST_GAIN, 3 * np.sqrt(2 * BINS) / len(a))
    found = None
    for of, beside in (pair, pair[::-1]):
        x, y = encoded[of][known], encoded[beside][known]
        slope = float(np.cov(x, y)[0, 1] / np.var(y, ddof=1))
        center = float(x.mean() - slope * y.mean())
        left = x - slope * y - center
        scale = float(left.std())
        if scale < LEAST_REST * x.std():
            continue
        gain = _told(rest, left) * float(np.var(rest, axis=0).sum()) / total if total > 0 else 0.0
        if gain >= least:
            least = gain
            limit = REACH * float(np.abs(left).max()) / scale
            columns = numbers[of].column, numbers[beside].column
            found = Difference(columns, (of, beside), slope, center, scale, limit, round(gain, 6))
    return found


def _answers(train: ColumnSource, target: Target) -> Float64[np.ndarray, "rows answers"]:
    """What is to be told: numbers as they are learned, and 1 or 0 for each of the commonest classes."""
    columns = tuple(column_of(train, name) for name in target.columns)
    frame = pl.DataFrame([train.cells(column.name).alias(column.name) for column in columns])
    table = Table(frame[_sample(frame.height)], columns, train.name)
    parts = target.parts if isinstance(target, SeveralTargets) else (target,)
    return np.concatenate([_answer(part.encode(table), part) for part in parts], axis=1)


def _answer(encoded: np.ndarray, target: object) -> Float64[np.ndarray, "rows answers"]:
    if isinstance(target, ClassTarget):
        classes = np.argsort(-np.bincount(encoded), kind="stable")[:MOST_CLASSES]
        return np.asarray(encoded[:, None] == classes, np.float64)
    answers = encoded.astype(np.float64)
    return answers[:, :MOST_CLASSES] if isinstance(target, LabelTarget) else answers[:, None]


def _in_bins(x: Float64[np.ndarray, " rows"]) -> Float64[np.ndarray, "rows bins"]:
    """For each row a 1 in the place of its bin between quantiles, of which equal ones are one."""
    edges = np.unique(np.quantile(x, np.linspace(0, 1, BINS + 1)[1:-1]))
    places = np.searchsorted(edges, x, side="right")
    return np.asarray(places[:, None] == np.arange(len(edges) + 1), np.float64)


def _beyond(
    answers: Float64[np.ndarray, "rows answers"], features: Float64[np.ndarray, "rows features"]
) -> Float64[np.ndarray, "rows answers"]:
    """What least squares on the features leaves of the answers."""
    weights, *_ = np.linalg.lstsq(features, answers, rcond=1e-9)
    return np.asarray(answers - features @ weights)


def _told(answers: Float64[np.ndarray, "rows answers"], x: Float64[np.ndarray, " rows"]) -> float:
    """The share of the variance of the answers between the bins of x, less what chance gives (epsilon squared).

    Paper: Kelley 1935, An unbiased correlation ratio measure, PNAS 21
    """
    bins = _in_bins(x)
    counts = bins.sum(axis=0)
    means = (bins.T @ answers) / np.maximum(counts, 1)[:, None]
    total = float(((answers - answers.mean(axis=0)) ** 2).sum())
    if total == 0:
        return 0.0
    within = float((answers**2).sum() - (counts[:, None] * means**2).sum())
    groups = int((counts > 0).sum())
    return 1 - within / total * (len(x) - 1) / max(len(x) - groups, 1)
