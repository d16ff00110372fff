"""What the cells of a model's columns look like, as plain data that a program in another language reads cells by."""

import re
from collections.abc import Mapping
from typing import Any, TypeAlias

from batchwright.data.encode.encoding import Encoding, ImagePreprocessing
from batchwright.data.typed.cells import what_fits
from batchwright.data.typed.date_format import COMPACT, EPOCHS, pattern_of, zone_of
from batchwright.data.typed.date_words import AFTERNOON, MONTHS, ZONES
from batchwright.data.typed.durations import CLOCK, DURATION, LENGTHS, SIZES, iso_pattern, words_pattern
from batchwright.data.typed.flags import FALSE, TRUE
from batchwright.data.typed.fractions import FRACTION, OUT_OF, is_fraction_format
from batchwright.data.typed.missing import numbers_among
from batchwright.data.typed.numbers import MAGNITUDES
from batchwright.data.typed.schema import Column

Reader: TypeAlias = dict[str, Any]
"""Plain data: the `column`, its `kind` (what its cells become: number, flag, date or text), what it `reads`, the texts
and numbers that mean `missing`, what a cell has to be (`wanted`), and what that way of reading needs."""

ISO = "%Y-%m-%d[ %H:%M[:%S%.f]]"
"""The format of dates that came as such in training, and so were not written in any."""

HAN = (
    "\u2e80-\u2e99\u2e9b-\u2ef3\u2f00-\u2fd5\u3005\u3007\u3021-\u3029\u3038-\u303b\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufa6d\ufa70-\ufad9\U00020000-\U000323af"
)
"""The script, as part of a character class."""
PYTHON = {r"\p{Han}": f"[{HAN}]", r"\p{L}": r"[^\W\d_]"}
SCRIPT = {r"\p{Han}": r"\p{Script=Han}", "(?P<": "(?<"}
"""How other languages write what is in our regular expressions."""
PATTERNS = ("pattern", "patterns", "clock")
"""What holds regular expressions in a reader."""
NEEDLESS = re.compile(r"\\([#&~ -])")
"""Signs that need no backslash outside a character class, and must not have one in a script."""


def readers_of(encoding: Encoding) -> tuple[Reader, ...]:
    """The readers of the columns that a model uses, in the order of its schema; images have none."""
    if isinstance(encoding.preprocessing, ImagePreprocessing):
        return ()
    columns = (column for column in encoding.schema.columns if column.used and column.kind != "image")
    return tuple(reader_of(column, encoding.reading.missing_in(column.name)) for column in columns)


def reader_of(column: Column, missing: tuple[str, ...]) -> Reader:
    """How the cells of a column are read; `missing` are the texts that mean missing."""
    common = {
        "column": column.name,
        "missing": list(dict.fromkeys(missing)),
        "missing_numbers": numbers_among(missing),
        "wanted": what_fits(column) if column.kind in ("numeric", "boolean", "date") else "a text",
    }
    match column.kind:
        case "numeric":
            return common | {"kind": "number"} | _number(column)
        case "boolean":
            return common | {"kind": "flag", "reads": "flag", "true": list(TRUE), "false": list(FALSE)}
        case "date":
            return common | {"kind": "date"} | _date(column.format or ISO)
        case _:
            return common | {"kind": "text", "reads": "text", "separator": column.format}


def _number(column: Column) -> Reader:
    form = column.numbers
    if column.format in LENGTHS:
        clock = CLOCK if column.format == DURATION else ""
        patterns = [words_pattern(column.format), iso_pattern(column.format)]
        return {"reads": "duration", "clock": clock, "patterns": patterns, "sizes": dict(SIZES[column.format])}
    if is_fraction_format(column.format):
        below = float(column.format.removeprefix(OUT_OF)) if column.format.startswith(OUT_OF) else None
        return {"reads": "fraction", "pattern": FRACTION, "below": below}
    if form is None:
        return {"reads": "number"}
    return {
        "reads": "written number",
        "pattern": form.pattern(),
        "decimal": form.decimal,
        "thousands": form.thousands,
        "minus_after": bool(form.minus_after),
        "magnitudes": dict(MAGNITUDES),
    }


def _date(form: str) -> Reader:
    epoch = form in EPOCHS
    return {
        "reads": "epoch" if epoch else "date",
        "microseconds": EPOCHS.get(form, 1),
        "compact": form in COMPACT,
        "pattern": "" if epoch else pattern_of(form),
        "months": dict(MONTHS) if "%b" in form else {},
        "afternoon": list(AFTERNOON) if "%p" in form else [],
        **({"zones": {}, "zone": 0} if epoch or "?P<z>" not in pattern_of(form) else _zones(form)),
    }


def _zones(form: str) -> Reader:
    return {"zones": dict(ZONES), "zone": zone_of(form)}


def for_python(reader: Reader) -> Reader:
    """The reader with the regular expressions of Python."""
    return _with_patterns(reader, PYTHON)


def for_script(reader: Reader) -> Reader:
    """The reader with the regular expressions of JavaScript; `(?i)` still begins those in which case does not count."""
    found = _with_patterns(reader, SCRIPT)
    return {key: _without_needless(value) if key in PATTERNS else value for key, value in found.items()}


def _with_patterns(reader: Reader, signs: Mapping[str, str]) -> Reader:
    return {key: _translated(value, signs) if key in PATTERNS else value for key, value in reader.items()}


def _translated(pattern: Any, signs: Mapping[str, str]) -> Any:
    if isinstance(pattern, list):
        return [_translated(one, signs) for one in pattern]
    for ours, theirs in signs.items():
        pattern = pattern.replace(ours, theirs)
    return pattern


def _without_needless(pattern: Any) -> Any:
    return [NEEDLESS.sub(r"\1", one) for one in pattern] if isinstance(pattern, list) else NEEDLESS.sub(r"\1", pattern)
