"""Operators on the texts of a column by those that ONNX has: tables of texts, and regular expressions.

Expressions are those of RE2. They are written so that a text matches just where `encoders` and `tags` say so.
"""

from functools import cache

import numpy as np
import polars as pl

from batchwright.data.encode.encoders import WHOLE
from batchwright.data.encode.spelling import fold
from batchwright.export.graph import Node
from batchwright.export.onnx_writer import Writer

LABELS = "ai.onnx.ml"
"""The domain that knows the codes of texts."""
BLANK = r"[\t-\r\x1c- \x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}]"
"""A sign between words, as Python splits them."""
AROUND = r"[ \t\n\[\]'\"]*"
"""What does not count around a value among several in a cell."""
WHOLE_NUMBER = r"[+-]?[0-9]+(?:\.0*)?"
"""A whole number, with or without zeros after the point."""


def needs_expressions(node: Node) -> bool:
    """Whether the codes of categories need more than a table: spellings are merged, or 3 and 3.0 are one."""
    return bool(node.attributes["merge_case"]) or bool(_whole_numbers(_categories(node)))


def write_category_codes(writer: Writer, node: Node) -> None:
    """The code of each text, int64 [rows, 1], as `encoders.category_codes`."""
    categories, (text,) = _categories(node), node.inputs
    if node.attributes["merge_case"]:
        _merged_codes(writer, node, text, categories)
        return
    codes = {name: 1 + place for place, name in enumerate(categories)}
    if node.attributes["missing"]:
        codes[""] = len(categories) + 1
    twins = {whole: codes[name] for whole, name in _whole_numbers(categories).items()}
    if not twins:
        _table(writer, text, codes, node.output.name)
        return
    exact = _table(writer, text, codes)
    before = writer.add("StringConcat", [text, np.array(".")])  # so that no text is empty
    parts = writer.add("StringSplit", [before], delimiter=".")
    whole = writer.add("Gather", [parts, np.array(0)], axis=2)
    by_number = _table(writer, whole, twins)
    is_number = writer.add("RegexFullMatch", [text], pattern=WHOLE_NUMBER)
    strange = writer.add("And", [is_number, writer.add("Equal", [exact, np.array(0)])])
    writer.add("Where", [strange, by_number, exact], node.output.name)


def _categories(node: Node) -> tuple[str, ...]:
    return tuple(str(one) for one in node.attributes["categories"])  # type: ignore[union-attr]


def _table(writer: Writer, text: str, codes: dict[str, int], output: str = "") -> str:
    """The number of each text in a table, 0 where it is not in it."""
    return writer.add(
        "LabelEncoder",
        [text],
        output,
        domain=LABELS,
        keys_strings=list(codes),
        values_int64s=list(codes.values()),
        default_int64=0,
    )


def _whole_numbers(categories: tuple[str, ...]) -> dict[str, str]:
    """The category of each whole number, if all categories are numbers and no other is the same number."""
    known = pl.Series(categories, dtype=pl.String)
    if known.cast(pl.Float64, strict=False).null_count():
        return {}
    written = pl.DataFrame({"whole": known.str.extract(WHOLE), "category": known}).drop_nulls()
    return dict(written.filter(pl.col("whole").is_unique()).iter_rows())


def _merged_codes(writer: Writer, node: Node, text: str, categories: tuple[str, ...]) -> None:
    """The code of the category whose expression the text matches."""
    folded = tuple(map(fold, categories))
    wholes = {name: whole for whole, name in _whole_numbers(folded).items()}
    matches = [writer.add("RegexFullMatch", [text], pattern=_spellings(name, wholes.get(name))) for name in folded]
    if node.attributes["missing"]:
        matches.append(writer.add("Equal", [_table(writer, text, {"": 1}), np.array(1)]))
    together = writer.add("Concat", matches, axis=1)
    numbers = np.arange(1, len(matches) + 1)[None, :]
    codes = writer.add("Mul", [writer.add("Cast", [together], to=7), numbers])
    total = writer.add("ReduceSum", [codes, np.array([1])], keepdims=1)
    writer.add("Identity", [total], node.output.name)


def _spellings(folded: str, whole: str | None) -> str:
    """The expression of all texts that are folded to this one, or to the same whole number."""
    if whole is not None:
        body = _escape(whole) + r"(?:\.0*)?"
    else:
        body = f"{BLANK}+".join(_letters(word) for word in folded.split(" "))
    only_points = not folded.rstrip(". ")
    end = f"{BLANK}*" if only_points else f"(?:[.]|{BLANK})*"
    return f"(?is){BLANK}*{body}{end}"


def _letters(word: str) -> str:
    """The expression of the letters of a folded word; some letters are folded to several, as ß to ss."""
    several = _folded_to_several()
    pattern, place = "", 0
    while place < len(word):
        length = next((n for n in (3, 2) if word[place : place + n] in several), 1)
        part = word[place : place + length]
        ways = [_escape(part), *map(_escape, several.get(part, ()))]
        pattern += ways[0] if len(ways) == 1 else f"(?:{'|'.join(ways)})"
        place += length
    return pattern


def _escape(text: str) -> str:
    """The text as an expression; RE2 wants no sign before letters of other scripts."""
    return "".join(f"\\{sign}" if sign.isascii() and not sign.isalnum() and sign != "_" else sign for sign in text)


@cache
def _folded_to_several() -> dict[str, tuple[str, ...]]:
    """The letters that are folded to each of some texts of several letters."""
    found: dict[str, tuple[str, ...]] = {}
    for code in range(0x110000):
        folded = chr(code).casefold()
        if len(folded) > 1:
            found[folded] = (*found.get(folded, ()), chr(code))
    return found


def write_held_values(writer: Writer, node: Node) -> None:
    """Which values each cell holds, float32 [rows, width], as `tags.Tags` writes it."""
    (text,) = node.inputs
    between = _escape(str(node.attributes["separator"]))
    values = [_escape(str(value)) for value in node.attributes["values"]]  # type: ignore[union-attr]
    matches = [
        writer.add("RegexFullMatch", [text], pattern=f"(?s)(?:.*{between})?{AROUND}{value}{AROUND}(?:{between}.*)?")
        for value in values
    ]
    if node.attributes["other"]:
        one = f"{AROUND}(?:{'|'.join(values)})?{AROUND}"
        all_known = writer.add("RegexFullMatch", [text], pattern=f"(?s){one}(?:{between}{one})*")
        matches.append(writer.add("Not", [all_known]))
    if node.attributes["missing"]:
        matches.append(writer.add("Equal", [_table(writer, text, {"": 1}), np.array(1)]))
    together = writer.add("Concat", matches, axis=1)
    writer.add("Cast", [together], node.output.name, to=1)
