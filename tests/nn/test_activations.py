"""Activations against their formulas in float64, at the ends of the number line too; and how weights start."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.reference.nn import activations, slopes

from batchwright.nn import Activation, Variables
from batchwright.nn.activations import ACTIVATIONS, activate
from batchwright.nn.initializers import INITIALIZERS, for_activation, initialize

SLOPE = 0.2
FORMULAS = activations(SLOPE)
POINTS = np.array([-9.0, -3.1, -1.0, -0.2, 0.1, 0.3, 1.0, 2.0, 2.7, 5.0, 12.0])
EXTREMES = [-3e38, -1e30, -1e4, -88.0, -1e-38, 0.0, 1e-38, 88.0, 1e4, 1e30, 3e38]


@partial(jax.jit, static_argnames="name")
def pulled(name: str, x: jax.Array, pull: jax.Array, slope: float) -> tuple[jax.Array, jax.Array]:
    """The values, and the gradient of sum(pull * values)."""
    values, back = jax.vjp(lambda x: activate(name, x, slope=slope), x)
    return values, back(pull)[0]


def test_every_activation_has_a_formula() -> None:
    assert set(FORMULAS) == set(ACTIVATIONS)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_values_and_gradients_are_those_of_the_formula(name: str) -> None:
    x, pull = jnp.asarray(POINTS, jnp.float32), np.cos(np.arange(11.0))
    values, gradient = pulled(name, x, jnp.asarray(pull, jnp.float32), SLOPE)
    np.testing.assert_allclose(values, FORMULAS[name](POINTS), rtol=2e-6, atol=1e-6)
    expected = slopes(lambda x: float((pull * FORMULAS[name](x)).sum()), POINTS)
    np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_extreme_inputs_give_finite_values_and_gradients(name: str, dtype: str) -> None:
    x = jnp.asarray(EXTREMES, dtype)
    values, gradient = pulled(name, x, jnp.ones_like(x), 0.01)
    assert values.dtype == x.dtype
    assert np.isfinite(np.asarray(values, np.float32)).all()
    assert np.isfinite(np.asarray(gradient, np.float32)).all()


def test_softmax_works_along_the_last_axis() -> None:
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 3, 4)), jnp.float32)
    np.testing.assert_allclose(activate("softmax", x).sum(axis=-1), np.ones((2, 3)), rtol=1e-6)


def test_the_layer_takes_its_slope_as_a_number_that_compiles_nothing() -> None:
    traces = []

    @jax.jit
    def apply(layer: Activation, x: jax.Array) -> jax.Array:
        traces.append(1)
        return layer.apply(Variables({}, {}), x, train=True, key=None, present=None)[0]

    x = jnp.array([-2.0, 3.0])
    found = [apply(Activation("leaky_relu", slope), x).tolist() for slope in (0.5, 0.25)]
    assert found == [[-1.0, 3.0], [-0.5, 3.0]]
    assert len(traces) == 1


INPUTS, OUTPUTS = 3 * 3 * 40, 3 * 3 * 60  # of one place of a 3 x 3 kernel
VARIANCES = {"he": 2 / INPUTS, "glorot": 2 / (INPUTS + OUTPUTS), "lecun": 1 / INPUTS}


@pytest.mark.parametrize("name", [name for name in INITIALIZERS if "_" in name])
def test_variance_and_range(name: str) -> None:
    family, distribution = name.split("_")
    weights = np.asarray(initialize(name, jax.random.key(1), (3, 3, 40, 60)))
    deviation = np.sqrt(VARIANCES[family])
    assert weights.shape == (3, 3, 40, 60)
    assert weights.dtype == np.float32
    assert weights.std() == pytest.approx(deviation, rel=0.02)
    assert abs(weights.mean()) < 5 * deviation / np.sqrt(weights.size)
    widest = np.sqrt(3) if distribution == "uniform" else 2 / 0.879626  # of a standard normal cut at 2
    assert 0.99 * widest < np.abs(weights).max() / deviation <= widest * (1 + 1e-5)


@pytest.mark.parametrize("shape", [(12, 5), (5, 12), (3, 3, 2, 5)])
def test_orthogonal_weights_have_orthonormal_rows_or_columns(shape: tuple[int, ...]) -> None:
    matrix = np.asarray(initialize("orthogonal", jax.random.key(2), shape), np.float64).reshape(-1, shape[-1])
    gram = matrix.T @ matrix if len(matrix) >= shape[-1] else matrix @ matrix.T
    np.testing.assert_allclose(gram, np.eye(len(gram)), atol=1e-6)


def test_orthogonal_weights_point_everywhere() -> None:
    """Without the correction of signs, QR would give the first entry one sign only."""
    first = [float(initialize("orthogonal", jax.random.key(seed), (12, 5))[0, 0]) for seed in range(40)]
    assert 8 < sum(value > 0 for value in first) < 32


def test_auto_follows_the_activation() -> None:
    chosen = {name: for_activation("auto", name) for name in ACTIVATIONS}
    assert {name for name, initializer in chosen.items() if initializer == "he_normal"} == {
        "relu",
        "leaky_relu",
        "gelu",
        "silu",
    }
    assert set(chosen.values()) == {"he_normal", "glorot_uniform"}
    assert for_activation("lecun_normal", "relu") == "lecun_normal"
    pair = (initialize(name, jax.random.key(0), (4, 3)) for name in ("auto", "glorot_uniform"))
    np.testing.assert_array_equal(*pair)
