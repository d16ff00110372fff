"""A network whose layers cannot do what they are there for: by an activation, or by dropout that leaves too little."""

import math

from batchwright.diagnosis.capacity import ALIKE, LEFT
from batchwright.diagnosis.chance import chance_loss
from batchwright.diagnosis.diagnosed import Diagnosis
from batchwright.diagnosis.evidence import Evidence

ACTIVATION, DROPOUT, SIZES = "network.activation", "network.dropout", "network.hidden_layer_sizes"

MOST_DROPPED = 0.7
"""Dropout above which few units are left to learn from. Half of the units is the most that is usual."""


def unfit_activation(evidence: Evidence) -> tuple[Diagnosis, ...]:
    """Hidden layers without an activation, which are one linear layer together; or with a softmax, which ties units."""
    settings = evidence.settings
    activation, layers = settings.get(ACTIVATION), settings.get(SIZES)
    if not isinstance(layers, list | tuple) or not layers:
        return ()
    many = f"{len(layers)} hidden layer{'s' if len(layers) > 1 else ''}"
    if activation == "softmax":
        found = f"{many} with softmax: the outputs of a layer are shares of 1, of which most are near 0"
    elif activation == "identity" and settings.get("network.name") == "mlp":
        found = f"{many} without an activation: together they are one linear layer, whatever their sizes"
    else:
        return ()
    return (
        Diagnosis(
            "unfit activation",
            "warning",
            "sure",
            found,
            "take an activation for hidden layers: `network.activation=relu`",
            {ACTIVATION: "relu"},
        ),
    )


def too_much_dropout(evidence: Evidence) -> tuple[Diagnosis, ...]:
    """Dropout that leaves few units, a loss that stays high without it, and no sign of too many parameters."""
    share, chance = evidence.settings.get(DROPOUT), chance_loss(evidence)
    train, validation = (evidence.metrics.get(part, {}).get("loss", math.nan) for part in ("train", "validation"))
    if not isinstance(share, float) or share <= MOST_DROPPED or chance is None or not train > LEFT * chance:
        return ()
    if validation >= ALIKE * train:
        return ()
    return (
        Diagnosis(
            "too much dropout",
            "warning",
            "likely",
            f"dropout leaves {1 - share:.0%} of the units of each hidden layer, and the training loss ends at "
            f"{train:.3g} without it, where a constant answer reaches {chance:.3g}",
            "drop less: `network.dropout=0.2`",
            {DROPOUT: 0.2},
            "loss",
        ),
    )
