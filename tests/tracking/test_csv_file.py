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
    assert sorted(found.columns) == sorted({name for row in rows for name in row})
    assert found.columns[:7] == [*list(rows[0])[:5], "val_loss", "val_accuracy"]
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


def test_the_order_of_columns_is_not_that_in_which_they_came(tmp_path: Path) -> None:
    """Figures of layers are measured after some epochs only, and stand in the row of the history before the metrics."""
    path = tmp_path / "log.csv"
    tracker = CsvFile(path)
    tracker.start(About("a"), "")
    tracker.add(epochs({"loss": 0.5, "layers/a/norm": 3.0, "epoch": 1, "val_loss": 0.6, "val_accuracy": 0.5}))
    tracker.add(epochs({"epoch": 2, "loss": 0.25, "batch_size": 8, "val_loss": 0.5, "val_accuracy": 0.75}))
    head, *lines = path.read_text().splitlines()
    assert head == "epoch,loss,val_loss,val_accuracy,batch_size,layers/a/norm"
    assert lines == ["1,0.5,0.6,0.5,,3.0", "2,0.25,0.5,0.75,8,"]
