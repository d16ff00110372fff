"""Dense, Dropout, Flatten, and the layers made of layers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from batchwright.errors import ConfigError
from batchwright.nn import (
    Activation,
    BatchNorm,
    Dense,
    Dropout,
    Flatten,
    Layer,
    LayerNorm,
    Residual,
    Sequential,
    Variables,
)
from batchwright.nn.products import _to_bfloat16, dot

NOTHING = Variables({}, {})
KEY = jax.random.key(3)


def draw(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def run(
    layer: Layer, variables: Variables, x: jax.Array, key: jax.Array | None = None, *, train: bool = True
) -> tuple[jax.Array, dict]:
    return layer.apply(variables, x, train=train, key=key, present=None)


apply = jax.jit(run, static_argnames="train")
initial = jax.jit(lambda layer, shape: layer.init(KEY, shape), static_argnums=1)


@jax.jit
def pulled(layer: Layer, params: dict, x: jax.Array, g: jax.Array, key: jax.Array | None = None):
    """The output, and the gradients of sum(g * output)."""
    y, back = jax.vjp(lambda params, x: run(layer, Variables(params, {}), x, key)[0], params, x)
    return y, *back(g)


@pytest.mark.parametrize("use_bias", [True, False])
def test_dense_is_a_product_and_a_sum(use_bias: bool) -> None:
    layer = Dense(3, use_bias=use_bias)
    x, kernel, bias, g = draw(4, 5), draw(5, 3, seed=1), draw(3, seed=2), draw(4, 3, seed=3)
    params = {"kernel": kernel} | ({"bias": bias} if use_bias else {})
    shapes = jax.eval_shape(lambda: layer.init(KEY, (5,))).params
    assert {name: array.shape for name, array in shapes.items()} == {
        name: array.shape for name, array in params.items()
    }
    y, for_params, for_x = pulled(layer, params, x, g)
    np.testing.assert_allclose(y, x.astype(np.float64) @ kernel + (bias if use_bias else 0), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(for_x, g.astype(np.float64) @ kernel.T, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(for_params["kernel"], x.T.astype(np.float64) @ g, rtol=1e-5, atol=1e-5)
    if use_bias:
        np.testing.assert_allclose(for_params["bias"], g.sum(axis=0), rtol=1e-5, atol=1e-5)


def test_products_in_bfloat16_are_float32() -> None:
    """bfloat16 knows 256, 258 and 260, but neither 257 nor 259."""
    kernel, x = jnp.ones((259, 2)), jnp.ones((257, 259), jnp.bfloat16)
    product = jax.jit(dot)(x, kernel)
    assert product.dtype == jnp.float32
    np.testing.assert_array_equal(product, np.full((257, 2), 259))
    y, for_params, for_x = pulled(Dense(2, use_bias=False), {"kernel": kernel}, x, jnp.ones((257, 2), jnp.bfloat16))
    assert (y.dtype, for_params["kernel"].dtype, for_x.dtype) == ("bfloat16", "float32", "bfloat16")
    np.testing.assert_array_equal(for_params["kernel"], np.full((259, 2), 257))
    np.testing.assert_array_equal(np.asarray(for_x, np.float32), np.full((257, 259), 2))


@pytest.mark.parametrize("shape", [(2, 5, 3), (3, 1, 4), (1, 7, 1), (64, 300, 200)], ids=str)
def test_gradients_in_bfloat16_are_those_of_the_rounded_operands(shape: tuple[int, int, int]) -> None:
    """Alone and as two members side by side, which some libraries multiply otherwise."""
    rows, inputs, units = shape
    x, kernel, g = draw(2, rows, inputs), draw(2, inputs, units, seed=1), draw(2, rows, units, seed=2)
    half_x, half_kernel, half_g = (np.asarray(jnp.asarray(a).astype(jnp.bfloat16), np.float64) for a in (x, kernel, g))

    def gradients(x: jax.Array, kernel: jax.Array, g: jax.Array) -> tuple[jax.Array, ...]:
        y, back = jax.vjp(dot, x.astype(jnp.bfloat16), kernel)
        return y, *back(g)

    alone = [jax.jit(gradients)(x[place], kernel[place], g[place]) for place in range(2)]
    together = jax.jit(jax.vmap(gradients))(x, kernel, g)
    for place in range(2):
        for y, for_x, for_kernel in (alone[place], [array[place] for array in together]):
            np.testing.assert_allclose(y, half_x[place] @ half_kernel[place], rtol=1e-4, atol=1e-4)
            np.testing.assert_allclose(for_kernel, half_x[place].T @ half_g[place], rtol=1e-4, atol=1e-4)
            exact = half_g[place] @ half_kernel[place].T
            np.testing.assert_allclose(np.asarray(for_x, np.float64), exact, rtol=2**-8, atol=1e-4)


def test_the_gradient_of_a_gradient_in_bfloat16_is_nearly_that_in_float32() -> None:
    """sum(y^2 / 2) has the gradient x^T x W, and the sum of its squares / 2 the gradient x^T x x^T x W."""
    x, kernel = draw(6, 4), draw(4, 3, seed=1)

    def squares(kernel: jax.Array) -> jax.Array:
        return jnp.sum(dot(jnp.asarray(x, jnp.bfloat16), kernel) ** 2) / 2

    def of_gradient(kernel: jax.Array) -> jax.Array:
        return jnp.sum(jax.grad(squares)(kernel) ** 2) / 2

    found = np.asarray(jax.jit(jax.grad(of_gradient))(jnp.asarray(kernel)), np.float64)
    square = x.T.astype(np.float64) @ x
    exact = square @ square @ kernel
    assert np.abs(found - exact).max() < 0.05 * np.abs(exact).max()


def test_numbers_are_rounded_to_bfloat16_as_jax_does() -> None:
    words = np.random.default_rng(0).integers(0, 2**32, 100_000, dtype=np.uint64).astype(np.uint32)
    numbers = np.concatenate([words.view(np.float32), np.float32([0, -0.0, np.inf, -np.inf, 3.4e38, 1e-45])])
    numbers = numbers[~np.isnan(numbers)]
    found, wanted = jax.jit(_to_bfloat16)(numbers), jnp.asarray(numbers).astype(jnp.bfloat16)
    np.testing.assert_array_equal(np.asarray(found).view(np.uint16), np.asarray(wanted).view(np.uint16))
    assert np.isnan(np.asarray(_to_bfloat16(jnp.float32(np.nan)), np.float32))


@pytest.mark.parametrize("rate", [0.05, 0.5, 0.9])
def test_dropout_leaves_out_its_share_and_scales_the_rest(rate: float) -> None:
    x = 1 + np.arange(20001, dtype=np.float32).reshape(3, 6667) % 7
    y = np.asarray(apply(Dropout(rate), NOTHING, jnp.asarray(x), KEY)[0])
    kept = y != 0
    np.testing.assert_allclose(y[kept], x[kept] / (1 - rate), rtol=1e-5)
    deviation = np.sqrt(rate * (1 - rate) / x.size)
    assert abs(kept.mean() - (1 - rate)) < 4 * deviation
    for flat in (kept.ravel(), kept.T.ravel()):  # neighbours, in both directions, do not go together
        together = np.corrcoef(flat[:-1], flat[1:])[0, 1]
        assert abs(together) < 4 / np.sqrt(x.size)


def test_dropout_in_evaluation_changes_nothing() -> None:
    x = draw(5, 7)
    np.testing.assert_array_equal(apply(Dropout(0.5), NOTHING, x, KEY, train=False)[0], x)
    np.testing.assert_array_equal(apply(Dropout(0.5), NOTHING, x, train=False)[0], x)


def test_dropout_is_a_pure_function_of_its_key() -> None:
    x = jnp.ones((5, 7))
    one, again, other = (apply(Dropout(0.5), NOTHING, x, key)[0] for key in (KEY, KEY, jax.random.key(4)))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_gradients_flow_through_what_is_kept_only() -> None:
    x = jnp.ones((5, 7))
    y, _, gradient = pulled(Dropout(0.5), {}, x, x, KEY)
    np.testing.assert_array_equal(gradient, y)


def test_dropout_that_is_off_draws_nothing() -> None:
    def text(rate: float) -> str:
        return str(jax.make_jaxpr(lambda x, key: run(Dropout(rate), NOTHING, x, key)[0])(jnp.ones((5, 7)), KEY))

    assert "shift_right_logical" in text(0.5)
    assert "shift" not in text(0.0)
    x = jnp.ones((5, 7))
    np.testing.assert_array_equal(apply(Dropout(0.0), NOTHING, x)[0], x)
    with pytest.raises(ConfigError, match="pass a key, or set the rate to 0"):
        apply(Dropout(0.5), NOTHING, x)


def test_another_rate_compiles_nothing_and_may_differ_between_members() -> None:
    traces, x, rates = [], jnp.ones((5, 7)), (0.3, 0.8)

    @jax.jit
    def traced(layer: Dropout, x: jax.Array) -> jax.Array:
        traces.append(1)
        return layer.apply(NOTHING, x, train=True, key=KEY, present=None)[0]

    alone = [traced(Dropout(rate), x) for rate in rates]
    assert len(traces) == 1
    assert not np.array_equal(*alone)
    stack = jax.tree.map(lambda *numbers: jnp.asarray(numbers), *map(Dropout, rates))
    np.testing.assert_allclose(jax.vmap(traced, (0, None))(stack, x), jnp.stack(alone), rtol=1e-6)


def test_flatten_keeps_the_order_of_a_row() -> None:
    x = draw(3, 2, 4, 5)
    np.testing.assert_array_equal(apply(Flatten(), NOTHING, x)[0], x.reshape(3, 40))
    assert apply(Flatten(), NOTHING, jnp.ones((0, 2, 3)))[0].shape == (0, 6)


def test_residual_adds_its_body_and_refuses_one_that_changes_the_shape() -> None:
    layer, x = Residual(Sequential((Dense(4), Activation("tanh")))), draw(3, 4)
    variables = initial(layer, (4,))
    dense = variables.params["dense_0"]
    np.testing.assert_allclose(apply(layer, variables, x)[0], x + np.tanh(x @ dense["kernel"]), rtol=1e-5, atol=1e-6)
    with pytest.raises(ConfigError, match=r"must keep the shape \(4,\), but gives \(5,\)"):
        Residual(Dense(5)).init(KEY, (4,))


def test_residual_passes_the_state_of_its_body_on() -> None:
    layer, x = Residual(BatchNorm(momentum=0.0)), draw(3, 4)
    state = apply(layer, initial(layer, (4,)), x)[1]
    np.testing.assert_allclose(state["mean"], x.mean(axis=0), rtol=1e-5, atol=1e-6)


def test_a_shortcut_is_added_where_the_body_changes_the_shape() -> None:
    layer, x = Residual(Sequential((Dense(5), BatchNorm(0.0))), shortcut=Dense(5, use_bias=False)), draw(3, 4)
    variables = initial(layer, (4,))
    assert set(variables.params) == {"body", "shortcut"}
    y, state = apply(layer, variables, x)
    z = x @ np.asarray(variables.params["body"]["dense_0"]["kernel"], np.float64)
    normalized = (z - z.mean(axis=0)) / np.sqrt(z.var(axis=0) + 1e-3)
    np.testing.assert_allclose(y, normalized + x @ variables.params["shortcut"]["kernel"], rtol=1e-4, atol=1e-4)
    assert jax.tree.structure(state) == jax.tree.structure(variables.state)
    np.testing.assert_allclose(state["body"]["batch_norm_1"]["mean"], z.mean(axis=0), rtol=1e-4, atol=1e-5)
    with pytest.raises(ConfigError, match=r"must give the body's shape \(5,\), but gives \(4,\)"):
        Residual(Dense(5), shortcut=Activation("relu")).init(KEY, (4,))


def test_body_and_shortcut_draw_each_their_own() -> None:
    layer, x = Residual(Dropout(0.5), shortcut=Dropout(0.5)), jnp.ones((40, 100))
    y = apply(layer, initial(layer, (100,)), x, KEY)[0]
    assert float(jnp.mean(y == 2)) == pytest.approx(0.5, abs=0.03), "both kept would be as often as 4 or 0"


def test_sequential_names_its_layers_by_kind_and_place() -> None:
    layers = (Dense(4), BatchNorm(), Activation(), Dropout(0.5), LayerNorm(), Residual(Dense(4)), Dense(2))
    variables = jax.eval_shape(lambda: Sequential(layers).init(KEY, (3,)))
    assert set(variables.params) == {"dense_0", "batch_norm_1", "layer_norm_4", "residual_5", "dense_6"}
    assert list(variables.state) == ["batch_norm_1"]
    assert variables.params["dense_6"]["kernel"].shape == (4, 2)


def test_sequential_chains_its_layers_each_with_a_key_of_its_own() -> None:
    layers, x = (Dense(4), BatchNorm(), Dropout(0.5), Dropout(0.3), Dense(2)), jnp.asarray(draw(6, 3))
    whole = Sequential(layers)
    variables = initial(whole, (3,))
    found, state = apply(whole, variables, x, KEY)
    for index, (layer, name) in enumerate(zip(layers, ("dense_0", "batch_norm_1", "", "", "dense_4"), strict=True)):
        own = Variables(variables.params.get(name, {}), variables.state.get(name, {}))
        x, own_state = apply(layer, own, x, jax.random.fold_in(KEY, index))
        for key, value in own_state.items():
            np.testing.assert_allclose(state[name][key], value, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found, x, rtol=1e-5, atol=1e-5)
    twice = Sequential((Dropout(0.5), Dropout(0.5)))
    kept = float(jnp.mean(apply(twice, NOTHING, jnp.ones((40, 100)), KEY)[0] > 0))
    assert kept == pytest.approx(0.25, abs=0.03), "two dropouts in a row draw independently"


def test_sequential_without_layers_changes_nothing() -> None:
    x = draw(2, 3)
    assert Sequential(()).init(KEY, (3,)) == NOTHING
    np.testing.assert_array_equal(apply(Sequential(()), NOTHING, x)[0], x)


@pytest.mark.parametrize("rows", [1, 2, 3, 7, 8, 9])
@pytest.mark.parametrize("units", [4, 128])
def test_gradients_of_many_members_are_those_of_each_however_few_the_rows(rows: int, units: int) -> None:
    layer, generator = Dense(units), np.random.default_rng(0)
    kernels, x = generator.normal(size=(3, 6, units)), generator.normal(size=(3, rows, 6))

    def loss(kernel: jax.Array, x: jax.Array) -> jax.Array:
        variables = Variables({"kernel": kernel, "bias": jnp.zeros(units)}, {})
        return jnp.sum(layer.apply(variables, x, train=True, key=None, present=None)[0] ** 2)

    found = jax.jit(jax.vmap(jax.grad(loss, argnums=(0, 1))))(jnp.asarray(kernels), jnp.asarray(x))
    np.testing.assert_allclose(found[0], 2 * x.swapaxes(1, 2) @ x @ kernels, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found[1], 2 * x @ kernels @ kernels.swapaxes(1, 2), rtol=1e-4, atol=1e-3)
