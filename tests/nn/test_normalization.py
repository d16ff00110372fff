"""Normalization against moments in float64, its gradients against finite differences of them."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.reference.nn import group_normalized, moments, normalized, slopes

from batchwright.errors import ConfigError
from batchwright.nn import BatchNorm, GroupNorm, LayerNorm, RMSNorm, Variables
from batchwright.nn.normalization import normalize

SHAPES = [(6, 3), (4, 2, 3, 2)]
PRESENT = {"whole": None, "padded": [True, True, False, True, True, False]}


def make_rows(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return (generator.normal(size=shape) * [1.0, 5.0, 0.2][: shape[-1]] + 2.0).astype(np.float32)


def make_layer(f: int, **numbers: float) -> tuple[BatchNorm, Variables]:
    layer = BatchNorm(**numbers)
    variables = layer.init(jax.random.key(0), (f,))
    params = {"gamma": jnp.linspace(0.5, 2.0, f), "beta": jnp.linspace(-1.0, 1.0, f)}
    return layer, Variables(params, variables.state)


@partial(jax.jit, static_argnames="train")
def apply(
    layer: BatchNorm,
    variables: Variables,
    x: jax.Array,
    present: jax.Array | None = None,
    *,
    train: bool = True,
) -> tuple[jax.Array, dict[str, jax.Array]]:
    return layer.apply(variables, x, train=train, key=None, present=present)


def as_array(present: list[bool] | None, n: int) -> jax.Array | None:
    return None if present is None else jnp.asarray(present[:n])


@pytest.mark.parametrize("present", PRESENT.values(), ids=PRESENT)
@pytest.mark.parametrize("shape", SHAPES, ids=["rows", "images"])
def test_a_batch_is_normalized_by_its_own_moments(shape: tuple[int, ...], present: list[bool] | None) -> None:
    x, w = make_rows(shape), as_array(present, shape[0])
    layer, variables = make_layer(shape[-1], epsilon=0.01)
    gamma, beta = (np.asarray(variables.params[name], np.float64) for name in ("gamma", "beta"))
    expected = gamma * normalized(x.astype(np.float64), *moments(x.astype(np.float64), w), 0.01) + beta
    found, _ = apply(layer, variables, jnp.asarray(x), w)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("present", PRESENT.values(), ids=PRESENT)
@pytest.mark.parametrize("shape", SHAPES, ids=["rows", "images"])
def test_gradients_are_finite_differences_of_the_formula(shape: tuple[int, ...], present: list[bool] | None) -> None:
    x, w = make_rows(shape), as_array(present, shape[0])
    gamma, beta = np.linspace(0.5, 2.0, shape[-1]), np.linspace(-1.0, 1.0, shape[-1])
    pull = np.cos(np.arange(x.size)).reshape(shape)

    def loss(x: np.ndarray, gamma: np.ndarray, beta: np.ndarray) -> float:
        return float((pull * (gamma * normalized(x, *moments(x, w), 0.01) + beta)).sum())

    def same_loss(x: jax.Array, gamma: jax.Array, beta: jax.Array) -> jax.Array:
        return jnp.sum(jnp.asarray(pull, jnp.float32) * normalize(x, gamma, beta, w, 0.01)[0])

    at = [np.asarray(value, np.float64) for value in (x, gamma, beta)]
    found = jax.jit(jax.grad(same_loss, (0, 1, 2)))(*(jnp.asarray(value, jnp.float32) for value in at))
    for index, gradient in enumerate(found):
        expected = slopes(lambda value, i=index: loss(*at[:i], value, *at[i + 1 :]), at[index])
        np.testing.assert_allclose(gradient, expected, rtol=2e-4, atol=2e-4 * np.abs(expected).max())


@pytest.mark.parametrize("shape", SHAPES, ids=["rows", "images"])
def test_places_without_a_row_influence_nothing(shape: tuple[int, ...]) -> None:
    x, n = make_rows(shape), shape[0]
    layer, variables = make_layer(shape[-1])
    padded = jnp.concatenate([x, jnp.full((2, *shape[1:]), 1e4)])
    present = jnp.arange(n + 2) < n

    def loss(params: dict[str, jax.Array], x: jax.Array, present: jax.Array | None) -> tuple[jax.Array, jax.Array]:
        y, state = layer.apply(Variables(params, variables.state), x, train=True, key=None, present=present)
        return jnp.sum(jnp.sin(y[:n])), (y[:n], state)

    both = jax.jit(jax.value_and_grad(loss, (0, 1), has_aux=True))
    (_, (y, state)), (for_params, for_x) = both(variables.params, padded, present)
    (_, (own_y, own_state)), (own_for_params, own_for_x) = both(variables.params, jnp.asarray(x), None)
    np.testing.assert_allclose(y, own_y, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(for_x[:n], own_for_x, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(for_x[n:], np.zeros((2, *shape[1:])))
    for name, gradient in for_params.items():
        np.testing.assert_allclose(gradient, own_for_params[name], rtol=1e-4, atol=1e-5)
    share = n / (n + 2)  # running statistics move by the share of the batch that is there
    for name, start in (("mean", 0.0), ("variance", 1.0)):
        np.testing.assert_allclose(state[name] - start, share * (own_state[name] - start), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("present", [None, [True], [False]], ids=["plain", "present", "all padding"])
def test_a_batch_of_one_row_gives_finite_values_and_gradients(present: list[bool] | None) -> None:
    layer, variables = make_layer(3)
    w = as_array(present, 1)

    def loss(x: jax.Array) -> tuple[jax.Array, tuple[jax.Array, dict[str, jax.Array]]]:
        y, state = layer.apply(variables, x, train=True, key=None, present=w)
        return jnp.sum(y**2), (y, state)

    (_, (y, state)), gradient = jax.jit(jax.value_and_grad(loss, has_aux=True))(jnp.asarray(make_rows((1, 3))))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((y, state, gradient)))
    if present != [False]:
        np.testing.assert_allclose(y[0], variables.params["beta"], rtol=1e-5)
        np.testing.assert_allclose(gradient, np.zeros((1, 3)), atol=1e-5)
    else:
        np.testing.assert_array_equal(state["mean"], np.zeros(3))
        np.testing.assert_array_equal(state["variance"], np.ones(3))


@pytest.mark.parametrize("momentum", [0.0, 0.3, 0.99])
def test_running_statistics_follow_their_rule_and_evaluation_uses_them(momentum: float) -> None:
    layer, variables = make_layer(3, momentum=momentum)
    mean, variance = np.zeros(3), np.ones(3)
    for t in range(5):
        x = make_rows((6, 3), seed=t)
        present = [True] * 5 + [False] if t % 2 else None
        own_mean, own_variance = moments(x.astype(np.float64), present)
        rate = (1 - min(momentum, (1 + t) / (10 + t))) * (1 if present is None else 5 / 6)
        mean, variance = mean + rate * (own_mean - mean), variance + rate * (own_variance - variance)
        w = as_array(present, 6)
        state = apply(layer, variables, jnp.asarray(x), w)[1]
        variables = Variables(variables.params, state)
    np.testing.assert_allclose(variables.state["mean"], mean, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(variables.state["variance"], variance, rtol=1e-5)
    assert variables.state["count"] == 5
    x = make_rows((2, 3), seed=9)
    y, state = apply(layer, variables, jnp.asarray(x), jnp.array([True, False]), train=False)
    expected = np.linspace(0.5, 2.0, 3) * normalized(x, mean, variance, 1e-3) + np.linspace(-1.0, 1.0, 3)
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)
    assert jax.tree.all(jax.tree.map(np.array_equal, state, variables.state))


def test_a_mean_far_from_zero_costs_no_more_than_float32_has_to_lose() -> None:
    x = make_rows((64, 3)) + np.float32(1000)
    layer, variables = make_layer(3)
    exact = x.astype(np.float64)
    expected = np.linspace(0.5, 2.0, 3) * normalized(exact, *moments(exact), 1e-3) + np.linspace(-1.0, 1.0, 3)
    found, _ = apply(layer, variables, jnp.asarray(x))
    scale = 2.0 / np.sqrt(moments(exact)[1].min())
    np.testing.assert_allclose(found, expected, atol=4 * np.finfo(np.float32).eps * 1000 * scale)


def test_statistics_of_bfloat16_rows_are_made_in_float32() -> None:
    x = jnp.asarray(make_rows((500, 3)), jnp.bfloat16)
    layer, variables = make_layer(3, momentum=0.0)
    y, state = apply(layer, variables, x)
    mean, variance = moments(np.asarray(x, np.float64))
    assert y.dtype == jnp.bfloat16
    np.testing.assert_allclose(state["mean"], mean, rtol=1e-5)
    np.testing.assert_allclose(state["variance"], variance, rtol=1e-5)


@pytest.mark.parametrize("shape", SHAPES, ids=["rows", "images"])
def test_layer_norm_normalizes_each_row_alone(shape: tuple[int, ...]) -> None:
    x, layer, f = make_rows(shape), LayerNorm(epsilon=0.02), shape[-1]
    assert jax.tree.map(jnp.shape, layer.init(jax.random.key(0), (f,)).params) == {"gamma": (f,), "beta": (f,)}
    gamma, beta = np.linspace(0.5, 2.0, f), np.linspace(-1.0, 1.0, f)

    def formula(x: np.ndarray) -> np.ndarray:
        flat = [gamma * (r - r.mean()) / np.sqrt(((r - r.mean()) ** 2).mean() + 0.02) + beta for r in x.reshape(-1, f)]
        return np.array(flat).reshape(shape)

    variables = Variables({"gamma": jnp.asarray(gamma, jnp.float32), "beta": jnp.asarray(beta, jnp.float32)}, {})
    pull = np.cos(np.arange(x.size)).reshape(shape)

    def loss(x: jax.Array) -> tuple[jax.Array, jax.Array]:
        y = layer.apply(variables, x, train=True, key=None, present=None)[0]
        return jnp.sum(jnp.asarray(pull, jnp.float32) * y), y

    gradient, y = jax.jit(jax.grad(loss, has_aux=True))(jnp.asarray(x))
    np.testing.assert_allclose(y, formula(x.astype(np.float64)), rtol=1e-4, atol=1e-5)
    expected = slopes(lambda x: float((pull * formula(x)).sum()), x.astype(np.float64))
    np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-3)
    assert jax.eval_shape(apply, layer, variables, jnp.asarray(x, jnp.bfloat16))[0].dtype == jnp.bfloat16


def assert_is_formula(layer: RMSNorm | GroupNorm, x: np.ndarray, formula: Callable[..., np.ndarray]) -> None:
    """Values, and gradients of x, gamma and beta by finite differences; `formula` takes x, gamma and beta."""
    f, pull = x.shape[-1], np.cos(np.arange(x.size)).reshape(x.shape)
    fresh = layer.init(jax.random.key(0), x.shape[1:]).params
    assert {name: array.shape for name, array in fresh.items()} == dict.fromkeys(fresh, (f,))
    numbers = {"gamma": np.linspace(0.5, 2.0, f), "beta": np.linspace(-1.0, 1.0, f)}
    params = {name: jnp.asarray(numbers[name], jnp.float32) for name in fresh}

    def loss(params: dict[str, jax.Array], x: jax.Array) -> tuple[jax.Array, jax.Array]:
        y = layer.apply(Variables(params, {}), x, train=True, key=None, present=None)[0]
        return jnp.sum(jnp.asarray(pull, jnp.float32) * y), y

    (for_params, for_x), y = jax.jit(jax.grad(loss, (0, 1), has_aux=True))(params, jnp.asarray(x))
    at = [x.astype(np.float64), *(numbers[name] for name in params)]
    np.testing.assert_allclose(y, formula(*at), rtol=1e-4, atol=1e-5)
    for index, found in enumerate([for_x, *(for_params[name] for name in params)]):

        def total(value: np.ndarray, index: int = index) -> float:
            return float((pull * formula(*at[:index], value, *at[index + 1 :])).sum())

        np.testing.assert_allclose(found, slopes(total, at[index]), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("shape", SHAPES, ids=["rows", "images"])
def test_rms_norm_is_its_formula(shape: tuple[int, ...]) -> None:
    def formula(x: np.ndarray, gamma: np.ndarray) -> np.ndarray:
        rows = [gamma * row / np.sqrt((row**2).mean() + 0.02) for row in x.reshape(-1, shape[-1])]
        return np.array(rows).reshape(shape)

    assert_is_formula(RMSNorm(epsilon=0.02), make_rows(shape), formula)


@pytest.mark.parametrize("groups", [1, 2, 3, 6])
@pytest.mark.parametrize("shape", [(3, 6), (2, 4, 6), (2, 3, 2, 6)], ids=["rows", "series", "images"])
def test_group_norm_is_its_formula(shape: tuple[int, ...], groups: int) -> None:
    x = (np.random.default_rng(0).normal(size=shape) * [1.0, 5.0, 0.2, 3.0, 0.5, 1.0] + 2.0).astype(np.float32)
    assert_is_formula(
        GroupNorm(groups, epsilon=0.3),
        x,
        lambda x, gamma, beta: gamma * group_normalized(x, groups, 0.3) + beta,
    )


def test_group_norm_far_from_zero_loses_no_more_than_float32_has_to() -> None:
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 4)).astype(np.float32) + np.float32(1000)
    layer = GroupNorm(2)
    variables = layer.init(jax.random.key(0), x.shape[1:])
    y = layer.apply(variables, jnp.asarray(x), train=False, key=None, present=None)[0]
    np.testing.assert_allclose(y, group_normalized(x.astype(np.float64), 2, 1e-3), atol=5e-4)


def test_groups_that_do_not_divide_the_channels_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"32 groups do not divide 12 channels.*\(1, 2, 3, 4, 6, 12\)"):
        GroupNorm().init(jax.random.key(0), (4, 4, 12))
