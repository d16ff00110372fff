"""Limits of predicted numbers: whose range they follow, who sets them, and models in which they are damaged."""

import dataclasses
import json
from typing import Any

import numpy as np
import polars as pl
import pytest

import batchwright as bw
from batchwright.data.encode.encoders import ordinal_encoder
from batchwright.errors import ConfigError, DataError, RunError
from batchwright.nn import MLP
from batchwright.runs.model import read_blueprint
from batchwright.tasks import Regression

HOW: dict[str, Any] = {"network": MLP((4,)), "epochs": 1, "batch_size": 64, "progress": False, "early_stopping": None}
X = np.random.default_rng(0).normal(size=(200, 2))
Y = X[:, 0] - X[:, 1]


def rows(y: np.ndarray) -> dict[str, np.ndarray]:
    return {"a": X[:, 0], "b": X[:, 1], "y": y}


def limits(model: Any) -> tuple[tuple[float, ...], tuple[float, ...]]:
    task = model.blueprint.task
    assert isinstance(task, Regression)
    return task.lowest, task.highest


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Any:
    data = bw.load(rows(np.exp(Y)), target="y", target_transform="log")
    return bw.fit(data, **HOW, run_dir=tmp_path_factory.mktemp("limits") / "old")


def test_training_on_widens_the_limits_and_keeps_the_scale(old: Any) -> None:
    data = bw.load(rows(np.exp(Y) + 50.0), target="y", like=old)
    on = bw.fit(data, **HOW, initial=old)
    (lowest,), (highest,) = limits(on.model)
    seen = np.exp(Y)[old.prepared.dataset.indices.train]
    low, high = seen.min(), (np.exp(Y) + 50.0)[data.indices.train].max()
    assert (lowest, highest) == pytest.approx((0.0, high + (high - low) / 4))
    assert data.target.transform == old.model.encoding.target.transform
    assert not [note for note in (*data.notes, *on.prepared.notes) if "begins anew" in note or "learned again" in note]


def test_a_model_that_knows_no_range_keeps_its_last_layer(old: Any) -> None:
    target = dataclasses.replace(old.model.encoding.target, lowest=None, highest=None)
    former = dataclasses.replace(old.model, encoding=dataclasses.replace(old.model.encoding, target=target))
    on = bw.fit(old.prepared.dataset, **HOW, initial=former)
    assert not [note for note in on.prepared.notes if "begins anew" in note]
    unlimited = bw.load(rows(np.exp(Y)), target="y", like=former)
    assert limits(bw.fit(unlimited, **HOW, initial=former).model) == ((), ())


def test_partial_fit_has_no_limits_from_its_first_rows() -> None:
    order = np.argsort(Y)
    first, second = order[:100], order[100:]
    model = bw.Regressor((8,), learning_rate=0.05, random_state=0)
    for _ in range(60):
        for part in (first, second):
            model.partial_fit(X[part], Y[part])
    assert limits(model.model_) == ((), ())
    assert model.predict(X).max() > 0.5 * Y.max()
    fitted = bw.Regressor((4,), epochs=1, random_state=0).fit(X, Y)
    assert limits(fitted.model_) != ((), ())
    assert limits(fitted.partial_fit(X, Y).model_) == ((), ())


def test_warm_start_follows_targets_that_move() -> None:
    model = bw.Regressor((8,), epochs=30, learning_rate=0.02, warm_start=True, random_state=0).fit(X, Y)
    assert model.fit(X, Y + 20.0).predict(X).mean() > 15.0


def test_python_sets_the_margin() -> None:
    data = bw.load(rows(Y), target="y")
    target = data.target
    assert isinstance(target, bw.data.encode.targets.ValueTarget)
    assert limits(bw.fit(data, **HOW, clip_margin=0).model) == ((target.lowest,), (target.highest,))
    assert limits(bw.fit(data, **HOW, clip_margin="none").model) == ((), ())
    with pytest.raises(ConfigError, match="clip_margin"):
        bw.fit(data, **HOW, clip_margin=-1)


def test_a_row_that_no_logarithm_takes_has_advice_that_can_be_followed(old: Any) -> None:
    with pytest.raises(DataError, match=r"leave these rows out, or .* with `data\.target_transform=none`"):
        bw.load(rows(Y), target="y", like=old)


@pytest.mark.parametrize(
    "damage",
    [
        {"lowest": []},
        {"highest": [1.0, 2.0]},
        {"lowest": 5},
        {"residuals": [[0.0], [0.0]]},
        {"residuals": [[]]},
        {"residuals": 5},
        {"residuals": [5.0]},
    ],
)
def test_a_damaged_task_is_refused_when_it_is_read(old: Any, damage: dict[str, Any]) -> None:
    file = old.run.path / "model" / "model.json"
    plain = json.loads(file.read_text())
    assert set(damage) <= set(plain["task"])
    read_blueprint(json.dumps(plain).encode(), old.model.encoding, file)
    plain["task"] |= damage
    with pytest.raises(RunError):
        read_blueprint(json.dumps(plain).encode(), old.model.encoding, file)


def test_a_row_is_far_by_what_is_learned_of_it() -> None:
    far = np.exp(Y)
    far[1] = 1e6
    notes = {how: bw.load(rows(far), target="y", target_transform=how).notes for how in ("none", "log")}
    said = {how: [note for note in found if "one training row holds" in note] for how, found in notes.items()}
    assert 1 in bw.load(rows(far), target="y").indices.train
    assert (len(said["none"]), len(said["log"])) == (1, 0)


def test_an_order_of_which_no_training_row_has_a_category_gives_numbers() -> None:
    encoder = ordinal_encoder("size", pl.Series([None, None], dtype=pl.String), ("S", "M", "L"), 0)
    out = np.full((3, len(encoder.features)), np.nan, np.float32)
    encoder.write(pl.Series(["S", "L", None]), out)
    assert out[:, 0].tolist() == [0.0, 2.0, 0.0]
