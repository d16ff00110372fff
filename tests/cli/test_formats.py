"""Files of other formats than CSV go through all verbs."""

import json
from pathlib import Path

import polars as pl
from tests.cli.conftest import Batchwright


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
