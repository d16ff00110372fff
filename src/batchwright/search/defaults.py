"""The default search space: settings in the field's order of attention, as many as the trials allow.

First the learning rate; then momentum and hidden units; then layers, decay and dropout; Adam's betas last. The batch
size is measured instead, and the user's own choices stay as they are.
"""

from collections.abc import Iterator
from dataclasses import fields

from batchwright.config import Config, Settings
from batchwright.config.custom import hints_of
from batchwright.config.sections import SECTIONS
from batchwright.measure.learning_rate import default_rate
from batchwright.optim.rule import BETA_1, BETA_2, MOMENTUM, RHO
from batchwright.search.dimension import Dimension, dimension_of
from batchwright.workflow.averaging import SCHEDULE

SECOND, THIRD, FOURTH = 12, 40, 120
"""Numbers of trials from which the second, third and fourth group of settings are searched too."""
BELOW, ABOVE = 1.5, 1.5
"""Decades below and above a rule's default learning rate."""


def default_dimensions(settings: Settings, trials: int, *, averaged: bool = False) -> tuple[Dimension, ...]:
    """The settings that this number of trials can tell apart, without those that the user chose.

    Where the number of rows gives a steady rate with an average (`averaged`), that schedule stays in all trials.
    """
    return tuple(
        dimension
        for least, dimension in _dimensions_with_trials(settings.config)
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


def _dimensions_with_trials(config: Config) -> Iterator[tuple[int, Dimension]]:
    """Every dimension, with the trials from which on it is searched."""
    has = {f"{name}.{key}" for name in ("optimizer", "network") for key in hints_of(getattr(config, name))}
    usual = default_rate(config.optimizer)
    rates = (float(f"{usual * 10**-BELOW:.2g}"), float(f"{usual * 10**ABOVE:.2g}"))
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
