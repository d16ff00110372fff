"""How long to train where nobody has said: few rows make few iterations an epoch, so they get more epochs."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from batchwright.config import Settings, Training
from batchwright.nn import CNN
from batchwright.training.growth import Growing
from batchwright.training.stopping import PATIENCE as WAITED
from batchwright.workflow.averaging import (
    Averaged,
    averaged_budget,
    is_averaged,
    may_average,
    with_average,
    without_average,
)
from batchwright.workflow.decay import DECAY, EXCLUDE, NO_DECAY, decay_for
from batchwright.workflow.held_out import with_division_of

EPOCHS, SIZE, PATIENCE = "training.epochs", "training.batch_size", "training.early_stopping.patience"
RATE = "optimizer.learning_rate"
USUAL_EPOCHS, USUAL_SIZE, USUAL_PATIENCE = 20, 64, WAITED
LEAST_CNN_EPOCHS, MOST_CNN_UPDATES = 10, 7_500
"""Epochs that a cnn gets at least, and updates from which on more rows get fewer epochs, down to these."""
LEAST_UPDATES = 1_000
"""Updates that few rows get at least; half of these without progress end the training."""
FEW_ROWS = LEAST_UPDATES * USUAL_SIZE // USUAL_EPOCHS
"""Training rows below which epochs, batch size, patience and decay follow from their number: from here on, the usual
epochs make enough updates. So the rule ends without a jump."""
VERY_FEW_ROWS = 1_000
"""Training rows up to which the decay is strongest, and batches are small."""
FEW_ROWS_SIZE = 32
"""The largest batch size for very few rows, and the batches of an epoch above, until they have the usual size."""
LEAST_SIZE = 8
"""The smallest, except for fewer than 16 rows: batch normalization over fewer rows is mostly noise."""

OF_CLASSES, SOME_ROWS, MANY_ROWS = 0.3, 10_000, 25_000
"""The strength of the decay of classes at a steady learning rate; training rows up to which it is so strong, and from
which there is none."""


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

    From `FEW_ROWS` rows on, they are the usual numbers. Below, the batches are of equal size, smaller for fewer rows,
    and there are at least `LEAST_UPDATES` updates.

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
    size = batch_size or (_even_size(rows) if rows < VERY_FEW_ROWS else _larger_size(rows) if few else USUAL_SIZE)
    iterations = -(-rows // size)
    made = f"{iterations:,} iteration{'' if iterations == 1 else 's'}"
    reason = f"{rows:,} training rows make {made} an epoch"
    if not few:
        return Budget(USUAL_EPOCHS, size, USUAL_PATIENCE, few, reason)
    epochs = max(USUAL_EPOCHS, -(-LEAST_UPDATES // iterations))
    return Budget(epochs, size, max(USUAL_PATIENCE, epochs // 2), few, reason)


def _even_size(rows: int) -> int:
    """The batch size for very few rows: of about the same size, two batches at least if each has 8 rows."""
    most = -(-rows // max(-(-rows // FEW_ROWS_SIZE), 2 if rows >= 2 * LEAST_SIZE else 1))
    least = max(3 * most // 4, min(most, LEAST_SIZE))
    return min(range(most, least - 1, -1), key=lambda size: -rows % size)


def _larger_size(rows: int) -> int:
    """The batch size for some more rows: about 32 batches, of a multiple of 8 rows, and no tiny one at the end."""
    largest = min(rows // FEW_ROWS_SIZE, USUAL_SIZE) // LEAST_SIZE * LEAST_SIZE
    sizes = [*range(largest, FEW_ROWS_SIZE, -LEAST_SIZE), *range(FEW_ROWS_SIZE, FEW_ROWS_SIZE // 2, -1)]
    return int(next(size for size in sizes if rows % size == 0 or rows % size >= LEAST_SIZE))


def decay_strength(rows: int) -> float:
    """How much of the decay for few rows there is: all up to `VERY_FEW_ROWS`, then less, none from `FEW_ROWS` on.

    >>> decay_strength(100), decay_strength(2_100), decay_strength(10_000)
    (1.0, 0.5, 0.0)
    """
    return min(max((FEW_ROWS - rows) / (FEW_ROWS - VERY_FEW_ROWS), 0.0), 1.0)


def class_decay_strength(rows: int) -> float:
    """How much decay classes have at a steady learning rate, at which the network would learn few rows by heart.

    >>> class_decay_strength(2_000), class_decay_strength(17_500), class_decay_strength(30_000)
    (0.3, 0.15, 0.0)
    """
    share = (MANY_ROWS - rows) / (MANY_ROWS - SOME_ROWS)
    return OF_CLASSES * min(max(share, 0.0), 1.0)


def with_budget(
    settings: Settings, rows: int, *, decays: bool, averaged: bool = False, classes: bool = False
) -> Settings:
    """The settings with numbers where epochs, batch size and patience follow from the number of training rows.

    What is to be measured gets a number too, and stays to be measured. Where few rows decide the epochs, they decide
    the weight decay too, where it `decays`: for numbers, and for classes of which no validation rows say when to stop.
    Elsewhere it would only hold down the outputs of classes, and so their probabilities.
    Some thousand rows are trained at a steady rate, with an average, where they may be `averaged` and nobody has said;
    `classes` have some decay then.
    """
    values, size = _values(settings.config.training), _size(settings.config.training, rows)
    longer = averaged_budget(rows, size) if is_averaged(settings) or (averaged and may_average(settings)) else None
    if longer is not None and values[EPOCHS] is None:
        given = _given(values, longer, {"reason": longer.reason})
        return _with_decay(with_average(_with_numbers(settings, given)), class_decay_strength(rows) if classes else 0.0)
    found = budget(rows, size)
    if isinstance(settings.config.network, CNN):
        found = _with_cnn_epochs(found, rows)
    given = _given(values, found, {"reason": _full_reason(found)} if found.few else None)
    if values[EPOCHS] is not None and found.few:
        given = _with_own_epochs(given, found)
    return _with_decay(_with_numbers(settings, given), decay_strength(rows) if decays else 0.0)


def _full_reason(found: Budget) -> str:
    """Why the epochs of few rows are as many as they are, and what follows from them."""
    return f"{found.reason}; at least {LEAST_UPDATES:,} updates"


def _with_own_epochs(given: Mapping[str, Any], found: Budget) -> dict[str, Any]:
    """The numbers with reasons that hold where the epochs are the user's own."""
    half = f"half of the {found.epochs:,} epochs that {LEAST_UPDATES:,} updates take"
    reasons = {SIZE: found.reason, PATIENCE: f"the patience is {half}, and {USUAL_PATIENCE} at least"}
    return {key: (number, {"reason": reasons[key]}) for key, (number, _) in given.items()}


def _with_cnn_epochs(found: Budget, rows: int) -> Budget:
    """The budget of a cnn, whose epochs take long: with many rows, fewer of them make as many updates."""
    most = max(LEAST_CNN_EPOCHS, MOST_CNN_UPDATES * USUAL_SIZE // rows)
    return found if found.few else replace(found, epochs=min(found.epochs, most))


def _given(values: Mapping[str, Any], found: Budget | Averaged, evidence: Mapping[str, Any] | None) -> dict[str, Any]:
    """The numbers of what has no value, by key, each with the evidence."""
    numbers = {EPOCHS: found.epochs, SIZE: found.batch_size, PATIENCE: found.patience}
    return {key: (numbers[key], evidence) for key, value in values.items() if value is None}


def with_budget_of(settings: Settings, other: Settings) -> Settings:
    """The settings with the numbers of others on the same rows, where they follow from the number of rows."""
    settings = with_division_of(settings, other)
    values, numbers = _values(settings.config.training), _values(other.config.training)
    taken = [key for key, value in values.items() if value is None]
    given = {key: (numbers.get(key), _evidence_of_rows(other, key)) for key in taken}
    strength = (_evidence_of_rows(other, DECAY) or {}).get("strength", 0.0)
    if not is_averaged(other) or EPOCHS not in given or is_averaged(settings):
        return _with_decay(_with_numbers(settings, given), strength)
    if may_average(settings):
        return _with_decay(with_average(_with_numbers(settings, given)), strength)
    if PATIENCE in given:  # a rate that falls over all epochs makes progress late
        given[PATIENCE] = (max(USUAL_PATIENCE, (given[EPOCHS][0] or 0) // 2), given[PATIENCE][1])
    return _with_numbers(settings, given)


def with_epochs_for_size(settings: Settings, rows: int) -> Settings:
    """The settings with epochs and patience for the present batch size, where they follow from the number of rows.

    Batches so large that a steady rate makes too few updates get the usual schedule again, without an average.
    """
    keys = [key for key in (EPOCHS, PATIENCE) if settings.origins.get(key) == "rows" or key in settings.to_measure]
    if is_averaged(settings) and averaged_budget(rows, _size(settings.config.training, rows)) is None:
        settings = without_average(without_decay(settings))
    return with_budget(_with_numbers(settings, dict.fromkeys(keys, (None, None))), rows, decays=False)


def without_decay(settings: Settings) -> Settings:
    """The settings without the decay that follows from the rows: it would take away what a trained model brings."""
    if not _follows(settings, DECAY):
        return settings
    rule = replace(settings.config.optimizer, weight_decay=None, exclude=())
    keys = [key for key in (DECAY, EXCLUDE) if _follows(settings, key)]
    return replace(
        settings,
        config=replace(settings.config, optimizer=rule),
        origins={**settings.origins, **dict.fromkeys(keys, "default")},
        evidence={key: said for key, said in settings.evidence.items() if key not in (DECAY, EXCLUDE)},
    )


def _with_decay(settings: Settings, strength: float) -> Settings:
    """The settings with the weight decay of this strength, if the epochs follow from the number of rows."""
    found = decay_for(settings.config, strength) if _follows(settings, EPOCHS) else None
    if found is None or RATE in settings.to_measure:  # the decay depends on the rate
        return settings
    rule = replace(settings.config.optimizer, weight_decay=found.weight_decay)
    keys = [DECAY]
    if settings.origins[EXCLUDE] == "default":
        rule, keys = replace(rule, exclude=NO_DECAY), [DECAY, EXCLUDE]
    evidence = {"reason": found.reason, "strength": strength}
    return replace(
        settings,
        config=replace(settings.config, optimizer=rule),
        origins={**settings.origins, **dict.fromkeys(keys, "rows")},
        evidence={**settings.evidence, **dict.fromkeys(keys, evidence)},
    )


def budget_notes(settings: Settings, without: Collection[str] = ()) -> Iterator[str]:
    """A sentence that says which numbers follow from few training rows, and why; none where none does.

    Numbers of the keys `without` are not told, nor a patience that cannot end so few epochs. The reason counts
    iterations, so without the batch size it names that.
    """
    values = {**_values(settings.config.training), DECAY: settings.config.optimizer.weight_decay}
    idle = PATIENCE in values and values[PATIENCE] >= values[EPOCHS]
    without = {*without, PATIENCE} if idle else without
    followed = [key for key in values if _follows(settings, key) and key not in without]
    names = [f"{key.rpartition('.')[2].replace('_', ' ')} {values[key]:,}" for key in followed]
    if names:
        reasons = dict.fromkeys(settings.evidence[key]["reason"] for key in followed)
        size = f", in batches of {values[SIZE]:,}" if SIZE in without and _follows(settings, SIZE) else ""
        why = ": " if is_averaged(settings) else " for few rows: "
        yield f"{', '.join(names)}{why}{'; '.join(reasons)}{size}"


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
