"""Forms with files, as browsers and `curl -F` send them: `multipart/form-data`.

The form: https://www.rfc-editor.org/rfc/rfc7578, with the names as browsers write them:
https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data
"""

import re
from typing import NamedTuple

from batchwright.serve.refusals import RefusedError

MOST_PARTS = 10_000
LONGEST_HEAD = 4096
"""Bytes of the head of a part."""
PLAIN = ("", "binary", "8bit", "7bit")
_PARAMETER = re.compile(r';\s*([\w*-]+)="((?:[^"\\]|\\.)*)"|;\s*([\w*-]+)=([^;"\s]*)')


class Field(NamedTuple):
    """A field of a form: its name, what it holds, and the name of its file, or None where it is text."""

    name: str
    data: bytes
    file: str | None


def fields_of(body: bytes, boundary: str) -> list[Field]:
    r"""The fields of a form, in their order.

    Raises:
        RefusedError: it is no such form, is cut off, or has too many fields.

    >>> fields_of(b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n', "x")
    [Field(name='a', data=b'1', file=None)]
    """
    mark = f"\r\n--{boundary}".encode()
    whole = b"\r\n" + body  # the first boundary may stand at the beginning
    if (count := whole.count(mark)) > MOST_PARTS + 1:
        raise RefusedError(413, f"the form has {count - 1:,} fields: at most {MOST_PARTS:,} are taken.")
    _, *parts = whole.split(mark)
    if not parts:
        raise RefusedError(400, f"the form does not hold the boundary {boundary!r} that the content type names.")
    if not parts[-1].startswith(b"--"):
        raise RefusedError(400, "the form is cut off: it does not end with its boundary.")
    fields = [_field(part, number) for number, part in enumerate(parts[:-1], start=1)]
    if not fields:
        raise RefusedError(400, "the form has no fields.")
    return fields


def _field(part: bytes, number: int) -> Field:
    line_end = part.find(b"\r\n")
    begin, end = line_end + 2, part.find(b"\r\n\r\n", line_end)
    if line_end < 0 or end < 0 or end > LONGEST_HEAD or part[:line_end].strip(b" \t"):
        raise RefusedError(400, f"field {number} of the form has no head that ends with an empty line.")
    headers = _headers(part[begin:end])
    kind, _, rest = headers.get("content-disposition", "").partition(";")
    told = {
        first or second: _unescape(quoted or plain) for first, quoted, second, plain in _PARAMETER.findall(f";{rest}")
    }
    if kind.strip().lower() != "form-data" or "name" not in told:
        raise RefusedError(400, f'field {number} of the form lacks `Content-Disposition: form-data; name="..."`.')
    packed = headers.get("content-transfer-encoding", "").strip().lower()
    if packed not in PLAIN:
        raise RefusedError(
            400, f"field {told['name']!r:.80} of the form is packed by {packed!r:.40}: send it as it is."
        )
    file = told.get("filename")
    if file is None and not headers.get("content-type", "text/").strip().lower().startswith("text/"):
        file = ""
    return Field(told["name"], part[end + 4 :], file)


def _headers(head: bytes) -> dict[str, str]:
    """The headers of a part by name; text is in UTF-8, or in Latin-1 where it is not."""
    try:
        text = head.decode()
    except UnicodeDecodeError:
        text = head.decode("latin-1")
    lines = (line.partition(":") for line in text.split("\r\n"))
    return {name.strip().lower(): value.strip() for name, _, value in lines}


def _unescape(value: str) -> str:
    r"""A name as it was before a browser or curl wrote it between quotation marks.

    >>> _unescape('say %22hi%22'), _unescape('say \\"hi\\"'), _unescape('C:\\x.png')
    ('say "hi"', 'say "hi"', 'C:\\x.png')
    """
    plain = re.sub(r'\\(["\\])', r"\1", value)
    return plain.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")
