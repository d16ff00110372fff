"""What is unlike the training rows is counted, column by column, and alike for rows in pieces."""

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchwright.data.encode.encoders import Category, OneHot, category_codes
from batchwright.data.encode.encoding import Encoding
from batchwright.data.encode.unfamiliar import Unfamiliar, count_unfamiliar
from batchwright.data.load import load
from batchwright.data.typed.table import from_frame

TRAIN = pl.DataFrame(
    {
        "x": [0.0, 10.0, 5.0, 2.0] * 10,
        "gaps": [1.0, None, 2.0, 3.0] * 10,
        "city": ["Bern", "Genf"] * 20,
        "many": [f"c{row // 2}" for row in range(38)] + ["once", "alone"],
        "flag": [True, False] * 20,
        "y": ["a", "b", "b", "a"] * 10,
    }
)


@pytest.fixture(scope="module", params=["standard", "quantile"])
def encoding(request: pytest.FixtureRequest) -> Encoding:
    return load(TRAIN, target="y", scaling=request.param, validation_split=0.0, test_split=0.0).encoding


def count(encoding: Encoding, frame: pl.DataFrame) -> Unfamiliar:
    return count_unfamiliar(encoding.preprocessing, from_frame(frame, encoding.reading, schema=encoding.schema))


def test_the_training_rows_are_familiar_but_for_categories_of_one_row(encoding: Encoding) -> None:
    found = count(encoding, TRAIN)
    assert (found.missing, found.out_of_range, list(found.unseen)) == ({}, {}, ["many"])
    assert found.unseen["many"].examples == ("once", "alone")
    assert found.notes()[0].startswith(
        "column 'many': 2 of 40 cells hold categories that training never saw, or saw in"
    )


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from([None, -5.01, -5.0, 0.0, 10.0, 15.0, 15.01, 1e9]),
            st.sampled_from([None, 1.0]),
            st.sampled_from([None, "Bern", "Rome", "Zug"]),
            st.sampled_from([None, "c1", "c99"]),
            st.sampled_from([None, True]),
        ),
        min_size=1,
        max_size=20,
    ),
    cut=st.integers(0, 20),
)
def test_counts_are_those_of_a_loop(rows: list[tuple], cut: int) -> None:
    encoding = load(TRAIN, target="y", validation_split=0.0, test_split=0.0).encoding
    types = {"x": pl.Float64, "gaps": pl.Float64, "city": pl.String, "many": pl.String, "flag": pl.Boolean}
    frame = pl.DataFrame(rows, schema=types, orient="row")
    found = count(encoding, frame)
    x, _, city, many, flag = zip(*rows, strict=True)
    missing = {"x": x.count(None), "city": city.count(None), "many": many.count(None), "flag": flag.count(None)}
    assert {name: one.cells for name, one in found.missing.items()} == {n: c for n, c in missing.items() if c}
    far = [value for value in x if value is not None and (value < -5 or value > 15)]
    assert (found.out_of_range["x"].cells if far else 0) == len(far)
    if far:
        assert found.out_of_range["x"].farthest == max(far, key=lambda value: max(value - 10, -value))
    strange = [value for value in city if value in ("Rome", "Zug")]
    assert (found.unseen["city"].cells if strange else 0) == len(strange)
    assert ("many" in found.unseen) == ("c99" in many)
    pieces = [count(encoding, part) for part in (frame[:cut], frame[cut:]) if part.height]
    assert sum(pieces, Unfamiliar()) == found
    assert json.loads(json.dumps(found.to_json()))["missing"] == {n: {"cells": c} for n, c in missing.items() if c}


def test_encodings_of_earlier_versions_open_and_know_no_range(encoding: Encoding) -> None:
    plain = json.loads(json.dumps(encoding.to_json()))
    assert plain["preprocessing"]["encoders"][0]["highest"] == 10.0
    for encoder in plain["preprocessing"]["encoders"]:
        encoder.pop("lowest", None)
        encoder.pop("highest", None)
    earlier = Encoding.from_json(plain)
    assert earlier.identity() == encoding.identity()
    assert count(earlier, TRAIN.with_columns(x=pl.lit(1e9))).out_of_range == {}


@pytest.mark.parametrize("encoder", [OneHot, Category])
def test_whole_numbers_with_zeros_are_the_same_category(encoder: type) -> None:
    def codes(cells: list, categories: tuple[str, ...]) -> list[int]:
        series = pl.Series("code", cells)
        return category_codes(series, categories, missing=False).tolist()

    numbers = ("1", "2.0", "3.5")
    assert codes(["1", "1.0", "1.", "1.00", "2", "2.0", "3.5", "3.50", "01", "4.0", None], numbers) == [
        1, 1, 1, 1, 2, 2, 3, 0, 0, 0, 0,
    ]  # fmt: skip
    assert codes([1.0, 2.0, 3.5, 4.0], numbers) == [1, 2, 3, 0]
    assert codes([1, 2, 4], numbers) == [1, 2, 0]
    assert codes(["1", "1.0", "1.00"], ("1", "1.0")) == [1, 2, 0]
    assert codes(["1.0", "a"], ("1", "a")) == [0, 2]
    made = encoder("code", numbers, missing=False)
    if isinstance(made, OneHot):
        out = np.empty((3, 3), np.float32)
        made.write(pl.Series("code", ["2", "1.0", "9"]), out)
        assert out.tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 0]]
    else:
        assert made.codes(pl.Series("code", ["2", "1.0", "9"])).tolist() == [2, 1, 0]
