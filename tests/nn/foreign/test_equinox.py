"""Modules of Equinox train as they do in Equinox."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.nn.foreign.fitting import (
    CLASSES,
    COLUMNS,
    IMAGE,
    RATE,
    array_of,
    batches_of,
    check_dropout,
    check_members,
    check_outputs,
    check_saved,
    check_second_fit,
    columns,
    cross_entropy,
    first,
    images,
    trained,
)

from batchwright import nn
from batchwright.errors import ConfigError

eqx = pytest.importorskip("equinox", reason="Equinox is not installed")


def plain() -> object:
    return eqx.nn.MLP(COLUMNS, CLASSES, 8, 1, activation=jnp.tanh, key=jax.random.key(0))


def dropping() -> object:
    keys = jax.random.split(jax.random.key(0), 2)
    layers = [eqx.nn.Linear(COLUMNS, 8, key=keys[0]), eqx.nn.Lambda(jnp.tanh), eqx.nn.Dropout(0.5)]
    return eqx.nn.Sequential([*layers, eqx.nn.Linear(8, CLASSES, key=keys[1])])


class Stateful(eqx.Module):
    """Batch statistics under an axis of its own name."""

    hidden: eqx.nn.Linear
    norm: eqx.nn.BatchNorm
    last: eqx.nn.Linear

    def __init__(self, mode: str) -> None:
        keys = jax.random.split(jax.random.key(0), 2)
        self.hidden = eqx.nn.Linear(COLUMNS, 8, key=keys[0])
        self.norm = eqx.nn.BatchNorm(8, axis_name="rows", mode=mode, momentum=0.8)
        self.last = eqx.nn.Linear(8, CLASSES, key=keys[1])

    def __call__(self, x: jax.Array, state: object) -> tuple[jax.Array, object]:
        x, state = self.norm(jnp.tanh(self.hidden(x)), state)
        return self.last(x), state


def test_it_gives_the_outputs_of_equinox() -> None:
    rows = columns()
    check_outputs(nn.from_equinox(plain()), rows, jax.vmap(plain())(array_of(rows)))
    module = eqx.nn.inference_mode(dropping())
    check_outputs(nn.from_equinox(dropping()), rows, jax.vmap(module)(array_of(rows)))


def test_it_trains_as_in_equinox() -> None:
    module, rows, expected = plain(), columns(), []
    x, targets = jnp.asarray(array_of(rows)), rows.targets

    @eqx.filter_jit
    @eqx.filter_value_and_grad
    def loss(module: object, batch: np.ndarray) -> jax.Array:
        return cross_entropy(jax.vmap(module)(x[batch]), targets[batch])

    for batches in batches_of(rows, 20):
        losses, sizes = [], [len(batch) for batch in batches]
        for batch in batches:
            value, gradients = loss(module, batch)
            module = eqx.apply_updates(module, jax.tree.map(lambda g: -RATE * g, gradients))
            losses.append(float(value))
        expected.append(np.average(losses, weights=sizes))
    found = trained(nn.from_equinox(plain()), rows, size=20)
    np.testing.assert_allclose(found.losses, expected, rtol=1e-5)
    weight = found.variables.params["body"]["layers"]["1"]["weight"]
    np.testing.assert_allclose(weight, module.layers[1].weight, atol=1e-5)


@pytest.mark.parametrize("mode", ["batch", "ema"])
def test_a_state_is_updated_as_in_equinox(mode: str) -> None:
    module, state = eqx.nn.make_with_state(Stateful)(mode)
    network, rows, expected = nn.from_equinox(module, state), columns(), []
    x, targets = jnp.asarray(array_of(rows)), rows.targets

    def called(module: object, state: object, x: np.ndarray) -> tuple[jax.Array, object]:
        return jax.vmap(module, in_axes=(0, None), out_axes=(0, None), axis_name="rows")(x, state)

    @eqx.filter_jit
    @eqx.filter_value_and_grad(has_aux=True)
    def loss(module: object, state: object, batch: np.ndarray) -> tuple[jax.Array, object]:
        logits, state = called(module, state, x[batch])
        return cross_entropy(logits, targets[batch]), state

    for batches in batches_of(rows, 16):
        losses = []
        for batch in batches:
            (value, state), gradients = loss(module, state, batch)
            module = eqx.apply_updates(module, jax.tree.map(lambda g: -RATE * g, gradients))
            losses.append(float(value))
        expected.append(np.mean(losses))
    found = trained(network, rows)
    np.testing.assert_allclose(found.losses, expected, rtol=1e-5)
    kept = found.variables.state["body"]["norm"]
    of_equinox = state.get(module.norm.batch_state_index if mode == "batch" else module.norm.ema_state_index)
    for number in (0, 1):
        here = kept["batch_state_index" if mode == "batch" else "ema_state_index"][str(number)]
        np.testing.assert_allclose(here, of_equinox[number], atol=1e-5)
    ours = network.apply(found.variables, rows.inputs, train=False, key=None, present=None)[0]
    theirs = called(eqx.nn.inference_mode(module), state, x)[0]
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    with pytest.raises(ConfigError, match="remainder=drop"):
        trained(network, rows, size=20)


def test_members_second_fits_and_saved_weights() -> None:
    rows = columns()
    check_dropout(nn.from_equinox(dropping()), rows)
    check_members(nn.from_equinox(dropping()), rows)
    module, state = eqx.nn.make_with_state(Stateful)("batch")
    network = nn.from_equinox(module, state)
    check_members(network, rows)
    check_second_fit(network, rows)
    names = {f"params/body/{layer}/{name}" for layer in ("hidden", "norm", "last") for name in ("weight", "bias")}
    names |= {f"state/body/norm/{name}" for name in ("batch_counter", "batch_state_index/0", "batch_state_index/1")}
    check_saved(first(network, rows), names)


def test_each_row_has_its_own_dropout() -> None:
    network = nn.from_equinox(eqx.nn.Sequential([eqx.nn.Dropout(0.5), eqx.nn.Identity()]))
    ones = {"numeric": jnp.ones((64, 8))}
    given, _ = network.apply(
        network.init(jax.random.key(0), ones), ones, train=True, key=jax.random.key(0), present=None
    )
    assert len(np.unique(np.asarray(given), axis=0)) > 32


def test_images_have_their_channels_first() -> None:
    class Convolutional(eqx.Module):
        conv: eqx.nn.Conv2d
        last: eqx.nn.Linear

        def __init__(self) -> None:
            self.conv = eqx.nn.Conv2d(IMAGE[2], 4, 3, key=jax.random.key(0))
            self.last = eqx.nn.Linear(4, CLASSES, key=jax.random.key(1))

        def __call__(self, x: jax.Array) -> jax.Array:
            return self.last(jax.nn.relu(self.conv(x)).mean((1, 2)))

    rows, module = images(), Convolutional()
    expected = jax.vmap(module)(jnp.moveaxis(jnp.asarray(array_of(rows)), -1, 1))
    check_outputs(nn.from_equinox(module), rows, expected)

    class Last(eqx.Module):
        inner: Convolutional

        def __call__(self, x: jax.Array) -> jax.Array:
            return self.inner(jnp.moveaxis(x, -1, 0))

    check_outputs(nn.from_equinox(Last(module), channels_first=False), rows, expected)


def test_what_does_not_fit_is_told() -> None:
    with pytest.raises(ConfigError, match=r"does not take an array of \[n, 5\]"):
        first(nn.from_equinox(eqx.nn.MLP(7, CLASSES, 8, 1, key=jax.random.key(0))), columns())
    with pytest.raises(ConfigError, match="make_with_state"):
        nn.from_equinox(Stateful("batch"))
    with pytest.raises(ConfigError, match=r"takes an equinox\.Module, but got"):
        nn.from_equinox(jnp.tanh)
