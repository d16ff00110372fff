"""What the two loss curves say after training: stopped too early, about right, or too late."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from batchwright.diagnosis.curves import Curve, curve_of, moving_means, noise_of, trend_of, width_of

Kind = Literal["underfitting", "about right", "overfitting", "unknown"]

FEWEST = 8
"""Epochs that a verdict needs: with fewer, the last quarter is a single step, where noise and trend look alike."""

NOTABLE = 0.02
"""A change of a loss that matters, as a share of the loss. A convention: less is hardly worth doubling the epochs."""

OF_DESCENT = 0.01
"""The same, as a share of the whole descent: near 0 a loss may double without meaning anything."""

SURE = 5.0
"""Standard errors that make a rise. The lowest of fifty means lies 2.3 standard errors below their mean by chance, and
the noise is estimated, from as few as six differences. On flat simulated curves with noise, 5 standard errors are
wrong at most once in 100 curves, and 4 twice."""

SLOPE_SURE = 3.0
"""Standard errors that make a slope, which is tested at one place only: wrong once in 700 by chance."""

GAP = 0.25
"""How far a flat validation loss may lie above the training loss, as a share of it. A convention, like the next."""

GAP_OF_START = 0.05
"""The same, as a share of the first epoch's training loss; the larger of the two limits counts."""

LOWERED = 0.1
"""Share of its peak at which a learning rate counts as lowered: below it every loss curve is flat, finished or not."""

FAR_BELOW = 0.25
"""Share of the lowest validation loss below which a training loss that stays where it is shows overfitting as well."""

HIGH = 0.5
"""Share of its peak above which a learning rate counts as high: a curve that is flat there is flat by itself."""

MOVED = 0.05
"""Share of its first value by which a flat validation loss has to have fallen. A convention too."""


@dataclass(frozen=True)
class Verdict:
    """What the loss curves say.

    Args:
        kind: "underfitting": the validation loss was still falling at the end; "overfitting": it has risen again while
            the training loss kept falling; "about right": it is flat, was flat before the learning rate was lowered,
            and is not far above the training loss; "unknown": none of these can be said.
        turned_at: for overfitting, the epoch of the lowest validation loss; else None.
        reason: one sentence with the numbers.
    """

    kind: Kind
    turned_at: int | None
    reason: str


def verdict(history: Sequence[Mapping[str, object]]) -> Verdict:
    """Judge a finished training by its training and validation loss.

    Noise is estimated from the second differences in the later half of a curve, which cancel a smooth trend; changes
    have to stand out from it. The training loss is measured during training, with dropout and before the updates of its
    epoch, so it may lie above the validation loss. Only its movement counts, and a gap in the other direction.

    A schedule that takes the learning rate towards 0 makes every curve flat at its end. So where the rate has been
    lowered, a flat end counts only if the curve was clearly flat before, at rates above half of the highest.

    It cannot see whether a larger network would end lower.

    Args:
        history: a row for each epoch, in order, with "loss", "val_loss" where there are validation rows, "epoch" (from
            1; by default the position of the row), and "learning_rate" (by default constant).

    >>> falling = [{"epoch": t, "loss": 2 * 0.9**t, "val_loss": 2.1 * 0.9**t} for t in range(1, 17)]
    >>> verdict(falling).kind
    'underfitting'
    >>> turning = [{"epoch": t, "loss": 0.8**t, "val_loss": 0.8**t + 0.03 * t} for t in range(1, 31)]
    >>> verdict(turning).kind, verdict(turning).turned_at
    ('overfitting', 9)
    """
    if len(history) < FEWEST:
        return _unknown_verdict(f"{len(history)} epochs are too few to judge by; it takes {FEWEST}")
    loss, validation = (curve_of(history, key) for key in ("loss", "val_loss"))
    if np.isnan(validation).all():
        return _unknown_verdict("there is no validation loss, and without one fitting too much looks like fitting well")
    epochs = [_epoch(row, place) for place, row in enumerate(history, start=1)]
    bad = np.flatnonzero(~np.isfinite(loss) | ~np.isfinite(validation))
    if len(bad):
        return _unknown_verdict(f"the loss of epoch {epochs[bad[0]]} is not finite")
    rates = curve_of(history, "learning_rate")
    return (
        _overfitting(loss, validation, epochs) or _underfitting(validation, epochs) or _level(loss, validation, rates)
    )


def _overfitting(loss: Curve, validation: Curve, epochs: Sequence[int]) -> Verdict | None:
    """The verdict if the validation loss ended significantly and notably above its minimum; else None."""
    width = width_of(validation)
    means, of_training = moving_means(validation, width), moving_means(loss, width)
    turn = int(np.argmin(means))
    lowest, last = float(means[turn]), float(means[-1])
    descent = max(float(validation[0]) - lowest, 0.0)
    matters = max(NOTABLE * abs(lowest), OF_DESCENT * descent)
    if last - lowest <= max(matters, SURE * noise_of(validation) * math.sqrt(2 / width)):
        return None
    before, after, turned_at = float(of_training[turn]), float(of_training[-1]), epochs[turn + width // 2]
    rose = f"the validation loss rose from {lowest:.4g} around epoch {turned_at} to {last:.4g}"
    error = SURE * noise_of(loss) * math.sqrt(2 / width)
    if before - after <= error and not (after < FAR_BELOW * lowest and after - before <= error):
        return _unknown_verdict(
            f"{rose}, but the training loss did not fall meanwhile ({before:.4g}, then {after:.4g}): rather a learning "
            "rate too large than too many epochs"
        )
    return Verdict("overfitting", turned_at, f"{rose}, while the training loss went from {before:.4g} to {after:.4g}")


def _notable_fall(curve: Curve, last: float) -> float:
    """How much a loss would have to fall from here to matter."""
    return max(NOTABLE * abs(last), OF_DESCENT * max(float(curve[0]) - last, 0.0))


def _underfitting(validation: Curve, epochs: Sequence[int]) -> Verdict | None:
    """Underfitting, if the slope of the last quarter promises a notable gain in as many epochs again; else None.

    A fall from a rise, to where the loss has been before, promises nothing.
    """
    last, slope, error, count = trend_of(validation)
    gain = -slope * count
    if gain <= _notable_fall(validation, last) or -slope <= SLOPE_SURE * error:
        return None
    width = width_of(validation)
    means = moving_means(validation, width)
    before = means[: len(validation) - count - width + 1]  # of epochs before the last quarter
    if len(before) and before.min() <= means[-1]:
        return _unknown_verdict(
            f"the validation loss fell to {means[-1]:.4g} over the last {count} epochs, but was at {before.min():.4g} "
            f"around epoch {epochs[int(before.argmin()) + width // 2]} and rose in between: rather a learning rate too "
            "large than too few epochs"
        )
    share = f" ({gain / last:.0%})" if last > 0 else ""
    return Verdict(
        "underfitting",
        None,
        f"the validation loss was still falling by {-slope:.3g} an epoch over the last {count}, to {last:.4g}: as many "
        f"more would gain up to {gain:.3g}{share}, and a larger network might as well",
    )


def _level(loss: Curve, validation: Curve, rates: Curve) -> Verdict:
    """The verdict if the validation loss neither rises nor falls at its end."""
    width = width_of(validation)
    last, of_training = float(validation[-width:].mean()), float(loss[-width:].mean())
    if float(validation[0]) - last <= MOVED * abs(float(validation[0])):
        return _unknown_verdict(
            f"the validation loss is {last:.4g} and was {validation[0]:.4g} after the first epoch: either nothing was "
            "learned, or all of it in one epoch"
        )
    both = f"the validation loss is flat at {last:.4g}, the training loss is {of_training:.4g}"
    if last - of_training > max(GAP * abs(last), GAP_OF_START * abs(float(loss[0]))):
        return _unknown_verdict(
            f"{both}: a wide gap, but no rise; more rows, dropout or weight decay might lower the first, and might not"
        )
    if _may_be_flattened(validation, rates):
        return _unknown_verdict(
            f"{both}, but so is every curve once the schedule has lowered the learning rate (to {rates[-1]:.2g}, from "
            f"{rates.max():.2g}): whether more epochs would gain, a run of twice as many can tell"
        )
    return Verdict("about right", None, f"{both}: neither more epochs nor fewer promise a notable gain")


def _may_be_flattened(validation: Curve, rates: Curve) -> bool:
    """Whether the lowered rate alone may make a curve flat: it was not clearly flat while the rate was high."""
    if np.isnan(rates).any() or rates[-1] > LOWERED * rates.max():
        return False
    while_high = validation[: int(np.flatnonzero(rates > HIGH * rates.max())[-1]) + 1]
    if len(while_high) < FEWEST:
        return True
    last, slope, error, count = trend_of(while_high)
    return (SLOPE_SURE * error - slope) * count > _notable_fall(while_high, last)


def _unknown_verdict(reason: str) -> Verdict:
    return Verdict("unknown", None, reason)


def _epoch(row: Mapping[str, object], place: int) -> int:
    epoch = row.get("epoch", place)
    return epoch if isinstance(epoch, int) else place
