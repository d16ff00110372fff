"""The default search space: settings in the field's order of attention, as many as the trials allow.

First the learning rate; then momentum and hidden units; then layers, decay and dropout; Adam's betas last. The batch
size is measured instead, and the user's own choices stay as they are.
"""

from collections.abc import Iterator
from dataclasses import fields
from math import inf

from batchwright.config import Config, Settings
from batchwright.config.custom import hints_of
from batchwright.config.sections import SECTIONS
from batchwright.optim.rule import BETA_1, BETA_2, MOMENTUM, RHO, default_rate
from batchwright.search.dimension import Dimension, dimension_of
from batchwright.workflow.averaging import SCHEDULE

SECOND, THIRD, FOURTH = 12, 40, 120
"""Numbers of trials from which the second, third and fourth group of settings are searched too."""
BELOW, ABOVE = 1.5, 1.5
"""Decades below and above the default learning rate, of the network or else of the rule."""
MOST = 1.0
"""The highest rate around that of a network."""


def default_dimensions(
    settings: Settings, trials: int, *, averaged: bool = False, rate: float | None = None
) -> tuple[Dimension, ...]:
    """The settings that this number of trials can tell apart, without those that the user chose.

    Where the number of rows gives a steady rate with an average (`averaged`), that schedule stays in all trials. The
    `rate` that the network has by default, if it has one, is in the middle of those that are searched, up to 1.
    """
    return tuple(
        dimension
        for least, dimension in _dimensions_with_trials(settings.config, rate)
        if trials >= least and _is_free(settings, dimension.key) and not (averaged and dimension.key == SCHEDULE)
    )


def _is_free(settings: Settings, key: str) -> bool:
    """Whether nobody has chosen the value of a key; of a part of the user's own, whether it has its default."""
    name, _, number = key.partition(".")
    section = next(section for section in SECTIONS if section.name == name)
    part = getattr(settings.config, name)
    if not section.is_custom(part):
        return settings.origins.get(key) == "default"
    return any(one.name == number and one.default == getattr(part, number) for one in fields(part))


def _rates(usual: float, most: float = inf) -> tuple[float, float]:
    """The range of rates around the usual one.

    >>> _rates(0.1), _rates(0.1, MOST)
    ((0.0032, 3.2), (0.0032, 1.0))
    """
    return float(f"{usual * 10**-BELOW:.2g}"), min(float(f"{usual * 10**ABOVE:.2g}"), most)


def _dimensions_with_trials(config: Config, rate: float | None) -> Iterator[tuple[int, Dimension]]:
    """Every dimension, with the trials from which on it is searched."""
    has = {f"{name}.{key}" for name in ("optimizer", "network") for key in hints_of(getattr(config, name))}
    rates = _rates(default_rate(config.optimizer)) if rate is None else _rates(rate, MOST)
    ranges = (
        (1, Dimension("optimizer.learning_rate", "log", rates)),
        (SECOND, dimension_of(MOMENTUM)),
        (THIRD, Dimension("optimizer.weight_decay", "log", (1e-6, 1e-1))),
        (THIRD, Dimension("network.dropout", "uniform", (0.05, 0.5))),
        *((FOURTH, dimension_of(number)) for number in (RHO, BETA_1, BETA_2)),
    )
    known = {dimension.key for _, dimension in ranges}
    tuned = {f"optimizer.{form.tuned.name}": form.tuned for form in config.optimizer.forms() if form.tuned}
    ranges += tuple((FOURTH, dimension_of(number)) for key, number in tuned.items() if key not in known)
    yield from ((least, dimension) for least, dimension in ranges if dimension.key in has)
    if "network.hidden_layer_sizes" in has:
        yield SECOND, Dimension("network.hidden_layer_sizes", "choice", ([64], [256], [256, 128], [512, 256]))
    yield THIRD, Dimension(SCHEDULE, "choice", ("one_cycle", "cosine", "constant"))
