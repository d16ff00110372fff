"""What the trials of a search are compared by: a figure of the history, and whether a larger one is better."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NoReturn

from batchwright.errors import ConfigError, unknown
from batchwright.tasks import METRICS_OF, Task


@dataclass(frozen=True)
class Objective:
    """The figure by which trials are compared.

    Args:
        monitor: its name in the history, as val_loss.
        larger_is_better: whether a larger one is better.

    >>> Objective("val_accuracy", True).best([0.5, 0.9, 0.8])
    0.9
    >>> Objective().best([])
    inf
    """

    monitor: str = "val_loss"
    larger_is_better: bool = False

    @property
    def direction(self) -> Literal["maximize", "minimize"]:
        """The word that Optuna has for what is better."""
        return "maximize" if self.larger_is_better else "minimize"

    @property
    def worst(self) -> float:
        """What stands in place of a figure that a trial does not have."""
        return -math.inf if self.larger_is_better else math.inf

    def cost(self, figure: float) -> float:
        """A number that is smaller where the figure is better."""
        return -figure if self.larger_is_better else figure

    def best(self, figures: Iterable[float]) -> float:
        """The best of some figures; the worst there can be, where there are none."""
        return min(figures, key=self.cost, default=self.worst)


LOSS = Objective()
UNCHANGED = ("log_loss", "rmse")
"""Metrics by which trials of different losses are compared, the first that the task reports."""


def objective_of(asked: str | None, task: Task, searched: Iterable[str]) -> Objective:
    """What is asked for, as the task reports it.

    Args:
        asked: the name of a metric, with or without `val_`; None is the loss, or where what is searched changes the
            loss, a metric that it does not change.
        task: the task of the trials.
        searched: the keys of what is searched.

    Raises:
        ConfigError: the task does not report it, or it is not the same in all trials.
    """
    changes_loss = any(key.startswith("task.") for key in searched)
    if asked is None:
        reported = [metric.name for metric in task.reported]
        asked = next((name for name in UNCHANGED if name in reported), "loss") if changes_loss else "loss"
    name = asked.removeprefix("val_")
    if name == "loss" and changes_loss:
        raise ConfigError("objective: the trials have different losses, which cannot be compared: take a metric.")
    if name == "loss":
        return LOSS
    found = next((metric for metric in task.reported if metric.name == name), None)
    if found is None:
        _refuse(asked, name, task)
    return Objective(f"val_{name}", found.larger_is_better)


def _refuse(asked: str, name: str, task: Task) -> NoReturn:
    """Say what may be asked for in place of a metric that is not reported."""
    if any(metric.name == name for metric in METRICS_OF.get(type(task), ())):
        raise ConfigError(f"objective: {name} is reported only where it is asked for: add `task.metrics=[{name}]`.")
    allowed = dict.fromkeys(("loss", *(metric.name for metric in task.reported)))
    raise ConfigError(unknown("objective", asked, allowed))
