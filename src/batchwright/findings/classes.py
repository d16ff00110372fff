"""Rare classes, classes that a part lacks, and targets that are all equal."""

import numpy as np

from batchwright.data.dataset import Dataset
from batchwright.data.encode.several import OneTarget, each_target
from batchwright.data.typed.cells import first_ten
from batchwright.findings.finding import Finding
from batchwright.findings.told import NOTHING_TOLD, Told, drawn_parts, shares_advice

UNEVEN, EXTREME = 10.0, 100.0
"""Rows of the commonest class per row of the rarest: for a note, and for a warning. He and Garcia (2009, Learning from
Imbalanced Data) speak of 100 : 1 and more; below 10 : 1 the metrics shown besides accuracy are enough."""


BALANCED = "val_balanced_accuracy"


def constant_target(dataset: Dataset, told: Told = NOTHING_TOLD) -> tuple[Finding, ...]:
    """Training rows that all have the same target: nothing can be learned from them."""
    return tuple(
        Finding(
            "constant target",
            "error",
            f"the target {target.name!r} is {target.decode(encoded[:1])[0]} in all {len(encoded):,} training rows",
            f"choose another target, or give rows in which it differs{_other_split(dataset, told)}",
        )
        for target, encoded in each_target(dataset.target, dataset.train.targets)
        if encoded.min() == encoded.max()
    )


def _other_split(dataset: Dataset, told: Told) -> str:
    """A split that may mix the rows, where they are drawn in order of time or in groups."""
    if told.data.method not in ("time", "group") or not drawn_parts(dataset):
        return ""
    return f"; or leave out `data.{told.data.method}`, so that rows are drawn at random"


def imbalance(dataset: Dataset, told: Told = NOTHING_TOLD) -> tuple[Finding, ...]:
    """The rarest and the commonest class of the training rows, where these differ tenfold or more."""
    found = each_target(dataset.target, dataset.train.targets)
    several = len(found) > 1
    weights = not several and not told.weighs_classes
    monitor = "validation" in dataset.parts and not several and told.monitor != BALANCED
    advice = "look at balanced accuracy rather than accuracy"
    advice += f", or stop by it (`training.early_stopping.monitor={BALANCED}`)" if monitor else ""
    advice += ", or weight the classes (`class_weights=balanced`)" if weights else ""
    return tuple(finding for target, codes in found for finding in _imbalance(target, codes, advice, several=several))


def _imbalance(target: OneTarget, codes: np.ndarray, advice: str, *, several: bool) -> tuple[Finding, ...]:
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
            advice,
        ),
    )


def missing_classes(dataset: Dataset, told: Told = NOTHING_TOLD) -> tuple[Finding, ...]:
    """The classes without rows in a part; for training a warning, as rows of such a class are never predicted right."""
    found = [(part, *one) for part, rows in dataset.parts.items() for one in each_target(dataset.target, rows.targets)]
    return tuple(
        finding for part, target, codes in found for finding in _missing_classes(part, target, codes, dataset, told)
    )


def _missing_classes(
    part: str, target: OneTarget, codes: np.ndarray, dataset: Dataset, told: Told
) -> tuple[Finding, ...]:
    missing = np.flatnonzero(_counts(target, codes) == 0)
    if not len(missing):
        return ()
    of_target = "" if target is dataset.target else f" of {target.name!r}"
    return (
        Finding(
            "missing class",
            "warning" if part == "train" else "note",
            f"no {part} row is of {len(missing)} of the {len(target.classes)} classes{of_target}: "
            f"{first_ten(repr(target.classes[code]) for code in missing)}",
            _advice(part, target, missing, dataset, told),
        ),
    )


def _advice(part: str, target: OneTarget, missing: np.ndarray, dataset: Dataset, told: Told) -> str:
    """What can give a part rows of the classes that it lacks; nothing that is set already, or cannot do so."""
    drawn, method = drawn_parts(dataset), told.data.method
    if part not in ("train", *drawn):
        return f"give {part} rows of these classes: they are not drawn from the training rows"
    advice = ["give more rows of these classes"]
    if method == "shuffled" and target is dataset.target:
        advice.append("split by class (`data.split=stratified`)")
    if part != "train":
        advice.append(f"give {part} a larger share ({shares_advice((part,))})")
    elif drawn:
        advice.append(f"give the others smaller shares ({shares_advice(drawn)})")
    if told.data.rare_classes is None and _any_rare(target, missing, dataset, drawn):
        advice.append("merge rare classes (`rare_classes=merge`)")
    return ", or ".join(advice)


def _any_rare(target: OneTarget, missing: np.ndarray, dataset: Dataset, drawn: tuple[str, ...]) -> bool:
    """Whether one of the classes has fewer rows than there are parts, so that it would be merged with others."""
    parts = [dataset.parts[name].targets for name in ("train", *drawn)]
    found = [codes for part in parts for one, codes in each_target(dataset.target, part) if one is target]
    counts = np.sum([_counts(target, codes) for codes in found], axis=0)
    return bool(np.any(counts[missing] < max(2, 1 + len(drawn))))


def _counts(target: OneTarget, codes: np.ndarray) -> np.ndarray:  # int64 [classes]
    classes = len(target.classes)
    return np.bincount(codes, minlength=classes) if classes else np.zeros(0, np.int64)
