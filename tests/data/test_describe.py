"""What is told about columns holds in both ways of reading and for new rows; columns are described as they are."""

import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml

import batchwright as bw
from batchwright.cli.data import _write_columns
from batchwright.config import load_config
from batchwright.data.describe import describe, describe_source
from batchwright.data.encode.encoding import Encoding
from batchwright.data.formats.delimited import read_csv
from batchwright.data.load import load, prepare
from batchwright.data.load_streamed import prepare_streamed
from batchwright.data.options import DataOptions, columns_as_told
from batchwright.data.typed.numbers import NumberFormat
from batchwright.data.typed.schema import ColumnOptions
from batchwright.data.typed.table import TableOptions
from batchwright.data.whole_rows import read_whole
from batchwright.errors import ConfigError, DataError

ROWS = 120
RNG = np.random.default_rng(0)
FRAME = pl.DataFrame(
    {
        "co": np.where(np.arange(ROWS) % 12, RNG.integers(600, 2000, ROWS), -200),
        "price": [f"{number // 1000}.{number % 1000:03d},5 EUR" for number in RNG.integers(1000, 9999, ROWS)],
        "zip": RNG.choice(["1001", "2002", "NA", "-"], ROWS),
        "day": [f"2024-01-{number % 28 + 1:02d}" for number in range(ROWS)],
        "same": ["only"] * ROWS,
        "y": RNG.choice(["a", "b"], ROWS),
    }
)
TOLD = {
    "co": ColumnOptions(missing=("-200",)),
    "price": ColumnOptions(number=NumberFormat(",", ".", after="EUR")),
    "zip": ColumnOptions("categorical", missing=("-",)),
    "same": ColumnOptions("identifier"),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    FRAME.write_csv(tmp_path / "t.csv")
    return tmp_path / "t.csv"


def test_what_is_told_about_columns_holds_in_memory_in_pieces_and_for_new_rows(path: Path) -> None:
    options = DataOptions(target="y", columns=TOLD)
    data, streamed = prepare(path, options), prepare_streamed(path, options)
    assert streamed.encoding == data.encoding
    co, price, zips = data.preprocessing.encoders[:3]
    kept = FRAME[data.indices.train.tolist()].filter(pl.col("co") != -200)
    assert (co.indicator, co.center) == (True, pytest.approx(kept["co"].mean()))
    assert price.center == pytest.approx(np.mean(read_prices(data.indices.train.tolist())))
    assert (zips.categories, zips.missing) == (("1001", "2002"), True)
    assert "column 'same': left out as asked" in data.notes
    encoding = Encoding.from_json(json.loads(json.dumps(data.encoding.to_json())))
    assert encoding == data.encoding
    new = path.with_name("new.csv")
    new.write_text('co,price,zip,day\n-200,"1.000,5 EUR",-,2024-01-02\n')
    row = next(read_whole(new, encoding)).inputs["numeric"][0]
    names = data.preprocessing.feature_names
    assert row[names.index("co is missing")] == row[names.index("zip is missing")] == 1.0
    assert row[names.index("price")] == pytest.approx((1000.5 - price.center) / price.scale, rel=1e-5)


def read_prices(rows: list[int]) -> list[float]:
    texts = FRAME["price"][rows].to_list()
    return [float(text.removesuffix(" EUR").replace(".", "").replace(",", ".")) for text in texts]


def test_columns_are_told_in_python_as_plain_mappings_too() -> None:
    told = {"x": {"kind": "categorical", "missing": ["none"]}}
    data = load({"x": ["1", "none"] * 10, "y": ["a", "b"] * 10}, target="y", columns=told)
    assert data.preprocessing.feature_names == ("x=1", "x is missing")
    assert columns_as_told({"x": {"number": {"decimal": ","}}})["x"].told_kind == "numeric"


@pytest.mark.parametrize(
    ("columns", "kinds", "message"),
    [
        ({"x": {"knd": "numeric"}}, {}, "columns: not a saved ColumnOptions: knd"),
        ({"x": {"kind": "date", "number": {}}}, {}, "'x' is date, and how its numbers are written: leave one out"),
        ({"x": {"kind": "date"}}, {"x": "numeric"}, "kinds says that 'x' is numeric, and columns that it is date"),
    ],
)
def test_contradictions_are_refused(columns, kinds, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load({"x": ["1", "2"] * 10, "y": ["a", "b"] * 10}, target="y", columns=columns, kinds=kinds)


def test_an_unknown_column_is_answered_with_the_nearest() -> None:
    with pytest.raises(DataError, match="columns: unknown column 'X': did you mean 'x'"):
        load({"x": ["1", "2"] * 10, "y": ["a", "b"] * 10}, target="y", columns={"X": {"kind": "numeric"}})


def test_earlier_encodings_have_no_columns_told() -> None:
    plain = load({"x": [1.5, 2.5] * 10, "y": ["a", "b"] * 10}, target="y").encoding.to_json()
    assert "columns" not in plain["reading"]
    assert Encoding.from_json(plain).reading.columns is None


def test_columns_are_described_by_all_cells(path: Path) -> None:
    found = bw.describe(path, target="y", columns={"zip": {"missing": ["-"]}})
    columns = {column.name: column for column in found.columns}
    assert [*columns] == FRAME.columns
    assert {name: (column.kind, column.used) for name, column in columns.items()} == {
        "co": ("numeric", True),
        "price": ("numeric", True),
        "zip": ("numeric", True),
        "day": ("date", True),
        "same": ("categorical", False),
        "y": ("categorical", False),
    }
    assert (columns["co"].lowest, columns["co"].highest) == ("-200", f"{FRAME['co'].max():g}")
    assert columns["price"].written == "1.234,5 EUR" and columns["price"].distinct == FRAME["price"].n_unique()
    assert columns["co"].note.startswith("-200 in 10 rows stands apart")
    assert columns["day"].becomes == "elapsed, day sine, day cosine, weekday sine, weekday cosine"
    assert columns["day"].lowest == columns["day"].cells[0] == "2024-01-01"
    assert columns["zip"].missing == FRAME["zip"].is_in(["NA", "-"]).sum()
    assert columns["same"].becomes == "left out: every training row is 'only'"
    assert (columns["y"].becomes, columns["y"].cells) == (
        "target: 2 classes",
        tuple(FRAME["y"].unique(maintain_order=True)),
    )


def test_described_in_pieces_is_the_same(path: Path) -> None:
    options = DataOptions(columns={"zip": ColumnOptions("categorical")})
    whole, pieces = describe_source(path, options), describe_source(path, options, memory_limit=1 << 34)
    assert whole == pieces


def test_the_configuration_that_is_written_reads_the_same_columns(path: Path, tmp_path: Path) -> None:
    settings = load_config(
        None,
        [("data.source", str(path), ""), ("data.target", "y", ""), ("data.columns", "{zip: {missing: ['-']}}", "")],
    )
    found = describe_source(path, settings.config.data_options)
    _write_columns(settings, found, tmp_path / "c.yaml")
    again = load_config(tmp_path / "c.yaml").config
    assert again.data.source == str(path) and again.data.target == "y"
    assert again.data.columns["price"] == ColumnOptions("numeric", NumberFormat(",", ".", after="EUR"))
    assert again.data.columns["zip"].missing == ("-",)
    reread = describe_source(path, again.data_options)
    said = [(one.name, one.kind, one.becomes, one.missing, one.lowest) for one in found.columns]
    assert [(one.name, one.kind, one.becomes, one.missing, one.lowest) for one in reread.columns] == said


SIZES = ["k.A." if row in (3, 50) else row / 8 for row in range(60)]
PAYS = ["9?7" if row == 9 else row for row in range(60)]
BAD = "size;pay;day;y\n" + "".join(
    f"{size};{pay};2024-01-{row % 28 + 1:02d};{'ab'[row % 2]}\n"
    for row, (size, pay) in enumerate(zip(SIZES, PAYS, strict=True))
)


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    (tmp_path / "bad.csv").write_text(BAD + "1;2;2024-01-01\n")
    return tmp_path / "bad.csv"


def test_cells_that_do_not_fit_are_shown_with_their_lines_and_all_columns(bad: Path) -> None:
    found = describe(bad, target="y")
    columns = {column.name: column for column in found.columns}
    assert {name: (column.kind, column.missing) for name, column in columns.items()} == {
        "size": ("numeric", 2),
        "pay": ("numeric", 1),
        "day": ("date", 0),
        "y": ("categorical", 0),
    }
    assert found.rows == 60
    size, pay, torn = found.notes
    assert "2 cells do not fit, as a finite number is expected: 'k.A.' (line 5), 'k.A.' (line 52)" in size
    assert "`data.columns={size: {missing: [\"k.A.\"]}}` takes 'k.A.' as missing" in size
    assert "1 cell does not fit" in pay and "'9?7' (line 11)" in pay and "`missing` says" in pay
    assert "line 62 (3 fields, expected 4 fields)" in torn


def test_words_in_several_columns_are_advised_as_missing_by_one_setting(tmp_path: Path) -> None:
    words = ["k.A.", "--", "unknown", "keine, bitte"]
    rows = [f"{n};{words[n % 4] if n % 23 == 0 else n};{words[n % 4] if n % 29 == 0 else n}" for n in range(400)]
    path = tmp_path / "t.csv"
    path.write_text("n;x;y\n" + "\n".join(rows))
    with pytest.raises(DataError, match="cells that do not fit") as refused:
        read_csv(path)
    advised = yaml.safe_load(re.search(r"`missing=([^`]*)` takes such cells", str(refused.value))[1])
    assert advised == sorted(words)
    table = read_csv(path, TableOptions(missing=tuple(advised)))
    assert [column.kind for column in table.columns[1:]] == ["numeric", "numeric"] and table.rows == 400
    path.write_text("\n".join(["n;x;y", *rows, "7;9?7;8"]))  # a cell that holds a number is none
    with pytest.raises(DataError) as refused:
        read_csv(path)
    assert "takes such cells as missing" not in str(refused.value)


def test_the_setting_that_is_advised_for_words_takes_them_as_missing(bad: Path) -> None:
    advised = yaml.safe_load(re.search(r"`data.columns=([^`]*)`", describe(bad).notes[0])[1])
    again = describe(bad, columns=advised)
    assert not any("column 'size'" in note for note in again.notes) and again.columns[0].missing == 2


def test_cells_that_do_not_fit_are_shown_in_pieces_too_and_a_training_still_stops(bad: Path) -> None:
    options = DataOptions(target="y")
    assert describe_source(bad, options, memory_limit=1 << 34) == describe_source(bad, options)
    for prepare_any in (prepare, prepare_streamed):
        with pytest.raises(DataError, match="found 4 cells that do not fit"):
            prepare_any(bad, options)
    assert describe_source(bad, dataclasses.replace(options, on_bad_rows="drop")).rows == 57


def test_a_table_that_fits_is_stored_once_for_describing_and_training(path: Path) -> None:
    describe_source(path, DataOptions(target="y"), memory_limit=1 << 34)
    stored = {file: file.stat().st_mtime_ns for file in path.parent.glob("*/store.json")}
    prepare_streamed(path, DataOptions(target="y"))
    assert len(stored) == 1 and {file: file.stat().st_mtime_ns for file in path.parent.glob("*/store.json")} == stored


@pytest.mark.parametrize(
    ("cells", "options", "becomes", "note"),
    [
        (["a", "b", "c"] * 10, {}, "target: 3 classes", ""),
        ([*map(float, range(30))], {}, "target: a number", ""),
        ([1, 2, 3] * 10, {"task": "regression"}, "target: a number", ""),
        (["a|b", "b", "c"] * 10, {"task": "multilabel"}, "target: 3 labels", ""),
        (["a", "b", None] * 10, {}, "target: 2 classes", "target 'y' is missing in 10 of 30 rows"),
        (["a"] * 30, {}, "target", "'y'"),
    ],
)
def test_of_a_target_it_is_said_what_it_becomes(cells, options, becomes: str, note: str) -> None:
    found = describe({"x": list(range(30)), "y": cells}, target="y", **options)
    assert found.columns[1].becomes == becomes
    assert not note or any(note in said for said in found.notes)


def test_of_a_target_that_numbers_the_rows_it_is_not_said_that_it_is_left_out() -> None:
    table = {"x": [number % 7 for number in range(50)], "nr": list(range(50))}
    found = {column.name: column.note for column in describe(table, target="nr").columns}
    assert found["nr"].startswith("it counts the rows") and "left out" not in found["nr"]
    assert "left out" in describe(table).columns[1].becomes


def test_several_targets_each_say_what_they_become() -> None:
    found = describe({"x": list(range(30)), "y": ["a", "b"] * 15, "z": [0.5 * i for i in range(30)]}, target="y,z")
    assert [column.becomes for column in found.columns[1:]] == ["target: 2 classes", "target: a number"]


def test_images_have_no_columns() -> None:
    with pytest.raises(DataError, match="holds images, which have no columns to describe"):
        describe("digits")
