"""Words whose order is well known become ranks besides their columns; others stay as they are."""

import re

import numpy as np
import polars as pl
import pytest

import batchwright as bw
from batchwright.config import load_config
from batchwright.data.encode.encoders import OneHot, Ordinal
from batchwright.data.encode.known_orders import ORDERS, known_order, stray_note
from batchwright.errors import ConfigError


@pytest.mark.parametrize(
    ("words", "order"),
    [
        ("Premium,Ideal,Fair,Good,Very Good", "Fair,Good,Very Good,Premium,Ideal"),
        ("L,S,XL,M", "S,M,L,XL"),
        ("large,SMALL,Medium", "SMALL,Medium,large"),
        ("strongly_agree,Agree,Strongly-Disagree,neutral", "Strongly-Disagree,neutral,Agree,strongly_agree"),
        ("Third,First,Second", "First,Second,Third"),
        ("Groß,klein,mittel", "klein,mittel,Groß"),
        ("immer,nie,manchmal", "nie,manchmal,immer"),
        ("高,低,中", "低,中,高"),
        ("优,良,中,差", "差,中,良,优"),
        ("本科,硕士,高中", "高中,本科,硕士"),
    ],
)
def test_words_are_put_in_their_order(words, order):
    assert known_order(pl.Series(words.split(","))) == tuple(order.split(","))


@pytest.mark.parametrize(
    "words",
    [
        "low,high",
        "A,B,C,D,E",
        "January,February,March",
        "Monday,Tuesday,Wednesday",
        "low,medium,high,blue",
        "low,medium,moderate,high",
        "good,large,often",
        "M,F,S",
        "",
    ],
)
def test_other_words_have_none(words):
    assert known_order(pl.Series(words.split(",") if words else [], dtype=pl.String)) is None


def test_spellings_are_one_where_they_are_merged():
    cells = pl.Series(["low", "Low", "medium", "high"])
    assert known_order(cells) is None
    assert len(known_order(cells, merge_case=True)) == 3


def test_no_order_has_a_word_twice():
    for order in ORDERS:
        words = [word for place in order.split("; ") for word in place.split("/")]
        assert len(words) == len(set(words)) >= 3, order


def rows():
    sizes = np.array(["small", "medium", "large"])[np.arange(90) % 3]
    return {"size": sizes, "x": np.arange(90.0) % 7, "y": np.arange(90.0)}


def test_the_rank_comes_beside_the_columns_and_is_said():
    data = bw.load(rows(), target="y")
    assert data.preprocessing.feature_names == ("size", "size=small", "size=medium", "size=large", "x")
    note = next(note for note in data.notes if "'size'" in note)
    assert "small < medium < large" in note
    assert "`data.columns={size: {order: none}}` leaves it out" in note
    shown = {column.name: column for column in bw.describe(rows(), target="y").columns}
    assert shown["size"].becomes == "its rank among 3 values, and one-hot"
    assert "small < medium < large" in shown["size"].note


def test_it_can_be_left_out_or_be_another():
    none = bw.load(rows(), target="y", columns={"size": {"order": "none"}})
    assert isinstance(none.preprocessing.encoders[0], OneHot)
    assert not any("'size'" in note for note in none.notes)
    told = bw.load(rows(), target="y", columns={"size": {"order": ["large", "small", "medium"]}})
    assert isinstance(told.preprocessing.encoders[0], Ordinal)
    assert told.preprocessing.encoders[0].order == ("large", "small", "medium")
    settings = load_config(None, [("data.columns", "{size: {order: none}}", "--set")])
    assert settings.config.data.columns["size"].order == "none"
    with pytest.raises(ConfigError, match=r"data.columns.size.order"):
        load_config(None, [("data.columns", "{size: {order: nothing}}", "--set")])


def test_a_word_that_no_training_row_had_is_the_mean():
    encoder = bw.load(rows(), target="y").preprocessing.encoders[0]
    out = np.empty((2, 4), np.float32)
    encoder.write(pl.Series(["huge", "large"]), out)
    assert out[0].tolist() == [0.0, 0.0, 0.0, 0.0]
    assert out[1, 0] > 0


def with_cells(**cells):
    size = np.array(["small", "medium", "large"])[np.arange(90) % 3].astype(object)
    for word, count in cells.items():
        size[:count] = word
    return {"size": size, "x": np.arange(90.0) % 7, "y": np.arange(90.0)}


def notes_of(rows, **options):
    options = {"target": "y", "validation_split": 0, "test_split": 0, **options}
    return [note for note in bw.load(rows, **options).notes if "'size'" in note]


def test_a_word_that_keeps_an_order_from_being_used_is_named_with_what_to_do():
    (note,) = notes_of(with_cells(mediun=2))
    assert "small < medium < large have a known order, which is not used because of 'mediun' (2 rows)" in note
    advised = re.findall(r"`data.columns=({.*?}})`", note)
    assert len(advised) == 2
    for advice in advised:
        columns = load_config(None, [("data.columns", advice, "--set")]).config.data.columns
        assert not any("not used" in note for note in notes_of(with_cells(mediun=2), columns=columns))
    assert not notes_of(with_cells(mediun=2), columns={"size": {"order": "none"}})


def test_two_words_at_one_place_are_told_too():
    (note,) = notes_of(with_cells(middle=4))
    assert "because of 'middle' (4 rows)" in note


@pytest.mark.parametrize(
    "counts",
    [
        {"low": 5, "high": 5, "blue": 1},
        {"low": 1, "medium": 1, "high": 1, "blue": 9},
        {"low": 5, "medium": 5, "high": 5, "red": 1, "blue": 1, "green": 1, "grey": 1},
        {"low": 5, "medium": 5, "high": 5},
        {"red": 5, "blue": 5, "green": 5},
        {},
    ],
)
def test_no_note_where_the_words_have_no_order_or_all_have(counts):
    assert stray_note("size", counts) == ""
