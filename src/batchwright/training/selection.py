"""Choose which members of an ensemble answer, and how often each counts: greedily, with replacement.

The chosen members begin with the best one. Then the member with which the mean answer has the least loss is added, one
after the other, whether it is among them already or not (Caruana et al. 2004, Ensemble Selection from Libraries of
Models). On few rows the least loss is partly luck. So the choice is also made on halves of the rows, and measured on
the other halves, beside the best member alone and the mean of all: it is taken where it is better by more than its
standard error.

Letters: m members, n rows, o outputs.
"""

from dataclasses import dataclass
from functools import partial
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float, Float32

from batchwright.training.state import Model

MOST_PICKS = 16
"""The most picks, of which a member may have several."""
REPEATS = 5
"""How often the rows are halved at random; each half chooses once, for the other half."""
FEWEST_ROWS = 20
"""Rows from which halves of them can choose."""

Outputs = Float32[np.ndarray, "members rows outputs"]
RowLosses = Float[np.ndarray, " rows"]


@dataclass(frozen=True)
class Selection:
    """How often each member counts, 0 for those left out; by which way, and why, as a sentence.

    `order` has the members that count in the order in which they joined.
    """

    counts: tuple[int, ...]
    order: tuple[int, ...]
    way: Literal["greedy", "all alike", "the best"]
    reason: str


def select_members(
    model: Model, outputs: Outputs, targets: np.ndarray, weights: RowLosses | None, *, seed: int
) -> Selection:
    """Choose by the loss on validation rows.

    Args:
        model: any model with the task of the members.
        outputs: what each member answers to the rows.
        targets: of the rows.
        weights: of the rows; None where all weigh the same.
        seed: of the random halves.
    """
    members, own = len(outputs), _row_weights(model, targets, weights)
    if members == 1 or len(targets) < FEWEST_ROWS:
        why = "there is only one" if members == 1 else "there are too few validation rows to choose by"
        return Selection((1,) * members, tuple(range(members)), "all alike", why)
    rows = _Rows(model, jnp.asarray(outputs), jnp.asarray(targets), own)
    everyone = rows.losses_of_all()
    held_out = _losses_held_out(rows, seed)
    means = {way: rows.mean(losses) for way, losses in (held_out | {"all alike": everyone}).items()}
    reason = "the loss on validation rows that did not choose: " + ", ".join(
        f"{said} {means[way]:.4g}"
        for way, said in (("greedy", "of a greedy choice"), ("all alike", "of all alike"), ("the best", "of the best"))
    )
    simple = "the best" if rows.is_better(held_out["the best"], everyone) else "all alike"
    other = everyone if simple == "all alike" else held_out["the best"]
    if rows.is_better(held_out["greedy"], other):
        picks, _ = _pick_greedily(rows, rows.weights)
        return Selection(_counted(picks, members), tuple(dict.fromkeys(picks)), "greedy", reason)
    if simple == "the best":
        best = rows.best(rows.weights)
        return Selection(_counted([best], members), (best,), "the best", reason)
    by_loss = np.argsort([rows.mean(np.asarray(one)) for one in rows.each], kind="stable")
    return Selection((1,) * members, tuple(map(int, by_loss)), "all alike", reason)


class _Rows:
    """The members' answers to the rows, and the losses that follow."""

    def __init__(self, model: Model, outputs: Array, targets: Array, weights: np.ndarray) -> None:
        self.model, self.outputs, self.targets, self.weights = model, outputs, targets, weights
        self.each: np.ndarray = np.asarray(_losses_of_each(model, outputs, targets), np.float64)

    def mean(self, losses: RowLosses, weights: np.ndarray | None = None) -> float:
        """The mean loss over the rows; infinite where it is not finite."""
        w = self.weights if weights is None else weights
        found = float(losses @ w / w.sum())
        return found if np.isfinite(found) else float("inf")

    def best(self, weights: np.ndarray) -> int:
        """The member with the least loss."""
        return int(np.argmin([self.mean(one, weights) for one in self.each]))

    def losses_of_all(self) -> RowLosses:
        """The loss of each row for the mean answer of all members."""
        return np.asarray(_losses_of_all(self.model, self.outputs, self.targets), np.float64)

    def is_better(self, losses: RowLosses, than: RowLosses) -> bool:
        """Whether the loss is less by more than the standard error of the paired difference."""
        differences, w = losses - than, self.weights / self.weights.sum()
        mean = float(differences @ w)
        error = float(np.sqrt(((differences - mean) ** 2) @ w**2))
        return bool(np.isfinite(mean) and mean < 0 and -mean > error)


def _pick_greedily(rows: _Rows, weights: np.ndarray) -> tuple[list[int], RowLosses]:
    """The picks of a greedy choice, up to the number of picks with the least loss, and the loss of each row."""
    picks = [rows.best(weights)]
    pooled, losses = rows.outputs[picks[0]], [rows.each[picks[0]]]
    for count in range(1, min(MOST_PICKS, 2 * len(rows.outputs))):
        answers, found = _with_each(rows.model, pooled, rows.outputs, rows.targets, count)
        each = np.asarray(found, np.float64)
        picks.append(int(np.argmin([rows.mean(one, weights) for one in each])))
        losses.append(each[picks[-1]])
        pooled = answers[picks[-1]]
    most = int(np.argmin([rows.mean(one, weights) for one in losses]))
    return picks[: most + 1], losses[most]


def _losses_held_out(rows: _Rows, seed: int) -> dict[str, RowLosses]:
    """By way of choosing, each row's mean loss when the other half of the rows has chosen."""
    count, rng = len(rows.weights), np.random.default_rng(seed)
    greedy, best = np.zeros(count), np.zeros(count)
    for _ in range(REPEATS):
        first = rng.permutation(count) < count // 2
        for chooses in (first, ~first):
            weights, others = rows.weights * chooses, ~chooses
            if weights.sum() == 0:
                weights = rows.weights
            greedy[others] += _pick_greedily(rows, weights)[1][others] / REPEATS
            best[others] += rows.each[rows.best(weights)][others] / REPEATS
    return {"greedy": greedy, "the best": best}


@jax.jit
def _losses_of_each(model: Model, outputs: Array, targets: Array) -> Float[Array, "members rows"]:
    found: Array = lax.map(lambda own: model.task.losses(own, targets), outputs)
    return found


@jax.jit
def _losses_of_all(model: Model, outputs: Array, targets: Array) -> Float[Array, " rows"]:
    pooled = model.task.pool(jnp.swapaxes(outputs, 0, 1))
    found: Array = model.task.losses(pooled, targets)
    return found


@partial(jax.jit, static_argnames="count")
def _with_each(
    model: Model, pooled: Array, outputs: Array, targets: Array, count: int
) -> tuple[Float[Array, "members rows outputs"], Float[Array, "members rows"]]:
    """The pooled outputs, and their losses, when each member in turn joins `count` picks with these pooled outputs."""

    def with_one(own: Array) -> tuple[Array, Array]:
        together = jnp.stack([*[pooled] * count, own], axis=1)
        answers = model.task.pool(together)
        return answers, model.task.losses(answers, targets)

    found: tuple[Array, Array] = lax.map(with_one, outputs)
    return found


def _counted(picks: list[int], members: int) -> tuple[int, ...]:
    """How often each member is among the picks, without a common divisor."""
    counts = np.bincount(picks, minlength=members)
    return tuple(int(count) for count in counts // np.gcd.reduce(counts))


def _row_weights(model: Model, targets: np.ndarray, weights: RowLosses | None) -> np.ndarray:
    """What each row weighs in the loss: its own weight times its class's."""
    of_task = model.task.row_weights(jnp.asarray(targets))
    own = np.ones(len(targets)) if weights is None else np.asarray(weights, np.float64)
    return own if of_task is None else own * np.asarray(of_task, np.float64)
