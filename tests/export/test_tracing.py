"""A traced network gives what JAX gives: every layer, activation, embedding and architecture, and a user's own."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from tests.nn.test_layer_contract import CASES

from batchwright import nn
from batchwright.errors import UsageError
from batchwright.export.building import Builder
from batchwright.export.graph import CELL_OPERATORS, OPERATORS, Graph, Value
from batchwright.export.onnx_file import to_onnx
from batchwright.export.onnx_format import OnnxModel
from batchwright.export.tracing import trace
from batchwright.nn import Variables
from batchwright.nn.activations import ACTIVATIONS

pytest.importorskip("onnxruntime")

ROWS = 9
NOTHING = Variables({}, {})
DTYPES = {"float32": "float32", "int32": "int64", "uint8": "uint8"}
"""The dtype that the graph has for each of JAX."""


def draw(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def variables_of(init: Callable[..., Variables], *given: Any) -> Variables:
    """Numbers that ascend along the last axis, as edges of bins do; nothing is computed by `init`."""
    shapes = jax.eval_shape(lambda key: init(key, *given), jax.random.key(0))
    drawn = jax.tree.map(lambda leaf: np.abs(draw(*leaf.shape)), shapes)
    return jax.tree.map(lambda leaf: jnp.asarray(np.sort(leaf) if leaf.ndim else leaf), drawn)


def graph_of(function: Callable[..., Any], variables: Variables, inputs: Mapping[str, np.ndarray]) -> Graph:
    values = {name: Value(name, DTYPES[str(array.dtype)], (None, *array.shape[1:])) for name, array in inputs.items()}
    builder = Builder(values.values())
    made = trace(builder, function, variables, {name: (values[name], str(inputs[name].dtype)) for name in inputs})
    return builder.graph(builder.outputs([("y", made)]))


def compare(
    function: Callable[..., Any], variables: Variables, inputs: Mapping[str, np.ndarray], tolerance: float = 1e-5
) -> Graph:
    """Run by onnxruntime on all rows and on two, and by JAX."""
    graph = graph_of(function, variables, inputs)
    assert {node.op for node in graph.nodes} <= {*OPERATORS, *CELL_OPERATORS}
    model = OnnxModel(to_onnx(graph))
    by_jax = np.asarray(jax.jit(function)(variables, inputs), np.float64)
    for rows in (len(by_jax), 2):
        wide = {name: array[:rows].astype(DTYPES[str(array.dtype)]) for name, array in inputs.items()}
        found, wanted = np.asarray(model.answers(wide)["y"], np.float64), by_jax[:rows]
        assert found.shape == wanted.shape
        np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance * max(1.0, np.abs(wanted).max()))
    return graph


def of(function: Callable[[Any], Any]) -> Callable[..., Any]:
    """A function of the one input x."""
    return lambda _, given: function(jnp.asarray(given["x"]))


def applied(layer: nn.Layer) -> Callable[..., Any]:
    return lambda variables, given: layer.apply(
        variables, jnp.asarray(given["x"]), train=False, key=None, present=None
    )[0]


WORDS = np.array([[0, 3, 1], [2, 0, 0]] * 5, np.int32)[:ROWS]


@pytest.mark.parametrize(
    ("layer", "x"),
    [
        *((layer, draw(ROWS, *shape)) for layer, shape in CASES),
        (nn.Embedding(4, 3), WORDS),
        (nn.EmbeddingBag(4, 3), WORDS),
        (nn.Conv2D(6, kernel_size=2, strides=3, padding="valid"), draw(ROWS, 7, 8, 4)),
        (nn.MaxPool(3, strides=2), draw(ROWS, 7, 8, 4)),
        (nn.AvgPool(3, strides=2), draw(ROWS, 7, 8, 4)),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, nn.Layer) else "",
)
def test_every_layer(layer: nn.Layer, x: np.ndarray) -> None:
    compare(applied(layer), variables_of(layer.init, x.shape[1:]), {"x": x})


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation(name: str) -> None:
    compare(applied(nn.Activation(name)), NOTHING, {"x": 5 * draw(ROWS, 6)})


FEATURES = nn.Features(numeric=3, cardinalities=(4, 20))
ROWS_OF = {
    "numeric": draw(ROWS, 3),
    "categorical": np.stack([np.arange(ROWS) % 4, np.arange(ROWS) * 2], axis=1).astype(np.int32),
}
IMAGES = {"image": np.random.default_rng(0).integers(0, 256, (ROWS, 9, 8, 3)).astype(np.uint8)}
NETWORKS = [
    *(nn.Tabular((6,), numbers=one.name) for one in nn.NUMBER_ENCODERS),
    nn.MLP((6, 5), activation="gelu", normalization_momentum=0.5),
    nn.Tabular((6,), ensemble=3),
    nn.Tabular((6,), ensemble=3, ensemble_kind="mini", numbers="plr"),
]


def run_network(architecture: Any, features: nn.Features, inputs: Mapping[str, np.ndarray], **how: Any) -> Graph:
    network = architecture.build(features, 3, **{"dtype": "float32"} | how.pop("build", {}))
    variables = variables_of(network.init, {name: jnp.asarray(array) for name, array in inputs.items()})

    def apply(variables: Variables, given: Mapping[str, Any]) -> Any:
        given = {name: jnp.asarray(array) for name, array in given.items()}
        return network.apply(variables, given, train=False, key=None, present=None)[0]

    return compare(apply, variables, inputs, **how)


def name_of(one: Any) -> str:
    return f"{one.name}-{getattr(one, 'numbers', '')}-{one.ensemble}"


@pytest.mark.parametrize("architecture", NETWORKS, ids=name_of)
def test_every_architecture_of_columns(architecture: Any) -> None:
    run_network(architecture, FEATURES, ROWS_OF)


def test_images_and_columns_beside_them() -> None:
    run_network(nn.CNN(filters=(4, 5), hidden_layer_sizes=(6,)), nn.Features(image=(9, 8, 3)), IMAGES)
    both = nn.Features(numeric=3, image=(9, 8, 3))
    run_network(nn.MLP((6,)), both, IMAGES | {"numeric": ROWS_OF["numeric"]})


def test_numbers_of_few_bits_are_rounded_where_they_are_in_training() -> None:
    """In float32 throughout, the answers would be off by a hundred times as much."""
    how = {"build": {"dtype": "bfloat16"}, "tolerance": 2e-3}
    graph = run_network(nn.MLP((6, 5)), FEATURES, ROWS_OF, **how)
    assert [node.attributes["to"] for node in graph.nodes if node.op == "Cast"].count("bfloat16") > 3


def test_nodes_and_constants_are_named_after_layers() -> None:
    graph = run_network(nn.MLP((6,)), FEATURES, ROWS_OF)
    assert {"body/dense_0/kernel", "inputs/embedding_1/table"} <= graph.constants.keys()
    assert "body/dense_0/MatMul" in {node.output.name for node in graph.nodes}
    assert "Transpose" not in {node.op for node in graph.nodes}


x, table = draw(ROWS, 4, 6), jnp.asarray(draw(5, 6, seed=3))
OPERATIONS: dict[str, Callable[[Any], Any]] = {
    "one at a time": lambda x: jnp.sign(x) * jnp.cbrt(jnp.abs(x)) + jnp.tan(x / 4) + jnp.exp2(x) + jnp.expm1(x / 9),
    "rounded": lambda x: jnp.round(3 * x) + jnp.floor(x) - jnp.ceil(2 * x) + lax.round(2 * x),
    "logarithms": lambda x: jnp.log1p(x**2) + jnp.logaddexp(x, 1.0) + lax.rsqrt(x**2 + 1) + jax.nn.softplus(x),
    "errors": lambda x: lax.erf(x) + lax.erfc(x) + jax.nn.gelu(x, approximate=True) + jax.nn.mish(x),
    "powers": lambda x: (
        jnp.abs(x) ** 1.5 + x**3 + x**-2 + jnp.power(2.0, x) + jnp.abs(x) ** jnp.argmax(x, axis=2, keepdims=True)
    ),
    "truths": lambda x: jnp.where((x > 0) & ~(x > 1) | (x != x) ^ (x <= -1), x, jnp.isfinite(x).astype(x.dtype)),
    "whole numbers": lambda x: jnp.floor(9 * x).astype(jnp.int32) // 2 % 3 + lax.rem(jnp.int32(7), jnp.int32(4)),
    "limits": lambda x: jnp.clip(x, -0.5, 0.5) + jnp.minimum(x, jnp.maximum(x * 2, -x)),
    "any and all": lambda x: jnp.any(x > 1, axis=1) * 1.0 + jnp.all(x > -2, axis=1),
    "extremes": lambda x: x.max(axis=1) - x.min(axis=1) + jnp.argmax(x, axis=1) - 2 * jnp.argmin(x, axis=1),
    "sums so far": lambda x: jnp.cumsum(x, axis=1) + lax.cumsum(x, axis=2, reverse=True),
    "sums of broadcasts": lambda x: jnp.broadcast_to(x[:, :1, :], x.shape).sum(axis=1) + jnp.ones(x.shape).sum(axis=1),
    "softmax": lambda x: jax.nn.softmax(x, axis=1) + jax.nn.logsumexp(x, axis=2, keepdims=True),
    "cut": lambda x: x[:, ::-1, 1:5:2] + x[:, 1, None, 3:5] + jnp.flip(x, 2)[:, :, :2],
    "split": lambda x: jnp.concatenate([*jnp.split(x, 3, axis=2)[::-1], jnp.stack([x[:, :, 0]] * 2, 2)], axis=2),
    "repeated": lambda x: jnp.tile(x, (1, 2, 3)) + jnp.repeat(jnp.repeat(x, 2, axis=1), 3, axis=2),
    "unstacked": lambda x: jnp.unstack(x, axis=1)[2] - jnp.unstack(x, axis=1)[0],
    "padded": lambda x: (
        jnp.pad(x, ((0, 0), (1, 2), (0, 3)), constant_values=1.5)
        + lax.pad(x, jnp.float32(0), ((0, 0, 0), (2, 1, 0), (4, -1, 0)))
    ),
    "reshaped": lambda x: x.reshape(-1, 6).reshape(len(x), 2, 12).transpose(0, 2, 1).swapaxes(1, 2),
    "taken": lambda x: x[:, jnp.array([3, 0, 0])] + jnp.take(x, jnp.array([[1, 2, 3]]), axis=1)[:, 0],
    "taken from": lambda x: table[jnp.argmax(x, axis=2) % 5] + jnp.take(table, jnp.argmax(x, axis=2), 0, mode="clip"),
    "filled": lambda x: jnp.nan_to_num(jnp.take(table, jnp.argmax(x, axis=2), axis=0, mode="fill"), nan=9.0),
    "filled with a number": lambda x: (
        jnp.take(table, jnp.argmax(x, axis=2), axis=0, mode="fill", fill_value=7.0)
        + jnp.take(x, jnp.array([1, 9, 0, 3]), axis=1, mode="fill", fill_value=2.0)
    ),
    "products": lambda x: jnp.einsum("nij,nkj->nik", x, x) + jnp.einsum("nij,jk,kl->nil", x, table.T, table[:, :4]),
    "products of each": lambda x: (
        jnp.einsum("nij,ijo->nio", x, jnp.asarray(draw(4, 6, 2))) + (x**2).sum((1, 2))[:, None, None]
    ),
    "products from the left": lambda x: jnp.asarray(draw(3, 4)) @ x + jnp.einsum("oi,nij->noj", draw(3, 4), x),
    "one number a row": lambda x: jnp.einsum("nij,nij->n", x, x),
    "windows": lambda x: (
        lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 1), (1, 2, 1), "SAME")
        + lax.reduce_window(x, 0.0, lax.add, (1, 2, 1), (1, 2, 1), "VALID")
        + lax.reduce_window(x, jnp.inf, lax.min, (1, 2, 1), (1, 2, 1), "VALID")
    ),
    "groups": lambda x: lax.conv_general_dilated(
        x,
        jnp.asarray(draw(3, 2, 9)),
        (2,),
        ((1, 2),),
        rhs_dilation=(2,),
        feature_group_count=3,
        dimension_numbers=("NHC", "HIO", "NHC"),
    ),
    "channels first": lambda x: lax.conv_general_dilated(
        x[:, :, :, None].transpose(0, 3, 1, 2), jnp.asarray(draw(2, 1, 3, 3)), (1, 1), "SAME"
    ),
    "programs in programs": jax.jit(lambda x: jax.checkpoint(lambda y: jax.nn.relu(y) + jax.nn.silu(y))(x)),
    "nothing but numbers": lambda x: x[:, 0] * 0 + jnp.sum(jnp.linspace(0, 1, 6)) * jnp.arange(6)[None, :],
}
"""Functions of x [rows, 4, 6], which no layer of our own needs."""


@pytest.mark.parametrize("name", OPERATIONS)
def test_what_a_network_of_a_users_own_may_do(name: str) -> None:
    compare(of(OPERATIONS[name]), NOTHING, {"x": x})


def test_variables_that_are_not_used_may_be_anything() -> None:
    """Such as the keys of dropout, which modules of other libraries keep among their variables."""
    variables = Variables({"w": jnp.ones((6, 2))}, {"key": jnp.zeros(2, jnp.uint32)})
    compare(lambda known, given: given["x"] @ known.params["w"], variables, {"x": x})
    with pytest.raises(UsageError, match="of uint32"):
        graph_of(lambda known, given: given["x"].astype(jnp.uint32) + known.state["key"][0], variables, {"x": x})


REFUSED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "sort": (lambda x: jnp.sort(x, axis=1), "'sort' of JAX .*test_tracing.py, line"),
    "scan": (lambda x: lax.scan(lambda s, y: (s + y, s), x[:, 0], x.swapaxes(0, 1))[0], "'scan' of JAX"),
    "mean over the rows": (lambda x: x - x.mean(axis=0, keepdims=True), "over the rows|more rows"),
    "sum over the rows": (lambda x: x[:, 0] @ (x[:, 0].T @ x[:, 1]), "rows"),
    "numbers of the rows": (
        lambda x: x + jnp.arange(len(x))[:, None, None],
        "'iota' of JAX .of the numbers",
    ),
    "the first row": (lambda x: x - x[:1], "rows"),
    "rows turned round": (lambda x: x[::-1], "'rev' of JAX .of the rows"),
    "one more row": (lambda x: jnp.concatenate([x, x[:1]])[1:], "rows"),
    "another operation with more rows": (lambda x: jnp.sin(x) if len(x) < 9 else jnp.cos(x), "becomes 'cos' with more"),
    "another place with more rows": (lambda x: x[:, :, len(x) // 8 : len(x) // 8 + 2], "whose start_indices depend"),
    "another constant with more rows": (lambda x: x + np.full((1, 4, 6), len(x), np.float32), "constant"),
    "as many columns as rows": (lambda x: jnp.exp(jnp.concatenate([x] * 3, axis=2)[:, :, : len(x)]), "number of rows"),
    "a number of rows": (lambda x: x / len(x), "number"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_form_is_refused_with_its_place(name: str) -> None:
    function, message = REFUSED[name]
    with pytest.raises(UsageError, match=message) as refused:
        graph_of(of(function), NOTHING, {"x": x})
    assert "`format=stablehlo` takes any network" in str(refused.value)
