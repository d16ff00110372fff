"""A batch whose rows are divided over devices, each of which computes with its own: what layers have to know of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import fields, is_dataclass
from typing import Any

import jax
import numpy as np

from batchwright.nn.layers import Dropout
from batchwright.nn.protocols import Network

_AXIS: ContextVar[str | None] = ContextVar("axis_of_devices", default=None)
OURS, NOT_OURS = "batchwright.nn.", ("batchwright.nn.foreign.", "batchwright.nn.custom")


@contextmanager
def on_each_device(axis: str) -> Iterator[None]:
    """What is traced inside runs on each device of this axis with its own rows; all devices have as many places."""
    before = _AXIS.set(axis)
    try:
        yield
    finally:
        _AXIS.reset(before)


def axis_of_devices() -> str | None:
    """The axis of the devices that have a part of the batch each; None where the whole batch is here."""
    return _AXIS.get()


def rows_are_apart(network: Network) -> bool:
    """Whether a row's outputs in training depend on other rows through our batch normalization alone.

    Then devices need not know each other's rows. It is not known of what others have written, and not true of dropout,
    which draws for the whole batch at once.
    """
    return _is_apart(network)


def _is_apart(part: Any) -> bool:
    if part is None or isinstance(part, bool | int | float | str | np.ndarray | jax.Array):
        return True
    if isinstance(part, tuple):
        return all(map(_is_apart, part))
    if isinstance(part, dict):
        return all(map(_is_apart, part.values()))
    if isinstance(part, Dropout) and not (isinstance(part.rate, float) and part.rate == 0.0):
        return False
    module = f"{type(part).__module__}."
    is_ours = is_dataclass(part) and module.startswith(OURS) and not module.startswith(NOT_OURS)
    return is_ours and all(_is_apart(getattr(part, one.name)) for one in fields(part))
