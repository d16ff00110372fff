"""Schedules against their formulas in plain floats, and what holds for all of them."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.naming import stable
from tests.reference import schedules as reference

from batchwright.optim import (
    SCHEDULES,
    Constant,
    Cosine,
    CosineRestarts,
    Exponential,
    InverseSqrt,
    InverseTime,
    OneCycle,
    Piecewise,
    Polynomial,
    ReduceOnPlateau,
    Schedule,
    Staircase,
    Warmup,
)

EXAMPLES: tuple[Schedule, ...] = (
    *(schedule() for schedule in SCHEDULES if schedule is not Piecewise),
    Piecewise(points=((0, 0.05), (1.5, 0.1), (3, 0.0))),
    Cosine(warmup=7, per="epoch", end=0.1),
    CosineRestarts(cycles=4, growth=1.0, peak_decay=0.5, end=0.2),
    OneCycle(pct_start=0.0),
    InverseTime(per="iteration", warmup=0.2),
)
N, TOTAL = 13, 91


def rates(schedule: Schedule, total: int = TOTAL, *, losses: tuple[float, ...] = ()) -> np.ndarray:
    return schedule.rates(0.1, np.arange(total), iterations_per_epoch=N, total=total, losses=losses)


@pytest.mark.parametrize(
    ("schedule", "formula"),
    [
        (InverseTime(decay=0.5), partial(reference.inverse_time, decay=0.5, whole=True)),
        (InverseTime(decay=0.5, per="iteration"), partial(reference.inverse_time, decay=0.5, whole=False)),
        (Exponential(base=0.8), partial(reference.exponential, base=0.8, whole=True)),
        (Exponential(base=0.8, per="iteration"), partial(reference.exponential, base=0.8, whole=False)),
        (InverseSqrt(k=2.0), partial(reference.inverse_sqrt, k=2.0, whole=True)),
        (InverseSqrt(per="iteration"), partial(reference.inverse_sqrt, k=1.0, whole=False)),
        (Staircase(factor=0.3, every=2), partial(reference.staircase, factor=0.3, every=2)),
        (Polynomial(power=2.0, end=0.1), partial(reference.polynomial, power=2.0, end=0.1)),
        (Cosine(end=0.05), partial(reference.cosine, end=0.05)),
        (
            CosineRestarts(cycles=3, growth=2.0, peak_decay=0.5, end=0.1),
            partial(reference.cosine_restarts, cycles=3, growth=2, peak_decay=0.5, end=0.1),
        ),
        (
            CosineRestarts(cycles=3, growth=2.0, peak_decay=0.1, end=0.2),
            partial(reference.cosine_restarts, cycles=3, growth=2, peak_decay=0.1, end=0.2),
        ),
        (OneCycle(), partial(reference.one_cycle, pct_start=0.3, div_factor=25.0, final_div_factor=1e4)),
    ],
    ids=stable,
)
def test_follows_the_formula(schedule: Schedule, formula: partial[float]) -> None:
    expected = [0.1 * formula(t, N, TOTAL) for t in range(TOTAL)]
    np.testing.assert_allclose(rates(schedule), expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("schedule", EXAMPLES, ids=stable)
class TestContract:
    def test_rates_are_finite_and_within_bounds(self, schedule: Schedule) -> None:
        values = rates(schedule)
        assert values.dtype == np.float64 and values.shape == (TOTAL,)
        assert np.isfinite(values).all() and values.min() >= 0.0 and values.max() <= 0.1 + 1e-15

    def test_depends_on_the_iteration_alone(self, schedule: Schedule) -> None:
        """However the run is cut into segments: any part of it, in any order, has the same rates."""
        order = np.random.default_rng(0).permutation(TOTAL)[:30]
        part = schedule.rates(0.1, order, iterations_per_epoch=N, total=TOTAL)
        np.testing.assert_array_equal(part, rates(schedule)[order])

    def test_is_proportional_to_the_learning_rate(self, schedule: Schedule) -> None:
        if isinstance(schedule, Piecewise):
            pytest.skip("its rates are absolute")
        double = schedule.rates(0.2, np.arange(TOTAL), iterations_per_epoch=N, total=TOTAL)
        np.testing.assert_allclose(double, 2 * rates(schedule), rtol=1e-12)

    def test_the_shortest_run_and_beyond_its_end(self, schedule: Schedule) -> None:
        values = schedule.rates(0.1, np.array([0, 1, 5]), iterations_per_epoch=1, total=1)
        assert np.isfinite(values).all() and values.min() >= 0.0

    def test_warms_up(self, schedule: Schedule) -> None:
        cold = type(schedule)(**{**vars(schedule), "warmup": 0.0})
        warm = type(schedule)(**{**vars(schedule), "warmup": 20})
        expected = [reference.warmed(rate, t, 20) for t, rate in enumerate(rates(cold))]
        np.testing.assert_allclose(rates(warm), expected, rtol=1e-12)
        share = type(schedule)(**{**vars(schedule), "warmup": 20 / TOTAL})
        np.testing.assert_allclose(rates(share), rates(warm), rtol=1e-12)


@given(cycles=st.integers(1, 6), growth=st.floats(0.5, 3.0), total=st.integers(1, 500))
def test_restarts_begin_at_the_peak_and_end_with_the_run(cycles: int, growth: float, total: int) -> None:
    values = rates(CosineRestarts(cycles=cycles, growth=growth), total)
    assert values[0] == 0.1
    assert np.count_nonzero(np.diff(values) > 1e-12) <= cycles - 1


def test_one_cycle_has_its_peak_and_ends() -> None:
    values = OneCycle().rates(1.0, np.arange(1001), iterations_per_epoch=100, total=1000)
    assert values[[0, 300, 1000]] == pytest.approx([1 / 25, 1.0, 1 / 250_000])
    assert values.argmax() == 300
    assert (np.diff(values[:301]) > 0).all() and (np.diff(values[300:]) < 0).all()


def test_constant_and_warmup_by_hand() -> None:
    assert rates(Constant(), 3).tolist() == [0.1, 0.1, 0.1]
    assert rates(Warmup(warmup=2), 3).tolist() == [0.05, 0.1, 0.1]
    assert rates(Warmup(), 100)[[0, 4, 5]] == pytest.approx([0.02, 0.1, 0.1])


def test_points_by_hand() -> None:
    schedule = Piecewise(points=((2, 0.3), (0.5, 0.7)))
    values = schedule.rates(1.0, np.arange(12), iterations_per_epoch=4, total=12)
    assert values.tolist() == [1.0] * 2 + [0.7] * 6 + [0.3] * 4


def test_a_fraction_of_an_epoch_is_not_rounded_up() -> None:
    """0.07 · 100 is a little above 7 in floating point; the change is at iteration 7 all the same."""
    values = Piecewise(points=((0.07, 0.5),)).rates(1.0, np.array([6, 7]), iterations_per_epoch=100, total=100)
    assert 0.07 * 100 > 7 and values.tolist() == [1.0, 0.5]


def test_points_change_with_their_epoch_whatever_its_length() -> None:
    schedule = Piecewise(points=tuple((epoch, 1.0 / (epoch + 1)) for epoch in range(60)))
    for n in (1, 3, 7, 469, 600):
        values = schedule.rates(1.0, np.arange(60 * n), iterations_per_epoch=n, total=60 * n)
        np.testing.assert_array_equal(values, np.repeat(1.0 / np.arange(1, 61), n))


@pytest.mark.parametrize(
    ("schedule", "losses", "reductions"),
    [
        (ReduceOnPlateau(patience=2), [], 0),
        (ReduceOnPlateau(patience=2), [3.0, 2.0, 1.0], 0),
        (ReduceOnPlateau(patience=2), [1.0, 1.0], 0),
        (ReduceOnPlateau(patience=2), [1.0, 1.0, 1.0], 1),
        (ReduceOnPlateau(patience=2), [1.0, 1.0, 1.0, 0.5, 0.5, 0.5], 2),
        (ReduceOnPlateau(patience=1), [1.0, 2.0, 2.0, 2.0], 3),
        (ReduceOnPlateau(patience=1, cooldown=2), [1.0, 2.0, 2.0, 2.0], 1),
        (ReduceOnPlateau(patience=1, cooldown=2), [1.0, 2.0, 2.0, 2.0, 2.0], 2),
        (ReduceOnPlateau(patience=1, min_delta=0.1), [1.0, 0.95], 1),
        (ReduceOnPlateau(patience=1, min_delta=0.1), [1.0, 0.85], 0),
        (ReduceOnPlateau(patience=1), [1.0, float("nan")], 1),
    ],
)
def test_reduces_on_plateau(schedule: ReduceOnPlateau, losses: list[float], reductions: int) -> None:
    assert schedule.factor_after(losses) == pytest.approx(0.1**reductions)
    assert rates(schedule, 3, losses=tuple(losses)) == pytest.approx([0.1 * 0.1**reductions] * 3)


def test_reductions_stop_at_the_least_rate() -> None:
    falling = ReduceOnPlateau(patience=1, factor=0.5, min_rate=0.03)
    assert rates(falling, 1, losses=(1.0, 1.0, 1.0, 1.0))[0] == 0.03
    assert rates(ReduceOnPlateau(min_rate=5.0), 1)[0] == 0.1
    assert [schedule.name for schedule in SCHEDULES if schedule.uses_losses] == ["reduce_on_plateau"]


@given(st.lists(st.floats(0, 10), max_size=40), st.integers(1, 5), st.integers(0, 3))
def test_the_factor_never_rises_as_losses_come_in(losses: list[float], patience: int, cooldown: int) -> None:
    schedule = ReduceOnPlateau(patience=patience, cooldown=cooldown)
    factors = [schedule.factor_after(losses[:end]) for end in range(len(losses) + 1)]
    assert factors == sorted(factors, reverse=True) and factors[0] == 1.0
    reductions = round(-np.log10(factors[-1]))
    assert reductions * (patience + cooldown) <= len(losses) + cooldown


def test_names_are_unique() -> None:
    names = [schedule.name for schedule in SCHEDULES]
    assert len(set(names)) == len(names) == 12
