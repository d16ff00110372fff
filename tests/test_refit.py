"""A network is trained anew on training and validation rows, for as many epochs as were best by the validation rows."""

import json
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import polars as pl
import pytest
from tests.cli.conftest import Batchwright, assert_same, batchwright  # noqa: F401

import batchwright as bw
from batchwright import workflow
from batchwright.cli.main import main
from batchwright.cli.show.measurements import time_line
from batchwright.config import load_config
from batchwright.data.dataset import Dataset
from batchwright.errors import ConfigError, DivergedError
from batchwright.lab.own_run.retrace import retrace
from batchwright.nn import MLP, Linear
from batchwright.optim import SGD, Constant, ReduceOnPlateau
from batchwright.runs.run import Run, open_run
from batchwright.training import watch
from batchwright.training.events import EpochDone
from batchwright.training.feed import OnDisk
from batchwright.training.job import Divergence, Replay, rates_of
from batchwright.workflow.events import RefitEpoch
from batchwright.workflow.refitting import refuse_refit

ROWS = 300
REFIT = ("training.refit", "true", "")
SMALL = {"network": MLP((8,)), "batch_size": 32, "diagnostics": False, "progress": False}


def table() -> pl.DataFrame:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=ROWS), rng.normal(size=ROWS)
    return pl.DataFrame({"a": a, "b": b, "price": 50 + 10 * a * b + 8 * rng.normal(size=ROWS)})


@pytest.fixture(scope="module", autouse=True)
def saved_after_each_epoch() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watch, "BETWEEN_EPOCHS", 0.0)
        yield


@pytest.fixture(scope="module")
def data() -> Dataset:
    return bw.load(table(), target="price")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("refit")
    table().write_csv(folder / "rows.csv")
    words = ["train", str(folder / "rows.csv"), "--target", "price", "--network", "mlp"]
    words += ["--hidden-layer-sizes", "16", "--epochs", "30"]
    words += ["--learning-rate", "0.3", "--early-stopping", "{patience: 4}", "--refit"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["batchwright", *words, "--run-dir", str(folder / "run")])
        with pytest.raises(SystemExit) as left:
            main()
    assert not left.value.code
    return open_run(folder / "run")


def joined(data: Dataset) -> Dataset:
    """All training and validation rows as training rows."""
    assert data.validation is not None
    train = jax.tree.map(lambda *parts: np.concatenate(parts), vars(data.train), vars(data.validation))
    return replace(data, train=bw.data.dataset.Split(**train), validation=None)


def leaves(trained: bw.Trained) -> list[np.ndarray]:
    return [np.asarray(leaf) for leaf in jax.tree.leaves(trained.model.variables)]


def test_it_is_the_training_of_all_rows_for_the_best_number_of_epochs(data: Dataset) -> None:
    how = {**SMALL, "optimizer": SGD(learning_rate=0.1), "schedule": Constant()}
    found = bw.fit(data, epochs=25, early_stopping=bw.EarlyStopping(patience=4), refit=True, **how)
    best = 1 + int(np.argmin([row["val_loss"] for row in found.history]))
    assert 1 < best < len(found.history)
    assert found.stopped.epoch == len(found.refit) == best
    direct = bw.fit(joined(data), epochs=best, early_stopping=None, **how)
    for one, other in zip(leaves(found), leaves(direct), strict=True):
        np.testing.assert_array_equal(one, other)
    rows = data.train.rows + data.validation.rows  # type: ignore[union-attr]
    assert found.refit[-1]["iteration"] == best * -(-rows // 32)


def test_validation_figures_are_those_of_the_first_training(data: Dataset) -> None:
    how = {**SMALL, "epochs": 8, "task": None}
    first, found = (bw.fit(data, refit=wanted, **how) for wanted in (False, True))
    assert found.metrics["validation"] == first.metrics["validation"]
    assert [row["val_loss"] for row in found.history] == [row["val_loss"] for row in first.history]
    assert found.metrics["test"] != first.metrics["test"]
    test = data.parts["test"]
    again = found.evaluate(table()[data.positions["test"]])
    assert test.rows == len(data.positions["test"])
    assert again["rmse"] == pytest.approx(found.metrics["test"]["rmse"], rel=1e-6)
    (remark,) = (one for one in found.remarks if "trained anew" in one)
    assert f"the {len(data.positions['train']) + len(data.positions['validation'])} training and" in remark
    assert "Validation figures are those of the first training" in remark


def test_the_learning_rates_are_those_of_the_first_training(data: Dataset) -> None:
    schedule = ReduceOnPlateau(factor=0.5, patience=1)
    found = bw.fit(data, epochs=20, schedule=schedule, learning_rate=0.05, refit=True, **SMALL)
    rates = [row["learning_rate"] for row in found.history]
    assert len(set(rates)) > 2
    assert [row["learning_rate"] for row in found.refit] == rates[: len(found.refit)]


def test_reductions_of_the_learning_rate_are_taken_again(data: Dataset) -> None:
    how = {**SMALL, "network": Linear(), "batch_size": 4, "optimizer": SGD(learning_rate=3.0), "schedule": Constant()}
    divergence = Divergence(policy="reduce", factor=0.1)
    found = bw.fit(data, epochs=4, early_stopping=None, divergence=divergence, refit=True, **how)
    assert {row["reductions"] for row in found.history} == {1}, "the first training was to be reduced once"
    assert [row["learning_rate"] for row in found.refit] == pytest.approx([0.3] * 4, rel=1e-6)
    assert {row["reductions"] for row in found.refit} == {0}, "the first training's reduction came too late"


def test_reductions_of_a_refit_come_on_top(data: Dataset) -> None:
    chosen = [("optimizer.learning_rate", "0.8", ""), ("schedule.name", "constant", "")]
    job = workflow.prepare(load_config(None, chosen), data).job
    history = tuple({"epoch": epoch, "reductions": reductions} for epoch, reductions in ((1, 0), (2, 2)))
    job = replace(job, replay=Replay(history, 2, None))
    found = [float(rates_of(job, history[:done], np.array([0]), reductions=1)[0]) for done in (0, 1)]
    assert found == pytest.approx([0.8 * 0.5, 0.8 * 0.5**3])


def test_a_limit_of_time_leaves_time_for_it(data: Dataset) -> None:
    found = bw.fit(data, max_time=2.0, schedule=Constant(), epochs=4, refit=True, **SMALL)
    train, validation = data.train.rows, data.validation.rows  # type: ignore[union-attr]
    assert found.prepared.job.max_time == pytest.approx(2 * train / (2 * train + validation))
    assert any("are for the first training" in note for note in found.prepared.notes)
    assert len(found.refit) == found.stopped.epoch


@pytest.mark.parametrize(("kind", "count"), [(EpochDone, 3), (RefitEpoch, 1), (RefitEpoch, 2)])
def test_it_goes_on_after_a_break_with_the_same_bits(
    run: Run,
    kind: type,
    count: int,
    tmp_path: Path,
    batchwright: Batchwright,  # noqa: F811
) -> None:
    assert len((run.path / "refit.jsonl").read_text().splitlines()) > 2
    events = workflow.train(workflow.recorded_settings(run), run_dir=tmp_path / "broken")
    seen = 0
    while seen < count:
        seen += isinstance(next(events), kind)
    events.close()  # type: ignore[attr-defined]
    assert open_run(tmp_path / "broken").status == "interrupted"
    answer = batchwright("resume", "broken")
    assert answer.code == 0, answer.err
    assert ("its training on all rows" in answer.err) == (kind is RefitEpoch)
    assert_same(tmp_path / "broken", run.path)
    assert not (tmp_path / "broken/refit").exists()
    one, other = (
        [json.loads(line) for line in (path / "refit.jsonl").read_text().splitlines()]
        for path in (run.path, tmp_path / "broken")
    )
    assert [row["loss"] for row in one] == [row["loss"] for row in other]


def test_it_goes_on_without_the_checkpoints_of_the_refit(run: Run, tmp_path: Path) -> None:
    events = workflow.train(workflow.recorded_settings(run), run_dir=tmp_path / "broken")
    assert any(isinstance(event, RefitEpoch) for event in events)
    events.close()  # type: ignore[attr-defined]
    shutil.rmtree(tmp_path / "broken/refit/checkpoints")
    for _ in workflow.resume(tmp_path / "broken"):
        pass
    assert_same(tmp_path / "broken", run.path)


def test_a_first_training_that_was_stopped_stays_so_after_a_break(data: Dataset, tmp_path: Path) -> None:
    def stop_after_two(event: object) -> str | None:
        return "stop" if isinstance(event, EpochDone) and event.row["epoch"] == 2 else None

    how = {**SMALL, "epochs": 9}
    whole = bw.fit(data, refit=True, run_dir=tmp_path / "whole", on_event=stop_after_two, **how)  # type: ignore[arg-type]
    assert len(whole.history) == 2 and len(whole.refit) == whole.stopped.epoch
    events = bw.events(data, refit=True, run_dir=tmp_path / "broken", on_event=stop_after_two, **how)
    assert any(isinstance(event, RefitEpoch) for event in events)
    iter(events).close()  # type: ignore[attr-defined]
    resumed = bw.resume(tmp_path / "broken", data, progress=False)
    assert resumed.history[-1]["val_loss"] == whole.history[-1]["val_loss"] and len(resumed.history) == 2
    for one, other in zip(leaves(resumed), leaves(whole), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_refit_that_is_stopped_leaves_the_model_of_the_first_training(data: Dataset) -> None:
    def stop(event: object) -> str | None:
        return "stop" if isinstance(event, RefitEpoch) else None

    how = {**SMALL, "epochs": 6, "early_stopping": None}
    found = bw.fit(data, refit=True, on_event=stop, **how)  # type: ignore[arg-type]
    first = bw.fit(data, **how)
    assert "of the refit; the model is that of the first training" in found.stopped.reason
    for one, other in zip(leaves(found), leaves(first), strict=True):
        np.testing.assert_array_equal(one, other)
    assert found.metrics == first.metrics and not found.refit


def test_a_training_that_diverges_is_not_trained_anew(data: Dataset) -> None:
    events = bw.events(data, epochs=3, refit=True, optimizer=SGD(learning_rate=1e30), **SMALL)
    seen = list[object]()
    with pytest.raises(DivergedError):
        seen.extend(events)
    assert not any(isinstance(event, RefitEpoch) for event in seen)


def test_a_temperature_is_that_of_rows_that_were_not_learned() -> None:
    data = bw.load("iris", validation_split=0.3)
    how = {**SMALL, "epochs": 10, "calibration": "temperature"}
    first, found = (bw.fit(data, refit=wanted, **how) for wanted in (False, True))
    assert found.model.model.task.temperature == first.model.model.task.temperature != 1  # type: ignore[attr-defined]


def test_means_of_logarithms_are_those_of_the_first_training() -> None:
    frame = table().with_columns((pl.col("price") / 20).exp())
    data = bw.load(frame, target="price", target_transform="log")
    first, found = (bw.fit(data, refit=wanted, epochs=4, **SMALL) for wanted in (False, True))
    assert found.metrics["validation"]["rmse"] == first.metrics["validation"]["rmse"]


def test_in_the_terminal(run: Run, batchwright: Batchwright) -> None:  # noqa: F811
    rows = run.path.parent / "rows.csv"
    assert any("trained anew" in remark for remark in run.manifest.remarks) and "trained anew on" in run.reason
    assert batchwright("report", run.path, "--html", "page.html").code == 0
    assert "trained anew on" in Path("page.html").read_text()
    assert "without a guarantee" in batchwright("predict", run.path, rows, "--interval", "0.8").err
    answer = batchwright("evaluate", run.path, rows)
    assert "it was trained on 85% of them" in answer.err + answer.out
    for words in (["explain", run.path], ["diagnose", run.path]):
        assert batchwright(*words).code == 0


def test_the_way_of_the_first_training_is_gone_again(run: Run) -> None:
    assert retrace(run, moments=3).exact


def test_few_rows_are_held_back_where_a_refit_goes_by_them(batchwright: Batchwright) -> None:  # noqa: F811
    table().head(50).write_csv("few.csv")
    small = ("--network", "linear", "--epochs", 2)
    answer = batchwright("train", "few.csv", "--target", "price", "--refit", *small, "--run-dir", "run")
    assert answer.code == 0, answer.err
    assert len(open_run("run").indices().validation) > 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train", "--validation-split", 0], "--refit goes by validation rows"),
        (["train", "--folds", 2], "members learn all rows between them"),
        (["train", "--batch-size", "{adaptive: {}}"], "a batch size that stays as it is"),
        (["train", "--seeds", 2], "--seeds compares seeds on the validation rows"),
        (["search"], "networks are compared here by validation rows"),
        (["compare", "--vary", "seed"], "networks are compared here by validation rows"),
    ],
)
def test_what_cannot_be_is_refused(words: list[object], said: str, batchwright: Batchwright) -> None:  # noqa: F811
    verb, *more = words
    answer = batchwright(verb, "iris", "--refit", *more, *(["--run-dir", "run"] if verb != "compare" else []))
    assert answer.code == 2 and said in answer.err, answer.err
    assert not Path("run").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["search", "iris", "--set", "training.refit={choice: [true, false]}", "--trials", 2, "--run-dir", "run"],
        ["search", "iris", "--set", "training.refit={choice: [false, true]}", "--trials", 2, "--run-dir", "run"],
        ["compare", "iris", "--vary", "training.refit=[false, true]"],
    ],
)
def test_it_is_refused_as_a_choice(words: list[object], batchwright: Batchwright) -> None:  # noqa: F811
    answer = batchwright(*words)
    assert answer.code == 2 and "networks are compared here by validation rows" in answer.err, answer.err
    assert not Path("run").exists()


def test_check_counts_the_second_training_and_refuses_what_train_refuses() -> None:
    chosen = [("data.source", "iris", ""), ("training.epochs", "7", "")]
    plain, anew = (workflow.check(load_config(None, [*chosen, *more])) for more in ([], [REFIT]))
    assert plain.total_seconds == pytest.approx(7 * plain.epoch_seconds)
    rows = {name: part.rows for name, part in anew.prepared.dataset.parts.items()}
    times = (2 * rows["train"] + rows["validation"]) / rows["train"]
    assert anew.total_seconds == pytest.approx(7 * anew.epoch_seconds * times)
    first, both = re.findall(r"([\d.]+) s(?: with the training on all rows)?, ", time_line(anew))
    assert float(both) == pytest.approx(float(first) * times, rel=0.02)
    with pytest.raises(ConfigError, match="or give `batch_size` a number"):
        workflow.check(load_config(None, [*chosen, REFIT, ("training.batch_size", "{adaptive: {}}", "")]))


def test_what_has_begun_from_a_model_is_refused(run: Run, batchwright: Batchwright) -> None:  # noqa: F811
    answer = batchwright("train", run.path.parent / "rows.csv", "--target", "price", "--refit", "--from", run.path)
    assert answer.code == 2 and "this training from the parameters of a trained model" in answer.err
    answer = batchwright("resume", run.path, "--epochs", 60)
    assert answer.code == 2 and "trained anew on all rows is not trained on" in answer.err


def test_rows_that_are_read_in_chunks_are_refused(data: Dataset) -> None:
    prepared = workflow.prepare(load_config(None, [REFIT]), data)
    on_disk = tuple.__new__(OnDisk, (None, 1))
    with pytest.raises(ConfigError, match="`refit` needs the rows in memory"):
        refuse_refit(replace(prepared, job=replace(prepared.job, train=on_disk)))
