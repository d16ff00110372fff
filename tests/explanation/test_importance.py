"""Importance against its closed form for a linear model, and its interval against many samples."""

import numpy as np
import pytest

from batchwright.explanation.importance import importance
from batchwright.explanation.places import InputPlaces

PLACES = {
    "a": InputPlaces(numeric=range(1)),
    "b": InputPlaces(numeric=range(1, 3)),
    "c": InputPlaces(numeric=range(3, 4)),
}
SLOPES = np.array([2.0, 1.0, -1.0, 0.0])


def rows(seed: int, number: int) -> dict[str, np.ndarray]:
    return {"numeric": np.random.default_rng(seed).normal(size=(number, 4)).astype(np.float32)}


def losses_of(targets: np.ndarray):
    return lambda inputs: (inputs["numeric"] @ SLOPES - targets) ** 2


@pytest.mark.parametrize(("columns", "slopes"), [(("a",), [2.0]), (("b",), [1.0, -1.0]), (("a", "b"), SLOPES[:3])])
def test_a_linear_model_loses_twice_the_variance_that_a_column_brings(columns, slopes):
    """With y = wx, shuffling x gives the mean of (w(x - x'))², which is 2 w² for a variance of 1."""
    inputs = rows(0, 20_000)
    found = importance(losses_of(inputs["numeric"] @ SLOPES), inputs, [columns], PLACES, weights=np.ones(20_000))
    assert found[0].increase == pytest.approx(2 * np.square(slopes).sum(), rel=0.05)


def test_a_column_that_is_not_used_has_no_importance():
    inputs = rows(1, 500)
    found = importance(losses_of(inputs["numeric"] @ SLOPES), inputs, [("c",), ("a",)], PLACES, weights=np.ones(500))
    assert [one.columns for one in found] == [("a",), ("c",)]
    assert (found[1].increase, found[1].low, found[1].high) == (0.0, 0.0, 0.0)


def test_the_interval_covers_in_19_of_20_samples():
    covered = 0
    for seed in range(200):
        inputs, noise = rows(seed, 150), np.random.default_rng(seed + 1000).normal(size=150)
        losses = losses_of(inputs["numeric"] @ SLOPES + noise)
        found = importance(losses, inputs, [("b",)], PLACES, weights=np.ones(150), seed=seed)[0]
        covered += found.low <= 4.0 <= found.high
    assert 175 <= covered <= 200


def test_a_row_of_weight_two_counts_as_two_rows():
    """What heavy rows lose more is weighed: a column used in them alone gets more important with their weight."""
    inputs = rows(2, 4_000)
    used = np.arange(4_000) < 1_000

    def losses(given):
        return np.where(used, (given["numeric"][:, 0] - inputs["numeric"][:, 0]) ** 2, 0.0)

    weights = np.where(used, 3.0, 1.0)
    found = [importance(losses, inputs, [("a",)], PLACES, weights=given)[0] for given in (np.ones(4_000), weights)]
    assert found[1].increase / found[0].increase == pytest.approx(3 * 4_000 / (3 * 1_000 + 3_000), rel=1e-9)


def test_every_row_gets_the_cells_of_another():
    inputs = {"numeric": np.arange(8, dtype=np.float32).reshape(2, 4)}
    seen = []

    def losses(given):
        seen.append(given["numeric"][:, 0].tolist())
        return np.zeros(2)

    importance(losses, inputs, [("a",)], PLACES, weights=np.ones(2))
    assert seen == [[0.0, 4.0]] + [[4.0, 0.0]] * 5
