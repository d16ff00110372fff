"""Classes that are rare, or that a part lacks; targets that are all the same."""

import numpy as np

from batchwright.data.cells import first_ten
from batchwright.data.dataset import Dataset
from batchwright.findings.finding import Finding

UNEVEN, EXTREME = 10.0, 100.0
"""Rows of the commonest class for each of the rarest: a note, a warning. He and Garcia (2009, Learning from Imbalanced
Data) speak of 100 : 1 and more; below 10 : 1 the metrics that are shown beside accuracy tell enough."""


def constant_target(dataset: Dataset) -> tuple[Finding, ...]:
    """Training rows that all have the same target: nothing can be learned from them."""
    targets = dataset.train.targets
    if targets.min() != targets.max():
        return ()
    first = targets[:1]
    value = dataset.target.decode(first)[0]
    return (
        Finding(
            "constant target",
            "error",
            f"the target {dataset.target.name!r} is {value} in all {dataset.train.rows:,} training rows",
            "choose another target, or another split (`data.split=shuffled`)",
        ),
    )


def imbalance(dataset: Dataset) -> tuple[Finding, ...]:
    """The rarest and the commonest class of the training rows, where these differ tenfold or more."""
    names, counts = dataset.target.classes, _counts(dataset, "train")
    present = counts[counts > 0]
    if len(present) < 2 or present.max() < UNEVEN * present.min():
        return ()
    most, rarest = int(counts.argmax()), int(np.where(counts > 0, counts, counts.max() + 1).argmin())
    rows = int(counts.sum())
    return (
        Finding(
            "class imbalance",
            "warning" if counts[most] >= EXTREME * counts[rarest] else "note",
            f"class {names[rarest]!r} has {counts[rarest]:,} of {rows:,} training rows ({counts[rarest] / rows:.2%}); "
            f"always answering {names[most]!r} is right for {counts[most] / rows:.2%}",
            "look at balanced accuracy rather than accuracy, stop by it "
            "(`training.early_stopping.monitor=val_balanced_accuracy`), or weight the classes "
            "(`class_weights=balanced`)",
        ),
    )


def missing_classes(dataset: Dataset) -> tuple[Finding, ...]:
    """The classes that no row of a part has: of training a warning, as none of their rows can be answered rightly."""
    names = dataset.target.classes
    counts = {part: _counts(dataset, part) for part in dataset.parts} if names else {}
    absent = {
        part: [name for name, count in zip(names, found, strict=True) if not count] for part, found in counts.items()
    }
    return tuple(
        Finding(
            "missing class",
            "warning" if part == "train" else "note",
            f"no {part} row is of {len(missing)} of the {len(names)} classes: {first_ten(map(repr, missing))}",
            "split by class (`data.split=stratified`), give that part more rows, or merge rare classes",
        )
        for part, missing in absent.items()
        if missing
    )


def _counts(dataset: Dataset, part: str) -> np.ndarray:  # int64 [classes]
    classes = len(dataset.target.classes)
    return np.bincount(dataset.parts[part].targets, minlength=classes) if classes else np.zeros(0, np.int64)
