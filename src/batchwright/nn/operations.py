"""Operations of traced functions in NumPy, by the names that JAX has for them."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from batchwright.nn import threefry

Parameters = Mapping[str, Any]
Operation = Callable[..., Any]
"""From parameters and arrays to the result, a list of them for some operations, or NotImplemented."""


def _of_elements(function: Operation) -> Operation:
    return lambda _, *values: function(*values)


def _reduce(function: Operation) -> Operation:
    return lambda parameters, x: function(x, axis=tuple(parameters["axes"]))


def _divide(x: np.ndarray, y: np.ndarray) -> Any:
    if x.dtype.kind == "u" and np.all(y):
        return x // y
    return NotImplemented if np.issubdtype(x.dtype, np.integer) else x / y


def _is_at_most(x: np.ndarray, y: np.ndarray) -> Any:
    """In the total order of floating-point numbers: -0 is before 0, and NaN is the last."""
    return _places(x) <= _places(y) if x.dtype == np.float32 else NotImplemented


def _places(x: np.ndarray) -> np.ndarray:
    """Integers in the total order of the numbers."""
    bits = np.ascontiguousarray(x).view(np.int32)
    return np.where(bits < 0, bits ^ np.int32(2**31 - 1), bits)


def _shift_right(x: np.ndarray, by: np.ndarray) -> Any:
    return np.right_shift(x, by) if x.dtype.kind == "u" else NotImplemented


def _select(which: np.ndarray, *cases: np.ndarray) -> Any:
    return np.where(which, cases[1], cases[0]) if len(cases) == 2 else NotImplemented


def _erf(x: np.ndarray) -> Any:
    return np.vectorize(math.erf, otypes=[x.dtype])(x)


def _erf_inv(x: np.ndarray) -> Any:
    """The polynomials of Giles 2010, "Approximating the erfinv function", for single precision; XLA has the same."""
    if x.dtype != np.float32:
        return NotImplemented
    w = -np.log1p(-x * x)
    middle, tail = _polynomial(ERF_INV_MIDDLE, w - np.float32(2.5)), _polynomial(ERF_INV_TAIL, np.sqrt(w) - 3)
    inside = np.where(w < 5, middle, tail) * x
    return np.where(np.abs(x) == 1, x * np.float32(np.inf), inside)


def _polynomial(coefficients: tuple[float, ...], x: Any) -> Any:
    made: Any = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        made = made * x + np.float32(coefficient)
    return made


ERF_INV_MIDDLE = (
    2.81022636e-08,
    3.43273939e-07,
    -3.5233877e-06,
    -4.39150654e-06,
    0.00021858087,
    -0.00125372503,
    -0.00417768164,
    0.246640727,
    1.50140941,
)
ERF_INV_TAIL = (
    -0.000200214257,
    0.000100950558,
    0.00134934322,
    -0.00367342844,
    0.00573950773,
    -0.0076224613,
    0.00943887047,
    1.00167406,
    2.83297682,
)


def _broadcast(parameters: Parameters, x: np.ndarray) -> np.ndarray:
    sides = [1] * len(parameters["shape"])
    for side, place in zip(x.shape, parameters["broadcast_dimensions"], strict=True):
        sides[place] = side
    return np.broadcast_to(x.reshape(sides), parameters["shape"])


def _iota(parameters: Parameters) -> np.ndarray:
    shape, dimension = parameters["shape"], parameters["dimension"]
    sides = [side if place == dimension else 1 for place, side in enumerate(shape)]
    return np.broadcast_to(np.arange(shape[dimension]).reshape(sides), shape)


def _slice(parameters: Parameters, x: np.ndarray) -> np.ndarray:
    starts, limits = parameters["start_indices"], parameters["limit_indices"]
    steps = parameters["strides"] or (1,) * len(starts)
    return x[tuple(map(slice, starts, limits, steps))]


def _reshape(parameters: Parameters, x: np.ndarray) -> Any:
    return x.reshape(parameters["new_sizes"]) if parameters["dimensions"] is None else NotImplemented


def _bitcast(parameters: Parameters, x: np.ndarray) -> Any:
    wanted = np.dtype(parameters["new_dtype"])
    return x.view(wanted) if wanted.itemsize == x.dtype.itemsize else NotImplemented


def _cumsum(parameters: Parameters, x: np.ndarray) -> Any:
    return NotImplemented if parameters["reverse"] else np.cumsum(x, axis=parameters["axis"], dtype=x.dtype)


def _sort(parameters: Parameters, *values: np.ndarray) -> Any:
    axis = parameters["dimension"]
    if parameters["num_keys"] != 1:
        return NotImplemented
    order = np.argsort(values[0], axis=axis, kind="stable")
    return [np.take_along_axis(one, order, axis) for one in values]


def _gather(parameters: Parameters, x: np.ndarray, starts: np.ndarray) -> Any:
    """Slices of x that begin at `starts` [*batch, axes], for batches of the dimensions of x that go along with them."""
    numbers, sizes, batch = parameters["dimension_numbers"], parameters["slice_sizes"], starts.shape[:-1]
    alone = (*numbers.collapsed_slice_dims, *numbers.operand_batching_dims)
    kept = [axis for axis in range(x.ndim) if axis not in alone]
    places = list[np.ndarray]()
    for axis, size in enumerate(sizes):
        place, last = np.zeros(batch, np.int64), x.shape[axis] - size
        if axis in numbers.start_index_map:
            place = starts[..., numbers.start_index_map.index(axis)].astype(np.int64)
            if parameters["mode"].name == "FILL_OR_DROP" and np.any((place < 0) | (place > last)):
                return NotImplemented
        elif axis in numbers.operand_batching_dims:
            along = numbers.start_indices_batching_dims[numbers.operand_batching_dims.index(axis)]
            place = place + _along(np.arange(batch[along]), along, len(batch))
        place = place.clip(0, last).reshape(*batch, *[1] * len(kept))
        inner = kept.index(axis) + len(batch) if axis in kept else 0
        places.append(place + _along(np.arange(size), inner, place.ndim) if axis in kept else place)
    return np.moveaxis(x[tuple(places)], range(len(batch), len(batch) + len(kept)), numbers.offset_dims)


def _along(line: np.ndarray, axis: int, dimensions: int) -> np.ndarray:
    """An array of so many dimensions that is as long as the line along one of them."""
    return line.reshape([-1 if place == axis else 1 for place in range(dimensions)])


def _random_split(parameters: Parameters, keys: np.ndarray) -> np.ndarray:
    return _of_each(keys, lambda key: threefry.split(key, parameters["shape"]))


def _random_fold_in(_: Parameters, keys: np.ndarray, numbers: np.ndarray) -> Any:
    if keys.ndim > 1 or numbers.ndim:
        return NotImplemented
    return threefry.fold_in(keys, int(numbers))


def _random_bits(parameters: Parameters, keys: np.ndarray) -> Any:
    if parameters["bit_width"] != 32:
        return NotImplemented
    return _of_each(keys, lambda key: threefry.bits(key, parameters["shape"]))


def _of_each(keys: np.ndarray, made: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """The results of each of some keys [..., 2], side by side."""
    results = np.stack([made(key) for key in keys.reshape(-1, 2)])
    return results.reshape(*keys.shape[:-1], *results.shape[1:])


ELEMENTWISE: Mapping[str, Operation] = {
    "abs": np.abs,
    "add": np.add,
    "and": np.bitwise_and,
    "ceil": np.ceil,
    "copy": np.copy,
    "cos": np.cos,
    "div": _divide,
    "eq": np.equal,
    "erf": _erf,
    "erf_inv": _erf_inv,
    "exp": np.exp,
    "expm1": np.expm1,
    "floor": np.floor,
    "ge": np.greater_equal,
    "gt": np.greater,
    "is_finite": np.isfinite,
    "le": np.less_equal,
    "le_to": _is_at_most,
    "log": np.log,
    "log1p": np.log1p,
    "logistic": lambda x: 1 / (1 + np.exp(-x)),
    "lt": np.less,
    "max": np.maximum,
    "min": np.minimum,
    "mul": np.multiply,
    "ne": np.not_equal,
    "neg": np.negative,
    "nextafter": np.nextafter,
    "not": np.invert,
    "or": np.bitwise_or,
    "pow": np.power,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "select_n": _select,
    "shift_right_logical": _shift_right,
    "sign": np.sign,
    "sin": np.sin,
    "sqrt": np.sqrt,
    "square": np.square,
    "stop_gradient": np.asarray,
    "sub": np.subtract,
    "tanh": np.tanh,
    "xor": np.bitwise_xor,
}
"""Operations on each number, without parameters."""

OPERATIONS: Mapping[str, Operation] = {
    **{name: _of_elements(function) for name, function in ELEMENTWISE.items()},
    "reduce_max": _reduce(np.max),
    "reduce_min": _reduce(np.min),
    "reduce_sum": _reduce(np.sum),
    "bitcast_convert_type": _bitcast,
    "broadcast_in_dim": _broadcast,
    "concatenate": lambda parameters, *values: np.concatenate(values, axis=parameters["dimension"]),
    "convert_element_type": lambda parameters, x: x.astype(parameters["new_dtype"]),
    "cumsum": _cumsum,
    "gather": _gather,
    "integer_pow": lambda parameters, x: x ** parameters["y"],
    "iota": _iota,
    "pure_callback": lambda parameters, *values: parameters["callback"](*values),
    "reshape": _reshape,
    "slice": _slice,
    "stack": lambda parameters, *values: np.stack(values, axis=parameters["axis"]),
    "sort": _sort,
    "squeeze": lambda parameters, x: np.squeeze(x, axis=tuple(parameters["dimensions"])),
    "transpose": lambda parameters, x: np.transpose(x, parameters["permutation"]),
    "unstack": lambda parameters, x: list(np.moveaxis(x, parameters["axis"], 0)),
}
"""Operations on numbers."""

LAST_BITS: frozenset[str] = frozenset(
    {
        *("cos", "cumsum", "erf", "erf_inv", "exp", "expm1", "integer_pow", "log", "log1p", "logistic", "pow"),
        *("reduce_sum", "rsqrt", "sin", "tanh"),
    }
)
"""Those of which NumPy may give other last bits than JAX."""

OF_KEYS: Mapping[str, Operation] = {
    "random_bits": _random_bits,
    "random_fold_in": _random_fold_in,
    "random_split": _random_split,
    "random_unwrap": lambda _, keys: keys,
    "random_wrap": lambda _, words: words,
    "slice": _slice,
    "squeeze": OPERATIONS["squeeze"],
    "unstack": OPERATIONS["unstack"],
}
"""Operations on keys, each of which is two words [..., 2]."""
