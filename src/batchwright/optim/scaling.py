"""How the numbers of an update rule change when the batch size B becomes κ·B.

If the noise of the gradients outweighs their mean, a training is described by the joint effect of κ iterations of B
rows: how far the mean gradient moves the parameters, and how far noise scatters them. A rule for κ·B rows should do the
same in one iteration. The noise of its gradient is √κ times smaller (its variance belongs to a mean over κ times as
many rows), and so is everything in the gradient's own unit.

    SGD                 η → κ·η                 the linear rule; the step is the gradient itself
    all that divide     η → √κ·η                the square-root rule: dividing by the gradient's own size, which is that
    by its size                                 of the noise, has made the step √κ times longer already
    their averages      β → 1 − κ·(1 − β)       so that they reach back over as many rows as before
    their ε             ε → ε/√κ, or ε/κ        as the gradient where it is added to √v, as its square where to v

None of this holds if the mean of the gradient outweighs its noise, that is, for batches beyond the noise scale: there a
larger batch allows no larger rate. A larger rate also has to stay stable; Goyal et al. warm it up over five epochs, for
which the schedules here have `warmup`.

These do not change: l2, which is part of the loss; a weight decay λ, since w ← w − η·λ·w contains the rate already (for
SGD the decay per row stays the same, for the others it becomes √κ times weaker: √κ·λ would keep it, see Wang and
Aitchison); momentum μ; and the limits of clipping, which guard against outliers and not against noise.

References:
    Goyal et al., Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour, 2017, arXiv 1706.02677.
    Malladi, Lyu, Panigrahi and Arora, On the SDEs and Scaling Rules for Adaptive Gradient Algorithms, 2022, arXiv
        2205.10287.
    McCandlish, Kaplan, Amodei et al., An Empirical Model of Large-Batch Training, 2018, arXiv 1812.06162.
    Wang and Aitchison, How to set AdamW's weight decay as you scale model and dataset size, 2024, arXiv 2405.13698.
"""

import dataclasses
import math
from typing import TypeVar

from batchwright.errors import ConfigError, unknown
from batchwright.optim.optimizers import OPTIMIZERS, Optimizer
from batchwright.optim.rule import Scaling

O = TypeVar("O", bound=Optimizer)  # noqa: E741

MEAN_FLOOR = 0.0
"""Smallest β of an average of gradients: no average at all. A batch with more rows than it covered replaces it."""

SQUARE_FLOOR = 0.5
"""Smallest β of an average of squares: two batches. With one, d is the gradient's sign, and a centred square is 0."""


def scaling_of(optimizer: Optimizer) -> Scaling:
    """How the numbers of a rule follow the batch size, as the rule says.

    Raises:
        ConfigError: it does not say, or names a number that it does not have.

    >>> from batchwright.optim import SGD
    >>> scaling_of(SGD()).rate
    1.0
    """
    scaling = optimizer.scaling()
    if scaling is None:
        known = [rule.name for rule in OPTIMIZERS if rule.scaling is not Optimizer.scaling]
        raise ConfigError(
            f"how {optimizer.name!r} depends on the batch size is not known: find its learning rate anew. It is known "
            f"of {', '.join(known)}, and of a rule of your own where it has the method scaling."
        )
    numbers = [field.name for field in dataclasses.fields(optimizer)]
    for name in (*scaling.means, *scaling.squares, *scaling.powers):
        if name not in numbers:
            raise ConfigError(f"the scaling of {optimizer.name!r}: {unknown('number', name, numbers)}")
    return scaling


def rescale(optimizer: O, factor: float) -> O:
    """The rule for batches `factor` times as large that does the same per row as `optimizer` does now.

    A β that would fall below its floor (`MEAN_FLOOR` or `SQUARE_FLOOR`), as κ·(1 − β) nears 1, stays there, or at its
    present value if that is lower. From then on the two trainings are less alike, and going back does not give the old
    rule.

    Args:
        optimizer: a rule that has a `scaling`.
        factor: κ > 0, the new batch size divided by the old.

    Raises:
        ConfigError: a factor that is not above 0 and finite, or a rule whose numbers follow the batch size in an
            unknown way (Adadelta, Optax's rules, and other people's).

    >>> from batchwright.optim import SGD, Adam
    >>> rescale(SGD(0.1, momentum=0.9), 4).learning_rate
    0.4
    >>> rule = rescale(Adam(0.001), 4)
    >>> rule.learning_rate, round(rule.beta_1, 6), round(rule.beta_2, 6), rule.epsilon
    (0.002, 0.6, 0.996, 5e-08)
    """
    if not 0 < factor < math.inf:
        raise ConfigError(f"factor must hold 0 < factor < infinity, but got {factor}.")
    scaling = scaling_of(optimizer)
    numbers = {"learning_rate": scaling.rate, **scaling.powers}
    values = {name: getattr(optimizer, name) * factor**power for name, power in numbers.items()}
    for names, floor in ((scaling.means, MEAN_FLOOR), (scaling.squares, SQUARE_FLOOR)):
        values |= {name: _rescale_beta(getattr(optimizer, name), factor, floor) for name in names}
    return dataclasses.replace(optimizer, **values)


def changes(old: Optimizer, new: Optimizer) -> dict[str, float]:
    """The numbers of `new` that differ from `old`, by name.

    Raises:
        ConfigError: they are different rules.

    >>> from batchwright.optim import SGD
    >>> changes(SGD(0.1), rescale(SGD(0.1), 2))
    {'learning_rate': 0.2}
    """
    if type(old) is not type(new):
        raise ConfigError(f"{old.name!r} and {new.name!r} are two rules: only numbers of the same one can be compared.")
    values = {field.name: getattr(new, field.name) for field in dataclasses.fields(new)}
    return {name: value for name, value in values.items() if isinstance(value, float) and value != getattr(old, name)}


def _rescale_beta(beta: float, factor: float, floor: float) -> float:
    """1 − κ·(1 − β), not below the floor."""
    return beta if factor == 1.0 else max(1.0 - factor * (1.0 - beta), min(beta, floor))
