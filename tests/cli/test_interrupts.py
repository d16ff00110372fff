"""Ctrl-C and SIGTERM end a verb with one line, wherever they come, and nothing half written is left."""

import os
import signal
import time

import polars as pl
import pytest

from batchwright._files import new_folder
from batchwright.cli import main
from batchwright.runs import run
from batchwright.runs.answer_files import write_csv_file, write_parquet_file


class Collected:
    """Where an exception cannot be passed on: an object that is thrown away."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)


def wait() -> None:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(30)


def fail_to_import() -> None:
    try:
        wait()
    except KeyboardInterrupt:
        raise ImportError("an extension was not initialized") from None


def swallow() -> None:
    Collected()
    time.sleep(30)


@pytest.mark.parametrize("meanwhile", [wait, fail_to_import, swallow])
def test_one_line_says_so(meanwhile, batchwright, monkeypatch) -> None:
    monkeypatch.setattr(run, "open_run", lambda _: meanwhile())
    before = signal.getsignal(signal.SIGINT)
    answer = batchwright("report", "some-run")
    assert (answer.code, answer.out, answer.err) == (130, "", "batchwright: interrupted.\n")
    assert signal.getsignal(signal.SIGINT) is before


def test_other_errors_stay_what_they_are(batchwright, monkeypatch) -> None:
    def fail(_: object) -> None:
        raise ImportError("no such module")

    monkeypatch.setattr(run, "open_run", fail)
    with pytest.raises(ImportError, match="no such module"):
        batchwright("report", "some-run")


def frames():
    yield pl.DataFrame({"a": [1]})
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(30)


def fill_folder(path) -> None:
    with new_folder(path) as folder:
        (folder / "part").touch()
        list(frames())


@pytest.mark.parametrize(
    "write",
    [lambda path: write_csv_file(frames(), path), lambda path: write_parquet_file(frames(), path), fill_folder],
    ids=["csv", "parquet", "folder"],
)
def test_sigterm_leaves_nothing_half_written(write, batchwright, monkeypatch, tmp_path) -> None:
    """Then the process ends by the signal, which would end that of the tests too."""
    ended, before = list[int](), signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(main, "end_by", ended.append)
    monkeypatch.setattr(run, "open_run", lambda _: write(tmp_path / "answers"))
    answer = batchwright("report", "some-run")
    assert (answer.out, answer.err, ended) == ("", "batchwright: ended by SIGTERM.\n", [signal.SIGTERM])
    assert list(tmp_path.iterdir()) == [] and signal.getsignal(signal.SIGTERM) == before


def test_sigterm_ends_a_process_as_if_nobody_had_caught_it(children, tmp_path) -> None:
    code = "import os, signal; os.fsync = lambda _: os.kill(os.getpid(), signal.SIGTERM)"
    child = children.start("-c", f"{code}; from batchwright.cli.main import main; main()", "init", cwd=tmp_path)
    assert child.ended() == -signal.SIGTERM and child.err == "batchwright: ended by SIGTERM.\n"
    assert list(tmp_path.iterdir()) == []
