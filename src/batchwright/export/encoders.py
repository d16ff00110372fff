"""Columns as numbers: the nodes that do what the encoders of `data/encode` do, in float64 as they do.

Encoders of one kind are done together, so that a table of a hundred numbers takes as many nodes as one number.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from batchwright.data.encode.encoders import (
    Category,
    Flag,
    Moment,
    Number,
    OneHot,
    Ordinal,
    Quantile,
)
from batchwright.data.encode.encoding import Encoding, ImagePreprocessing
from batchwright.data.encode.preprocessing import Preprocessing
from batchwright.data.encode.tags import Tags
from batchwright.data.encode.texts import HashedText, text_dtype
from batchwright.export.building import Builder
from batchwright.export.columns import Block, Emit, Placed, as_float, concat, width_of
from batchwright.export.graph import Dtype, Value
from batchwright.export.number_columns import emit_flags, emit_moments, emit_numbers, emit_quantiles, fill_missing

CELLS: Mapping[type, Dtype] = {
    Number: "float64",
    Quantile: "float64",
    Flag: "float64",
    Moment: "int64",
    OneHot: "string",
    Ordinal: "string",
    Category: "string",
    Tags: "string",
    HashedText: "string",
}
"""What the cells of a column are, by its encoder."""


def column_inputs(encoding: Encoding) -> tuple[Value, ...]:
    """The inputs of the graph: one for each column that is used; the image first, where there is one."""
    made = encoding.preprocessing
    if isinstance(made, ImagePreprocessing):
        return (Value("image", "uint8", (None, *made.shape)),)
    image = [] if made.image is None else [Value(made.image.column, "uint8", (None, *made.image.shape))]
    return (*image, *(Value(one.column, CELLS[type(one)], (None,)) for one in made.encoders))


def encode(builder: Builder, encoding: Encoding) -> dict[str, tuple[Value, str]]:
    """The inputs of the network by name, each with the dtype that the network knows it by."""
    made, columns = encoding.preprocessing, {value.name: value for value in builder.inputs}
    if isinstance(made, ImagePreprocessing):
        return {"image": (columns["image"], "uint8")}
    found = {}
    placed = _placed(builder, made)
    for name, dtype in (("numeric", "float32"), ("categorical", "int32"), ("text", _text_dtype(made))):
        blocks = [block for kind, each in placed[name].items() for block in EMITTERS[kind](builder, each)]
        if blocks:
            with builder.within("encoding"):
                found[name] = (_side_by_side(builder, blocks), dtype)
    if made.differences:
        found["numeric"] = (fill_missing(builder, made.differences, found["numeric"][0], columns), "float32")
    if made.image is not None:
        found["image"] = (columns[made.image.column], "uint8")
    return found


def _text_dtype(made: Preprocessing) -> str:
    return np.dtype(text_dtype(made.texts)).name if made.texts else "int32"


def _placed(builder: Builder, made: Preprocessing) -> dict[str, dict[type, list[Placed]]]:
    """The encoders of each input of the network by their kind, with the places that they fill."""
    inputs, ends = {value.name: value for value in builder.inputs}, dict.fromkeys(("numeric", "categorical", "text"), 0)
    found: dict[str, dict[type, list[Placed]]] = {name: {} for name in ends}
    for encoder in made.encoders:
        kind = type(encoder)
        name = {Category: "categorical", HashedText: "text"}.get(kind, "numeric")
        cells = builder.apply("Reshape", inputs[encoder.column], shape=(-1, 1))
        found[name].setdefault(kind, []).append(Placed(encoder, cells, ends[name]))
        ends[name] += width_of(encoder)
    return found


def _side_by_side(builder: Builder, blocks: Sequence[Block]) -> Value:
    """All columns, each in its place."""
    together = concat(builder, [block.columns for block in blocks])
    places = np.array([place for block in blocks for place in block.places])
    order = np.argsort(places)
    return (
        together if np.array_equal(order, np.arange(len(order))) else builder.apply("Gather", together, order, axis=1)
    )


def _codes(builder: Builder, one: Placed, categories: tuple[str, ...], *, missing: bool) -> Value:
    """The code of each cell, int64 [rows, 1]."""
    merge_case = bool(one.encoder.merge_case)
    return builder.apply("CategoryCodes", one.cells, categories=categories, missing=missing, merge_case=merge_case)


def _are(builder: Builder, codes: Value, count: int) -> Value:
    """A column for each code from 1: 1 where it is that code."""
    return as_float(builder, builder.apply("Equal", codes, np.arange(1, count + 1)[None, :]))


def _one_hots(builder: Builder, placed: Sequence[Placed]) -> list[Block]:
    blocks = []
    for one in placed:
        with builder.within(one.encoder.column):
            codes = _codes(builder, one, one.encoder.categories, missing=one.encoder.missing)
            width = width_of(one.encoder)
            blocks.append(Block(_are(builder, codes, width), tuple(range(one.place, one.place + width))))
    return blocks


def _ordinals(builder: Builder, placed: Sequence[Placed]) -> list[Block]:
    blocks = []
    for one in placed:
        encoder, place = one.encoder, one.place
        ranks = (np.arange(len(encoder.order)) - encoder.center) / encoder.scale
        with builder.within(encoder.column):
            codes = _codes(builder, one, encoder.order, missing=encoder.missing)
            table = np.concatenate([[0.0], ranks, [0.0]]).astype(np.float32)
            blocks.append(Block(builder.apply("Gather", table, codes, axis=0), (place,)))
            known = len(encoder.order) if encoder.one_hot else 0
            if known:
                blocks.append(Block(_are(builder, codes, known), tuple(range(place + 1, place + 1 + known))))
            if encoder.missing:
                last = builder.apply("Equal", codes, np.array(len(encoder.order) + 1))
                blocks.append(Block(as_float(builder, last), (place + 1 + known,)))
    return blocks


def _categories(builder: Builder, placed: Sequence[Placed]) -> list[Block]:
    blocks = []
    for one in placed:
        with builder.within(one.encoder.column):
            codes = _codes(builder, one, one.encoder.categories, missing=one.encoder.missing)
            blocks.append(Block(codes, (one.place,)))
    return blocks


def _tags(builder: Builder, placed: Sequence[Placed]) -> list[Block]:
    blocks = []
    for one in placed:
        given = {name: getattr(one.encoder, name) for name in ("separator", "values", "other", "missing")}
        with builder.within(one.encoder.column):
            held = builder.apply("HeldValues", one.cells, **given)
            blocks.append(Block(held, tuple(range(one.place, one.place + width_of(one.encoder)))))
    return blocks


def _texts(builder: Builder, placed: Sequence[Placed]) -> list[Block]:
    blocks = []
    for one in placed:
        names = ("features", "ngrams", "length", "missing", "separator")
        given = {name: getattr(one.encoder, name) for name in names}
        with builder.within(one.encoder.column):
            words = builder.apply("HashedWords", one.cells, **given)
            blocks.append(Block(words, tuple(range(one.place, one.place + one.encoder.width))))
    return blocks


EMITTERS: Mapping[type, Emit] = {
    Number: emit_numbers,
    Quantile: emit_quantiles,
    Flag: emit_flags,
    Moment: emit_moments,
    OneHot: _one_hots,
    Ordinal: _ordinals,
    Category: _categories,
    Tags: _tags,
    HashedText: _texts,
}
"""What becomes of each kind of encoder; images, of `Picture`, are inputs of the network as they are."""
