"""A run goes on past its plan: as if it had been planned so where that can be, the same after a kill, else refused."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

import batchwright as bw
from batchwright.errors import ConfigError, RunError
from batchwright.runs.checkpoints import _newest_first
from batchwright.training.events import EpochDone

HOW: dict[str, Any] = {"network": bw.nn.MLP((4,)), "batch_size": 16, "early_stopping": None}


@pytest.fixture(scope="module")
def iris() -> Any:
    return bw.load("iris")


def bits(trained: Any) -> list[bytes]:
    return [np.asarray(array).tobytes() for array in jax.tree.leaves(trained.model.variables)]


def figures(trained: Any) -> list[dict[str, float]]:
    return [{name: value for name, value in row.items() if name != "seconds"} for row in trained.history]


def left_after(epochs: int, events: Any) -> None:
    """Follow a training until so many epochs are done, and leave it there."""
    for event in events:
        if isinstance(event, EpochDone) and event.row["epoch"] == epochs:
            break
    iter(events).close()


@pytest.mark.parametrize("average", [None, bw.Average(decay=0.9)], ids=["plain", "averaged"])
def test_with_a_constant_rate_it_is_as_if_planned_so(iris: Any, tmp_path: Path, average: Any) -> None:
    how = {**HOW, "schedule": bw.optim.Constant(), "average": average}
    whole = bw.fit(iris, **how, epochs=6)
    bw.fit(iris, **how, epochs=3, run_dir=tmp_path / "run")
    trained = bw.resume(tmp_path / "run", iris, epochs=6)
    assert bits(trained) == bits(whole)
    assert figures(trained) == figures(whole)
    run = bw.open_run(tmp_path / "run")
    assert (run.status, run.plan["epochs"], run.settings["training.epochs"].value) == ("finished", 6, 6)
    assert [vars(one) for one in run.manifest.extended] == [{"after": 3, "epochs": 6}]
    assert [row["epoch"] for row in run.history] == [1, 2, 3, 4, 5, 6]


def test_the_schedule_is_that_of_all_epochs_and_a_kill_changes_nothing(iris: Any, tmp_path: Path) -> None:
    schedule = bw.optim.OneCycle()
    how = {**HOW, "schedule": schedule, "optimizer": bw.optim.Adam(0.01), "checkpoints": bw.Checkpoints(iterations=3)}
    runs = [tmp_path / name for name in ("whole", "killed")]
    for run in runs:
        bw.fit(iris, **how, epochs=3, run_dir=run)
    whole = bw.resume(runs[0], iris, epochs=7)
    per = whole.prepared.plan.iterations_per_epoch
    ends = np.arange(3, 7) * per + per - 1
    expected = schedule.rates(0.01, ends, iterations_per_epoch=per, total=7 * per)
    np.testing.assert_array_equal([row["learning_rate"] for row in whole.history[3:]], expected)
    events = _resuming(runs[1], iris, 7)
    assert "its schedule, one_cycle, is computed over all of them" in next(events).notes[-2]
    left_after(5, events)
    resumed = bw.resume(runs[1], iris)
    assert bits(resumed) == bits(whole)
    assert figures(resumed) == figures(whole)


def _resuming(run: Path, data: Any, epochs: int) -> Iterator[Any]:
    from batchwright import workflow

    return workflow.resume(run, data, epochs=epochs)


def test_a_run_that_was_left_may_have_other_epochs(iris: Any, tmp_path: Path) -> None:
    how = {**HOW, "schedule": bw.optim.Constant()}
    left_after(2, bw.events(iris, **how, epochs=9, run_dir=tmp_path / "run", checkpoints=bw.Checkpoints(iterations=5)))
    with pytest.raises(RunError, match="has trained 1 epoch already, and epochs is 1: give more"):
        bw.resume(tmp_path / "run", iris, epochs=1)
    trained = bw.resume(tmp_path / "run", iris, epochs=4)
    assert bits(trained) == bits(bw.fit(iris, **how, epochs=4))
    again = bw.resume(tmp_path / "run", iris, epochs=5)
    assert bits(again) == bits(bw.fit(iris, **how, epochs=5))
    assert [one.epochs for one in bw.open_run(tmp_path / "run").manifest.extended] == [4, 5]


def test_the_best_epoch_of_all_is_kept(iris: Any, tmp_path: Path) -> None:
    how = {**HOW, "early_stopping": bw.EarlyStopping(patience=100), "schedule": bw.optim.Constant()}
    bw.fit(iris, **how, epochs=3, run_dir=tmp_path / "run")
    trained = bw.resume(tmp_path / "run", iris, epochs=6)
    losses = [row["val_loss"] for row in trained.history]
    assert trained.stopped.epoch == int(np.argmin(losses)) + 1
    assert bits(trained) == bits(bw.fit(iris, **how, epochs=6))


def refused(run: Path, data: Any, message: str, epochs: int = 50) -> None:
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file() and path.name != "lock"}
    with pytest.raises(RunError, match=message):
        bw.resume(run, data, epochs=epochs)
    after = {path: path.read_bytes() for path in run.rglob("*") if path.is_file() and path.name != "lock"}
    assert after == before


def test_what_cannot_go_on_is_refused_and_left_as_it_was(iris: Any, tmp_path: Path) -> None:
    run = tmp_path / "finished"
    bw.fit(iris, **HOW, epochs=2, run_dir=run)
    refused(run, iris, "has trained 2 epochs already, and epochs is 1", epochs=1)
    with pytest.raises(RunError, match=r"has finished: there is nothing to go on with\. More `epochs` train it on"):
        bw.resume(run, iris)
    with pytest.raises(ConfigError, match="epochs takes a whole number >= 1, or None, but is 0"):
        bw.resume(run, iris, epochs=0)
    for path in _newest_first(run)[0].iterdir():
        path.write_bytes(b"")
    refused(run, iris, "has no checkpoint of its end that can be read")
    run = tmp_path / "stopped"
    bw.fit(iris, **{**HOW, "early_stopping": bw.EarlyStopping(patience=1, min_delta=9.0)}, epochs=9, run_dir=run)
    refused(run, iris, "was stopped early, and would be again: val_loss has not improved .*; train anew from .*`from=")
    run = tmp_path / "late"
    bw.fit(iris, **HOW, epochs=5, max_time=1e-3, run_dir=run)
    refused(run, iris, "has used up its time limit of 0.001 s")


def test_batches_that_follow_a_schedule_are_those_of_its_own_epochs(iris: Any, tmp_path: Path) -> None:
    growing = bw.AdaptiveBatchSize(by="schedule", start=4, maximum=16)
    how = {**HOW, "batch_size": growing, "schedule": bw.optim.Cosine(), "optimizer": bw.optim.SGD(0.05)}
    bw.fit(iris, **how, epochs=5, run_dir=tmp_path / "run")
    refused(tmp_path / "run", iris, "the batch size of .* follows a schedule over its own number of epochs", epochs=30)
