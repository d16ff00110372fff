"""What is taken as a request, and what is said of what is not."""

import json

import pytest

from batchwright.serve.asked import Options, options_of, parse_columns
from batchwright.serve.media import (
    ARROW,
    CSV,
    FORM,
    IMAGE,
    JSON,
    NPY,
    OF_BOTH,
    OF_IMAGES,
    OF_TABLES,
    Content,
    content_of,
    type_of_answer,
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
    [
        ("application/json", Content(JSON)),
        ("Application/JSON ; Charset=UTF-8", Content(JSON)),
        ("Text/CSV; charset=UTF-8", Content(CSV)),
        ('text/csv; header=present; charset="windows-1252"', Content(CSV, "windows_1252")),
        ("text/csv; charset=KOI8-U", Content(CSV, "koi8_u")),
        (ARROW, Content(ARROW)),
        ("image/png", Content(IMAGE)),
        ("Image/X-Portable-Graymap; q=1", Content(IMAGE)),
        ('multipart/form-data; boundary="a b;c"', Content(FORM, boundary="a b;c")),
        ("multipart/form-data; Boundary=----x", Content(FORM, boundary="----x")),
    ],
)
def test_types_of_rows(header: str, found: Content) -> None:
    assert content_of(header, OF_BOTH) == found


def test_arrays_hold_no_images_beside_columns() -> None:
    assert content_of(NPY, OF_TABLES) == content_of(NPY, OF_IMAGES) == Content(NPY)
    with pytest.raises(RefusedError, match="the content type is 'application/x-npy'"):
        content_of(NPY, OF_BOTH)


@pytest.mark.parametrize(
    ("header", "taken", "status"),
    [
        ("", OF_BOTH, 415),
        ("text/plain", OF_BOTH, 415),
        ("application/xml", OF_BOTH, 415),
        ("image/png", OF_TABLES, 415),
        ("text/csv", OF_IMAGES, 415),
        ("application/json; charset=latin-1", OF_TABLES, 415),
        ("text/csv; charset=", OF_TABLES, 415),
        ("text/csv; charset=latin-17", OF_TABLES, 415),
        ("text/csv; charset=zlib", OF_TABLES, 415),
        ("text/csv; charset=punycode", OF_TABLES, 415),
        ("text/csv; charset=unicode-escape", OF_TABLES, 415),
        ("multipart/form-data", OF_IMAGES, 400),
        (f"multipart/form-data; boundary={'x' * 71}", OF_IMAGES, 400),
    ],
)
def test_other_types_of_rows_are_refused(header: str, taken: tuple[str, ...], status: int) -> None:
    with pytest.raises(RefusedError) as refused:
        content_of(header, taken)
    assert refused.value.status == status


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("text/html, text/csv;q=0.9", CSV),
        (f"{ARROW}, */*", ARROW),
        ("text/*", CSV),
        ("application/json;q=0.1, text/csv;q=0.9", CSV),
        ("application/json;q=0, */*", CSV),
        ("*/*;q=0.1, application/json;q=0", CSV),
        (f"*/*;q=0.5, text/*;q=0, {ARROW};q=0.6", ARROW),
        ("text/*, text/csv;q=0.2, application/*;q=0.3", JSON),
        ("text/csv, application/json", CSV),
        ('text/html;title="a,text/csv;q=1", application/json; Q=0.001', JSON),
        ("application/json; charset=utf-8; q=1.000", JSON),
        ("*/*;q=0.9,", JSON),
    ],
)
def test_types_of_answers(header: str, found: str) -> None:
    """By weight, of which that of the closest range counts; then by closeness, then by order."""
    assert type_of_answer(header) == found


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("image/png", 406),
        ("application/json;q=0", 406),
        ("*/*;q=0.0", 406),
        ("text/*;q=0, application/*;q=0, */*", 406),
        ("application/json;q=2", 400),
        ("application/json;q=-1", 400),
        ("application/json;q=much", 400),
        ("application/json;q=0.1234", 400),
        (", ".join(["text/plain"] * 100), 400),
    ],
)
def test_other_types_of_answers_are_refused(header: str, status: int) -> None:
    with pytest.raises(RefusedError) as refused:
        type_of_answer(header)
    assert refused.value.status == status
