"""Read the weight of each row from a column, take out rows of weight 0, and scale the others to about 1."""

import dataclasses
import math

import numpy as np
from jaxtyping import Float32, Float64

from batchwright.data.typed.cells import first_ten
from batchwright.data.typed.inference import kind_remedy
from batchwright.data.typed.table import Table
from batchwright.errors import DataError


def row_weights(table: Table, name: str) -> Float64[np.ndarray, " rows"]:
    """The weight of each row, from the column `name`.

    Raises:
        DataError: there is no such column, or it holds other than finite numbers of at least 0, or only zeros.
    """
    cells = table.frame[table.column(name).name]
    needed = "weights are finite numbers of at least 0, not all of them 0"
    if not cells.dtype.is_numeric():
        kind = table.column(name).kind
        raise DataError(f"{table.name}: weights {name!r} holds {kind} cells; {needed}.{kind_remedy(cells)}")
    numbers = cells.to_numpy().astype(np.float64)
    wrong = np.flatnonzero(~(np.isfinite(numbers) & (numbers >= 0)))
    if len(wrong):
        examples = first_ten(["missing" if np.isnan(numbers[row]) else f"{numbers[row]:g}" for row in wrong])
        raise DataError(
            f"{table.name}: weights {name!r} is {examples} in {table.places(wrong)}; {needed}. Correct these cells, or "
            "leave these rows out."
        )
    if not numbers.any():
        raise DataError(f"{table.name}: weights {name!r} is 0 in every row, so that no row counts; {needed}.")
    return numbers


def drop_weightless(table: Table, name: str) -> Table:
    """The rows whose weight is above 0: the others are treated as absent; their number is noted.

    Raises:
        DataError: as `row_weights`.
    """
    counting = row_weights(table, name) > 0
    if counting.all():
        return table
    lost = int((~counting).sum())
    rows = "1 row weighs 0 and is" if lost == 1 else f"{lost:,} rows weigh 0 and are"
    kept = table.take(np.flatnonzero(counting))
    return dataclasses.replace(kept, notes=(*table.notes, f"{rows} left out, as {name!r} says"))


def unit_of(weights: Float64[np.ndarray, " rows"]) -> float:
    """A power of two near the mean of positive weights: dividing by it is exact, and gives a mean between 1/2 and 1.

    >>> unit_of(np.array([3e37, 1e37])) / 2e37 < 2, unit_of(np.array([1.0, 1.0]))
    (True, 2.0)
    """
    largest = float(weights.max())
    _, exponent = math.frexp(largest * float(np.mean(weights / largest)))
    return math.ldexp(1.0, min(exponent, 1023))


def divide_by_unit(weights: Float64[np.ndarray, " rows"], unit: float) -> Float32[np.ndarray, " rows"]:
    """Weights above 0 divided by their unit, so that very large and very small weights train like others.

    A weight that float32 would round to 0 becomes the smallest number above 0 instead: every row keeps some weight.

    >>> divide_by_unit(np.array([1.0, 1e-300]), 1.0).tolist()
    [1.0, 1.1754943508222875e-38]
    """
    return np.maximum(weights / unit, np.finfo(np.float32).tiny).astype(np.float32)
