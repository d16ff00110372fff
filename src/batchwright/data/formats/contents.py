"""Tell what a file holds by its first bytes, where its name does not say."""

import re
import struct
import zipfile
from pathlib import Path

from batchwright.data.formats.signs import DELIMITERS

HEAD_BYTES = 1 << 16
"""Bytes that are looked at."""

MAGIC = (
    (b"PAR1", ".parquet"),
    (b"ARROW1", ".feather"),
    (b"\x93NUMPY", ".npy"),
    (b"SQLite format 3\0", ".sqlite"),
    (b"\x1f\x8b", ".gz"),
    (b"BZh", ".bz2"),
    (b"\xfd7zXZ\0", ".xz"),
    (b"\x28\xb5\x2f\xfd", ".zst"),
    (b"PK\x03\x04", ".zip"),
    (b"PK\x05\x06", ".zip"),
    (b"7z\xbc\xaf\x27\x1c", ".7z"),
    (b"Rar!", ".rar"),
    (b"\xd0\xcf\x11\xe0", ".xls"),
    (b"\x89HDF", ".h5"),
    (b"$FL2", ".sav"),
    (b"MATLAB", ".mat"),
    (b"\x89PNG", ".png"),
    (b"\xff\xd8\xff", ".jpg"),
)
"""What files of a kind begin with, and their usual ending."""

TEXT_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
"""What text of some encoding may begin with: UTF-8, UTF-16."""

ARFF = re.compile(rb"(?:\s*%[^\n]*\n|\s*\n)*\s*@relation\b", re.IGNORECASE)
JSON_OBJECT = re.compile(rb'\s*\{\s*["}]')
JSON_ARRAY = re.compile(rb"\s*\[\s*[\[{]")

ALIKE = 0.8
"""The share of a text's lines that have equally many fields, for it to look like a table."""


def ending_of_file(path: Path) -> str | None:
    """The usual ending of files that hold what a file holds; None if that is not known.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    ending = ending_of(head)
    return _ending_of_zip(path) if ending == ".zip" else ending


def ending_of(head: bytes) -> str | None:
    r"""The usual ending of files that begin with these bytes, `.csv` for any other text; None if it is not known.

    >>> ending_of(b'{"a": 1}\n'), ending_of(b"[{"), ending_of(b"a b c"), ending_of(b"PAR1"), ending_of(b"\0")
    ('.jsonl', '.json', '.csv', '.parquet', None)
    """
    known = next((ending for mark, ending in MAGIC if head.startswith(mark)), None)
    if known is not None or not is_text(head):
        return known
    text = head.removeprefix(TEXT_MARKS[0])
    if JSON_OBJECT.match(text):
        return ".jsonl"
    if JSON_ARRAY.match(text):
        return ".json"
    return ".arff" if ARFF.match(text) else ".csv"


def is_text(head: bytes) -> bool:
    """Whether bytes look like text: without the bytes of control characters, or marked as text."""
    return head.startswith(TEXT_MARKS) or not re.search(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]", head)


def looks_like_table(head: bytes) -> bool:
    r"""Whether nearly all lines of a text have equally many fields, more than one, between delimiters or blanks.

    >>> looks_like_table(b"title\n1,2\n3,4\n5,6\n7,8\n9,10\n"), looks_like_table(b"Dear all,\n\nhello, and so\non.\n")
    (True, False)
    """
    if head.startswith(TEXT_MARKS[1:]):
        return True  # the encoding is not known here: the reader says what is wrong with it
    if len(head) == HEAD_BYTES:
        head = head[: head.rfind(b"\n") + 1]
    lines = [line.strip() for line in head.splitlines() if line.strip()]
    return any(_cuts_alike(lines, delimiter.encode()) for delimiter in DELIMITERS) or _cuts_alike(lines, None)


def _cuts_alike(lines: list[bytes], delimiter: bytes | None) -> bool:
    """Whether a delimiter, None for blanks, cuts nearly all lines into equally many fields, more than one."""
    counts = [len(re.sub(rb'"[^"]*"', b"x", line).split(delimiter)) for line in lines]
    several = [count for count in counts if count > 1]
    most = max(map(several.count, set(several)), default=0)
    return len(lines) > 1 and most >= ALIKE * len(lines)


def _ending_of_zip(path: Path) -> str:
    """The ending of a zip archive, or of the kind of file that is one."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, ValueError, struct.error, NotImplementedError, zipfile.BadZipFile):
        return ".zip"
    if any(name.startswith("xl/") for name in names):
        return ".xlsx"
    if "mimetype" in names and "content.xml" in names:
        return ".ods"
    return ".npz" if names and all(name.endswith(".npy") for name in names) else ".zip"
