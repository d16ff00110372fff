"""Embeddings of numbers against float64 NumPy, and what every encoder of numbers promises."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.reference import numbers

from batchwright import nn
from batchwright.errors import ConfigError
from batchwright.nn.numeric import number_encoder
from batchwright.nn.uncompiled import call_uncompiled
from batchwright.optim.names import is_chosen, names_of
from batchwright.workflow.decay import NO_DECAY

ROWS, COLUMNS = 60, 3
RNG = np.random.default_rng(0)
X = np.stack(
    [RNG.normal(size=ROWS), np.where(RNG.random(ROWS) < 0.8, 0.0, RNG.exponential(size=ROWS)), np.full(ROWS, 2.0)],
    axis=1,
).astype(np.float32)
TARGETS = np.sin(X[:, :1] * 3).astype(np.float32)
ENCODERS: tuple[nn.NumberEncoder, ...] = (
    nn.PiecewiseLinear(bins=6, units=3),
    nn.PiecewiseLinearB(bins=6, units=3),
    nn.PiecewiseLinearTree(bins=6, units=3),
    nn.PLR(frequencies=5, units=3, frequency_scale=0.2),
    nn.Cosine(units=4),
    nn.PBLD(frequencies=5, units=2),
)
REFERENCES: dict[str, Callable[..., np.ndarray]] = {
    "piecewise_linear_b": numbers.piecewise_linear_b,
    "piecewise_linear_tree": numbers.piecewise_linear_b,
    "plr": numbers.plr,
    "cosine": numbers.cosine,
    "pbld": numbers.pbld,
}
every = pytest.mark.parametrize("encoder", ENCODERS, ids=lambda encoder: encoder.name)


@jax.jit
def start(encoder: nn.NumberEncoder, x: jax.Array, targets: jax.Array) -> nn.Variables:
    return call_uncompiled(encoder.init, jax.random.key(1), x, targets)


@jax.jit
def applied(encoder: nn.NumberEncoder, variables: nn.Variables, x: jax.Array) -> jax.Array:
    return encoder.apply(variables, x)


def moved(encoder: nn.NumberEncoder) -> nn.Variables:
    """Variables after some training: what starts at zero is not zero any more."""
    variables = start(encoder, X, TARGETS)
    keys = jax.random.split(jax.random.key(2), len(variables.params))
    params = {
        name: leaf + 0.3 * jax.random.normal(key, leaf.shape)
        for key, (name, leaf) in zip(keys, variables.params.items(), strict=True)
    }
    return variables._replace(params=params)


def test_every_encoder_is_tried() -> None:
    assert tuple(map(type, ENCODERS)) == nn.NUMBER_ENCODERS


@every
def test_it_is_its_formula(encoder: nn.NumberEncoder) -> None:
    if encoder.name not in REFERENCES:
        pytest.skip("test_embeddings.py has the formula")
    variables = moved(encoder)
    of: dict[str, Any] = jax.tree.map(
        lambda leaf: np.asarray(leaf, np.float64), {**variables.params, **variables.state}
    )
    new = np.concatenate([X, X * 3 - 1])
    found = np.asarray(applied(encoder, variables, new))
    for column in range(COLUMNS):
        own = {name: leaf[column] for name, leaf in of.items()}
        expected = [REFERENCES[encoder.name](float(value), own) for value in new[:, column]]
        np.testing.assert_allclose(found[:, column], expected, rtol=1e-4, atol=1e-4)


@every
def test_all_it_learns_has_a_gradient_and_its_shapes_do_not_depend_on_targets(encoder: nn.NumberEncoder) -> None:
    variables, without = (
        start(encoder, X, TARGETS),
        jax.eval_shape(lambda: encoder.init(jax.random.key(1), jnp.asarray(X), None)),
    )
    assert jax.tree.map(jnp.shape, variables) == jax.tree.map(jnp.shape, without)
    assert isinstance(encoder, nn.NumberEncoder)

    def loss(params: dict[str, jax.Array], x: jax.Array) -> jax.Array:
        y = encoder.apply(nn.Variables(params, variables.state), x)
        return jnp.sum(jnp.cos(jnp.arange(y.size, dtype=jnp.float32)).reshape(y.shape) * y**2)

    gradients = jax.jit(jax.grad(loss))(moved(encoder).params, jnp.asarray(X))
    assert all(np.isfinite(leaf).all() and np.asarray(leaf[0]).any() for leaf in gradients.values())


def test_what_is_learned_is_left_out_of_the_decay_for_few_rows() -> None:
    for encoder in ENCODERS[1:]:
        assert all(is_chosen(name, NO_DECAY) for name in names_of(start(encoder, X, TARGETS).params)), encoder


@pytest.mark.parametrize("encoder", ENCODERS[1:3], ids=lambda encoder: encoder.name)
def test_version_b_starts_as_a_linear_map_exactly(encoder: nn.NumberEncoder) -> None:
    variables = start(encoder, X, TARGETS)
    gamma, bias = (variables.params[name] for name in ("gamma", "bias"))
    new = jnp.asarray(np.concatenate([X, 100 * X - 7]))
    expected = jax.jit(lambda x: x[:, :, None] * gamma[None] + bias[None])(new)
    np.testing.assert_array_equal(applied(encoder, variables, new), expected)


def test_cosines_start_at_zero_beside_the_number() -> None:
    encoder = nn.Cosine(units=4)
    found = np.asarray(applied(encoder, start(encoder, X, TARGETS), X))
    np.testing.assert_array_equal(found, np.concatenate([X[:, :, None], np.zeros((ROWS, COLUMNS, 4))], axis=2))


@pytest.mark.parametrize("encoder", [nn.PLR(400), nn.Cosine(400), nn.PBLD(400)], ids=lambda encoder: encoder.name)
def test_frequencies_are_normal_and_cut_at_three_deviations(encoder: nn.NumberEncoder) -> None:
    w = np.asarray(start(encoder, X, TARGETS).params["gamma"]) / encoder.frequency_scale
    assert w.shape == (COLUMNS, 400)
    assert w.std() == pytest.approx(0.986, rel=0.06)
    assert 2 < np.abs(w).max() <= 3


def test_a_name_makes_an_encoder_with_its_own_numbers() -> None:
    assert number_encoder("none") is None
    for cls in nn.NUMBER_ENCODERS:
        assert number_encoder(cls.name) == cls()
    assert number_encoder("pbld", units=5, frequency_scale=0.5) == nn.PBLD(units=5, frequency_scale=0.5)


@pytest.mark.parametrize(
    ("name", "numbers_given", "said"),
    [
        ("plr", {"bins": 8}, "network.bins is for piecewise_linear, .*, and network.numbers is plr: leave it out"),
        ("none", {"units": 8}, "network.embedding_units is for .*, and network.numbers is none"),
        ("piecewise_linear_b", {"frequency_scale": 1.0}, "network.frequency_scale is for plr, cosine, pbld"),
    ],
)
def test_a_number_that_an_encoder_lacks_is_refused(name: Any, numbers_given: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        number_encoder(name, **numbers_given)
