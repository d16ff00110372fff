"""What a tracker is: something that is told how a training begins, its epochs, and how it ends."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
from jaxtyping import Float64, Shaped

from batchwright.config import flow

if TYPE_CHECKING:
    from batchwright.figures import Svg

Ended: TypeAlias = Literal["finished", "diverged", "interrupted", "failed"]
EPOCH = "epoch"
BINS = 30
"""Bins of a histogram of weights."""


@dataclass(frozen=True)
class About:
    """What is known of a training when it begins.

    - name: of the run; group: of the search that it is a trial of, empty where there is none
    - settings: the configuration by dotted key, and what follows from it; config: the same as YAML
    """

    name: str
    group: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    config: str = ""


@dataclass(frozen=True)
class Histogram:
    """How weights are spread: counts between edges, and the sums of the weights and of their squares."""

    counts: Float64[np.ndarray, " bins"]
    edges: Float64[np.ndarray, " edges"]
    total: float
    squares: float


@dataclass(frozen=True)
class Epoch:
    """An epoch: its row of the history, and histograms of the weights by name after the epochs that measure layers.

    The figures of the second training of a refit begin with "refit/", and `again` is True.
    """

    row: Mapping[str, float]
    weights: Mapping[str, Histogram] = field(default_factory=dict)
    again: bool = False

    @property
    def number(self) -> int:
        """The epoch, from 1."""
        return int(self.row[EPOCH])

    @property
    def figures(self) -> dict[str, float]:
        """The figures by name, without the number of the epoch."""
        return {name: float(value) for name, value in self.row.items() if name != EPOCH}


@dataclass(frozen=True)
class Ending:
    """How a training has ended.

    - status, reason: in a word and in a sentence; epoch: whose parameters are kept
    - metrics: by "part/name", such as "test/accuracy"
    - figures: what draws each figure, by name
    """

    status: Ended
    reason: str
    epoch: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict)
    figures: "Mapping[str, Callable[[], Svg]]" = field(default_factory=dict)


@runtime_checkable
class Tracker(Protocol):
    """One run in one place. Its methods are called one after the other, in a thread that is not that of the training.

    What fails is called once more at the end: each method can be called again with the same arguments.
    """

    def start(self, about: About, earlier: str) -> str:
        """Begin a run, or go on with an `earlier` one; return its identity, by which it can be gone on with."""

    def add(self, epochs: Sequence[Epoch]) -> None:
        """Add epochs, in their order; after a resumed or reduced training, some that were there before."""

    def end(self, ending: Ending) -> None:
        """End the run."""


def histogram(weights: Shaped[np.ndarray, "..."]) -> Histogram | None:
    """The histogram of the weights that are finite; None where there are none.

    Weights that are too close together for several bins, as far as float64 goes, are in one.

    >>> found = histogram(np.array([0.0, 1.0, 1.0, np.nan]))
    >>> int(found.counts.sum()), found.total, found.squares
    (3, 2.0, 2.0)
    """
    flat = weights.astype(np.float64).ravel()
    finite = flat[np.isfinite(flat)]
    if not finite.size:
        return None
    low, high = float(finite.min()), float(finite.max())
    bins = BINS if high - low > BINS * np.spacing(max(abs(low), abs(high))) or low == high else 1
    counts, edges = np.histogram(finite, bins)
    with np.errstate(over="ignore"):
        total, squares = float(finite.sum()), float(np.square(finite).sum())
    return Histogram(counts.astype(np.float64), edges, total, squares)


_PASSWORD = re.compile(r"(://)[^/@\s]+@")


def hide_passwords(text: str) -> str:
    """The text without the user and password of an address.

    >>> hide_passwords("mlflow:https://me:secret@example.org/a")
    'mlflow:https://***@example.org/a'
    """
    return _PASSWORD.sub(r"\1***@", text)


def plain_settings(settings: Mapping[str, Any]) -> dict[str, bool | float | str]:
    """Settings as trackers take them: truth values, numbers and texts; anything else as YAML.

    >>> plain_settings({"a": True, "b": 3, "c": None, "d": [1, 2], "e": "adam"})
    {'a': True, 'b': 3, 'c': 'null', 'd': '[1, 2]', 'e': 'adam'}
    """
    return {
        key: value if _is_number(value) else hide_passwords(value if isinstance(value, str) else flow(value))
        for key, value in settings.items()
    }


def _is_number(value: object) -> bool:
    return isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value))
