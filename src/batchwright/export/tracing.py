"""A network as nodes: it is traced by JAX, and each operation of the trace becomes the nodes of one table.

So every layer, embedding, ensemble and a user's own network are covered alike. A network is traced with two numbers of
rows: what is c times the rows both times is so for any number of them.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal, Var

from batchwright.errors import UsageError
from batchwright.export.building import Builder, Held
from batchwright.export.elementwise import ELEMENTWISE, PASSED_ON, Emit, round_bits
from batchwright.export.graph import Dtype, Value
from batchwright.export.products import PRODUCTS
from batchwright.export.shaping import SHAPING
from batchwright.export.traced import SIZES, Equation, Nodes, NoFormError, Rows, Traced, checked, unify
from batchwright.nn.operations import LAST_BITS
from batchwright.nn.protocols import Variables
from batchwright.nn.uncompiled import compute
from batchwright.runs.tensors import by_path

PRIMITIVES: Mapping[str, Emit] = {**ELEMENTWISE, **PASSED_ON, **PRODUCTS, **SHAPING}
"""What becomes of each operation of JAX."""

CALLS: Mapping[str, str] = {
    "checkpoint": "jaxpr",
    "closed_call": "call_jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
    "custom_vmap_call": "call",
    "jit": "jaxpr",
    "remat2": "jaxpr",
}
"""Operations that do what other operations do, which this parameter holds."""

DTYPES: Mapping[str, Dtype] = {
    **dict.fromkeys(("float32", "bfloat16"), "float32"),
    **dict.fromkeys(("int8", "int16", "int32", "int64", "uint16"), "int64"),
    "bool": "bool",
    "uint8": "uint8",
}
"""By which dtype the graph has the arrays of JAX."""

OF_ROWS = ("limit_indices", "new_sizes", "shape", "sizes", "slice_sizes")
"""Parameters of operations that are sizes, which may be those of the rows."""

ELSEWHERE = "`format=stablehlo` takes any network"
"""What to do where the graph has no form for an operation."""

Function = Callable[[Variables, Mapping[str, Any]], jax.Array]


def trace(builder: Builder, function: Function, variables: Variables, inputs: Mapping[str, tuple[Value, str]]) -> Value:
    """The output of a function of variables, which are known, and of inputs, each with the dtype that JAX is to see.

    Raises:
        UsageError: the function has an operation that has no form in the graph.
    """
    leaves = jax.tree.leaves(variables)
    shapes = ({name: _example(value, dtype, rows) for name, (value, dtype) in inputs.items()} for rows in SIZES)
    one, other = (jax.make_jaxpr(function)(variables, example) for example in shapes)
    names = [path.partition("/")[2] for path in by_path(variables)]
    known = [Traced(_as_held(leaf), leaf.shape, name) for leaf, name in zip(leaves, names, strict=True)]
    ordered = [inputs[name][0] for name in sorted(inputs)]
    given = [Traced(value, tuple(Rows(1) if size is None else size for size in value.shape)) for value in ordered]
    walk = _Walk(Nodes(builder))
    try:
        with builder.within(builder.scope):
            (found,) = walk.closed(one, other, [*known, *given])
            held = walk.nodes.whole(found).held
    except NoFormError as refused:
        raise UsageError(f"the network depends on the number of rows: {refused}. {ELSEWHERE}.") from refused
    return builder.constant(held) if isinstance(held, np.ndarray) else held


def _example(value: Value, dtype: str, rows: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((rows, *value.shape[1:]), jnp.dtype(dtype))


def _as_held(array: Any) -> np.ndarray:
    """An array that is known, in a dtype of the graph if there is one; bfloat16 is held as float32."""
    found = np.asarray(array)
    return found.astype(DTYPES.get(str(found.dtype), found.dtype))


def _dtype(dtype: Any) -> Dtype:
    """The dtype by which the graph has arrays of this one."""
    if str(dtype) not in DTYPES:
        raise NoFormError(f"of {dtype}")
    return DTYPES[str(dtype)]


class _Walk:
    """The way through the operations of two traces that differ in the number of rows alone."""

    def __init__(self, nodes: Nodes) -> None:
        self.nodes = nodes
        self._places: list[str] = []

    def closed(self, one: ClosedJaxpr, other: ClosedJaxpr, given: Sequence[Traced]) -> list[Traced]:
        """What a trace with its constants gives for these inputs."""
        same = len(one.consts) == len(other.consts) and all(map(_equal, one.consts, other.consts))
        if not same:
            raise NoFormError("a constant is another one with more rows")
        constants = [Traced(_as_held(each), np.shape(each)) for each in one.consts]
        return self.run(one.jaxpr, other.jaxpr, [*constants, *given])

    def run(self, one: Jaxpr, other: Jaxpr, given: Sequence[Traced]) -> list[Traced]:
        """What a trace gives for its constants and inputs."""
        known: dict[Var, Traced] = dict(zip(chain(one.constvars, one.invars), given, strict=True))
        if len(one.eqns) != len(other.eqns):
            raise NoFormError(f"{len(one.eqns)} operations for {SIZES[0]} rows, {len(other.eqns)} for {SIZES[1]}")
        for first, second in zip(one.eqns, other.eqns, strict=True):
            self._places.append(place_of(first))
            made = self._equation(first, second, [_read(known, *pair) for pair in _pairs(first.invars, second.invars)])
            known |= dict(zip(first.outvars, made, strict=True))
            self._places.pop()
        return [_read(known, *pair) for pair in _pairs(one.outvars, other.outvars)]

    def _equation(self, one: JaxprEqn, other: JaxprEqn, inputs: list[Traced]) -> list[Traced]:
        name = one.primitive.name
        if name in CALLS:
            return self._call(one.params[CALLS[name]], other.params[CALLS[name]], inputs)
        if name == "platform_index":
            return [Traced(np.array(len(one.params["platforms"]) - 1), ())]
        if name == "cond" and isinstance(inputs[0].held, np.ndarray):
            branch = int(inputs[0].held)
            return self._call(one.params["branches"][branch], other.params["branches"][branch], inputs[1:])
        try:
            _refuse_other(one, other)
            return self._node(one, other, inputs)
        except NoFormError as refused:
            raise UsageError(
                f"the operation {name!r} of JAX{f' ({refused})' if str(refused) else ''} has no form in the graph of a "
                f"model; it is in {self._place()}. {ELSEWHERE}."
            ) from refused

    def _call(self, one: Any, other: Any, inputs: list[Traced]) -> list[Traced]:
        """What an operation gives that holds others."""
        if isinstance(one, ClosedJaxpr):
            return self.closed(one, other, inputs)
        return self.run(one, other, inputs)

    def _place(self) -> str:
        """Where the operation is that is at hand: as far inside as is known."""
        return next((place for place in reversed(self._places) if place), "a place that is not known")

    def _node(self, one: JaxprEqn, other: JaxprEqn, inputs: list[Traced]) -> list[Traced]:
        """What an operation gives; it is computed at once if all of its inputs are known."""
        pairs = zip(one.outvars, other.outvars, strict=True)
        sizes = tuple(unify(np.shape(_seen(first)), np.shape(_seen(second))) for first, second in pairs)
        name, of_rows = one.primitive.name, any(isinstance(size, Rows) for shape in sizes for size in shape)
        named = next((each.name for each in inputs if each.name), "")
        if all(each.known for each in inputs) and inputs and (name in ELEMENTWISE or not of_rows):
            found = _compute(one, _alike(inputs) if name in ELEMENTWISE else list(map(self.nodes.whole, inputs)))
            return [Traced(held, shape, named) for held, shape in zip(found, sizes, strict=True)]
        emit = PRIMITIVES.get(name)
        if emit is None:
            raise NoFormError("")
        for each in inputs:
            _dtype(each.held.dtype)
        dtypes = tuple(_dtype(_seen(variable).dtype) for variable in one.outvars)
        made = emit(self.nodes, Equation(name, tuple(inputs), one.params, other.params, sizes, dtypes))
        held = [self._rounded(each, variable) for each, variable in zip(made, one.outvars, strict=True)]
        return [checked(Traced(each, shape, named)) for each, shape in zip(held, sizes, strict=True)]

    def _rounded(self, held: Held, variable: Any) -> Held:
        """The numbers rounded, if JAX has them in bfloat16."""
        if _seen(variable).dtype != jnp.bfloat16 or isinstance(held, np.ndarray):
            return held
        return round_bits(self.nodes, held)


def _seen(variable: Any) -> Any:
    """What JAX knows of a variable: its shape and dtype."""
    return variable.aval


def _pairs(one: Sequence[Any], other: Sequence[Any]) -> Any:
    return zip(one, other, strict=True)


def _read(known: Mapping[Any, Traced], one: Any, other: Any) -> Traced:
    """What is known of a variable, or a number that stands in the trace."""
    if not isinstance(one, Literal):
        return known[one]
    if not _equal(one.val, other.val):
        raise NoFormError(f"the number {one.val} becomes {other.val} with more rows")
    return Traced(_as_held(np.asarray(one.val, _seen(one).dtype)), np.shape(one.val))


def _equal(one: Any, other: Any) -> bool:
    """Whether two arrays are the same; what is no number is the same as itself."""
    return np.array_equal(one, other, equal_nan=np.asarray(one).dtype.kind == "f")


def _are_nan(one: object, other: object) -> bool:
    """Whether both are a number that is none."""
    return all(isinstance(each, float) and each != each for each in (one, other))


def _refuse_other(one: JaxprEqn, other: JaxprEqn) -> None:
    """Refuse an operation that is another one with more rows, or does otherwise than have more rows."""
    if one.primitive.name != other.primitive.name:
        raise NoFormError(f"which becomes {other.primitive.name!r} with more rows")
    for name, value in one.params.items():
        same = value == other.params[name] or _are_nan(value, other.params[name])
        if name not in OF_ROWS and not same:
            raise NoFormError(f"whose {name} depend on the number of rows")


def _alike(inputs: Sequence[Traced]) -> list[Traced]:
    """Arrays that are known, broadcast to each other as far as they are held; numbers without axes stay as they are."""
    shape = np.broadcast_shapes(*(np.shape(each.held) for each in inputs))
    arrays = [np.asarray(each.held) for each in inputs]
    whole = [np.broadcast_to(array, shape) if array.ndim else array for array in arrays]
    return [each._replace(held=held) for each, held in zip(inputs, whole, strict=True)]


def _compute(equation: JaxprEqn, inputs: Sequence[Traced]) -> list[np.ndarray]:
    """What an operation on arrays that are known gives, to the bit: a cutoff of a set may be a row's own score."""
    dtypes = (_seen(variable).dtype for variable in equation.invars)
    arrays = [np.asarray(each.held, dtype) for each, dtype in zip(inputs, dtypes, strict=True)]
    with np.errstate(all="ignore"):
        found = None if equation.primitive.name in LAST_BITS else compute(equation, arrays)
    if found is None:
        made = equation.primitive.bind(*map(jnp.asarray, arrays), **equation.params)
        found = made if equation.primitive.multiple_results else [made]
    return [_as_held(each) for each in found]


def place_of(equation: JaxprEqn) -> str:
    """The file, the line and the function of an operation outside of JAX; empty if they are not known."""
    traceback: Any = equation.source_info.traceback
    own = os.sep + "jax" + os.sep
    frames: Sequence[Any] = traceback.frames if traceback else ()
    for frame in frames:
        if own not in frame.file_name:
            return f"{Path(frame.file_name).name}, line {frame.line_num}, in {frame.function_name}"
    return ""
