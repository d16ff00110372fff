"""Several values in a cell: found where there are any, and one column of 0 and 1 for each value."""

import random
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.builders import encode_new

import batchwright as bw
from batchwright.data.encode.tags import MOST_VALUES, tags_encoder
from batchwright.data.encode.unfamiliar import count_unfamiliar
from batchwright.data.load import prepare
from batchwright.data.load_streamed import prepare_streamed
from batchwright.data.options import DataOptions
from batchwright.data.typed.inference import guess
from batchwright.data.typed.table import from_frame

GENRES = ["Action", "Adventure", "Comedy", "Drama", "Horror", "Thriller", "War", "Western"]


def chosen(rows: int = 200, *, of: list[str] = GENRES, seed: int = 0) -> list[list[str]]:
    chance = random.Random(seed)
    return [sorted(chance.sample(of, chance.randint(0 if seed else 1, 3))) for _ in range(rows)]


def drawn(*choices: list[str], between: str = ", ") -> list[str]:
    chance = random.Random(2)
    return [between.join(chance.choice(part) for part in choices) for _ in range(200)]


@pytest.mark.parametrize("between", ["|", ";", ",", "; ", " | "])
def test_separators_are_found(between: str) -> None:
    column = guess(pl.Series("c", [between.join(values) for values in chosen()]), untyped=True)
    assert (column.kind, column.format) == ("tags", between.strip())
    assert column.note.startswith(f"several values in a cell, split at {between.strip()!r}, as in ")


def test_lists_in_text_and_lists_are_read_alike() -> None:
    for cells in (pl.Series("c", map(str, chosen())), pl.Series("c", chosen())):
        column = guess(cells, untyped=cells.dtype == pl.String)
        assert column.kind == "tags"
        data = bw.load(pl.DataFrame({"c": cells, "y": ["a", "b"] * 100}), target="y")
        assert data.preprocessing.feature_names == tuple(f"c={name}" for name in GENRES)


@pytest.mark.parametrize(
    "cells",
    [
        drawn(["Smith", "Meyer", "Rossi", "Novak"], ["John", "Anna", "Zoe"]),
        drawn(["Dover", "Paris", "Salem"], ["DE", "TX", "OR", "MA"]),
        drawn(["Yes, always", "No, never", "Sometimes"]),
        drawn(["(0, 5]", "(5, 10]", "(10, 15]"]),
        drawn(["red", "blue", "red;blue"]),
        drawn(["one long text, with a comma", "another", "and, so on"]),
    ],
)
def test_a_separator_by_chance_splits_nothing(cells: list[str]) -> None:
    assert guess(pl.Series("c", cells), untyped=True).kind == "categorical"


def test_lists_that_teach_nothing_are_left_out_with_the_reason() -> None:
    for cells, why in (
        ([[f"a{row}", f"b{row}"] for row in range(30)], "hardly repeat"),
        ([["a|b", "c"]] * 30, "'|' in a text"),
        ([[0.5, 1.5]] * 30, "Float64"),
    ):
        column = guess(pl.Series("c", cells), untyped=False)
        assert (column.kind, column.used) == ("identifier", False)
        assert why in column.note


def test_each_value_is_a_column() -> None:
    cells = [None if row % 9 == 4 else values for row, values in enumerate(chosen(seed=1))]
    texts = pl.Series("c", [None if values is None else "; ".join(values) + ";" for values in cells])
    encoder = tags_encoder("c", texts, ";")
    assert encoder is not None
    assert encoder.features == (*(f"c={name}" for name in GENRES), "c is missing")
    found = np.full((len(cells), len(encoder.features)), 7, np.float32)
    encoder.write(texts, found)
    expected = [[*(name in (values or ()) for name in GENRES), values is None] for values in cells]
    assert found.tolist() == expected


def test_rare_values_are_one_column_and_unseen_ones_none_without_it() -> None:
    often = pl.Series("c", ["a;b", "b;a", "a", "b"])
    for cells, other in ((often, []), (pl.concat([often, pl.Series("c", ["a;z"])]), ["c other"])):
        encoder = tags_encoder("c", cells, ";")
        assert encoder is not None
        assert encoder.features == ("c=a", "c=b", *other)
        found = np.empty((2, len(encoder.features)), np.float32)
        encoder.write(pl.Series("c", ["new;b", None]), found)
        assert found.tolist() == [[0, 1, *([1] if other else [])], [0, 0, *([0] if other else [])]]


def test_very_many_values_are_embedded() -> None:
    many = [f"v{number}" for number in range(MOST_VALUES + 50)]
    frame = pl.DataFrame({"c": ["|".join(values) for values in chosen(2000, of=many)], "y": ["a", "b"] * 1000})
    data = bw.load(frame, target="y")
    assert data.train.inputs.keys() == {"text"}
    assert any("hashed values, 16,384 features, 6 bytes per row" in note for note in data.notes)
    one, two, three = encode_new({"c": ["v1|v2", "v2|v1", "v3"]}, data.encoding)["text"]
    assert sorted(one) == sorted(two)
    assert set(three) - {0} and not set(three) & set(one) - {0}


def test_read_in_pieces_the_bits_are_the_same(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pl.DataFrame({"c": chosen(300, seed=1), "y": ["a", "b", "b"] * 100}).write_parquet(path)
    whole, streamed = (make(path, DataOptions(target="y")) for make in (prepare, prepare_streamed))
    assert streamed.encoding == whole.encoding
    found, order = streamed.train.read(0, streamed.train.rows), np.argsort(whole.indices.train)
    assert (found.inputs["numeric"] == whole.train.inputs["numeric"][order]).all()


def test_unseen_values_and_missing_cells_are_counted() -> None:
    frame = pl.DataFrame({"c": ["a;b", "b;a", "a", "b"] * 10, "y": ["a", "b"] * 20})
    made = bw.load(frame, target="y", kinds={"c": "tags"})
    new = from_frame({"c": ["a;new", None, "b"]}, schema=made.schema)
    found = count_unfamiliar(made.preprocessing, new)
    assert found.unseen["c"].examples == ("new",)
    assert found.missing["c"].cells == 1


def test_kinds_decide_and_lists_are_read_as_text_was() -> None:
    frame = pl.DataFrame({"c": ["a;b", "b;a", "a", "b"] * 10, "y": ["a", "b"] * 20})
    assert bw.load(frame, target="y").schema.columns[0].kind == "categorical"
    data = bw.load(frame, target="y", kinds={"c": "tags"})
    assert data.schema.columns[0].format == ";"
    assert data.preprocessing.feature_names == ("c=a", "c=b")
    assert "2 values" in data.schema.columns[0].note
    assert encode_new({"c": [["b", "a"], []]}, data.encoding)["numeric"].tolist() == [[1, 1], [0, 0]]
