"""How tables of some thousand rows are trained where nobody has said: at a steady rate, with an average that is kept.

A learning rate that stays high learns on for as long as the validation loss falls, and needs no number of epochs that
is known in advance. The exponential average of the parameters is at each moment about what a rate that has fallen would
have come to, so that training can stop anywhere.
"""

from dataclasses import replace
from typing import NamedTuple

from batchwright.config import Settings
from batchwright.optim.schedules import Constant, OneCycle
from batchwright.training.average import Average

AVERAGE, SCHEDULE = "training.average", "schedule.name"
CONSTANT, LAST_HUNDRED = Constant(), Average(decay=0.99)
FROM_ROWS = 800
"""Training rows from which it is so: fewer learn more from a strong weight decay, which needs a rate that falls."""
MOST_EPOCHS, LEAST_EPOCHS = 60, 20
LEAST_UPDATES, MOST_UPDATES = 1_000, 15_000
"""Updates that there have to be, and those from which more rows get fewer epochs, down to the usual number."""
SIZE, SMALL_SIZE, SMALL_BELOW = 64, 32, 2_800
"""The batch size, and the smaller one below a number of rows."""
PATIENCE = 10


class Averaged(NamedTuple):
    """The most epochs, the batch size and the patience, and why."""

    epochs: int
    batch_size: int
    patience: int
    reason: str


def averaged_budget(rows: int, batch_size: int | None = None) -> Averaged | None:
    """Choose the most epochs and the batch size; None for fewer rows, and for more, which get the usual epochs.

    It is None too for batches so large that these epochs are too few updates.

    Args:
        rows: training rows.
        batch_size: rows per update if that has been chosen already.

    >>> [found and found[:3] for found in map(averaged_budget, (799, 800, 10_000, 30_000, 48_000))]
    [None, (60, 32, 10), (60, 64, 10), (32, 64, 10), None]
    """
    size = batch_size or (SMALL_SIZE if rows < SMALL_BELOW else SIZE)
    epochs = min(MOST_EPOCHS, MOST_UPDATES * SIZE // max(rows, 1))
    if rows < FROM_ROWS or epochs <= LEAST_EPOCHS or epochs * -(-rows // size) < LEAST_UPDATES:
        return None
    reason = f"{rows:,} training rows, at a steady learning rate, until the validation loss stops falling"
    return Averaged(epochs, size, PATIENCE, reason)


def may_average(settings: Settings) -> bool:
    """Whether nobody has chosen epochs, schedule or average, and validation can end the training.

    A learning rate that is to be measured rules it out too; one that was chosen does not.
    """
    config, origins = settings.config, settings.origins
    chosen = (origins[SCHEDULE], origins.get(AVERAGE, "user"))
    measured = {"optimizer.learning_rate", "training.epochs"} & set(settings.to_measure)
    stops = config.training.early_stopping
    return (
        config.training.epochs is None
        and config.training.average is None
        and config.schedule == OneCycle()
        and chosen == ("default", "default")
        and not measured
        and stops is not None
        and stops.restore_best
        and stops.monitor != "loss"
    )


def is_averaged(settings: Settings) -> bool:
    """Whether schedule and average follow from the number of rows."""
    return settings.origins[SCHEDULE] == "rows"


def with_average(settings: Settings) -> Settings:
    """The settings with the steady rate and the average."""
    found = settings.with_section("schedule", CONSTANT, "rows").with_part(AVERAGE, LAST_HUNDRED, "rows")
    reason = {"reason": "the average is what a rate that has fallen would have come to"}
    return replace(found, evidence={**found.evidence, SCHEDULE: reason, f"{AVERAGE}.name": reason})


def without_average(settings: Settings) -> Settings:
    """The settings with the usual schedule and no average, where these followed from the number of rows."""
    found = settings.with_section("schedule", OneCycle(), "default").with_part(AVERAGE, None, "default")
    reasons = (SCHEDULE, f"{AVERAGE}.name")
    return replace(found, evidence={key: said for key, said in found.evidence.items() if key not in reasons})
