"""Weights of fewer bits: matrices rounded to float16, or to int8 with a scale for each of their outputs.

The model itself is rounded, so that what it loses can be measured, and its file has to answer as it does.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Literal, NamedTuple, TypeAlias, get_args

import jax
import jax.numpy as jnp
import numpy as np

from batchwright.data.dataset import Split
from batchwright.errors import ConfigError, unknown
from batchwright.runs.model import SavedModel
from batchwright.training.evaluate import evaluate
from batchwright.training.state import to_device

Precision: TypeAlias = Literal["float32", "float16", "int8"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
LARGEST = 127
"""The largest whole number that a rounded weight becomes."""
FEWEST = 64
"""Numbers from which an array is worth it."""
CLOSE = 1e-6
"""How near numbers have to be to those that their scale and whole numbers give."""


class Rounding(NamedTuple):
    """What rounding costs on some rows: a metric by name, without it and with it."""

    metric: str
    before: float
    after: float


class Scaled(NamedTuple):
    """Numbers as whole numbers int8 times a scale for each place along an axis."""

    whole: np.ndarray
    scales: np.ndarray
    axis: int


def precision_of(name: str | None) -> Precision:
    """The precision of a name, float32 if there is none.

    Raises:
        ConfigError: there is no such precision.
    """
    found = next((one for one in PRECISIONS if one == (name or PRECISIONS[0])), None)
    if found is None:
        raise ConfigError(unknown("precision", str(name), PRECISIONS))
    return found


def round_weights(model: SavedModel, precision: Precision) -> SavedModel:
    """The model with its matrices rounded; vectors, such as biases, stay as they are, and so does what is not learned.

    That is, for example, the edges of bins: rounded, two of them may become one.
    """
    if precision == "float32":
        return model

    def rounded(leaf: jax.Array | np.ndarray) -> jax.Array | np.ndarray:
        array = np.asarray(leaf)
        return jnp.asarray(round_array(array, precision)) if is_worth_it(array) else leaf

    learned = jax.tree.map(rounded, model.variables.params)
    return replace(model, variables=model.variables._replace(params=learned))


def round_array(array: np.ndarray, precision: Precision) -> np.ndarray:
    """The nearest numbers that a precision has."""
    return ROUNDED[precision](array)


def is_worth_it(array: np.ndarray) -> bool:
    """Whether an array is a matrix, or a stack of some, of enough numbers."""
    return array.ndim > 1 and array.size >= FEWEST and array.dtype == np.float32


def _to_half(array: np.ndarray) -> np.ndarray:
    """The nearest numbers of float16; an array with numbers beyond its range stays as it is."""
    with np.errstate(over="ignore"):
        half = array.astype(np.float16).astype(np.float32)
    return half if np.isfinite(half).all() else array


def _to_whole(array: np.ndarray) -> np.ndarray:
    """The nearest whole multiples of a 127th of the largest number of each output."""
    return unscale(_scaled_along(array, array.ndim - 1))


def _scaled_along(array: np.ndarray, axis: int) -> Scaled:
    others = tuple(other for other in range(array.ndim) if other != axis)
    scales = (np.abs(array).max(axis=others) / LARGEST).astype(np.float32)
    scales = np.where(scales > 0, scales, np.float32(1))
    whole = np.rint(array / along(scales, axis, array.ndim)).clip(-LARGEST, LARGEST).astype(np.int8)
    return Scaled(whole, scales, axis)


def along(scales: np.ndarray, axis: int, axes: int) -> np.ndarray:
    """The scales with the axes of the numbers that they belong to."""
    return scales.reshape([-1 if one == axis else 1 for one in range(axes)])


def unscale(found: Scaled) -> np.ndarray:
    """The numbers that whole numbers and scales stand for."""
    numbers: np.ndarray = found.whole.astype(np.float32) * along(found.scales, found.axis, found.whole.ndim)
    return numbers


ROUNDED: Mapping[Precision, Callable[[np.ndarray], np.ndarray]] = {
    "float32": lambda array: array,
    "float16": _to_half,
    "int8": _to_whole,
}
"""How matrices are rounded."""


def as_half(array: np.ndarray) -> np.ndarray | None:
    """The same numbers in float16; None if it does not have all of them."""
    if not is_worth_it(array):
        return None
    with np.errstate(over="ignore"):
        half = array.astype(np.float16)
    return half if np.array_equal(half.astype(np.float32), array) else None


def as_whole(array: np.ndarray) -> Scaled | None:
    """The same numbers as whole numbers with scales along any axis, to within rounding; None if they are not that."""
    if not is_worth_it(array):
        return None
    tried = (_scaled_along(array, axis) for axis in reversed(range(array.ndim)))
    return next((one for one in tried if np.allclose(unscale(one), array, rtol=CLOSE, atol=0)), None)


def measure_rounding(model: SavedModel, rounded: SavedModel, rows: Split) -> Rounding:
    """The metric that is shown next to the loss, or the loss, of either model on the same rows."""
    on_device = to_device(rows)
    before, after = (evaluate(one.model, one.variables, on_device) for one in (model, rounded))
    name = model.model.task.headline if model.model.task.headline in before else "loss"
    return Rounding(name, before[name], after[name])
