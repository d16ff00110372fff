"""A small network in training, one iteration or many at a time: the product's own network, task, rule and segment."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from batchwright.config import Own, TaskSettings
from batchwright.config.components import validate_component
from batchwright.errors import UsageError
from batchwright.lab.descent.descend import on_processor
from batchwright.lab.network.chosen_rows import ChosenRows
from batchwright.nn import MLP
from batchwright.optim import Adam, Optimizer
from batchwright.runs.model import Blueprint, features_of
from batchwright.training.evaluate import evaluate
from batchwright.training.order import batches
from batchwright.training.plan import BatchSize, Plan, make_plan
from batchwright.training.segment import CompiledSegment, Epoch, Segments, no_losses
from batchwright.training.state import RUNNING, Model, Program, Rows, initial_state, to_device
from batchwright.workflow.tasks import task_of

Floats: TypeAlias = NDArray[np.float64]

MOST_LAYERS, MOST_UNITS = 4, 8
"""Hidden layers and units that can be told apart in a picture."""
MOST_EPOCHS = 100_000
MOST_ITERATIONS = 10_000
"""Iterations at a time: a page asks again."""
SEGMENTS = Segments()
"""Compiled training loops, shared by all small networks of the process."""
SMALL = MLP(hidden_layer_sizes=(4, 2), activation="tanh", batch_normalization=False)


@dataclass(frozen=True)
class SmallNetwork:
    """A small network, what it learns, and how.

    Args:
        rows: what it learns.
        network: at most four hidden layers of at most eight units.
        optimizer: the update rule with its learning rate, which stays as it is.
        batch_size: rows of a batch, or "full".
        seed: of the first weights, the order of the rows and dropout, ≥ 0.

    Raises:
        UsageError: the network is too large for a picture, or a number is out of its range.
    """

    rows: ChosenRows
    network: MLP = SMALL
    optimizer: Optimizer = Adam(learning_rate=0.03)
    batch_size: BatchSize = 10
    seed: int = 0

    def __post_init__(self) -> None:
        sizes = self.network.hidden_layer_sizes
        validate_component(self.network)
        validate_component(self.optimizer)
        if len(sizes) > MOST_LAYERS or any(not 1 <= size <= MOST_UNITS for size in sizes):
            raise UsageError(
                f"the hidden layers are {', '.join(map(str, sizes))[:60]}; a picture has room for at most "
                f"{MOST_LAYERS}, each of 1 to {MOST_UNITS} units."
            )
        if isinstance(self.batch_size, bool) or (self.batch_size != "full" and self.batch_size < 1):
            raise UsageError(f"the batch size is {self.batch_size}; it must be 1 or more, or 'full'.")
        if not 0 <= self.seed < 2**31:
            raise UsageError(f"the seed is {self.seed}; it must be 0 or more, and below 2³¹.")

    @cached_property
    def model(self) -> Model:
        """The network and its task, as for any training on these rows."""
        dataset = self.rows.dataset
        task = task_of(dataset, TaskSettings(), Own())
        return Blueprint(self.network, features_of(dataset.encoding), task, "float32").build()

    @property
    def plan(self) -> Plan:
        """Rows, batches and epochs."""
        return make_plan(self.rows.dataset.train.rows, self.batch_size, MOST_EPOCHS)

    @property
    def program(self) -> Program:
        """What is trained."""
        return Program(self.model, self.optimizer)


class Live:
    """A training of a small network that stands between two iterations.

    >>> from batchwright.lab import SmallNetwork, choose_points, draw_points
    >>> live = Live(SmallNetwork(choose_points(draw_points("moons"))))
    >>> before = live.metrics()["train"]["loss"]
    >>> losses = live.advance(200)
    >>> len(losses), live.iteration, live.metrics()["train"]["loss"] < before
    (200, 200, True)
    """

    def __init__(self, small: SmallNetwork) -> None:
        """A training before its first iteration."""
        self.small, self.iteration = small, 0
        with on_processor():
            self.rows = to_device(small.rows.dataset.train)
            held_out = small.rows.dataset.validation
            self.held_out = None if held_out is None else to_device(held_out)
            self.state = initial_state(small.program, self.rows.inputs, seed=small.seed)

    def __repr__(self) -> str:
        """The network and the iteration."""
        sizes = "-".join(map(str, self.small.network.hidden_layer_sizes))
        return f"<Live: {sizes or 'linear'}, iteration {self.iteration:,}>"

    @property
    def epoch(self) -> float:
        """Epochs done; the part of one as a fraction."""
        return self.iteration / self.small.plan.iterations_per_epoch

    @property
    def diverged(self) -> bool:
        """Whether a loss was not finite, after which nothing is updated any more."""
        return int(self.state.status) != RUNNING

    def next_batch(self) -> NDArray[np.int64]:
        """The training rows of the batch under work: of the next iteration."""
        plan = self.small.plan
        epoch, place = divmod(self.iteration, plan.iterations_per_epoch)
        order = batches(plan, seed=self.small.seed, epoch=epoch)[place].reshape(-1)
        return np.asarray(order[order < plan.training_rows], np.int64)

    def advance(self, iterations: int) -> Floats:
        """Train for so many iterations; the loss of each batch before its update.

        Where a loss is not finite, nothing is updated from there on, and what follows is left out.

        Raises:
            UsageError: the number is below 1 or above 10,000.
        """
        if not 1 <= iterations <= MOST_ITERATIONS:
            raise UsageError(f"{iterations:,} iterations; give 1 to {MOST_ITERATIONS:,} at a time.")
        plan, found = self.small.plan, list[Floats]()
        with on_processor():
            while iterations and not self.diverged:
                epoch, first = divmod(self.iteration, plan.iterations_per_epoch)
                last = min(first + iterations, plan.iterations_per_epoch)
                found.append(self._run(epoch, first, last))
                iterations -= last - first
        return np.concatenate(found) if found else np.zeros(0)

    def _run(self, epoch: int, first: int, last: int) -> Floats:
        """Iterations first ... last - 1 of an epoch."""
        small, plan = self.small, self.small.plan
        rate = float(small.optimizer.learning_rate)
        of_epoch = Epoch(
            batches(plan, seed=small.seed, epoch=epoch), np.full(plan.iterations_per_epoch, rate, np.float32)
        )
        segment = self._segment()
        carry = (self.state, no_losses(plan.iterations_per_epoch))
        self.state, losses = segment(small.program, carry, self.rows, of_epoch, (first, last))
        done = last - first
        if (stopped := int(self.state.status)) != RUNNING:
            done = stopped - self.iteration + 1
        self.iteration += done
        return np.asarray(losses.mean, np.float64)[first : first + done]

    def _segment(self) -> CompiledSegment:
        small, plan = self.small, self.small.plan
        return SEGMENTS.of(small.program, self.state, self.rows, plan, iterations=plan.iterations_per_epoch)

    def metrics(self) -> dict[str, dict[str, float]]:
        """The task's metrics over the training and over the validation rows."""
        parts: Sequence[tuple[str, Rows | None]] = (("train", self.rows), ("validation", self.held_out))
        with on_processor():
            return {
                name: evaluate(self.small.model, self.state.variables, rows) for name, rows in parts if rows is not None
            }
