"""Reports on a training while it goes on: lines of text, and scikit-learn's callbacks if its version has them."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from batchwright.training.checkpoint import EpochRow

try:
    from sklearn import callback as callbacks
except ImportError:  # scikit-learn before 1.9
    callbacks = None

CallbackSupportMixin: Any = object if callbacks is None else callbacks.CallbackSupportMixin
M = TypeVar("M", bound=Callable[..., Any])


def with_callbacks(method: M) -> M:
    """The method, which leaves no callback waiting however it ends."""
    managed: M = method if callbacks is None else callbacks.with_callbacks(method)
    return managed


__all__ = ["CallbackSupportMixin", "Following", "with_callbacks"]

Attributes = Callable[[], Mapping[str, Any]]
"""The fitted attributes that make an estimator ready to predict as if training had stopped now."""


class Following:
    """The callbacks of an estimator in one call of `fit` or `partial_fit`, and what `verbose` prints.

    Args:
        estimator: whose callbacks are called.
        data: X, y and metadata as the user gave them, for the callbacks.
        epochs: how many there may be.
        task: the name of the method.
        verbose: whether a line is printed after each epoch.
    """

    def __init__(self, estimator: Any, data: Mapping[str, Any], *, epochs: int, task: str, verbose: bool) -> None:
        self._estimator, self._data, self._verbose = estimator, data, verbose
        self._of = f" of {epochs:,}" if task == "fit" else ""
        self._task: Any = None
        self._epoch: Any = None
        if hasattr(estimator, "_init_callback_context"):
            self._task = estimator._init_callback_context(task_name=task, max_subtasks=epochs)
            self._task.call_on_fit_task_begin(estimator=estimator, **data)

    def epoch_begins(self) -> None:
        """Tell the callbacks that an epoch begins, unless one is going on."""
        if self._task is not None and self._epoch is None:
            self._epoch = self._task.subcontext(task_name="epoch")
            self._epoch.call_on_fit_task_begin(estimator=self._estimator, **self._data)

    def epoch_ends(self, row: EpochRow, attributes: Attributes) -> bool:
        """Tell of the epoch that has just ended; whether a callback asks for no more."""
        if self._verbose:
            print(_line(row, self._of, self._estimator._kind.score))  # noqa: T201
        if self._task is None:
            return False
        self.epoch_begins()
        ended, self._epoch = self._epoch, None
        return bool(self._end(ended, attributes))

    def ends(self, attributes: Attributes) -> None:
        """Tell the callbacks that the whole has ended."""
        if self._task is not None:
            self._end(self._task, attributes)

    def _end(self, task: Any, attributes: Attributes) -> Any:
        return task.call_on_fit_task_end(estimator=self._estimator, reconstruction_attributes=attributes, **self._data)


def _line(row: EpochRow, of_all: str, score: str) -> str:
    """An epoch in a line, with its losses, and the score on rows held out."""
    figures = [name for name in ("loss", "val_loss", score) if name in row]
    shown = ", ".join(f"{name} {row[name]:.6g}" for name in figures)
    return f"epoch {row['epoch']:,}{of_all}: {shown}"
