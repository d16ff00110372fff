"""`predict` as a user meets it: what is kept, what is counted, and that no row moves."""

import csv
import io
import json
from pathlib import Path

import polars as pl
from tests.cli.conftest import Batchwright

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
