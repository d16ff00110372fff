"""Signals, kills and `batchwright resume`, as a user meets them: processes of their own."""

import json
import re
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from tests.children import Child, Children
from tests.cli.conftest import Batchwright, assert_same

from batchwright import verification
from batchwright.runs.run import open_run

TRAIN = (
    *("train", "digits", "--network", "mlp", "--hidden-layer-sizes", "16", "--dropout", "0.2"),
    *("--epochs", "6", "--batch-size", "64", "--run-dir", "run"),
    *("--set", "training.checkpoints.iterations=7"),
)

SIGNALLED = Path(__file__).with_name("signalled.py")

LONG = (*TRAIN, "--epochs", "100000", "--early-stopping", "null")


def start(children: Children, *words: object, cwd: Path) -> Child:
    return children.batchwright(*words, cwd=cwd, cache=cwd.parent / "programs")


def signalled(children: Children, number: signal.Signals, *words: object, cwd: Path) -> Child:
    """A process that sends itself a signal once a checkpoint is on the disk."""
    return children.fork(
        SIGNALLED, int(number), *words, cwd=cwd, env={"BATCHWRIGHT_CACHE": str(cwd.parent / "programs")}
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that was never interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    with Children() as children:
        process = start(children, *TRAIN, cwd=folder)
        assert process.ended() == 0, process.err
    return folder / "run"


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.soak)], ids=["SIGTERM", "SIGINT"]
)
def test_signal_saves_and_resume_ends_with_the_same_bits(
    tmp_path: Path, whole: Path, number: signal.Signals, batchwright: Batchwright, children: Children
) -> None:
    process = signalled(children, number, *TRAIN, cwd=tmp_path)
    assert process.ended() == 75, process.err
    assert "`batchwright resume run` goes on with it" in process.err
    assert "accuracy" in process.out, "what was learned so far is measured, and kept"
    assert open_run(tmp_path / "run").manifest.status == "interrupted"
    assert open_run(tmp_path / "run").load_model()
    answer = batchwright("resume", "run", "--json")
    assert answer.code == 0, answer.err
    assert json.loads(answer.out)["status"] == "finished"
    assert "the run goes on from iteration" in answer.err
    assert_same(tmp_path / "run", whole)


def test_killed_run_goes_on_and_ends_with_the_same_bits(
    tmp_path: Path, whole: Path, batchwright: Batchwright, children: Children
) -> None:
    process = signalled(children, signal.SIGKILL, *TRAIN, cwd=tmp_path)
    assert process.ended() == -signal.SIGKILL, process.err
    killed = open_run(tmp_path / "run")
    assert killed.manifest.status == "running" and killed.status == "killed"
    how = f"`batchwright resume {killed.path}` goes on with it"
    assert killed.reason == how and repr(killed) == f"<Run {killed.path}: killed>"
    (listed,) = json.loads(batchwright("runs", ".", "--json").out)
    assert (listed["status"], listed["reason"]) == ("killed", "`batchwright resume run` goes on with it")
    assert "killed" in batchwright("runs", ".").out
    assert batchwright("report", "run").out.startswith("run: killed: `batchwright resume run` goes on with it")
    assert "no model/model.json" in batchwright("evaluate", "run", "digits").err
    (tmp_path / "run/checkpoints/.000-000000000099.0123abcd.part").mkdir()
    answer = batchwright("resume", "run")
    assert answer.code == 0, answer.err
    assert_same(tmp_path / "run", whole)
    assert not list((tmp_path / "run").rglob("*.part"))


def test_second_signal_ends_at_once(tmp_path: Path, children: Children) -> None:
    process, rows = start(children, *LONG, cwd=tmp_path), tmp_path / "run/history.jsonl"
    process.wait_until(lambda: rows.exists() and rows.stat().st_size > 0)
    process.send(signal.SIGINT)
    process.send(signal.SIGTERM)
    assert process.ended() in (75, 130), process.err


def test_finished_run_is_not_gone_on_with(tmp_path: Path, whole: Path, batchwright: Batchwright) -> None:
    answer = batchwright("resume", whole)
    assert answer.code == 2
    assert "has finished: there is nothing to go on with" in answer.err


def test_run_that_another_process_writes_is_left_alone(
    tmp_path: Path, batchwright: Batchwright, children: Children
) -> None:
    process = start(children, *LONG, cwd=tmp_path)
    process.wait_until((tmp_path / "run/splits.safetensors").exists)
    answer = batchwright("resume", "run")
    assert answer.code == 2
    assert f"is being written by another process (process {process.pid})" in answer.err
    assert open_run(tmp_path / "run").status == "running"
    process.kill()
    assert open_run(tmp_path / "run").status == "killed"


def test_a_run_goes_on_from_another_folder(
    tmp_path: Path, table: Path, batchwright: Batchwright, monkeypatch: pytest.MonkeyPatch, children: Children
) -> None:
    process = signalled(children, signal.SIGKILL, "train", table.name, "--test", table.name, "--target", "bought",
                        "--network", "linear", "--epochs", 100, "--batch-size", 8, "--run-dir", "run",
                        "--set", "training.checkpoints={iterations: 50}", cwd=tmp_path)  # fmt: skip
    assert process.ended() == -signal.SIGKILL, process.err
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    answer = batchwright("resume", tmp_path / "run")
    assert answer.code == 0, answer.err
    assert open_run(tmp_path / "run").status == "finished"


def test_other_rows_are_refused(tmp_path: Path, table: Path, batchwright: Batchwright, children: Children) -> None:
    process = start(children, "train", table, "--target", "bought", "--network", "linear", "--epochs", "100000",
                    "--early-stopping", "null", "--run-dir", "run", cwd=tmp_path)  # fmt: skip
    process.wait_until((tmp_path / "run/checkpoints").exists)
    process.kill()
    table.write_text(table.read_text().replace("red", "blue", 1))
    answer = batchwright("resume", "run")
    assert answer.code == 2
    assert re.search(r"the rows of .* are not those that run was trained on", answer.err)
    table.unlink()
    answer = batchwright("resume", "run")
    assert answer.code == 2
    assert f"the rows of run are no longer at {table}: put them there again" in answer.err
    assert (tmp_path / "run/checkpoints").exists(), "nothing was lost by trying"


def test_resuming_is_verified(
    tmp_path: Path, whole: Path, batchwright: Batchwright, monkeypatch: pytest.MonkeyPatch, children: Children
) -> None:
    def run(command: list[str], **_: object) -> SimpleNamespace:
        """A process that need import little."""
        assert command[:3] == [sys.executable, "-m", verification.__name__]
        process = children.fork(verification.__file__, *command[3:], cwd=Path.cwd())
        return SimpleNamespace(returncode=process.ended(), stderr=process.err)

    monkeypatch.setattr(verification, "subprocess", SimpleNamespace(run=run))
    monkeypatch.setenv("BATCHWRIGHT_CACHE", str(tmp_path.parent / "programs"))
    monkeypatch.setattr(verification, "KILLS", 1)
    before = {path: path.read_bytes() for path in whole.rglob("*") if path.is_file()}
    answer = batchwright("resume", whole, "--verify")
    assert answer.code == 0, answer.err
    assert "exact: the same bits after 18 iterations, killed and resumed 1 times" in answer.out
    assert before == {path: path.read_bytes() for path in whole.rglob("*") if path.is_file()}


def test_divergence_with_a_smaller_rate(tmp_path: Path, batchwright: Batchwright) -> None:
    words = ("train", "digits", "--optimizer", "sgd", "--learning-rate", "1e25", "--schedule", "constant",
             "--no-batch-normalization", "--epochs", "2", "--run-dir", "run")  # fmt: skip
    factor = ("--on-divergence", "reduce", "--set", "training.divergence.factor=1e-27")
    answer = batchwright(*words, *factor)
    assert answer.code == 0, answer.err
    assert "going back to iteration" in answer.err
    assert {row["reductions"] for row in open_run(tmp_path / "run").history} == {1}
    assert np.isfinite(open_run(tmp_path / "run").metrics["test"]["loss"])
    assert (tmp_path / "run/model").is_dir()
