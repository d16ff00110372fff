import json
from collections.abc import Mapping
from pathlib import Path

import jax
import numpy as np
import polars as pl
import pytest
from PIL import Image
from tests.children import Children

import batchwright as bw
from batchwright import _asking, workflow
from batchwright.config import Settings, load_config
from batchwright.data.disk import budget
from batchwright.errors import ConfigError, DivergedError, InterruptedRunError, RunError, UsageError
from batchwright.optim import SGD, Constant
from batchwright.runs import folder as folder_module
from batchwright.training.events import EpochDone, SegmentDone
from batchwright.training.feed import OnDisk
from batchwright.training.stopping import EarlyStopping
from batchwright.workflow import Trained, jobs

QUICK = {"network": bw.nn.MLP((6,)), "epochs": 3, "batch_size": 8}


def table(rows: int = 80, seed: int = 0) -> pl.DataFrame:
    generator = np.random.default_rng(seed)
    numbers = generator.normal(size=(rows, 2))
    colours = generator.choice(["red", "green", "blue"], rows)
    return pl.DataFrame({"a": numbers[:, 0], "b": numbers[:, 1], "c": colours, "y": numbers[:, 0] * 3 + 10})


def train(frame: pl.DataFrame, **settings: object) -> Trained:
    return bw.fit(bw.load(frame, target="y"), **(QUICK | settings))


def weights_of(trained: Trained) -> list[np.ndarray]:
    return [np.asarray(leaf) for leaf in jax.tree.leaves(trained.model.variables)]


def same(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    return all(np.array_equal(*pair) for pair in zip(one, other, strict=True))


def test_nothing_of_validation_and_test_rows_reaches_training() -> None:
    """Other numbers, other categories and other targets in these rows leave every bit of the model as it was."""
    frame = table()
    data = bw.load(frame, target="y")
    changed = frame.with_row_index().with_columns(
        pl.when(pl.col("index").is_in(data.indices.train)).then(pl.col(name)).otherwise(other).alias(name)
        for name, other in {"a": pl.lit(1e6), "c": pl.lit("purple"), "y": pl.lit(-5.0)}.items()
    )
    last = {"early_stopping": None}
    assert same(weights_of(train(frame, **last)), weights_of(train(changed.drop("index"), **last)))


def test_a_run_is_a_pure_function_of_settings_data_and_seed() -> None:
    one, again, other = (train(table(), seed=seed) for seed in (1, 1, 2))
    assert same(weights_of(one), weights_of(again))
    assert one.metrics == again.metrics
    assert not same(weights_of(one), weights_of(other))


def test_a_recorded_run_opens_as_what_was_trained(tmp_path: Path) -> None:
    trained = train(table(), run_dir=tmp_path / "run")
    run = bw.open_run(tmp_path / "run")
    opened = run.load_model()
    assert same(weights_of(trained), [np.asarray(leaf) for leaf in jax.tree.leaves(opened.variables)])
    assert run.metrics == trained.metrics
    assert run.history == list(trained.history)
    assert run.plan["updates"] == 7 * 3
    assert run.settings["optimizer.name"].value == "adam"
    new = table(20, seed=9)
    np.testing.assert_array_equal(bw.predict(opened, new).answers, trained.predict(new).answers)
    assert (np.sort(run.indices().train) == np.sort(bw.load(table(), target="y").indices.train)).all()


def test_predictions_are_in_the_order_of_the_rows_and_in_the_targets_unit() -> None:
    trained = train(table(400), epochs=60, network=bw.nn.Linear(), optimizer=bw.optim.Adam(0.05))
    new = table(50, seed=3)
    found = trained.predict(new.drop("y"))
    assert np.corrcoef(found.answers, new["y"])[0, 1] > 0.98
    assert abs(found.answers.mean() - new["y"].mean()) < 0.5
    assert found.probabilities is None
    assert found.frame().columns == ["predicted_y"]
    assert trained.evaluate(new)["r2"] > 0.95


def test_sample_weights_of_zero_leave_rows_out() -> None:
    """Whatever their targets are, the network is the same, to the bit."""
    frame = table().with_columns(w=pl.Series(np.arange(80) % 2).cast(pl.Float64))
    wild = frame.with_columns(y=pl.when(pl.col("w") == 0).then(pl.col("y") + 100).otherwise(pl.col("y")))
    data = [bw.load(each, target="y", weights="w", test_split=0.0, validation_split=0.0) for each in (frame, wild)]
    first, second = (bw.fit(each, **QUICK) for each in data)
    assert data[0].train.rows == 40
    assert same(weights_of(first), weights_of(second))


def test_weights_count_in_an_evaluation_as_in_training() -> None:
    frame = table().with_columns(w=pl.Series(np.arange(80) % 5).cast(pl.Float64))
    data = bw.load(frame, target="y", weights="w", test=frame)
    trained = bw.fit(data, **QUICK)
    with pytest.warns(UserWarning, match="16 rows weigh 0 and are left out"):
        assert trained.evaluate(frame) == trained.test_metrics
    with pytest.warns(UserWarning, match="no column 'w', which weighed the training rows"):
        assert trained.evaluate(frame.drop("w"))["rmse"] != trained.test_metrics["rmse"]


def test_divergence_is_an_error_and_the_run_is_kept(tmp_path: Path) -> None:
    settings = {"optimizer": SGD(1e30), "schedule": Constant(), "network": bw.nn.MLP((6,), batch_normalization=False)}
    with pytest.raises(DivergedError, match=r"iteration \d+ \(epoch 1\) with a learning rate of 1e\+30"):
        train(table(), run_dir=tmp_path / "run", **settings)
    run = bw.open_run(tmp_path / "run")
    assert run.manifest.status == "diverged"
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(run.load_model().variables))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"epochs": 0}, "epochs"),
        ({"batch_size": 0}, "batch_size"),
        ({"network": bw.nn.MLP((0,))}, "hidden_layer_sizes"),
        ({"optimizer": SGD(-1.0)}, "learning_rate"),
        ({"loss": "cross_entropy"}, "cross_entropy"),
        ({"network": bw.nn.CNN()}, "images"),
        ({"early_stopping": EarlyStopping(patience=0)}, "patience"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, Mapping) else "",
)
def test_arguments_out_of_range_are_refused_before_anything_is_written(
    tmp_path: Path, settings: dict[str, object], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        train(table(), run_dir=tmp_path / "run", **settings)
    assert not (tmp_path / "run").exists()


def test_a_folder_that_is_taken_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("mine")
    with pytest.raises(RunError, match="exists"):
        train(table(), run_dir=tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["kept"]


def test_a_full_disk_is_one_clear_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails first when the disk is full is the writing of the run's files."""
    import os

    real = os.fsync

    def full(descriptor: int) -> None:
        if "run" in str(Path(f"/proc/self/fd/{descriptor}").readlink()):
            raise OSError(28, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UsageError, match=r"run.*(space|full)"):
        train(table(), run_dir=tmp_path / "run")


def test_the_manifest_tells_who_chose_each_value(tmp_path: Path) -> None:
    train(table(), run_dir=tmp_path / "run")
    settings = json.loads((tmp_path / "run" / "manifest.json").read_text())["settings"]
    assert settings["training.epochs"] == {"value": 3, "origin": "user", "evidence": ""}
    assert settings["optimizer.beta_1"] == {"value": 0.9, "origin": "default", "evidence": ""}


def test_a_run_takes_the_place_of_its_model_and_a_result_shows_itself_shortly(tmp_path: Path) -> None:
    trained = bw.fit(bw.load("iris"), network=bw.nn.MLP((8,)), epochs=2, run_dir=tmp_path / "run")
    assert repr(trained).startswith("<Trained: all 2 epochs are done; test: loss ")
    answers = bw.predict(bw.open_run(tmp_path / "run"), "iris").answers
    assert list(answers) == list(trained.predict("iris").answers)


WRONG = """
import batchwright as bw
data = bw.load("iris")
assert bw.nn.MLP([8]) == bw.nn.MLP((8,))
for words in ({"data": "iris.csv"}, {"data": data, "optimizer": "adam"}):
    try:
        bw.fit(**words)
    except bw.errors.ConfigError as error:
        print(error)
for words in ({"data": [1.0]}, {"data": data, "pruning": "halve"}):
    try:
        bw.run_search(**words)
    except bw.errors.ConfigError as error:
        print(error)
"""


def test_what_people_write_in_python_is_answered(tmp_path: Path, children: Children) -> None:
    """In a process of its own, where nothing checks types before the program does."""
    (tmp_path / "wrong.py").write_text(WRONG)
    process = children.fork(tmp_path / "wrong.py", cwd=tmp_path)
    assert process.ended() == 0, process.err
    said = process.out
    assert "fit takes rows that load has read" in said
    assert "optimizer takes one that is made as optim.Adam(), but is 'adam'" in said
    assert "run_search takes rows that load has read" in said
    assert "did you mean 'halving'?" in said


@pytest.fixture
def big(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table that counts as one that does not fit: its rows are read in chunks."""
    monkeypatch.setattr(budget, "RUNTIME_BYTES", 10**13)
    generator = np.random.default_rng(0)
    x = generator.normal(size=(900, 3))
    colours = generator.choice(["red", "green"], 900)
    classes = np.where(x[:, 0] + (colours == "red") > 0.5, "yes", "no")
    frame = pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "colour": colours, "bought": classes})
    path = tmp_path / "big.parquet"
    frame.sort("bought").write_parquet(path)
    return path


def streaming(path: Path, **changes: str) -> Settings:
    chosen = {"data.source": str(path), "data.target": "bought", "data.memory_limit": "1000GB", "training.epochs": "8"}
    return load_config(None, [(key, value, key) for key, value in (chosen | changes).items()])


def streamed(path: Path, run: Path, **changes: str) -> Trained:
    events = list(workflow.train(streaming(path, **changes), run_dir=run))
    return next(event for event in events if isinstance(event, Trained))


def test_rows_on_the_disk_train_as_rows_in_memory(big: Path, tmp_path: Path) -> None:
    on_disk = streamed(big, tmp_path / "disk")
    assert any("are read from the disk in chunks" in note for note in on_disk.prepared.notes)
    assert isinstance(on_disk.prepared.job.train, OnDisk)
    in_memory = streamed(big, tmp_path / "memory", **{"data.memory_limit": "none"})
    assert on_disk.prepared.plan == in_memory.prepared.plan
    assert on_disk.test_metrics["accuracy"] == pytest.approx(in_memory.test_metrics["accuracy"], abs=0.05)
    answers = bw.predict(bw.open_run(tmp_path / "disk"), big).answers
    assert np.mean(answers == pl.read_parquet(big)["bought"].to_numpy()) > 0.85


def test_a_streamed_run_goes_on_with_the_same_bits(big: Path, tmp_path: Path) -> None:
    whole = streamed(big, tmp_path / "whole")
    asked = iter([False] * 7 + [True] * 99)
    settings = streaming(big, **{"training.checkpoints.iterations": "2"})
    with pytest.raises(bw.errors.InterruptedRunError):
        list(workflow.train(settings, run_dir=tmp_path / "pieces", interrupted=lambda: next(asked)))
    resumed = bw.resume(tmp_path / "pieces")
    for one, other in zip(
        jax.tree.leaves(resumed.model.variables), jax.tree.leaves(whole.model.variables), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_a_batch_larger_than_a_chunk_is_refused(big: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "CHUNK_ROWS", 100)
    with pytest.raises(ConfigError, match="does not go with rows that are read in chunks of 100"):
        streamed(big, tmp_path / "run", **{"training.batch_size": "full"})


def test_early_stopping_by_the_training_loss_needs_no_validation_rows() -> None:
    """The best epoch's parameters are kept, or the last ones, as asked for."""
    data = bw.load("iris", validation_split=0.0)
    settings = {"network": bw.nn.MLP(()), "epochs": 30, "learning_rate": 0.5, "batch_size": 16}
    stopping = EarlyStopping("loss", patience=2)
    trained = bw.fit(data, **settings, early_stopping=stopping)
    found = [row["loss"] for row in trained.history]
    assert len(found) < 30 and trained.stopped.epoch == int(np.argmin(found)) + 1 == len(found) - 2
    last = bw.fit(data, **settings, early_stopping=EarlyStopping("loss", patience=2, restore_best=False))
    assert last.history[-1]["loss"] == found[-1] and last.stopped.epoch == len(found)
    with pytest.raises(ConfigError, match="needs validation rows"):
        bw.fit(data, **settings, early_stopping=EarlyStopping(patience=2))


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for place, name in enumerate(["train/a", "train/b", "validation/a", "validation/b"]):
        (tmp_path / name).mkdir(parents=True)
        for number in range(6):
            Image.new("L", (4, 4), 40 * number + place).save(tmp_path / name / f"{number}.png")
    return tmp_path


ASKED = [
    {"training.early_stopping": "{}"},
    {"training.early_stopping": "{monitor: val_accuracy}"},
    {"schedule.name": "reduce_on_plateau"},
]


def prepared(source: Path, **keys: str) -> workflow.Prepared:
    keys = {"data.source": str(source), "data.validation_split": "0", "network.name": "linear"} | keys
    return workflow.prepare(load_config(None, [(key, value, f"--set {key}={value}") for key, value in keys.items()]))


@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_validation_rows_of_the_source_are_enough_where_none_are_drawn(pictures: Path, asked: dict[str, str]) -> None:
    found = prepared(pictures, **asked)
    assert found.dataset.validation is not None and found.dataset.validation.rows == 12
    assert found.job.early_stopping is not None


@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_what_needs_validation_rows_says_so_where_there_are_none(tmp_path: Path, asked: dict[str, str]) -> None:
    table().write_csv(tmp_path / "t.csv")
    with pytest.raises(ConfigError, match=r"needs validation rows|follows the validation loss"):
        prepared(tmp_path / "t.csv", **{"data.target": "y"} | asked)
    by_training_loss = {"data.target": "y", "training.early_stopping.monitor": "loss"}
    assert prepared(tmp_path / "t.csv", **by_training_loss).job.early_stopping is not None
    assert prepared(tmp_path / "t.csv", **{"data.target": "y"}).job.early_stopping is None  # nobody asked for it


def asked_meanwhile(folder: Path, wish: str) -> None:
    """Train for long, and have another process ask for something after two epochs."""
    chosen = {"data.source": "iris", "training.epochs": "5000", "training.early_stopping": "null"}
    settings = load_config(None, [(key, value, key) for key, value in chosen.items()])
    for event in workflow.train(settings, run_dir=folder):
        if isinstance(event, EpochDone) and event.row["epoch"] == 2:
            _asking.ask(folder, wish)


@pytest.mark.parametrize("wish", ["stop", "stop now"])
def test_another_process_ends_a_training_which_goes_on_later(tmp_path: Path, wish: str) -> None:
    folder = tmp_path / "run"
    with pytest.raises(InterruptedRunError, match="batchwright resume"):
        asked_meanwhile(folder, wish)
    run = bw.open_run(folder)
    assert run.status == "interrupted"
    assert run.history, "the epochs until then are recorded"
    assert not (folder / _asking.REQUEST).exists(), "a request is carried out once"
    assert bool(run.metrics) == (wish == "stop"), "at once means without an evaluation"
    done = len(run.history)
    resumed = bw.resume(folder, epochs=done + 3)
    assert len(resumed.history) == done + 3
    assert resumed.stopped.status == "finished"


def test_progress_within_an_epoch_is_noted_while_it_is_trained_and_then_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_module, "TELL_SECONDS", 0.0)
    chosen = {"data.source": "iris", "training.epochs": "2", "training.batch_size": "8"}
    noted = []
    for event in workflow.train(
        load_config(None, [(key, value, key) for key, value in chosen.items()]), run_dir=tmp_path / "run"
    ):
        if isinstance(event, SegmentDone):
            noted.append(json.loads((tmp_path / "run" / "progress.json").read_text()))
            assert noted[-1]["iteration"] == event.updates
            assert noted[-1]["loss"] == event.loss
    assert len(noted) > 2
    left = sorted(path.name for path in (tmp_path / "run").iterdir())
    assert not any(name.startswith((".", "progress", "request")) for name in left)


def test_a_request_that_was_made_of_an_earlier_training_is_forgotten(tmp_path: Path) -> None:
    for text in (b"stop", b"nonsense", b"", b"x" * 100):
        (tmp_path / _asking.REQUEST).write_bytes(text)
        assert _asking.wish_of(tmp_path) == ("stop" if text == b"stop" else None)
    trained = train(table(), early_stopping=None, run_dir=tmp_path / "run")
    assert trained.run is not None
    _asking.ask(trained.run.path, "stop now")
    assert len(bw.resume(trained.run.path, bw.load(table(), target="y"), epochs=6).history) == 6
    assert not (trained.run.path / _asking.REQUEST).exists()
