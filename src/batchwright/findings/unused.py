"""Columns without information: left out when the rows were encoded, or missing in almost every row."""

from collections.abc import Iterator

from batchwright.data.dataset import Dataset
from batchwright.data.typed.advice import kind_setting
from batchwright.data.typed.cells import first_ten
from batchwright.data.typed.schema import Column
from batchwright.findings.columns import columns, leave_out, sample_note
from batchwright.findings.finding import Finding

MOSTLY = 0.95
"""Share of missing cells from which a column is reported: one row in twenty, or fewer, has something to teach."""


def constant_columns(dataset: Dataset) -> tuple[Finding, ...]:
    """Columns that are constant in the training rows; the schema has left them out."""
    left_out = _left_out_columns(dataset)
    found = [column for column in left_out if "every training row is" in column.note]
    if not found:
        return ()
    return (
        Finding(
            "constant column",
            "note",
            f"{_list_columns(found)}: the same in every training row, so not used",
            "nothing has to be done; if such a column should vary, look at how the rows were chosen",
        ),
    )


def identifier_columns(dataset: Dataset) -> tuple[Finding, ...]:
    """Columns that look like names of the rows; the schema has left them out."""
    found = [
        column for column in _left_out_columns(dataset) if column.kind == "identifier" and "as asked" not in column.note
    ]
    if not found:
        return ()
    reasons = {column.name: column.note.removeprefix("left out: ").partition("; `")[0] for column in found}
    notes = first_ten(f"{name!r} ({reason})" for name, reason in reasons.items())
    return (
        Finding(
            "identifier column",
            "note",
            f"{notes}: not used",
            f"to use one, say what it is, as {_setting_of_use(found[0])}",
        ),
    )


def _setting_of_use(column: Column) -> str:
    """The setting by which a column that was left out is used: the one in its note, or as categories."""
    noted = column.note.partition("; `")[2].partition("`")[0]
    return f"`{noted}`" if noted else kind_setting(column.name, "categorical")


def doubtful_columns(dataset: Dataset) -> tuple[Finding, ...]:
    """Columns of numbers that may only name the rows, or in which a number may mark missing cells; they are used."""
    doubts = ((column.name, *column.note.partition("; if ")) for column in dataset.schema.columns if column.used)
    return tuple(
        Finding("doubtful column", "note", f"{name!r}: {said}", f"if {advice}")
        for name, said, doubtful, advice in doubts
        if doubtful
    )[:10]


def missing_columns(dataset: Dataset) -> tuple[Finding, ...]:
    """Columns with at least 95 % of their cells missing."""
    shares = {column.name: float(column.missing.mean()) for column in columns(dataset)}
    found = {name: share for name, share in shares.items() if share >= MOSTLY}
    if not found:
        return ()
    listed = first_ten(f"{name!r} ({share:.2%})" for name, share in found.items())
    return (
        Finding(
            "missing column",
            "warning",
            f"almost all cells are missing in {listed}{sample_note(dataset.train.rows)}",
            f"unless a missing cell tells something by itself, leave out: {leave_out(*list(found)[:10])}",
        ),
    )


def _left_out_columns(dataset: Dataset) -> Iterator[Column]:
    return (column for column in dataset.schema.columns if not column.used and column.note.startswith("left out"))


def _list_columns(found: list[Column]) -> str:
    return first_ten(
        f"{column.name!r} ({column.note.removeprefix('left out: every training row is ')})" for column in found
    )
