"""A search that is logged: a run for each trial, and one for the training of the best."""

from pathlib import Path

import pytest
from tests.tracking.pretended import Told

import batchwright as bw
from batchwright.search.events import Searched, SearchOptions
from batchwright.search.logged import log_search
from batchwright.search.search import search
from batchwright.search.space import load_space
from batchwright.tracking.places import Kind, Place

SPACE = [
    ("data.source", "iris", ""),
    ("optimizer.learning_rate", "{log: [1e-3, 1e-1]}", ""),
    ("network.name", "linear", ""),
    ("training.epochs", "3", ""),
    ("training.batch_size", "16", ""),
]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Searched, list[Told]]:
    """A tracker for each run, in the order in which they began."""
    told, folder = list[Told](), tmp_path_factory.mktemp("search") / "here"

    def opened(_: str) -> Told:
        told.append(Told())
        return told[-1]

    place = Place(Kind("told", "", False, "", opened, lambda _: None), "")
    events = log_search(search(load_space(None, SPACE), SearchOptions(trials=4), run_dir=folder), [place])
    (searched,) = [event for event in events if isinstance(event, Searched)]
    return searched, told


def test_each_trial_is_a_run_with_its_settings_and_its_curve(found: tuple[Searched, list[Told]]) -> None:
    searched, told = found
    trials = {about.name: one for one in told[:-1] for about, _ in one.begun}
    assert trials.keys() == {f"trial-{one.number:03d}" for one in searched.finished}
    for one in searched.finished:
        logged = trials[f"trial-{one.number:03d}"]
        about = logged.begun[0][0]
        assert (about.group, dict(about.settings)) == ("here", dict(one.chosen))
        assert tuple(epoch.row["val_loss"] for epoch in logged.epochs) == one.outcome.curve
        assert logged.endings[0].status == "finished"


def test_the_training_of_the_best_is_a_run_too(found: tuple[Searched, list[Told]]) -> None:
    searched, told = found
    about, best = told[-1].begun[0][0], told[-1]
    assert (about.name, about.group) == ("best", "here")
    assert [epoch.row for epoch in best.epochs] == list(searched.trained.history)
    assert best.endings[0].metrics["test/accuracy"] == searched.trained.test_metrics["accuracy"]


def test_python_logs_a_search_too(tmp_path: Path) -> None:
    space = {key: value for key, value, _ in SPACE if key != "data.source"}
    space |= {"optimizer.learning_rate": {"log": [1e-3, 1e-1]}, "training.epochs": 1, "training.batch_size": 16}
    bw.run_search(bw.load("iris"), space, trials=2, run_dir=tmp_path / "s", log_to=f"tensorboard:{tmp_path / 'logs'}")
    folders = {path.name for path in (tmp_path / "logs" / "s").iterdir()}
    assert folders == {"trial-000", "trial-001", "best"}
    assert all(list(path.glob("events.*")) for path in (tmp_path / "logs" / "s").iterdir())
