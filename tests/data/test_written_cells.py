"""Cells of every kind that people write are the same in memory, in pieces, by the saved schema, and as told again."""

import json
from pathlib import Path

import polars as pl

from batchwright.data.describe import describe
from batchwright.data.disk.convert_table import convert
from batchwright.data.formats.delimited import read_csv
from batchwright.data.load import load
from batchwright.data.typed.schema import ColumnOptions, Schema, as_plain, from_plain
from batchwright.data.typed.table import TableOptions

CELLS = {
    "week": ["2023-W05", "2023-W06", "2024-W01"],
    "quarter": ["Q1 2023", "Q2 2023", "Q4 2022"],
    "tenure": ["3 yrs 7 mon", "0 yrs 11 mon", "1 yrs 0 mon"],
    "age": ["2 years", "3 weeks", "5 days"],
    "stars": ["4/10", "7/10", "9/10"],
    "part": ["1/2", "3/4", "5/8"],
    "amount": ["4.997,39-", "12,50", "7,–"],
    "turnover": ["3,5 Mio.", "120 Tsd.", "1,2 Mrd."],
    "closes": ["18:00", "24:00", "20:30"],
    "paid": ["1", "no", "yes"],
    "income": ["10-20", "20-30", "30+"],
}


def file(folder: Path) -> Path:
    path = folder / "t.csv"
    rows = [";".join([*row, "ab"[place % 2]]) for place, row in enumerate(zip(*CELLS.values(), strict=True))] * 10
    path.write_text("\n".join([";".join([*CELLS, "y"]), *rows]) + "\n", encoding="utf-8")
    return path


def test_in_pieces_all_is_as_in_memory(tmp_path: Path) -> None:
    path = file(tmp_path)
    whole, store = read_csv(path), convert(path)
    assert store.columns == whole.columns
    assert store.table().frame.equals(whole.frame)


def test_the_saved_schema_reads_one_row_as_all(tmp_path: Path) -> None:
    path = file(tmp_path)
    whole = read_csv(path)
    schema = from_plain(Schema, json.loads(json.dumps(as_plain(Schema(whole.columns, None, "classification")))))
    assert schema.columns == whole.columns
    lines = path.read_text(encoding="utf-8").splitlines()
    for row in range(3):
        path.write_text(f"{lines[0]}\n{lines[row + 1]}\n", encoding="utf-8")
        assert read_csv(path, schema=schema).frame.equals(whole.frame[row])


def test_what_describe_tells_reads_the_same(tmp_path: Path) -> None:
    path = file(tmp_path)
    kinds = {column.name: column.kind for column in read_csv(path).columns}
    columns = {
        column.name: ColumnOptions(kinds[column.name], column.numbers)
        for column in read_csv(path).columns
        if column.name != "y"
    }
    again = read_csv(path, TableOptions(columns=columns))
    assert again.frame.equals(read_csv(path).frame)
    assert [one.name for one in describe(path).columns] == [*CELLS, "y"]


def test_flags_in_several_ways_are_two_classes(tmp_path: Path) -> None:
    data = load(file(tmp_path), target="paid", seed=1)
    assert len(data.schema.classes) == 2
    assert pl.Series(data.notes).str.contains("read as true: '1', 'yes'; as false: 'no'", literal=True).any()
