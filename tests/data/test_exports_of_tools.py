"""Files as other programs write them: R, SAS, Stata and databases, and types of Parquet that hold no numbers."""

import datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from batchwright.data.describe import describe
from batchwright.data.disk.convert_table import convert
from batchwright.data.formats.delimited import read_csv
from batchwright.data.load import load
from batchwright.data.typed.table import TableOptions
from batchwright.errors import DataError

ROWS = 40
DRAW = np.random.default_rng(0)
NUMBERS = DRAW.normal(size=ROWS).round(4)
KINDS = np.array(["setosa", "virginica"])[DRAW.integers(0, 2, ROWS)]


@pytest.mark.parametrize("quote", ['"', ""])
def test_a_table_of_r_has_names_of_rows_that_its_header_lacks(tmp_path: Path, quote: str) -> None:
    lines = [f"{quote}length{quote} {quote}width{quote} {quote}kind{quote}"]
    lines += [
        f"{quote}{row + 1}{quote} {x} {-x} {quote}{kind}{quote}"
        for row, (x, kind) in enumerate(zip(NUMBERS, KINDS, strict=True))
    ]
    path = tmp_path / "r.txt"
    path.write_text("\n".join(lines) + "\n")
    table = read_csv(path, TableOptions())
    assert table.frame.columns == ["unnamed 0", "length", "width", "kind"]
    assert table.frame["length"].to_list() == NUMBERS.tolist()
    assert table.frame["kind"].to_list() == KINDS.tolist()
    assert table.column("unnamed 0").kind == "identifier"
    assert any("one name fewer" in note for note in table.notes)
    assert convert(path, TableOptions()).table().frame.equals(table.frame)


def test_sentences_with_one_line_shorter_are_no_table_of_blanks(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_text("two words\n" + "three small words\n" * 20)
    assert read_csv(path, TableOptions()).frame.columns == ["two words"]


@pytest.mark.parametrize("mark", [".", r"\N"])
def test_marks_of_databases_and_statistics_mean_missing(tmp_path: Path, mark: str) -> None:
    dates = [datetime.date(2024, 1, 1) + datetime.timedelta(days=3 * row) for row in range(ROWS)]
    gone = np.arange(ROWS) % 4 == 1
    lines = ["x\tday\tkind"]
    lines += [
        "\t".join([mark] * 3 if lost else [f"{x}", f"{day}", kind])
        for x, day, kind, lost in zip(NUMBERS, dates, KINDS, gone, strict=True)
    ]
    path = tmp_path / "dump.tsv"
    path.write_text("\n".join(lines) + "\n")
    table = read_csv(path, TableOptions())
    assert [column.kind for column in table.columns] == ["numeric", "date", "categorical"]
    for cells in table.frame:
        assert cells.is_null().to_list() == gone.tolist()
    assert table.frame["x"].drop_nulls().to_list() == NUMBERS[~gone].tolist()
    assert f"10 cells {mark!r} taken as missing" in table.column("kind").note
    assert convert(path, TableOptions()).table().frame.equals(table.frame)


@pytest.mark.parametrize("kind", ["numeric", "categorical", "date", "text", "boolean", "tags"])
@pytest.mark.parametrize("what", ["bytes", "lengths"])
def test_bytes_and_lengths_are_described_and_refused_in_words_whatever_they_are_told_to_be(
    tmp_path: Path, what: str, kind: str
) -> None:
    cells = {"bytes": [b"\xff", b"\x00a"] * 20, "lengths": [datetime.timedelta(seconds=90), None] * 20}[what]
    path = tmp_path / "t.parquet"
    pl.DataFrame({"c": cells, "x": NUMBERS, "y": KINDS}).write_parquet(path)
    plain = {column.name: column for column in describe(path, target="y").columns}
    assert set(plain["c"].cells) <= {"ff", "0061", "90"}
    told = describe(path, target="y", kinds={"c": kind})
    assert [column.name for column in told.columns] == ["c", "x", "y"]
    refused = kind in ("date", "boolean") or (what, kind) == ("bytes", "numeric")
    if refused:
        with pytest.raises(DataError, match="do not fit"):
            load(path, target="y", kinds={"c": kind})
    else:
        assert load(path, target="y", kinds={"c": kind}).train.rows > 0


def test_a_target_of_clocks_is_refused_with_the_setting_that_makes_seconds_of_it(tmp_path: Path) -> None:
    path = tmp_path / "race.csv"
    seconds = DRAW.integers(3000, 9000, ROWS)
    lines = [f"{x},{s // 3600}:{s // 60 % 60:02}:{s % 60:02}" for x, s in zip(NUMBERS, seconds, strict=True)]
    path.write_text("x,finish\n" + "\n".join(lines) + "\n")
    with pytest.raises(DataError, match=r"times of day.*lengths of time, `data.kinds=\{finish: numeric\}`"):
        load(path, target="finish")
    data = load(path, target="finish", kinds={"finish": "numeric"}, validation_split=0, test_split=0)
    np.testing.assert_allclose(data.target.decode(data.train.targets), seconds, rtol=1e-5)  # type: ignore[union-attr]


def test_years_below_groups_are_a_second_line_of_the_header(tmp_path: Path) -> None:
    rows = [f"R{row % 7},{x},{x + 1},{-x},{2 * x}" for row, x in enumerate(NUMBERS)]
    path = tmp_path / "pivot.csv"
    path.write_text("Region,Sales,,Costs,\n,2020,2021,2020,2021\n" + "\n".join(rows) + "\n")
    table = read_csv(path, TableOptions())
    assert table.frame.columns == ["Region", "Sales 2020", "Sales 2021", "Costs 2020", "Costs 2021"]
    assert table.frame["Sales 2020"].to_list() == NUMBERS.tolist()
    assert convert(path, TableOptions()).table().frame.equals(table.frame)
    years = [f"R{row % 7},{2000 + row},{1990 + row},{x},{x}" for row, x in enumerate(NUMBERS)]
    path.write_text("Region,Built,,Price,\n,2055,1985,2020,2021\n" + "\n".join(years) + "\n")
    assert read_csv(path, TableOptions()).rows == ROWS + 1


def test_what_keeps_amounts_from_being_numbers_is_named_with_the_remedy(tmp_path: Path) -> None:
    cells = ["k.A." if row % 10 == 1 else f"{row}.212" for row in range(100, 100 + 2 * ROWS)]
    path = tmp_path / "t.csv"
    path.write_text("sold;x\n" + "\n".join(f"{cell};0,5" for cell in cells) + "\n")
    note = read_csv(path, TableOptions()).column("sold").note
    assert "others are as 'k.A.': if they mean missing, `data.columns={sold: {missing: [\"k.A.\"]}}`" in note


def test_rows_that_repeat_the_header_are_said_to_do_so_and_make_no_flags(tmp_path: Path) -> None:
    rows = [f"{x},{'ja' if x > 0 else 'nein'}" for x in NUMBERS]
    path = tmp_path / "joined.csv"
    path.write_text("\n".join(["x,y", *rows[:20], "x,y", *rows[20:], ""]))
    with pytest.raises(DataError, match="repeat the header") as stopped:
        read_csv(path, TableOptions())
    assert "missing" not in str(stopped.value)
    table = read_csv(path, TableOptions(on_bad_rows="drop"))
    assert table.rows == ROWS
    assert set(table.frame["y"]) == {"ja", "nein"}
