"""What NumPy does in place of a compiled program is what the compiled program does."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax
from jax._src.lax import lax as lax_internal  # the only name of some operations

from batchwright import nn, optim
from batchwright.nn import threefry
from batchwright.nn.operations import OF_KEYS, OPERATIONS
from batchwright.nn.protocols import Features
from batchwright.nn.uncompiled import call_uncompiled
from batchwright.tasks import Classification
from batchwright.training import state as states
from batchwright.training.state import KEYS, Model, Program, initial_state, initial_variables

NUMBERS = np.array([[-1.5, 0.0, 0.25, 2.0, 3.75], [0.5, -0.5, 1.0, 7.0, -2.0]], np.float32)
POSITIVE = np.abs(NUMBERS) + np.float32(0.125)
WORDS = np.array([0, 1, 77, 2**31, 2**32 - 1], np.uint32)

FUNCTIONS = {
    "abs": lambda: lax.abs(NUMBERS),
    "add": lambda: lax.add(NUMBERS, POSITIVE),
    "and": lambda: lax.bitwise_and(WORDS, np.uint32(0x00FF00FF)),
    "bitcast_convert_type": lambda: lax.bitcast_convert_type(NUMBERS, jnp.uint32),
    "broadcast_in_dim": lambda: lax.broadcast_in_dim(NUMBERS, (2, 3, 5), (0, 2)),
    "ceil": lambda: lax.ceil(NUMBERS),
    "concatenate": lambda: lax.concatenate([NUMBERS, POSITIVE], 1),
    "convert_element_type": lambda: lax.convert_element_type(lax.neg(NUMBERS), jnp.int32),
    "copy": lambda: jnp.copy(lax.neg(NUMBERS)),
    "cos": lambda: lax.cos(NUMBERS),
    "cumsum": lambda: lax.cumsum(NUMBERS, axis=1),
    "div": lambda: lax.div(NUMBERS, POSITIVE),
    "eq": lambda: lax.eq(NUMBERS, POSITIVE),
    "erf": lambda: lax.erf(NUMBERS),
    "erf_inv": lambda: lax.erf_inv(np.array([-1, -0.99999, -0.5, 0, 0.1, 0.9, 0.999, 1, 1.5, np.nan], np.float32)),
    "exp": lambda: lax.exp(NUMBERS),
    "expm1": lambda: lax.expm1(NUMBERS),
    "floor": lambda: lax.floor(NUMBERS),
    "ge": lambda: lax.ge(NUMBERS, POSITIVE),
    "gt": lambda: lax.gt(POSITIVE, NUMBERS),
    "gather": lambda: lax.neg(NUMBERS)[np.array([1, 0, 1]), np.array([4, 0, 2])],
    "integer_pow": lambda: lax.integer_pow(NUMBERS, 3),
    "iota": lambda: lax.broadcasted_iota(jnp.int32, (2, 3), 1),
    "is_finite": lambda: lax.is_finite(jnp.array([1.0, jnp.inf, jnp.nan])),
    "le": lambda: lax.le(NUMBERS, -NUMBERS),
    "le_to": lambda: jnp.searchsorted(jnp.sort(lax.neg(NUMBERS[0])), NUMBERS[1]),
    "log": lambda: lax.log(POSITIVE),
    "log1p": lambda: lax.log1p(POSITIVE),
    "logistic": lambda: lax.logistic(NUMBERS),
    "lt": lambda: lax.lt(NUMBERS, POSITIVE),
    "max": lambda: lax.max(NUMBERS, np.float32("nan") * POSITIVE),
    "min": lambda: lax.min(NUMBERS, POSITIVE),
    "mul": lambda: lax.mul(NUMBERS, POSITIVE),
    "ne": lambda: lax.ne(NUMBERS, POSITIVE),
    "neg": lambda: lax.neg(NUMBERS),
    "nextafter": lambda: lax.nextafter(NUMBERS, POSITIVE),
    "not": lambda: lax.bitwise_not(WORDS),
    "or": lambda: lax.bitwise_or(WORDS, np.uint32(1)),
    "pow": lambda: lax.pow(POSITIVE, NUMBERS),
    "pure_callback": lambda: jax.pure_callback(
        np.sin, jax.ShapeDtypeStruct(NUMBERS.shape, NUMBERS.dtype), lax.neg(NUMBERS), vmap_method="sequential"
    ),
    "reduce_max": lambda: jnp.max(NUMBERS, axis=1),
    "reduce_min": lambda: jnp.min(NUMBERS, axis=0),
    "reduce_sum": lambda: jnp.sum(NUMBERS, axis=(0, 1)),
    "reshape": lambda: lax.reshape(NUMBERS, (5, 2)),
    "rsqrt": lambda: lax.rsqrt(POSITIVE),
    "select_n": lambda: lax.select(NUMBERS > 0.3, NUMBERS, POSITIVE),
    "shift_right_logical": lambda: lax.shift_right_logical(WORDS, np.uint32(9)),
    "sign": lambda: lax.sign(NUMBERS),
    "sin": lambda: lax.sin(NUMBERS),
    "slice": lambda: lax.slice(NUMBERS, (0, 1), (2, 5), (1, 2)),
    "sort": lambda: lax.sort((lax.neg(NUMBERS), POSITIVE), dimension=1, num_keys=1)[1],
    "sqrt": lambda: lax.sqrt(POSITIVE),
    "square": lambda: lax.square(NUMBERS),
    "squeeze": lambda: lax.squeeze(NUMBERS.reshape(2, 1, 5), (1,)),
    "stop_gradient": lambda: lax.stop_gradient(NUMBERS),
    "sub": lambda: lax.sub(NUMBERS, POSITIVE),
    "tanh": lambda: lax.tanh(NUMBERS),
    "transpose": lambda: lax.transpose(NUMBERS, (1, 0)),
    "stack": lambda: jnp.stack([lax.neg(NUMBERS), POSITIVE], axis=1),
    "unstack": lambda: jnp.stack(list(iter(lax.neg(NUMBERS)))),
    "xor": lambda: lax.bitwise_xor(WORDS, WORDS[::-1].copy()),
}


def key(seed: int) -> jax.Array:
    return jax.random.key(seed, impl=KEYS)


def operations_of(jaxpr) -> set[str]:
    inner = [equation.params["jaxpr"].jaxpr for equation in jaxpr.eqns if equation.primitive.name in ("jit", "scan")]
    return {equation.primitive.name for equation in jaxpr.eqns}.union(*map(operations_of, inner))


def refuse(*_):
    raise AssertionError("an operation was compiled")


@pytest.fixture
def nothing_compiled(monkeypatch):
    monkeypatch.setattr("batchwright.nn.uncompiled._compile_one", refuse)


def test_each_operation_is_tried():
    assert set(FUNCTIONS) == set(OPERATIONS)


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_an_operation_is_that_of_jax(name, nothing_compiled):
    function = FUNCTIONS[name]
    names = operations_of(jax.make_jaxpr(function)().jaxpr)
    if name in ("stack", "unstack") and name not in names:
        pytest.skip("this version of JAX has no such operation")
    assert name in names
    expected, made = jax.jit(function)(), call_uncompiled(function)
    assert made.dtype == expected.dtype and made.shape == expected.shape
    np.testing.assert_allclose(np.asarray(made), np.asarray(expected), rtol=3e-6, atol=1e-7)


PICKED = np.array([[0, 3], [2, 1]])
TAKEN = {
    "along an axis": lambda: jnp.take_along_axis(lax.neg(NUMBERS), np.array([[4, 0], [1, 1]]), axis=1),
    "rows": lambda: lax.neg(NUMBERS)[PICKED % 2],
    "columns": lambda: lax.neg(NUMBERS)[:, PICKED],
    "in a batch": lambda: jax.vmap(lambda x, i: x[i])(lax.neg(NUMBERS), PICKED),
    "in a batch along the second axis": lambda: jax.vmap(lambda x, i: x[i], in_axes=(1, 0))(
        lax.neg(NUMBERS), np.arange(5)[:, None] % 2
    ),
    "of two dimensions": lambda: jax.vmap(lambda i: lax.dynamic_slice(lax.neg(NUMBERS), (i, i), (1, 2)))(np.arange(9)),
    "searched": lambda: jax.vmap(lambda x: jnp.searchsorted(x, np.linspace(-8, 8, 33, dtype=np.float32)))(
        jnp.sort(lax.neg(NUMBERS), axis=1)
    ),
}


@pytest.mark.parametrize("name", TAKEN)
def test_what_is_taken_is_that_of_jax(name, nothing_compiled):
    expected, made = jax.jit(TAKEN[name])(), call_uncompiled(TAKEN[name])
    assert made.dtype == expected.dtype
    np.testing.assert_array_equal(np.asarray(made), np.asarray(expected))


def test_the_order_of_numbers_is_that_of_jax():
    """Of zeros of either sign, and of numbers that are not numbers."""
    odd = np.array([0.0, -0.0, np.nan, -np.nan, np.inf, -np.inf, 1.0, -1.0, 1e-45, -1e-45], np.float32)
    pairs = np.stack(np.meshgrid(odd, odd)).reshape(2, -1)
    expected = np.asarray(jax.jit(lax_internal.le_to_p.bind)(*pairs))
    np.testing.assert_array_equal(OPERATIONS["le_to"]({}, *pairs), expected)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_a_key_is_that_of_jax(seed):
    assert (jax.random.key_data(states._key(seed)) == jax.random.key_data(key(seed))).all()
    assert states._key(seed).dtype == key(seed).dtype


@given(st.integers(0, 2**31 - 1), st.lists(st.integers(1, 40), max_size=3), st.integers(0, 2**31 - 1))
@settings(max_examples=20, deadline=None)
def test_random_numbers_are_those_of_jax_to_the_bit(seed, shape, number):
    data = np.asarray(jax.random.key_data(key(seed)))
    np.testing.assert_array_equal(threefry.bits(data, tuple(shape)), jax.random.bits(key(seed), shape, jnp.uint32))
    split = jax.random.key_data(jax.random.split(key(seed), 3))
    np.testing.assert_array_equal(threefry.split(data, (3,)), split)
    folded = jax.random.key_data(jax.random.fold_in(key(seed), number))
    np.testing.assert_array_equal(threefry.fold_in(data, number), folded)


def test_many_numbers_are_made_in_pieces():
    data, many = np.asarray(jax.random.key_data(key(5))), 2 * threefry.AT_ONCE + 3
    np.testing.assert_array_equal(threefry.bits(data, (many,)), jax.random.bits(key(5), (many,), jnp.uint32))


def test_keys_take_every_way(nothing_compiled):
    def draw(key):
        first, second = jax.random.split(key)
        third = jax.random.split(key, 3)[2]
        rows = jax.vmap(lambda own: jax.random.uniform(own, (3,)))(jax.random.split(second, 4))
        wrapped = jax.random.wrap_key_data(jax.random.key_data(first), impl=KEYS)
        return first, rows, jax.random.bits(jax.random.fold_in(wrapped, 9), (2,), jnp.uint32), third

    names = operations_of(jax.make_jaxpr(draw)(key(1)).jaxpr)
    assert set(OF_KEYS) - {"unstack"} <= names  # which later versions of JAX have for the first line
    for made, expected in zip(call_uncompiled(draw, key(1)), jax.jit(draw)(key(1)), strict=True):
        if made.dtype == expected.dtype == key(1).dtype:
            made, expected = jax.random.key_data(made), jax.random.key_data(expected)
        np.testing.assert_array_equal(made, expected)


def test_what_numpy_does_not_do_is_compiled():
    def compute(x, own):
        other = jax.random.key(3, impl="rbg")
        triangle = jnp.linalg.qr(x)[1]
        return triangle, jnp.arange(7) // jnp.array(2), jax.random.bits(own, (3,), jnp.uint8), jax.random.normal(other)

    x = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    for made, expected in zip(call_uncompiled(compute, x, key(2)), jax.jit(compute)(x, key(2)), strict=True):
        np.testing.assert_allclose(np.asarray(made), np.asarray(expected), rtol=1e-6)


def test_with_another_setting_the_numbers_are_still_those_of_jax():
    with jax.threefry_partitionable(False):
        made = call_uncompiled(lambda own: jax.random.bits(own, (5,), jnp.uint32), key(4))
        np.testing.assert_array_equal(made, jax.random.bits(key(4), (5,), jnp.uint32))


def test_results_share_no_memory():
    given = np.arange(40, dtype=np.float32)
    first, second = call_uncompiled(lambda x: (x, x), given)
    given[:] = 0
    assert float(first.sum()) == float(second.sum()) == 780
    assert first.unsafe_buffer_pointer() != second.unsafe_buffer_pointer()


ROWS = np.random.default_rng(1).normal(size=(60, 5)).astype(np.float32)
COLUMNS = {"numeric": ROWS, "categorical": np.zeros((60, 2), np.int32)}
IMAGES = {"image": np.zeros((3, 8, 8, 1), np.uint8)}
CASES = [
    *(
        (architecture, COLUMNS, Features(5, (7, 3)))
        for architecture in (nn.MLP(), nn.Tabular(), nn.Tabular(ensemble=4))
    ),
    (nn.Linear(), COLUMNS, Features(5, (7, 3))),
    (nn.MLP(initializer="orthogonal"), COLUMNS, Features(5, (7, 3))),
    (nn.CNN(), IMAGES, Features(image=(8, 8, 1))),
]


@pytest.mark.parametrize(("architecture", "example", "features"), CASES, ids=lambda case: type(case).__name__)
def test_first_parameters_are_those_of_a_compiled_program(architecture, example, features):
    program = Program(Model(architecture.build(features, 3), Classification(tuple("abc"))), optim.Adam(), averaged=True)
    expected = jax.jit(states._variables)(program.model, example, key(8))
    made = initial_state(program, example, seed=8)
    assert jax.tree.structure(made.variables) == jax.tree.structure(expected)
    for one, other in zip(jax.tree.leaves(made.variables), jax.tree.leaves(expected), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(np.asarray(one), np.asarray(other), rtol=1e-5, atol=1e-6)
    again = initial_variables(program.model, example, seed=8)
    jax.tree.map(np.testing.assert_array_equal, made.variables, again)


def test_within_a_trace_it_is_traced():
    program = Program(Model(nn.MLP().build(Features(5), 3), Classification(tuple("abc"))), optim.Adam())
    make = partial(initial_state, program, {"numeric": ROWS}, seed=0)
    assert jax.eval_shape(lambda: make()) == jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), make())
