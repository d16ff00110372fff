"""Trainings with a known fault, and healthy ones: data sets, settings, and what is changed to plant each fault."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from sklearn.datasets import load_breast_cancer, load_digits, make_friedman1

Settings = Mapping[str, Any]
"""Values by dotted key."""

TARGET = "y"
ROWS = 3_000
"""Most rows of a data set: a training then takes a second or two."""


@dataclass(frozen=True)
class Data:
    """A data set: its rows with the target `y`, whether that is a class, and whether it is kept back.

    Data sets that are kept back were not looked at while the diagnosis was built.
    """

    name: str
    classes: bool
    kept_back: bool
    frame: Callable[[Path], pl.DataFrame]


def _digits(_tables: Path) -> pl.DataFrame:
    x, y = load_digits(return_X_y=True)
    return pl.DataFrame({f"p{i}": x[:, i] for i in range(64)} | {TARGET: [f"d{c}" for c in y]})


def _cancer(_tables: Path) -> pl.DataFrame:
    found = load_breast_cancer()
    columns = {f"x{i}": found.data[:, i] for i in range(found.data.shape[1])}
    return pl.DataFrame(columns | {TARGET: found.target_names[found.target]})


def _friedman(_tables: Path) -> pl.DataFrame:
    x, y = make_friedman1(2_000, noise=1.0, random_state=0)
    return pl.DataFrame({f"x{i}": x[:, i] * 10.0 ** (i % 4) for i in range(x.shape[1])} | {TARGET: y})


def _rings(_tables: Path) -> pl.DataFrame:
    """Three classes by the distance from the middle, in two of eight columns of different units."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2_400, 8))
    distance = np.hypot(x[:, 0], x[:, 1]) + rng.normal(size=2_400) * 0.08
    ring = np.digitize(distance, [0.8, 1.5])
    units = np.array([1.0, 100.0, 0.01, 1.0, 1000.0, 5.0, 1.0, 10.0])
    return pl.DataFrame({f"x{i}": x[:, i] * units[i] for i in range(8)} | {TARGET: [f"r{c}" for c in ring]})


def table(file: str, target: str) -> Callable[[Path], pl.DataFrame]:
    def read(tables: Path) -> pl.DataFrame:
        found = pl.read_csv(tables / file, infer_schema_length=None).drop_nulls()
        other = {TARGET: f"{TARGET}_"} if TARGET in found.columns else {}
        frame = found.rename({**other, target: TARGET})
        return frame.sample(min(ROWS, frame.height), seed=0)

    return read


DATA = (
    Data("digits", True, False, _digits),
    Data("breast-cancer", True, False, _cancer),
    Data("friedman", False, False, _friedman),
    Data("rings", True, False, _rings),
    Data("adult", True, True, table("adult-train.csv", "income")),
    Data("california", False, True, table("california-housing.csv", "median_house_value")),
)

MLP = {"network.name": "mlp", "network.hidden_layer_sizes": [64, 64]}
HEALTHY: tuple[Settings, ...] = (
    {"training.epochs": 40},
    MLP
    | {
        "optimizer.name": "sgd",
        "optimizer.momentum": 0.9,
        "optimizer.learning_rate": 0.02,
        "schedule.name": "constant",
        "training.epochs": 60,
    },
    MLP
    | {
        "network.batch_normalization": False,
        "optimizer.name": "adam",
        "optimizer.learning_rate": 0.002,
        "schedule.name": "cosine",
        "training.epochs": 60,
    },
)
"""Settings that train well on all of the data sets; one for each seed."""


USUAL: Settings = {"training.batch_size": 64, "training.early_stopping": {"patience": 10}}


def healthy(seed: int) -> dict[str, Any]:
    """The settings of the healthy training with this seed."""
    return {**USUAL, **HEALTHY[seed % len(HEALTHY)], "training.seed": seed}


OTHERS: tuple[Settings, ...] = (
    {"training.epochs": 20},
    MLP | {"optimizer.name": "sgd", "optimizer.momentum": 0.9, "optimizer.learning_rate": 0.1},
    MLP | {"optimizer.learning_rate": 0.005, "network.dropout": 0.3, "training.epochs": 60},
    MLP | {"training.batch_size": 16, "training.epochs": 30},
    MLP | {"training.batch_size": 256, "optimizer.learning_rate": 0.005, "training.epochs": 80},
    {"network.name": "linear", "optimizer.learning_rate": 0.01, "training.epochs": 60},
    MLP
    | {
        "network.hidden_layer_sizes": [48] * 4,
        "network.activation": "tanh",
        "network.batch_normalization": False,
        "training.epochs": 60,
    },
    MLP
    | {
        "network.hidden_layer_sizes": [256],
        "optimizer.name": "rmsprop",
        "schedule.name": "exponential",
        "schedule.base": 0.9,
        "schedule.per": "epoch",
        "training.epochs": 50,
    },
)
"""Sound settings of other kinds, so that alarms are not only counted where few were to be expected."""


@dataclass(frozen=True)
class Plant:
    """A fault: its name, the kinds of diagnosis that name it, what it changes in the settings and in the rows.

    `fits` says to which data sets it can be planted.
    """

    name: str
    kinds: tuple[str, ...]
    settings: Callable[[Settings], Settings] = lambda settings: settings
    rows: Callable[[pl.DataFrame, np.random.Generator], pl.DataFrame] = lambda frame, _rng: frame
    fits: Callable[[Data], bool] = lambda _data: True


STEADY = {"schedule.name": "constant", "training.early_stopping": None}


def _rate_times(factor: float) -> Callable[[Settings], Settings]:
    def change(settings: Settings) -> Settings:
        default = 0.001 if settings.get("optimizer.name", "adam") == "adam" else 0.01
        rate = settings.get("optimizer.learning_rate", default)
        return {**settings, **STEADY, "optimizer.learning_rate": rate * factor}

    return change


def _with(**changes: Any) -> Callable[[Settings], Settings]:
    named = {key.replace("__", "."): value for key, value in changes.items()}
    return lambda settings: {**settings, **named}


def _deep_sigmoid(settings: Settings) -> Settings:
    return {
        **settings,
        "network.name": "mlp",
        "network.hidden_layer_sizes": [32] * 8,
        "network.activation": "sigmoid",
        "network.batch_normalization": False,
        "training.early_stopping": None,
    }


def _few_wrong_rows(frame: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """A hundred rows to learn from, a quarter of them with the target of another row.

    Without wrong ones, some of the data sets are learned from so few rows, and the validation loss never rises.
    """
    few = frame.sample(min(frame.height, 160), seed=int(rng.integers(1000)))
    wrong = rng.random(few.height) < 0.25
    place = np.arange(few.height)
    place[wrong] = rng.permutation(place[wrong])
    return few.with_columns(few[TARGET].gather(place).alias(TARGET))


def _shuffle_labels(frame: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    return frame.with_columns(frame[TARGET].gather(rng.permutation(frame.height)).alias(TARGET))


def _leak(frame: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """A column that is the target itself, but for a little noise."""
    target = frame[TARGET]
    codes = target.cast(pl.Categorical).to_physical() if target.dtype == pl.String else target
    values = codes.cast(pl.Float64).to_numpy()
    return frame.with_columns(pl.Series("booking", values + rng.normal(size=len(values)) * 0.02 * values.std()))


def _one_class_rare(frame: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """One class is kept in 1 row of 50 only."""
    rare = sorted(frame[TARGET].unique())[-1]
    keep = (frame[TARGET] != rare).to_numpy() | (rng.random(frame.height) < 0.02)
    keep[np.flatnonzero((frame[TARGET] == rare).to_numpy())[:6]] = True
    return frame.filter(pl.Series(keep))


def _later_rows_unlike(frame: pl.DataFrame, _rng: np.random.Generator) -> pl.DataFrame:
    """Rows of a later time, from which validation rows are taken, have their columns moved by a deviation."""
    late = np.arange(frame.height) >= frame.height * 0.7
    moved = [
        (pl.col(name) + pl.Series(late.astype(float)) * float(frame[name].std() or 1.0) * 1.5).alias(name)
        for name, dtype in frame.schema.items()
        if name != TARGET and dtype.is_numeric()
    ]
    return frame.with_columns(moved).with_columns(pl.Series("when", np.arange(frame.height)))


PLANTS = (
    Plant("rate too high", ("learning rate too high", "oscillating", "diverged"), _rate_times(60.0)),
    Plant("rate too low", ("learning rate too low", "too few epochs"), _rate_times(1 / 300)),
    Plant(
        "decayed too early",
        ("decayed too early",),
        _with(schedule__name="exponential", schedule__base=0.5, schedule__per="epoch", training__early_stopping=None),
    ),
    Plant("too few epochs", ("too few epochs",), _with(training__epochs=3, training__early_stopping=None)),
    Plant(
        "overfitting",
        ("overfitting",),
        _with(
            network__name="mlp",
            network__hidden_layer_sizes=[256, 256],
            network__dropout=0.0,
            schedule__name="constant",
            training__epochs=300,
            training__early_stopping=None,
        ),
        _few_wrong_rows,
    ),
    Plant(
        "too little capacity",
        ("too little capacity",),
        _with(network__name="mlp", network__hidden_layer_sizes=[1], network__batch_normalization=False),
    ),
    Plant(
        "inputs not scaled",
        ("inputs not scaled",),
        _with(data__scaling="none", network__name="mlp", network__batch_normalization=False),
    ),
    Plant("vanishing gradients", ("vanishing gradients", "saturation"), _deep_sigmoid),
    Plant(
        "batch too small",
        ("batch too small", "batch normalization with small batches", "learning rate too high", "oscillating"),
        lambda settings: {**settings, **STEADY, "training.batch_size": 2, "training.epochs": 8},
    ),
    Plant("labels shuffled", ("labels shuffled or noisy", "overfitting"), rows=_shuffle_labels),
    Plant("leak", ("leak",), rows=_leak),
    Plant(
        "class never answered",
        ("class never answered", "imbalance"),
        _with(training__epochs=10),
        _one_class_rare,
        fits=lambda data: data.classes,
    ),
    Plant(
        "validation unlike training",
        ("validation unlike training",),
        _with(data__split="time", data__time="when"),
        _later_rows_unlike,
    ),
)


def plants_of(data: Data) -> tuple[Plant, ...]:
    """The faults that can be planted in trainings on a data set."""
    return tuple(plant for plant in PLANTS if plant.fits(data))
