"""Several targets and sets of labels, from a file to a run and back: trained, resumed, reopened, predicted."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support
from tests.cli.conftest import batchwright  # noqa: F401  (a fixture)

import batchwright as bw
from batchwright.errors import BatchwrightError
from batchwright.findings import Finding
from batchwright.findings.inspection import OF_DATA, OF_TOLD
from batchwright.findings.told import NOTHING_TOLD
from batchwright.runs.predictions import evaluate_on
from batchwright.training.events import EpochDone
from batchwright.training.stopping import EarlyStopping

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 3))
ROWS: dict[str, Any] = {
    **{f"x{place}": column for place, column in enumerate(X.T)},
    "cold": 5 + 3 * X[:, 0] + RNG.normal(size=300),
    "far": 1000 * (X[:, 1] - X[:, 2]) + 50 * RNG.normal(size=300),
    "size": np.where(X[:, 2] + 0.2 * RNG.normal(size=300) > 0, "large", "small"),
    "tags": ["|".join(np.array(["hot", "wet"])[[x[0] > 0, x[1] > 0.3]]) for x in X],
}
TARGETS = ("cold", "far", "size", "tags")
QUICK: dict[str, Any] = {
    "network": bw.nn.Linear(),
    "optimizer": bw.optim.Adam(learning_rate=0.05),
    "epochs": 12,
    "batch_size": 32,
}
KINDS: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "numbers": (("cold", "far"), {}),
    "mixed": (("cold", "size"), {}),
    "labels": (("tags",), {"task": "multilabel"}),
}


def rows_for(*targets: str, **options: Any) -> bw.Dataset:
    inputs = {name: cells for name, cells in ROWS.items() if name not in TARGETS or name in targets}
    return bw.load(inputs, target=targets if len(targets) > 1 else targets[0], **options)


def arrays(model: Any) -> list[bytes]:
    return [np.asarray(array).tobytes() for array in jax.tree.leaves(model.variables)]


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_resumed_to_the_bit_reopened_and_evaluated(kind: str, tmp_path: Path) -> None:
    names, options = KINDS[kind]
    data = rows_for(*names, **options)
    whole = bw.fit(data, run_dir=tmp_path / "whole", **QUICK)
    events = bw.events(data, run_dir=tmp_path / "broken", checkpoints=bw.Checkpoints(iterations=5), **QUICK)
    for event in events:
        if isinstance(event, EpochDone) and event.row["epoch"] == 2:
            break
    iter(events).close()  # type: ignore[attr-defined]
    resumed = bw.resume(tmp_path / "broken", data)
    assert arrays(resumed.model) == arrays(whole.model)
    model = bw.open_run(tmp_path / "whole").load_model()
    assert arrays(model) == arrays(whole.model)
    assert model.blueprint.task == whole.model.blueprint.task
    test_rows = {name: np.asarray(ROWS[name])[data.indices.test] for name in (*data.schema.used, *names)}
    found = evaluate_on(model, test_rows).metrics
    assert found == pytest.approx(whole.test_metrics, rel=1e-6)
    assert found.keys() == {metric.name for metric in model.blueprint.task.reported}


def test_numbers_are_those_of_least_squares_each_in_its_own_unit() -> None:
    data = rows_for("cold", "far")
    trained = bw.fit(data, **(QUICK | {"epochs": 60, "early_stopping": None}))
    found = bw.predict(trained.model, {name: ROWS[name] for name in data.schema.used})
    train = data.indices.train
    for place, (name, part) in enumerate(zip(("cold", "far"), found.parts, strict=True)):
        expected = LinearRegression().fit(X[train], ROWS[name][train]).predict(X)
        np.testing.assert_allclose(part.answers, expected, atol=0.02 * ROWS[name].std())
        np.testing.assert_array_equal(found.answers[:, place], part.answers)
    assert found.frame().columns == ["predicted_cold", "predicted_far"]


def test_predictions_of_classes_beside_numbers_have_named_columns() -> None:
    trained = bw.fit(rows_for("cold", "size"), **QUICK)
    frame = bw.predict(trained.model, ROWS).frame()
    assert frame.columns == ["predicted_cold", "predicted_size", "probability_size_large", "probability_size_small"]
    assert frame["predicted_cold"].dtype == pl.Float64
    likelier = np.where(frame["probability_size_large"] > 0.5, "large", "small")
    assert frame["predicted_size"].to_list() == likelier.tolist()
    assert (frame["predicted_size"].to_numpy() == ROWS["size"]).mean() > 0.85


def test_a_row_with_several_answers_at_their_limits_counts_once() -> None:
    from batchwright.tasks import Classification, Regression
    from batchwright.tasks.several import Several

    number = Regression(lowest=(-1.0,), highest=(1.0,))
    task = Several(("a", "b", "c"), (number, Classification(("x", "y")), number))
    outputs = np.zeros((4, task.outputs), np.float32)
    outputs[:2, 0], outputs[1:3, -1] = 5.0, -5.0
    assert task.count_limited(outputs) == 3


def test_quantiles_of_each_number_have_named_columns() -> None:
    trained = bw.fit(rows_for("cold", "far"), loss="quantile", quantiles=(0.1, 0.9), **QUICK)
    frame = bw.predict(trained.model, ROWS).frame()
    levels = [f"quantile_{name}_{level}" for name in ("cold", "far") for level in (0.1, 0.9)]
    assert frame.columns == ["predicted_cold", *levels[:2], "predicted_far", *levels[2:]]
    assert (frame["quantile_far_0.1"] <= frame["quantile_far_0.9"]).all()


def test_labels_are_given_from_a_probability_on() -> None:
    data = rows_for("tags", task="multilabel")
    frame = bw.predict(bw.fit(data, threshold=0.4, **QUICK).model, ROWS).frame()
    assert frame.columns == ["predicted_tags", "probability_hot", "probability_wet"]
    pairs = zip(frame["probability_hot"], frame["probability_wet"], strict=True)
    expected = ["|".join(name for name, p in zip(("hot", "wet"), pair, strict=True) if p >= 0.4) for pair in pairs]
    assert frame["predicted_tags"].to_list() == expected
    assert np.mean(np.array(expected) == ROWS["tags"]) > 0.5


def test_training_can_stop_by_the_metric_of_one_target() -> None:
    data = rows_for("cold", "far")
    stopping = EarlyStopping(monitor="val_r2[far]", patience=3)
    trained = bw.fit(data, early_stopping=stopping, **QUICK)
    best = max(trained.history, key=lambda row: row["val_r2[far]"])
    assert trained.metrics["validation"]["r2[far]"] == pytest.approx(best["val_r2[far]"])
    with pytest.raises(BatchwrightError, match=r"unknown figure 'val_r2\[fra\]': did you mean 'val_r2\[far\]'"):
        bw.fit(data, early_stopping=EarlyStopping(monitor="val_r2[fra]", mode="max"), **QUICK)


@pytest.mark.parametrize(
    ("kind", "arguments", "said"),
    [
        ("mixed", {"class_weights": "balanced"}, "for one target of classes"),
        ("mixed", {"threshold": 0.3}, "for one target of classes"),
        ("mixed", {"metrics": ["pinbal"]}, "unknown metric 'pinbal': did you mean 'pinball'"),
        ("mixed", {"loss": "poisson"}, "for counts"),
        ("numbers", {"loss": "focal"}, "not one of a regression"),
        ("labels", {"loss": "focal"}, "allowed here: binary_cross_entropy"),
        ("labels", {"class_weights": "balanced"}, "not for labels"),
        ("labels", {"threshold": "f1"}, "for labels give a number"),
        ("labels", {"metrics": ["top_2_accuracy"]}, "unknown metric 'top_2_accuracy'"),
    ],
)
def test_what_does_not_go_with_the_targets_is_refused(kind: str, arguments: dict[str, Any], said: str) -> None:
    names, options = KINDS[kind]
    with pytest.raises(BatchwrightError, match=said):
        bw.fit(rows_for(*names, **options), **(QUICK | arguments))


def test_what_is_for_one_kind_of_target_goes_to_its_heads() -> None:
    asked = ["average_precision", "mean_absolute_percentage_error"]
    trained = bw.fit(rows_for("cold", "size"), loss="huber", label_smoothing=0.1, metrics=asked, **QUICK)
    cold, size = trained.model.blueprint.task.heads
    assert (cold.loss, size.loss, size.label_smoothing) == ("huber", "cross_entropy", 0.1)
    assert {"average_precision[size]", "mean_absolute_percentage_error[cold]"} <= trained.test_metrics.keys()


def findings_of(data: bw.Dataset) -> list[Finding]:
    of_rows = [finding for look in OF_DATA for finding in look(data)]
    return of_rows + [finding for look in OF_TOLD for finding in look(data, NOTHING_TOLD)]


def test_findings_are_those_of_each_target() -> None:
    rows = {**{name: ROWS[name] for name in ("x0", "x1", "cold")}, "told": ROWS["size"], "size": ROWS["size"]}
    data = bw.load(rows, target=("cold", "size"))
    found = findings_of(data)
    assert [finding.kind for finding in found] == ["leak"]
    assert "'size'" in found[0].evidence
    labels = rows_for("tags", task="multilabel")
    assert findings_of(labels) == []


def test_from_the_command_line(batchwright: Any, tmp_path: Path) -> None:  # noqa: F811
    table = tmp_path / "rows.csv"
    pl.DataFrame({name: cells for name, cells in ROWS.items() if name != "tags"}).write_csv(table)
    quick = ("--network", "linear", "--epochs", "3", "--learning-rate", "0.05")
    twice = batchwright("train", table, "--target", "cold", "--target", "far")
    assert twice.code == 2
    assert "--target is given 2 times: give several columns as --target cold,far." in twice.err
    answer = batchwright("train", table, "--target", "cold,far,size", *quick, "--run-dir", "run")
    assert answer.code == 0, answer.err
    assert "3 targets: a number, a number, 2 classes" in answer.err + answer.out
    predicted = pl.read_csv(batchwright("predict", "run", table).out.encode())
    assert predicted.columns[:2] == ["predicted_cold", "predicted_far"]
    by_class = batchwright("evaluate", "run", table, "--per-class")
    assert by_class.code == 0, by_class.err
    assert "target size" in by_class.out
    assert "true / answered" in by_class.out


def test_how_well_each_class_and_each_label_is_told(batchwright: Any, tmp_path: Path) -> None:  # noqa: F811
    trained = bw.fit(rows_for("tags", task="multilabel"), run_dir=tmp_path / "labels", **QUICK)
    labels = trained.model
    given = bw.predict(labels, ROWS).frame()["predicted_tags"].to_list()
    found = evaluate_on(labels, ROWS).by_target
    assert list(found) == ["hot", "wet"]
    for name, one in found.items():
        true, said = ([name in tags.split("|") for tags in column] for column in (ROWS["tags"], given))
        expected = precision_recall_fscore_support(true, said, average="binary")
        assert [one.precision[1], one.recall[1], one.f1[1]] == pytest.approx(list(expected[:3])), name
        assert one.weight[1] == sum(true)
    kept = bw.open_run(tmp_path / "labels").by_target("test")
    assert list(kept) == ["hot", "wet"]
    for name, one in trained.by_target["test"].items():
        np.testing.assert_array_equal(kept[name].confusion, one.confusion)
        assert kept[name].weight.sum() == len(trained.prepared.dataset.indices.test)
    assert bw.open_run(tmp_path / "labels").per_class("test") is None
    assert "label" in batchwright("report", tmp_path / "labels").out
    several = bw.fit(rows_for("cold", "size"), run_dir=tmp_path / "numbers", **QUICK).model
    assert "target size" in batchwright("report", tmp_path / "numbers").out
    sizes = bw.predict(several, ROWS).frame()["predicted_size"].to_list()
    matrix = evaluate_on(several, ROWS).by_target["size"].confusion
    np.testing.assert_array_equal(matrix, confusion_matrix(ROWS["size"], sizes, labels=["large", "small"]))
    pl.DataFrame(ROWS).write_csv(tmp_path / "rows.csv")
    run = bw.open_run(tmp_path / "numbers")
    test = {name: [ROWS[name][row] for row in run.indices().test] for name in ROWS}
    answers = bw.predict(several, test).frame()["predicted_size"].to_list()
    expected = confusion_matrix(test["size"], answers, labels=["large", "small"])
    np.testing.assert_array_equal(run.by_target()["size"].confusion, expected)
    for strange, said in {"size": "does not fit the classes", "x0": "'x0', which is no target of the run"}.items():
        damaged = replace(run, manifest=replace(run.manifest, confusion_by_target={"test": {strange: [[1.0]]}}))
        with pytest.raises(BatchwrightError, match=said):
            damaged.by_target()
    answer = batchwright("evaluate", tmp_path / "labels", tmp_path / "rows.csv", "--per-class")
    assert answer.code == 0, answer.err
    assert answer.out.split("label ")[1].split()[:4] == ["precision", "recall", "f1", "weight"]
    bw.fit(rows_for("cold", "far"), run_dir=tmp_path / "none", **QUICK)
    refused = batchwright("evaluate", tmp_path / "none", tmp_path / "rows.csv", "--per-class")
    assert refused.code == 2
    assert "is for a model that tells classes or labels apart" in refused.err
