"""How long to train where nobody has said: few rows make few iterations an epoch, so they get more epochs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from batchwright.config import Settings, Training
from batchwright.training.growth import Growing
from batchwright.training.stopping import PATIENCE as WAITED

EPOCHS, SIZE, PATIENCE = "training.epochs", "training.batch_size", "training.early_stopping.patience"
USUAL_EPOCHS, USUAL_SIZE, USUAL_PATIENCE = 20, 64, WAITED
FEW_ROWS = 1_000
"""Training rows below which epochs, batch size and patience follow from their number."""
FEW_ROWS_SIZE = 32
"""The largest batch size that is chosen for few rows."""
LEAST_SIZE = 8
"""The smallest, except for fewer than 16 rows: batch normalization over fewer rows is mostly noise."""
LEAST_UPDATES = 1_000
"""Updates that few rows get at least; half of these without progress end the training."""


@dataclass(frozen=True)
class Budget:
    """How long to train, and why; `few` says whether the number of rows has decided it."""

    epochs: int
    batch_size: int
    patience: int
    few: bool
    reason: str


def budget(rows: int, batch_size: int | None = None) -> Budget:
    """Choose epochs, batch size and patience for a number of training rows.

    From `FEW_ROWS` rows on, they are the usual numbers. Below, the batches are small and of equal size, and there are
    at least `LEAST_UPDATES` updates.

    Args:
        rows: training rows, at least 1.
        batch_size: rows per update if that has been chosen already.

    >>> found = budget(100)
    >>> found.epochs, found.batch_size, found.patience
    (250, 25, 125)
    >>> budget(60_000).epochs
    20
    """
    few = rows < FEW_ROWS
    size = batch_size or (_even_size(rows) if few else USUAL_SIZE)
    iterations = -(-rows // size)
    made = f"{iterations:,} iteration{'' if iterations == 1 else 's'}"
    reason = f"{rows:,} training rows make {made} an epoch; at least {LEAST_UPDATES:,} updates"
    if not few:
        return Budget(USUAL_EPOCHS, size, USUAL_PATIENCE, few, reason)
    epochs = max(USUAL_EPOCHS, -(-LEAST_UPDATES // iterations))
    return Budget(epochs, size, max(USUAL_PATIENCE, epochs // 2), few, reason)


def _even_size(rows: int) -> int:
    """The batch size for few rows: of about the same size, two batches at least if each has 8 rows."""
    most = -(-rows // max(-(-rows // FEW_ROWS_SIZE), 2 if rows >= 2 * LEAST_SIZE else 1))
    least = max(3 * most // 4, min(most, LEAST_SIZE))
    return min(range(most, least - 1, -1), key=lambda size: -rows % size)


def with_budget(settings: Settings, rows: int) -> Settings:
    """The settings with numbers where epochs, batch size and patience follow from the number of training rows.

    What is to be measured gets a number too, and stays to be measured.
    """
    values = _values(settings.config.training)
    found = budget(rows, _size(settings.config.training, rows))
    numbers = {EPOCHS: found.epochs, SIZE: found.batch_size, PATIENCE: found.patience}
    evidence = {"reason": found.reason} if found.few else None
    return _with_numbers(settings, {key: (numbers[key], evidence) for key, value in values.items() if value is None})


def with_budget_of(settings: Settings, other: Settings) -> Settings:
    """The settings with the numbers of others on the same rows, where they follow from the number of rows."""
    values, numbers = _values(settings.config.training), _values(other.config.training)
    taken = [key for key, value in values.items() if value is None]
    return _with_numbers(settings, {key: (numbers.get(key), _evidence_of_rows(other, key)) for key in taken})


def with_epochs_for_size(settings: Settings, rows: int) -> Settings:
    """The settings with epochs and patience for the present batch size, where they follow from the number of rows."""
    keys = [key for key in (EPOCHS, PATIENCE) if settings.origins.get(key) == "rows" or key in settings.to_measure]
    return with_budget(_with_numbers(settings, dict.fromkeys(keys, (None, None))), rows)


def budget_notes(settings: Settings) -> Iterator[str]:
    """A sentence that says which numbers follow from few training rows, and why; none where none does."""
    values = _values(settings.config.training)
    names = [f"{key.rpartition('.')[2].replace('_', ' ')} {values[key]:,}" for key in values if _follows(settings, key)]
    if names:
        reasons = dict.fromkeys(settings.evidence[key]["reason"] for key in values if _follows(settings, key))
        yield f"{', '.join(names)} for few rows: {'; '.join(reasons)}"


def _follows(settings: Settings, key: str) -> bool:
    """Whether a number follows from the number of rows."""
    return settings.origins.get(key) == "rows" and key in settings.evidence


def _evidence_of_rows(settings: Settings, key: str) -> Mapping[str, Any] | None:
    return settings.evidence[key] if _follows(settings, key) else None


def _values(training: Training) -> dict[str, Any]:
    """What may follow from the number of rows, by key; None where it does."""
    stopping = training.early_stopping
    patience = {} if stopping is None else {PATIENCE: stopping.patience}
    return {EPOCHS: training.epochs, SIZE: training.batch_size, **patience}


def _size(training: Training, rows: int) -> int | None:
    """The batch size that has been chosen, at the start of the training."""
    chosen = training.batch_size
    if isinstance(chosen, Growing):
        return chosen.adaptive.start
    return rows if chosen == "full" else chosen


def _with_numbers(settings: Settings, found: Mapping[str, tuple[int | None, Mapping[str, Any] | None]]) -> Settings:
    """The settings with these numbers, each with the evidence if it follows from the number of rows."""
    if not found:
        return settings
    training, stopping = settings.config.training, settings.config.training.early_stopping
    numbers: dict[str, Any] = {key.rpartition(".")[2]: number for key, (number, _) in found.items()}
    if stopping is not None and PATIENCE in found:
        stopping = replace(stopping, patience=numbers.pop("patience"))
    training = replace(training, early_stopping=stopping, **numbers)
    measured = settings.to_measure
    evidence = {key: said for key, (_, said) in found.items() if said is not None and key not in measured}
    kept = {key: said for key, said in settings.evidence.items() if key not in found}
    return replace(
        settings,
        config=replace(settings.config, training=training),
        origins={**settings.origins, **{key: "rows" if key in evidence else "default" for key in found}},
        evidence={**kept, **evidence},
    )
