"""A change is said to help or harm no more often than chance allows, and clear ones are seen."""

from math import inf, isfinite

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from batchwright.comparison.paired import (
    chance_of_fewer,
    compare_pairs,
    describe_difference,
    limit_figures,
    paired_difference,
)
from batchwright.workflow import Estimate

LOSSES = st.lists(st.floats(0.01, 100), min_size=2, max_size=8)


@given(LOSSES, st.integers(0, 2**31))
def test_the_interval_is_that_of_scipy(before, seed):
    rng = np.random.default_rng(seed)
    after = [value + rng.normal() for value in before]
    found = paired_difference(list(zip(after, before, strict=True)))
    expected = stats.ttest_rel(after, before).confidence_interval(0.95)
    np.testing.assert_allclose([found.low, found.high], [expected.low, expected.high], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("tests", [2, 4])
def test_intervals_of_several_tests_hold_at_once(tests):
    pairs = [(1.0, 2.0), (1.3, 2.1), (0.8, 2.4)]
    found = paired_difference(pairs, tests=tests)
    expected = stats.ttest_rel(*zip(*pairs, strict=True)).confidence_interval(1 - 0.05 / tests)
    np.testing.assert_allclose([found.low, found.high], [expected.low, expected.high])


@pytest.mark.parametrize("seeds", [2, 5, 10])
def test_of_equal_trainings_at_most_one_in_twenty_is_told_apart(seeds):
    rng = np.random.default_rng(0)
    told = sum(
        compare_pairs(*rng.normal(1, 0.1, (2, seeds)).tolist(), constant=2.0).effect != "no difference shown"
        for _ in range(1_000)
    )
    assert told / 1_000 < 0.071  # 0.05, and three standard errors


@pytest.mark.parametrize("chance", [0.3, 0.6])
def test_equal_trainings_that_diverge_often_are_rarely_said_to_help(chance):
    rng = np.random.default_rng(1)

    def losses():
        return [inf if rng.random() < chance else float(rng.lognormal(1.5)) for _ in range(5)]

    helps = sum(compare_pairs(losses(), losses(), constant=1.0).effect == "helps" for _ in range(1_000))
    assert helps / 1_000 < 0.071


@pytest.mark.parametrize(
    ("changed", "unchanged", "effect"),
    [
        ([0.2, 0.3, 0.25], [1.0, 1.1, 1.05], "helps"),
        ([1.0, 1.1, 1.05], [0.2, 0.3, 0.25], "worse"),
        ([0.2, 0.3, 0.25], [0.25, 0.2, 0.3], "no difference shown"),
        ([0.2, 0.3, 0.25], [0.2, 0.3, 0.25], "no difference shown"),
        ([0.2, 0.3, 0.25], [0.2 + 1e-9, 0.3 + 1e-9, 0.25 + 1e-9], "no difference shown"),  # rounding
        ([0.2, inf, 0.25], [1.0, 1.1, 1.05], "worse"),
        ([5.0] * 5, [inf] * 5, "helps"),
        ([inf] * 5, [inf] * 5, "no difference shown"),
        ([5.0, 4.0, 6.0, 5.0, 7.0], [inf, 5.0, 5.5, 4.5, 6.0], "no difference shown"),
        ([0.2, 0.3, 0.25, 0.2, 0.3], [2.0, 1.8, 4947.0, 3.0, 0.9], "helps"),  # one seed far up hides nothing
    ],
)
def test_effects(changed, unchanged, effect):
    found = compare_pairs(changed, unchanged, constant=1.1)
    assert found.effect == effect
    assert found.difference is None or (found.difference.low <= found.difference.mean <= found.difference.high)


def test_a_larger_metric_helps_where_larger_is_better():
    found = compare_pairs([0.8, 0.82, 0.81], [0.6, 0.63, 0.6], name="accuracy", larger_is_better=True, constant=0.5)
    assert found.effect == "helps"
    assert found.why.startswith("accuracy 0.2 higher")
    assert compare_pairs([0.6, 0.63, 0.6], [0.8, 0.82, 0.81], larger_is_better=True).effect == "worse"


def test_how_many_seeds_diverged_is_said():
    assert "diverged with 1 of 3 seeds, unchanged with 0" in compare_pairs([1.0, inf, 1.0], [1.0, 1.1, 1.2]).why


@given(LOSSES, LOSSES, st.floats(0.01, 100))
def test_only_figures_worse_than_constant_answers_are_limited(figures, others, constant):
    found = limit_figures([*figures, inf], others, constant)
    if max(others) > constant:
        assert found == (*figures, inf)
    else:
        assert all(isfinite(one) for one in found)
        assert list(found) == [min(one, constant) for one in [*figures, inf]]


@given(st.integers(1, 12), st.data())
def test_the_chance_is_that_of_fishers_test(seeds, data):
    diverged, unchanged = data.draw(st.integers(0, seeds)), data.draw(st.integers(0, seeds))
    table = [[diverged, seeds - diverged], [unchanged, seeds - unchanged]]
    expected = stats.fisher_exact(table, alternative="less").pvalue
    assert chance_of_fewer(diverged, unchanged, seeds) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Estimate(0.3, 0.2, 0.4), "loss 0.3 higher (0.2 to 0.4)"),
        (Estimate(-0.3, -0.4, -0.2), "loss 0.3 lower (0.2 to 0.4)"),
        (Estimate(-0.1, -0.4, 0.2), "loss 0.1 lower (0.4 lower to 0.2 higher)"),
        (Estimate(0.0, 0.0, 0.0), "loss the same"),
    ],
)
def test_differences_in_words(found, said):
    assert describe_difference("loss", found) == said
