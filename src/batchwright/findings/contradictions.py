"""Training rows with equal inputs and different classes: no network can be right about all of them."""

import numpy as np

from batchwright.data.dataset import Dataset
from batchwright.data.encode.several import each_target
from batchwright.data.encode.targets import ClassTarget
from batchwright.data.typed.hashes import row_hashes
from batchwright.findings.columns import sample
from batchwright.findings.finding import Finding

WARN = 0.1
"""Share of unavoidable wrong answers from which a score is noticeably limited."""


def contradictions(dataset: Dataset) -> tuple[Finding, ...]:
    """How many training rows are outvoted by rows with the same inputs; of rows on disk, 100,000 are read."""
    train = dataset.train
    rows = sample(train.rows)
    known = [
        codes for target, codes in each_target(dataset.target, train.targets[rows]) if isinstance(target, ClassTarget)
    ]
    if not known:
        return ()
    inputs = row_hashes({name: values[rows] for name, values in train.inputs.items()})
    wrong, count = max(count_outvoted(inputs, codes) for codes in known), len(known[0])
    if not wrong:
        return ()
    return (
        Finding(
            "contradicting rows",
            "warning" if wrong / count >= WARN else "note",
            f"{wrong:,} of {count:,} training rows looked at ({wrong / count:.2%}) have the same inputs as rows of "
            "another, more frequent class: no accuracy on them is above what that leaves",
            "add a column that tells them apart, or look whether labels are wrong",
        ),
    )


def count_outvoted(inputs: np.ndarray, classes: np.ndarray) -> int:
    """How many rows are not of the commonest class among the rows with the same inputs.

    >>> count_outvoted(np.array([7, 7, 7, 8], np.uint64), np.array([0, 0, 1, 1]))
    1
    """
    pairs, counts = np.unique(np.stack([inputs, classes.astype(np.uint64)]), axis=1, return_counts=True)
    _, which = np.unique(pairs[0], return_inverse=True)
    most = np.zeros(which.max() + 1, np.int64)
    np.maximum.at(most, which, counts)
    return int(counts.sum() - most.sum())
