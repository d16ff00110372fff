"""What a model takes and gives, as plain data for people: its columns with what training knew of them, its answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from batchwright.data.encode.encoders import Category, Encoder, Flag, Moment, Number, OneHot, Ordinal, Quantile
from batchwright.data.encode.encoding import Encoding, ImagePreprocessing
from batchwright.data.encode.tags import Tags
from batchwright.data.typed.date_format import read_dates
from batchwright.data.typed.durations import DAYS, DURATION, MONTHS
from batchwright.data.typed.fractions import QUOTIENT
from batchwright.data.typed.numbers import NumberFormat
from batchwright.data.typed.schema import Column
from batchwright.export.cells import ISO
from batchwright.export.graph import Graph

MOST_LISTED = 5
"""Categories that a line names."""
DATE = {
    "%.f": "",
    "%Y": "2024",
    "%y": "24",
    "%m": "03",
    "%d": "17",
    "%b": "Mar",
    "%a": "Sunday",
    "%H": "09",
    "%I": "09",
    "%M": "30",
    "%S": "00",
    "%p": "AM",
    "%G": "2024",
    "%V": "11",
    "%u": "7",
    "%q": "1",
    "%h": "1",
}
"""A date by the parts of formats."""
LENGTHS_AS = {DURATION: "1h 30m", MONTHS: "3 years 7 months", DAYS: "2 years 3 days", QUOTIENT: "1/2"}
"""How other numbers are written."""


@dataclass(frozen=True)
class Field:
    """One column: what it holds, and what the training rows had.

    - kind: number, flag, date, category, values (several in a cell), text or image
    - lowest, highest: the range of numbers, None where it is not known
    - choices: the known categories or values
    - written: an example of how its numbers or dates are written, where not as programs write them
    - start: a usual cell
    - shape: height, width and channels of images
    """

    name: str
    kind: str
    lowest: float | None = None
    highest: float | None = None
    choices: tuple[str, ...] = ()
    written: str = ""
    start: str = ""
    shape: tuple[int, ...] = ()

    @property
    def sentence(self) -> str:
        """The column in a line.

        >>> Field("age", "number", 17.0, 90.0).sentence
        'age: a number, 17 to 90 in training'
        """
        said = {"number": "a number", "flag": "true or false", "date": "a date", "category": "a category"}
        known = {"values": "several values in a cell", "text": "a text", "image": "an image"}
        parts = [(said | known)[self.kind]]
        if self.lowest is not None and self.highest is not None:
            parts.append(f"{self.lowest:.6g} to {self.highest:.6g} in training")
        if self.choices:
            more = f" and {len(self.choices) - MOST_LISTED} more" if len(self.choices) > MOST_LISTED else ""
            parts.append(", ".join(map(repr, self.choices[:MOST_LISTED])) + more)
        if self.written:
            parts.append(f"written as {self.written!r}")
        if self.shape:
            parts.append("height {}, width {}, channels {}".format(*self.shape))
        return f"{self.name}: {', '.join(parts)}"


def fields_of(graph: Graph, encoding: Encoding) -> tuple[Field, ...]:
    """The columns that a model takes, in the order of the graph's inputs."""
    made = encoding.preprocessing
    if isinstance(made, ImagePreprocessing):
        return (Field(graph.inputs[0].name, "image", shape=made.shape),)
    columns = {column.name: column for column in encoding.schema.columns}
    encoders = {encoder.column: encoder for encoder in made.encoders}
    return tuple(
        _field(columns[one.name], encoders.get(one.name), tuple(size or 0 for size in one.shape[1:]))
        for one in graph.inputs
    )


def _field(column: Column, encoder: Encoder | None, shape: tuple[int, ...]) -> Field:
    match encoder:
        case None:
            return Field(column.name, "image", shape=shape)
        case Number() | Quantile():
            usual = encoder.center if isinstance(encoder, Number) else encoder.knots[len(encoder.knots) // 2]
            written = column.numbers.example if column.numbers else LENGTHS_AS.get(column.format, column.format)
            start = write_number(usual, column.numbers)
            return Field(column.name, "number", encoder.lowest, encoder.highest, written=written, start=start)
        case Flag():
            return Field(column.name, "flag")
        case Moment():
            example = write_date(column.format or ISO)
            return Field(column.name, "date", written=example or column.format, start=example)
        case OneHot() | Category():
            return Field(column.name, "category", choices=encoder.categories)
        case Ordinal():
            return Field(column.name, "category", choices=encoder.order)
        case Tags():
            written = encoder.separator.join(encoder.values[:2])
            return Field(column.name, "values", choices=encoder.values, written=written, start=written)
        case _:
            return Field(column.name, "text")


def write_number(number: float, form: NumberFormat | None) -> str:
    """A number with up to 6 digits, as cells of this format have it.

    >>> write_number(1234.5, None), write_number(1234.5, NumberFormat(",", ".", after="kg"))
    ('1234.5', '1234,5 kg')
    """
    text = f"{number:.6g}"
    if form is None:
        return text
    unit = f" {form.after}" if form.after else ""
    written = f"{form.before}{text.replace('.', form.decimal)}{unit}"
    return written if form.fits(pl.Series([written])).all() else form.example


def write_date(form: str) -> str:
    """A date in a format of columns; empty where none can be made of it.

    >>> write_date("%d.%m.%Y"), write_date("%b %d, %Y[ %H:%M]")
    ('17.03.2024', 'Mar 17, 2024 09:30')
    """
    text = form.translate({ord("["): "", ord("]"): ""})
    for token, written in DATE.items():
        text = text.replace(token, written)
    return text if read_dates(pl.Series([text]), form).null_count() == 0 else ""


def targets_of(graph: Graph) -> list[dict[str, Any]]:
    """What belongs to each target among the outputs, whose names are those of `Predictions.frame()`."""
    found: list[dict[str, Any]] = []
    for name in (one.name for one in graph.outputs):
        kind, _, rest = name.partition("_")
        if kind == "predicted":
            found.append({"name": rest, "answer": name, "probabilities": [], "quantiles": []})
        elif kind in ("probability", "quantile"):
            label = rest.removeprefix(f"{found[-1]['name']}_") if _has_several(graph) else rest
            found[-1]["probabilities" if kind == "probability" else "quantiles"].append([name, label])
        else:
            found[-1][kind] = name
    return found


def _has_several(graph: Graph) -> bool:
    return sum(one.name.startswith("predicted_") for one in graph.outputs) > 1


def list_some(names: Sequence[str], most: int = MOST_LISTED) -> str:
    """The first of some names, and how many more there are.

    >>> list_some(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
