"""Ticks that are round and cover the range, and places that a formula of one's own gives too."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.figures.drawing import value_of

from batchwright.figures.scale import Axis, Scale, scale_of, short

finite = st.floats(-1e300, 1e300)
positive = st.floats(1e-300, 1e300)


def is_round(step: float, *, of: tuple[int, ...] = (1, 2, 5)) -> bool:
    mantissa = step / 10.0 ** math.floor(math.log10(step) + 1e-9)
    return any(mantissa == pytest.approx(digit, rel=1e-6) for digit in of)


@given(st.lists(finite, min_size=1, max_size=9))
def test_linear_ticks_are_3_to_9_round_and_cover_the_range(values: list[float]) -> None:
    scale = scale_of([values], Axis())
    scale = Scale(scale.low, scale.high)
    ticks = [tick.value for tick in scale.ticks()]
    assert 3 <= len(ticks) <= 9
    steps = np.diff(ticks)
    step = float(steps[0])
    assume(step > 1e-9 * max(map(abs, ticks)))  # below, the difference of two floats is no measure of the step
    assert steps == pytest.approx(np.full(len(steps), step), rel=1e-5)
    assert is_round(step)
    slack = 1e-9 * step
    assert scale.low - slack <= ticks[0] < scale.low + step + slack
    assert scale.high - step - slack < ticks[-1] <= scale.high + slack


@given(positive, positive)
def test_log_ticks_are_3_to_9_and_cover_the_range(one: float, other: float) -> None:
    low, high = sorted([one, other])
    assume(high / low > 1.001)
    ticks = [tick.value for tick in Scale(low, high, log=True).ticks()]
    assert 3 <= len(ticks) <= 9
    assert low * (1 - 1e-6) <= ticks[0]
    assert ticks[-1] <= high * (1 + 1e-6)
    if high / low >= 1000:
        exponents = np.log10(ticks)
        assert exponents == pytest.approx(np.rint(exponents), abs=1e-9)
        assert len({round(step) for step in np.diff(exponents)}) == 1
        assert math.log10(ticks[0] / low) < np.diff(exponents)[0] + 1e-9
        assert math.log10(high / ticks[-1]) < np.diff(exponents)[0] + 1e-9


@given(st.integers(-1000, 1000), st.integers(0, 3000))
def test_whole_numbers_have_whole_ticks(low: int, span: int) -> None:
    scale = scale_of([[low, low + span]], Axis())
    assert scale.whole
    ticks = scale.ticks()
    assert all(tick.value == int(tick.value) for tick in ticks)
    assert all(set(tick.label) <= set("−0123456789,") for tick in ticks)
    assert len(ticks) <= 9


@given(st.one_of(finite, st.floats(-1e6, 1e6)), st.one_of(positive, st.floats(0.001, 10)), st.booleans())
def test_labels_say_their_values(low: float, span: float, log: bool) -> None:
    low = abs(low) + 1e-300 if log else low
    high = low * (1 + min(span, 1e5)) if log else low + span
    assume(math.isfinite(high) and high - low > 1e-9 * max(abs(low), abs(high)))
    ticks = Scale(low, high, log).ticks()
    labels = [tick.label for tick in ticks]
    assert len(set(labels)) == len(labels)
    for tick in ticks:
        assert value_of(tick.label) == pytest.approx(tick.value, rel=1e-3 if log else 1e-9, abs=1e-12 * (high - low))


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=9), st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_shares_are_linear(values: list[float], low: float, span: float) -> None:
    share = Scale(low, low + span).share(values)
    expected = (np.array(values) - low) / (low + span - low)
    assert share == pytest.approx(np.clip(expected, -4, 5), abs=1e-6)


@given(st.lists(positive, min_size=1, max_size=9))
def test_shares_of_a_log_scale_are_linear_in_the_logarithm(values: list[float]) -> None:
    share = Scale(1e-300, 1e300, log=True).share(values)
    assert share == pytest.approx([(math.log(value) / math.log(10) + 300) / 600 for value in values], abs=1e-12)


@pytest.mark.parametrize("value", [0.0, 1.0, -3.0, 1e-300, 1e300, -1e300, 5e-324, 1.7e308])
def test_equal_values_have_a_range_around_them(value: float) -> None:
    scale = scale_of([[value, value]], Axis())
    assert scale.low < scale.high
    assert 0 <= scale.share([value])[0] <= 1
    assert 2 <= len(scale.ticks()) <= 9


@pytest.mark.parametrize("values", [[], [np.nan, np.inf], [None]])
def test_no_value_has_no_range(values: list[float]) -> None:
    assert scale_of([values], Axis()) is None
    assert scale_of([[-1.0, 0.0]], Axis(scale="log")) is None


@pytest.mark.parametrize("values", [[1e-311, 1e293], [0.0, 9e307], [5e-324], [5e-324, 1.7e308], [1.7e308]])
@pytest.mark.parametrize("most", [3, 9])
def test_a_log_axis_bears_the_smallest_and_largest_floats(values: list[float], most: int) -> None:
    scale = scale_of([values], Axis(scale="log"), pad=0.05)
    assert 0 < scale.low < scale.high < math.inf
    assert 1 <= len(scale.ticks(most)) <= most


def test_the_bounds_of_an_axis_hold() -> None:
    scale = scale_of([[0.2, 0.4]], Axis(low=0.0, high=1.0), pad=0.1)
    assert (scale.low, scale.high) == (0.0, 1.0)
    with pytest.raises(ValueError, match="low has to be below high"):
        scale_of([[0.2, 0.4]], Axis("loss", low=1.0, high=0.0))
    with pytest.raises(ValueError, match="'loss'"):
        scale_of([[0.2, 0.4]], Axis("loss", scale="log", low=0.0))


def test_zero_is_shown_where_it_is_near() -> None:
    assert scale_of([[0.1, 1.0]], Axis(), pad=0.05, zero=True).low == 0
    assert scale_of([[0.9, 1.0]], Axis(), pad=0.05, zero=True).low > 0.8
    assert scale_of([[-0.1, 1.0]], Axis(), pad=0.05, zero=True).low < -0.1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"), (-0.0, "0"), (12.0, "12"), (1234.56, "1,235"), (0.05, "0.05"), (999_999.9, "1,000,000"),
        (1e6, "10⁶"), (-2.5e-7, "−2.5×10⁻⁷"), (math.inf, "∞"), (math.nan, "not a number"),
    ],
)  # fmt: skip
def test_short_numbers(value: float, text: str) -> None:
    assert short(value) == text


@given(st.floats(-1e308, 1e308))
def test_short_numbers_are_near(value: float) -> None:
    assert value_of(short(value)) == pytest.approx(value, rel=6e-4, abs=5e-324)
