"""Check a recommended batch size: train several sizes to the same validation loss, and time them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from batchwright.errors import DataError
from batchwright.measure.batch_size import BatchSizes
from batchwright.measure.target import Reached, iterations_to
from batchwright.optim.scaling import rescale
from batchwright.training.plan import Plan
from batchwright.training.state import Program, Rows

RATES = tuple(2.0**power for power in range(-2, 4))
"""Learning rates tried with each size, as multiples of the rule's own, rescaled for the size."""
TARGET_EPOCHS, MOST_EPOCHS = 3, 12
"""Epochs of the present size, whose lowest validation loss is the target; and the most epochs of each size."""


class VerifiedSize(NamedTuple):
    """A size, and when the first of its learning rates reached the target, in iterations and in seconds of training.

    `learning_rate`, `iterations`, `seconds` and `relative_time` are None where no rate did in `epochs`. `relative_time`
    and `predicted` are multiples of the least of the sizes that were trained.
    """

    batch_size: int
    learning_rate: float | None
    iterations: int | None
    seconds: float | None
    relative_time: float | None
    predicted: float
    epochs: float


@dataclass(frozen=True)
class Verified:
    """The target validation loss, and a row for each size."""

    target: float
    rows: tuple[VerifiedSize, ...]


def verify(
    found: BatchSizes,
    program: Program,
    rows: Rows,
    validation: Rows | None,
    plan: Plan,
    example: Mapping[str, np.ndarray],
    *,
    seed: int = 0,
) -> Verified:
    """Train the recommended size and some around it to one validation loss, the learning rate tuned for each.

    The seconds are the iterations of the best rate times the measured seconds of an iteration: all rates of a size are
    trained at once, so the clock cannot tell the time of one.

    Raises:
        DataError: there are no validation rows.
    """
    if validation is None:
        raise DataError("`verify` needs the validation loss: give `validation_split` a share above 0.")

    def train_size(size: int, epochs: int, target: float) -> Reached:
        """Train this size with its learning rates until one reaches the target."""
        tuned = replace(program, optimizer=rescale(program.optimizer, size / plan.batch_size))
        rates = [float(tuned.optimizer.learning_rate) * factor for factor in RATES]
        batches = replace(plan, batch_size=size, epochs=epochs)
        return iterations_to(target, tuned, rows, validation, batches, example, rates, seed=seed)

    target = float(np.nanmin(train_size(plan.batch_size, TARGET_EPOCHS, -np.inf).losses))
    sizes = spread([row.batch_size for row in found.table], found.recommended)
    return Verified(target, tuple(_rows(found, {size: train_size(size, MOST_EPOCHS, target) for size in sizes})))


def _rows(found: BatchSizes, trained: Mapping[int, Reached]) -> Iterator[VerifiedSize]:
    seconds = {
        size: None if one.iterations is None else one.iterations * found.throughput.iteration_seconds(size)
        for size, one in trained.items()
    }
    least = min((value for value in seconds.values() if value is not None), default=1.0)
    predicted = {row.batch_size: row.relative_time for row in found.table if row.batch_size in trained}
    for size, one in trained.items():
        took = seconds[size]
        relative = None if took is None else took / least
        ahead = predicted[size] / min(predicted.values())
        yield VerifiedSize(size, one.learning_rate, one.iterations, took, relative, ahead, MOST_EPOCHS)


def spread(sizes: Sequence[int], middle: int) -> list[int]:
    """Up to five of the sizes: the one in the middle, and the ones a factor of four and sixteen away."""
    wanted = [middle // 16, middle // 4, middle, middle * 4, middle * 16]
    return [size for size in wanted if size in sizes]
