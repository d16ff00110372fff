"""What is told where there is no terminal: little enough for a log, and the first and last of it always."""

from pathlib import Path

import pytest
from rich.console import Console
from tests.children import Children
from tests.cli.conftest import Batchwright

from batchwright.cli import output
from batchwright.cli.output import Lines


def printed(times: list[float], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[str]:
    clock = iter(times)
    monkeypatch.setattr(output.time, "monotonic", lambda: next(clock))
    lines = Lines(Console(), "all are elsewhere")
    for number in range(len(times)):
        lines.line(str(number))
    lines.end()
    return capsys.readouterr().out.split("\n")[:-1]


def test_one_line_a_second_the_first_and_the_last(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert printed([0.0, 5.0, 10.0], monkeypatch, capsys) == ["0", "1", "2"]
    fast = [0.0, 0.2, 0.9, 1.1, 1.2, 2.2, 2.3, 2.4]
    assert printed(fast, monkeypatch, capsys) == ["0", "all are elsewhere", "3", "5", "7"]


def test_many_epochs_do_not_flood_a_log(batchwright: Batchwright) -> None:
    answer = batchwright("train", "iris", "--network", "linear", "--epochs", 300, "--early-stopping", "null",
                         "--batch-size", "full", "--run-dir", "run")  # fmt: skip
    assert answer.code == 0, answer.err
    lines = [line for line in answer.err.splitlines() if line.startswith("epoch ")]
    assert lines[0].startswith("epoch 1/300 ") and lines[-1].startswith("epoch 300/300 ")
    assert len(lines) < 300
    assert answer.err.count("history.jsonl has all of them") == 1
    assert len(Path("run/history.jsonl").read_text().splitlines()) == 300


def test_a_child_that_says_much_does_not_wait_for_its_reader(tmp_path: Path, children: Children) -> None:
    code = "import sys; [print('x' * 99, file=stream) for stream in (sys.stdout, sys.stderr) for _ in range(10000)]"
    child = children.start("-c", code, cwd=tmp_path)
    assert child.ended() == 0
    assert len(child.out) == len(child.err) == 1_000_000
