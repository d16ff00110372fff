"""Of tables of equal variants at most one in twenty claims a difference, whatever the noise; real ones are found."""

import numpy as np
import pytest
from scipy import stats

from batchwright.comparison.differences import is_behind_lowest, verdict

TABLES = 2000
SLACK = 0.015
"""Three standard errors of a share of 5 % in 2,000 tables."""
NOISES = {
    "normal": lambda random, shape: random.normal(size=shape),
    "skewed": lambda random, shape: random.lognormal(sigma=1.0, size=shape),
    "heavy tails": lambda random, shape: random.standard_t(2, size=shape),
}


def _alarms(losses):
    """The share of tables that claim any difference."""
    return is_behind_lowest(losses).any(axis=-1).mean()


@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("variants", [2, 5, 12])
@pytest.mark.parametrize("noise", NOISES)
def test_of_tables_of_equal_variants_at_most_one_in_twenty_claims_a_difference(noise, variants, seeds):
    """A seed that is good or bad for all variants is part of every table."""
    random = np.random.default_rng([variants, seeds])
    losses = NOISES[noise](random, (TABLES, variants, seeds)) + 3 * random.normal(size=(TABLES, 1, seeds))
    assert _alarms(losses) <= 0.05 + SLACK


@pytest.mark.parametrize("variants", [2, 5, 12])
def test_variants_of_unequal_noise_are_kept_apart_as_seldom(variants):
    """Their means are equal: one is ten times as noisy, half of them are, each is noisier than the one before."""
    random = np.random.default_rng(variants)
    one, half = np.ones(variants), np.where(np.arange(variants) < variants // 2, 10.0, 1.0)
    one[0] = 10.0
    alarms = [
        _alarms(random.normal(size=(TABLES, variants, 5)) * spread[:, None])
        for spread in (one, half, np.geomspace(1, 100, variants))
    ]
    assert max(alarms) <= 0.1 and np.mean(alarms) <= 0.075


def test_the_luck_of_tuning_is_no_difference():
    """A rate is chosen by a noisy loss, anew for each seed; the loss is a parabola of the rate, equal for all."""
    random = np.random.default_rng(0)
    rates = random.uniform(-2, 2, size=(TABLES, 1, 5, 8))  # tables, variants, seeds, points
    tuned = (rates**2 + random.normal(size=(TABLES, 12, 5, 8))).argmin(axis=-1)[..., None]
    chosen = np.take_along_axis(np.broadcast_to(rates, (TABLES, 12, 5, 8)), tuned, axis=-1)[..., 0]
    assert _alarms(chosen**2 + 0.3 * random.normal(size=chosen.shape)) <= 0.05 + SLACK


@pytest.mark.parametrize(("variants", "seeds", "found"), [(2, 5, 0.9), (5, 5, 0.8), (12, 5, 0.7), (12, 10, 0.99)])
def test_a_difference_of_three_deviations_is_found(variants, seeds, found):
    random = np.random.default_rng(0)
    losses = random.normal(size=(500, variants, seeds)) + 3 * random.normal(size=(500, 1, seeds))
    losses[:, 0] -= 3
    behind = is_behind_lowest(losses)
    assert behind[:, 1:].mean() >= found
    assert not behind[:, 0].any()


def test_of_two_variants_it_is_students_paired_test():
    random = np.random.default_rng(0)
    losses = 0.4 * random.normal(size=(200, 2, 4))
    losses[:, 1] += random.uniform(0, 2, size=(200, 1))
    significant = stats.ttest_rel(losses[:, 0], losses[:, 1], axis=-1).pvalue < 0.05
    np.testing.assert_array_equal(is_behind_lowest(losses).any(axis=-1), significant)
    assert 40 < significant.sum() < 160


def test_with_equal_spread_it_is_tukeys_test_with_seeds_as_blocks():
    """Differences of all pairs with a variance of exactly 2·s²: the larger estimate is the residual one."""
    noise = np.array([[1, -1, 0, 0], [0, 0, 1, -1], [-1, 1, 0, 0], [0, 0, -1, 1.0]]) * 0.1
    square = (noise**2).sum() / 9
    reach = stats.studentized_range.ppf(0.95, 4, 9) * (square / 4) ** 0.5
    own = np.array([noise[one] - noise[0] for one in (1, 2, 3)]).var(axis=1, ddof=1) / 2
    assert own[0] < square < own[1]
    for factor, expected in ((0.99, False), (1.01, True)):
        means = np.array([0.0, factor * reach, 9.0, 9.0])
        assert is_behind_lowest(means[:, None] + noise)[1] == expected


def test_rounding_is_no_difference_and_equal_losses_are_none():
    random = np.random.default_rng(0)
    losses = np.tile(random.uniform(0.5, 1, size=5), (3, 1))
    assert not is_behind_lowest(losses).any()
    assert not is_behind_lowest(losses * [[1], [1 + 1e-7], [1 + 2e-7]]).any()
    assert is_behind_lowest(losses + np.array([[0], [0.1], [0.2]])).tolist() == [False, True, True]


@pytest.mark.parametrize(
    ("by_seed", "said"),
    [
        # far apart from seed to seed, yet behind with each by nearly as much: only paired can that be seen
        (
            {"b": (1.1, 2.1, 3.11), "a": (1, 2, 3), "c": (1.2, 2.21, 3.2)},
            "a is ahead of all others by more than chance explains (Tukey's test of all pairs of the 3, 3 seeds: ",
        ),
        (
            {"a": (1, 2, 3), "b": (2, 1.5, 3.1)},
            "a has the lowest loss; chance may explain that it is ahead of b (Student's paired test, 3 seeds: ",
        ),
        (
            {"a": (1, 2, 3), "b": (1.3, 1.9, 3.1), "c": (9, 10, 11)},
            "a has the lowest loss; chance may explain that it is ahead of b; behind by more than chance explains: c (",
        ),
        ({"a": (1, 2), "b": ()}, "a alone did not diverge"),
        ({"a": (1,), "b": (2,)}, "a has the lowest loss, but one seed cannot tell whether that is chance: "),
        ({"a": (), "b": ()}, "all that was compared has diverged: take smaller learning rates"),
    ],
)
def test_the_verdict_says_what_chance_explains(by_seed, said):
    assert verdict(list(by_seed), list(by_seed.values()), tuned=True).startswith(said)


def test_the_verdict_says_whether_the_luck_of_tuning_is_in_it():
    losses = {"a": (1, 2, 3), "b": (9, 10, 11)}
    assert "the luck of the seeds, and of a tuning" in verdict(list(losses), list(losses.values()), tuned=True)
    assert "tuning" not in verdict(list(losses), list(losses.values()), tuned=False)


@pytest.mark.parametrize(
    ("ahead", "says", "not_said"), [(9.0, "at most 1 of 20", "more than"), (1.5, "more than 1 of 20", "at most")]
)
def test_what_is_said_of_the_test_is_what_it_found(ahead, says, not_said):
    losses = {"a": (1.0, 2.0, 3.0), "b": (ahead, 2.4 + ahead / 3, ahead + 1.5)}
    said = verdict(list(losses), list(losses.values()), tuned=True)
    assert ("chance may explain" in said) == (says == "more than 1 of 20")
    assert says in said and not_said not in said.partition("(")[2]
