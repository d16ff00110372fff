"""Rare classes, classes that a part lacks, and targets that are all equal."""

import numpy as np

from batchwright.data.dataset import Dataset
from batchwright.data.encode.several import OneTarget, Target, each_target
from batchwright.data.typed.cells import first_ten
from batchwright.findings.finding import Finding

UNEVEN, EXTREME = 10.0, 100.0
"""Rows of the commonest class per row of the rarest: for a note, and for a warning. He and Garcia (2009, Learning from
Imbalanced Data) speak of 100 : 1 and more; below 10 : 1 the metrics shown besides accuracy are enough."""


def constant_target(dataset: Dataset) -> tuple[Finding, ...]:
    """Training rows that all have the same target: nothing can be learned from them."""
    return tuple(
        Finding(
            "constant target",
            "error",
            f"the target {target.name!r} is {target.decode(encoded[:1])[0]} in all {len(encoded):,} training rows",
            "choose another target, or another split (`data.split=shuffled`)",
        )
        for target, encoded in each_target(dataset.target, dataset.train.targets)
        if encoded.min() == encoded.max()
    )


def imbalance(dataset: Dataset) -> tuple[Finding, ...]:
    """The rarest and the commonest class of the training rows, where these differ tenfold or more."""
    found = each_target(dataset.target, dataset.train.targets)
    return tuple(finding for target, codes in found for finding in _imbalance(target, codes, several=len(found) > 1))


def _imbalance(target: OneTarget, codes: np.ndarray, *, several: bool) -> tuple[Finding, ...]:
    names, counts, of_target = target.classes, _counts(target, codes), f" of {target.name!r}" if several else ""
    present = counts[counts > 0]
    if len(present) < 2 or present.max() < UNEVEN * present.min():
        return ()
    most, rarest = int(counts.argmax()), int(np.where(counts > 0, counts, counts.max() + 1).argmin())
    rows = int(counts.sum())
    return (
        Finding(
            "class imbalance",
            "warning" if counts[most] >= EXTREME * counts[rarest] else "note",
            f"class {names[rarest]!r}{of_target} has {counts[rarest]:,} of {rows:,} training rows "
            f"({counts[rarest] / rows:.2%}); always answering {names[most]!r} is right for {counts[most] / rows:.2%}",
            "look at balanced accuracy rather than accuracy, or stop by it "
            "(`training.early_stopping.monitor=val_balanced_accuracy`)"
            + ("" if several else ", or weight the classes (`class_weights=balanced`)"),
        ),
    )


def missing_classes(dataset: Dataset) -> tuple[Finding, ...]:
    """The classes without rows in a part; for training a warning, as rows of such a class are never predicted right."""
    found = [(part, *one) for part, rows in dataset.parts.items() for one in each_target(dataset.target, rows.targets)]
    return tuple(
        finding for part, target, codes in found for finding in _missing_classes(part, target, codes, dataset.target)
    )


def _missing_classes(part: str, target: OneTarget, codes: np.ndarray, whole: Target) -> tuple[Finding, ...]:
    counts = _counts(target, codes)
    missing = [name for name, count in zip(target.classes, counts, strict=True) if not count]
    if not missing:
        return ()
    of_target = "" if target is whole else f" of {target.name!r}"
    return (
        Finding(
            "missing class",
            "warning" if part == "train" else "note",
            f"no {part} row is of {len(missing)} of the {len(target.classes)} classes{of_target}: "
            f"{first_ten(map(repr, missing))}",
            "split by class (`data.split=stratified`), give that part more rows, or merge rare classes "
            "(`rare_classes=merge`)",
        ),
    )


def _counts(target: OneTarget, codes: np.ndarray) -> np.ndarray:  # int64 [classes]
    classes = len(target.classes)
    return np.bincount(codes, minlength=classes) if classes else np.zeros(0, np.int64)
