"""Explaining trained runs: tables, classes, values, several targets, images; on their own rows and on others."""

import json
import sys

import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest
from scipy.special import log_softmax

from batchwright.cli.main import main
from batchwright.cli.show.explained import explained_parts
from batchwright.data.load import load
from batchwright.errors import RunError
from batchwright.explanation import explain
from batchwright.explanation.asked_model import at_temperature
from batchwright.explanation.correlated import correlated_pairs
from batchwright.explanation.places import places_of
from batchwright.runs.run import open_run
from batchwright.tasks import Classification, Multilabel, Several

ROWS = 400


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """y follows a, and a copy of it with noise goes with it; b, colour and day say nothing."""
    rng = np.random.default_rng(0)
    a = rng.normal(size=ROWS)
    path = tmp_path_factory.mktemp("explain") / "rows.csv"
    pl.DataFrame(
        {
            "name": [f"=row {number}" for number in range(ROWS)],
            "a": a,
            "twin": a + rng.normal(size=ROWS) * 0.2,
            "b": rng.normal(size=ROWS),
            "colour": rng.choice(["red", "green", "blue"], ROWS),
            "day": pl.Series(rng.integers(0, 700, ROWS)).cast(pl.Int32).cast(pl.Date),
            "y": 3 * a + rng.normal(size=ROWS) * 0.1,
            "sign": np.where(a + rng.normal(size=ROWS) * 0.1 > 0, "plus", "minus"),
        }
    ).write_csv(path)
    return path


def command(capsys, monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["batchwright", *map(str, words)])
    with pytest.raises(SystemExit) as left:
        main()
    return left.value.code or 0, capsys.readouterr()


@pytest.fixture(scope="module")
def trained(table, tmp_path_factory):
    """Train on the table, once for each target, and open the run; further words are options."""
    folder, kept = tmp_path_factory.mktemp("runs"), {}

    def train(target, *words, source=table):
        key = (target, words, source)
        if key not in kept:
            kept[key] = folder / f"run{len(kept)}"
            given = ("--target", target, "--network", "mlp", "--hidden-layer-sizes", 16, "--epochs", 12)
            given += ("--learning-rate", 0.01, "--batch-size", 16, "--run-dir", kept[key])
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(sys, "argv", ["batchwright", *map(str, ("train", source, *given, *words))])
                with pytest.raises(SystemExit) as left:
                    main()
            assert not left.value.code
        return open_run(kept[key])

    return train


@pytest.fixture(scope="module")
def explained(trained):
    """The explanation of the run of y."""
    return explain(trained("y"))


def test_of_values_the_column_that_is_used_comes_first(explained):
    found = explained
    assert found.part == "test"
    assert found.rows == 60
    assert {found.importance[0].name, found.importance[1].name} <= {"a", "twin", "sign"}
    assert {one.name for one in found.importance} == {"a", "twin", "b", "colour", "day", "sign"}
    assert tuple(sorted({found.correlated[0].first, found.correlated[0].second} & {"a", "twin"})) == ("a", "twin")
    assert found.groups[0].increase > max(one.increase for one in found.importance)
    by_column = {one.column: one for one in found.dependence}
    assert by_column["a"].answers == ("y",)
    assert np.all(np.diff(by_column["a"].mean[:, 0]) > 0)
    assert by_column["a"].span > 5 * by_column["b"].span


def test_the_loss_is_that_of_the_run_and_the_worst_rows_are_those_of_the_file(trained, explained, table):
    run, found = trained("y"), explained
    deviation = run.encoding.target.std
    assert found.loss == pytest.approx((run.metrics["test"]["rmse"] / deviation) ** 2, rel=1e-5)
    written = pl.read_csv(table)
    for row in found.worst:
        line = int(row.place.removeprefix("line "))
        assert row.cells["name"] == written["name"][line - 2]
        assert row.true == pytest.approx(written["y"][line - 2], rel=1e-5)
        assert row.loss == pytest.approx(((row.answer - row.true) / deviation) ** 2, rel=1e-3, abs=1e-6)
    assert [row.loss for row in found.worst] == sorted((row.loss for row in found.worst), reverse=True)


def test_of_classes_the_errors_are_wrong_answers(trained):
    run = trained("sign")
    found = explain(run)
    assert found.error == "share of wrong answers"
    assert found.dependence[0].answers == ("probability of plus",)
    for row in found.worst:
        assert row.probability == pytest.approx(np.exp(-row.loss), rel=1e-5)


def test_with_a_temperature_the_loss_is_that_of_the_probability(trained):
    run = trained("sign", "--calibration", "temperature")
    found = explain(run)
    assert run.load_model().model.task.temperature != 1
    assert found.loss == pytest.approx(run.metrics["test"]["log_loss"], rel=1e-5)
    for row in found.worst:
        assert row.probability == pytest.approx(np.exp(-row.loss), rel=1e-4)


def test_the_loss_of_labels_and_heads_has_their_temperature():
    """With label smoothing off, each is the mean of minus the logarithms of the probabilities that are shown."""
    rng = np.random.default_rng(0)
    outputs = rng.normal(size=(20, 5)).astype(np.float32)
    codes, labels = rng.integers(0, 3, 20), rng.integers(0, 2, (20, 5)).astype(np.float32)
    first = Classification(("a", "b", "c"), temperature=0.4)
    second = Classification(("d", "e"), temperature=2.5)
    heads = Several(names=("first", "second"), heads=(first, second))
    several = np.stack([codes, codes % 2], axis=1).astype(np.float32)
    own = log_softmax(outputs[:, :3] / 0.4, axis=1)[np.arange(20), codes]
    other = log_softmax(outputs[:, 3:] / 2.5, axis=1)[np.arange(20), codes % 2]
    assert _losses(heads, outputs, several) == pytest.approx(-(own + other) / 2, rel=1e-5)
    towards = np.where(labels > 0, outputs, -outputs) / 3.0
    task = Multilabel(tuple("abcde"), temperature=3.0)
    assert _losses(task, outputs, labels) == pytest.approx(np.log1p(np.exp(-towards)).mean(axis=1), rel=1e-5)


def test_a_loss_of_the_users_own_is_that_of_the_outputs():
    task = Classification(("a", "b"), loss=_first_output, temperature=0.5)
    outputs = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
    assert _losses(task, outputs, np.array([0, 1])).tolist() == [1.0, 3.0]


def _first_output(outputs, targets):
    del targets
    return jnp.asarray(outputs)[:, 0]


def _losses(task, outputs, targets):
    return np.asarray(task.losses(at_temperature(task, outputs), targets))


def test_several_targets_are_explained_together(trained):
    found = explain(trained("y,sign"))
    assert found.dependence[0].answers == ("y", "sign: probability of plus")
    assert found.worst[0].true[1] in ("plus", "minus")
    shown = list(explained_parts(found))[-1]
    true = list(shown.columns[1].cells)
    assert true == [f"{row.true[0]:.6g}, {row.true[1]}" for row in found.worst]


def test_the_same_seed_gives_the_same_numbers_and_other_rows_other_ones(trained, explained, table):
    run = trained("y")
    again, other = explain(run), explain(run, seed=1)
    assert explained.to_json() == again.to_json()
    assert explained.importance != other.importance
    given = explain(run, str(table))
    assert given.rows == ROWS
    assert given.part == str(table)


def test_rows_that_have_changed_are_refused(trained, table, tmp_path):
    copy = tmp_path / "copy.csv"
    copy.write_bytes(table.read_bytes())
    run = trained("y", source=copy)
    copy.write_text(copy.read_text().replace("red", "blue"))
    with pytest.raises(RunError, match="no longer those"):
        explain(run)


def test_the_command_writes_tables_whose_cells_are_no_formulas(trained, explained, capsys, monkeypatch, tmp_path):
    run = trained("y")
    code, said = command(capsys, monkeypatch, "explain", run.path, "--csv", tmp_path / "tables", "--json")
    assert code == 0
    told = json.loads(said.out)
    assert [one["columns"] for one in told["importance"]] == [list(one.columns) for one in explained.importance]
    worst = pl.read_csv(tmp_path / "tables" / "worst.csv")
    assert worst["cell_name"].str.starts_with("'=row").all()
    code, said = command(capsys, monkeypatch, "explain", run.path)
    assert "importance: by how much the loss rises" in said.out
    code, said = command(capsys, monkeypatch, "explain", run.path, "--csv", tmp_path / "tables")
    assert code == 2
    assert "exists" in said.err


def test_images_have_no_columns_but_worst_rows(capsys, monkeypatch, tmp_path):
    small = ("--network", "linear", "--epochs", 1)
    command(capsys, monkeypatch, "train", "digits", *small, "--run-dir", tmp_path / "digits")
    found = explain(open_run(tmp_path / "digits"))
    assert found.importance == ()
    assert found.worst[0].place.startswith("image ")
    assert len(found.worst) == 20


def test_places_are_where_the_encoding_puts_each_column():
    data = load({"n": [1.0, 2.0] * 20, "c": ["x", "y"] * 20, "y": [0, 1] * 20}, target="y")
    places = places_of(data.preprocessing)
    assert (places["n"].numeric, places["c"].numeric) == (range(1), range(1, 3))


def test_ranks_correlate_where_numbers_do_not():
    x = np.random.default_rng(0).normal(size=500)
    data = load({"x": x, "exp": np.exp(2 * x), "other": x[::-1], "y": x}, target="y", scaling="standard")
    pairs = correlated_pairs(data.train.inputs, places_of(data.preprocessing), ("x", "exp", "other"))
    assert [(pair.first, pair.second) for pair in pairs] == [("x", "exp")]
    assert pairs[0].correlation == pytest.approx(1.0)


def test_of_very_many_columns_the_sensitive_ones_are_measured_and_the_rest_is_said(trained, monkeypatch):
    for name, value in (("MOST_COLUMNS", 2), ("MOST_TRIED", 4), ("TRIED_COLUMNS", 3)):
        monkeypatch.setattr(f"batchwright.explanation.sampling.{name}", value)
    numbers = ("--network", "tabular", "--set", "network.numbers=piecewise_linear")
    run = trained("y", "--set", "data.kinds.sign=identifier", *numbers)
    found = explain(run)
    assert {one.name for one in found.importance} == {"a", "twin"}
    assert "of 5 columns, the 3 are tried to which the outputs are most sensitive" in found.notes[0]
    assert found.notes[0].endswith("and the other 3 columns are not measured")
    monkeypatch.setattr("batchwright.explanation.asked_model.has_sensitivity", lambda _: False)
    tried = explain(run)
    assert {one.name for one in tried.importance} == {"a", "twin"}
    assert tried.notes[0] == "of 5 columns, the 2 are looked at that change the outputs most"
