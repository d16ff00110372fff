"""The diagnosis of a run that has ended: made by a process of its own, once, and made anew when the run has changed."""

import subprocess
import sys
import time

import pytest
from tests.dashboard.folders import hold, write_run
from tests.pages.servers import served

from batchwright.dashboard import make_app
from batchwright.dashboard.diagnoses import Diagnoses
from batchwright.diagnosis import diagnose, verdict
from batchwright.runs.run import open_run


@pytest.fixture
def board(tmp_path):
    diagnoses = Diagnoses()
    with served(make_app(tmp_path / "runs", diagnoses=diagnoses)) as running:
        running.enter()
        running.root = tmp_path / "runs"
        yield running
    diagnoses.end()


def ids(board):
    return {row["name"]: row["id"] for row in board.get("/api/table").json()["rows"]}


def wait(ask, seconds=60):
    until = time.monotonic() + seconds
    while (found := ask())["state"] in ("making", "waiting") and time.monotonic() < until:
        time.sleep(0.05)
    return found


def test_a_run_that_has_ended_is_diagnosed_as_the_command_does(board):
    folder = write_run(board.root / "a")
    (write_run(board.root / "damaged") / "history.jsonl").write_bytes((folder / "history.jsonl").read_bytes().upper())
    found = ids(board)
    assert board.get(f"/api/runs/{found['a']}/diagnosis").json() == {"state": "making"}
    assert board.get(f"/api/runs/{found['damaged']}/diagnosis").json() == {"state": "waiting"}
    told = wait(lambda: board.get(f"/api/runs/{found['a']}/diagnosis").json())
    said, seen = verdict(open_run(folder).history), diagnose(folder)
    assert told["state"] == "ready" and told["verdict"]["reason"] == said.reason
    assert [(one["kind"], one["evidence"], one["changes"]) for one in told["diagnosis"]] == [
        (one.kind, one.evidence, dict(one.changes)) for one in seen
    ]
    assert told["diagnosis"] and any("the rows are not at hand" in line for line in told["not_seen"])
    told = wait(lambda: board.get(f"/api/runs/{found['damaged']}/diagnosis").json())
    assert told["state"] == "failed" and "history.jsonl" in told["reason"]


def test_a_run_in_training_has_none(board):
    lock = hold(write_run(board.root / "a", status="running"))
    (write_run(board.root / "cut") / "history.jsonl").unlink()
    found = ids(board)
    for name in ("a", "cut"):
        assert board.get(f"/api/runs/{found[name]}/diagnosis").json() == {"state": "none"}
    assert board.get("/api/runs/0000000000000000/diagnosis").status == 404
    lock.release()


def test_it_is_made_once_and_anew_when_the_run_has_changed(monkeypatch, tmp_path):
    begun = []
    words = [sys.executable, "-c", """print('{"verdict": {}, "n": 1e999}')"""]
    popen = subprocess.Popen

    def begin(command, **given):
        begun.append(command[-1])
        return popen(words, **given)

    monkeypatch.setattr(subprocess, "Popen", begin)
    diagnoses = Diagnoses()
    for mark in (1, 1, 2):
        told = wait(lambda mark=mark: diagnoses.answer("a", tmp_path, mark))
        assert told == {"state": "ready", "verdict": {}, "n": None}
    assert begun == [str(tmp_path)] * 2
    words[:] = [sys.executable, "-c", "import sys; sys.exit('what is wrong')"]
    assert wait(lambda: diagnoses.answer("b", tmp_path, 1)) == {"state": "failed", "reason": "what is wrong"}


def test_one_that_cannot_begin_keeps_no_other_waiting(monkeypatch, tmp_path):
    def refuse(*_, **__):
        raise OSError("no memory")

    diagnoses, popen = Diagnoses(), subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", refuse)
    with pytest.raises(OSError, match="no memory"):
        diagnoses.answer("a", tmp_path, 1)
    words = [sys.executable, "-c", "print('{}')"]
    monkeypatch.setattr(subprocess, "Popen", lambda _, **given: popen(words, **given))
    assert wait(lambda: diagnoses.answer("b", tmp_path, 1)) == {"state": "ready"}


def test_the_server_loads_no_jax_for_it():
    script = "import batchwright.dashboard, batchwright.dashboard.diagnoses, sys; print('jax' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
