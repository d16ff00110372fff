"""Parts with so few rows that metrics on them mean little."""

from batchwright.data.dataset import Dataset
from batchwright.findings.finding import Finding
from batchwright.findings.told import drawn_parts, shares_advice

MEANINGLESS, ROUGH = 5, 30
"""Rows below which a score can take only a handful of values; and rows below which an accuracy is uncertain by ±0.18 or
more (95 %: 1.96·√(0.25/30))."""


def few_rows(dataset: Dataset) -> tuple[Finding, ...]:
    """Validation or test parts with few rows, or a training part with almost none."""
    sizes = {name: part.rows for name, part in dataset.parts.items()}
    least = {name: MEANINGLESS if name == "train" else ROUGH for name in sizes}
    return tuple(_finding(name, rows, _advice(name, dataset)) for name, rows in sizes.items() if rows < least[name])


def _finding(name: str, rows: int, advice: str) -> Finding:
    """The finding for a part of this many rows."""
    said = f"{name} has {rows} {'row' if rows == 1 else 'rows'}"
    if rows < MEANINGLESS:
        return Finding("few rows", "error", f"{said}: nothing can be concluded from so few", advice)
    return Finding("few rows", "note", f"{said}: an accuracy on them is uncertain by ±0.18 or more", advice)


def _advice(name: str, dataset: Dataset) -> str:
    """More rows where the part's rows come from, or another share if it is drawn from the rows of the source."""
    drawn = drawn_parts(dataset)
    if name != "train" and name not in drawn:
        return f"give more {name} rows: they are not drawn from the training rows, so no share changes this"
    if name == "train":
        return f"give more rows{f', or smaller shares: {shares_advice(drawn)}' if drawn else ''}"
    return f"give more rows, or a larger share: {shares_advice((name,))}"
