"""Modules of flax.nnx and flax.linen train as they do in Flax."""

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

nnx = pytest.importorskip("flax.nnx", reason="Flax is not installed")
linen = pytest.importorskip("flax.linen", reason="Flax is not installed")


class Block(nnx.Module):
    """Linear layers in a list, batch statistics, dropout and a variable of its own kind."""

    def __init__(self, rate: float = 0.0) -> None:
        rngs = nnx.Rngs(0)
        self.hidden = nnx.List([nnx.Linear(COLUMNS, 8, rngs=rngs), nnx.Linear(8, 8, rngs=rngs)])
        self.norm = nnx.BatchNorm(8, momentum=0.8, rngs=rngs)
        self.dropout = nnx.Dropout(rate, rngs=rngs)
        self.last = nnx.Linear(8, CLASSES, rngs=rngs)
        self.scale = nnx.Variable(jnp.array(2.0))

    def __call__(self, x: jax.Array) -> jax.Array:
        for layer in self.hidden:
            x = nnx.tanh(layer(x))
        return self.last(self.dropout(self.norm(x))) * self.scale[...]


class Linen(linen.Module):
    rate: float = 0.0

    @linen.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        x = linen.tanh(linen.Dense(8)(x))
        x = linen.BatchNorm(use_running_average=not train, momentum=0.8)(x)
        return linen.Dense(CLASSES)(linen.Dropout(self.rate, deterministic=not train)(x))


def begun(rate: float = 0.0) -> dict:
    return Linen(rate).init(jax.random.key(3), jnp.ones((1, COLUMNS)), train=False)


NNX_NAMES = {
    *(f"params/body/hidden/{number}/{name}" for number in (0, 1) for name in ("kernel", "bias")),
    *(f"params/body/last/{name}" for name in ("kernel", "bias")),
    *(f"params/body/norm/{name}" for name in ("scale", "bias")),
    *(f"state/body/norm/{name}" for name in ("mean", "var")),
    "state/body/scale",
}
LINEN_NAMES = {
    *(f"params/body/Dense_{number}/{name}" for number in (0, 1) for name in ("kernel", "bias")),
    *(f"params/body/BatchNorm_0/{name}" for name in ("scale", "bias")),
    *(f"state/body/batch_stats/BatchNorm_0/{name}" for name in ("mean", "var")),
}


def test_nnx_gives_the_outputs_of_flax() -> None:
    module, rows = Block(0.5), columns()
    expected = nnx.view(module, deterministic=True, use_running_average=True)(array_of(rows))
    check_outputs(nn.from_flax(module), rows, expected)


def test_nnx_trains_as_in_flax() -> None:
    module, rows = Block(), columns()
    network = nn.from_flax(module)
    x, targets, expected = array_of(rows), np.asarray(rows.targets), []

    def loss(module: Block, batch: np.ndarray) -> jax.Array:
        return cross_entropy(module(jnp.asarray(x)[batch]), jnp.asarray(targets)[batch])

    module.train()
    graded = nnx.jit(nnx.value_and_grad(loss))
    for batches in batches_of(rows, 16):
        losses = []
        for batch in batches:
            value, gradients = graded(module, batch)
            losses.append(float(value))
            params = nnx.state(module, nnx.Param)
            nnx.update(module, jax.tree.map(lambda w, g: w - RATE * g, params, gradients))
        expected.append(np.mean(losses))
    found = trained(network, rows)
    np.testing.assert_allclose(found.losses, expected, rtol=1e-5)
    np.testing.assert_allclose(found.variables.params["body"]["last"]["kernel"], module.last.kernel[...], atol=1e-5)
    for name in ("mean", "var"):
        statistics = found.variables.state["body"]["norm"][name]
        np.testing.assert_allclose(statistics, getattr(module.norm, name)[...], atol=1e-5)


def test_nnx_is_not_changed_and_its_later_changes_do_not_matter() -> None:
    module, rows = Block(), columns()
    before = np.array(module.last.kernel[...])
    network = nn.from_flax(module)
    trained(network, rows)
    np.testing.assert_array_equal(module.last.kernel[...], before)
    module.last.kernel[...] = 0 * module.last.kernel[...]
    np.testing.assert_array_equal(first(network, rows).params["body"]["last"]["kernel"], before)


class Careless(nnx.Module):
    """Layers that share weights, a stream of random numbers of its own, and what it records on the way."""

    def __init__(self) -> None:
        self.rngs = nnx.Rngs(0, dropout=3)
        self.hidden = nnx.Linear(COLUMNS, COLUMNS, param_dtype=jnp.bfloat16, rngs=self.rngs)
        self.again = self.hidden
        self.last = nnx.Linear(COLUMNS, CLASSES, rngs=self.rngs)
        self.dropout = nnx.Dropout(0.5)

    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        x = self.again(nnx.tanh(self.hidden(x)))
        self.seen = nnx.Intermediate(x)
        return self.last(self.dropout(x, deterministic=not train, rngs=self.rngs))


def test_nnx_with_all_that_modules_do() -> None:
    module, rows = Careless(), columns()
    network = nn.from_flax(module)
    check_outputs(network, rows, module(array_of(rows), train=False), atol=0.02)  # bfloat16 there
    check_dropout(network, rows)
    assert {leaf.dtype for leaf in jax.tree.leaves(first(network, rows))} == {jnp.dtype("float32")}
    assert set(first(network, rows).params["body"]) == {"again", "last"}
    losses = trained(network, rows).losses
    assert losses[-1] < losses[0]


def test_linen_gives_the_outputs_of_flax() -> None:
    rows, variables = columns(), begun()
    expected = Linen(0.5).apply(variables, array_of(rows), train=False)
    check_outputs(nn.from_flax(Linen(0.5), variables=variables), rows, expected)


def test_linen_trains_as_in_flax() -> None:
    rows, variables, module, expected = columns(), begun(), Linen(), []
    x, targets = array_of(rows), np.asarray(rows.targets)
    params, statistics = variables["params"], variables["batch_stats"]

    def loss(params: dict, statistics: dict, batch: np.ndarray) -> tuple[jax.Array, dict]:
        given = {"params": params, "batch_stats": statistics}
        logits, state = module.apply(given, jnp.asarray(x)[batch], train=True, mutable=["batch_stats"])
        return cross_entropy(logits, jnp.asarray(targets)[batch]), state["batch_stats"]

    graded = jax.jit(jax.value_and_grad(loss, has_aux=True))
    for batches in batches_of(rows, 16):
        losses = []
        for batch in batches:
            (value, statistics), gradients = graded(params, statistics, batch)
            params = jax.tree.map(lambda w, g: w - RATE * g, params, gradients)
            losses.append(float(value))
        expected.append(np.mean(losses))
    found = trained(nn.from_flax(module, variables=variables), rows)
    np.testing.assert_allclose(found.losses, expected, rtol=1e-5)
    for one, other in zip(jax.tree.leaves(params), jax.tree.leaves(found.variables.params), strict=True):
        np.testing.assert_allclose(other, one, atol=1e-5)
    for one, other in zip(jax.tree.leaves(statistics), jax.tree.leaves(found.variables.state), strict=True):
        np.testing.assert_allclose(other, one, atol=1e-5)


def test_linen_without_variables_begins_with_those_of_the_key() -> None:
    network, rows = nn.from_flax(Linen()), columns()
    one, other = (network.init(jax.random.key(seed), rows.inputs).params["body"] for seed in (0, 1))
    assert one["Dense_0"]["kernel"].shape == (COLUMNS, 8)
    assert not np.allclose(one["Dense_0"]["kernel"], other["Dense_0"]["kernel"])
    trained(network, rows)


@pytest.mark.parametrize("rate", [0.0, 0.5])
@pytest.mark.parametrize("kind", ["nnx", "linen"])
def test_members_second_fits_and_saved_weights(kind: str, rate: float) -> None:
    network = nn.from_flax(Block(rate)) if kind == "nnx" else nn.from_flax(Linen(rate))
    rows = columns()
    if rate:
        check_dropout(network, rows)
        check_members(network, rows)
    else:
        check_second_fit(network, rows)
        check_saved(first(network, rows), NNX_NAMES if kind == "nnx" else LINEN_NAMES)


def test_images_are_given_as_they_are() -> None:
    class Convolutional(linen.Module):
        @linen.compact
        def __call__(self, x: jax.Array) -> jax.Array:
            assert x.shape[1:] == IMAGE
            return linen.Dense(CLASSES)(linen.relu(linen.Conv(4, (3, 3))(x)).mean((1, 2)))

    rows = images()
    variables = Convolutional().init(jax.random.key(0), array_of(rows))
    network = nn.from_flax(Convolutional(), variables=variables)
    check_outputs(network, rows, Convolutional().apply(variables, array_of(rows)))
    losses = trained(network, rows, size=20).losses
    assert losses[-1] < losses[0]


def test_batch_statistics_refuse_a_batch_that_is_not_full() -> None:
    for network in (nn.from_flax(Block()), nn.from_flax(Linen())):
        with pytest.raises(ConfigError, match="remainder=drop"):
            trained(network, columns(), size=20)


def test_categories_are_embedded_where_an_encoder_is_given() -> None:
    rows = columns()
    inputs = {"numeric": rows.inputs["numeric"][:, :2], "categorical": jnp.zeros((rows.length, 1), jnp.int32)}
    mixed = rows._replace(inputs=inputs)
    with pytest.raises(ConfigError, match=r"encoder=bw\.nn\.Columns"):
        first(nn.from_flax(nnx.Linear(5, CLASSES, rngs=nnx.Rngs(0))), mixed)
    encoder = nn.Columns.of(nn.Features(numeric=2, cardinalities=(3,)))
    network = nn.from_flax(nnx.Linear(5, CLASSES, rngs=nnx.Rngs(0)), encoder=encoder)
    assert first(network, mixed).params["inputs"]["embedding_0"]["table"].shape == (3, 3)
    losses = trained(network, mixed).losses
    assert losses[-1] < losses[0]


def test_what_does_not_fit_is_told() -> None:
    class Flat(linen.Module):
        @linen.compact
        def __call__(self, x: jax.Array) -> jax.Array:
            return linen.Dense(1)(x)[:, 0]

    rows = columns()
    with pytest.raises(ConfigError, match=r"does not take an array of \[n, 5\]"):
        first(nn.from_flax(nnx.Linear(7, CLASSES, rngs=nnx.Rngs(0))), rows)
    with pytest.raises(ConfigError, match=r"gives \[2\], but a network gives"):
        first(nn.from_flax(Flat()), rows)
    with pytest.raises(ConfigError, match="leave variables= out"):
        nn.from_flax(Block(), variables={})
    with pytest.raises(ConfigError, match=r"takes a flax\.nnx\.Module or a flax\.linen\.Module, but got str"):
        nn.from_flax("a module")
    with pytest.raises(ConfigError, match="the class Block: pass an object"):
        nn.from_flax(Block)
