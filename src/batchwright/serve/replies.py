"""Predictions as they are sent: JSON, CSV or Arrow, with notes and the version of the model."""

import io
import json
from collections.abc import Sequence
from typing import NamedTuple

import polars as pl

from batchwright.runs.answer_files import csv_text, quote_formulas
from batchwright.serve.media import ARROW, CSV, JSON

MOST_NOTES = 4096
"""Characters of notes in a header, the first that fit; in JSON there are all of them."""
NOTES, MODEL = "batchwright-notes", "batchwright-model"
"""The headers of an answer that has no place for them."""


class Answered(NamedTuple):
    """The predictions for the rows of a request.

    - all: the predictions for these rows and others that were answered together with them; start: where these begin
    - lines: each of these rows as an object of JSON
    - notes: what a person has to know; version: that of the model
    """

    all: pl.DataFrame
    start: int
    lines: Sequence[str]
    notes: tuple[str, ...]
    version: str

    @property
    def frame(self) -> pl.DataFrame:
        """The predictions for these rows."""
        return self.all.slice(self.start, len(self.lines))


class Reply(NamedTuple):
    """What is sent."""

    status: int
    type: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


def lines_of(frame: pl.DataFrame) -> list[str]:
    """Each row as an object of JSON."""
    return frame.write_ndjson().split("\n")[: frame.height]


def reply(answered: Answered, wanted: str) -> Reply:
    """The predictions in the type that is wanted."""
    if wanted == JSON:
        notes, model = json.dumps(answered.notes, ensure_ascii=False), json.dumps(answered.version)
        text = f'{{"answers":[{",".join(answered.lines)}],"notes":{notes},"model":{model}}}'
        return Reply(200, JSON, text.encode())
    headers = ((MODEL, answered.version), (NOTES, _short(answered.notes)))
    if wanted == CSV:
        text = csv_text(quote_formulas(answered.frame).frame)
        return Reply(200, f"{CSV}; charset=utf-8", text.encode(), headers)
    stream = io.BytesIO()
    answered.frame.write_ipc_stream(stream)
    return Reply(200, ARROW, stream.getvalue(), headers)


def _short(notes: Sequence[str]) -> str:
    """The notes as JSON, those that fit into a header and how many more there are."""
    for left_out in range(len(notes) + 1):
        more = [f"{left_out:,} more, which an answer in JSON has"] if left_out else []
        text = json.dumps([*notes[: len(notes) - left_out], *more])
        if len(text) <= MOST_NOTES:
            break
    return text
