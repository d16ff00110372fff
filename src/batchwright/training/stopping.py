"""Early stopping: a pure function from the history of a run to its best epoch and a reason to stop, if any."""

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from operator import itemgetter
from typing import Annotated, Any, Literal

from annotated_types import Ge

from batchwright.errors import ConfigError, unknown
from batchwright.tasks.metrics import METRICS

PATIENCE = 10
"""Epochs to wait for an improvement where nobody has said."""


@dataclass(frozen=True)
class Stop:
    """Stop training; `reason` is the sentence that says why."""

    reason: str


@dataclass(frozen=True)
class SoFar:
    """What a history shows: the best epoch so far (from 1; None before any is finite), and a stop, if any."""

    best_epoch: int | None
    stop: Stop | None


@dataclass(frozen=True)
class EarlyStopping:
    """Stop when a metric has not improved for `patience` epochs.

    An epoch is an improvement when it beats the last improvement by more than `min_delta`. The best epoch is the one
    with the best value of all, however small its lead; among equals, the first. A value that is not finite is never
    better.

    Args:
        monitor: a metric in the history: `val_loss`, `val_` and the name of a metric, or `loss`, the training loss.
        patience: epochs to wait for an improvement, 1 or more; None is 10, or more in the training of few rows.
        min_delta: how much better an improvement has to be, 0 or more, in the unit of the metric.
        restore_best: whether to keep the best epoch's parameters rather than the last's.
        mode: whether larger ("max") or smaller ("min") is better; "auto" decides by the metric.

    Keras and PyTorch Lightning wait in the same way; Keras's best epoch is the last improvement by `min_delta`.

    >>> history = [{"val_loss": loss} for loss in (0.9, 0.5, 0.6, 0.7)]
    >>> verdict = EarlyStopping(patience=2).verdict(history)
    >>> verdict.best_epoch, verdict.stop.reason
    (2, 'val_loss has not improved for 2 epochs; its best is 0.5, in epoch 2')
    """

    monitor: str = "val_loss"
    patience: Annotated[int, Ge(1)] | None = 5
    min_delta: Annotated[float, Ge(0)] = 0.0
    restore_best: bool = True
    mode: Literal["auto", "min", "max"] = "auto"

    def verdict(self, history: Sequence[Mapping[str, object]]) -> SoFar:
        """Judge the epochs finished so far, one row each, in order.

        Raises:
            ConfigError: a row lacks the monitored metric.
        """
        figures = self._figures(history)
        costs = [-figure for figure in figures] if self._larger_is_better else figures
        best = min(filter(math.isfinite, costs), default=None)
        best_epoch = None if best is None else costs.index(best) + 1
        improved = _last_better(costs, self.min_delta) if self.min_delta else best_epoch or 0
        waited = len(costs) - improved
        if waited < (self.patience or PATIENCE):
            return SoFar(best_epoch, None)
        by = f" by more than {self.min_delta:g}" if self.min_delta else ""
        where = (
            "it was never finite"
            if best_epoch is None
            else f"its best is {figures[best_epoch - 1]:.6g}, in epoch {best_epoch}"
        )
        epochs = "epoch" if waited == 1 else "epochs"
        return SoFar(best_epoch, Stop(f"{self.monitor} has not improved{by} for {waited} {epochs}; {where}"))

    @property
    def _larger_is_better(self) -> bool:
        metric = METRICS.get(self.monitor.removeprefix("val_"))
        return self.mode == "max" or (self.mode == "auto" and metric is not None and metric.larger_is_better)

    def _figures(self, history: Sequence[Mapping[str, object]]) -> list[float]:
        """The monitored metric of each epoch; nearly always these are all floats, and soon looked through."""
        with suppress(KeyError):
            found: list[Any] = list(map(itemgetter(self.monitor), history))
            if set(map(type, found)) <= {float}:
                return found
        return list(map(self._figure, history))

    def _figure(self, row: Mapping[str, object]) -> float:
        figure = row.get(self.monitor)
        if not isinstance(figure, int | float):
            numbers = [key for key, value in row.items() if isinstance(value, int | float)]
            raise ConfigError(unknown("figure to monitor in early_stopping", self.monitor, numbers))
        return float(figure)


def _last_better(costs: Sequence[float], min_delta: float) -> int:
    """The last epoch (from 1) that was more than `min_delta` below the improvement before it; 0 if none is finite."""
    epoch, bar = 0, math.inf
    for number, cost in enumerate(costs, start=1):
        if math.isfinite(cost) and cost < bar - min_delta:
            epoch, bar = number, cost
    return epoch
