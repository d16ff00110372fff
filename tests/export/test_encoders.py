"""Every encoder is said in a graph: onnxruntime encodes cells as the encoder does, whatever is in them."""

from typing import Any, get_args

import numpy as np
import polars as pl
import pytest

from batchwright.data.encode.differences import Difference
from batchwright.data.encode.encoders import (
    CYCLES,
    ELAPSED,
    LARGEST,
    Category,
    Encoder,
    Flag,
    Moment,
    Number,
    OneHot,
    Ordinal,
    Picture,
    Quantile,
)
from batchwright.data.encode.encoding import Encoding
from batchwright.data.encode.preprocessing import Preprocessing
from batchwright.data.encode.tags import Tags
from batchwright.data.encode.targets import ValueTarget
from batchwright.data.encode.texts import HashedText
from batchwright.data.typed.schema import Column, Schema
from batchwright.data.typed.table import Table
from batchwright.export.building import Builder
from batchwright.export.encoders import CELLS, EMITTERS, column_inputs, encode
from batchwright.export.graph import Graph
from batchwright.export.onnx_file import OF_TEXTS, OLDEST, lowest_opset, to_onnx
from batchwright.export.onnx_format import OnnxModel
from batchwright.export.typed_inputs import typed_inputs

pytest.importorskip("onnxruntime")


def encoding_of(encoders: tuple[Encoder, ...], **more: Any) -> Encoding:
    columns = tuple(Column(one.column, "numeric") for one in encoders)
    return Encoding(Schema(columns, "y", "regression"), Preprocessing(encoders, **more), ValueTarget("y", 0.0, 1.0))


def graph_of(encoding: Encoding) -> Graph:
    builder = Builder(column_inputs(encoding))
    made = encode(builder, encoding)
    return builder.graph(builder.outputs([(f"/{name}", value) for name, (value, _) in made.items()]))


def table_of(encoding: Encoding, cells: dict[str, pl.Series]) -> Table:
    return Table(pl.DataFrame(cells), encoding.schema.columns, "cells")


def compare(encoders: tuple[Encoder, ...], cells: dict[str, pl.Series], **more: Any) -> Graph:
    """All rows, and the first alone."""
    encoding = encoding_of(encoders, **more)
    table, graph = table_of(encoding, cells), graph_of(encoding)
    model, wanted = OnnxModel(to_onnx(graph)), encoding.preprocessing.encode(table)
    for rows in (table.rows, 1):
        found = model.answers({name: array[:rows] for name, array in typed_inputs(encoding, table).items()})
        assert found.keys() == {f"/{name}" for name in wanted}
        for name, array in wanted.items():
            np.testing.assert_allclose(found[f"/{name}"], array[:rows], rtol=1e-6, atol=1e-7, err_msg=name)
    return graph


def test_every_encoder_has_a_form() -> None:
    every = {kind for one in get_args(Encoder) for kind in (get_args(one) or (one,))}
    assert EMITTERS.keys() == CELLS.keys() == every
    assert Picture not in every  # an image is an input as it is


NUMBERS = pl.Series([0.0, 1.5, -2.0, None, 1e308, -1.7e308, 1e-300, 3.999, 4.0, 4.001, 1e6, 123456789.123456789])
KNOTS = (-2.0, 0.0, 1.5, 4.0, 1e6)


@pytest.mark.parametrize("indicator", [False, True])
def test_numbers(indicator: bool) -> None:
    """Of several kinds of scaling side by side, in an order of their own."""
    encoders = (
        Number("plain", 1.0, 2.0, indicator),
        Quantile("rank", KNOTS, (-2.0, -0.5, 0.1, 0.7, 2.0), indicator),
        Number("smooth", 0.5, 1e-3, False, smooth_limit=3.0),
        Number("as it is", 0.0, 1.0, indicator, limit=LARGEST),
        Quantile("one knot", (4.0,), (0.3,), False),
        Number("wide", -1.5e308, 1e308, indicator),
        Flag("flag", indicator),
        Quantile("many", tuple(np.linspace(-3, 9, 1000).tolist()), tuple(np.linspace(-3, 3, 1000).tolist()), True),
    )
    cells = {one.column: NUMBERS for one in encoders} | {"flag": NUMBERS > 1}
    graph = compare(encoders, cells)
    assert lowest_opset(graph) == OLDEST


def test_differences_fill_what_one_column_lacks() -> None:
    encoders = (
        Number("a", 0.0, 1.0, True),
        Quantile("b", KNOTS, (-2.0, -0.5, 0.1, 0.7, 2.0), False),
        Number("c", 1.0, 2.0, False),
    )
    nothing = pl.Series([None, None, 1.0, 2.0, None, 0.5], dtype=pl.Float64)
    cells = {
        "a": nothing,
        "b": pl.Series([1.0, None, None, 0.2, 3.0, None]),
        "c": pl.Series([None, 2.0, None, 1.0, None, 4.0]),
    }
    found = (
        Difference(("a", "b"), (0, 2), 0.5, 0.25, 1.0, 3.0, 0.1),
        Difference(("c", "a"), (3, 0), 2.0, -1.0, 1.0, 3.0, 0.1),
    )
    compare(encoders, cells, differences=found)


DATES = pl.Series(
    ["1970-01-01", "1969-12-31 23:59:59.999999", "2000-02-29 12:34:56", "1900-02-28", "1900-03-01 00:00", "2100-12-31",
     "0001-01-01 00:00", "9999-12-31 23:59:59", "1600-02-29 01:00", "2023-11-26 06:07:08.5", None, "1582-10-15"],
).str.to_datetime(time_unit="us")  # fmt: skip
CURVES = tuple(f"{cycle} {curve}" for cycle in CYCLES for curve in ("sine", "cosine"))
FORMER = ("year", "month", "day", "weekday", "hour", "minute", "second")


@pytest.mark.parametrize("names", [(ELAPSED, *CURVES), FORMER], ids=["now", "formerly"])
def test_dates(names: tuple[str, ...]) -> None:
    parts = tuple(Number(name, 0.25, 1.5, indicator=False) for name in names)
    days = pl.datetime_range(pl.datetime(1895, 12, 25), pl.datetime(1904, 3, 2), "7h13m", eager=True).cast(DATES.dtype)
    cells = pl.concat([DATES, days.alias(DATES.name)])
    compare((Moment("when", parts, True), Moment("never", (), True)), {"when": cells, "never": cells})


WORDS = pl.Series(
    ["red", "blue", None, "mauve", "Red", " red ", "RED.", "3", "3.0", "03", "3.", "+3", "3.00", "2.0", "2", "1e3"]
)
PLAIN, WHOLE = ("blue", "red"), ("2.0", "3", "1e3")
MERGED = ("Red", "New  York", "...", "straße", "a.b.")
SPELT = pl.Series(
    ["red", "RED.", " rEd ..", "r ed", "new york", "NEW\u00a0YORK .", "New\tYork", "newyork", "...", ". . .", "..",
     "STRASSE", "straße", "Stra\u00dfe.", "a.b", "A.B. ", "a b", None, "redd", "ſtrasse", "red\n", ""],
)  # fmt: skip


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize(
    ("categories", "merge_case", "cells"),
    [
        (PLAIN, None, WORDS),
        (WHOLE, None, WORDS),
        (("2.0", "3", "3.0"), None, WORDS),
        (MERGED, True, SPELT),
        (WHOLE, True, WORDS),
    ],
    ids=["texts", "whole numbers", "the same number twice", "spellings", "spellings of numbers"],
)
def test_categories(categories: tuple[str, ...], merge_case: bool | None, cells: pl.Series, missing: bool) -> None:
    encoders = (
        Ordinal("order", categories, 0.5, 1.5, one_hot=True, missing=missing, merge_case=merge_case),
        OneHot("one", categories, missing, merge_case=merge_case),
        Category("table", categories, missing, merge_case=merge_case),
        Ordinal("rank", categories, 0.5, 1.5, one_hot=False, missing=missing, merge_case=merge_case),
    )
    cells = cells.set(cells == "", None)
    graph = compare(encoders, {one.column: cells for one in encoders})
    assert (lowest_opset(graph) == OLDEST) == (categories == PLAIN)


@pytest.mark.parametrize("other", [False, True])
@pytest.mark.parametrize("separator", [";", "|", ","])
def test_values_of_which_a_cell_holds_several(separator: str, other: bool) -> None:
    texts = ["a;b", " b ; a.c*", "", "['a';\"b\"]", "a.c*;z", "ab", ";a;;", "b\n;A", None, "z", ";", "a.cc"]
    cells = pl.Series([text if text is None else text.replace(";", separator) for text in texts])
    tags = Tags("tags", separator, ("a", "a.c*", "b"), other, True)
    graph = compare((tags,), {"tags": cells.set(cells == "", None)})
    assert lowest_opset(graph) == OF_TEXTS


def test_all_cells_may_be_missing() -> None:
    encoders = (
        Number("number", 1.0, 2.0, True),
        OneHot("one", WHOLE, True),
        Category("table", MERGED, True, merge_case=True),
        Tags("tags", ";", ("a",), True, True),
    )
    types = (pl.Float64, pl.String, pl.String, pl.String)
    cells = {one.column: pl.Series([None, None], dtype=kind) for one, kind in zip(encoders, types, strict=True)}
    compare(encoders, cells)


def test_free_text_is_refused_with_its_column() -> None:
    from batchwright.errors import UsageError

    graph = graph_of(encoding_of((HashedText("review", 64, 1, 5, False), Number("n", 0.0, 1.0, False))))
    with pytest.raises(UsageError, match="'review' holds free text"):
        to_onnx(graph)
