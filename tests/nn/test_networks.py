"""What every architecture promises, and two of them against their formulas in float64."""

import dataclasses
from functools import cache, partial
from typing import ClassVar, Literal

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.reference import nn as reference

from batchwright import nn
from batchwright._component import component
from batchwright.errors import ConfigError
from batchwright.nn.uncompiled import call_uncompiled

KEY, ROWS, PADDING, OUTPUTS = jax.random.key(1), 5, 2, 3
FEATURES = nn.Features(numeric=3, cardinalities=(4, 3), image=(6, 6, 2))
SETTINGS = {  # of those an architecture has
    "hidden_layer_sizes": (6,),
    "filters": (3,),
    "bins": 4,
    "embedding_units": 3,
    "activation": "leaky_relu",
}
IMAGES = FEATURES._replace(numeric=0, cardinalities=())
NUMBERS = {"dropout": 0.3, "slope": 0.2, "normalization_momentum": 0.9, "normalization_epsilon": 1e-2}
OTHERS = {"dropout": 0.5, "slope": 0.4, "normalization_momentum": 0.05, "normalization_epsilon": 1.0}
WEIGHTS = jnp.asarray([1.0, 0.5, 2.0, 1.0, 3.0] + [0.0] * PADDING)


@component
class ResidualCNN(nn.CNN):
    """What a CNN has beside its defaults."""

    name: ClassVar[str] = "residual cnn"
    blocks: int = 1
    downsampling: Literal["pool", "stride"] = "stride"
    pooling: Literal["flatten", "average", "max"] = "average"


@component
class MixedCNN(nn.CNN):
    """A CNN that takes columns beside the image."""

    name: ClassVar[str] = "mixed cnn"


KINDS = (*nn.ARCHITECTURES, ResidualCNN, MixedCNN)
every = pytest.mark.parametrize("architecture", KINDS, ids=lambda architecture: architecture.name)


def make(architecture: type[nn.Architecture], *, dtype: nn.protocols.Dtype = "float32", **numbers: float) -> nn.Network:
    names = {field.name for field in dataclasses.fields(architecture)}
    settings = {name: value for name, value in (SETTINGS | NUMBERS | numbers).items() if name in names}
    features = IMAGES if architecture in (nn.CNN, ResidualCNN) else FEATURES
    return architecture(**settings).build(features, OUTPUTS, dtype=dtype)


def make_inputs(seed: int = 0) -> nn.Inputs:
    """Five rows, and two more for padding."""
    generator = np.random.default_rng(seed)
    return {
        "numeric": jnp.asarray(generator.normal(size=(ROWS + PADDING, 3)), jnp.float32),
        "categorical": jnp.asarray(generator.integers(0, 4, (ROWS + PADDING, 2)), jnp.int32),
        "image": jnp.asarray(generator.integers(0, 256, (ROWS + PADDING, 6, 6, 2)), jnp.uint8),
    }


@jax.jit
def initial(network: nn.Network, key: jax.Array) -> nn.Variables:
    return call_uncompiled(network.init, key, make_inputs())


@cache
def variables_of(architecture: type[nn.Architecture]) -> nn.Variables:
    return initial(make(architecture), KEY)


TRACES = []


@jax.jit
def step(
    network: nn.Network, variables: nn.Variables, inputs: nn.Inputs, key: jax.Array | None, weights: jax.Array | None
) -> tuple[jax.Array, nn.protocols.Tree, nn.protocols.Tree]:
    """Outputs, state and the gradient of a weighted loss, all in training; places of weight 0 hold no row."""
    TRACES.append(1)
    present = None if weights is None else weights > 0

    def loss(params: nn.protocols.Tree) -> tuple[jax.Array, tuple[jax.Array, nn.protocols.Tree]]:
        outputs, state = network.apply(
            nn.Variables(params, variables.state), inputs, train=True, key=key, present=present
        )
        losses = jnp.sum(jnp.square(outputs - 1), axis=1)
        return jnp.mean(losses) if weights is None else jnp.sum(losses * weights) / jnp.sum(weights), (outputs, state)

    gradient, (outputs, state) = jax.grad(loss, has_aux=True)(variables.params)
    return outputs, state, gradient


def assert_close(one: object, other: object, *, rtol: float = 1e-4, atol: float = 5e-5) -> None:
    assert jax.tree.structure(one) == jax.tree.structure(other)
    for pair in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_allclose(*pair, rtol=rtol, atol=atol)


def described(tree: object) -> object:
    return jax.tree.map(lambda array: (array.shape, str(array.dtype)), tree)


@every
def test_outputs_are_finite_float32_and_the_variables_keep_their_form(architecture: type[nn.Architecture]) -> None:
    variables = variables_of(architecture)
    assert isinstance(make(architecture), nn.Network)
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}
    outputs, state, gradient = step(make(architecture), variables, make_inputs(), KEY, WEIGHTS)
    assert described(outputs) == ((ROWS + PADDING, OUTPUTS), "float32")
    assert described(state) == described(variables.state)
    assert described(gradient) == described(variables.params)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((outputs, state, gradient)))
    assert all(np.asarray(leaf).any() for leaf in jax.tree.leaves(gradient)), "every parameter is learned"


@every
def test_evaluation_keeps_the_state_needs_no_key_and_sees_each_row_alone(architecture: type[nn.Architecture]) -> None:
    network, variables, inputs = make(architecture), variables_of(architecture), make_inputs()
    evaluate = jax.jit(partial(network.apply, train=False, key=None, present=None))
    outputs, state = evaluate(variables, inputs)
    assert_close(state, variables.state, rtol=0, atol=0)
    changed = jax.tree.map(lambda one, other: one.at[1:].set(other[1:]), inputs, make_inputs(1))
    np.testing.assert_allclose(evaluate(variables, changed)[0][0], outputs[0], rtol=1e-5, atol=1e-6)


@every
def test_the_same_key_gives_the_same_bits(architecture: type[nn.Architecture]) -> None:
    network, variables = make(architecture), variables_of(architecture)
    assert_close(initial(network, KEY), variables, rtol=0, atol=0)
    other = initial(network, jax.random.key(2))
    kernels = (
        tree.params["body"]["dense_0"] if architecture is nn.Linear else tree.params for tree in (variables, other)
    )
    assert not any(np.array_equal(*pair) for pair in zip(*map(random_leaves, kernels), strict=True))
    first, again = (step(network, variables, make_inputs(), KEY, WEIGHTS) for _ in range(2))
    assert_close(first, again, rtol=0, atol=0)


def random_leaves(tree: object) -> list[jax.Array]:
    return [leaf for leaf in jax.tree.leaves(tree) if np.asarray(leaf).std() > 0]


@every
def test_other_numbers_compile_nothing_and_count(architecture: type[nn.Architecture]) -> None:
    variables, inputs = variables_of(architecture), make_inputs()
    first = step(make(architecture), variables, inputs, KEY, WEIGHTS)
    before = len(TRACES)
    for name, value in OTHERS.items():
        other = step(make(architecture, **{name: value}), variables, inputs, KEY, WEIGHTS)
        if architecture is not nn.Linear:
            part = 1 if name == "normalization_momentum" else 0
            assert not all(map(np.array_equal, jax.tree.leaves(first[part]), jax.tree.leaves(other[part]))), name
    assert len(TRACES) == before


@every
def test_a_member_of_a_population_gives_what_it_gives_alone(architecture: type[nn.Architecture]) -> None:
    """Members with other numbers, parameters and keys each, on the same rows."""
    networks, inputs = [make(architecture), make(architecture, **OTHERS)], make_inputs()
    keys = jax.random.split(KEY, 2)
    variables = [variables_of(architecture), initial(networks[1], keys[1])]
    stacked = (jax.tree.map(lambda *leaves: np.stack(leaves), *members) for members in (networks, variables))
    together = jax.jit(jax.vmap(step.__wrapped__, (0, 0, None, 0, None)))(*stacked, inputs, keys, WEIGHTS)
    together = jax.tree.map(np.asarray, together)
    for member, (network, own) in enumerate(zip(networks, variables, strict=True)):
        alone = step(network, own, inputs, keys[member], WEIGHTS)
        assert_close(jax.tree.map(lambda leaf, i=member: leaf[i], together), alone)


@every
def test_bfloat16_is_close_to_float32(architecture: type[nn.Architecture]) -> None:
    variables, inputs = variables_of(architecture), make_inputs()
    full = step(make(architecture), variables, inputs, KEY, WEIGHTS)
    half = step(make(architecture, dtype="bfloat16"), variables, inputs, KEY, WEIGHTS)
    assert described(half) == described(full)
    for one, other, allowed in zip(half, full, (0.04, 0.04, 0.1), strict=True):
        found, expected = (
            np.concatenate([np.zeros(0), *map(np.ravel, jax.tree.leaves(tree))]) for tree in (one, other)
        )
        assert np.linalg.norm(found - expected) <= allowed * np.linalg.norm(expected)
    assert not np.array_equal(half[0], full[0]), "products are made in bfloat16"


@every
def test_rows_of_weight_zero_change_nothing(architecture: type[nn.Architecture]) -> None:
    network, variables, inputs = make(architecture), variables_of(architecture), make_inputs()
    wild = {"numeric": 1e3, "categorical": 99, "image": 255}
    changed = {name: array.at[ROWS:].set(wild[name]) for name, array in inputs.items()}
    one, other = (step(network, variables, rows, KEY, WEIGHTS) for rows in (inputs, changed))
    assert_close((one[0][:ROWS], *one[1:]), (other[0][:ROWS], *other[1:]))


@every
def test_a_padded_batch_gives_what_its_rows_alone_give(architecture: type[nn.Architecture]) -> None:
    """Without dropout, which draws by the shape of the batch."""
    network, variables, inputs = make(architecture, dropout=0.0), variables_of(architecture), make_inputs()
    padded = step(network, variables, inputs, None, jnp.asarray([1.0] * ROWS + [0.0] * PADDING))
    alone = step(network, variables, {name: array[:ROWS] for name, array in inputs.items()}, None, None)
    assert_close((padded[0][:ROWS], padded[2]), (alone[0], alone[2]))


def evaluated(network: nn.Network, variables: nn.Variables) -> np.ndarray:
    return np.asarray(jax.jit(partial(network.apply, train=False))(variables, make_inputs())[0])


def trained(architecture: type[nn.Architecture]) -> tuple[nn.Variables, dict]:
    """Variables with running statistics, and a look at those of the body in float64."""
    variables = variables_of(architecture)
    state = step(make(architecture), variables, make_inputs(), KEY, WEIGHTS)[1]
    body = {name: tree | state["body"].get(name, {}) for name, tree in variables.params["body"].items()}
    return nn.Variables(variables.params, state), jax.tree.map(partial(np.asarray, dtype=np.float64), body)


def block(z: np.ndarray, norm: dict[str, np.ndarray]) -> np.ndarray:
    """Normalization by running statistics, and leaky_relu."""
    y = norm["gamma"] * reference.normalized(z, norm["mean"], norm["variance"], 1e-2) + norm["beta"]
    return reference.activations(0.2)["leaky_relu"](y)


def test_an_mlp_is_its_formula() -> None:
    variables, body = trained(nn.MLP)
    inputs = {name: np.asarray(array) for name, array in make_inputs().items()}
    tables = [np.asarray(variables.params["inputs"][f"embedding_{index}"]["table"]) for index in range(2)]
    looked_up = [
        table[np.minimum(column, len(table) - 1)] for table, column in zip(tables, inputs["categorical"].T, strict=True)
    ]
    pixels = inputs["image"].reshape(ROWS + PADDING, -1) / 255
    x = np.concatenate([inputs["numeric"], *looked_up, pixels], axis=1)
    hidden = block(x @ body["dense_0"]["kernel"], body["batch_norm_1"])
    expected = hidden @ body["dense_4"]["kernel"] + body["dense_4"]["bias"]
    np.testing.assert_allclose(evaluated(make(nn.MLP), variables), expected, rtol=1e-4, atol=1e-5)


def test_a_cnn_is_its_formula() -> None:
    variables, body = trained(nn.CNN)
    x = np.asarray(make_inputs()["image"]) / 255
    y = block(reference.convolve(x, body["conv2d_0"]["kernel"], 1, "same"), body["batch_norm_1"])
    pooled = reference.pool(y, np.zeros((ROWS + PADDING, 3, 3, 3)), 2, 2, reference.shares_of_largest)[0]
    hidden = block(pooled.reshape(ROWS + PADDING, -1) @ body["dense_5"]["kernel"], body["batch_norm_6"])
    expected = hidden @ body["dense_9"]["kernel"] + body["dense_9"]["bias"]
    np.testing.assert_allclose(evaluated(make(nn.CNN), variables), expected, rtol=1e-4, atol=1e-5)


def test_a_cnn_of_residual_blocks_is_its_formula() -> None:
    variables, body = trained(ResidualCNN)

    def convolved(x: np.ndarray, place: dict, name: str, stride: int = 1) -> np.ndarray:
        return reference.convolve(x, place[name]["kernel"], stride, "same")

    x = block(convolved(np.asarray(make_inputs()["image"]) / 255, body, "conv2d_0", 2), body["batch_norm_1"])
    assert x.shape[1:3] == (3, 3)
    inner = inner_of(variables, "residual_3")
    norm = inner["batch_norm_4"]
    z = convolved(block(convolved(x, inner, "conv2d_0"), inner["batch_norm_1"]), inner, "conv2d_3")
    z = norm["gamma"] * reference.normalized(z, norm["mean"], norm["variance"], 1e-2) + norm["beta"]
    x = reference.activations(0.2)["leaky_relu"](x + z)
    hidden = block(x.mean(axis=(1, 2)) @ body["dense_6"]["kernel"], body["batch_norm_7"])
    expected = hidden @ body["dense_10"]["kernel"] + body["dense_10"]["bias"]
    np.testing.assert_allclose(evaluated(make(ResidualCNN), variables), expected, rtol=1e-4, atol=1e-5)


def inner_of(variables: nn.Variables, name: str) -> dict:
    """Parameters and statistics of the layers within a layer of the body, in float64."""
    params, state = (tree["body"][name] for tree in variables)
    return jax.tree.map(
        partial(np.asarray, dtype=np.float64), {key: tree | state.get(key, {}) for key, tree in params.items()}
    )


def test_a_cnn_with_columns_is_its_formula() -> None:
    """The dense layers get the encoded columns and then what the convolutions make of the image."""
    variables, body = trained(MixedCNN)
    inputs = {name: jnp.asarray(array) for name, array in make_inputs().items()}
    inner = inner_of(variables, "image_and_rest_0")
    y = block(
        reference.convolve(np.asarray(inputs["image"]) / 255, inner["conv2d_0"]["kernel"], 1, "same"),
        inner["batch_norm_1"],
    )
    pooled = reference.pool(y, np.zeros((ROWS + PADDING, 3, 3, 3)), 2, 2, reference.shares_of_largest)[0]
    columns = nn.Columns.of(FEATURES._replace(image=None), nn.PiecewiseLinear())
    own = nn.Variables(*(tree["inputs"] for tree in variables))
    encoded = columns.apply(own, {name: inputs[name] for name in ("numeric", "categorical")})
    x = np.concatenate([np.asarray(encoded), pooled.reshape(ROWS + PADDING, -1)], axis=1)
    hidden = block(x @ body["dense_1"]["kernel"], body["batch_norm_2"])
    expected = hidden @ body["dense_5"]["kernel"] + body["dense_5"]["bias"]
    np.testing.assert_allclose(evaluated(make(MixedCNN), variables), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({}, ["Conv2D", "BatchNorm", "Activation", "MaxPool", "Flatten"]),
        ({"downsampling": "stride"}, ["Conv2D", "BatchNorm", "Activation", "Flatten"]),
        ({"pooling": "max"}, ["Conv2D", "BatchNorm", "Activation", "MaxPool", "GlobalMaxPool"]),
        (
            {"blocks": 2, "batch_normalization": False},
            ["Conv2D", "Activation", "MaxPool", "Residual", "Activation", "Residual", "Activation", "Flatten"],
        ),
    ],
    ids=["defaults", "stride", "max", "blocks"],
)
def test_the_layers_of_a_cnn(settings: dict, names: list[str]) -> None:
    network = nn.CNN(filters=(3,), hidden_layer_sizes=(), pool_size=3, **settings).build(IMAGES, 2)
    layers = network.body.layers
    assert [type(layer).__name__ for layer in layers] == [*names, "Dense"]
    assert layers[0].strides == (3 if "downsampling" in settings else 1)
    state = jax.eval_shape(network.init, KEY, make_inputs())
    sizes = {"max": 3}.get(settings.get("pooling", ""), 2 * 2 * 3)
    assert state.params["body"][f"dense_{len(names)}"]["kernel"].shape == (sizes, 2)


def test_more_blocks_than_can_be_compiled_are_refused_at_once() -> None:
    with pytest.raises(ConfigError, match=r"1,000,000,000 residual blocks after each of 2 entries .* 2,000,000,000"):
        nn.CNN(blocks=10**9).build(IMAGES, 2)
    assert len(nn.CNN(blocks=100).build(IMAGES, 2).body.layers) == 2 * (4 + 2 * 100) + 1 + 4 + 1


def test_a_cnn_needs_images() -> None:
    with pytest.raises(ConfigError, match="'cnn' needs images"):
        nn.CNN().build(nn.Features(numeric=3), 2)


def test_without_normalization_layers_have_biases() -> None:
    network = nn.CNN(filters=(3,), hidden_layer_sizes=(4,), batch_normalization=False).build(IMAGES, 2)
    body = jax.eval_shape(initial, network, KEY).params["body"]
    assert {name: sorted(tree) for name, tree in body.items()} == {
        name: ["bias", "kernel"] for name in ("conv2d_0", "dense_4", "dense_7")
    }
