"""Records are found where Python's own csv module finds them."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchwright.data.formats.records import find_records, guess_delimiter
from batchwright.errors import DataError

CELLS = st.text(st.sampled_from('ab";,\t\n '))
ROWS = st.lists(st.lists(CELLS, min_size=1, max_size=4), min_size=1, max_size=8)


def written(rows: list[list[str]], delimiter: str, end: str) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator=end).writerows(rows)
    return text.getvalue()


@given(rows=ROWS, delimiter=st.sampled_from(",;\t|"), end=st.sampled_from(["\n", "\r\n"]))
def test_records_and_their_lines_are_those_that_were_written(rows: list[list[str]], delimiter: str, end: str) -> None:
    records = find_records(written(rows, delimiter, end).encode(), delimiter)
    lines = [1 + written(rows[:number], delimiter, end).count("\n") for number in range(len(rows))]
    assert records.fields.tolist() == [len(row) for row in rows]
    assert records.lines.tolist() == lines
    for number, row in enumerate(rows):
        assert records[number : number + 1].first() == row


@given(rows=ROWS, data=st.data())
def test_chosen_records_are_cut_out_whole(rows: list[list[str]], data: st.DataObject) -> None:
    keep = data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
    records = find_records(written(rows, ",", "\n").encode(), ",")
    kept = [row for row, chosen in zip(rows, keep, strict=True) if chosen]
    chosen = [number for number, chosen in enumerate(keep) if chosen]
    parts = b"".join(records[number : number + 1].tobytes() for number in chosen)
    assert parts.decode() == written(kept, ",", "\n")


def test_blank_lines_are_no_records_but_count_as_lines() -> None:
    records = find_records(b"a,b\r\n\r\n1,2\n\n\n3,4", ",")
    assert records.lines.tolist() == [1, 3, 6]
    assert records[1:].tobytes() == b"1,2\n3,4"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b'a,b\n1,5" pipe\n', "line 2: a quotation mark inside a field"),
        (b'a,b\n"1"x,2\n', "line 2: a quotation mark inside a field"),
        (b'a,b\n1,"2\n3,4\n', "line 2: a quotation mark is opened and never closed"),
    ],
)
def test_quotation_marks_that_do_not_match_are_named_by_line(text: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        find_records(text, ",")


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        (b"a,b\n1,2\n", ","),
        (b"a;b\n1,5;2,5\n", ";"),
        (b"a\tb\n1,5\t2\n", "\t"),
        (b"a|b\n1|2\n", "|"),
        (b'"x;y",b\n"p;q",2\n', ","),
        (b"alone\n1\n2\n", ","),
        (b"", ","),
    ],
)
def test_the_delimiter_is_found(text: bytes, delimiter: str) -> None:
    assert guess_delimiter(text) == delimiter
