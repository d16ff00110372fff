"""What more rows would do: power laws are extrapolated as they go on, and the verdict says how sure that is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchwright.comparison.learning_curve import EXPONENTS, learning_curve

ROWS = (100, 200, 400, 700, 1000)
TWICE = 2000


def _law(rows, a, b, c):
    return c + a * np.asarray(rows, float) ** -b


scales, floors = st.floats(0.1, 10), st.just(0.0) | st.floats(0.01, 2)


@settings(max_examples=15)
@given(a=scales, b=st.sampled_from([float(one) for one in EXPONENTS[:70]]), c=floors)
def test_a_power_law_with_an_exponent_that_is_tried_is_foretold_exactly(a, b, c):
    losses = _law(ROWS, a, b, c)
    found = learning_curve(ROWS, [[float(loss)] for loss in losses])
    assert found.foretold.mean == pytest.approx(float(_law(TWICE, a, b, c)), rel=1e-4)
    assert (found.rows, found.more_rows) == (ROWS, TWICE)
    np.testing.assert_allclose(found.losses, losses)


@settings(max_examples=15)
@given(a=scales, b=st.floats(0.1, 1.2), c=floors)
def test_any_power_law_is_foretold_to_a_small_part_of_what_more_rows_save(a, b, c):
    truth, now = float(_law(TWICE, a, b, c)), float(_law(ROWS[-1], a, b, c))
    found = learning_curve(ROWS, [[float(loss)] for loss in _law(ROWS, a, b, c)])
    assert found.foretold.mean == pytest.approx(truth, abs=0.07 * (now - truth))


CURVES = {
    "a power law": lambda n: 0.2 + 3 * n**-0.5,
    "one with no floor": lambda n: 3 * n**-0.35,
    "one that has reached its floor": lambda n: 0.5 + 50 * n**-1.5,
    "slower at first": lambda n: 0.2 + 2 / (1 + (n / 500) ** 0.8),
    "logarithmic": lambda n: 1.5 - 0.12 * np.log(n),
    "flat": lambda n: 0.4 + 0 * n,
}


@pytest.mark.parametrize("curve", CURVES)
def test_the_truth_is_in_nine_of_ten_intervals(curve):
    """With noise of 2 % between the trainings, also where the curve is no power law."""
    generator, drawn = np.random.default_rng(0), 40
    exact, truth = CURVES[curve](np.asarray(ROWS, float)), float(CURVES[curve](float(TWICE)))
    inside = 0
    for _ in range(drawn):
        losses = exact[:, None] * (1 + generator.normal(scale=0.02, size=(len(ROWS), 4)))
        foretold = learning_curve(ROWS, losses.tolist()).foretold
        inside += foretold.low <= truth <= foretold.high
    assert inside >= 0.9 * drawn


def test_the_interval_reaches_from_a_fall_as_before_to_the_loss_of_now():
    losses = _law(ROWS, 2, 0.5, 0.2)
    foretold = learning_curve(ROWS, [[float(loss)] for loss in losses]).foretold
    slope = np.log(losses[-1] / losses[-2]) / np.log(ROWS[-1] / ROWS[-2])
    assert foretold.low == pytest.approx(losses[-1] * 2**slope)
    assert foretold.high == pytest.approx(losses[-1])


@pytest.mark.parametrize(
    ("by_seed", "verdict"),
    [
        ([(2, 0.5, 0.1), (2, 0.5, 0.1001)], "more rows would help"),
        ([(0.01, 0.5, 1.0), (0.01, 0.5, 1.0001)], "more rows would hardly help"),
        ([(2, 0.5, 0.1), (0, 0.5, 0.15)], "whether more rows would help is not clear"),
    ],
)
def test_the_verdict_goes_by_what_is_saved_and_by_what_the_last_rows_did(by_seed, verdict):
    losses = np.stack([_law(ROWS, *law) for law in by_seed], axis=1)
    found = learning_curve(ROWS, losses.tolist())
    assert found.verdict.startswith(f"{verdict}: with 2,000 rows the validation loss would be about ")
    assert f"after {losses[-1].mean():.4g} with all there are" in found.verdict


def test_a_loss_that_does_not_fall_is_foretold_to_stay():
    found = learning_curve((10, 20, 40), [[0.5], [0.5], [0.5]])
    assert found.foretold.mean == pytest.approx(0.5, rel=1e-6)
    assert found.verdict.startswith("more rows would hardly help")


@pytest.mark.parametrize(
    ("rows", "by_seed"),
    [
        ((100, 200), [(0.5, 0.6), (0.4, 0.5)]),
        ((100,), [(0.5,)]),
        ((100, 200, 400), [(0.5, 0.6), (), (0.4, 0.5)]),
        ((100, 200, 400), [(), (), ()]),
    ],
    ids=["two shares", "one share", "one diverged", "all diverged"],
)
def test_fewer_than_three_shares_or_one_that_diverged_have_no_curve(rows, by_seed):
    assert learning_curve(rows, by_seed) is None
