"""`batchwright dashboard` as a process: it opens at once, ends without noise, and says what is wrong in one line."""

import shlex
import signal
import socket
from pathlib import Path

import pytest

from batchwright.cli.beside import command_for, folder_above


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_without_noise(children, tmp_path, number):
    (tmp_path / "runs").mkdir()
    child = children.batchwright("dashboard", "--no-open", cwd=tmp_path, cache=tmp_path / "programs")
    child.wait_until(lambda: "Ctrl-C" in child.out)
    assert "dashboard of runs: http://127.0.0.1:" in child.out and "ssh -L" in child.out
    child.process.send_signal(number)
    assert child.ended() == 0
    assert child.err == ""


def test_what_is_wrong_is_one_line(children, tmp_path):
    (tmp_path / "file").write_text("")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for words, said in (
            (["none"], "there is no folder none: name the folder that holds the runs"),
            (["file"], "file is not a folder"),
            ([".", "--port", port], f"port {port} is in use by another program"),
            ([".", "--host", "192.0.2.1"], "192.0.2.1"),
        ):
            child = children.batchwright("dashboard", "--no-open", *words, cwd=tmp_path, cache=tmp_path / "programs")
            assert child.ended() == 2
            assert said in child.err and child.err.count("\n") == 1, child.err


def test_the_folder_of_the_first_run_need_not_be_there(children, tmp_path):
    child = children.batchwright("dashboard", "--no-open", cwd=tmp_path, cache=tmp_path / "programs")
    child.wait_until(lambda: "Ctrl-C" in child.out)
    assert "dashboard of runs: http://127.0.0.1:" in child.out
    child.process.send_signal(signal.SIGINT)
    assert child.ended() == 0 and child.err == ""


@pytest.mark.parametrize(
    ("run_dir", "above"), [(None, "runs"), ("live/b", "live"), ("b", "."), ("my runs/x/b/", "my runs/x"), (".", "..")]
)
def test_beside_a_training_the_folder_above_the_run_is_shown(run_dir, above, monkeypatch, tmp_path):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    found = folder_above(None if run_dir is None else Path(run_dir))
    assert found.resolve() == Path(above).resolve()
    assert shlex.split(command_for(found)) == ["batchwright", "dashboard", str(found.absolute())]


def test_a_dashboard_beside_a_training_ends_with_it(children, tmp_path):
    child = children.batchwright(
        *("train", "iris", "--epochs", "3", "--dashboard", "--run-dir", "live/b"),
        cwd=tmp_path,
        cache=tmp_path / "programs",
    )
    assert child.ended() == 0
    assert "dashboard of live: http://127.0.0.1:" in child.err
    assert f"`batchwright dashboard {tmp_path / 'live'}` shows it again" in child.err
    assert "Traceback" not in child.err
