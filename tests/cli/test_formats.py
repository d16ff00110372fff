"""Files of other formats than CSV go through all verbs."""

import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import polars as pl
import pytest
from tests.cli.conftest import Batchwright

from batchwright.data.formats.given import standard_input

TypeIn: TypeAlias = Callable[[bytes], None]


@pytest.fixture
def type_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[TypeIn]:
    """A function that gives bytes on standard input, as to a new process."""

    def give(data: bytes) -> None:
        standard_input.cache_clear()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    yield give
    standard_input.cache_clear()


def test_a_network_is_trained_on_json_lines_and_answers_json(batchwright: Batchwright) -> None:
    rows = [{"a": {"b": place / 10}, "c": "uv"[place % 2], "y": "pq"[place % 2]} for place in range(40)]
    Path("x.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    Path("new.json").write_text(json.dumps([{"c": "v", "a": {"b": 1.5}, "extra": [1]}]))
    assert batchwright("train", "x.jsonl", "--target", "y", "--epochs", "1", "--test", "x.jsonl").code == 0
    assert batchwright("evaluate", "runs/x-1", "x.jsonl").code == 0
    assert batchwright("predict", "runs/x-1", "new.json", "--output", "answers.csv").code == 0
    assert pl.read_csv("answers.csv").height == 1


def test_a_kind_that_an_error_advises_is_an_option(batchwright: Batchwright) -> None:
    Path("x.jsonl").write_text('{"a": [1, 2], "y": "p"}\n')
    said = batchwright("train", "x.jsonl", "--target", "y")
    assert said.code == 2
    assert (
        "column 'a' has on line 1 a list" in said.err and "--set 'data.kinds={a: identifier}' leaves it out" in said.err
    )


def test_standard_input_is_trained_on_answered_and_given_again_to_resume(
    batchwright: Batchwright, type_in: TypeIn
) -> None:
    rows = b"x,y\n" + b"".join(b"%d,%s\n" % (place * place % 37, b"pq"[place % 2 :][:1]) for place in range(40))
    type_in(rows)
    assert batchwright("train", "-", "--target", "y", "--epochs", "1").code == 0
    type_in(rows)
    assert batchwright("evaluate", "runs/stdin-1", "-").code == 0
    type_in(b"x\n3\n4\n")
    assert batchwright("predict", "runs/stdin-1", "-").out.count("\n") == 3
    type_in(b"")
    said = batchwright("resume", "runs/stdin-1", "--epochs", "2")
    assert said.code == 2
    assert "came from standard input, and are not kept in the run: give them again" in said.err
    type_in(rows.replace(b"\n1,", b"\n2,"))
    assert (
        "are not those that runs/stdin-1 was trained on" in batchwright("resume", "runs/stdin-1", "--epochs", "2").err
    )
    type_in(rows)
    assert batchwright("resume", "runs/stdin-1", "--epochs", "2").code == 0
    assert "several processes cannot read" in batchwright("resume", "runs/stdin-1", "--verify").err


def test_a_pattern_is_found_again_from_another_folder(
    batchwright: Batchwright, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = table.read_text().splitlines(keepends=True)
    Path("parts").mkdir()
    for number, part in enumerate((lines[1:30], lines[30:])):
        Path(f"parts/part{number}.csv").write_text("".join([lines[0], *part]))
    target = lines[0].strip().split(",")[-1]
    assert batchwright("train", "parts/part*.csv", "--target", target, "--epochs", "1").code == 0
    run = Path("runs/part-1").resolve()
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert batchwright("resume", run, "--epochs", "2").code == 0
