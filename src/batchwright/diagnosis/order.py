"""Rows that are taken in the order of the source, in which each batch is of one kind."""

import numpy as np
from jaxtyping import Float64, Shaped

from batchwright.data.encode.several import each_target
from batchwright.data.encode.targets import ClassTarget
from batchwright.diagnosis.diagnosed import Diagnosis
from batchwright.diagnosis.evidence import Evidence

BATCHES = 64
"""Batches that are looked at, at most, evenly spaced."""

FEWEST = 5
"""Batches without which an order hardly matters."""

ONE_KIND = 0.5
"""The variety of the targets within a batch, as a share of that of all rows, below which a batch is of one kind. With
rows in random order it is 1 less one in the batch size."""


def rows_not_shuffled(evidence: Evidence) -> tuple[Diagnosis, ...]:
    """Rows that are never shuffled, and whose targets are alike within a batch; only the rows show it."""
    dataset, size = evidence.dataset, evidence.batch_size
    if evidence.settings.get("training.shuffle") is not False or dataset is None or size < 2:
        return ()
    targets = dataset.train.targets
    if len(targets) < FEWEST * size:
        return ()
    shares = [
        _variety_within(encoded, size, classes=isinstance(target, ClassTarget))
        for target, encoded in each_target(dataset.encoding.target, targets)
    ]
    share = min(shares, default=1.0)
    if share >= ONE_KIND:
        return ()
    return (
        Diagnosis(
            "rows not shuffled",
            "warning",
            "likely",
            f"rows are taken in the order of the source, and a batch of {size} has {share:.0%} of the variety of "
            "targets that all rows have: each update forgets the other kinds",
            "take the rows in a new order in each epoch: `training.shuffle=true`",
            {"training.shuffle": True},
        ),
    )


def _variety_within(targets: Shaped[np.ndarray, " rows"], size: int, *, classes: bool) -> float:
    """The mean variety within batches as a share of that of all rows; 1 where all targets are the same.

    It is the variance, or of classes the chance that two rows drawn with replacement are of different ones.
    """
    count = len(targets) // size
    chosen = np.unique(np.linspace(0, count - 1, min(count, BATCHES)).astype(int))
    batches = [np.asarray(targets[place * size : (place + 1) * size], np.float64) for place in chosen]
    variety = _mixed if classes else np.var
    of_all = float(variety(np.concatenate(batches)))
    return float(np.mean([variety(batch) for batch in batches])) / of_all if of_all > 0 else 1.0


def _mixed(codes: Float64[np.ndarray, " rows"]) -> float:
    _, counts = np.unique(codes, return_counts=True)
    return 1 - float(np.sum((counts / len(codes)) ** 2))
