"""Columns that are constant, missing, names of rows, or another one; and the sample that they are looked at in."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.findings.planted import ROWS, clean, loaded, told

from batchwright.data.load import load
from batchwright.findings.columns import MOST_ROWS, columns, sample, sample_note
from batchwright.findings.duplicates import duplicate_columns
from batchwright.findings.unused import constant_columns, identifier_columns, missing_columns

RNG = np.random.default_rng(1)
TABLE = clean()
EXAMPLES = ["iris", "wine", "digits", "breast-cancer", "diabetes", "moons", "line"]


@given(st.integers(1, 10**9), st.integers(1, 10**6))
def test_a_sample_is_even_and_no_larger_than_asked(rows: int, most: int) -> None:
    chosen = range(rows)[sample(rows, most)]
    assert 1 <= len(chosen) <= most and chosen[0] == 0
    assert (sample_note(rows, most) == "") == (rows <= most)


def test_columns_are_those_of_the_source() -> None:
    table = TABLE | {
        "many": RNG.integers(0, 30, ROWS).astype("U2"),
        "gap": np.where(TABLE["x"] > 0, TABLE["x"], np.nan),
    }
    data = loaded(table)
    found = {column.name: column for column in columns(data)}
    assert tuple(found) == data.schema.used
    rows = data.indices.train
    x, gap = found["x"].parts[0], found["gap"]
    assert np.corrcoef(x.values, TABLE["x"][rows])[0, 1] == pytest.approx(1)
    assert np.array_equal(gap.missing, np.isnan(table["gap"][rows]))
    for name in ("colour", "many"):
        codes, source = found[name].parts[0].values, table[name][rows]
        assert len(set(zip(codes.tolist(), source.tolist(), strict=True))) == len(set(source.tolist()))
    assert list(columns(load("digits"))) == []


def test_constant_columns_are_told_from_the_schema() -> None:
    data = loaded(TABLE | {"always": np.full(ROWS, 7.0), "never": np.full(ROWS, np.nan)})
    found = constant_columns(data)
    assert told(found) == [("constant column", "note")]
    assert "'always'" in found[0].evidence and "'never'" in found[0].evidence and "'x'" not in found[0].evidence


def test_names_of_rows_are_told_but_not_what_was_left_out_as_asked() -> None:
    table = TABLE | {"id": np.arange(ROWS), "name": [f"row {number}" for number in range(ROWS)]}
    found = identifier_columns(loaded(table, kinds={"z": "identifier"}))
    assert told(found) == [("identifier column", "note")]
    assert "'id'" in found[0].evidence and "'name'" in found[0].evidence and "'z'" not in found[0].evidence


@pytest.mark.parametrize(("share", "expected"), [(0.0, []), (0.5, []), (0.98, [("missing column", "warning")])])
@pytest.mark.parametrize("kind", ["numbers", "few", "many"])
def test_columns_that_are_almost_all_missing(share: float, expected: list[tuple[str, str]], kind: str) -> None:
    cells = {
        "numbers": RNG.normal(size=ROWS).tolist(),
        "few": RNG.choice(["a", "b"], ROWS).tolist(),
        "many": [f"no {number}" for number in RNG.integers(0, 12, ROWS)],
    }[kind]
    holes = [None if place < share * ROWS else cell for place, cell in enumerate(cells)]
    found = missing_columns(loaded(TABLE | {"holes": holes}, split="shuffled", one_hot_max=5))
    assert told(found) == expected
    assert all("'holes'" in finding.evidence and "%" in finding.evidence for finding in found)


@settings(max_examples=20)
@given(st.floats(-1e3, 1e3).filter(lambda factor: abs(factor) > 1e-3), st.floats(-1e3, 1e3))
@pytest.mark.parametrize("scaling", ["standard", "robust"])
def test_a_factor_and_an_offset_do_not_hide_a_number(scaling: str, factor: float, offset: float) -> None:
    found = duplicate_columns(loaded(TABLE | {"again": factor * TABLE["x"] + offset}, scaling=scaling))
    assert told(found) == [("duplicate column", "note")] and "'again' says what 'x' does" in found[0].evidence


def test_other_names_do_not_hide_a_category_nor_do_numbers_for_it() -> None:
    rot = np.array(["rot", "gruen", "blau"])[
        np.argmax([TABLE["colour"] == name for name in ("red", "green", "blue")], 0)
    ]
    many = RNG.integers(0, 30, ROWS)
    named, code = np.array([f"no {number}" for number in range(30)])[many], RNG.permutation(30)[many]
    found = duplicate_columns(loaded(TABLE | {"farbe": rot, "many": named, "code": code}))
    assert "'farbe' says what 'colour' does" in found[0].evidence
    assert "'code' says what 'many' does" in found[0].evidence


def test_what_is_nearly_the_same_is_not_a_duplicate() -> None:
    table = TABLE | {
        "noisy": TABLE["x"] + RNG.normal(0, 0.01, ROWS),
        "curved": TABLE["x"] ** 3,
        "coarser": np.where(TABLE["colour"] == "red", "red", "other"),
        "rare": (np.arange(ROWS) == 5) * 1.0,
        "as rare": (np.arange(ROWS) == 5) * 1.0,
    }
    assert duplicate_columns(loaded(table)) == ()


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_have_neither_duplicates_nor_missing_columns(name: str) -> None:
    data = load(name)
    assert duplicate_columns(data) == missing_columns(data) == constant_columns(data) == ()


def test_large_data_are_sampled_and_it_is_said() -> None:
    rows = MOST_ROWS + MOST_ROWS // 2
    y = np.arange(rows) % 2
    holes = np.where(np.arange(rows) % 100 == 0, 1.0, np.nan)
    found = missing_columns(
        loaded({"x": RNG.normal(size=rows), "holes": holes, "y": y}, test_split=0.0, validation_split=0.1)
    )
    assert "in 67,500 evenly spaced of the 135,000 training rows" in found[0].evidence
