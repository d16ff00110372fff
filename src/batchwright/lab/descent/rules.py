"""The twelve rules of the lab: those of the product, three of them in two forms."""

from collections.abc import Mapping
from typing import Any

from batchwright.config.components import from_plain, to_plain
from batchwright.errors import UsageError, unknown
from batchwright.optim import OPTIMIZERS, SGD, Adam, Optimizer

RULES: dict[str, Optimizer] = {
    "sgd": SGD(),
    "momentum": SGD(momentum=0.9),
    "nesterov": SGD(momentum=0.9, nesterov=True),
    "adam": Adam(),
    "amsgrad": Adam(amsgrad=True),
} | {rule.name: from_plain({"name": rule.name}, OPTIMIZERS) for rule in OPTIMIZERS if rule not in (SGD, Adam)}
"""Update rules by the name that people know them by."""


def rule_of(named: Optimizer | str, values: Mapping[str, Any] | None = None) -> Optimizer:
    """A rule, or the one of this name, with other numbers where `values` has them.

    Raises:
        UsageError: there is no such rule, or a number is out of its range.

    >>> rule_of("momentum", {"momentum": 0.5}).momentum
    0.5
    """
    if isinstance(named, str) and named not in RULES:
        raise UsageError(unknown("rule", named, RULES))
    rule = RULES[named] if isinstance(named, str) else named
    return from_plain({**to_plain(rule), **values}, OPTIMIZERS) if values else rule


def name_of(rule: Optimizer) -> str:
    """The name in the lab of a rule, such as momentum for SGD with a momentum."""
    if isinstance(rule, SGD):
        return "nesterov" if rule.nesterov else "momentum" if rule.momentum else "sgd"
    return "amsgrad" if isinstance(rule, Adam) and rule.amsgrad else rule.name
