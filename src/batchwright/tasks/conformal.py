"""Split conformal prediction: intervals and sets that hold the true value with a chosen probability.

A score says how far the answer for a row is from its true value. Of the scores of n rows that the network did not
learn, the one of rank ⌈(n + 1)·level⌉ is the cutoff: the score of a new row, drawn like them, is at most as large with
a probability of `level` or more, whatever the network and the distribution are. The answer for a new row is all values
with a score up to the cutoff.

    one number          |y − f| / u, as learned: u is 1, for counts the root of f
    quantiles           max(q_low − y, y − q_high), from the lowest and the highest
    classes             −log p of the true class
    labels              the largest −log p of the row's labels: the set holds all of them

Papers:
    Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, 2005 (the rank).
    Lei et al., Distribution-Free Predictive Inference for Regression, 2018 (absolute and locally weighted residuals).
    Romano, Patterson and Candès, Conformalized Quantile Regression, 2019.
    Sadinle, Lei and Wasserman, Least Ambiguous Set-Valued Classifiers with Bounded Error Levels, 2019 (sets).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Bool, Float

from batchwright.errors import ConfigError, UsageError
from batchwright.tasks.answers import predict_classes, used_rows
from batchwright.tasks.classification import Classification
from batchwright.tasks.labels import Multilabel
from batchwright.tasks.protocol import Task
from batchwright.tasks.regression import Regression
from batchwright.tasks.several import Several

MOST_SCORES, MOST_OF_ALL = 10_000, 1_000_000
"""Scores that are kept of a target, of rows spread evenly, and of all targets. The cutoff of 10,000 is off by 0.3 % of
the rows at a level of 0.9, which is far less than what differs from one set of rows to the next."""
LEVEL = 0.9
"""The level where nobody has chosen one."""
ROUNDING = 1e-9
"""What (n + 1)·level may exceed a whole number by, as 0.9 is not exact: it counts as that number."""

Chosen: TypeAlias = Literal[
    "initial", "settings", "learning rates", "epoch", "temperature", "threshold", "folds", "refit"
]
Scores: TypeAlias = Float[np.ndarray, " rows"]
LEARNED: Mapping[Chosen, str] = {
    "folds": (
        "intervals and sets are made from the answers of each member to the rows that it had not learned, and new rows "
        "are answered by all members"
    ),
    "refit": (
        "intervals and sets are made from the answers of the first training, and new rows are answered by the network "
        "that was trained anew on more rows"
    ),
}
"""What is said where the model has learned the rows that intervals and sets are made from."""


@dataclass(frozen=True)
class Conformal:
    """What intervals and sets are made from, kept with a model.

    - scores: for each target, those of validation rows, ascending
    - chosen: what else these rows chose in training; "initial" where it began from a model that may have learned them;
      "folds" where each was answered by the members that had not learned it, "refit" where by a network before it was
      trained anew on these rows too
    - split: how they were drawn; empty for rows of their own
    """

    scores: tuple[tuple[float, ...], ...]
    chosen: tuple[Chosen, ...] = ()
    split: Literal["", "stratified", "shuffled", "group", "time"] = ""

    def __repr__(self) -> str:
        """How many rows there are, for how many targets."""
        return f"<Conformal: scores of {self.rows:,} validation rows, {len(self.scores):,} targets>"

    @property
    def rows(self) -> int:
        """The number of rows that have scores."""
        return len(self.scores[0])

    def cutoffs(self, level: float) -> tuple[float, ...]:
        """The cutoff for each target.

        Raises:
            UsageError: the level is not in (0, 1), or asks for more rows than there are.
        """
        return tuple(cutoff(scores, level) for scores in self.scores)

    def notes(self) -> tuple[str, ...]:
        """What keeps the share of rows inside from being what the level promises, one sentence each."""
        inside = "; `evaluate` measures the share inside on rows of your own"
        said = []
        if "initial" in self.chosen:
            said.append(
                f"the training began from a trained model: if that one had learned {self._own_rows} "
                "of intervals and sets, these are too narrow, and far fewer new rows than promised may be inside"
                f"{inside}"
            )
        if names := [name for name in self.chosen if name != "initial"]:
            said.append(f"{self._choice_note(names)}{inside}")
        if self.split == "time":
            said.append(f"rows were split by time: intervals and sets hold as promised if later rows are alike{inside}")
        if self.split == "group":
            said.append(
                "rows were split by group, and rows of a group are alike: intervals and sets hold as promised over "
                f"many groups, and not in each{inside}"
            )
        return tuple(said)

    @property
    def _own_rows(self) -> str:
        """The rows that have scores, in words."""
        return f"the {self.rows:,} {'training and ' if 'folds' in self.chosen else ''}validation rows"

    def _choice_note(self, names: Sequence[Chosen]) -> str:
        """What it costs that these rows chose and taught what they did."""
        learned = next((LEARNED[name] for name in names if name in LEARNED), None)
        chose = _listed([name for name in names if name not in LEARNED])
        if learned is None:
            return (
                f"{self._own_rows} of intervals and sets also chose the {chose} of the training, so that a little "
                "fewer new rows than promised may be inside"
            )
        also = f"; {self._own_rows} also chose the {chose} of the training" if chose else ""
        return f"{learned}{also}: about as many as promised are inside, without a guarantee"


def _listed(names: Sequence[str]) -> str:
    """Names in a sentence: "a, b and c"."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def check_level(level: object) -> None:
    """Raise ConfigError unless a level is a number in (0, 1)."""
    if isinstance(level, bool) or not isinstance(level, float | int | np.number) or not 0 < level < 1:
        raise ConfigError(
            f"the level of an interval is the share of rows that it is to hold, above 0 and below 1, as 0.9, and not "
            f"{level!r:.60}."
        )


def cutoff(scores: tuple[float, ...], level: float) -> float:
    """The score of rank ⌈(n + 1)·level⌉ of n ascending scores.

    Raises:
        UsageError: the level is not in (0, 1), or asks for more rows than there are.

    >>> cutoff((0.1, 0.2, 0.3, 0.4), 0.6)
    0.3
    """
    check_level(level)
    if not can_hold(len(scores), level):
        needed = math.ceil(level / (1 - level) * (1 - ROUNDING))
        most = math.floor(len(scores) / (len(scores) + 1) * 10_000) / 10_000
        more = "" if len(scores) >= MOST_SCORES else ", or train with more validation rows (`data.validation_split`)"
        raise UsageError(
            f"an interval of level {level:g} needs {needed:,} validation rows, and this model has the scores of "
            f"{len(scores):,}: take a level of {most:g} or less{more}."
        )
    return scores[_rank(len(scores), level) - 1]


def can_hold(rows: int, level: float) -> bool:
    """Whether so many validation rows are enough for a level: at least level / (1 - level).

    >>> can_hold(9, 0.9), can_hold(8, 0.9)
    (True, False)
    """
    return _rank(rows, level) <= rows


def _rank(rows: int, level: float) -> int:
    return max(1, math.ceil((rows + 1) * level - ROUNDING))


def conformal_scores(
    task: Task, outputs: np.ndarray, targets: np.ndarray, weights: np.ndarray | None
) -> tuple[tuple[float, ...], ...] | None:
    """The ascending scores of rows of weight above 0, for each target; None for a task of the user's own."""
    if not isinstance(task, Classification | Multilabel | Regression | Several):
        return None
    rows, _ = used_rows(len(outputs), weights)
    scores = scores_of(task, outputs[rows], targets[rows])
    most = max(1, min(MOST_SCORES, MOST_OF_ALL // scores.shape[1]))
    places = np.linspace(0, len(rows) - 1, min(len(rows), most)).astype(np.int64)
    return tuple(map(tuple, np.sort(scores[places], axis=0).T.tolist()))


def scores_of(task: Task, outputs: np.ndarray, targets: np.ndarray) -> Float[np.ndarray, "rows targets"]:
    """The score of each row for each target, float64."""
    match task:
        case Several():
            heads = task.heads_with(np.asarray(outputs), np.asarray(targets))
            return np.concatenate([scores_of(*head) for head in heads], axis=1)
        case Classification():
            log_p = task.log_probabilities(outputs)
            return np.asarray(-np.take_along_axis(log_p, np.asarray(targets)[:, None], axis=1))
        case Multilabel():
            own = np.where(np.asarray(targets) > 0, np.logaddexp(0.0, -task.log_odds(outputs)), 0.0)
            return np.asarray(own.max(axis=1, keepdims=True))
        case Regression():
            low, high, unit = task.learned_ends(outputs)
            wanted = np.asarray(targets, np.float64).reshape(low.shape)
            return np.asarray(np.maximum(low - wanted, wanted - high) / unit)
    raise TypeError(f"{type(task).__name__} has no scores.")


def interval_of(
    task: Regression, outputs: np.ndarray, cutoffs: tuple[float, ...]
) -> tuple[Float[np.ndarray, "rows targets"], Float[np.ndarray, "rows targets"]]:
    """The lower and the upper end of the interval of each row for each target, in its own unit.

    >>> low, high = interval_of(Regression(mean=(20.0,), std=(10.0,)), np.array([[0.0], [1.0]]), (0.5,))
    >>> low[:, 0].tolist(), high[:, 0].tolist()
    ([15.0, 25.0], [25.0, 35.0])
    """
    low, high, unit = task.learned_ends(outputs)
    low, high = low - np.array(cutoffs) * unit, high + np.array(cutoffs) * unit
    empty = low > high  # quantiles that hold too much, narrowed by more than their distance
    middle = low / 2 + high / 2
    return task.from_learned(np.where(empty, middle, low)), task.from_learned(np.where(empty, middle, high))


def prediction_set(
    task: Classification | Multilabel, outputs: np.ndarray, cutoff: float
) -> Bool[np.ndarray, "rows classes"]:
    """Which classes or labels are in the set of each row; what is answered always is.

    >>> outputs = np.log([[0.6, 0.3, 0.1]])
    >>> prediction_set(Classification(("a", "b", "c")), outputs, -np.log(0.25)).tolist()
    [[True, True, False]]
    """
    if isinstance(task, Multilabel):
        return np.asarray((np.logaddexp(0.0, -task.log_odds(outputs)) <= cutoff) | task.given(outputs))
    log_p = task.log_probabilities(outputs)
    inside = np.asarray(-log_p <= cutoff)
    inside[np.arange(len(inside)), predict_classes(log_p, float(task.threshold))] = True
    return inside
