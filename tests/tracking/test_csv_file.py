"""The CSV file of epochs, read by polars."""

import math
from pathlib import Path

import polars as pl
import pytest
from tests.tracking.conftest import Logged

from batchwright.errors import UsageError
from batchwright.tracking.csv_file import CsvFile
from batchwright.tracking.tracker import About, Epoch


def test_it_is_the_history(logged: Logged) -> None:
    found = pl.read_csv(logged.folder / "epochs.csv")
    rows = logged.trained.history
    assert found.columns == list(dict.fromkeys(name for row in rows for name in row))
    for name in found.columns:
        assert found[name].to_list() == [row.get(name) for row in rows], name


def epochs(*rows: dict[str, float]) -> list[Epoch]:
    return [Epoch(row) for row in rows]


def test_a_resumed_training_goes_on_in_its_file(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    first = CsvFile(path)
    identity = first.start(About("a"), "")
    first.add(epochs({"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": math.nan}))
    first.add(epochs({"epoch": 3, "loss": 9.0, "later": 1}))
    again = CsvFile(path)
    again.start(About("a"), identity)
    again.add(epochs({"epoch": 3, "loss": 0.1}, {"epoch": 4, "loss": 0.05, "later": 2}))
    assert path.read_text() == "epoch,loss,later\n1,0.5,\n2,,\n3,0.1,\n4,0.05,2\n"


def test_the_second_training_of_a_refit_is_left_out(tmp_path: Path) -> None:
    tracker = CsvFile(tmp_path / "log.csv")
    tracker.start(About("a"), "")
    tracker.add([Epoch({"epoch": 1, "loss": 0.5}), Epoch({"epoch": 1, "refit/loss": 0.25}, again=True)])
    assert (tmp_path / "log.csv").read_text() == "epoch,loss\n1,0.5\n"


def test_a_file_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("name,pay\nAnna,3\n")
    with pytest.raises(UsageError, match="not a log of epochs"):
        CsvFile(path).start(About("a"), "people.csv")
    assert path.read_text() == "name,pay\nAnna,3\n"
