"""The types of what is sent and of what comes back, by the headers `Content-Type` and `Accept`.

The forms of both: https://www.rfc-editor.org/rfc/rfc9110#section-8.3 and #section-12.5.1
"""

import encodings
import pkgutil
import re
from collections.abc import Mapping
from encodings.aliases import aliases
from typing import NamedTuple

from batchwright.serve.refusals import RefusedError

JSON, CSV, ARROW = "application/json", "text/csv", "application/vnd.apache.arrow.stream"
NPY, NPZ = "application/x-npy", "application/x-npz"
FORM, IMAGE = "multipart/form-data", "image/*"
ANSWERS = (JSON, CSV, ARROW)
"""The types in which answers are given; the first is that of whoever names none."""
OF_TABLES = (JSON, CSV, ARROW, NPY, NPZ)
OF_IMAGES = (JSON, IMAGE, FORM, NPY, NPZ)
OF_BOTH = (JSON, CSV, ARROW, IMAGE, FORM)
"""The types in which rows are taken: those of models of tables, of images, and of tables with a column of images."""

LONGEST = 1000
"""Signs of a header that are looked at."""
NO_CHARSETS = frozenset(
    (
        *("idna", "mbcs", "oem", "punycode", "raw_unicode_escape", "undefined", "unicode_escape", "aliases"),
        *("base64_codec", "bz2_codec", "hex_codec", "quopri_codec", "rot_13", "uu_codec", "zlib_codec"),
    )
)
"""What Python calls encodings, and nobody writes CSV in; some of them take very long to read."""
UTF8 = ("utf_8", "us_ascii", "ascii", "utf8")
Q = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?")
_ITEM = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*")+')
_PARAMETER = re.compile(r'[;\s]*([^=;\s"]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;\s"]*)')


class Content(NamedTuple):
    """What a request holds: one of the types in which rows are taken, and the parameters of that.

    `charset` is the encoding of CSV as Python knows it, and `boundary` is what stands between the parts of a form.
    """

    type: str
    charset: str = "utf_8"
    boundary: str = ""


class _Range(NamedTuple):
    """A type, or types of a kind, in a list of accepted ones; `weight` is from 0, for those not accepted, to 1."""

    name: str
    weight: float
    place: int

    def fit(self, wanted: str) -> int:
        """How closely it says that it means this type: 3 as exactly as it can be said, 0 not at all."""
        kind = wanted.partition("/")[0]
        return 3 if self.name == wanted else 2 if self.name == f"{kind}/*" else 1 if self.name == "*/*" else 0


def content_of(header: str, taken: tuple[str, ...]) -> Content:
    """The type of a request's rows, one of those that are `taken`.

    Raises:
        RefusedError: it is another, its text is in an encoding that is not known, or a form names no boundary.
    """
    if header in taken and header != FORM:  # most often
        return Content(header)
    name, parameters = _split(header)
    found = IMAGE if name.startswith("image/") else name
    if found not in taken:
        raise RefusedError(415, f"rows are taken as {', '.join(taken)}, but the content type is {header!r:.80}.")
    if found == FORM:
        return Content(FORM, boundary=_boundary(parameters))
    if found not in (JSON, CSV):
        return Content(found)
    charset = _charset(parameters.get("charset", "utf-8"))
    if found == JSON and charset not in UTF8:
        raise RefusedError(415, f"JSON is taken in UTF-8, but the content type says {parameters['charset']!r:.40}.")
    return Content(found, charset)


def _split(header: str) -> tuple[str, Mapping[str, str]]:
    """The type in a header, and its parameters by name, without quotation marks."""
    name, _, rest = header[:LONGEST].partition(";")
    return name.strip().lower(), {key.lower(): _unquote(value) for key, value in _PARAMETER.findall(rest)}


def _unquote(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value


def _boundary(parameters: Mapping[str, str]) -> str:
    found = parameters.get("boundary", "")
    if not 0 < len(found) <= 70 or not found.isascii():
        told = f"{FORM} names a boundary of 1 to 70 signs of ASCII, but {found!r:.80} was given"
        raise RefusedError(400, f"{told}: programs that send forms, such as curl with -F, write the header themselves.")
    return found


def _known() -> frozenset[str]:
    """The encodings by all their names in Python."""
    modules = {module.name for module in pkgutil.iter_modules(encodings.__path__)}
    return frozenset(name for name in {*aliases, *modules} if aliases.get(name, name) not in NO_CHARSETS)


CHARSETS = _known()
"""The encodings by name. A name is looked up here first, as Python remembers each that it does not know."""


def _charset(given: str) -> str:
    found = encodings.normalize_encoding(given[:LONGEST]).lower()
    if found not in CHARSETS:
        raise RefusedError(
            415,
            f"the content type says the encoding {given!r:.40}, which is not known. Known are utf-8, utf-16, "
            "iso-8859-1, windows-1252, gb18030, big5, shift_jis, euc-kr and others.",
        )
    return found


def type_of_answer(header: str) -> str:
    """The type of the answer: the one of `ANSWERS` that the request gives the highest weight.

    Among equal ones, that which is named most exactly goes before others, and then the one named first.

    Raises:
        RefusedError: it accepts none of them, or a weight is none.

    >>> type_of_answer("text/csv;q=0.5, application/json;q=0.8, */*;q=0"), type_of_answer("text/*")
    ('application/json', 'text/csv')
    """
    if header in ("", "*/*"):
        return JSON
    if header in ANSWERS:
        return header
    if len(header) > LONGEST:
        raise RefusedError(400, f"Accept has {len(header):,} signs: at most {LONGEST:,} are read.")
    ranges = [_range(item, place) for place, item in enumerate(_ITEM.findall(header))]
    best, found = (0.0, 0, 0), ""
    for wanted in ANSWERS:
        fits = [(one.fit(wanted), one.weight, -one.place) for one in ranges if one.fit(wanted)]
        fit, weight, place = max(fits, default=(0, 0.0, 0))
        if weight > 0 and (weight, fit, place) > best:
            best, found = (weight, fit, place), wanted
    if not found:
        raise RefusedError(406, f"answers are given as {', '.join(ANSWERS)}, but the request accepts {header!r:.80}.")
    return found


def _range(item: str, place: int) -> _Range:
    name, parameters = _split(item)
    weight = parameters.get("q", "1")
    if Q.fullmatch(weight) is None:
        raise RefusedError(400, f"Accept: a weight is a number from 0 to 1, as q=0.5, but q={weight:.20} was given.")
    return _Range(name, float(weight), place)
