"""What a training tells its trackers, and that it does not depend on them."""

import json
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from tests.builders import same_bits
from tests.tracking.conftest import PLAN, Logged, trainings
from tests.tracking.pretended import Told, place_of

import batchwright as bw
from batchwright.errors import DivergedError, InterruptedRunError, RunError
from batchwright.optim.names import name_of
from batchwright.tracking import log, log_training, read_identities
from batchwright.tracking.tracker import histogram
from batchwright.workflow.events import Noted, Recording


def test_the_bits_are_those_of_a_training_that_is_not_logged(iris: bw.Dataset, logged: Logged) -> None:
    alone = bw.fit(iris, **PLAN)
    assert same_bits(alone.model.variables, logged.trained.model.variables)
    assert alone.metrics == logged.trained.metrics


def test_it_is_told_the_settings_the_history_and_the_metrics(logged: Logged) -> None:
    told, trained = logged.told, logged.trained
    ((about, earlier),) = told.begun
    assert (about.name, earlier) == ("run", "")
    assert about.settings["training.batch_size"] == 26
    assert about.settings["plan.updates"] == trained.prepared.plan.updates
    assert [one.row for one in told.epochs] == list(trained.history)
    (ending,) = told.endings
    assert (ending.status, ending.epoch) == ("finished", trained.stopped.epoch)
    assert ending.metrics == {
        f"{part}/{name}": value for part, found in trained.metrics.items() for name, value in found.items()
    }
    assert set(ending.figures) == set(trained.figures)


def test_histograms_hold_every_weight(logged: Logged) -> None:
    """After the last epoch, which is the best: those of the model that is kept."""
    trained, last = logged.trained, logged.told.epochs[-1]
    assert trained.stopped.epoch == len(trained.history)
    leaves = jax.tree_util.tree_leaves_with_path(trained.model.variables.params)
    assert last.weights.keys() == {name_of(path) for path, _ in leaves}
    for path, leaf in leaves:
        found, weights = last.weights[name_of(path)], np.asarray(leaf, np.float64)
        assert found.counts.sum() == weights.size
        assert (found.edges[0], found.edges[-1]) == pytest.approx((weights.min(), weights.max()), abs=1e-9) or (
            weights.min() == weights.max()
        )
        assert found.total == pytest.approx(weights.sum())
        assert found.squares == pytest.approx(np.square(weights).sum())


def test_a_tracker_that_fails_ends_no_training(iris: bw.Dataset) -> None:
    told = Told(failures=99)
    found = list(log_training(bw.events(iris, **PLAN), [place_of(told)]))
    notes = [event.note for event in found if isinstance(event, Noted)]
    assert isinstance(found[-1], bw.Trained)
    assert notes[-1].startswith("logging to told failed at the end too (ConnectionError: nobody is there")
    assert "secret" not in " ".join(notes)


def test_whatever_goes_wrong_with_a_log_ends_no_training(iris: bw.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(weights: np.ndarray) -> None:
        raise MemoryError("no room for a histogram")

    monkeypatch.setattr("batchwright.tracking.training.histogram", fail)
    told = Told()
    found = list(log_training(bw.events(iris, **PLAN), [place_of(told, shows_weights=True)]))
    assert isinstance(found[-1], bw.Trained)
    (note,) = [event.note for event in found if isinstance(event, Noted)]
    assert note == "logging has ended (MemoryError: no room for a histogram): training goes on without it"
    assert [one.status for one in told.endings] == ["failed"]


@pytest.mark.parametrize(
    "weights",
    [[1e8, np.nextafter(1e8, 2e8)], [3.0, 3.0], [3.4e38, -3.4e38], [0.0, 5e-324], [np.inf, 1.0], [1e300, 2e300]],
)
def test_histograms_take_weights_of_every_kind(weights: list[float]) -> None:
    found, finite = histogram(np.array(weights)), [one for one in weights if np.isfinite(one)]
    assert found is not None
    assert found.counts.sum() == len(finite)
    assert found.edges[0] <= min(finite) <= max(finite) <= found.edges[-1]


def test_what_a_tracker_missed_comes_at_the_end(iris: bw.Dataset) -> None:
    told = Told(failures=1)
    (trained,) = trainings(log_training(bw.events(iris, **PLAN), [place_of(told)]))
    assert [one.row for one in told.epochs] == list(trained.history)
    assert len(told.endings) == 1


def test_a_tracker_that_never_answers_is_left(iris: bw.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batchwright.tracking.training.FLUSH", log.Patience(0.2, 0.2))
    told = Told(waits=True)
    found = list(log_training(bw.events(iris, **PLAN), [place_of(told)]))
    told.released.set()
    (note,) = [event.note for event in found if isinstance(event, Noted)]
    assert "it takes too long" in note
    assert isinstance(found[-1], bw.Trained)
    assert log.FLUSH.step <= 30.0


def test_warnings_come_when_nothing_can_be_lost(iris: bw.Dataset, tmp_path: Path) -> None:
    """A folder that a file is in the way of, once the training has begun."""
    root = tmp_path / "logs"

    def put_in_the_way(event: Any) -> None:
        if not root.exists():
            root.write_text("a file")

    with pytest.warns(UserWarning, match="logging to tensorboard") as caught:
        trained = bw.fit(iris, **PLAN, log_to=f"tensorboard:{root}", on_event=put_in_the_way)
    assert len(trained.history) == 3
    assert "failed at the end too (FileExistsError" in str(caught[-1].message)


@pytest.mark.parametrize(
    ("error", "status"), [(KeyboardInterrupt, "interrupted"), (ZeroDivisionError, "failed"), (None, "interrupted")]
)
def test_an_error_ends_the_run_of_the_tracker(
    iris: bw.Dataset, tmp_path: Path, error: type[BaseException] | None, status: str
) -> None:
    """Also where nobody follows the training any more; the run itself is told of the error."""
    told = Told()
    events = log_training(bw.events(iris, **PLAN, run_dir=tmp_path / "run"), [place_of(told)])
    for _ in range(5):
        next(events)
    if error is None:
        events.close()
    else:
        with pytest.raises(error):
            events.throw(error())
    (ending,) = told.endings
    assert ending.status == status


def test_an_error_that_is_thrown_in_reaches_the_record(iris: bw.Dataset, tmp_path: Path) -> None:
    from batchwright import workflow
    from batchwright.config import load_config

    settings = load_config(None, [("data.source", "iris", ""), ("training.epochs", "3", "")])
    events = log_training(workflow.train(settings, run_dir=tmp_path / "run"), [place_of(Told())])
    for _ in range(3):
        next(events)
    with pytest.raises(KeyboardInterrupt):
        events.throw(KeyboardInterrupt())
    assert bw.open_run(tmp_path / "run").reason.startswith("ended at once, by Ctrl-C")


def test_a_training_that_diverges_is_told_as_such(iris: bw.Dataset) -> None:
    told = Told()
    wild = {**PLAN, "optimizer": bw.optim.SGD(1e30), "schedule": bw.optim.Constant()}
    with pytest.raises(DivergedError):
        list(log_training(bw.events(iris, **wild), [place_of(told)]))
    (ending,) = told.endings
    assert ending.status == "diverged"
    assert "not finite" in ending.reason


def test_the_second_training_of_a_refit_has_names_of_its_own(iris: bw.Dataset) -> None:
    told = Told()
    (trained,) = trainings(log_training(bw.events(iris, **PLAN, refit=True), [place_of(told)]))
    again = [one for one in told.epochs if one.again]
    assert [one.row["refit/loss"] for one in again] == [row["loss"] for row in trained.refit]
    assert [one.row for one in told.epochs if not one.again] == list(trained.history)


def test_members_are_logged_by_their_first(iris: bw.Dataset) -> None:
    told = Told()
    (trained,) = trainings(log_training(bw.events(iris, **PLAN, members=2), [place_of(told, shows_weights=True)]))
    assert [one.row for one in told.epochs] == list(trained.history)
    assert told.endings[0].metrics["test/loss"] == trained.test_metrics["loss"]
    assert told.epochs[0].weights


def test_only_epochs_that_the_history_file_keeps_are_told(iris: bw.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the last one."""
    monkeypatch.setattr("batchwright.tracking.training.has_row", lambda epoch: epoch == 1)
    told = Told()
    list(log_training(bw.events(iris, **PLAN), [place_of(told)]))
    assert [one.number for one in told.epochs] == [1, 3]


def test_a_resumed_run_goes_on_in_the_run_of_the_tracker(iris: bw.Dataset, tmp_path: Path) -> None:
    told, run = Told(), tmp_path / "run"
    interrupted = bw.events(iris, **PLAN, run_dir=run, checkpoints=bw.Checkpoints(iterations=1))
    with pytest.raises(KeyboardInterrupt):
        stop_after_an_epoch(log_training(interrupted, [place_of(told)]))
    assert read_identities(run) == {"told": "the-identity"}
    from batchwright import workflow

    list(log_training(workflow.resume(run, iris), [place_of(told)]))
    assert [earlier for _, earlier in told.begun] == ["", "the-identity"]
    assert [one.number for one in told.epochs][-2:] == [2, 3]
    assert [one.status for one in told.endings] == ["interrupted", "finished"]


def stop_after_an_epoch(events: Any) -> None:
    recording = None
    for event in events:
        recording = event if isinstance(event, Recording) else recording
        if type(event).__name__ == "EpochDone" and (recording.path / "trackers.json").exists():
            events.throw(KeyboardInterrupt())


def test_names_with_blanks_are_gone_on_with(iris: bw.Dataset, tmp_path: Path) -> None:
    run, places = tmp_path / "my run", [f"tensorboard:{tmp_path / 'my logs'}", f"csv:{tmp_path / 'my log.csv'}"]
    bw.fit(iris, **PLAN, run_dir=run, log_to=places)
    bw.resume(run, iris, epochs=4, log_to=places)
    assert [path.name for path in (tmp_path / "my logs").iterdir()] == ["my run"]
    assert len(list((tmp_path / "my logs" / "my run").iterdir())) == 2
    assert len((tmp_path / "my log.csv").read_text().splitlines()) == 5


def test_an_error_tells_what_was_not_logged(iris: bw.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(path: Path, data: bytes) -> None:
        raise OSError("no space")

    monkeypatch.setattr("batchwright.tracking.tensorboard.append_whole", fill)
    wild = {**PLAN, "optimizer": bw.optim.SGD(1e30), "schedule": bw.optim.Constant()}
    with pytest.raises(DivergedError) as caught:
        bw.fit(iris, **wild, log_to=f"tensorboard:{tmp_path}")
    assert "failed at the end too (OSError: no space)" in caught.value.__notes__[-1]


@pytest.mark.parametrize("content", ["{", '{"runs": {"tensorboard:x": "../../elsewhere"}}', '{"runs": {"csv:x": 3}}'])
def test_identities_that_somebody_changed_are_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "trackers.json").write_text(content)
    with pytest.raises(RunError, match=r"trackers\.json"):
        read_identities(tmp_path)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere.json").write_text(json.dumps({"runs": {}}))
    (tmp_path / "trackers.json").symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(RunError, match="is a link"):
        read_identities(tmp_path)


def test_interrupted_by_a_signal_is_told_as_interrupted(iris: bw.Dataset, tmp_path: Path) -> None:
    from batchwright import workflow
    from batchwright.config import load_config

    told, settings = Told(), load_config(None, [("data.source", "iris", ""), ("training.epochs", "3", "")])
    events = workflow.train(settings, run_dir=tmp_path / "run", interrupted=lambda: True)
    with pytest.raises(InterruptedRunError):
        list(log_training(events, [place_of(told)]))
    assert [one.status for one in told.endings] == ["interrupted"]
