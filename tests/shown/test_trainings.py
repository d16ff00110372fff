"""A training and its run show the same; what they show is what scikit-learn and NumPy find in the rows."""

import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import confusion_matrix, f1_score
from tests.figures.drawing import dots, mapping, parse, words
from tests.shown.test_notebook import HOSTILE, assert_harmless

import batchwright as bw
from batchwright.config import load_config
from batchwright.data.disk import budget
from batchwright.errors import UsageError
from batchwright.workflow import train

ROWS = 300


@pytest.fixture(scope="module")
def table() -> dict[str, np.ndarray]:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(ROWS, 3))
    kinds = np.array(["low", HOSTILE, "high"])[np.digitize(x[:, 0] + draw.normal(0, 0.5, ROWS), (-0.5, 0.5))]
    return {"a": x[:, 0], HOSTILE: x[:, 1], "c": x[:, 2], "kind": kinds, "value": 50 + 10 * (x @ [1.0, -2.0, 0.5])}


@pytest.fixture(scope="module")
def of_classes(table: dict[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> bw.Trained:
    data = bw.load({name: table[name] for name in ("a", HOSTILE, "c", "kind")}, target="kind")
    folder = tmp_path_factory.mktemp("classes") / "run"
    return bw.fit(data, network=bw.nn.MLP((8,)), epochs=4, batch_size=16, run_dir=folder)


@pytest.fixture(scope="module")
def of_values(table: dict[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> bw.Trained:
    data = bw.load({name: table[name] for name in ("a", HOSTILE, "c", "value")}, target="value")
    folder = tmp_path_factory.mktemp("values") / "run"
    return bw.fit(data, network=bw.nn.Linear(), epochs=3, batch_size=16, run_dir=folder)


def test_the_names_of_the_figures_are_those_of_the_documentation(of_classes: bw.Trained, of_values: bw.Trained) -> None:
    history = ("curves", "gap", "metric", "learning_rate", "layers", "updates")
    assert of_classes.figures == (*history, "dead", "confusion", "classes", "seconds")
    assert of_values.figures == (*history, "seconds", "predictions", "residuals")


def test_every_figure_is_well_formed_and_harmless(of_classes: bw.Trained, of_values: bw.Trained) -> None:
    for trained in (of_classes, of_values):
        for name in trained.figures:
            figure = trained.figure(name)
            parse(figure)
            assert_harmless(figure.text)
            assert len(figure.text) < 60_000
        assert_harmless(trained._repr_html_())
        assert len(trained._repr_html_()) < 40_000


def test_the_run_shows_what_the_training_showed(of_classes: bw.Trained) -> None:
    assert of_classes.run is not None
    run = bw.open_run(of_classes.run.path)
    assert run.figures == of_classes.figures
    for name in set(run.figures) - {"seconds"}:
        assert run.figure(name).text == of_classes.figure(name).text
    for name, frame in run.frames().items():
        if name != "seconds":
            assert frame.equals(of_classes.frame(name)), name
    assert_harmless(run._repr_html_())
    with pytest.raises(UsageError, match="batchwright plot"):
        run.figure("predictions")


def test_the_tables_are_what_they_were_made_from(of_classes: bw.Trained, table: dict[str, np.ndarray]) -> None:
    history = of_classes.frame()
    plain = [{name: cell for name, cell in row.items() if "/" not in name} for row in of_classes.history]
    assert history.to_dicts() == plain
    for epoch, layer, figure, value in of_classes.frame("layers").iter_rows():
        assert value == pytest.approx(of_classes.history[epoch - 1][f"layers/{layer}/{figure}"], nan_ok=True)
    assert of_classes.frame("layers").height == sum("/" in name for row in of_classes.history for name in row)
    for name, *values in of_classes.frame("metrics").select("metric", "train", "validation", "test").iter_rows():
        assert values == [of_classes.metrics[part][name] for part in ("train", "validation", "test")]
    settings = dict(of_classes.frame("settings").select("setting", "chosen_by").iter_rows())
    assert settings["training.epochs"] == "user" and settings["schedule.name"] in ("default", "user")
    assert settings.keys() == of_classes.prepared.settings.values.keys()


def test_classes_are_counted_as_scikit_learn_does(of_classes: bw.Trained, table: dict[str, np.ndarray]) -> None:
    test = of_classes.prepared.dataset.indices.test
    rows = {name: table[name][test] for name in ("a", HOSTILE, "c")}
    answers, names = of_classes.predict(rows).answers, list(of_classes.prepared.dataset.target.classes)
    expected = confusion_matrix(table["kind"][test], answers, labels=names)
    found = np.zeros_like(expected)
    for true, answered, weight in (
        of_classes.frame("confusion").filter(pl.col("part") == "test").select("true", "answered", "weight").iter_rows()
    ):
        found[names.index(true), names.index(answered)] = weight
    assert found.tolist() == expected.tolist()
    by_class = of_classes.frame("classes").filter(pl.col("part") == "test")
    assert by_class["class"].to_list() == names
    assert by_class["f1"].to_list() == pytest.approx(f1_score(table["kind"][test], answers, labels=names, average=None))
    drawn = [int(word) for word in words(of_classes.figure("confusion")) if word.isdigit()]
    assert sorted(filter(None, drawn)) == sorted(filter(None, expected.ravel().tolist()))


def test_predicted_numbers_are_drawn_in_their_own_unit(of_values: bw.Trained, table: dict[str, np.ndarray]) -> None:
    test = of_values.prepared.dataset.indices.test
    predicted = of_values.predict({name: table[name][test] for name in ("a", HOSTILE, "c")}).answers
    figure = of_values.figure("predictions")
    found = dots(figure, "s0")
    expected = np.stack([mapping(figure, "x")(table["value"][test]), mapping(figure, "y")(predicted)], axis=1)
    assert found[np.lexsort(found.T)] == pytest.approx(expected[np.lexsort(expected.T)], abs=0.3)


def test_several_targets_have_figures_of_their_own(table: dict[str, np.ndarray]) -> None:
    twice = {"a": table["a"], "value": table["value"], "other value": -table["value"], "kind": table["kind"]}
    data = bw.load({name: twice[name] for name in ("a", "value", "other value")}, target=["value", "other value"])
    trained = bw.fit(data, network=bw.nn.Linear(), epochs=1)
    assert {"predictions value", "predictions other value", "residuals value"} <= set(trained.figures)
    data = bw.load({name: twice[name] for name in ("a", "value", "kind")}, target=["value", "kind"])
    trained = bw.fit(data, network=bw.nn.Linear(), epochs=1)
    assert {"confusion kind", "classes kind"} <= set(trained.figures)
    assert "predictions value" not in trained.figures
    assert set(trained.frame("classes")["target"]) == {"kind"}


def test_a_damaged_run_says_so_in_a_notebook(of_values: bw.Trained, tmp_path: Path) -> None:
    assert of_values.run is not None
    copy = tmp_path / "copy"
    shutil.copytree(of_values.run.path, copy)
    (copy / "history.jsonl").write_text("{}\n", encoding="utf-8")
    page = bw.open_run(copy)._repr_html_()
    assert "is damaged" in page
    assert_harmless(page)


def test_rows_show_what_is_predicted(table: dict[str, np.ndarray]) -> None:
    data = bw.load(table, target="kind")
    assert data.figures == ("target", "columns")
    kinds, counts = np.unique(table["kind"][data.indices.train], return_counts=True)
    found = data.frame("target").filter(pl.col("part") == "train")
    assert dict(found.select("class", "rows").iter_rows()) == dict(zip(kinds.tolist(), counts.tolist(), strict=True))
    assert {str(count) for count in counts.tolist()} <= set(words(data.figure("target")))
    train = data.indices.train
    numbers = np.corrcoef([table["a"][train], table[HOSTILE][train]])[0, 1]
    drawn = [word.replace("−", "-") for word in words(data.figure("columns"))]
    assert any(word == f"{numbers:.3g}" for word in drawn)
    assert_harmless(data._repr_html_())
    data = bw.load(table, target="value")
    values = table["value"][data.indices.train]
    assert data.frame("target").row(0)[:4] == ("value", "train", None, len(values))
    assert data.frame("target").row(0)[4:] == pytest.approx(
        (values.mean(), values.std(), values.min(), values.max()), abs=1e-4
    )


def test_rows_on_the_disk_are_drawn_too(
    table: dict[str, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(budget, "RUNTIME_BYTES", 10**13)
    path = tmp_path / "rows.parquet"
    pl.DataFrame({"a": table["a"], "c": table["c"], "value": table["value"]}).write_parquet(path)
    same = {"data.source": str(path), "data.target": "value", "data.memory_limit": "1000GB"}
    chosen = same | {"network.name": "linear", "training.epochs": "2", "training.batch_size": "16"}
    settings = load_config(None, [(key, value, key) for key, value in chosen.items()])
    trained = next(event for event in train(settings, record=False) if isinstance(event, bw.Trained))
    data = trained.prepared.dataset
    assert data.memory_limit is not None, "they are memory maps"
    true = data.target.decode(np.array(data.train.targets, np.float64))
    assert data.frame("target")["mean"][0] == pytest.approx(true.mean())
    for drawn in (data.figure("target"), data.figure("columns"), trained.figure("residuals")):
        parse(drawn)
    test = data.indices.test
    figure = trained.figure("predictions")
    predicted = trained.predict({"a": table["a"][test], "c": table["c"][test]}).answers
    assert np.sort(dots(figure, "s0")[:, 1]) == pytest.approx(np.sort(mapping(figure, "y")(predicted)), abs=0.3)
