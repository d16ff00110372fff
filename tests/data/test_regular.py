"""Regular texts are read a quick way, which gives to the bit what the way for all texts gives."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from batchwright.data.formats import cell_starts, delimited, parsed_numbers
from batchwright.data.formats import text as text_files
from batchwright.data.formats.cell_starts import count_symbols, odd_start
from batchwright.data.formats.delimited import DELIMITED, split_lines, split_text
from batchwright.data.formats.layout import Layout
from batchwright.data.formats.parsed_numbers import find_numbers
from batchwright.data.formats.records import Signs
from batchwright.data.formats.text import read_bytes
from batchwright.data.typed import reading as typed_reading
from batchwright.data.typed import repeated
from batchwright.data.typed.table import Table, TableOptions
from batchwright.data.typed.whole import read_whole
from batchwright.errors import DataError

RANDOM = np.random.default_rng(0)
ROWS = 1200
FRACTIONS = [f"{number:.3f}" for number in RANDOM.permutation(ROWS) / 7 + 0.0625]
SMALL = [str(number) for number in RANDOM.normal(size=ROWS) * 10.0 ** RANDOM.integers(-9, 0, ROWS)]
COUNTS = [str(number) for number in RANDOM.integers(-40, 4000, ROWS)]
NAMES = ["oak", "elm"]
TREES = ['"ash, white"' if number % 97 == 0 else NAMES[number % 2] for number in range(ROWS)]
ODD = (
    "007",
    "-007",
    "+5",
    "-0",
    "0",
    "1.0",
    "1.10",
    "00.5",
    "1.234",
    ".5",
    "5.",
    "5e3",
    "1e300",
    "1e400",
    "inf",
    "nan",
)
ODD += (
    " ",
    "\t",
    '" "',
    " 2.5",
    "\t2.5",
    "2.5 ",
    " 07",
    '"0.5"',
    '"07"',
    '" 07"',
    '""',
    "",
    "NA",
    "oak",
    "1.5a",
    "1_000",
    "-",
    '"1,5"',
)
ODD += (
    "nan",
    "9007199254740993",
    "12345678901234567890.0",
    "0.12345678901234567890123",
    "٣",
    "true",
    "2020-01-05",
    "$5",
)


ODD_STARTS = ("+5", "-0", " 2.5", "\t2.5", "00.5", '"07"', '"-0"', "007", "-00")


@pytest.fixture(autouse=True, scope="module")
def short() -> Iterator[None]:
    """Short tables are read as long ones are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parsed_numbers, "FROM", 1000)
        patch.setattr(parsed_numbers, "PLACES", 1)
        patch.setattr(repeated, "FROM", 1100)
        yield


@contextmanager
def without(module: Any, name: str) -> Iterator[None]:
    """A quick way that is never taken."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, name, lambda *_, **__: None)
        yield


def outcome(read: Callable[[], Table]) -> Table | str:
    try:
        return read()
    except DataError as error:
        return str(error)


def assert_same(one: Table | str, other: Table | str) -> None:
    if isinstance(one, str) or isinstance(other, str):
        assert one == other
        return
    assert_frame_equal(one.frame, other.frame, check_exact=True)
    assert (one.columns, one.notes, one.dropped) == (other.columns, other.notes, other.dropped)
    np.testing.assert_array_equal(one.lines, other.lines)


def table_with(odd: dict[tuple[int, int], str], *, header: bool = True, end: str = "\n", last: str = "\n") -> bytes:
    """A table of four columns in which some cells are others."""
    columns = [FRACTIONS.copy(), SMALL.copy(), COUNTS.copy(), TREES.copy()]
    for (row, column), text in odd.items():
        columns[column][row] = text
    lines = list(map(",".join, zip(*columns, strict=True)))
    return (end.join(["share,small,count,tree", *lines] if header else lines) + last).encode()


def unquoted(data: bytes, between: bytes = b",") -> bytes:
    """The same table without the quotation marks that all tables have."""
    return data.replace(b'"ash' + between + b' white"', b"ash")


PLACES = st.tuples(st.integers(0, ROWS - 1) | st.sampled_from([0, 999, 1000, ROWS - 1]), st.integers(0, 3))
READINGS = st.sampled_from(
    [{}, {"decimal": ","}, {"decimal": "."}, {"missing": ("0.5", "5")}, {"kinds": {"share": "categorical"}}]
)


@given(
    odd=st.dictionaries(PLACES, st.sampled_from(ODD), max_size=4),
    header=st.booleans(),
    end=st.sampled_from(["\n", "\r\n"]),
    last=st.sampled_from(["", "\n"]),
    between=st.sampled_from([b",", b";", b"\t"]),
    reading=READINGS,
    quoted=st.booleans(),
)
@settings(max_examples=30)
@example(odd={(1100, 0): "007"}, header=True, end="\n", last="\n", between=b",", reading={}, quoted=True)
@example(odd={(1100, 2): "1.0"}, header=True, end="\n", last="\n", between=b",", reading={}, quoted=False)
@example(
    odd={(1100, 2): "+5", (1101, 3): "+5"}, header=True, end="\r\n", last="\n", between=b";", reading={}, quoted=False
)
@example(odd={(ROWS - 1, 1): "07"}, header=True, end="\n", last="", between=b",", reading={}, quoted=False)
@example(odd={(ROWS - 1, 3): ""}, header=True, end="\n", last="", between=b",", reading={}, quoted=False)
def test_tables_are_those_of_the_slow_way(
    odd: dict[tuple[int, int], str],
    header: bool,
    end: str,
    last: str,
    between: bytes,
    reading: dict[str, Any],
    quoted: bool,
) -> None:
    data = table_with(odd, header=header, end=end, last=last).replace(b",", between)
    data = data if quoted else unquoted(data, between)
    kinds = {} if header else {"kinds": {"0": "categorical"}} if "kinds" in reading else {}
    options = TableOptions(**{"on_bad_rows": "drop", "header": header, **reading, **kinds})
    quick = outcome(lambda: DELIMITED.table(data, "trees.csv", options, schema=None))
    with (
        without(delimited, "parse_regular"),
        without(typed_reading, "read_whole"),
        without(typed_reading, "find_repeated"),
    ):
        slow = outcome(lambda: DELIMITED.table(data, "trees.csv", options, schema=None))
    assert_same(quick, slow)


@pytest.mark.parametrize(
    ("text", "dtype"),
    [
        *((text, pl.Float64) for text in ("2.0", "-3", "1e3", "0.10", '"0.5"', "-0.5", "0", "", '""')),
        *((text, pl.String) for text in ("9007199254740993", "inf", "1e400", "nan", "NA", "0,5x")),
        *((text, pl.String) for text in ODD_STARTS),
    ],
)
def test_fractions_come_as_numbers_unless_a_text_says_more(text: str, dtype: pl.DataType) -> None:
    found = split_text(table_with({(1100, 0): text.replace(",", ";")}), "trees.csv", TableOptions(), numbers=True)
    others = pl.String if text in ODD_STARTS else pl.Float64
    counts = pl.String if text in ODD_STARTS else pl.Int64
    assert found.frame.dtypes == [dtype, others, counts, pl.String]
    assert found.frame["share"].null_count() == (text in ("", " ", '""'))


@pytest.mark.parametrize("text", [text for text in ODD_STARTS if '"' not in text])
@pytest.mark.parametrize("column", [0, 2])
def test_only_the_column_with_an_odd_cell_comes_as_text_where_nothing_is_quoted(text: str, column: int) -> None:
    for row in (1100, ROWS - 1):
        data = unquoted(table_with({(row, column): text, (1000, 3): "007"}))
        found = split_text(data, "trees.csv", TableOptions(), numbers=True).frame
        assert [place for place, dtype in enumerate(found.dtypes) if dtype == pl.String] == [column, 3]
        assert found[row, column].strip() == text.strip()


def test_a_zero_that_is_written_in_two_ways_among_fractions_is_a_number() -> None:
    found = split_text(table_with({(1100, 0): "0.0", (1101, 0): "-0.0"}), "trees.csv", TableOptions(), numbers=True)
    assert found.frame["share"].dtype == pl.Float64


def test_a_column_with_many_whole_numbers_comes_as_numbers() -> None:
    whole = dict.fromkeys(((row, 0) for row in range(1050, ROWS)), "3.0")
    found = split_text(table_with(whole), "trees.csv", TableOptions(), numbers=True).frame
    assert found["share"].dtype == pl.Float64
    assert found["share"][1050] == 3.0


def test_dates_and_names_that_begin_oddly_leave_numbers_as_they_are() -> None:
    odd = {
        (row, 3): text for row, text in enumerate(("05/03/2020", '"a, 07"', '"+1,05,-0,"', '"0,5"', "007", "-0", " x"))
    }
    found = split_text(table_with(odd), "trees.csv", TableOptions(), numbers=True).frame
    assert found.dtypes == [pl.Float64, pl.Float64, pl.Int64, pl.String]


def test_cells_further_down_show_that_a_column_holds_more_than_numbers() -> None:
    names = ("share", "small", "count", "tree")
    rows = dict.fromkeys(((row, column) for row in range(1050, ROWS) for column in (0, 2)), "oak")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parsed_numbers, "PLACES", 8)
        found = [find_numbers(table_with(odd), Signs(), names, among=names, start=23) for odd in ({}, rows)]
    assert found == [{"share": "fraction", "small": "fraction", "count": "whole"}, {"small": "fraction"}]


STARTS = st.lists(st.text(st.sampled_from('0-+.5 \t"a!'), max_size=4), min_size=2, max_size=2)


@given(
    rows=st.lists(STARTS, min_size=1, max_size=6),
    end=st.sampled_from(["\n", "\r\n"]),
    piece=st.sampled_from([3, 7, 1000]),
)
def test_cells_that_begin_oddly_are_counted_where_they_are(rows: list[list[str]], end: str, piece: int) -> None:
    texts = [[cell.replace('"', "") for cell in row] for row in rows]
    data = end.join(",".join(row) for row in texts).encode()
    odd = re.compile(r"[\x00-+]|0[^.]|-0(?!\.)")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cell_starts, "PIECE", piece)
        patch.setattr(cell_starts, "AT_ONCE", 2 * piece)
        found = count_symbols(np.frombuffer(data, np.uint8), ",", "", odd=True)
    wanted = sum(odd.match(cell) is not None for row in texts for cell in row)
    assert found == (data.count(b"\n"), 0, data.count(b","), wanted)
    cells = pl.Series([cell for row in texts for cell in row])
    assert cells.str.count_matches(odd_start(",", "")).sum() == wanted


LINES = st.lists(st.text(st.sampled_from('ab12",#. '), max_size=7), max_size=7).map("\n".join)


@given(
    text=LINES, heads=st.integers(0, 2), last=st.sampled_from(["", "\n", "\r\n"]), comment=st.sampled_from(["", "#"])
)
@example(text='"a\nb",c\n1,2', heads=1, last="\n", comment="")
@example(text=",\n1,2", heads=1, last="\n", comment="")
@example(text="a\n1,2", heads=1, last="\n", comment="")
@example(text="a,b", heads=2, last="", comment="")
@example(text="a,b", heads=1, last="", comment="")
@example(text='"\n#\n"', heads=0, last="", comment="#")
def test_lines_are_split_as_the_slow_way_does(text: str, heads: int, last: str, comment: str) -> None:
    data, layout = (text + last).encode(), Layout(Signs(comment=comment), 0, 0, 0, heads, ("one", "two"))
    quick, left = split_lines(data, layout, "text", line=1, heads=heads)
    with without(delimited, "parse_regular"):
        slow, left_slowly = split_lines(data, layout, "text", line=1, heads=heads)
    assert_frame_equal(quick.frame, slow.frame)
    assert (quick.lines.tolist(), quick.ragged, quick.torn.tolist()) == (
        slow.lines.tolist(),
        slow.ragged,
        slow.torn.tolist(),
    )
    assert left == left_slowly


WHOLE = st.integers(-(2**54), 2**54) | st.integers(-30, 30)
SPELLED = WHOLE.map(str) | st.sampled_from(["007", "-0", "+5", " 5", "5 ", "1.0", "1e3", "", "x", "-", "٣", "1_0"])


@given(texts=st.lists(WHOLE.map(str) | st.none(), max_size=30) | st.lists(SPELLED | st.none(), max_size=30))
def test_whole_numbers_are_read_where_they_are_written_as_python_writes_them(texts: list[str | None]) -> None:
    def is_plain(text: str) -> bool:
        return text.removeprefix("-").isascii() and text.removeprefix("-").isdigit() and str(int(text)) == text

    plain = all(text is None or (is_plain(text) and abs(int(text)) < 2**53) for text in texts)
    found = read_whole(pl.Series("n", texts, pl.String))
    assert (found is not None) == plain
    if found is not None:
        assert found.to_list() == [None if text is None else float(text) for text in texts]


@pytest.mark.parametrize("size", [0, 1, 9, 10, 11, 20, 25])
def test_a_file_that_is_read_in_parts_is_whole(tmp_path: Path, size: int) -> None:
    path, content = tmp_path / "trees.csv", bytes(range(size))
    path.write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_files, "AT_ONCE", 10)
        assert read_bytes(path) == content
        assert text_files._read_parts(path, size + 5) is None
