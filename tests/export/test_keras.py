"""Files of Keras are opened without other code, and their networks give the outputs of the model's own."""

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.export.models import Example
from tests.export.reading import compare

from batchwright import nn
from batchwright.errors import BatchwrightError, UsageError
from batchwright.export import keras_format
from batchwright.export.formats import Options
from batchwright.export.keras_format import KERAS, KerasNetwork
from batchwright.export.keras_inputs import NUMBERS
from batchwright.export.keras_layers import LAYERS
from batchwright.export.keras_network import keras_model
from batchwright.export.numpy_file import numpy_file
from batchwright.export.numpy_format import PythonModel
from batchwright.export.parts import parts_of
from batchwright.export.rows_to_check import made_rows
from batchwright.nn.augment import Views
from batchwright.nn.differences import WithDifferences
from batchwright.nn.ensembles import EachSubmodel, EnsembleDense, EnsembleHead
from batchwright.nn.foreign.module import Foreign
from batchwright.nn.members import Members
from batchwright.nn.networks import FeedForward
from batchwright.nn.protocols import Difference, Variables
from batchwright.nn.uncompiled import call_uncompiled
from batchwright.runs.predictions import predict
from batchwright.tasks import Classification, Multilabel, Regression, Several
from batchwright.training.state import Model

os.environ.setdefault("KERAS_BACKEND", "jax")
keras = pytest.importorskip("keras", reason="Keras is not installed")
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")

Get = Callable[[str], Example]
ROWS, COLUMNS, IMAGE = 37, 6, (9, 8, 3)
CLOSE = {"rtol": 2e-5, "atol": 2e-5}


@pytest.fixture(autouse=True)
def ranks_may_be_promoted() -> Any:
    with jax.numpy_rank_promotion("allow"):
        yield


def varied(variables: Variables, seed: int = 0) -> Variables:
    """The variables with other numbers, so that none is 0 or 1; statistics and widths of bins stay above 0."""
    rng = np.random.default_rng(seed)

    def other(path: Any, leaf: Any) -> Any:
        name = path[-1].key
        if name in ("edges", "count"):
            return leaf
        drawn = rng.normal(size=leaf.shape).astype(np.float32) * 0.5
        return jnp.asarray(np.exp(drawn) if name in ("variance", "gamma") and leaf.ndim == 1 else drawn)

    return jax.tree_util.tree_map_with_path(other, variables)


def check_network(network: Any, inputs: dict[str, np.ndarray], task: Any = None, views: Views | None = None) -> Any:
    """Whether Keras gives what the network gives, after it was saved and opened again; the model of Keras."""
    variables = varied(call_uncompiled(network.init, jax.random.key(0), inputs))
    model = Model(network, task or Regression(), views)
    wanted = jax.jit(model.outputs)(variables, inputs)
    made = keras_model(keras, model, variables, inputs)
    found = KerasNetwork(keras_format.content_of(made))
    np.testing.assert_allclose(found.outputs(inputs), wanted, **CLOSE)
    return found.network


def numbers(seed: int = 0) -> dict[str, np.ndarray]:
    """Numbers, some of them far outside those that bins are made from."""
    rng = np.random.default_rng(seed)
    found = rng.normal(size=(ROWS, COLUMNS)).astype(np.float32)
    found[:, 0] = rng.integers(0, 3, ROWS)
    return {"numeric": found}


def images() -> dict[str, np.ndarray]:
    return {"image": np.random.default_rng(0).integers(0, 256, (ROWS, *IMAGE), dtype=np.uint8)}


ON_IMAGES = (
    (nn.Conv2D(4, 3), nn.BatchNorm(), nn.Activation("gelu"), nn.MaxPool(2), nn.Flatten(), nn.Dropout(0.5)),
    (nn.Conv2D(5, 2, strides=2, padding="same", use_bias=False), nn.AvgPool(2, strides=1), nn.GlobalMaxPool()),
    (nn.DepthwiseConv2D(3, strides=2, depth_multiplier=2), nn.GroupNorm(3), nn.GlobalAveragePool()),
    (
        nn.Residual(nn.Sequential((nn.Conv2D(3), nn.Activation("leaky_relu", slope=0.2)))),
        nn.Residual(nn.Conv2D(4, padding="valid"), nn.Conv2D(4, padding="valid", use_bias=False)),
        nn.Flatten(),
    ),
)
ON_NUMBERS = (
    (nn.Dense(5), nn.LayerNorm(), nn.Activation("silu"), nn.RMSNorm(), nn.Activation("softmax")),
    (nn.Series(2), nn.Conv1D(4, 2, strides=2), nn.Activation("tanh"), nn.MaxPool(2, strides=1), nn.Flatten()),
    (nn.Series(1), nn.Conv1D(4, padding="valid"), nn.AvgPool(2), nn.GlobalAveragePool(), nn.Activation("sigmoid")),
    (nn.Series(3), nn.Dense(4), nn.GlobalMaxPool(), nn.Activation("identity"), nn.BatchNorm(frozen=True)),
    (nn.Embedding(3, 4), nn.Flatten(), nn.Activation("relu")),
    (nn.EmbeddingBag(3, 4),),
)


@pytest.mark.parametrize("layers", ON_IMAGES, ids=lambda layers: type(layers[0]).__name__)
def test_layers_on_images(layers: tuple[Any, ...]) -> None:
    check_network(FeedForward(nn.embeddings.Pixels(), nn.Sequential((*layers, nn.Dense(2)))), images())


@pytest.mark.parametrize("layers", ON_NUMBERS, ids=lambda layers: type(layers[1 % len(layers)]).__name__)
def test_layers_on_numbers(layers: tuple[Any, ...]) -> None:
    check_network(FeedForward(nn.Columns(()), nn.Sequential((*layers, nn.Dense(2)))), numbers())


def test_every_layer_is_said_in_keras() -> None:
    assert set(nn.LAYERS) <= set(LAYERS)
    tried = {type(layer) for layers in (*ON_IMAGES, *ON_NUMBERS) for layer in layers}
    elsewhere = {EachSubmodel, EnsembleDense, EnsembleHead, Foreign, nn.ImageAndRest, nn.Sequential}
    assert set(LAYERS) <= tried | elsewhere, "each is tried above, or in a network below"
    assert {*nn.NUMBER_ENCODERS, WithDifferences} == set(NUMBERS)


@pytest.mark.parametrize("kind", nn.NUMBER_ENCODERS, ids=lambda kind: kind.name)
def test_embeddings_of_numbers(kind: Any) -> None:
    """Far outside the numbers that bins are made from too; edges stay out of what is trained."""
    differences = (Difference(1, 2, slope=0.7, center=0.1, scale=0.5, limit=1.5),)
    encoder = WithDifferences(kind(), differences) if kind is nn.PLR else kind()
    network = FeedForward(nn.Columns((), encoder), nn.Dense(2))
    rows = numbers()
    variables = varied(call_uncompiled(network.init, jax.random.key(0), rows))
    model = Model(network, Regression())
    found = KerasNetwork(keras_format.content_of(keras_model(keras, model, variables, rows)))
    outside = {"numeric": rows["numeric"] * 4}
    wanted = jax.jit(model.outputs)(variables, outside)
    np.testing.assert_allclose(found.outputs(outside), wanted, rtol=1e-4, atol=1e-4)
    fixed = [one.name for one in found.network.layers if not one.trainable]
    assert bool(fixed) == ("piecewise" in kind.name or kind is nn.PLR)


POOLED = (
    Classification(("a", "b", "c")),
    Classification(("a", "b"), loss="binary_cross_entropy"),
    Multilabel(("a", "b")),
    Regression(loss="poisson", mean=(1.0,), std=(1.0,)),
    Regression(loss="quantile", quantiles=(0.1, 0.5, 0.9)),
    Several(("kind", "size"), (Classification(("a", "b", "c")), Regression())),
)


@pytest.mark.parametrize("task", POOLED, ids=lambda task: f"{task.name}, {task.loss}")
def test_submodels_are_pooled(task: Any) -> None:
    network = nn.MLP(hidden_layer_sizes=(5, 4), ensemble=3, batch_normalization=True)
    check_network(network.build(nn.Features(numeric=COLUMNS), task.outputs), numbers(), task)


def test_submodels_with_scales_of_inputs_alone() -> None:
    network = nn.MLP(hidden_layer_sizes=(5, 4), ensemble=3, ensemble_kind="mini")
    check_network(network.build(nn.Features(numeric=COLUMNS), 1), numbers())


def test_members_and_views() -> None:
    """Members of two kinds, one of which counts twice, on two views of each image beside columns."""
    features = nn.Features(numeric=COLUMNS, cardinalities=(4, 3), image=IMAGE, text=((5, 4),))
    members = Members((nn.MLP((4,)), nn.CNN(filters=(3,), hidden_layer_sizes=(4,), blocks=1)), (1, 2))
    rng = np.random.default_rng(1)
    codes = {"categorical": rng.integers(0, 3, (ROWS, 2)).astype(np.int32)}
    words = {"text": rng.integers(0, 5, (ROWS, 4)).astype(np.int16)}
    words["text"][:3] = 0
    inputs = images() | numbers() | codes | words
    check_network(members.build(features, 1), inputs, Regression(), Views(flip=True))


NAMES = ("classes", "several targets", "image")


@pytest.mark.parametrize("name", NAMES)
def test_with_the_python_file_it_predicts_what_the_model_predicts(name: str, example: Get) -> None:
    model, source, columns = example(name)
    content = KERAS.write(model, Options())
    checked = KERAS.check(content, model, made_rows(model.encoding), Options())
    assert checked.difference < 1e-5 and checked.rows == 501
    file = PythonModel(numpy_file(parts_of(model), model.encoding, []).encode())
    inputs = file.call("encode", columns["image"] if name == "image" else columns)
    answers = file.call("decode", KerasNetwork(content).outputs(inputs))
    assert compare(answers, predict(model, source).frame()) < 1e-5


def test_it_can_be_trained_on(example: Get) -> None:
    model = example("classes").model
    network = KerasNetwork(KERAS.write(model, Options())).network
    inputs = model.encoding.inputs(made_rows(model.encoding).rows)
    network.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    losses = network.fit(inputs, np.zeros(501, np.int32), epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert {"Dense", "BatchNormalization", "Dropout", "Activation"} <= {type(one).__name__ for one in network.layers}


def test_a_model_of_keras_comes_back() -> None:
    """With the weights that it has here; the user's own stays as it was."""
    layers = keras.layers
    own = keras.Sequential(
        [layers.Input((COLUMNS,)), layers.Dense(8), layers.BatchNormalization(), layers.Dropout(0.1)]
    )
    alone = layers.Dense(3)
    alone.build((None, COLUMNS))
    before = [array.copy() for array in own.get_weights()]
    for model in (own, alone):
        check_network(nn.from_keras(model), numbers())
    for old, now in zip(before, own.get_weights(), strict=True):
        np.testing.assert_array_equal(old, now)


def test_a_model_of_keras_that_needs_code_of_its_own_is_refused() -> None:
    class Mine(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return x * 2

    class Asking(keras.layers.Layer):
        def __init__(self, needed: object) -> None:
            super().__init__()

        def call(self, x: Any) -> Any:
            return x

    layers, rows = keras.layers, numbers()
    own = keras.Sequential([layers.Input((COLUMNS,)), Mine(), layers.Dense(2)])
    with pytest.raises(UsageError, match=r"anew from its configuration, .* Could not locate class 'Mine'"):
        check_network(nn.from_keras(own), rows)
    asking = Asking(object())
    asking.build((None, COLUMNS))
    with pytest.raises(UsageError, match="cannot make the model 'asking' anew from its configuration"):
        check_network(nn.from_keras(asking), rows)


def test_what_keras_has_no_layer_for_is_refused(example: Get) -> None:
    model = example("log target").model
    network = model.model.network
    coarse = replace(model, model=replace(model.model, network=replace(network, dtype="bfloat16")))
    with pytest.raises(UsageError, match=r"computes in bfloat16, which .* `format=torch` and `format=flax`"):
        KERAS.write(coarse, Options())

    class Mine(nn.Activation):
        """A layer of the user's own."""

    body = nn.Sequential((*network.body.layers, Mine()))
    strange = replace(model, model=replace(model.model, network=replace(network, body=body)))
    with pytest.raises(UsageError, match=r"Mine of this network \(body/mine_5\) cannot be said in them"):
        KERAS.write(strange, Options())


def test_a_file_that_differs_is_refused(example: Get) -> None:
    model = example("log target").model
    rows = made_rows(model.encoding)
    params = jax.tree.map(lambda one: one + 0.01, model.variables.params)
    other = replace(model, variables=model.variables._replace(params=params))
    with pytest.raises(BatchwrightError, match="an output differs by"):
        KERAS.check(KERAS.write(other, Options()), model, rows, Options())
