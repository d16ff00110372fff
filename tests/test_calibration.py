"""Temperature, intervals and sets in runs: recorded, resumed, opened again, in Python and in the terminal."""

import csv
import io
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import polars as pl
import pytest
from tests.cli.conftest import Batchwright, batchwright  # noqa: F401
from tests.runs.conftest import forged

import batchwright as bw
from batchwright import workflow
from batchwright.config import load_config
from batchwright.config.sections import NUMBERS
from batchwright.errors import ConfigError, InterruptedRunError, RunError, UsageError
from batchwright.runs.manifest import CONFORMAL, MODEL, read_manifest
from batchwright.runs.predictions import evaluate_on
from batchwright.runs.run import Run, open_run
from batchwright.workflow.finishing import chosen_in_training

ROWS = 600


def table(seed: int = 0, rows: int = ROWS) -> pl.DataFrame:
    """Noisy classes, which a network without early stopping learns by heart, and a number."""
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(rows, 4))
    sound = np.where(x[:, 0] + x[:, 1] > 0, "yes", "no")
    kind = np.where(draw.random(rows) < 0.25, np.where(sound == "yes", "no", "yes"), sound)
    price = 10 + 3 * x[:, 0] + draw.normal(size=rows) * (0.2 + np.abs(x[:, 1]))
    when = [f"2020-01-01T{row // 60:02}:{row % 60:02}" for row in range(rows)]
    return pl.DataFrame({**dict(zip("abcd", x.T, strict=True)), "kind": kind, "price": price, "when": when})


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., object]:
    """Settings of a training on a file of the table, as the command line makes them."""
    source = tmp_path_factory.mktemp("rows") / "rows.csv"
    table().write_csv(source)

    def make(**changes: object) -> object:
        values = {
            "data.source": str(source),
            "data.kinds": "{when: identifier, price: identifier}",
            "data.target": "kind",
            "network.name": "mlp",
            "network.hidden_layer_sizes": "[64, 64]",
            "network.batch_normalization": "false",
            "data.validation_split": 0.4,
            "optimizer.learning_rate": 0.01,
            "training.epochs": 60,
            "training.batch_size": 32,
            "training.diagnostics": "false",
            "training.early_stopping": "null",
            **{key.replace("__", "."): value for key, value in changes.items()},
        }
        return load_config(None, [(key, str(value), key) for key, value in values.items()])

    return make


@pytest.fixture(scope="module")
def run(settings: Callable[..., object], tmp_path_factory: pytest.TempPathFactory) -> Run:
    place = tmp_path_factory.mktemp("overfitted") / "run"
    *_, trained = workflow.train(settings(), run_dir=place)
    return trained.run


@pytest.fixture(scope="module")
def of_numbers(settings: Callable[..., object], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of a number, split by time."""
    place = tmp_path_factory.mktemp("numbers") / "run"
    kinds = {"data__kinds": "{kind: identifier}", "data__target": "price", "data__time": "when"}
    stopping = {"training__early_stopping": "{patience: 5}"}
    *_, trained = workflow.train(settings(**kinds, **stopping), run_dir=place)
    return trained.run


def test_an_overfitted_network_is_made_less_sure_and_the_history_is_not(
    run: Run, settings: Callable[..., object], tmp_path: Path
) -> None:
    *_, raw = workflow.train(settings(task__calibration="none"), run_dir=tmp_path / "raw")
    task = run.load_model().model.task
    assert isinstance(task, bw.tasks.Classification)
    assert task.temperature > 1.5
    (said,) = [remark for remark in run.manifest.remarks if "temperature" in remark]
    assert said.startswith(f"probabilities are made less sure with the temperature {task.temperature:.3f}, found on")
    assert run.settings["task.calibration"].value == "auto"
    drop = ("seconds",)
    bare = [[{k: v for k, v in row.items() if k not in drop} for row in one.history] for one in (run, raw)]
    assert bare[0] == bare[1]
    for part in ("validation", "test"):
        calibrated, plain = run.metrics[part], raw.metrics[part]
        assert calibrated["log_loss"] < plain["log_loss"] - 0.05
        assert calibrated["calibration_error"] < plain["calibration_error"]
        for name in ("loss", "accuracy", "roc_auc"):
            assert calibrated[name] == pytest.approx(plain[name], rel=1e-9)
    new = table(1)
    scaled, unscaled = bw.predict(run, new), raw.predict(new)
    assert scaled.answers.tolist() == unscaled.answers.tolist()
    odds = [np.log(found.probabilities[:, 1] / found.probabilities[:, 0]) for found in (scaled, unscaled)]
    np.testing.assert_allclose(odds[0] * task.temperature, odds[1], rtol=1e-6)


def test_a_run_that_was_interrupted_ends_with_the_same_temperature_and_scores(
    run: Run, settings: Callable[..., object], tmp_path: Path
) -> None:
    asked = iter([False, True, True, True])
    with pytest.raises(InterruptedRunError):
        list(workflow.train(settings(), run_dir=tmp_path / "part", interrupted=lambda: next(asked)))
    assert CONFORMAL in open_run(tmp_path / "part").manifest.files
    *_, trained = workflow.resume(tmp_path / "part")
    assert trained.metrics == run.metrics
    for name in (MODEL, CONFORMAL):
        assert trained.run.read(name) == run.read(name)


def test_sets_and_intervals_in_python(run: Run, of_numbers: Run) -> None:
    new = table(1, 400)
    found = bw.predict(run, new, interval=0.8)
    assert found.frame().columns == ["predicted_kind", "probability_no", "probability_yes", "set_kind"]
    assert found.sets is not None
    assert set(found.frame()["set_kind"]) <= {"no", "yes", "no|yes"}
    answers = np.array([found.classes.index(name) for name in found.answers])
    assert found.sets[np.arange(400), answers].all()
    assert bw.predict(run, new).sets is None

    values = bw.predict(of_numbers, new, interval=0.8)
    assert values.lower is not None
    assert values.upper is not None
    assert values.frame().columns == ["predicted_price", "lower_price", "upper_price"]
    prices = new["price"].to_numpy()
    share = ((values.lower <= prices) & (prices <= values.upper)).mean()
    assert 0.7 < share < 0.95
    assert any("split by time" in note for note in values.notes)
    assert any("also chose the epoch of the training" in note for note in values.notes)
    assert not any("also chose the epoch" in note for note in found.notes), "no epoch was chosen"
    assert any("also chose the temperature" in note for note in found.notes)

    odd = new.head(3).with_columns(a=pl.Series(["0.1", "tall", "0.3"]))
    dropped = bw.predict(run, odd, on_bad_rows="drop", interval=0.8).frame()
    assert dropped["set_kind"].is_null().to_list() == [False, True, False]
    dropped = bw.predict(of_numbers, odd, on_bad_rows="drop", interval=0.8).frame()
    assert dropped["lower_price"].is_null().to_list() == [False, True, False]


def test_all_that_validation_rows_chose_is_counted(settings: Callable[..., object]) -> None:
    prepared = workflow.prepare(settings())
    assert not list(chosen_in_training(prepared))
    stopping = bw.EarlyStopping(patience=3, restore_best=False)
    job = replace(prepared.job, early_stopping=stopping, schedule=bw.optim.ReduceOnPlateau())
    tried = replace(prepared.settings, origins={**prepared.settings.origins, NUMBERS: "measured"})
    found = list(chosen_in_training(replace(prepared, job=job, settings=tried)))
    assert found == ["settings", "learning rates", "epoch"]


def test_each_of_several_targets_has_its_own() -> None:
    rows = table().drop("when")
    trained = bw.fit(bw.load(rows, target=["price", "kind"]), network=bw.nn.MLP((4,)), epochs=2, diagnostics=False)
    found = trained.predict(rows, interval=0.9)
    assert {"lower_price", "upper_price", "set_kind"} < set(found.frame().columns)
    of_price, of_kind = trained.coverage(table(1).drop("when"), interval=0.9)
    assert (of_price.target, of_price.of_classes, of_kind.target, of_kind.of_classes) == ("price", False, "kind", True)
    for one in (of_price, of_kind):
        assert one.coverage_low < one.coverage < one.coverage_high
        assert 0.8 < one.coverage <= 1.0


def test_coverage_takes_weights_and_leaves_bad_rows_out_and_non_finite_answers_are_told() -> None:
    rows = table().drop("when", "kind").with_columns(w=pl.Series(np.arange(ROWS) % 2))
    data = bw.load(rows, target="price", kinds={"w": "identifier"})
    trained = bw.fit(data, network=bw.nn.MLP((4,)), epochs=2, diagnostics=False)
    (every,) = trained.coverage(rows.filter(pl.col("w") == 1))
    (weighted,) = trained.coverage(rows, weights="w")
    assert weighted.coverage == pytest.approx(every.coverage)
    odd = rows.with_columns(a=pl.Series(["tall", *map(str, rows["a"][1:])]))
    assert trained.coverage(odd, on_bad_rows="drop") == trained.coverage(rows[1:])
    broken = jax.tree.map(lambda array: array * np.nan, trained.model.variables)
    model = replace(trained.model, variables=broken)
    assert evaluate_on(model, rows).intervals == ()
    with pytest.raises(UsageError, match="does not answer 600 of 600 rows with finite numbers"):
        evaluate_on(model, rows, interval=0.9)


def test_in_the_terminal(run: Run, of_numbers: Run, batchwright: Batchwright) -> None:  # noqa: F811
    table(1, 300).write_csv("new.csv")
    answer = batchwright("predict", of_numbers.path, "new.csv", "--interval", "0.9", "--keep", "price")
    assert answer.code == 0, answer.err
    rows = list(csv.DictReader(io.StringIO(answer.out)))
    assert list(rows[0]) == ["price", "predicted_price", "lower_price", "upper_price"]
    assert all(float(row["lower_price"]) < float(row["predicted_price"]) < float(row["upper_price"]) for row in rows)
    assert "note: rows were split by time" in answer.err

    said = json.loads(batchwright("predict", run.path, "new.csv", "--interval", "0.9", "--json").out)
    assert said["interval"] == 0.9
    assert said["answers"][0]["set_kind"] in ("no", "yes", "no|yes")

    answer = batchwright("evaluate", of_numbers.path, "new.csv")
    assert "intervals of 'price' with level 0.9 hold 0." in answer.out
    told = json.loads(batchwright("evaluate", run.path, "new.csv", "--interval", "0.7", "--json").out)
    (one,) = told["intervals"]
    assert one["level"] == 0.7
    assert one["coverage_low"] < one["coverage"] < one["coverage_high"]
    assert told["metrics"]["log_loss"] > 0

    for level in ("1.5", "0"):
        for verb in ("predict", "evaluate"):
            wrong = batchwright(verb, run.path, "new.csv", "--interval", level)
            assert wrong.code == 2
            assert "the share of rows that it is to hold, above 0 and below 1, as 0.9" in wrong.err
    wrong = batchwright("predict", run.path, "new.csv", "--interval", "0.999", "--output", "out.csv")
    assert wrong.code == 2
    assert "an interval of level 0.999 needs 999 validation rows, and this model has the scores of 240" in wrong.err
    assert "train with more validation rows (--validation-split)" in wrong.err
    assert not Path("out.csv").exists()


def as_earlier(run: Run, place: Path) -> Run:
    """A copy as a version before temperatures and intervals wrote it."""
    shutil.copytree(run.path, place)
    plain = json.loads((place / MODEL).read_text())
    del plain["task"]["temperature"]
    manifest = read_manifest(place)
    del manifest.files[CONFORMAL]
    (place / CONFORMAL).unlink()
    (place / "manifest.json").write_text(manifest.to_text())
    forged(place, MODEL, json.dumps(plain).encode())
    return open_run(place)


def test_earlier_runs_open_without_either(run: Run, tmp_path: Path, batchwright: Batchwright) -> None:  # noqa: F811
    earlier = as_earlier(run, tmp_path / "earlier")
    assert earlier.load_model().model.task.temperature == 1.0
    assert bw.predict(earlier, table(1)).answers.tolist() == bw.predict(run, table(1)).answers.tolist()
    with pytest.raises(UsageError, match="on its validation rows, which this one does not have"):
        bw.predict(earlier, table(1), interval=0.9)
    table(1).write_csv("new.csv")
    answer = batchwright("evaluate", "earlier", "new.csv", "--json")
    assert json.loads(answer.out)["intervals"] == []
    assert batchwright("evaluate", "earlier", "new.csv", "--interval", "0.9").code == 2


STRANGE = {
    "more targets": lambda plain: plain["scores"].append(plain["scores"][0]),
    "no rows": lambda plain: plain.update(scores=[[]]),
    "not ascending": lambda plain: plain["scores"][0].reverse(),
    "other keys": lambda plain: plain.update(run="rm"),
    "no numbers": lambda plain: plain["scores"][0].append("1"),
    "another split": lambda plain: plain.update(split="\x1b[31m"),
}


@pytest.mark.parametrize("case", STRANGE)
def test_scores_of_a_stranger_are_refused(run: Run, tmp_path: Path, case: str) -> None:
    place = tmp_path / "run"
    shutil.copytree(run.path, place)
    plain = json.loads((place / CONFORMAL).read_text())
    STRANGE[case](plain)
    forged(place, CONFORMAL, json.dumps(plain).encode())
    with pytest.raises(RunError, match=r"conformal\.json"):
        open_run(place).load_model()


def test_what_cannot_be_calibrated_is_refused() -> None:
    rows = table().drop("when")
    with pytest.raises(ConfigError, match=r"calibration temperature is for probabilities, and numbers have none"):
        bw.fit(bw.load(rows, target="price"), calibration="temperature", epochs=1)
    with pytest.raises(ConfigError, match=r"found on validation rows: set data\.validation_split above 0"):
        bw.fit(bw.load(rows, target="kind", validation_split=0.0), calibration="temperature", epochs=1)
    with pytest.raises(ConfigError, match=r"unknown calibration 'cold'\. Allowed: auto, temperature, none"):
        load_config(None, [("task.calibration", "cold", "--calibration cold")])


def test_without_validation_rows_there_are_neither() -> None:
    data = bw.load(table().drop("when", "price"), target="kind", validation_split=0.0)
    trained = bw.fit(data, network=bw.nn.MLP((4,)), epochs=1, diagnostics=False)
    assert trained.model.conformal is None
    with pytest.raises(UsageError, match="trained without any"):
        trained.predict(table(1), interval=0.9)
