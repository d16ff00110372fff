"""From the arguments of an estimator to what a training is made of."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from batchwright.config import from_plain
from batchwright.errors import ConfigError, unknown
from batchwright.training.plan import MOST_UPDATES
from batchwright.training.stopping import EarlyStopping


def part(what: str, chosen: Any, classes: tuple[type[Any], ...], numbers: Mapping[str, float | None]) -> Any:
    """The update rule or schedule that a name or an instance stands for, with these numbers in place of its own."""
    given = {name: number for name, number in numbers.items() if number is not None}
    by_name = {cls.name: cls for cls in classes}
    cls = by_name.get(chosen) if isinstance(chosen, str) else type(chosen)
    if cls is None or not dataclasses.is_dataclass(cls):
        raise ConfigError(unknown(what, str(chosen), by_name))
    for name in given.keys() - _fields(cls):
        takers = ", ".join(repr(other) for other, rule in by_name.items() if name in _fields(rule))
        raise ConfigError(f"{what} {chosen!r} takes no {name}: leave it out, or take one of {takers}.")
    return (
        from_plain({"name": chosen} | given, classes)
        if isinstance(chosen, str)
        else dataclasses.replace(chosen, **given)
    )


def _fields(cls: Any) -> set[str]:
    return {field.name for field in dataclasses.fields(cls)}


def stopping_of(
    setting: bool | int | EarlyStopping, *, tol: float | None, n_iter_no_change: float | None
) -> EarlyStopping | None:
    """When training stops before its last epoch: by rows held out, by the training loss, or never.

    Raises:
        ConfigError: a number is out of range, or given twice.
    """
    if isinstance(setting, EarlyStopping):
        if tol is not None:
            raise ConfigError("early_stopping has a min_delta of its own: leave tol out.")
        return setting
    if setting is False and tol is None:
        return None
    patience = _patience(n_iter_no_change if isinstance(setting, bool) else setting)
    if tol is not None and not 0.0 <= tol < float("inf"):
        raise ConfigError(f"tol must be a number of at least 0, or None, but is {tol!r:.60}.")
    if setting is False:
        return EarlyStopping("loss", patience, tol or 0.0, restore_best=False)
    return EarlyStopping("val_loss", patience, tol or 0.0)


def _patience(epochs_to_wait: float | None) -> int | None:
    """The epochs to wait; infinitely many are more than there can be. None follows from the number of rows."""
    if epochs_to_wait is None:
        return None
    if epochs_to_wait == float("inf"):
        return MOST_UPDATES
    if epochs_to_wait != int(epochs_to_wait) or epochs_to_wait < 1:
        raise ConfigError(
            f"n_iter_no_change, or early_stopping as a number, is a whole number of at least 1, or infinity, but is "
            f"{epochs_to_wait!r:.60}."
        )
    return int(epochs_to_wait)


def loss_of(chosen: str | Callable[..., Any], allowed: tuple[str, ...]) -> str | Callable[..., Any]:
    """The loss, once its name is known.

    Raises:
        ConfigError: it is not.
    """
    if isinstance(chosen, str) and chosen not in (names := ("auto", *allowed)):
        raise ConfigError(unknown("loss", chosen, names))
    return chosen


def plain_number(value: Any) -> Any:
    """A number of NumPy, such as those that searches give, as one of Python."""
    return value.item() if isinstance(value, np.generic) else value
