"""`predict` as a user meets it: what is kept, what is counted, and that no row moves."""

import csv
import io
import json
import tracemalloc
from pathlib import Path
from tempfile import TemporaryFile

import polars as pl
import pytest
from tests.cli.conftest import Batchwright

from batchwright.cli import output
from batchwright.cli import predict as verb
from batchwright.data import whole_rows
from batchwright.runs.answering import Answering
from batchwright.runs.run import open_run

NEW = """Id,first,second,colour
=7,0.1,0.2,red
-8,tall,0.2,green
9,,0.2,blue
10,90,0.2
"""


def test_rows_keep_their_places_and_what_is_unlike_training_is_counted(batchwright: Batchwright, table: Path) -> None:
    assert batchwright("train", table, "--target", "bought", "--epochs", 2, "--run-dir", "run").code == 0
    Path("new.csv").write_text(NEW)
    stopped = batchwright("predict", "run", "new.csv", "--output", "out.csv")
    assert stopped.code == 2
    assert "line 3, column 'first': 'tall'" in stopped.err
    assert "--on-bad-rows drop leaves the answers of these rows empty" in stopped.err
    assert not Path("out.csv").exists()

    answer = batchwright("predict", "run", "new.csv", "--on-bad-rows", "drop", "--keep", "Id")
    assert answer.code == 0
    rows = list(csv.DictReader(io.StringIO(answer.out)))
    assert [row["Id"] for row in rows] == ["'=7", "-8", "9", ""]
    assert [bool(row["predicted_bought"]) for row in rows] == [True, False, True, False]
    for said in (
        "note: 2 rows without an answer: line 3 (column 'first': 'tall' is not a finite number); line 5 (3 fields",
        "note: column 'colour': 1 of 2 cells hold categories that training never saw (such as 'blue')",
        "note: column 'first': 1 of 2 cells are missing, and none was in training: they are taken as",
        "note: 1 cell begins as a formula does (such as '=7')",
    ):
        assert said in answer.err

    counted = batchwright(
        "predict", "run", "new.csv", "--on-bad-rows", "drop", "--keep", "Id", "--output", "out.parquet", "--json"
    )
    said = json.loads(counted.out)
    assert (said["rows"], said["answered"], said["output"]) == (4, 2, "out.parquet")
    assert said["bad_cells"]["first"][0] == {"line": 3, "column": "first", "value": "tall"}
    assert said["unseen"] == {"colour": {"cells": 1, "examples": ["blue"]}}
    assert said["missing"] == {"first": {"cells": 1}}
    assert "answers" not in said
    frame = pl.read_parquet("out.parquet")
    assert frame["Id"].to_list() == ["=7", "-8", "9", None]

    printed = json.loads(batchwright("predict", "run", "new.csv", "--on-bad-rows", "drop", "--json").out)
    assert [row["predicted_bought"] for row in printed["answers"]] == frame["predicted_bought"].to_list()

    wrong = batchwright("predict", "run", "new.csv", "--keep", "Ids")
    assert wrong.code == 2
    assert "unknown column 'Ids': did you mean 'Id'?" in wrong.err
    assert batchwright("predict", "run", "new.csv", "--on-bad-rows", "skip").code == 2

    labelled = Path("labelled.csv")
    labelled.write_text(table.read_text() + "tall,0.1,red,yes\n99,0.1,red,yes\n")
    assert batchwright("evaluate", "run", labelled).code == 2
    found = batchwright("evaluate", "run", labelled, "--on-bad-rows", "drop", "--json")
    said = json.loads(found.out)
    assert said["out_of_range"]["first"]["farthest"] == 99
    assert said["notes"][0].startswith("1 row dropped: line 102")


def test_a_source_that_takes_more_than_the_limit_is_refused(
    batchwright: Batchwright, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In pieces any number of rows takes the same; what is read whole takes more the longer it is."""
    assert batchwright("train", table, "--target", "bought", "--epochs", 1, "--run-dir", "run").code == 0
    refused = batchwright("predict", "run", table, "--memory-limit", "50MB", "--output", "out.csv")
    assert refused.code == 2 and "more than the limit of 50 MB. Raise the limit." in refused.err
    assert not Path("out.csv").exists()
    assert batchwright("predict", "run", table, "--memory-limit", "a lot").code == 2
    rows = pl.read_csv(table)
    rows.write_ndjson("rows.jsonl")
    Path("long.jsonl").write_bytes(400_000 * Path("rows.jsonl").read_bytes().partition(b"\n")[0] + b"\n")
    for source, limit, code in (("rows.jsonl", "450MB", 0), ("long.jsonl", "450MB", 2), (table, "450MB", 0)):
        answer = batchwright("predict", "run", source, "--memory-limit", limit, "--output", f"{code}.csv")
        assert answer.code == code, answer.err
        assert ("give the rows as CSV or Parquet" in answer.err) == bool(code)
        assert "rows a second" not in answer.err  # of few rows that says nothing
        Path("0.csv").unlink(missing_ok=True)
    monkeypatch.setattr(verb, "MANY", 100)
    assert "note: 100 rows in " in batchwright("predict", "run", table, "--output", "out.csv").err


def test_a_list_that_is_copied_from_a_file_is_printed_as_the_whole(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "CHUNK", 7)
    rows = [{"a": "x\u2028\n\\ \x85", "b": float("nan")}, {"a": None, "b": 0.1}, {"a": "Größe, {}", "b": 1}]
    for items in (rows, rows[:1], []):
        value = {"rows": len(items), "notes": ["one"], "nothing": {}}
        output.print_json(value | {"answers": items})
        whole = capsys.readouterr().out
        with TemporaryFile("w+", encoding="utf-8", newline="") as file:
            output.write_objects(items, file)
            output.print_json_with(value, "answers", file)
        assert capsys.readouterr().out == whole


def test_rows_take_no_more_memory_the_more_there_are(
    batchwright: Batchwright, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Python and NumPy hold at most while the rows of a file are answered in pieces."""
    assert batchwright("train", table, "--target", "bought", "--epochs", 1, "--run-dir", "run").code == 0
    monkeypatch.setattr(whole_rows, "PIECE_BYTES", 1 << 14)
    header, *lines = table.read_text().splitlines()
    model, peaks = open_run("run").load_model(), []
    for times in (20, 20, 160):
        Path("rows.csv").write_text("\n".join([header, *(times * lines)]) + "\n")
        tracemalloc.start()
        answering = Answering(model, "rows.csv", keep=(), on_bad_rows="stop")
        assert sum(frame.height for frame in answering.frames()) == times * len(lines)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < 1.3 * peaks[1]
