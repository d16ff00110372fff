"""A network that is too small for what it has to learn."""

import math

import numpy as np

from batchwright.diagnosis.chance import FEWEST_EPOCHS, chance_loss
from batchwright.diagnosis.diagnosed import Diagnosis
from batchwright.diagnosis.evidence import Evidence

NARROW, ONE_OR_TWO = 4, 2
"""Units below which a hidden layer lets hardly anything pass; with one or two there is no doubt."""

SMALL = 0.02
"""Parameters per training row below which a network cannot learn rows by heart."""

LEFT = 0.2
"""The training loss that is left, as a share of what a constant answer reaches, above which there is more to learn."""

ALIKE = 1.15
"""Validation loss divided by training loss, up to which they count as alike: no sign of too many parameters."""


def too_little_capacity(evidence: Evidence) -> tuple[Diagnosis, ...]:
    """A training loss that stays high, in a network with a very narrow layer, or few parameters for its rows."""
    train, chance = evidence.metrics.get("train", {}).get("loss", math.nan), chance_loss(evidence)
    rows, parameters = evidence.plan.get("training_rows", 0), evidence.plan.get("parameters", 0)
    if chance is None or not train > LEFT * chance or not rows or len(evidence.history) < FEWEST_EPOCHS:
        return ()
    narrow, few = _narrowest(evidence), 0 < parameters < SMALL * rows
    validation = evidence.metrics.get("validation", {}).get("loss", math.nan)
    alike = bool(np.isnan(validation)) or validation < ALIKE * train
    if narrow >= NARROW and not (few and alike):
        return ()
    size = (
        f"a hidden layer has {narrow} unit{'s' if narrow > 1 else ''}"
        if narrow < NARROW
        else (f"the network has {parameters:,} parameters for {rows:,} rows")
    )
    return (
        Diagnosis(
            "too little capacity",
            "warning" if narrow < NARROW else "note",
            "sure" if narrow <= ONE_OR_TWO else "likely" if narrow < NARROW else "possible",
            f"{size}, and the training loss ends at {train:.3g}, where a constant answer reaches {chance:.3g}",
            "take more units: `network.hidden_layer_sizes=[64, 64]`",
            {"network.hidden_layer_sizes": [64, 64]},
            "loss",
        ),
    )


def _narrowest(evidence: Evidence) -> float:
    """The units of the narrowest hidden layer; infinite where there is none, or it is not known."""
    sizes = evidence.settings.get("network.hidden_layer_sizes")
    return min(sizes, default=math.inf) if isinstance(sizes, list | tuple) else math.inf
