"""Functions of JAX that are called once, in NumPy: what takes a millisecond takes a hundred to compile.

The function is traced, and NumPy does each operation of the trace (`operations`); one that is not there is compiled by
itself. Results are those of the compiled function, except for the last bit of some functions such as the logarithm.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core

from batchwright.nn.operations import OF_KEYS, OPERATIONS

THREEFRY = "key<fry>"
"""The kind of keys whose numbers NumPy can draw too."""
LONGEST = 64
"""Times that NumPy goes through a loop: one that is longer is compiled."""
WITHIN = {"jit": "jaxpr", "pjit": "jaxpr", "custom_jvp_call": "call_jaxpr"}
"""Operations that are functions, and the parameter that is the function."""
GENERATORS = {THREEFRY: "threefry2x32", "key<rbg>": "rbg", "key<urbg>": "unsafe_rbg"}
"""JAX's kinds of keys, and what it calls their generators."""


def call_uncompiled(function: Callable[..., Any], *arguments: Any) -> Any:
    """What `function` gives for trees of arrays and keys; its arrays are on the device, and nobody else has them.

    Within a function that is being traced it is traced too.

    >>> call_uncompiled(lambda x: {"twice": 2 * x}, np.arange(3, dtype=np.float32))
    {'twice': Array([0., 2., 4.], dtype=float32)}
    """
    if _is_traced(arguments):
        return function(*arguments)
    made, avals, structure = _call(function, arguments)
    placed = [_to_device(value, kind) for value, kind in zip(made, avals, strict=True)]
    return jax.tree.unflatten(structure, placed)


def call_on_host(function: Callable[..., Any], *arguments: Any) -> Any:
    """`call_uncompiled` for results without keys, as arrays of NumPy; some may be those of the arguments."""
    made, _, structure = _call(function, arguments)
    return jax.tree.unflatten(structure, made)


def compute(equation: core.JaxprEqn, values: Sequence[np.ndarray]) -> list[np.ndarray] | None:
    """The results of one operation in NumPy; None where NumPy does not do it."""
    operation = (OF_KEYS if _has_keys(equation) else OPERATIONS).get(equation.primitive.name)
    made = NotImplemented if operation is None or not _is_known(equation) else operation(equation.params, *values)
    if made is NotImplemented:
        return None
    several = made if equation.primitive.multiple_results else [made]
    return [np.asarray(one, _dtype_of(variable)) for one, variable in zip(several, equation.outvars, strict=True)]


def _is_traced(arguments: tuple[Any, ...]) -> bool:
    return any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(arguments))


def _call(function: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[list[np.ndarray], Sequence[Any], Any]:
    """The results in NumPy, what they are in JAX, and the structure of their tree."""
    traced, result = jax.make_jaxpr(function, return_shape=True)(*arguments)
    given = zip(jax.tree.leaves(arguments), traced.in_avals, strict=True)
    with np.errstate(all="ignore"):
        made = _run(traced, [_to_numpy(leaf, kind) for leaf, kind in given])
    return made, traced.out_avals, jax.tree.structure(result)


def _run(traced: core.ClosedJaxpr, given: list[np.ndarray]) -> list[np.ndarray]:
    """The results of a traced function; a key is an array of the two words of its data."""
    known: dict[core.Var, np.ndarray] = {}

    def read(variable: Any) -> np.ndarray:
        return _to_numpy(variable.val, variable.aval) if isinstance(variable, core.Literal) else known[variable]

    jaxpr = traced.jaxpr
    constants = zip(jaxpr.constvars, traced.consts, strict=True)
    known.update((variable, _to_numpy(value, variable.aval)) for variable, value in constants)
    known.update(zip(jaxpr.invars, given, strict=True))
    for equation in jaxpr.eqns:
        values = [read(variable) for variable in equation.invars]
        known.update(zip(equation.outvars, _apply(jaxpr, equation, values), strict=True))
    return [read(variable) for variable in jaxpr.outvars]


def _apply(within: core.Jaxpr, equation: core.JaxprEqn, values: list[np.ndarray]) -> list[np.ndarray]:
    """The results of one operation of a traced function."""
    name, parameters = equation.primitive.name, equation.params
    if name in WITHIN:
        return _run(parameters[WITHIN[name]], values)
    if name == "scan" and _is_short_loop(equation):
        return _loop(parameters, values)
    made = compute(equation, values)
    return _compile_one(within, equation, values) if made is None else made


def _is_short_loop(equation: core.JaxprEqn) -> bool:
    """Whether an operation goes a few times through a function of what it has come to, and of nothing that changes.

    What changes has an axis more outside of the loop than in it.
    """
    parameters = equation.params
    inside, around = parameters["jaxpr"], (equation.invars, equation.outvars)
    shapes = [[getattr(variable.aval, "shape", None) for variable in variables] for variables in around]
    alike = shapes == [[aval.shape for aval in avals] for avals in (inside.in_avals, inside.out_avals)]
    return bool(alike and parameters["length"] <= LONGEST)


def _loop(parameters: dict[str, Any], values: list[np.ndarray]) -> list[np.ndarray]:
    """The results of such an operation."""
    constants = len(values) - len(parameters["jaxpr"].out_avals)
    fixed, carry = values[:constants], values[constants:]
    for _ in range(parameters["length"]):
        carry = _run(parameters["jaxpr"], [*fixed, *carry])
    return carry


def _compile_one(within: core.Jaxpr, equation: core.JaxprEqn, values: list[np.ndarray]) -> list[np.ndarray]:
    """The results of one operation as JAX gives them."""
    given = {
        variable: _to_device(value, variable.aval)
        for variable, value in zip(equation.invars, values, strict=True)
        if not isinstance(variable, core.Literal)
    }
    unnamed = within.debug_info.with_unknown_names()
    alone = core.Jaxpr((), tuple(given), equation.outvars, (equation,), debug_info=unnamed)
    made = core.jaxpr_as_fun(core.ClosedJaxpr(alone, ()))(*given.values())
    return [_to_numpy(value, value) for value in made]


def _is_key(variable: Any) -> bool:
    return bool(jnp.issubdtype(variable.aval.dtype, jax.dtypes.prng_key))


def _dtype_of(variable: Any) -> Any:
    """That of the array in NumPy."""
    return np.uint32 if _is_key(variable) else variable.aval.dtype


def _has_keys(equation: core.JaxprEqn) -> bool:
    return any(map(_is_key, (*equation.invars, *equation.outvars)))


def _is_known(equation: core.JaxprEqn) -> bool:
    """Whether NumPy's numbers are those of JAX: of its other keys, or with another setting, they are not."""
    variables: tuple[Any, ...] = (*equation.invars, *equation.outvars)
    kinds = {str(variable.aval.dtype) for variable in variables if _is_key(variable)}
    usual = bool(jax.config.jax_threefry_partitionable)  # type: ignore[attr-defined]
    return not kinds or (kinds == {THREEFRY} and usual)


def _to_numpy(value: Any, kind: Any) -> np.ndarray:
    is_key = jnp.issubdtype(kind.dtype, jax.dtypes.prng_key)
    return np.asarray(jax.random.key_data(value)) if is_key else np.asarray(value, kind.dtype)


def _to_device(value: np.ndarray, kind: Any) -> jax.Array:
    placed: jax.Array = jax.device_put(np.array(value), may_alias=False)
    if not jnp.issubdtype(kind.dtype, jax.dtypes.prng_key):
        return placed
    keys: jax.Array = jax.random.wrap_key_data(placed, impl=GENERATORS[str(kind.dtype)])
    return keys
