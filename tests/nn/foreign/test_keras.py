"""Models of Keras train as they do in Keras."""

import jax
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
    first,
    images,
    trained,
)

from batchwright import nn
from batchwright.errors import ConfigError

keras = pytest.importorskip("keras", reason="Keras is not installed")
if keras.backend.backend() != "jax":
    pytest.skip("Keras does not run on JAX here", allow_module_level=True)
layers = keras.layers


def model_of(rate: float = 0.0, *, frozen: bool = False) -> object:
    """A model inside another, batch statistics and dropout."""
    inner = keras.Sequential([layers.Input((COLUMNS,)), layers.Dense(8, activation="tanh"), layers.Dense(8)])
    model = keras.Sequential(
        [
            layers.Input((COLUMNS,)),
            inner,
            layers.BatchNormalization(momentum=0.8),
            layers.Dropout(rate),
            layers.Dense(CLASSES, name="logits"),
        ]
    )
    inner.layers[0].trainable = not frozen
    return model


def test_it_gives_the_outputs_of_keras() -> None:
    model, rows = model_of(0.5), columns()
    check_outputs(nn.from_keras(model), rows, np.asarray(model(array_of(rows), training=False)))


@pytest.mark.parametrize("frozen", [False, True])
def test_it_trains_as_in_keras(frozen: bool) -> None:
    model, rows, expected = model_of(frozen=frozen), columns(), []
    network = nn.from_keras(model)
    x, targets = array_of(rows), np.asarray(rows.targets)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(RATE), loss)
    for batches in batches_of(rows, 16):
        losses = []
        for batch in batches:
            model.reset_metrics()
            losses.append(float(model.train_on_batch(x[batch], targets[batch])))
        expected.append(np.mean(losses))
    found = trained(network, rows)
    np.testing.assert_allclose(found.losses, expected, rtol=1e-4)
    params, state = (tree["body"] for tree in found.variables)
    np.testing.assert_allclose(params["logits"]["kernel"], model.layers[-1].kernel.value, atol=1e-5)
    for ours, theirs in (("moving_mean", "moving_mean"), ("moving_variance", "moving_variance")):
        value = getattr(model.layers[1], theirs).value
        np.testing.assert_allclose(state["batch_normalization"][ours], value, atol=1e-5)
    assert ("dense" in state["sequential"]) is frozen if frozen else "sequential" not in state


def test_it_is_not_changed() -> None:
    model, rows = model_of(), columns()
    before = [np.array(variable.value) for variable in model.variables]
    trained(nn.from_keras(model), rows)
    for one, other in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(one, other.value)


def test_members_second_fits_and_saved_weights() -> None:
    rows = columns()
    check_dropout(nn.from_keras(model_of(0.5)), rows)
    check_members(nn.from_keras(model_of(0.5)), rows)
    network = nn.from_keras(model_of())
    check_second_fit(network, rows)
    dense = [f"sequential/{layer}" for layer in ("dense", "dense_1")] + ["logits"]
    names = {f"params/body/{layer}/{name}" for layer in dense for name in ("kernel", "bias")}
    names |= {f"params/body/batch_normalization/{name}" for name in ("gamma", "beta")}
    names |= {f"state/body/batch_normalization/{name}" for name in ("moving_mean", "moving_variance")}
    check_saved(first(network, rows), names)


def test_a_functional_model_of_images() -> None:
    given = keras.Input(IMAGE)
    hidden = layers.Conv2D(4, 3, activation="relu")(given)
    model = keras.Model(given, layers.Dense(CLASSES)(layers.GlobalAveragePooling2D()(hidden)))
    rows = images()
    network = nn.from_keras(model)
    check_outputs(network, rows, np.asarray(model(array_of(rows), training=False)))
    losses = trained(network, rows, size=20).losses
    assert losses[-1] < losses[0]


def test_a_model_whose_call_knows_of_no_training() -> None:
    class Own(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.last = layers.Dense(CLASSES)

        def call(self, x: jax.Array) -> jax.Array:
            return self.last(x)

    model, rows = Own(), columns()
    with pytest.raises(ConfigError, match="has no weights"):
        nn.from_keras(model)
    expected = np.asarray(model(array_of(rows)))
    check_outputs(nn.from_keras(model), rows, expected)
    trained(nn.from_keras(model), rows)


def test_what_does_not_fit_is_told() -> None:
    with pytest.raises(ConfigError, match=r"does not take an array of \[n, 5\]"):
        first(nn.from_keras(keras.Sequential([layers.Input((7,)), layers.Dense(CLASSES)])), columns())
    with pytest.raises(ConfigError, match="remainder=drop"):
        trained(nn.from_keras(model_of()), columns(), size=20)
    with pytest.raises(ConfigError, match="adds penalties to the loss"):
        nn.from_keras(keras.Sequential([layers.Input((5,)), layers.Dense(3, kernel_regularizer="l2")]))
    with pytest.raises(ConfigError, match=r"takes a keras\.Model or keras\.layers\.Layer, but got"):
        nn.from_keras(3)
