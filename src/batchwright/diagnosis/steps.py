"""A learning rate that is too high or too low, judged by how far the updates move and by what the loss then does."""

import numpy as np

from batchwright.diagnosis.chance import FEWEST_EPOCHS, starts_far_above
from batchwright.diagnosis.curves import Curve, moving_means, noise_of, width_of
from batchwright.diagnosis.diagnosed import Diagnosis
from batchwright.diagnosis.evidence import Evidence
from batchwright.diagnosis.noise import has_all_rows
from batchwright.diagnosis.remedy import Remedy, advice_of, changes_of, open_remedies
from batchwright.diagnosis.units import clipped
from batchwright.diagnosis.verdict import NOTABLE, SURE
from batchwright.optim.reach import BOUNDED, REACH, linear_rate

RATE = "optimizer.learning_rate"
NEARLY = 0.5
"""The share of the usual reach of a linear network's weights below which it is too short."""
LARGE_STEP, LARGE_FIRST = 4e-3, 2e-2
"""Updates that move a layer by more than these shares of its norm, in the middle of training and after the first epoch,
are large. Of sound trainings the largest measured were 2e-3 and 8e-3. By itself it is no fault: something has to suffer
from it."""

END_LOW = ("cosine", "one_cycle")
"""Schedules whose rate ends near 0."""

ROSE, UNSTEADY, DIED = 0.05, 0.2, 0.3
"""What large steps do to a training: the share of its descent by which the training loss rises again, the deviation of
the validation loss from epoch to epoch as a share of it, the share of dead units. Weights that grow are no sign: in
a network of one unit they grow in sound training."""

ALL_MOVES = 0.05
"""The share of its norm by which a layer can move in a whole training with a rate that is far too low."""

USUAL_STEP = 3e-3
"""The largest updates of a sound training move its middle layer by about this share of its norm: half of 92 sound
trainings measured 1.3e-3 to 5.1e-3."""

SMALL = 2.0
"""By how many times updates are smaller than the usual ones where their size is what is wrong."""

UNKNOWN_STEP = 100.0
"""The factor where no update moved the middle layer at all, as in float32 with a rate of 1e-12."""


def diverged(evidence: Evidence) -> tuple[Diagnosis, ...]:
    """A loss that was not finite."""
    if evidence.status != "diverged" and (evidence.finite() or not evidence.history):
        return ()
    left = open_remedies(evidence, Remedy(f"take a lower learning rate{_named(evidence, 0.1)}"), clipped(evidence))
    return (
        Diagnosis(
            "diverged",
            "error",
            "sure",
            evidence.reason or "a loss in the history is not finite",
            advice_of(left),
            _times(evidence, 0.1),
            "loss",
        ),
    )


def learning_rate_too_high(evidence: Evidence) -> tuple[Diagnosis, ...]:
    """A training loss that rises again, or large updates with a loss, weights or units that suffer from them."""
    if not evidence.finite() or len(evidence.history) < FEWEST_EPOCHS:
        return ()
    first, middle = _steps(evidence.layers("update_ratio"))
    scaled = evidence.settings.get("data.scaling") != "none"
    large = first > LARGE_FIRST or middle > LARGE_STEP or (scaled and starts_far_above(evidence))
    large &= not evidence.is_linear  # its weights have far to go, and it begins anywhere
    rise = _rise(evidence.loss)
    signs = [*rise, *(_signs(evidence) if large else [])]
    if not signs:
        return ()
    moves = f"; an update moves a layer by {middle:.1%} of its norm, at first {first:.1%}" if large else ""
    return (
        Diagnosis(
            "learning rate too high",
            "warning",
            "sure" if rise and large else "likely",
            f"{' and '.join(signs)}{moves}",
            f"take a lower learning rate{_named(evidence, 0.1)}{_or_measure(evidence)}",
            _times(evidence, 0.1),
            "loss",
        ),
    )


def learning_rate_too_low(evidence: Evidence) -> tuple[Diagnosis, ...]:
    """A loss that still falls, by updates that cannot move a layer, or the weights of a linear network, far enough."""
    if evidence.is_linear:
        return _linear_rate_too_low(evidence)
    steps = evidence.layers("update_ratio")
    updates, largest = (
        evidence.plan.get("updates", 0),
        max((float(np.nanmax(one)) for one in steps.values()), default=1),
    )
    if not evidence.finite() or len(evidence.loss) < 2 or updates * largest >= ALL_MOVES:
        return ()
    fell, factor = evidence.loss[-1] < evidence.loss[0], _factor_to_usual(steps)
    if factor < SMALL:
        return ()  # updates of the usual size, and too few of them
    return (
        Diagnosis(
            "learning rate too low",
            "warning",
            "likely" if fell else "possible",
            f"an update moves a layer by {largest:.1g} of its norm, so {updates:,} updates move it by "
            f"{updates * largest:.1%} at most; the training loss went from {evidence.loss[0]:.4g} to "
            f"{evidence.loss[-1]:.4g}",
            f"take a higher learning rate{_named(evidence, factor)}, with which updates are of the usual size"
            f"{_or_measure(evidence)}",
            _times(evidence, factor),
            "loss",
        ),
    )


def _linear_rate_too_low(evidence: Evidence) -> tuple[Diagnosis, ...]:
    """A loss that still falls at the end, with a rate that cannot bring the weights of a linear network to their place.

    Judged by rules with which a weight moves by about the learning rate in an update.
    """
    rate, updates = evidence.settings.get(RATE), evidence.plan.get("updates", 0)
    bounded = evidence.settings.get("optimizer.name") in {rule.name for rule in BOUNDED}
    if not bounded or not isinstance(rate, int | float) or not updates or rate * updates >= REACH * NEARLY:
        return ()
    if not evidence.finite() or len(evidence.loss) < 2 or evidence.loss[-1] >= evidence.loss[-2]:
        return ()
    if (better := linear_rate(updates)) <= rate:
        return ()
    return (
        Diagnosis(
            "learning rate too low",
            "warning",
            "likely",
            f"an update moves a weight by about the learning rate, {rate:g} at most, so {updates:,} updates move it by "
            f"{rate * updates:.2g}: those of a linear network may have farther to go, and the training loss still "
            f"fell, to {evidence.loss[-1]:.4g}",
            f"take a higher learning rate (`learning_rate={better:g}`){_or_measure(evidence)}",
            {RATE: better},
            "loss",
        ),
    )


def oscillating(evidence: Evidence) -> tuple[Diagnosis, ...]:
    """A validation loss that jumps from epoch to epoch to the end."""
    curve = evidence.validation
    if not evidence.finite() or len(curve) < 2 * FEWEST_EPOCHS or not np.isfinite(curve).all():
        return ()
    level, noise = float(np.median(curve[-max(12, len(curve) // 2) :])), noise_of(curve)
    if noise <= UNSTEADY * level or noise <= NOTABLE * (float(curve[0]) - float(curve.min())):
        return ()
    rate = Remedy(f"take a lower learning rate{_named(evidence, 0.3)}", _times(evidence, 0.3))
    cosine = Remedy(
        "a schedule that ends low (`schedule.name=cosine`)",
        {"schedule.name": "cosine"},
        is_set=evidence.settings.get("schedule.name") in END_LOW,
    )
    left = open_remedies(evidence, rate, _larger_batches(evidence), cosine)
    return (
        Diagnosis(
            "oscillating",
            "note" if evidence.best_kept else "warning",
            "possible",
            f"the validation loss still varies by {noise:.3g} from epoch to epoch, around {level:.3g}",
            advice_of(left),
            changes_of(left),
            "val_loss",
        ),
    )


def _larger_batches(evidence: Evidence) -> Remedy:
    """Larger batches, where a batch does not have all rows."""
    return Remedy("larger batches", is_set=has_all_rows(evidence))


def _rise(loss: Curve) -> list[str]:
    """A sentence, if the training loss ended significantly and notably above its minimum."""
    width = width_of(loss)
    means = moving_means(loss, width)
    turn = int(np.argmin(means))
    lowest, last, descent = float(means[turn]), float(means[-1]), float(loss[0]) - float(means.min())
    enough = max(ROSE * max(descent, 0.0), UNSTEADY * abs(lowest), SURE * noise_of(loss) * np.sqrt(2 / width))
    return [f"the training loss rose from {lowest:.3g} to {last:.3g}"] if last - lowest > enough else []


def _signs(evidence: Evidence) -> list[str]:
    """What suffers from large steps, besides the training loss."""
    found, validation = [], evidence.validation
    if np.isfinite(validation).all():
        noise, level = noise_of(validation), float(np.median(validation[len(validation) // 2 :]))
        if noise > UNSTEADY * abs(level):
            found.append(f"the validation loss varies by {noise:.3g} around {level:.3g}")
    died = max((float(one[-1]) for one in evidence.layers("dead").values()), default=0.0)
    if died > DIED:
        found.append(f"{died:.0%} of the units of a layer are dead")
    return found


def _steps(ratios: dict[str, Curve]) -> tuple[float, float]:
    """The update ratio after the first epoch, and in the middle of training, of the median layer; 0 if not measured."""
    found = []
    for place in (0.0, 0.5):
        values = [float(one[int(place * len(one))]) for one in ratios.values()]
        values = [value for value in values if np.isfinite(value)]
        found.append(float(np.median(values)) if values else 0.0)
    return found[0], found[1]


def _factor_to_usual(ratios: dict[str, Curve]) -> float:
    """By what the rate is multiplied so that the largest update of the middle layer is of the usual size.

    An update is proportional to the rate, as long as hardly anything has been learned.
    """
    largest = [step for one in ratios.values() if np.isfinite(step := float(np.nanmax(one)))]
    middle = float(np.median(largest)) if largest else 0.0
    return USUAL_STEP / middle if middle > 0 else UNKNOWN_STEP


def _times(evidence: Evidence, factor: float) -> dict[str, float]:
    """The learning rate times a factor, to two digits; nothing where it is not known."""
    rate = evidence.settings.get(RATE)
    return {RATE: float(f"{rate * factor:.2g}")} if isinstance(rate, int | float) else {}


def _or_measure(evidence: Evidence) -> str:
    """What finds a rate, unless the rate was found so."""
    return "" if RATE in evidence.measured else "; `learning_rate=auto` measures one"


def _named(evidence: Evidence, factor: float) -> str:
    return "".join(f" (`learning_rate={rate:g}`)" for rate in _times(evidence, factor).values())
