"""Columns that repeat another column."""

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float

from batchwright.data.dataset import Dataset
from batchwright.data.typed.cells import first_ten
from batchwright.findings.columns import EncodedColumn, columns, leave_out, sample_note
from batchwright.findings.finding import Finding

ROWS = 10_000
"""Rows that are compared: all pairs of 1,000 columns then take half a second."""

SAME = 1e-3
"""Distance of a column from a line through another one, as a share of its standard deviation: rounding only."""

FEWEST = 5
"""Rows that must differ from a column's commonest value, so that rare flags are not equal by chance."""

BLOCK = 1024  # columns at a time: 80 MB of correlations for 10,000 columns


def duplicate_columns(dataset: Dataset) -> tuple[Finding, ...]:
    """Columns that equal another one: numbers up to a factor and an offset, categories up to the names of their values.

    So a category can also equal a number, like the names of school years and their count in "adult".
    """
    pairs = tuple(same_columns(list(columns(dataset, ROWS))))
    if not pairs:
        return ()
    listed = first_ten(f"{later!r} says what {earlier!r} does" for earlier, later in pairs)
    return (
        Finding(
            "duplicate column",
            "note",
            f"{listed}{sample_note(dataset.train.rows, ROWS)}",
            f"one of each is enough, and fewer train faster: {leave_out(*[later for _, later in pairs[:10]])}",
        ),
    )


def same_columns(found: Sequence[EncodedColumn]) -> Iterator[tuple[str, str]]:
    """The pairs of equal columns, the earlier first; a later column may be in two pairs."""
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
    """Whether enough rows differ from the rest that two columns cannot share them by chance."""
    return len(values) - int(np.unique(values, return_counts=True)[1].max()) >= FEWEST


def _same_numbers(found: Sequence[EncodedColumn]) -> Iterator[tuple[str, str]]:
    """Pairs whose correlation r is so near to 1 or -1 that √(1 − r²), the distance from the line, is at most `SAME`."""
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
    """Which rows are alike: each value is replaced by the order of its first appearance, so names do not matter."""
    _, first, place = np.unique(values, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[place].tobytes()
