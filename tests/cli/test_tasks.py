"""Losses, metrics, thresholds and figures by class, from the command line to the run and back."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, precision_recall_fscore_support
from tests.cli.conftest import Batchwright

from batchwright.runs.run import open_run

QUICK = ("--network", "linear", "--epochs", "30", "--batch-size", "32", "--learning-rate", "0.05")


@pytest.fixture
def counts(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    x = generator.uniform(0, 2, (600, 2))
    frame = pl.DataFrame({"x": x[:, 0], "z": x[:, 1], "calls": generator.poisson(np.exp(x[:, 0]))})
    frame.write_csv(tmp_path / "calls.csv")
    return tmp_path / "calls.csv"


@pytest.fixture
def rare(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(800, 2))
    label = np.where(x[:, 0] + 0.5 * generator.normal(size=800) > 1.3, "yes", "no")
    pl.DataFrame({"x": x[:, 0], "z": x[:, 1], "label": label}).write_csv(tmp_path / "rare.csv")
    return tmp_path / "rare.csv"


def test_counts_by_their_logarithm(batchwright: Batchwright, counts: Path) -> None:
    words = ("--target", "calls", "--task", "regression", "--loss", "poisson", *QUICK)
    answer = batchwright("train", counts, *words, "--set", "task.metrics=[mean_poisson_deviance]", "--run-dir", "run")
    assert answer.code == 0, answer.err
    test = open_run("run").metrics["test"]
    assert test["mean_poisson_deviance"] < 1.5
    predicted = pl.read_csv(batchwright("predict", "run", counts).out.encode())["predicted_calls"].to_numpy()
    rows = pl.read_csv(counts)
    assert (predicted > 0).all()
    slope = np.polyfit(rows["x"].to_numpy(), np.log(predicted), 1)[0]
    assert slope == pytest.approx(1.0, abs=0.15), "the logarithm of the mean is that of the rows"


def test_counts_below_zero_are_refused(batchwright: Batchwright, tmp_path: Path, counts: Path) -> None:
    frame = pl.read_csv(counts).with_columns(calls=pl.col("calls") - 4)
    frame.write_csv(tmp_path / "below.csv")
    answer = batchwright("train", "below.csv", "--target", "calls", "--task", "regression", "--loss", "poisson")
    assert answer.code == 2 and "the loss poisson is for counts" in answer.err and "goes down to -4" in answer.err


def test_quantiles_are_columns_of_the_predictions_and_cover(batchwright: Batchwright, counts: Path) -> None:
    words = ("--target", "x", "--loss", "quantile", "--set", "task.quantiles=[0.1, 0.25, 0.9]", *QUICK)
    answer = batchwright("train", counts, *words, "--set", "task.metrics=[pinball, coverage]", "--run-dir", "run")
    assert answer.code == 0, answer.err
    frame = pl.read_csv(batchwright("predict", "run", counts).out.encode())
    assert frame.columns == ["predicted_x", "quantile_0.1", "quantile_0.25", "quantile_0.9"]
    low, middle, high = (frame[name].to_numpy() for name in frame.columns[1:])
    assert (low <= middle).all() and (middle <= high).all() and (frame["predicted_x"] == middle).all()
    x = pl.read_csv(counts)["x"].to_numpy()
    assert np.mean((low <= x) & (x <= high)) == pytest.approx(0.8, abs=0.08)
    assert open_run("run").metrics["test"]["coverage"] == pytest.approx(0.8, abs=0.15)


def test_a_threshold_is_chosen_kept_and_used(batchwright: Batchwright, rare: Path) -> None:
    words = ("--target", "label", *QUICK, "--json")
    plain = json.loads(batchwright("train", rare, *words, "--run-dir", "plain").out)
    chosen = json.loads(
        batchwright("train", rare, *words, "--set", "task.threshold=balanced_accuracy", "--run-dir", "run").out
    )
    threshold = open_run("run").load_model().model.task.threshold  # type: ignore[attr-defined]
    assert 0 < threshold < 0.4
    assert chosen["validation"]["balanced_accuracy"] > plain["validation"]["balanced_accuracy"] + 0.05
    frame = pl.read_csv(batchwright("predict", "run", rare).out.encode())
    answers = frame["predicted_label"].to_numpy()
    assert ((frame["probability_yes"].to_numpy() >= threshold) == (answers == "yes")).all()
    labels = pl.read_csv(rare)["label"].to_numpy()
    found = json.loads(batchwright("evaluate", "run", rare, "--json").out)["metrics"]
    assert found["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(labels, answers))


def test_figures_by_class_are_those_of_scikit_learn(batchwright: Batchwright, rare: Path) -> None:
    assert batchwright("train", rare, "--target", "label", *QUICK, "--run-dir", "run").code == 0
    labels = pl.read_csv(rare)["label"].to_numpy()
    answers = pl.read_csv(batchwright("predict", "run", rare).out.encode())["predicted_label"].to_numpy()
    found = json.loads(batchwright("evaluate", "run", rare, "--per-class", "--json").out)["per_class"]
    assert found["confusion"] == confusion_matrix(labels, answers).tolist()
    expected = precision_recall_fscore_support(labels, answers)
    for place, name in enumerate(("no", "yes")):
        figures = found["classes"][name]
        assert [figures[key] for key in ("precision", "recall", "f1", "weight")] == pytest.approx(
            [float(column[place]) for column in expected]
        )
    shown = batchwright("evaluate", "run", rare, "--per-class").out
    assert "precision" in shown and "true / answered" in shown
    assert "precision" not in batchwright("evaluate", "run", rare).out
    kept = open_run("run").per_class("test")
    assert kept is not None and kept.confusion.sum() == 120
    assert "precision" in batchwright("report", "run").out


def test_figures_by_class_of_numbers_are_refused(batchwright: Batchwright, counts: Path) -> None:
    batchwright("train", counts, "--target", "x", *QUICK, "--run-dir", "run")
    answer = batchwright("evaluate", "run", counts, "--per-class")
    assert answer.code == 2 and "--per-class is for a model that tells classes or labels apart" in answer.err


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (("--set", "task.threshold=f1", "--validation-split", "0"), "is chosen on validation rows"),
        (("--set", "task.threshold=1.5"), "task.threshold: must be"),
        (("--set", "task.metrics=[acuracy]"), "did you mean 'accuracy'"),
        (("--set", "task.metrics=[pinball]"), "unknown metric 'pinball'"),
        (("--loss", "focal", "--label-smoothing", "0.1"), "label_smoothing is for cross_entropy"),
        (("--loss", "poisson"), "poisson"),
    ],
)
def test_what_does_not_go_together_is_said(
    batchwright: Batchwright, rare: Path, settings: tuple[str, ...], said: str
) -> None:
    answer = batchwright("train", rare, "--target", "label", *settings, "--run-dir", "run")
    assert answer.code == 2 and said in answer.err, answer.err
    assert not Path("run").exists()


def test_early_stopping_goes_by_a_metric_that_was_asked_for(batchwright: Batchwright, rare: Path) -> None:
    settings = ("--set", "task.metrics=[average_precision]", "--early-stopping",
                "{monitor: val_average_precision, patience: 3}")  # fmt: skip
    answer = batchwright("train", rare, "--target", "label", *QUICK, *settings, "--run-dir", "run")
    assert answer.code == 0, answer.err
    history = open_run("run").history
    scores = [row["val_average_precision"] for row in history]
    best = scores.index(max(scores))
    assert len(history) in (30, best + 1 + 3)
