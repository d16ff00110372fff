"""The weight decay where nobody has said, for few rows and for classes: what the rows do not support fades away."""

from dataclasses import replace
from typing import NamedTuple

from batchwright.config import Config
from batchwright.nn import MLP, Tabular
from batchwright.optim import Adam

DECAY, EXCLUDE = "optimizer.weight_decay", "optimizer.exclude"
NO_DECAY = ("bias", "gamma", "beta")
"""Biases, and the scales and shifts of normalization: they say how large the answers are."""
SHRINK = 0.01
"""The share of each kernel that an update at the highest learning rate takes away: what the gradients of the next
hundred updates do not ask for again is mostly forgotten."""
WIDE = 128
"""Units of a layer up to which the decay is in proportion to them. Adam moves an entry of a kernel by the learning rate
η at most, so with a decay λ none grows beyond 1/λ, and few units could not add up to a steep line."""


class Decay(NamedTuple):
    """A weight decay, and why."""

    weight_decay: float
    reason: str


def decay_again(first: Config, other: Config) -> float | None:
    """The weight decay of another learning rate or network, where that of the first follows from the rows.

    An update shrinks the kernels of both by the same share, but for the widths of their layers.
    """
    own, of_first = (decay_for(_undecayed(config), 1.0) for config in (other, first))
    if own is None or of_first is None or first.optimizer.weight_decay is None:
        return None
    return float(f"{first.optimizer.weight_decay * own.weight_decay / of_first.weight_decay:.3g}")


def _undecayed(config: Config) -> Config:
    return replace(config, optimizer=replace(config.optimizer, weight_decay=None, exclude=()))


def decay_for(config: Config, strength: float) -> Decay | None:
    """Choose the weight decay of Adam on an MLP; None where the user has chosen, or it is not known.

    Without batch normalization there is none: nothing would then keep a steep line steep. Nor has an ensemble any: it
    would take away the scales by which its submodels differ.

    Args:
        config: network, update rule and training; what is set there stays.
        strength: in [0, 1], a factor: 1 for the fewest rows, 0 where the number of rows does not matter.
    """
    network, rule = config.network, config.optimizer
    if strength <= 0 or type(rule) is not Adam or config.training.freeze:
        return None
    if not isinstance(network, MLP | Tabular) or network.ensemble or not network.hidden_layer_sizes:
        return None
    if network.batch_normalization is False:
        return None
    if rule.weight_decay is not None or rule.l2 is not None or rule.exclude:
        return None
    share = SHRINK * strength * min(1.0, min(network.hidden_layer_sizes) / WIDE)
    return Decay(float(f"{share / rule.learning_rate:.3g}"), f"an update shrinks each kernel by up to {share:.2%}")
