"""Batches that are too small or too large for the noise of their gradients."""

import numpy as np

from batchwright.diagnosis.diagnosed import Diagnosis
from batchwright.diagnosis.evidence import Evidence
from batchwright.diagnosis.remedy import Remedy, advice_of, changes_of, open_remedies

NOISY, CALM = 3.0, 0.1
"""The standard error of a batch's gradient, divided by its norm, in the first epochs: above the first, an update goes
mostly at random; below the second, larger batches change nothing. Healthy trainings measured 0.5 to 1.1."""

TINY = 8
"""Rows below which the statistics of a batch are mostly noise; see `findings/batches.py`."""

EARLY = 3
FEW_UPDATES = 200
SIZE, EPOCHS = "training.batch_size", "training.epochs"

ENOUGH_UPDATES = 1_000
"""Updates that a training gets at least where larger batches make fewer of them; as many as few rows get by default."""


def batch_too_small(evidence: Evidence) -> tuple[Diagnosis, ...]:
    """Gradients that are mostly noise from the first epochs on; that of all rows has none."""
    noise, size = _early_noise(evidence), evidence.batch_size
    if not 0 < size < 4 * TINY or not noise > NOISY or has_all_rows(evidence):
        return ()
    better = min(64, _rows(evidence))
    return (
        Diagnosis(
            "batch too small",
            "warning",
            "likely",
            f"in the first epochs the gradient of a batch of {size} is {noise:.2g} times as much noise as signal",
            f"take larger batches: `batch_size={better}`{_and_epochs(evidence, better)}, or a lower learning rate",
            {SIZE: better, **_epochs_for(evidence, better)},
        ),
    )


def small_batch_normalization(evidence: Evidence) -> tuple[Diagnosis, ...]:
    """Batch normalization over fewer than eight rows."""
    size = evidence.batch_size
    if not 0 < size < TINY or not any("batch_norm" in name for name in evidence.layers("weights")):
        return ()
    better, whole = min(64, _rows(evidence)), has_all_rows(evidence)
    larger = Remedy(
        f"take larger batches (`batch_size={better}`{_and_epochs(evidence, better)})",
        {SIZE: better, **_epochs_for(evidence, better)},
        is_set=whole,
    )
    without = Remedy(
        "leave it out (`network.batch_normalization=false`)", {"network.batch_normalization": False} if whole else {}
    )
    left = open_remedies(evidence, larger, without)
    return (
        Diagnosis(
            "batch normalization with small batches",
            "warning",
            "sure",
            f"batch normalization takes mean and variance from {size} rows{', all that train' * whole}{_gap(evidence)}",
            advice_of(left),
            changes_of(left),
        ),
    )


def batch_too_large(evidence: Evidence) -> tuple[Diagnosis, ...]:
    """Few updates, each by a gradient that has hardly any noise, with a loss that still falls."""
    noise, updates, loss = _early_noise(evidence), evidence.plan.get("updates", FEW_UPDATES), evidence.loss
    size, rows = evidence.batch_size, _rows(evidence)
    if not noise < CALM or updates >= FEW_UPDATES or not size > 2 * TINY or len(loss) < 2 or not loss[-1] < loss[-2]:
        return ()
    better = max(TINY, min(64, rows // 10))
    return (
        Diagnosis(
            "batch too large",
            "warning",
            "likely",
            f"the gradient of a batch of {size:,} is {noise:.2g} times as much noise as signal, and there are only "
            f"{updates:,} updates",
            f"smaller batches make more updates of the same rows: `batch_size={better}`",
            {SIZE: better},
        ),
    )


def has_all_rows(evidence: Evidence) -> bool:
    """Whether a batch has all training rows, so that none is larger."""
    rows = evidence.plan.get("training_rows")
    return isinstance(rows, int) and 0 < rows <= evidence.batch_size


def _early_noise(evidence: Evidence) -> float:
    """The noise of a batch's gradient in the first epochs, of the median layer; NaN where it was not measured."""
    found = [float(np.nanmedian(one[:EARLY])) for one in evidence.layers("gradient_noise").values() if _known(one)]
    return float(np.median(found)) if found else float("nan")


def _known(curve: np.ndarray) -> bool:
    return bool(np.isfinite(curve[:EARLY]).any())


def _rows(evidence: Evidence) -> int:
    rows = evidence.plan.get("training_rows", 64)
    return rows if isinstance(rows, int) else 64


def _epochs_for(evidence: Evidence, size: int) -> dict[str, int]:
    """More epochs, where batches of this size would make too few updates in as many; none where that is not known."""
    epochs = evidence.plan.get("epochs")
    enough = -(-ENOUGH_UPDATES // max(-(-_rows(evidence) // size), 1))
    return {EPOCHS: enough} if isinstance(epochs, int) and epochs < enough else {}


def _and_epochs(evidence: Evidence, size: int) -> str:
    return "".join(f" and `epochs={more}`, as there are fewer updates" for more in _epochs_for(evidence, size).values())


def _gap(evidence: Evidence) -> str:
    """How the loss differs between training and evaluation, where that is known."""
    alone = evidence.metrics.get("train", {}).get("loss")
    if alone is None or not len(evidence.loss):
        return ""
    return (
        f": the training loss is {evidence.loss[-1]:.3g} in training, and {alone:.3g} with the statistics of all rows"
    )
