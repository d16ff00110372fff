"""Forms are read as browsers and curl write them, and others are refused."""

import pytest

from batchwright.serve import forms
from batchwright.serve.forms import Field, fields_of
from batchwright.serve.refusals import RefusedError

EDGE = "----edge"


def part(head: str, data: bytes) -> bytes:
    return f"--{EDGE}\r\n{head}\r\n\r\n".encode() + data + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{EDGE}--\r\n".encode()


NAMED = 'Content-Disposition: form-data; name="a"'


@pytest.mark.parametrize(
    ("head", "field"),
    [
        (NAMED, Field("a", b"1", None)),
        ("content-disposition:form-data;name=a", Field("a", b"1", None)),
        (f"{NAMED}\r\nContent-Type: text/plain; charset=utf-8", Field("a", b"1", None)),
        (f'{NAMED}; filename="x y.png"\r\nContent-Type: image/png', Field("a", b"1", "x y.png")),
        (f'Content-Type: image/png\r\n{NAMED}; filename="a;b=\\"c\\".png"', Field("a", b"1", 'a;b="c".png')),
        (f'{NAMED}; filename="caf\u00e9%22.png"', Field("a", b"1", 'caf\u00e9".png')),
        (f"{NAMED}\r\nContent-Type: image/png", Field("a", b"1", "")),
        (f'{NAMED}; filename=""\r\nContent-Type: application/octet-stream', Field("a", b"1", "")),
        (f"{NAMED}\r\nContent-Transfer-Encoding: binary", Field("a", b"1", None)),
    ],
)
def test_a_field(head: str, field: Field) -> None:
    assert fields_of(form(part(head, b"1")), EDGE) == [field]


def test_files_are_kept_to_the_byte() -> None:
    contents = [b"", b"\r\n", b"\r\n--", bytes(range(256)), b"x--" + EDGE.encode(), b"\r\n\r\n" * 3, b"x\r\n"]
    body = b"text before\r\n" + form(*(part(f'{NAMED}; filename="{n}"', data) for n, data in enumerate(contents)))
    assert [field.data for field in fields_of(body + b"text behind", EDGE)] == contents


@pytest.mark.parametrize(
    ("body", "said", "status"),
    [
        (b"", "does not hold the boundary", 400),
        (b"{}", "does not hold the boundary", 400),
        (f"--{EDGE}--".encode(), "has no fields", 400),
        (part(NAMED, b"1"), "cut off", 400),
        (form(part(NAMED, b"1"))[:-8], "cut off", 400),
        (form(part("Content-Type: text/plain", b"1")), "field 1 of the form lacks", 400),
        (form(part(NAMED, b"1"), part('Content-Disposition: attachment; name="a"', b"1")), "field 2 of the form", 400),
        (form(part('Content-Disposition: form-data; file="a"', b"1")), "lacks `Content-Disposition", 400),
        (form(f"--{EDGE}\r\n{NAMED}\r\n1\r\n".encode()), "no head that ends", 400),
        (form(part(f"{NAMED}\r\nX: {'x' * 5000}", b"1")), "no head that ends", 400),
        (form(part(f"{NAMED}\r\nContent-Transfer-Encoding: base64", b"MQ==")), "packed by 'base64'", 400),
    ],
)
def test_other_bodies_are_refused(body: bytes, said: str, status: int) -> None:
    with pytest.raises(RefusedError, match=said) as refused:
        fields_of(body, EDGE)
    assert refused.value.status == status


def test_many_fields_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "MOST_PARTS", 3)
    assert len(fields_of(form(*[part(NAMED, b"1")] * 3), EDGE)) == 3
    with pytest.raises(RefusedError, match="4 fields: at most 3"):
        fields_of(form(*[part(NAMED, b"1")] * 4), EDGE)
