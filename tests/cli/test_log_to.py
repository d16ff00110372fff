"""`--log-to` on the command line."""

import errno
import json
from pathlib import Path

import polars as pl
import pytest
from tests.cli.conftest import Batchwright, history

from batchwright.runs.run import open_run

QUICK = ("--target", "bought", "--epochs", 2, "--batch-size", 50, "--no-diagnostics")


def test_a_run_is_logged_and_its_answer_stays_one_object(batchwright: Batchwright, table: Path) -> None:
    said = batchwright("train", table, *QUICK, "--json", "--log-to", "csv:log.csv", "--log-to", "tensorboard:logs")
    assert said.code == 0, said.err
    run = Path(json.loads(said.out)["run"])
    assert pl.read_csv("log.csv")["loss"].to_list() == [row["loss"] for row in history(run)]
    assert len(list(Path("logs", run.name).glob("events.*"))) == 1
    assert json.loads((run / "trackers.json").read_text())["runs"].keys() == {"csv:log.csv", "tensorboard:logs"}
    assert open_run(run).status == "finished"


def test_what_is_wrong_is_said_before_anything_is_read(batchwright: Batchwright) -> None:
    for words, found in (
        (("train", "no-such.csv", "--log-to", "tensorbord:x"), "did you mean 'tensorboard'?"),
        (("search", "no-such.csv", "--log-to", "csv:x.csv"), "trials.jsonl"),
    ):
        said = batchwright(*words)
        assert said.code == 2
        assert found in said.err
    assert list(Path().iterdir()) == []


def test_a_resumed_run_goes_on_where_it_was_logged(batchwright: Batchwright, table: Path) -> None:
    """And says where that was, if it is not told to."""
    assert batchwright("train", table, *QUICK, "--run-dir", "run", "--log-to", "csv:log.csv").code == 0
    said = batchwright("resume", "run", "--epochs", 3)
    assert said.code == 0, said.err
    assert (
        "note: it was logged to csv:log.csv before, and is not now: resumed with --log-to csv:log.csv it goes on there"
        in said.err
    )
    assert pl.read_csv("log.csv").height == 2
    said = batchwright("resume", "run", "--epochs", 5, "--log-to", "csv:log.csv")
    assert (said.code, "note: it was logged" in said.err) == (0, False)
    assert pl.read_csv("log.csv")["epoch"].to_list() == [1, 2, 4, 5], "the third was not logged"
    refused = batchwright("resume", "run", "--epochs", 6, "--log-to", "csv:run/history.jsonl")
    assert refused.code == 2
    assert "exists already" in refused.err


def test_what_could_not_be_logged_is_a_note(
    batchwright: Batchwright, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(path: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("batchwright.tracking.tensorboard.append_whole", fill)
    said = batchwright("train", table, *QUICK, "--run-dir", "run", "--log-to", "tensorboard:logs")
    assert said.code == 0
    assert "note: logging to tensorboard:logs failed at the end too (OSError: [Errno 28] No space left" in said.err
    assert open_run(Path("run")).status == "finished"
