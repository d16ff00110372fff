"""Each encoder does what NumPy, scikit-learn or the calendar says."""

import datetime
import statistics

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import QuantileTransformer, RobustScaler

from batchwright.data.encode.encoders import (
    FEW,
    Category,
    Flag,
    Moment,
    Number,
    OneHot,
    Quantile,
    category_codes,
    category_encoder,
    date_encoder,
    mean_and_deviation,
)
from batchwright.data.encode.scaling import number_encoder

RNG = np.random.default_rng(0)


def encoded(encoder: Number | Quantile | Flag | Moment | OneHot, cells: pl.Series) -> np.ndarray:
    out = np.full((len(cells), len(encoder.features)), np.nan, np.float32)
    encoder.write(cells, out)
    return out


@given(st.lists(st.floats(-1e300, 1e300), min_size=1))
def test_mean_and_deviation_are_exact_however_large_the_numbers(values: list[float]) -> None:
    mean, deviation = mean_and_deviation(np.array(values))
    size = max(map(abs, values)) or 1.0
    assert mean == pytest.approx(statistics.fmean(value / size for value in values) * size, abs=1e-13 * size)
    assert deviation == pytest.approx(statistics.pstdev(value / size for value in values) * size, abs=1e-7 * size)


def test_standard_scaling_fills_with_the_mean_and_marks_what_was_missing() -> None:
    cells = pl.Series("x", [1.0, None, 3.0, 8.0])
    encoder = number_encoder("x", cells, "standard")
    known = np.array([1.0, 3.0, 8.0])
    expected = [[(x - known.mean()) / known.std(), 0.0] for x in known]
    expected.insert(1, [0.0, 1.0])
    np.testing.assert_allclose(encoded(encoder, cells), expected, rtol=1e-6)
    assert encoder.features == ("x", "x is missing")


def test_without_scaling_numbers_stay_what_they_are() -> None:
    cells = pl.Series("x", [1.5, None, -3e7, 1e300])
    largest = np.finfo(np.float32).max
    expected = [[1.5, 0.0], [0.0, 1.0], [-3e7, 0.0], [largest, 0.0]]
    np.testing.assert_array_equal(encoded(number_encoder("x", cells, "none"), cells), np.array(expected, np.float32))


def test_robust_scaling_is_that_of_scikit_learn() -> None:
    values = RNG.standard_cauchy(101)
    encoder = number_encoder("x", pl.Series(values), "robust")
    expected = RobustScaler().fit_transform(values[:, None])
    np.testing.assert_allclose(encoded(encoder, pl.Series(values)), expected, rtol=1e-5, atol=1e-6)


def test_robust_scaling_of_a_column_that_hardly_varies_uses_the_deviation() -> None:
    values = np.array([0.0] * 90 + [5.0] * 10)
    encoder = number_encoder("x", pl.Series(values), "robust")
    assert isinstance(encoder, Number)
    assert (encoder.center, encoder.scale) == (0.0, pytest.approx(values.std()))


def test_quantile_scaling_makes_any_column_normal() -> None:
    values = np.exp(3 * RNG.standard_normal(6000))
    ours = encoded(number_encoder("x", pl.Series(values), "quantile"), pl.Series(values))[:, 0]
    theirs = QuantileTransformer(output_distribution="normal", n_quantiles=200).fit_transform(values[:, None])[:, 0]
    inner = np.abs(theirs) < 2
    np.testing.assert_allclose(ours[inner], theirs[inner], atol=0.05)
    assert abs(ours.mean()) < 0.01
    assert abs(ours.std() - 1) < 0.02


def test_quantile_scaling_sends_ties_to_the_middle_of_their_ranks() -> None:
    values = pl.Series([0.0] * 500 + list(range(1, 501)), dtype=pl.Float64)
    out = encoded(number_encoder("x", values, "quantile"), values)[:, 0]
    middle = np.mean([statistics.NormalDist().inv_cdf(share) for share in (np.arange(16) + 0.5) / 33])
    assert out[0] == pytest.approx(middle, abs=0.05)
    assert np.all(np.diff(out[499:]) >= 0)


@pytest.mark.parametrize("scaling", ["standard", "robust", "quantile"])
def test_new_numbers_far_outside_stay_finite(scaling: str) -> None:
    encoder = number_encoder("x", pl.Series([1.0, 2.0, 3.0]), scaling)
    out = encoded(encoder, pl.Series([1e308, -1e308, None]))
    assert np.isfinite(out).all()
    assert out[0, 0] > 0 > out[1, 0]
    assert out[2, 0] == 0


def test_dates_become_the_time_elapsed_and_the_cycles_that_vary() -> None:
    days = [
        datetime.datetime(2023, 12, 31, 6),
        datetime.datetime(2024, 2, 29, 6),
        None,
        datetime.datetime(2024, 3, 1, 12),
    ]
    cells = pl.Series("when", days)
    encoder = date_encoder("when", cells)
    cycles = [f"when {cycle} {curve}" for cycle in ("month", "day", "weekday", "hour") for curve in ("sine", "cosine")]
    assert encoder.features == ("when elapsed", *cycles, "when is missing")
    known = [day for day in days if day]
    turns = [((d.month - 1) / 12, (d.day - 1) / 31, d.weekday() / 7, d.hour / 24) for d in known]
    curves = [[curve(2 * np.pi * turn) for turn in each for curve in (np.sin, np.cos)] for each in turns]
    parts = np.column_stack([[d.timestamp() for d in known], curves])
    out = encoded(encoder, cells)
    np.testing.assert_allclose(out[[0, 1, 3], :-1], (parts - parts.mean(0)) / parts.std(0), rtol=1e-4, atol=1e-6)
    assert out[:, -1].tolist() == [0, 0, 1, 0]
    assert not out[2, :-1].any()


@pytest.mark.parametrize(
    ("days", "parts"),
    [
        (["2024-01-01 06:00", "2024-01-01 18:00"], {"elapsed", "hour sine"}),  # both cosines are 0
        (["2023-01-01 00:00", "2024-02-01 00:00"], {"elapsed", "month sine", "month cosine"}),  # no weekday of months
        (["2024-01-01 05:05", "2024-01-01 05:05"], set()),
    ],
)
def test_parts_of_dates_that_are_the_same_are_left_out(days: list[str], parts: set[str]) -> None:
    encoder = date_encoder("t", pl.Series(days).str.to_datetime())
    assert {part.column for part in encoder.parts} == parts


def test_dates_of_earlier_models_are_encoded_as_before() -> None:
    parts = tuple(Number(part, 1.0, 2.0, indicator=False) for part in ("year", "month", "day", "weekday", "hour"))
    out = encoded(Moment("t", parts, indicator=False), pl.Series([datetime.datetime(2024, 2, 29, 6)]))
    assert out[0].tolist() == [2023 / 2, 0.5, 14.0, 1.5, 2.5]


def test_booleans() -> None:
    assert encoded(Flag("b", indicator=True), pl.Series([True, False, None])).tolist() == [[1, 0], [0, 0], [0.5, 1]]


def test_few_categories_are_one_hot_and_unseen_ones_all_zeros() -> None:
    encoder = category_encoder("c", pl.Series(["b", "a", None, "b"]), 10)
    assert isinstance(encoder, OneHot)
    assert encoder.features == ("c=a", "c=b", "c is missing")
    out = encoded(encoder, pl.Series(["a", None, "new", "b"]))
    assert out.tolist() == [[1, 0, 0], [0, 0, 1], [0, 0, 0], [0, 1, 0]]


def test_many_categories_are_indices_and_rare_ones_share_that_of_the_unseen() -> None:
    encoder = category_encoder("c", pl.Series(["b", "a", None, "b", "a", "once"]), 2)
    assert encoder == Category("c", ("a", "b"), missing=True)
    assert encoder.cardinality == 4
    assert encoder.codes(pl.Series(["a", "b", "once", "new", None])).tolist() == [1, 2, 0, 0, 3]
    assert Category("c", (), missing=False).codes(pl.Series(["a", None])).tolist() == [0, 0]


@given(st.lists(st.text() | st.none(), min_size=1), st.lists(st.text() | st.none(), min_size=1), st.integers(0, 20))
def test_any_text_has_a_place_within_the_cardinality(
    train: list[str | None], new: list[str | None], one_hot_max: int
) -> None:
    encoder = category_encoder("c", pl.Series(train, dtype=pl.String), one_hot_max)
    cells = pl.Series(new, dtype=pl.String)
    if isinstance(encoder, Category):
        codes = encoder.codes(cells)
        assert ((codes >= 0) & (codes < encoder.cardinality)).all()
        known = {*encoder.categories, *([None] if encoder.missing else [])}
        assert [code > 0 for code in codes] == [cell in known for cell in new]
    else:
        assert len(encoder.features) <= one_hot_max
        assert encoded(encoder, cells).sum(1).tolist() == [float(cell in train) for cell in new]


@given(
    cells=st.lists(
        st.none() | st.sampled_from(["a", "B", "b", "3", "3.0", "03", "2.0", "2", ""]), min_size=1, max_size=6
    ),
    categories=st.sampled_from([("a", "b"), ("2.0", "3"), ("3", "3.0"), ("B", "a", "b", "c"), ("",)]),
    missing=st.booleans(),
)
def test_few_categories_are_found_as_many_are(
    cells: list[str | None], categories: tuple[str, ...], missing: bool
) -> None:
    """One by one, or all at once by polars."""
    series = pl.Series(cells, dtype=pl.String)
    times = FEW // len(cells) + 1
    many = category_codes(pl.concat([series] * times), categories, missing=missing)
    np.testing.assert_array_equal(np.tile(category_codes(series, categories, missing=missing), times), many)
