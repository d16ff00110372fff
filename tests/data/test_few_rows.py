"""Tables of few rows: all of them train where nobody asked for validation rows and nothing needs them."""

import numpy as np
import pytest

import batchwright as bw
from batchwright.config import dump_config, flow, load_config
from batchwright.errors import ConfigError, DataError
from batchwright.workflow import train
from batchwright.workflow.preparing import prepare

NOTE = "all 36 training rows train: too few to hold some back for validation; `validation_split=0.15` does"


def rows(count, *, classes=False):
    x = np.random.default_rng(0).normal(size=(count, 2))
    return {"a": x[:, 0], "b": x[:, 1], "y": np.where(x[:, 0] > 0, "p", "q") if classes else x.sum(axis=1)}


def file_of(tmp_path, count, *, classes=False):
    path = tmp_path / "few.csv"
    cells = rows(count, classes=classes)
    lines = [",".join(map(str, row)) for row in zip(*cells.values(), strict=True)]
    path.write_text("\n".join(["a,b,y", *lines, ""]))
    return path


def settings(path, *given):
    chosen = [("data.source", str(path), "source"), ("data.target", "y", "target"), *((k, v, k) for k, v in given)]
    return load_config(None, chosen)


def prepared(path, *given):
    return prepare(settings(path, *given))


def begin(path, *given):
    """The first event of a training."""
    return next(iter(train(settings(path, *given))))


@pytest.mark.parametrize(("count", "held_out"), [(63, None), (64, 10)])
def test_fewer_than_ten_are_not_held_out(count, held_out):
    data = bw.load(rows(count), target="y")
    assert (None if data.validation is None else data.validation.rows) == held_out
    assert any("too few to hold some back" in note for note in data.notes) == (held_out is None)
    assert data.test.rows == {63: 9, 64: 10}[count]


def test_a_share_that_is_given_is_held_out_and_0_is_no_news():
    assert bw.load(rows(42), target="y", validation_split=0.15).validation.rows == 6
    none = bw.load(rows(42), target="y", validation_split=0)
    assert none.validation is None
    assert NOTE in bw.load(rows(42), target="y").notes
    assert NOTE not in none.notes


def test_all_rows_train_beside_a_test_of_its_own():
    halves = {"a": np.arange(30.0), "y": np.arange(30.0) * 2}
    data = bw.load(halves, target="y", test=halves)
    assert data.validation is None
    assert data.train.rows == 30


@pytest.mark.parametrize(
    "given",
    [
        ("training.early_stopping", "{patience: 5}"),
        ("schedule.name", "reduce_on_plateau"),
        ("training.epochs", "auto"),
        ("network.numbers", "auto"),
    ],
)
def test_what_goes_by_validation_rows_gets_them(tmp_path, given):
    found = prepared(file_of(tmp_path, 42), given)
    assert found.dataset.validation.rows == 6
    assert found.settings.config.data.validation_split == 0.15


def test_a_threshold_by_a_metric_gets_them(tmp_path):
    assert prepared(file_of(tmp_path, 42, classes=True), ("task.threshold", "f1")).dataset.validation.rows == 6


def test_the_record_says_so_and_can_be_trained_again(tmp_path):
    path = file_of(tmp_path, 42)
    settings = load_config(None, [("data.source", str(path), ""), ("data.target", "y", "")])
    found = prepare(settings)
    assert found.settings.config.data.validation_split == 0.0
    assert found.settings.origins["data.validation_split"] == "rows"
    assert found.settings.config.training.early_stopping is None
    path_again = tmp_path / "config.yaml"
    path_again.write_text(dump_config(found.settings))
    again = prepare(load_config(path_again))
    assert again.dataset.fingerprint == found.dataset.fingerprint


def test_early_stopping_without_rows_for_it_is_refused():
    data = bw.load(rows(42), target="y")
    with pytest.raises(ConfigError, match="needs validation rows, and there are none: set `validation_split`"):
        bw.fit(data, early_stopping=bw.EarlyStopping(patience=3), epochs=2)


def test_classes_of_which_nothing_is_held_back_get_the_decay(tmp_path):
    few = prepared(file_of(tmp_path, 42, classes=True)).settings
    held = prepared(file_of(tmp_path, 42, classes=True), ("data.validation_split", "0.2")).settings
    assert few.config.optimizer.weight_decay == 10.0
    assert few.origins["optimizer.weight_decay"] == "rows"
    assert held.config.optimizer.weight_decay is None


def test_comparisons_say_what_they_need(tmp_path):
    data = bw.load(rows(42), target="y")
    with pytest.raises(ConfigError, match="and there are none: hold some back as you load the rows"):
        bw.compare(data, {"network.name": "linear"}, vary="training.epochs=1,2", trials=1)
    with pytest.raises(ConfigError, match="and there are none: hold some back as you load the rows"):
        bw.run_search(data, {"network.dropout": {"uniform": [0, 0.5]}}, trials=1, run_dir=tmp_path / "s")


def test_a_row_that_hides_all_others_is_refused():
    far = rows(60)
    far["y"] = np.append(far["y"][:-1], 1e12)
    split = {"test_split": 0, "validation_split": 0}
    with pytest.raises(DataError, match=r"holds 1e\+12, .* nothing else can be learned: correct it"):
        bw.load(far, target="y", **split)
    far["y"][-1] = 1e4
    assert any("little else is learned" in note for note in bw.load(far, target="y", **split).notes)


@pytest.mark.parametrize("count", [2, 5])
def test_answers_of_a_handful_of_rows_are_near_them(count):
    few = {"x": np.arange(count) * 1.5, "y": np.arange(count) * 2.0 + 1}
    trained = bw.fit(bw.load(few, target="y", task="regression"), network=bw.nn.MLP((8,)))
    answers = trained.predict({"x": np.linspace(-100, 100, 9)}).answers
    assert np.isfinite(answers).all()
    assert answers.min() >= -count
    assert answers.max() <= 3 * count


def test_more_columns_than_rows_are_learned_from():
    x = np.random.default_rng(0).normal(size=(12, 80))
    trained = bw.fit(bw.load((x, x[:, 0])), network=bw.nn.MLP((8,)), epochs=5)
    assert np.isfinite(trained.predict(x).answers).all()


def test_auto_epochs_keep_the_default_where_no_rows_are_held_back():
    begun = next(iter(bw.events(bw.load(rows(20), target="y"), network=bw.nn.MLP((4,)), epochs="auto")))
    assert begun.plan.updates == 1000
    assert any("epochs 500 is the default, not measured: no rows" in note for note in begun.notes)


@pytest.mark.parametrize(("asked", "said"), [("folds", 2), ("refit", True), ("members", 2)])
def test_what_goes_by_validation_rows_says_how_there_can_be_some(asked, said, tmp_path):
    """Too few of them help nobody who is told to hold some back; in Python the rows are loaded before."""
    few, key = "and 3 rows are too few to hold some back: .* give more rows", f"training.{asked}"
    path = file_of(tmp_path, 3)
    for more in ([], [("data.validation_split", "0.15")]):
        with pytest.raises(ConfigError, match=few):
            begin(path, (key, flow(said)), *more)
    path = file_of(tmp_path, 42)
    with pytest.raises(ConfigError, match=r"and there are none: .* give `data.validation_split` a share above 0"):
        begin(path, (key, flow(said)), ("data.validation_split", "0"))
    with pytest.raises(ConfigError, match=r"hold some back as you load the rows, with `bw.load\(..., valid"):
        bw.fit(bw.load(rows(42), target="y"), epochs=1, **{asked: said})
    with pytest.raises(ConfigError, match=few):
        bw.fit(bw.load(rows(3), target="y"), epochs=1, **{asked: said})


def test_a_share_that_is_no_row_is_not_advised():
    (few,) = (note for note in bw.load(rows(3), target="y").notes if "hold some back" in note)
    (more,) = (note for note in bw.load(rows(4), target="y").notes if "hold some back" in note)
    assert few.endswith("too few to hold some back for validation")
    assert more.endswith("`validation_split=0.15` does")
