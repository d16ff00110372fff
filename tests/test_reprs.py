"""What a notebook shows of each object: a short line, however many rows, columns, classes and layers there are."""

from typing import Any

import numpy as np
import pytest

import batchwright as bw
from batchwright.config.sections import Data
from batchwright.data.options import DataOptions
from batchwright.training.events import Stopped

LONGEST = 400
"""Characters: two or three lines of a notebook."""


def shown(value: Any) -> dict[str, int]:
    """The length of the line of each object of ours that is reached from one by its attributes, by its class."""
    lengths, left, seen = dict[str, int](), [value], set[int]()
    while left:
        one = left.pop()
        if id(one) in seen or not type(one).__module__.startswith("batchwright"):
            continue
        seen.add(id(one))
        name = type(one).__name__
        lengths[name] = max(lengths.get(name, 0), len(repr(one)))
        left += vars(one).values() if hasattr(one, "__dict__") else one if isinstance(one, tuple) else ()
    return lengths


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> bw.Trained:
    draw = np.random.default_rng(0)
    table = {f"column {number}": draw.normal(size=800) for number in range(60)}
    table["a long name of a column " * 4] = draw.choice([f"category {letter}" for letter in "abcdefghijklmnop"], 800)
    table["y"] = np.array([f"class {number}" for number in range(80)]).repeat(10)
    data = bw.load(table, target="y")
    return bw.fit(data, network=bw.nn.MLP((8, 4)), epochs=1, run_dir=tmp_path_factory.mktemp("reprs") / "run")


def test_all_that_training_gives_is_short(trained: bw.Trained) -> None:
    assert trained.run is not None
    run = bw.open_run(trained.run.path)
    lengths: dict[str, int] = {}
    for value in (trained, run, trained.predict({name: [0.0] for name in trained.prepared.dataset.schema.used})):
        lengths |= shown(value)
    assert {"Trained", "Run", "Manifest", "SavedModel", "Variables", "Dataset", "Split", "Predictions"} <= set(lengths)
    assert {"Settings", "Config", "Job", "Stopped", "Schema", "Encoding", "Indices"} <= set(lengths)
    layers = {"FeedForward", "Sequential", "Columns", "MLP", "Program", "Classification", "EmbeddingTable"}
    assert {name: length for name, length in lengths.items() if length > LONGEST and name not in layers} == {}


def test_a_line_says_what_it_is(trained: bw.Trained) -> None:
    said = repr(trained.prepared.dataset)
    assert said.startswith("<Dataset table: 560 train, 120 validation, 120 test rows; <ClassTarget y: 80 classes")
    assert repr(trained.stopped) == "<Stopped after epoch 1: finished: all 1 epochs are done>"
    assert isinstance(trained.stopped, Stopped)
    assert repr(DataOptions(decimal=",")) == "DataOptions(decimal=',')"
    assert repr(Data(source="x.csv")) == "Data(source='x.csv')"
    assert repr(trained.model.variables).startswith("<Variables: ")
    value = bw.fit(bw.load({"x": np.arange(40.0), "y": np.arange(40.0)}, target="y"), network=bw.nn.Linear(), epochs=1)
    one_row = value.predict({"x": 3.0})
    assert repr(one_row).startswith("<Predictions of y for 1 rows: ")
    assert value.predict({"x": [3.0]}).answers == one_row.answers


def test_a_row_of_single_values_is_a_row() -> None:
    trained = bw.fit(bw.load("iris"), network=bw.nn.Linear(), epochs=1)
    row = {name: np.float64(number) for number, name in enumerate(trained.prepared.dataset.schema.used)}
    assert len(trained.predict(row).answers) == 1
    with pytest.raises(bw.errors.DataError, match="is a single value, other columns are not"):
        trained.predict({**row, next(iter(row)): [1.0, 2.0]})
