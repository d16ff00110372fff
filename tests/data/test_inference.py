"""What a column is follows from all its cells."""

import datetime
from pathlib import Path

import pytest

from batchwright.data.tables import TableOptions, from_frame, read_csv

DROP = TableOptions(on_bad_rows="drop")


def file(folder: Path, text: str) -> Path:
    path = folder / "table.csv"
    path.write_text(text)
    return path


def test_every_kind_is_inferred_from_the_whole_column(tmp_path: Path) -> None:
    rows = [
        f"{i % 7}.5,{'red' if i % 3 else 'blue'},2024-01-{i % 28 + 1:02d},{i % 2 == 0},name {i},NA" for i in range(200)
    ]
    rows[150] = "?, red ,,False,,"
    table = read_csv(file(tmp_path, "\n".join(["size,colour,day,open,who,nothing", *rows])))
    assert table.kinds == {
        "size": "numeric",
        "colour": "categorical",
        "day": "date",
        "open": "boolean",
        "who": "identifier",
        "nothing": "categorical",
    }
    assert table.frame.row(150) == (None, "red", None, False, None, None)
    assert table.frame.row(1) == (1.5, "red", datetime.datetime(2024, 1, 2), False, "name 1", None)
    assert table.column("who").note == "left out: 199 different texts in 199 rows look like names of the rows"
    assert not table.column("who").used


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", "2", "3+", "3+", "0", "1"], "categorical"),
        (["4", "5", "x"], "numeric"),
        (["x", "y", "5"], "categorical"),
        (["TRUE", "false", ""], "boolean"),
        (["yes", "no", "yes"], "categorical"),
        (["31.12.2023", "01.02.2024"], "date"),
        (["12/31/2023 23:59", "1/2/2024 0:00"], "date"),
        (["2024-01-02T03:04:05Z", "2024-01-02T03:04:06Z"], "date"),
        (["1.2.3", "4.5.6"], "categorical"),
        (["2024-13-45", "2024-99-99"], "categorical"),
        (["1e5", " 2 ", "-.5", "+3"], "numeric"),
    ],
)
def test_what_a_few_cells_are(cells: list[str], kind: str) -> None:
    table = from_frame({"x": cells}, DROP)
    assert table.kinds["x"] == kind


def test_dates_that_may_be_read_in_two_ways_are_noted() -> None:
    assert "%d/%m/%Y fits as well" in from_frame({"x": ["1/2/2024", "3/4/2024"]}).column("x").note
    certain = from_frame({"x": ["1/2/2024", "13/4/2024"]})
    assert certain.column("x").note == ""
    assert certain.frame["x"].to_list() == [datetime.datetime(2024, 2, 1), datetime.datetime(2024, 4, 13)]


@pytest.mark.parametrize("name", ["id", "", "Unnamed: 0", "row_id"])
def test_a_column_that_counts_the_rows_is_left_out(tmp_path: Path, name: str) -> None:
    table = read_csv(file(tmp_path, f"{name},y\n" + "".join(f"{i},{i % 3}\n" for i in range(30))))
    assert [column.used for column in table.columns] == [name == "row_id", True]
