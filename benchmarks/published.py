"""Faults that published collections of broken training programs have, made anew as configurations of batchwright.

The collections (DeepFD, AutoTrainer, DeepLocalize, UMLAUT) take them from questions on Stack Overflow and from commits.
Nothing of those programs is here: each fault is what a person did, in our own words. A program of that sort is small:
two hidden layers of relu units, Adam, batches of 32, no schedule. So that is what the faults are planted in.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import planting
import polars as pl
from planting import TARGET, Data, Plant, Settings

DATA = (
    Data("spambase", True, True, planting.table("spambase.csv", "Spam")),
    Data("penguins", True, True, planting.table("penguins.csv", "species")),
    Data("diamonds", False, True, planting.table("diamonds.csv", "price")),
)
"""Tables on which nothing of the diagnosis was built."""

PLAIN: Settings = {
    "network.name": "mlp",
    "network.hidden_layer_sizes": [64, 64],
    "network.batch_normalization": False,
    "schedule.name": "constant",
    "training.batch_size": 32,
    "training.epochs": 60,
    "training.early_stopping": {"patience": 10},
}

SOUND = Plant("plain program", (), lambda _sound: PLAIN)

HIGH = ("learning rate too high", "oscillating", "diverged")
LOW = ("learning rate too low", "too few epochs")


def _changed(changes: Mapping[str, Any]) -> Callable[[Settings], Settings]:
    return lambda _sound: {**PLAIN, **changes}


def codes(frame: pl.DataFrame, _rng: np.random.Generator) -> pl.DataFrame:
    """The classes as numbers 0, 1, ..."""
    names = sorted(frame[TARGET].cast(pl.String).unique())
    return frame.with_columns(frame[TARGET].cast(pl.String).replace_strict(names, range(len(names))).alias(TARGET))


def in_order_of_target(frame: pl.DataFrame, _rng: np.random.Generator) -> pl.DataFrame:
    return frame.sort(TARGET, maintain_order=True)


FAULTS = (
    Plant(
        "activation: none between the hidden layers",
        ("unfit activation", "too little capacity"),
        _changed({"network.activation": "identity"}),
    ),
    Plant(
        "activation: softmax in four hidden layers",
        ("unfit activation", "vanishing gradients"),
        _changed({"network.hidden_layer_sizes": [32] * 4, "network.activation": "softmax"}),
    ),
    Plant(
        "activation: sigmoid in eight hidden layers",
        ("vanishing gradients", "saturation"),
        _changed({"network.hidden_layer_sizes": [32] * 8, "network.activation": "sigmoid"}),
    ),
    Plant("epochs: two", ("too few epochs",), _changed({"training.epochs": 2})),
    Plant(
        "epochs: 400, nothing stops",
        ("overfitting",),
        _changed({"training.epochs": 400, "training.early_stopping": None}),
    ),
    Plant("rate: 100 times the usual one", HIGH, _changed({"optimizer.learning_rate": 0.1})),
    Plant("rate: a thousandth of the usual one", LOW, _changed({"optimizer.learning_rate": 1e-6})),
    Plant(
        "optimizer: Adadelta with the rate of Adam",
        LOW,
        _changed({"optimizer.name": "adadelta", "optimizer.learning_rate": 0.001}),
    ),
    Plant(
        "optimizer: plain SGD with a tenth of its usual rate",
        LOW,
        _changed({"optimizer.name": "sgd", "optimizer.momentum": 0.0, "optimizer.learning_rate": 0.001}),
    ),
    Plant(
        "loss: squared error of the numbers of classes",
        ("wrong loss",),
        _changed({"task.name": "regression"}),
        codes,
        fits=lambda data: data.classes,
    ),
    Plant("preprocessing: inputs in their own units", ("inputs not scaled",), _changed({"data.scaling": "none"})),
    Plant(
        "preprocessing: rows in order of the target, never shuffled",
        ("rows not shuffled",),
        _changed({"training.shuffle": False}),
        in_order_of_target,
    ),
    Plant(
        "layers: one hidden unit",
        ("too little capacity",),
        _changed({"network.hidden_layer_sizes": [1]}),
    ),
    Plant(
        "layers: nine in ten units dropped",
        ("too much dropout", "too little capacity"),
        _changed({"network.dropout": 0.9}),
    ),
    Plant(
        "batch size: all rows",
        ("batch too large", "too few epochs"),
        _changed({"training.batch_size": "full"}),
    ),
    Plant(
        "batch size: one row, with ten times the usual rate",
        ("batch too small", *HIGH),
        _changed({"training.batch_size": 1, "training.epochs": 5, "optimizer.learning_rate": 0.01}),
    ),
)
"""Each with what a person did, behind the kind that the collections count it as."""
