"""What a column is follows from all its cells."""

import datetime
from pathlib import Path

import polars as pl
import pytest

from batchwright.data.formats.delimited import read_csv
from batchwright.data.formats.parquet import read_parquet
from batchwright.data.typed.table import TableOptions, from_frame

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
    left_out = "left out: 199 different texts in 199 rows look like names of the rows"
    assert table.column("who").note == f"{left_out} ('name 0', 'name 1', 'name 2', ...)"
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
        (["0.5", "0", "-0.25", "00.5"], "numeric"),
        (["007", "7", "8"], "categorical"),
        (["007", "NA", "8"], "categorical"),
        (["-07", "1", "2"], "categorical"),
        (["9007199254740992", "9007199254740993", "1"], "categorical"),
        (["9007199254740", "1e300", "123456789012345"], "numeric"),
    ],
)
def test_what_a_few_cells_are(tmp_path: Path, cells: list[str], kind: str) -> None:
    path = file(tmp_path, "x,y\n" + "".join(f"{cell},1\n" for cell in cells))
    assert read_csv(path, DROP).kinds["x"] == kind
    assert from_frame({"x": cells}, DROP).kinds["x"] == "categorical", "text of a frame stays text"


@pytest.mark.parametrize("name", ["id", "", "Unnamed: 0", "row_id", "t"])
def test_a_column_that_counts_the_rows_is_left_out(tmp_path: Path, name: str) -> None:
    table = read_csv(file(tmp_path, f"{name},y\n" + "".join(f"{i + 7},{i % 3}\n" for i in range(30))))
    assert [column.used for column in table.columns] == [False, True]
    assert table.columns[0].note.startswith("left out: it counts the rows (7, 8, 9, ...); `data.kinds={")


def test_text_of_frames_and_parquet_stays_text_with_a_note(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "zip": ["02139", "10001", "02139"],
            "level": pl.Series(["1", "2", "10"], dtype=pl.Categorical),
            "day": ["2024-01-02", "2024-01-03", "2024-01-02"],
            "large": [2**53, 2**53 + 1, 1],
        }
    )
    frame.write_parquet(tmp_path / "t.parquet")
    for table in (from_frame(frame), from_frame(frame.to_pandas()), read_parquet(tmp_path / "t.parquet")):
        assert table.kinds == {
            "zip": "categorical",
            "level": "categorical",
            "day": "categorical",
            "large": "numeric",
        }
        assert table.frame["zip"].to_list() == ["02139", "10001", "02139"]
        assert table.frame["large"].to_list() == [2**53, 2**53 + 1, 1]
        assert (
            table.column("zip").note
            == "text that looks like numbers stays text, unless `data.kinds={zip: numeric}` is told"
        )
        assert (
            table.column("day").note == "text that looks like dates stays text, unless `data.kinds={day: date}` is told"
        )
    assert from_frame(frame, TableOptions(kinds={"zip": "numeric"})).frame["zip"].to_list() == [2139.0, 10001.0, 2139.0]


@pytest.mark.parametrize(
    ("cells", "note"),
    [
        (["1.10", "1.1"] * 30, "1.10 and 1.1 are one number"),
        (["007.5", "7.5"] * 10, "007.5 and 7.5 are one number"),
        (["1e3", "1000"] * 10, "1e3 and 1000 are one number"),
        (["5", "5.0", "1.5"] * 10, "5 and 5.0 are one number"),
        ([str(i * 3 % 997) for i in range(900)] + ["05"], "05 read as a number"),
        ([str(i * 3 % 997) for i in range(900)] + ["05", "9" * 16], "05 and 1 more read as numbers"),
        (["1", "2", "-3"] * 10, ""),
        (["0.5", "1.5", "-0"] * 10, ""),
    ],
)
def test_what_numbers_do_not_say_of_their_text_is_noted(tmp_path: Path, cells: list[str], note: str) -> None:
    path = file(tmp_path, "x,y\n" + "".join(f"{cell},{i % 2}\n" for i, cell in enumerate(cells)))
    column = read_csv(path).column("x")
    kept = "; `data.kinds={x: categorical}` keeps what is written"
    assert (column.kind, column.used, column.note) == ("numeric", True, note + kept if note else "")
    told = read_csv(path, TableOptions(kinds={"x": "categorical"}))
    assert told.frame["x"].to_list() == cells


def test_numbers_of_one_length_with_leading_zeros_name_things(tmp_path: Path) -> None:
    cells = [f"{i:05d}" for i in range(9900, 90000, 77)]
    assert sum(cell.startswith("0") for cell in cells) < len(cells) / 100
    table = read_csv(file(tmp_path, "x,y\n" + "".join(f"{cell},1\n" for cell in cells * 2)))
    assert table.frame["x"].to_list() == cells * 2


def test_whole_numbers_beyond_float64_stay_apart_with_a_point_too(tmp_path: Path) -> None:
    cells = ["9007199254740992.0", "9007199254740993.0"] * 10
    table = read_csv(file(tmp_path, "x,y\n" + "".join(f"{cell},1\n" for cell in cells)))
    assert table.frame["x"].n_unique() == 2


def test_text_among_numbers_is_shown_if_it_keeps_them_from_being_numbers(tmp_path: Path) -> None:
    cells = [str(row / 10) if row % 3 else ("<0.1" if row % 2 else "n.d.") for row in range(90)]
    text = "ph,y\n" + "".join(f"{cell},{row % 2}\n" for row, cell in enumerate(cells))
    column = read_csv(file(tmp_path, text)).column("ph")
    assert column.kind == "categorical"
    assert column.note.startswith("text, although 67% of the cells are numbers; others are as '<0.1': if they mean")
    assert '`data.columns={ph: {missing: ["<0.1", "n.d."]}}`' in column.note
    few = "n,y\n" + "".join(f"{'3+' if row % 4 == 3 else row % 4},{row % 2}\n" for row in range(90))
    assert "although" not in read_csv(file(tmp_path, few)).column("n").note, "codes"
