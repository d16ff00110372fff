"""Rows of validation and test that are also in training: a model then only repeats what it was told."""

import numpy as np
from jaxtyping import UInt64

from batchwright.data.dataset import Dataset, Split
from batchwright.data.splitting import count_shared, row_hashes
from batchwright.findings.columns import MOST_ROWS, sample
from batchwright.findings.finding import Finding, Severity

MANY = 0.05
"""Share of shared rows from which a score may be off by some percent: a warning rather than a note."""

COPY = 0.5
"""Share from which a part is mostly a copy of training rows: an error, if training rows themselves differ."""

Hashes = UInt64[np.ndarray, " _"]


def shared_rows(dataset: Dataset) -> tuple[Finding, ...]:
    """For validation and test, how many rows have the inputs and the target of a training row.

    Rows are compared by 64-bit hashes: all rows if they are in memory; 100,000 of each part if they are on disk, where
    only a share of the equal rows can meet. Tables with few distinct rows share rows by their nature, so the finding
    also says how many training rows repeat.
    """
    most = None if dataset.memory_limit is None else MOST_ROWS
    train = _hashes(dataset.train, most)
    repeated = 1.0 - len(np.unique(train)) / len(train)
    parts = {"validation": dataset.validation, "test": dataset.test}
    found = (_finding(name, _hashes(part, most), train, repeated, part) for name, part in parts.items() if part)
    return tuple(finding for finding in found if finding)


def severity(share: float, repeated: float) -> Severity:
    """The severity if this share of a part's rows is in training, and the share `repeated` of training rows repeats.

    >>> severity(0.01, 0.0), severity(0.1, 0.0), severity(0.9, 0.0), severity(0.9, 0.9)
    ('note', 'warning', 'error', 'warning')
    """
    if share >= COPY and repeated < COPY:
        return "error"
    return "warning" if share >= MANY else "note"


def _hashes(part: Split, most: int | None) -> Hashes:
    """A number for each row, with its target included."""
    rows = sample(part.rows, part.rows if most is None else most)
    return row_hashes({name: values[rows] for name, values in part.inputs.items()} | {"targets": part.targets[rows]})


def _finding(name: str, hashes: Hashes, train: Hashes, repeated: float, part: Split) -> Finding | None:
    shared = count_shared(train, hashes)
    if not shared:
        return None
    share = shared / len(hashes)
    among = (
        f" looked at, of {part.rows:,}, are among {len(train):,} training rows"
        if len(hashes) < part.rows
        else (" are training rows too")
    )
    return Finding(
        "shared rows",
        severity(share, repeated),
        f"{shared:,} of {len(hashes):,} {name} rows ({share:.2%}){among}, with the same target; of the training rows "
        f"{repeated:.2%} repeat another",
        "remove repeated rows before splitting; if several rows belong to one person or thing, keep them in one part: "
        "`data.group=COLUMN`",
    )
