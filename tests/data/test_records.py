"""Records are found where Python's own csv module finds them; a stray quotation mark costs its own record only."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchwright.data.formats.records import Records, Signs, blanks_to_tabs, end_of_records, find_records
from batchwright.data.formats.signs import choose_quote, guess_delimiter

CELLS = st.text(st.sampled_from('ab";,\t\n '))
ROWS = st.lists(st.lists(CELLS, min_size=1, max_size=4), min_size=1, max_size=8)


def written(rows: list[list[str]], delimiter: str, end: str) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator=end).writerows(rows)
    return text.getvalue()


def found(data: bytes, delimiter: str = ",") -> Records:
    return find_records(data, Signs(delimiter))[0]


def is_record(row: list[str]) -> bool:
    """Whether a row is not of empty cells only, or is a single one, which is written in quotation marks."""
    return any(row) or len(row) == 1


@given(rows=ROWS, delimiter=st.sampled_from(",;\t|"), end=st.sampled_from(["\n", "\r\n"]))
def test_records_and_their_lines_are_those_that_were_written(rows: list[list[str]], delimiter: str, end: str) -> None:
    records, left = find_records(written(rows, delimiter, end).encode(), Signs(delimiter))
    lines = [1 + written(rows[:number], delimiter, end).count("\n") for number in range(len(rows))]
    kept = [(row, line) for row, line in zip(rows, lines, strict=True) if is_record(row)]
    assert records.fields.tolist() == [len(row) for row, _ in kept]
    assert records.lines.tolist() == [line for _, line in kept]
    assert (left.empty, left.comments, records.broken.count) == (len(rows) - len(kept), 0, 0)
    for number, (row, _) in enumerate(kept):
        assert records.cells(number) == row


@given(rows=ROWS, data=st.data())
def test_chosen_records_are_cut_out_whole(rows: list[list[str]], data: st.DataObject) -> None:
    rows = [row for row in rows if is_record(row)]
    keep = data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
    records = found(written(rows, ",", "\n").encode())
    kept = [row for row, chosen in zip(rows, keep, strict=True) if chosen]
    chosen = [number for number, chosen in enumerate(keep) if chosen]
    parts = b"".join(records[number : number + 1].tobytes() for number in chosen)
    assert parts.decode() == written(kept, ",", "\n")


def test_blank_lines_are_no_records_but_count_as_lines() -> None:
    records = found(b"a,b\r\n\r\n1,2\n\n\n3,4")
    assert records.lines.tolist() == [1, 3, 6]
    assert records[1:].tobytes() == b"1,2\n3,4"


@given(rows=ROWS, cut=st.integers(0, 60))
def test_old_line_ends_are_those_of_today(rows: list[list[str]], cut: int) -> None:
    rows = [[cell.replace("\n", "") for cell in row] for row in rows]
    today = written(rows, ",", "\n").encode()
    mixed = today[:cut] + today[cut:].replace(b"\n", b"\r")
    records, other = found(today), found(mixed)
    assert records.tobytes() == other.tobytes() if len(records) else len(other) == 0
    assert (records.lines.tolist(), records.fields.tolist()) == (other.lines.tolist(), other.fields.tolist())


@pytest.mark.parametrize(
    ("stray", "value"),
    [
        (b'1,5" pipe,x', "a quotation mark inside a field"),
        (b'"1"x,2,"y"', "a quotation mark inside a field"),
        (b'1,"2,x', "a quotation mark inside a field"),
        (b'1,"say "hi" there",x', "a quotation mark inside a field"),
    ],
)
def test_a_stray_quotation_mark_costs_its_own_record(stray: bytes, value: str) -> None:
    before, after = b'a,b,c\n1,"x\ny",3\n', b'\n4,"q,""r""",6\n\n7,"8\n\n9",0\n'
    records = found(before + stray + after)
    assert records.lines.tolist() == [1, 2, 5, 7]
    assert [records.cells(place)[1] for place in range(4)] == ["b", "x\ny", 'q,"r"', "8\n\n9"]
    assert [(cell.line, cell.value) for cell in records.broken.first] == [(4, value)]


def test_a_quotation_mark_that_is_never_closed_does_not_take_the_rest_of_the_file() -> None:
    records = found(b'a,b\n1,"2\n3,4\n5,6\n')
    assert records.lines.tolist() == [1, 3, 4]
    assert records.broken.first[0].value == "a quotation mark is opened and never closed"


@given(rows=ROWS, strays=st.lists(st.integers(0, 7), unique=True))
def test_all_records_but_those_with_stray_marks_are_found(rows: list[list[str]], strays: list[int]) -> None:
    texts, wanted, line = [], [], 1
    for number, row in enumerate(rows):
        if number in strays:
            texts.append('x"y,z\n')
        else:
            texts.append(written([row], ",", "\n"))
            wanted += [(line, row)] if is_record(row) else []
        line += texts[-1].count("\n")
    records = found("".join(texts).encode())
    assert [(int(records.lines[place]), records.cells(place)) for place in range(len(records))] == wanted
    assert records.broken.count == sum(number < len(rows) for number in strays)


def test_blanks_beside_quotation_marks_belong_to_the_cell() -> None:
    records = found(b'"a", "b;c" ,d\n 1 ,  "x, ""y""", "2"\n')
    assert [[cell.strip() for cell in records.cells(place)] for place in (0, 1)] == [
        ["a", "b;c", "d"],
        ["1", 'x, "y"', "2"],
    ]


def test_comment_lines_are_none_inside_quotation_marks() -> None:
    text = b'# 5" wide\na,b\n1,"x\n# no comment\ny"\n# "two" marks, and "one\n2,z\n'
    records, left = find_records(text, Signs(comment="#"))
    assert [records.cells(place) for place in range(3)] == [["a", "b"], ["1", "x\n# no comment\ny"], ["2", "z"]]
    assert (left.comments, records.lines.tolist()) == (2, [2, 3, 7])


@given(rows=ROWS, cut=st.integers(0, 80), end=st.sampled_from(["\n", "\r\n", "\r"]))
def test_a_text_is_cut_between_records(rows: list[list[str]], cut: int, end: str) -> None:
    rows = [[cell.replace("\n", "n" if end == "\r" else "\n") for cell in row] for row in rows]
    text = written(rows, ",", end).encode()
    cut = min(cut, len(text))
    bounds = [len(written(rows[:number], ",", end).encode()) for number in range(len(rows) + 1)]
    certain = [bound for bound in bounds if bound < cut or (bound == cut and end != "\r")]  # a line feed may follow
    assert end_of_records(text[:cut], Signs()) == max(certain, default=0)


BLANKS = st.text(st.sampled_from(" \t"), min_size=1, max_size=3)
WORDS = st.text(st.sampled_from("ab1.,"), min_size=1, max_size=4) | st.just('"a  b"')


@given(rows=st.lists(st.lists(WORDS, min_size=1, max_size=4), min_size=1, max_size=5), data=st.data())
def test_runs_of_blanks_are_one_delimiter(rows: list[list[str]], data: st.DataObject) -> None:
    lines = [data.draw(BLANKS | st.just("")) + "".join(word + data.draw(BLANKS) for word in row) for row in rows]
    signs = Signs("\t", blanks=True)
    records, _ = find_records(blanks_to_tabs("\n".join(lines).encode(), signs), signs)
    assert [records.cells(place) for place in range(len(records))] == [[w.strip('"') for w in row] for row in rows]


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        (b"a,b\n1,2\n", ","),
        (b"a;b\n1,5;2,5\n", ";"),
        (b"a;b\n" + b"1,5;2,5\n" * 50 + b"1,5\n", ";"),
        (b"a\tb\n1,5\t2\n", "\t"),
        (b"a|b\n1|2\n", "|"),
        (b'"x;y",b\n"p;q",2\n', ","),
        (b"alone\n1\n2\n", ","),
        (b"a title\na,b\n1,2\n3,4\n", ","),
        (b"one two\nsix ten\n", ","),
        (b"full name\tage\nAnn Lee\t3\nBob Roy\t4\n", "\t"),
        (b"a\tb\tc\n1\t\t2\n3\t\t4\n", "\t"),
        (b"39, Private, 7\n40, None, 8\n", ","),
        (b"", ","),
    ],
)
def test_the_delimiter_is_found(text: bytes, delimiter: str) -> None:
    assert guess_delimiter(text, Signs()) == Signs(delimiter)


@pytest.mark.parametrize(
    "text",
    [
        b"1.5 2\n10 3\n",
        b' 1.5   2.0\t"a b"\n 2.5  10.0\t"c d e"\n',
        b"1\t2\t3\n1\t\t2\t3\n4\t5\t6\n",
        b"name    city\nAnn     Bern\nBob     Basel\n",
    ],
)
def test_runs_of_blanks_are_found(text: bytes) -> None:
    assert guess_delimiter(text, Signs()).blanks


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        (b"'a','b'\n'x, y',2\n'it''s',3\n", "'"),
        (b"a,b\n'x','y'\n", '"'),
        (b"'a','b'\nit's,don't\n", '"'),
        (b'"a","b"\n1,2\n', '"'),
    ],
)
def test_single_quotation_marks_are_found_where_all_cells_have_them(text: bytes, quote: str) -> None:
    assert choose_quote(None, text) == quote
