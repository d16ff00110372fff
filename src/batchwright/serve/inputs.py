"""What requests have to hold: each column of a model with its kind, what training had, and an example of a cell."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from batchwright.data.encode.encoders import ELAPSED, Category, Encoder, Flag, Moment, Number, OneHot, Ordinal, Quantile
from batchwright.data.encode.encoding import Encoding, ImagePreprocessing
from batchwright.data.encode.tags import Tags
from batchwright.data.encode.unfamiliar import knows_missing
from batchwright.data.typed.convert import convert
from batchwright.data.typed.schema import Column
from batchwright.serve.pictures import ImageInput, grey_image, image_input

SHOWN = 20
"""Categories that are listed."""
TEXT = "some words"


@dataclass(frozen=True)
class Input:
    """A column that requests have to hold.

    Attributes:
        name: its name.
        kind: what it holds.
        lowest, highest: the ends of the training rows' range; None where they are not known, or it holds no numbers.
        categories: what it may hold that training knows; others are taken as unknown.
        written: how training wrote its dates or numbers, if not as usual.
        missing: whether training had missing cells.
        example: a cell as JSON; None where none could be made.
        shape: height, width and channels of images; None for other columns.
    """

    name: str
    kind: str
    lowest: float | None
    highest: float | None
    categories: tuple[str, ...]
    written: str
    missing: bool
    example: Any
    shape: tuple[int, int, int] | None = None

    @property
    def says(self) -> str:
        """What training had, in words."""
        return "; ".join(self._said())

    def _said(self) -> Iterator[str]:
        if self.shape is not None:
            yield "an image in base64, or a data: URL"
            yield f"it is brought to {'x'.join(map(str, self.shape))} (height x width x channels)"
            return
        if self.lowest is not None and self.highest is not None:
            yield f"training had {self.lowest:.6g} to {self.highest:.6g}"
        if self.categories:
            more = len(self.categories) - SHOWN
            listed = ", ".join(map(repr, self.categories[:SHOWN]))
            yield f"training knows {listed}" + (f" and {more:,} more" if more > 0 else "")
        if self.written:
            yield f"as text it is written as {self.written}"
        yield "may be missing" if self.missing else "training had no missing cell"


def inputs_of(encoding: Encoding) -> tuple[Input, ...]:
    """The columns that requests have to hold, in the order of the training rows; an image is one too."""
    image, made = image_input(encoding), encoding.preprocessing
    found = {} if image is None else {image.column: _image(image)}
    if isinstance(made, ImagePreprocessing):
        return tuple(found.values())
    by_name = {column.name: column for column in encoding.schema.columns}
    found |= {encoder.column: _input(by_name[encoder.column], encoder) for encoder in made.encoders}
    return tuple(found[name] for name in by_name if name in found)


def _image(image: ImageInput) -> Input:
    return Input(image.column, "image", None, None, (), "", False, grey_image(image), image.shape)


def _input(spec: Column, encoder: Encoder) -> Input:
    numeric = isinstance(encoder, Number | Quantile)
    return Input(
        name=spec.name,
        kind=spec.kind,
        lowest=encoder.lowest if isinstance(encoder, Number | Quantile) else None,
        highest=encoder.highest if isinstance(encoder, Number | Quantile) else None,
        categories=_categories(encoder),
        written=repr(spec.numbers.example) if numeric and spec.numbers else spec.format,
        missing=knows_missing(encoder),
        example=_example(spec, encoder),
    )


def _categories(encoder: Encoder) -> tuple[str, ...]:
    match encoder:
        case OneHot() | Category():
            return encoder.categories
        case Ordinal():
            return encoder.order
        case Tags():
            return encoder.values
    return ()


def _example(spec: Column, encoder: Encoder) -> Any:
    match encoder:
        case Number():
            return _short(encoder.center, encoder.lowest, encoder.highest)
        case Quantile():
            return _short(encoder.knots[len(encoder.knots) // 2], encoder.lowest, encoder.highest)
        case Flag():
            return True
        case Moment():
            return _date(spec, encoder)
    known = _categories(encoder)
    return known[0] if known else TEXT


def _short(number: float, lowest: float | None, highest: float | None) -> float:
    """A number of few digits, within the range, whole where the ends of the range are."""
    ends = [end for end in (lowest, highest) if end is not None]
    short = float(round(number)) if all(end.is_integer() for end in ends) else float(f"{number:.4g}")
    inside = min(max(short, *ends[:1]), *ends[1:]) if len(ends) == 2 else short
    return int(inside) if inside.is_integer() and abs(inside) < 2**53 else inside


def _date(spec: Column, encoder: Moment) -> str | None:
    """The mean date of training as its column writes dates; None if that cannot be written so."""
    days = next((part.center for part in encoder.parts if part.column == ELAPSED), 0.0)
    try:
        text = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=int(days))).strftime(spec.format or "%Y-%m-%d")
    except (ValueError, OverflowError):
        return None
    return None if convert(pl.Series(spec.name, [text]), spec).null_count() else text
