"""Columns that say what another one says already."""

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float

from batchwright.data.cells import first_ten
from batchwright.data.dataset import Dataset
from batchwright.findings.columns import EncodedColumn, columns, leave_out, looked_at
from batchwright.findings.finding import Finding

ROWS = 10_000
"""Rows that are compared: all pairs of 1,000 columns then take half a second."""

SAME = 1e-3
"""Standard deviation, in its own, that a column may be off the line through another one: rounding, and no more."""

FEWEST = 5
"""Rows that have to differ from a column's commonest value, so that rare flags are not the same by chance."""

BLOCK = 1024  # columns at a time: of 10,000, 80 MB of correlations


def duplicate_columns(dataset: Dataset) -> tuple[Finding, ...]:
    """The columns that are another one: numbers up to a factor and an offset, categories up to their values' names.

    So a category is also found to be one with its numbers, as the names of school years and their count are in "adult".
    """
    pairs = tuple(same_columns(list(columns(dataset, ROWS))))
    if not pairs:
        return ()
    listed = first_ten(f"{later!r} says what {earlier!r} does" for earlier, later in pairs)
    return (
        Finding(
            "duplicate column",
            "note",
            f"{listed}{looked_at(dataset.train.rows, ROWS)}",
            f"one of each is enough, and fewer train faster: {leave_out(*[later for _, later in pairs[:10]])}",
        ),
    )


def same_columns(found: Sequence[EncodedColumn]) -> Iterator[tuple[str, str]]:
    """The pairs of columns that are the same, the earlier first; a later one may be in two."""
    found = [column for column in found if any(_varies(part.values) for part in column.parts)]
    yield from _same_numbers([column for column in found if _is_number(column)])
    seen: dict[bytes, EncodedColumn] = {}
    for column in found:
        first = seen.setdefault(b"".join(_places(part.values) for part in column.parts), column)
        if first is not column and not (_is_number(first) and _is_number(column)):
            yield first.name, column.name


def _is_number(column: EncodedColumn) -> bool:
    return len(column.parts) == 1 and column.parts[0].ordered


def _varies(values: Float[np.ndarray, " rows"]) -> bool:
    """Whether so many rows differ from the rest that two columns cannot have them in common by chance."""
    return len(values) - int(np.unique(values, return_counts=True)[1].max()) >= FEWEST


def _same_numbers(found: Sequence[EncodedColumn]) -> Iterator[tuple[str, str]]:
    """Those whose correlation r is so near to 1 or -1 that √(1 − r²), what is off the line, is at most `SAME`."""
    if len(found) < 2:
        return
    values = np.stack([column.parts[0].values for column in found], axis=1).astype(np.float64)
    values -= values.mean(axis=0)
    values /= np.linalg.norm(values, axis=0)
    for start in range(0, len(found), BLOCK):
        correlations = values[:, start : start + BLOCK].T @ values
        same = 1.0 - np.square(correlations) <= SAME**2
        first = np.argmax(same, axis=1).tolist()
        yield from (
            (found[earlier].name, found[start + later].name)
            for later, earlier in enumerate(first)
            if earlier < start + later
        )


def _places(values: Float[np.ndarray, " rows"]) -> bytes:
    """Which rows are alike: each value as the place at which it first comes up, so that its name does not matter."""
    _, first, place = np.unique(values, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[place].tobytes()
