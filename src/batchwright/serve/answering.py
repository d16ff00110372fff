"""Answers to requests: their rows as arrays, and what the network makes of those of several requests at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any, ClassVar

import numpy as np
import polars as pl

from batchwright.data.whole_rows import WholeRows
from batchwright.serve.asked import Options, count_rows, parse_columns
from batchwright.serve.image_rows import columns_with_images, read_images
from batchwright.serve.limits import Limits
from batchwright.serve.long_way import read_arrays, read_body, read_columns
from batchwright.serve.media import ARROW, CSV, NPY, NPZ, Content
from batchwright.serve.pictures import Decoder
from batchwright.serve.refusals import refuse_many
from batchwright.serve.replies import Answered, lines_of
from batchwright.serve.served import Served
from batchwright.tasks.regression import limit_note


@dataclass(frozen=True)
class Alone:
    """A request that goes by the long way, with its body as it came, and the type of that."""

    served: Served
    options: Options
    body: bytes
    content: Content


@dataclass(frozen=True)
class Typed:
    """The typed cells of a request that goes by the quick way, by column, and the number of its rows."""

    served: Served
    options: Options
    cells: list[list[Any]]
    rows: int

    notes: ClassVar[tuple[str, ...]] = ()
    kept: ClassVar[pl.DataFrame | None] = None


@dataclass(frozen=True, eq=False)
class Encoded:
    """The rows of a request as the network takes them, with notes on them and columns to put before the answers."""

    served: Served
    options: Options
    inputs: dict[str, np.ndarray]
    rows: int
    notes: tuple[str, ...]
    kept: pl.DataFrame | None


def encode(request: Alone, limits: Limits) -> Encoded:
    """The rows of a request that goes by the long way.

    Raises:
        RefusedError: it cannot be answered.
    """
    request.served.cutoffs(request.options)
    rows = _read(request, limits)
    notes, kept = (*rows.notes, *rows.unfamiliar.notes()), rows.written if rows.written.width else None
    return Encoded(request.served, request.options, dict(rows.inputs), len(rows.fits), notes, kept)


def _read(request: Alone, limits: Limits) -> WholeRows:
    """The rows of a request, encoded, of which there are not too many."""
    body, content, encoding = request.body, request.content, request.served.model.encoding
    image = request.served.image
    decoder = None if image is None else Decoder(image, limits)
    if content.type in (NPY, NPZ):
        rows = read_arrays(body, content, encoding, limits)
    elif image is not None and decoder is not None and image.alone:
        return read_images(body, content, decoder, limits.rows)
    elif content.type in (CSV, ARROW):
        rows = read_body(body, content, encoding, limits, decoder)
    else:
        columns = parse_columns(body) if image is None else columns_with_images(body, content, image.column)
        refuse_many(count_rows(columns), limits.rows)
        return read_columns(columns, encoding, decoder)
    refuse_many(len(rows.fits), limits.rows)
    return rows


def answer_alone(request: Alone, limits: Limits) -> Answered:
    """The answer to one request by the long way.

    Raises:
        RefusedError: it cannot be answered.
    """
    return answer_together([encode(request, limits)])[0]


def answer_together(requests: Sequence[Typed | Encoded]) -> list[Answered]:
    """The answers to requests for the same model with the same options, whose rows go through the network together."""
    served, options = requests[0].served, requests[0].options
    made = served.predict(_join(requests), options)
    if made.limited and len(requests) > 1:  # each is told of its own rows
        return [answer_together([request])[0] for request in requests]
    frame = made.frame()
    lines, notes = lines_of(frame), (*limit_note(made.limited, frame.height), *served.promises(options))
    ends = accumulate((request.rows for request in requests), initial=0)
    return [
        _answer(request, frame, start, lines[start:end], notes)
        for request, (start, end) in zip(requests, pairwise(ends), strict=True)
    ]


def _join(requests: Sequence[Typed | Encoded]) -> dict[str, np.ndarray]:
    """The inputs of requests for one model, one after the other; all of them have come the same way."""
    encoded = [request for request in requests if isinstance(request, Encoded)]
    if encoded:
        parts = [request.inputs for request in encoded]
        return parts[0] if len(parts) == 1 else {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
    usual = requests[0].served.usual
    assert usual is not None
    return usual.encode([request.cells for request in requests if isinstance(request, Typed)])


def _answer(
    request: Typed | Encoded, frame: pl.DataFrame, start: int, lines: Sequence[str], notes: tuple[str, ...]
) -> Answered:
    """The answer to one of several requests, whose rows begin at `start` in the frame of all."""
    said = (*request.notes, *notes)
    if request.kept is None:
        return Answered(frame, start, lines, said, request.served.version)
    own = pl.concat([request.kept, frame.slice(start, request.rows)], how="horizontal")
    return Answered(own, 0, lines_of(own), said, request.served.version)
