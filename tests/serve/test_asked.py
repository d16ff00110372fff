"""What is taken as a request, and what is said of what is not."""

import json

import pytest

from batchwright.serve.asked import (
    ARROW,
    CSV,
    JSON,
    Options,
    options_of,
    parse_columns,
    type_of_answer,
    type_of_content,
)
from batchwright.serve.refusals import RefusedError


def test_rows_and_columns_are_the_same() -> None:
    columns = {"a": [1, 2.5], "b": ["x", None]}
    assert parse_columns(b'[{"a": 1, "b": "x"}, {"a": 2.5}]') == columns
    assert parse_columns(b'{"a": [1, 2.5], "b": ["x", null]}') == columns


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "line 1, column 1"),
        (b"[{]", "not JSON: line 1, column 3"),
        (b"\xff[]", "not UTF-8: byte 1"),
        (b"3", "holds a number"),
        (b"[]", "no rows"),
        (b"{}", "no rows"),
        (b'{"a": []}', "no rows"),
        (b"[1]", "row 1 is a number, not an object"),
        (b"[{}, [1]]", "row 2 is a list, not an object"),
        (b'{"a": 1}', "'a' holds a number, not a list"),
        (b'{"a": [1], "b": [1, 2]}', "differ in length: 'a' 1, 'b' 2"),
        (b'[{"a": 1, "a": 2}]', r"^an object names 'a' more than once\.$"),
        (b"[" * 100_000, "cannot be read as JSON"),
        (b'[{"a": ' + b"1" * 5000 + b"}]", "cannot be read as JSON"),
    ],
)
def test_other_bodies_are_refused(body: bytes, said: str) -> None:
    with pytest.raises(RefusedError, match=said) as refused:
        parse_columns(body)
    assert refused.value.status == 400


def test_names_that_all_differ_do_not_fill_the_memory() -> None:
    """30 kB would become 4 million cells; half as many names in every row are no matter."""
    body = json.dumps([{f"k{number}": 1} for number in range(2_000)]).encode()
    with pytest.raises(RefusedError, match="2,000 rows have 2,000 names") as refused:
        parse_columns(body)
    assert refused.value.status == 413
    assert len(parse_columns(json.dumps([dict.fromkeys("abcdefgh", 1)] * 2_000).encode())) == 8


def test_options() -> None:
    assert options_of(b"") == Options()
    assert options_of(b"uncertainty=true&interval=0.9") == Options(uncertainty=True, interval=0.9)


@pytest.mark.parametrize("query", [b"intervall=0.9", b"interval=much", b"uncertainty=1", b"interval=0.9&interval=0.8"])
def test_other_queries_are_refused(query: bytes) -> None:
    with pytest.raises(RefusedError) as refused:
        options_of(query)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("header", "found"),
    [("application/json", JSON), ("Text/CSV; charset=UTF-8", CSV), (ARROW, ARROW)],
)
def test_types_of_rows(header: str, found: str) -> None:
    assert type_of_content(header) == found


@pytest.mark.parametrize("header", ["", "text/plain", "application/xml", "text/csv; charset=latin-1"])
def test_other_types_of_rows_are_refused(header: str) -> None:
    with pytest.raises(RefusedError) as refused:
        type_of_content(header)
    assert refused.value.status == 415


@pytest.mark.parametrize(
    ("header", "found"),
    [("", JSON), ("*/*", JSON), ("text/html, text/csv;q=0.9", CSV), (f"{ARROW}, */*", ARROW), ("text/*", CSV)],
)
def test_types_of_answers(header: str, found: str) -> None:
    assert type_of_answer(header) == found


def test_other_types_of_answers_are_refused() -> None:
    with pytest.raises(RefusedError) as refused:
        type_of_answer("image/png")
    assert refused.value.status == 406
