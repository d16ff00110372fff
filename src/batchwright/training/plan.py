"""Count a run in whole numbers: rows and batch size give iterations, iterations and epochs give updates."""

import math
from dataclasses import dataclass, replace
from typing import Literal

from batchwright.errors import ConfigError

BatchSize = int | Literal["full"]
Remainder = Literal["keep", "drop"]
Descent = Literal["batch gradient descent", "stochastic gradient descent", "mini-batch gradient descent"]

MOST_UPDATES = 2**31 - 1
"""The most updates of a run: they are counted in int32, which overflows beyond."""

ROWS_AT_ONCE = 8192
"""Rows of a part: a larger batch is computed in parts whose gradients are added up, so any batch fits in memory."""


@dataclass(frozen=True)
class Plan:
    """The rows, iterations and updates of a run; all numbers follow from the first five fields.

    `shuffle` renews the order of the rows in each epoch. `devices` have as many places of a batch as each other.

    >>> plan = Plan(training_rows=60_000, batch_size=100, epochs=10)
    >>> plan.iterations_per_epoch, plan.updates, plan.last_batch_rows
    (600, 6000, 100)
    """

    training_rows: int
    batch_size: int
    epochs: int
    remainder: Remainder = "keep"
    rows_at_once: int = ROWS_AT_ONCE
    shuffle: bool = True
    devices: int = 1

    @property
    def iterations_per_epoch(self) -> int:
        """Batches in an epoch; each batch is one iteration, and each iteration is one update of the parameters."""
        whole, rest = divmod(self.training_rows, self.batch_size)
        return whole + (rest > 0 and self.remainder == "keep")

    @property
    def updates(self) -> int:
        """Iterations of the whole run."""
        return self.iterations_per_epoch * self.epochs

    @property
    def rows_per_epoch(self) -> int:
        """Rows used in an epoch: all of them, unless the remainder is dropped."""
        return min(self.iterations_per_epoch * self.batch_size, self.training_rows)

    @property
    def last_batch_rows(self) -> int:
        """Rows in the last batch of an epoch; the mean of its loss is over these."""
        return self.rows_per_epoch - (self.iterations_per_epoch - 1) * self.batch_size

    @property
    def parts(self) -> int:
        """The number of equal parts that a batch is computed in before its update."""
        return math.ceil(self.batch_size / self.rows_at_once)

    @property
    def part_rows(self) -> int:
        """Rows in a part; the parts of a batch are of equal size, and empty places fill up the last one."""
        return math.ceil(self.batch_size / self.parts)

    @property
    def part_places(self) -> int:
        """Places for the rows of a part, of which each device has as many: the last ones may be left over."""
        return math.ceil(self.part_rows / self.devices) * self.devices

    @property
    def on_one_device(self) -> "Plan":
        """The same plan without places left over."""
        return self if self.devices == 1 else replace(self, devices=1)

    @property
    def padded(self) -> bool:
        """Whether any batch needs empty places, so that all batches have one shape."""
        return self.last_batch_rows < self.batch_size or self.parts * self.part_rows > self.batch_size

    @property
    def descent(self) -> Descent:
        """The kind of gradient descent, which follows from the batch size."""
        if self.batch_size >= self.training_rows:
            return "batch gradient descent"
        return "stochastic gradient descent" if self.batch_size == 1 else "mini-batch gradient descent"


def make_plan(
    training_rows: int,
    batch_size: BatchSize,
    epochs: int,
    *,
    remainder: Remainder = "keep",
    shuffle: bool = True,
    devices: int = 1,
) -> Plan:
    """Make the plan; a batch size above the number of rows means all rows, as does "full".

    Raises:
        ConfigError: a batch size or a number of epochs below 1, no rows, or more than 2³¹ − 1 updates.
    """
    if training_rows < 1:
        raise ConfigError("there are no training rows: give more data, or smaller validation and test splits.")
    if epochs < 1:
        raise ConfigError(f"training.epochs is {epochs}; it must be 1 or more.")
    rows = training_rows if batch_size == "full" else batch_size
    if rows < 1:
        raise ConfigError(
            f"training.batch_size is {batch_size}; it must be between 1 and the number of rows, or 'full'."
        )
    plan = Plan(training_rows, min(rows, training_rows), epochs, remainder, shuffle=shuffle, devices=devices)
    if plan.updates > MOST_UPDATES:
        raise ConfigError(
            f"training.epochs is {epochs:,}: of {plan.iterations_per_epoch:,} iterations each, that makes "
            f"{plan.updates:,} updates; at most {MOST_UPDATES:,} can be counted. Take fewer epochs, or larger batches."
        )
    return plan
