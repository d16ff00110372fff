"""The greedy choice of members, beside one in NumPy, and where it is not taken."""

import jax.numpy as jnp
import numpy as np
import pytest

from batchwright.nn import MLP, Features
from batchwright.tasks import Classification, Regression
from batchwright.training.selection import MOST_PICKS, select_members
from batchwright.training.state import Model

ROWS = 400


def model(task: Classification | Regression) -> Model:
    return Model(MLP((2,)).build(Features(numeric=1), task.outputs), task)


def squared_error(outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    return (outputs[:, 0] - targets) ** 2


def greedy(members: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> list[int]:
    """Caruana's choice with replacement, by means of float64 numbers."""
    picks, losses = list[int](), list[float]()
    for _ in range(min(MOST_PICKS, 2 * len(members))):
        tried = [weights @ squared_error(members[[*picks, one]].mean(axis=0), targets) for one in range(len(members))]
        picks.append(int(np.argmin(tried)))
        losses.append(min(tried))
    return picks[: int(np.argmin(losses)) + 1]


def values(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Targets, and members of which each sees another part of them, with errors of its own."""
    rng = np.random.default_rng(seed)
    parts = rng.normal(size=(3, ROWS))
    targets = parts.sum(axis=0)
    seen = np.array([[1, 1, 0], [1, 0, 1], [0, 1, 1], [0.2, 0.2, 0.2], [0, 0, 0]]) @ parts
    return targets.astype(np.float32), (seen + rng.normal(scale=0.1, size=seen.shape)).astype(np.float32)[..., None]


def test_the_greedy_choice_is_that_of_numpy() -> None:
    targets, members = values()
    weights = np.random.default_rng(1).uniform(0.1, 2, ROWS)
    found = select_members(model(Regression(mean=(0.0,), std=(1.0,))), members, targets, weights, seed=0)
    picks = greedy(members.astype(np.float64), targets.astype(np.float64), weights)
    assert found.way == "greedy"
    counts = np.bincount(picks, minlength=len(members))
    assert np.array(found.counts).tolist() == (counts // np.gcd.reduce(counts)).tolist()
    assert list(found.order) == list(dict.fromkeys(picks))
    assert found.counts[4] == 0, "a member that knows nothing is left out"


def test_members_alike_all_answer() -> None:
    rng = np.random.default_rng(0)
    targets = rng.normal(size=60).astype(np.float32)
    members = (targets + rng.normal(size=(6, 60))).astype(np.float32)[..., None]
    found = select_members(model(Regression(mean=(0.0,), std=(1.0,))), members, targets, None, seed=0)
    assert (found.way, set(found.counts), len(found.order)) == ("all alike", {1}, 6)
    assert "of all alike" in found.reason


def test_one_that_is_far_better_answers_alone() -> None:
    rng = np.random.default_rng(0)
    targets = rng.normal(size=ROWS).astype(np.float32)
    errors = rng.normal(size=(4, ROWS)) * np.array([5.0, 5.0, 0.1, 5.0])[:, None]
    found = select_members(
        model(Regression(mean=(0.0,), std=(1.0,))),
        (targets + errors).astype(np.float32)[..., None],
        targets,
        None,
        seed=0,
    )
    assert found.counts == (0, 0, 1, 0)


@pytest.mark.parametrize("rows", [1, 19])
def test_a_few_rows_choose_nobody(rows: int) -> None:
    targets = np.zeros(rows, np.float32)
    members = np.zeros((3, rows, 1), np.float32)
    found = select_members(model(Regression(mean=(0.0,), std=(1.0,))), members, targets, None, seed=0)
    assert found.counts == (1, 1, 1)
    assert found.reason == "there are too few validation rows to choose by"


def test_the_weights_of_classes_count() -> None:
    rng = np.random.default_rng(0)
    targets = (rng.uniform(size=ROWS) < 0.1).astype(np.int32)
    right = np.where(targets == 1, 3.0, -3.0) + rng.normal(size=ROWS)
    of_rare, of_many = np.where(targets == 1, right, -0.1 * right), np.where(targets == 0, right, -0.1 * right)
    members = np.stack([np.stack([-one, one], axis=1) for one in (of_rare, of_many)]).astype(np.float32) / 2
    rare = jnp.array([1.0, 100.0])
    plain, weighted = (Classification(classes=("a", "b"), class_weights=given) for given in (None, rare))
    orders = [select_members(model(task), members, targets, None, seed=0).order for task in (plain, weighted)]
    assert [order[0] for order in orders] == [1, 0]
