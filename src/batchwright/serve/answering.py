"""Answers to requests: to many at once by the quick way, or to one by the long way."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

from batchwright.data.whole_rows import WholeRows
from batchwright.serve.asked import JSON, Options, count_rows, parse_columns
from batchwright.serve.long_way import read_body, read_columns
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
    content: str


@dataclass(frozen=True)
class Typed:
    """The typed cells of a request that goes by the quick way, by column, and the number of its rows."""

    served: Served
    options: Options
    cells: list[list[Any]]
    rows: int


def answer_alone(request: Alone, most_rows: int) -> Answered:
    """The answer to one request by the long way.

    Raises:
        RefusedError: it cannot be answered.
    """
    served, options = request.served, request.options
    served.cutoffs(options)
    rows = _read(request, most_rows)
    made = served.predict(rows.inputs, options)
    frame = made.frame()
    notes = (*_notes_of(rows), *limit_note(made.limited, frame.height), *served.promises(options))
    return Answered(frame, 0, lines_of(frame), notes, served.version)


def _read(request: Alone, most_rows: int) -> WholeRows:
    encoding = request.served.model.encoding
    if request.content != JSON:
        rows = read_body(request.body, request.content, encoding)
        refuse_many(len(rows.fits), most_rows)
        return rows
    columns = parse_columns(request.body)
    refuse_many(count_rows(columns), most_rows)
    return read_columns(columns, encoding)


def _notes_of(rows: WholeRows) -> tuple[str, ...]:
    return (*rows.notes, *rows.unfamiliar.notes())


def answer_together(requests: Sequence[Typed]) -> list[Answered]:
    """The answers to requests for the same model with the same options, whose rows go through the network together."""
    served, options = requests[0].served, requests[0].options
    usual = served.usual
    assert usual is not None
    made = served.predict(usual.encode([request.cells for request in requests]), options)
    frame = made.frame()
    lines, promises = lines_of(frame), served.promises(options)
    ends = accumulate((request.rows for request in requests), initial=0)
    if made.limited and len(requests) > 1:  # each is told of its own rows
        return [answer_together([request])[0] for request in requests]
    notes = (*limit_note(made.limited, frame.height), *promises)
    return [Answered(frame, start, lines[start:end], notes, served.version) for start, end in pairwise(ends)]
