"""A search that is killed at any write of its journal, and resumed, ends as the one that was left alone."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from optuna.storages.journal import JournalFileBackend

from batchwright.runs.searches import reopen_search
from batchwright.search.events import Searched, SearchOptions
from batchwright.search.search import go_on, search
from batchwright.search.space import load_space

VALUES = {
    "data.source": "iris",
    "network.name": "linear",
    "optimizer.name": "{choice: [sgd, adam]}",
    "optimizer.learning_rate": "{log: [1e-3, 10]}",
    "training.epochs": "6",
    "training.batch_size": "32",
}
TRIALS = 18
CHILD = f"""
from pathlib import Path
import sys
from batchwright.search.events import SearchOptions
from batchwright.search.search import search
from batchwright.search.space import load_space
space = load_space(None, [(key, text, key) for key, text in {VALUES!r}.items()])
list(search(space, SearchOptions(trials={TRIALS}), run_dir=Path(sys.argv[1])))
"""


class Killed(BaseException):
    pass


def _search(folder: Path) -> Searched:
    space = load_space(None, [(key, text, key) for key, text in VALUES.items()])
    return _last(search(space, SearchOptions(trials=TRIALS), run_dir=folder))


def _last(events: object) -> Searched:
    *_, last = events  # type: ignore[misc]
    assert isinstance(last, Searched)
    return last


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Searched:
    return _search(tmp_path_factory.mktemp("searches") / "alone")


def _is_as(found: Searched, alone: Searched) -> None:
    """The same proposals and endings in the same order, the same losses to rounding, and the same best."""
    assert [(one.number, dict(one.chosen)) for one in found.finished] == [
        (one.number, dict(one.chosen)) for one in alone.finished
    ]
    for one, other in zip(found.finished, alone.finished, strict=True):
        assert one.outcome.ending == other.outcome.ending
        assert one.outcome.curve == pytest.approx(other.outcome.curve, rel=1e-5)
    assert found.best.number == alone.best.number
    assert found.trained.metrics == alone.trained.metrics


SOAK = pytest.mark.soak


@pytest.mark.parametrize(
    "writes",
    [
        (3, 17),
        pytest.param((100, 1, 40), marks=SOAK),
        pytest.param((52, 9, 60), marks=SOAK),
        pytest.param((75, 30), marks=SOAK),
    ],
)
def test_killed_at_any_write_it_ends_as_one_left_alone(
    alone: Searched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: tuple[int, ...]
) -> None:
    append, left = JournalFileBackend.append_logs, 0

    def append_or_die(backend: JournalFileBackend, logs: list[dict[str, object]]) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed
        append(backend, logs)

    monkeypatch.setattr(JournalFileBackend, "append_logs", append_or_die)
    for number, left in enumerate(writes):  # noqa: B007 - read by append_or_die
        with pytest.raises(Killed):
            _search(tmp_path / "s") if number == 0 else _last(go_on(reopen_search(tmp_path / "s")))
    monkeypatch.undo()
    _is_as(_last(go_on(reopen_search(tmp_path / "s"))), alone)


@SOAK
def test_killed_by_the_system_it_ends_as_one_left_alone(alone: Searched, tmp_path: Path) -> None:
    folder, journal = tmp_path / "s", tmp_path / "s" / "study.journal"
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(folder)], stdout=subprocess.DEVNULL)
    try:
        while child.poll() is None and not (journal.exists() and journal.read_bytes().count(b'"ending"') >= 5):
            time.sleep(0.01)
    finally:
        child.kill()
        child.wait()
    assert journal.read_bytes().count(b'"ending"') >= 5
    _is_as(_last(go_on(reopen_search(folder))), alone)
