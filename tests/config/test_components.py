"""Components to plain data and back, and their check in Python."""

import json
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from batchwright.config import from_plain, to_plain, validate_component
from batchwright.errors import ConfigError
from batchwright.nn import ARCHITECTURES, MLP, Features
from batchwright.nn.layers import Dense, Dropout, Residual, Sequential
from batchwright.optim import OPTIMIZERS, SCHEDULES, SGD, Adam, FromOptax, Piecewise
from batchwright.tasks import Classification, Regression

DEFAULTS: list[tuple[Any, Any]] = [
    (cls(points=((1.0, 0.5), (2.0, 0.25))) if cls is Piecewise else cls(), classes)
    for classes in (ARCHITECTURES, OPTIMIZERS, SCHEDULES)
    for cls in classes
]


@pytest.mark.parametrize(("component", "classes"), DEFAULTS, ids=[type(made).__name__ for made, _ in DEFAULTS])
def test_json_and_back_is_the_same(component: Any, classes: Any) -> None:
    again = from_plain(json.loads(json.dumps(to_plain(component), allow_nan=False)), classes)
    assert again == component
    assert jax.tree.structure(again) == jax.tree.structure(component)
    validate_component(component)


def test_arrays_become_numbers() -> None:
    rule = SGD(learning_rate=0.5, momentum=0.25)
    for kind in (jnp.float32, np.float32, np.float64, np.asarray):
        assert to_plain(jax.tree.map(kind, rule)) == to_plain(rule)
        validate_component(jax.tree.map(kind, rule))
    assert to_plain(rule)["name"] == "sgd"


@pytest.mark.parametrize(
    ("plain", "said"),
    [
        ({"name": "adm"}, "unknown name 'adm': did you mean 'adam'?"),
        ({}, "unknown name 'None'"),
        ({"name": "sgd", "momentun": 0.5}, "SGD.momentun: unknown key; did you mean SGD.momentum?"),
        ({"name": "sgd", "momentum": "0.5"}, "SGD.momentum: must be a number >= 0 and < 1"),
        ({"name": "sgd", "momentum": 2, "l2": -1}, "SGD.l2: must be a number >= 0, or null, but is -1."),
    ],
)
def test_plain_data_of_no_component_is_refused(plain: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        from_plain(plain, OPTIMIZERS)
    assert said in str(caught.value)


def test_all_that_is_out_of_range_is_said_at_once() -> None:
    layers = Sequential((Dense(4), Residual(Dropout(1.5)), Dense(0)))
    with pytest.raises(ConfigError) as caught:
        validate_component(layers)
    assert str(caught.value).splitlines() == [
        "Sequential.layers[1].body.rate: must be a number >= 0 and < 1, but is 1.5.",
        "Sequential.layers[2].units: must be a whole number > 0, but is 0.",
    ]
    with pytest.raises(ConfigError, match=r"MLP\.dropout.*\nMLP\.normalization_epsilon|\nMLP\.dropout"):
        validate_component(MLP(dropout=1.0, normalization_epsilon=0.0))


def test_what_is_in_range_passes() -> None:
    validate_component(MLP(hidden_layer_sizes=(3,)).build(Features(numeric=3, cardinalities=(4,)), 2))
    validate_component(FromOptax(optax.sgd(0.1)))
    validate_component(Classification(("a", "b"), class_weights=jnp.ones(2)))
    validate_component(Regression(targets=2, mean=(0.0, 1.0), std=(1.0, 2.0)))


@pytest.mark.parametrize(
    ("component", "said"),
    [
        (Adam(beta_2=0.99999998), "Adam.beta_2: is 1 in float32, .* below it; 0.99999994 is the nearest that does"),
        (SGD(momentum=0.999999999), "SGD.momentum: is 1 in float32"),
        (Adam(epsilon=1e-50), "Adam.epsilon: is 0 in float32, .* above it; 1.18e-38 is the smallest that does"),
        (MLP(normalization_momentum=0.99999999), "MLP.normalization_momentum: is 1 in float32"),
        (Classification(("a", "b"), label_smoothing=0.99999999), "Classification.label_smoothing: is 1 in float32"),
    ],
)
def test_numbers_that_float32_takes_out_of_their_bounds_are_refused(component: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        validate_component(component)


def test_numbers_that_float32_keeps_within_their_bounds_pass() -> None:
    validate_component(Adam(beta_2=float(np.nextafter(np.float32(1), np.float32(0))), epsilon=1e-37))


def test_traced_numbers_are_not_looked_at() -> None:
    @jax.jit
    def rate(optimizer: Adam) -> Any:
        validate_component(optimizer)
        return optimizer.learning_rate * 2

    assert float(rate(Adam(learning_rate=0.25))) == 0.5
