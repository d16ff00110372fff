"""Units and gradients inside the network: dead, saturated, vanishing, exploding; and a bad start."""

from dataclasses import replace

import numpy as np

from batchwright.diagnosis.chance import chance_loss, starts_far_above
from batchwright.diagnosis.curves import Curve
from batchwright.diagnosis.diagnosed import Diagnosis
from batchwright.diagnosis.evidence import Evidence
from batchwright.diagnosis.remedy import Remedy, advice_of, changes_of, open_remedies

LOWER_RATE = Remedy("a lower learning rate")
RELU = Remedy("another activation (`network.activation=relu`)", {"network.activation": "relu"})

MOST = 0.5
"""The share of dead units, or of saturated outputs, above which a layer has lost most of its use."""

VANISHED = 1e-3
"""The gradient of the first hidden layer as a share of the last layer's. Healthy trainings measured 0.07 and more."""

EXPLODED = 1e3
"""The factor by which a gradient is larger than at first, or larger at the inputs than at the outputs."""

EARLY = 3
"""Measured epochs at the start that count for what happens early."""


def dead_units(evidence: Evidence) -> tuple[Diagnosis, ...]:
    """A layer most of whose units are 0 for all rows at the end."""
    name, share, first = _worst(evidence.layers("dead"))
    if share <= MOST:
        return ()
    gelu = Remedy("an activation that does not die (`network.activation=gelu`)", {"network.activation": "gelu"})
    left = open_remedies(evidence, gelu, LOWER_RATE)
    return (
        Diagnosis(
            "dead units",
            "warning",
            "sure",
            f"{share:.0%} of the units of {name} are 0 for all measured rows at the end ({first:.0%} after the first "
            "epoch)",
            advice_of(left),
            changes_of(left),
            f"layers/{name}/dead",
        ),
    )


def saturation(evidence: Evidence) -> tuple[Diagnosis, ...]:
    """A layer most of whose outputs are at the flat ends of a sigmoid or tanh."""
    name, share, first = _worst(evidence.layers("saturated"))
    if share <= MOST:
        return ()
    left = open_remedies(evidence, RELU, _scaled_inputs(evidence), LOWER_RATE)
    return (
        Diagnosis(
            "saturation",
            "warning",
            "sure",
            f"{share:.0%} of the outputs of {name} are where its activation is flat ({first:.0%} after the first "
            "epoch)",
            advice_of(left),
            changes_of(left),
            f"layers/{name}/saturated",
        ),
    )


def vanishing_gradients(evidence: Evidence) -> tuple[Diagnosis, ...]:
    """A gradient that is hardly there in the first hidden layer, compared with the last layer."""
    ends = _ends(evidence)
    if ends is None:
        return ()
    (first, of_first), (last, of_last) = ends
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = (of_first / of_last)[:EARLY]
    if not np.isfinite(shares).any() or float(np.nanmin(shares)) >= VANISHED:
        return ()
    normalized = Remedy(
        "batch normalization (`network.batch_normalization=true`)", {"network.batch_normalization": True}
    )
    left = open_remedies(evidence, RELU, normalized, Remedy("fewer layers"))
    return (
        Diagnosis(
            "vanishing gradients",
            "warning",
            "sure",
            f"in the first epochs the gradient of {first} is {np.nanmin(shares):.1g} of that of {last}",
            advice_of(left),
            changes_of(left),
            f"layers/{first}/gradient",
        ),
    )


def exploding_gradients(evidence: Evidence) -> tuple[Diagnosis, ...]:
    """A gradient that grew a thousandfold along training, or from the outputs to the inputs."""
    ends = _ends(evidence)
    if ends is None:
        return ()
    (first, of_first), (last, of_last) = ends
    with np.errstate(divide="ignore", invalid="ignore"):
        grew = float(np.nanmax(np.append(of_last / of_last[0], 0.0)))
        between = float(np.nanmax(np.append((of_first / of_last)[:EARLY], 0.0)))
    if grew <= EXPLODED and between <= EXPLODED:
        return ()
    evident = (
        f"the gradient of {last} grew {grew:.2g}-fold"
        if grew > EXPLODED
        else f"the gradient of {first} is {between:.2g} times that of {last}"
    )
    left = open_remedies(evidence, clipped(evidence), replace(LOWER_RATE, words="take a lower learning rate"))
    return (
        Diagnosis(
            "exploding gradients",
            "warning",
            "likely",
            evident,
            advice_of(left),
            changes_of(left),
            f"layers/{last}/gradient",
        ),
    )


def bad_start(evidence: Evidence) -> tuple[Diagnosis, ...]:
    """A first epoch whose loss is far above what a constant answer reaches, if there is anything to do about it."""
    chance = chance_loss(evidence)
    if chance is None or not starts_far_above(evidence):
        return ()
    left = open_remedies(
        evidence,
        _scaled_inputs(evidence),
        Remedy(
            "a warm-up (`schedule.name=one_cycle`)",
            {"schedule.name": "one_cycle"},
            is_set=bool(evidence.settings.get("schedule.warmup")),
        ),
        Remedy("other initial parameters (`network.initializer=auto`)", {"network.initializer": "auto"}),
    )
    if not left:
        return ()
    return (
        Diagnosis(
            "bad start",
            "warning",
            "possible",
            f"the training loss of the first epoch is {evidence.loss[0]:.3g}; a constant answer reaches {chance:.3g}",
            advice_of(left),
            changes_of(left),
            "loss",
        ),
    )


def clipped(evidence: Evidence) -> Remedy:
    """Gradients that are clipped, unless they are."""
    key = "optimizer.global_clipnorm"
    return Remedy(f"clip the gradients (`{key}=1`)", {key: 1.0}, is_set=bool(evidence.settings.get(key)))


def _scaled_inputs(evidence: Evidence) -> Remedy:
    """Scaled inputs, where they are not."""
    return Remedy("scaled inputs (`data.scaling=auto`)", is_set=evidence.settings.get("data.scaling", "none") != "none")


def _worst(shares: dict[str, Curve]) -> tuple[str, float, float]:
    """The layer with the largest share at the end: its name, that share, and the share at first."""
    known = {name: one for name, one in shares.items() if np.isfinite(one[-1])}
    name = max(known, key=lambda layer: float(known[layer][-1]), default="")
    return (name, float(known[name][-1]), float(known[name][0])) if name else ("", 0.0, 0.0)


def _ends(evidence: Evidence) -> tuple[tuple[str, Curve], tuple[str, Curve]] | None:
    """The gradients of the first and the last layer of weights, by name; None with fewer than three such layers."""
    found = [
        (name, one)
        for name, one in evidence.layers("gradient").items()
        if any(kind in name for kind in ("dense", "conv")) and not name.startswith("inputs")
    ]
    return (found[0], found[-1]) if len(found) > 2 else None
