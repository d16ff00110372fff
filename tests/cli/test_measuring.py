"""The verbs that measure, and `auto`."""

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import batchwright as bw
from batchwright.cli.show.measurements import curve
from batchwright.config import load_config
from batchwright.runs.run import open_run
from batchwright.workflow.budget import budget

pytestmark = pytest.mark.slow

SMALL = ("--network", "mlp", "--hidden-layer-sizes", "8")


def test_find_batch_size_prints_what_it_found(batchwright) -> None:
    told = json.loads(batchwright("find-batch-size", "iris", *SMALL, "--json").out)
    assert set(told) >= {
        "recommended",
        "interval",
        "reason",
        "noise_scale",
        "seconds_per_iteration",
        "table",
        "rescaled",
    }
    assert set(told["noise_scale"]) == {"value", "low", "high"}
    assert {"fixed", "per_row"} <= set(told["seconds_per_iteration"])
    row = {"batch_size", "iterations_per_epoch", "rows_per_second", "memory_bytes", "relative_time", "efficiency"}
    assert set(told["table"][0]) == row
    assert told["recommended"] == min(told["table"], key=lambda row: row["relative_time"])["batch_size"]
    assert not Path("runs").exists(), "nothing is written"
    said = batchwright("find-batch-size", "iris", *SMALL, "--verify").out
    assert "→" in said
    assert "to a validation loss of" in said
    assert "as recommended," in said or "does not hold here" in said
    assert "noise scale" in said


def test_find_learning_rate_prints_and_draws(batchwright, tmp_path: Path) -> None:
    answer = batchwright("find-learning-rate", "iris", *SMALL, "--figure", "rates.svg", "--json")
    told = json.loads(answer.out)
    assert set(told) >= {"best", "interval", "largest_stable", "table", "seconds"}
    assert set(told["table"][0]) >= {"learning_rate", "loss", "diverged"}
    assert told["interval"][0] < told["best"] < told["interval"][1]
    drawing = ElementTree.parse(tmp_path / "rates.svg")
    settled = [row for row in told["table"] if not row["diverged"]]
    dots = "".join(path.get("d", "") for path in drawing.findall(".//{*}svg//{*}path")).count("a3 3 0 1 0 6 0")
    assert dots == len(settled), "a dot for every rate that did not diverge"
    assert "exists already" in batchwright("find-learning-rate", "iris", *SMALL, "--figure", "rates.svg").err
    said = batchwright("find-learning-rate", "iris", *SMALL).out
    assert "largest stable rate" in said
    assert "too small," in said


def test_check_foretells_and_finds(batchwright) -> None:
    few = (*SMALL, "--epochs", 20, "--batch-size", 64)
    told = json.loads(batchwright("check", "iris", *few, "--json").out)
    assert told["seconds"]["total"] == pytest.approx(20 * told["seconds"]["epoch"])
    assert {finding["kind"] for finding in told["findings"]} == {"few updates", "few rows", "large batch"}
    assert set(told["findings"][0]) == {"kind", "severity", "evidence", "advice", "changes"}
    said = batchwright("check", "iris", *few, "--learning-rate", "1000", "--measure").out
    assert "warning: few updates" in said
    assert "times the highest of the useful range" in said


def test_check_fails_where_training_would_be_meaningless(batchwright, table: Path) -> None:
    """The test rows are those that are trained on."""
    answer = batchwright("check", table, "--target", "bought", "--test", table, *SMALL)
    assert answer.code == 1
    assert "error: shared rows" in answer.out


def test_auto_is_measured_recorded_with_its_evidence_and_not_measured_again(batchwright, tmp_path: Path) -> None:
    words = ("--learning-rate", "auto", "--batch-size", "auto", "--epochs", "auto")
    answer = batchwright("train", "digits", *SMALL, *words, "--max-time", 1, "--run-dir", "run", "--json")
    assert answer.code == 0, answer.err
    told = json.loads(answer.out)
    assert told["seconds"]["measure"] > 0
    assert {"kind", "turned_at", "reason"} == set(told["verdict"])
    run = open_run(tmp_path / "run")
    evidence = json.loads((tmp_path / "run" / "evidence.json").read_text())
    for key in ("optimizer.learning_rate", "training.batch_size", "training.epochs"):
        assert run.settings[key].origin == "measured"
        assert run.settings[key].evidence == f"evidence.json#{key}"
        assert told["settings"][key]["origin"] == "measured"
    assert {"best", "table"} <= set(evidence["optimizer.learning_rate"]), "kept where the batch size rescales it"
    assert run.settings["training.batch_size"].value == evidence["training.batch_size"]["recommended"]
    assert "evidence.json" in run.manifest.files
    reported = json.loads(batchwright("report", "run", "--json").out)["settings"]
    assert reported["training.batch_size"]["evidence"] == evidence["training.batch_size"]
    assert reported["training.batch_size"]["file"] == "evidence.json#training.batch_size"
    assert reported["training.seed"] == {"value": 0, "origin": "default"}
    said = " ".join(batchwright("report", "run").out.split())
    assert f"training.batch_size {run.settings['training.batch_size'].value} measurement above" in said
    assert "training.max_time 1.0 you" in said and "training.seed" not in said
    again = load_config(tmp_path / "run" / "config.yaml")
    assert again.to_measure == ()
    assert again.config.training.batch_size == run.settings["training.batch_size"].value
    assert again.config.schedule.name == "reduce_on_plateau"


def test_numbers_of_the_user_are_not_rescaled() -> None:
    data = bw.load("digits")
    chosen = bw.optim.Adam(beta_1=0.5)
    trained = bw.fit(data, network=bw.nn.MLP((8,)), optimizer=chosen, batch_size="auto", epochs=1)
    optimizer = trained.prepared.settings.config.optimizer
    assert optimizer.beta_1 == 0.5
    assert trained.prepared.settings.origins["training.batch_size"] == "measured"
    size, usual = trained.prepared.plan.batch_size, budget(data.train.rows).batch_size
    if size != usual:
        assert trained.prepared.settings.origins["optimizer.learning_rate"] == "measured"
        assert optimizer.learning_rate == pytest.approx(0.001 * np.sqrt(size / usual), rel=0.01)


def test_epochs_auto_needs_something_to_go_by(batchwright) -> None:
    answer = batchwright("train", "iris", *SMALL, "--epochs", "auto", "--validation-split", 0)
    assert answer.code == 2
    assert "needs the validation loss" in answer.err
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("training.precision", ("compare", "iris", "--precision", "auto", "--vary", "optimizer.name")),
        ("training.precision", ("compare", "iris", "--vary", "training.precision=[float32, auto]")),
        ("training.precision", ("search", "iris", "--precision", "auto", "--trials", "2")),
        ("training.precision", ("search", "iris", "--set", "training.precision={choice: [auto, float32]}")),
        ("training.batch_size", ("compare", "iris", "--batch-size", "auto", "--vary", "optimizer.name")),
        ("training.epochs", ("compare", "iris", "--epochs", "auto")),
        ("optimizer.learning_rate", ("compare", "iris", "--learning-rate", "auto")),
    ],
)
def test_where_networks_are_compared_auto_is_refused(batchwright, key: str, words: tuple[str, ...]) -> None:
    answer = batchwright(*words)
    assert answer.code == 2
    assert f"{key}: auto is measured before a single training" in answer.err


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), min_size=1, max_size=300))
def test_any_losses_can_be_shown_as_a_curve(losses: list[float]) -> None:
    assert 1 <= len(curve(losses)) <= 40


@pytest.mark.parametrize("rows", [10, 30])
def test_auto_with_too_few_rows_to_measure_is_the_default_and_says_so(batchwright, tmp_path: Path, rows: int) -> None:
    (tmp_path / "t.csv").write_text("x,y\n" + "".join(f"{row},{2 * row + 0.5}\n" for row in range(rows)))
    words = (*SMALL, "--learning-rate", "auto", "--batch-size", "auto", "--epochs", "auto", "--max-time", 1)
    answer = batchwright("train", "t.csv", "--target", "y", *words, "--run-dir", "run", "--json")
    assert answer.code == 0, answer.err
    told = json.loads(answer.out)
    size = {10: told["plan"]["training_rows"], 30: 10}[rows]
    assert f"batch size {size} is the default, not measured: " in answer.err
    told = told["settings"]["training.batch_size"]
    assert (told["value"], told["origin"]) == (size, "default")
    assert (
        "not measured" in json.loads((tmp_path / "run" / "evidence.json").read_text())["training.batch_size"]["reason"]
    )
    assert ("learning rate 0.001 is the default" in answer.err) == (rows == 10)
