"""Several processes on one study in a PostgreSQL of their own; one is killed, and the server goes away for a while."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from tests.children import LIMIT

from batchwright.errors import BatchwrightError, RunError
from batchwright.search import rounds, storage
from batchwright.search.events import SearchOptions
from batchwright.search.search import search
from batchwright.search.space import load_space
from batchwright.search.study import Outcome, open_study

WORKER = Path(__file__).with_name("worker.py")
PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin")) + [
    Path(found).parent for name in ("initdb",) if (found := shutil.which(name))
]
VALUES = {
    "data.source": "iris",
    "network.name": "linear",
    "optimizer.learning_rate": "{log: [1e-3, 1]}",
    "training.epochs": "10",
    "training.batch_size": "16",
    "training.early_stopping": "null",
}
RUNNING = optuna.trial.TrialState.RUNNING

pytestmark = pytest.mark.skipif(not PROGRAMS, reason="PostgreSQL is not installed")


class Server:
    """A PostgreSQL on the loopback, run by a user who is not root, as it asks for."""

    def __init__(self) -> None:
        self.user = "postgres" if os.geteuid() == 0 else None
        self.folder = Path(tempfile.mkdtemp(prefix="batchwright-pg-"))
        if self.user:
            os.chown(self.folder, pwd.getpwnam(self.user).pw_uid, -1)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._call("initdb", "-D", str(self.folder / "data"), "-A", "trust", "-U", "batchwright", "-N")
        self.start()
        self.url = f"postgresql://batchwright@127.0.0.1:{self.port}/postgres"

    def _call(self, name: str, *words: str) -> None:
        command = [str(PROGRAMS[0] / name), *words]
        subprocess.run(command, user=self.user, cwd=self.folder, check=True, capture_output=True, timeout=LIMIT)

    def start(self) -> None:
        command = [str(PROGRAMS[0] / "postgres"), "-D", str(self.folder / "data"), "-p", str(self.port)]
        command += [
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            f"unix_socket_directories={self.folder}",
            "-c",
            "fsync=off",
        ]
        self.process = subprocess.Popen(
            command, user=self.user, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while self.process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError("PostgreSQL does not start")

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)  # ends the connections too
        self.process.wait(LIMIT)

    def remove(self) -> None:
        if self.process.poll() is None:
            self.stop()
        shutil.rmtree(self.folder)


@pytest.fixture(scope="module")
def server():
    found = Server()
    yield found
    found.remove()


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(storage, "HEARTBEAT", 1)
    monkeypatch.setattr(storage, "GRACE", 3)
    monkeypatch.setattr(rounds, "WAIT", 0.1)


def _space():
    return load_space(None, [(key, text, key) for key, text in VALUES.items()])


def _study(server, name, identity=None):
    return open_study(_space(), server.url, name=name, identity=identity or {"rows": "a"}, seed=0)


@pytest.mark.slow
def test_trials_of_a_killed_worker_are_trained_by_another(server, tmp_path, children):
    words = [word for key, text in VALUES.items() for word in ("--set", f"{key}={text}")]
    kept = ("--storage", server.url, "--study-name", "shared")
    worker = children.fork(WORKER, "search", *words, "--trials", 8, *kept, cwd=tmp_path)
    taken = _until_it_trains(worker, server.url, "shared")
    worker.kill()
    options = SearchOptions(trials=8, storage=server.url, study_name="shared")
    *_, last = search(_space(), options, run_dir=tmp_path / "mine")
    assert len(last.finished) == 8
    chosen = [tuple(one.chosen.values()) for one in last.finished]
    assert len(set(chosen)) == 8, "none is counted twice"
    assert taken <= set(chosen), "none is lost"


def test_an_ensemble_is_of_the_best_of_the_whole_study(server, tmp_path):
    options = SearchOptions(trials=4, storage=server.url, study_name="members", pruning="none")
    *_, without = search(_space(), options, run_dir=tmp_path / "without")
    more = replace(options, trials=6)
    values = {**VALUES, "training.members": "3"}
    space = load_space(None, [(key, text, key) for key, text in values.items()])
    *_, last = search(space, more, run_dir=tmp_path / "with")
    assert len(last.finished) == 6 and {one.number for one in without.finished} < {one.number for one in last.finished}
    ranked = sorted(last.finished, key=lambda one: one.outcome.value)
    assert [one.number for one in last.members] == [one.number for one in ranked[:3]]
    assert len(last.trained.members.members) == 3


def _until_it_trains(worker, url, name):
    """What was chosen for the trials that a worker is training, as soon as it is, as Optuna alone sees them."""
    kept_in = optuna.storages.RDBStorage(url.replace("postgresql:", "postgresql+psycopg:"))
    trials = []

    def trains():
        with suppress(KeyError):
            trials[:] = optuna.load_study(study_name=name, storage=kept_in).get_trials(states=(RUNNING,))
        return trials and all(trial.params for trial in trials)

    worker.wait_until(trains)
    kept_in.remove_session()
    kept_in.engine.dispose()
    return {tuple(trial.params.values()) for trial in trials}


def test_a_server_that_comes_back_is_waited_for(server, monkeypatch):
    monkeypatch.setattr(storage, "WAITS", (0.1,) * 1000)
    study = _study(server, "interrupted")
    study.begin(2, seed=0)
    (asked,) = study.ask(1, _space())
    server.stop()
    again = threading.Timer(0.5, server.start)
    again.start()
    study.tell(asked.number, Outcome("finished", 0.5, (0.5,)))
    again.join()
    assert [one.outcome.value for one in study.finished_trials()] == [0.5]
    study.close()


def test_a_server_that_stays_away_ends_the_search_with_what_to_do(server, monkeypatch):
    monkeypatch.setattr(storage, "WAITS", (0.1, 0.1))
    monkeypatch.setattr(storage, "GRACE", 1)
    study = _study(server, "away")
    study.begin(2, seed=0)
    (asked,) = study.ask(1, _space())
    server.stop()
    try:
        with pytest.raises(BatchwrightError, match="cannot be reached") as error:
            study.tell(asked.number, Outcome("finished", 0.5, (0.5,)))
        assert "trained again" in str(error.value)
    finally:
        study.close()
        server.start()
    after = _study(server, "away")
    time.sleep(1.5)  # its last sign of life is old enough then
    after.reclaim()
    chosen = [dict(one.chosen) for one in after.ask(2, _space())]
    after.close()
    assert dict(asked.chosen) in chosen


def test_a_study_of_other_rows_is_refused(server):
    _study(server, "rows", {"rows": "a" * 20}).close()
    with pytest.raises(RunError, match="rows"):
        _study(server, "rows", {"rows": "b" * 20})


def test_a_database_that_is_not_there_is_said(server):
    from batchwright.errors import UsageError

    with pytest.raises(UsageError, match="cannot be opened"):
        open_study(_space(), server.url + "x", name="s", identity={}, seed=0)
    with pytest.raises(UsageError, match="`storage` takes the URL"):
        open_study(_space(), "postgres//nowhere", name="s", identity={}, seed=0)
