"""Ranges and several numbers in a cell stay text with a note; what only looks so has none."""

import polars as pl
import pytest

from batchwright.data.typed import inference
from batchwright.data.typed.advice import kind_setting
from batchwright.data.typed.named_codes import code_note
from batchwright.data.typed.ordered import order_note


@pytest.mark.parametrize(
    ("cells", "shown"),
    [
        (["0-17", "18-64", "65+"], "0-17"),
        (["<5", "5-10", ">10"], "5-10"),
        (["18 to 24", "25 to 34", "35 and over"], "18 to 24"),
        (["$10,000-$20,000", "$20,000-$30,000", "over $30,000"], "$10,000-$20,000"),
        (["[0-10)", "[10-20)", "[20-30)"], "[0-10)"),
        (["(0, 10]", "(10, 20]", "(20, 30]"], "(0, 10]"),
        (["10+ years", "< 1 year", "3 years", "2 years"], "10+ years"),
    ],
)
def test_ranges_are_noted(cells: list[str], shown: str) -> None:
    column = inference.guess(pl.Series("x", cells * 9), untyped=True)
    assert column.kind == "categorical"
    assert column.note.startswith(f"ranges of numbers, as in {shown!r}, are categories without an order")


@pytest.mark.parametrize(
    ("cells", "shown"),
    [
        (["16:9", "4:3", "1:1"], "16:9"),
        (["52.5, 13.4", "48.1, 11.6", "50.1, 8.7"], "48.1, 11.6"),
        (["2+1", "3+1", "4+2"], "2+1"),
        (["10x20", "5 x 7", "8x10"], "10x20"),
        (["5'11\"", "6'0\"", "5'9\""], "5'11\""),
        (["52°31'N", "48°8'N", "50°6'N"], "48°8'N"),
        (["3-1", "2-0", "0-0", "10 – 2"], "0-0"),
    ],
)
def test_several_numbers_are_noted(cells: list[str], shown: str) -> None:
    column = inference.guess(pl.Series("x", cells * 9), untyped=True)
    assert (column.kind, column.note) == (
        "categorical",
        f"several numbers in a cell, as in {shown!r}, stay text: make a column of each",
    )


@pytest.mark.parametrize(
    ("cells", "shown"), [(["~5", "~12", "30"], "~12"), (["1½", "2¼", "3"], "1½"), (["½", "¼", "¾"], "¼")]
)
def test_digits_and_signs_are_noted(cells: list[str], shown: str) -> None:
    column = inference.guess(pl.Series("x", cells * 9), untyped=True)
    assert (column.kind, column.note) == (
        "categorical",
        f"digits and signs, as in {shown!r}, stay text: if they are numbers, write each as one plain number",
    )


@pytest.mark.parametrize(
    "cells",
    [[">50K", "<=50K"], ["2011-12", "2012-13", "2013-14"], ["A1", "B2", "C3"], ["red", "blue"],
     ["SW1A 1AA", "EC1A 1BB", "W1A 0AX"], ["1.2.3", "1.10.0", "2.0.1"], ["no 5", "no 6", "no 7"], []],
)  # fmt: skip
def test_other_texts_are_not_noted(cells: list[str]) -> None:
    assert order_note(pl.Series("x", cells, dtype=pl.String)) == ""


@pytest.mark.parametrize(
    "name", ["zip", "ZIP_code", "Postal Code", "PLZ", "phone", "home_phone", "Telefonnummer", "tel"]
)
def test_names_of_codes_are_noted(name: str) -> None:
    cells = pl.Series(name, [10115, 94305, 80331])
    assert (
        code_note(cells)
        == f"numbers, although the name says codes; {kind_setting(name, 'categorical')} takes them as names"
    )
    assert code_note(cells.cast(pl.Float64) + 0.5) == ""


@pytest.mark.parametrize("cells", [["１２", "３４"], ["١٢", "٣٫٥"]])
def test_digits_of_other_scripts_are_noted(cells: list[str]) -> None:
    column = inference.guess(pl.Series("x", cells), untyped=True)
    assert (column.kind, column.note.startswith("numbers in other digits than 0 to 9")) == ("categorical", True)


@pytest.mark.parametrize("name", ["price", "zipped", "hotel", "phones_sold", "mean", "telemetry"])
def test_names_of_quantities_are_not_noted(name: str) -> None:
    assert code_note(pl.Series(name, [10115, 94305, 80331])) == ""
