"""Parts with so few rows that metrics on them mean little."""

from batchwright.data.dataset import Dataset
from batchwright.findings.finding import Finding

MEANINGLESS, ROUGH = 5, 30
"""Rows below which a score can take only a handful of values; and rows below which an accuracy is uncertain by ±0.18 or
more (95 %: 1.96·√(0.25/30))."""


def few_rows(dataset: Dataset) -> tuple[Finding, ...]:
    """Validation or test parts with few rows, or a training part with almost none."""
    sizes = {name: part.rows for name, part in dataset.parts.items()}
    least = {name: MEANINGLESS if name == "train" else ROUGH for name in sizes}
    return tuple(_finding(name, rows) for name, rows in sizes.items() if rows < least[name])


def _finding(name: str, rows: int) -> Finding:
    """The finding for a part of this many rows."""
    word = "row" if rows == 1 else "rows"
    if rows < MEANINGLESS:
        return Finding("few rows", "error", f"{name} has {rows} {word}: nothing can be concluded from so few", GIVE)
    return Finding(
        "few rows", "note", f"{name} has {rows} {word}: an accuracy on them is uncertain by ±0.18 or more", GIVE
    )


GIVE = "give more rows, or change the shares: `validation_split`, `test_split`"
