"""Measure whatever is `auto` on the user's own rows and machine before training, and record it with its evidence."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from batchwright import _cache
from batchwright.config import Settings
from batchwright.config.sections import MEMBERS, NUMBERS, PRECISION
from batchwright.data.options import is_too_few_to_validate
from batchwright.errors import ConfigError, DataError, TooFewRowsError
from batchwright.measure import batch_size, learning_rate
from batchwright.measure.batch_size import BatchSizes
from batchwright.measure.learning_rate import LearningRates
from batchwright.measure.plain import plain_batch_sizes, plain_learning_rates, plain_precisions
from batchwright.measure.precision import Precisions, compare_precisions
from batchwright.measure.verify import Verified, verify
from batchwright.optim.schedules import ReduceOnPlateau
from batchwright.training.feed import OnDisk
from batchwright.training.plan import Plan
from batchwright.training.state import Program, Rows
from batchwright.workflow.budget import PATIENCE, with_epochs_for_size
from batchwright.workflow.drawn import without_members
from batchwright.workflow.linear_rate import follows_from_rows
from batchwright.workflow.member_count import choose_count
from batchwright.workflow.numbers import try_numbers, with_numbers
from batchwright.workflow.preparing import Prepared, example_of, job_on, prepare
from batchwright.workflow.refusals import refuse_members

RATE, SIZE, EPOCHS = "optimizer.learning_rate", "training.batch_size", "training.epochs"
MOST_EPOCHS = 200
"""The most epochs of `epochs: auto`, twice the default number on few rows; the validation loss decides when to stop."""
PLATEAU = ReduceOnPlateau(factor=0.3, patience=4)
"""The schedule of `epochs: auto` if none is requested: the usual one needs a number of epochs that is known in
advance."""
SAMPLE_ROWS, SAMPLE_BLOCKS = 65_536, 1024
"""Rows held in memory to measure on if they are stored on disk, and the number of pieces that they are read in."""


def measure_auto(prepared: Prepared) -> Prepared:
    """Measure everything that is `auto`: numbers' embedding, learning rate, batch size, precision, epochs, members.

    What there are too few rows to measure for keeps its default, with a note.

    Raises:
        DataError, UsageError: it cannot be measured; see `find_learning_rate` and `find_batch_size`.
        ConfigError: `epochs: auto` without validation rows or early stopping.
    """
    started, notes = time.perf_counter(), list[str]()
    load_seconds = prepared.load_seconds
    for key in _MEASURES:
        if key in prepared.settings.to_measure:
            prepared, said = _measure(prepared, key)
            notes.append(said)
    measured = time.perf_counter() - started if notes else 0.0
    return replace(prepared, load_seconds=load_seconds, notes=(*prepared.notes, *notes), measure_seconds=measured)


def _measure(prepared: Prepared, key: str) -> tuple[Prepared, str]:
    """The training with what was measured, or the default where there are too few rows; and what is said of it."""
    try:
        settings, said = _MEASURES[key](prepared)
    except TooFewRowsError as error:
        settings, said = _keep_default(prepared.settings, key, str(error))
    return prepare(settings, prepared.dataset), said


def learning_rates(prepared: Prepared) -> LearningRates:
    """Try learning rates on copies of the prepared network."""
    program, seed = _program(prepared), prepared.job.seed
    return learning_rate.find_learning_rate(program, *_resident_rows(prepared), example_of(prepared.dataset), seed=seed)


def batch_sizes(prepared: Prepared) -> BatchSizes:
    """Measure noise and throughput of the prepared network, on copies of it."""
    return batch_size.find_batch_size(
        _program(prepared), prepared.state._replace(average=None), *_resident_rows(prepared), seed=prepared.job.seed
    )


def precisions(prepared: Prepared) -> Precisions:
    """Time iterations of the prepared training in both precisions, on copies of it.

    Raises:
        ConfigError: the network cannot be trained in bfloat16.
    """
    settings = without_members(prepared.settings)
    jobs = [job_on(prepared, settings.with_measured({PRECISION: one}, {})) for one in ("float32", "bfloat16")]
    programs = jobs[0].program, jobs[1].program
    return compare_precisions(programs, prepared.state, *_resident_rows(prepared), quickly=prepared.job.quickly)


def _program(prepared: Prepared) -> Program:
    """The program to measure: without an average, as training itself is the same without one."""
    return replace(prepared.job.program, averaged=False)


def find_learning_rate(settings: Settings) -> tuple[Prepared, LearningRates]:
    """Prepare, and try learning rates; nothing is written.

    Raises:
        DataError, ConfigError: as `prepare`; members are asked for; or no rate lowers the loss.
    """
    _cache.use()
    prepared = _prepare_alone(settings)
    return prepared, learning_rates(prepared)


def find_batch_size(settings: Settings) -> tuple[Prepared, BatchSizes]:
    """Prepare, measure a learning rate if it is `auto`, then find the batch size; nothing is written.

    Raises:
        DataError, ConfigError, UsageError: as `prepare`, and as `batch_size.find_batch_size`; members are asked for.
    """
    _cache.use()
    prepared = _prepare_alone(settings)
    if RATE in settings.to_measure:
        chosen, _ = _measure_rate(prepared)
        prepared = prepare(chosen, prepared.dataset)
    return prepared, batch_sizes(prepared)


def _prepare_alone(settings: Settings) -> Prepared:
    """Prepare the training of one network, and choose how numbers are embedded if that is `auto`."""
    refuse_members(settings)
    prepared = prepare(settings)
    return _measure(prepared, NUMBERS)[0] if NUMBERS in settings.to_measure else prepared


def verify_batch_size(prepared: Prepared, found: BatchSizes) -> Verified:
    """Train at several sizes to one validation loss; see `verify`."""
    validation = prepared.job.validation
    if isinstance(validation, OnDisk):
        raise DataError("`verify` needs the rows in memory: take `memory_limit=none`, or a part of them.")
    rows, plan = _resident_rows(prepared)
    example, seed = example_of(prepared.dataset), prepared.job.seed
    return verify(found, _program(prepared), rows, validation, plan, example, seed=seed)


def _resident_rows(prepared: Prepared) -> tuple[Rows, Plan]:
    """The training rows on the device, an even sample if they are on disk; and the plan of their batches."""
    job = prepared.job
    if not isinstance(job.train, OnDisk):
        return job.train, job.plan
    starts = np.linspace(0, job.train.length, SAMPLE_BLOCKS + 1).astype(np.int64)
    stops = np.minimum(starts[:-1] + SAMPLE_ROWS // SAMPLE_BLOCKS, starts[1:])
    ranges = np.stack([starts[:-1], stops], axis=1)
    length = int((stops - starts[:-1]).sum())
    plan = replace(job.plan, training_rows=length, batch_size=min(job.plan.batch_size, length))
    return job.train.read(ranges), plan


def _keep_default(settings: Settings, key: str, why: str) -> tuple[Settings, str]:
    """The settings with the default of what was to be measured."""
    section, name = key.split(".")
    value = getattr(getattr(settings.config, section), name)
    reason = f"{name.replace('_', ' ')} {value} is the default, not measured: {why}"
    return settings.with_default(key, {"reason": reason}), reason


def _measure_rate(prepared: Prepared) -> tuple[Settings, str]:
    found = learning_rates(prepared)
    settings = prepared.settings.with_measured({RATE: round_measured(found.best)}, {RATE: plain_learning_rates(found)})
    return settings, f"the learning rate {round_measured(found.best):g} was measured: {found.reason}"


def _measure_size(prepared: Prepared) -> tuple[Settings, str]:
    """The settings with the batch size, and the numbers of the update rule that follow it, except the user's own.

    A learning rate that follows from the rows is chosen anew for this size.
    """
    found = batch_sizes(prepared)
    follow = {f"optimizer.{name}": value for name, value in found.rescaled.items()}
    origins = prepared.settings.origins
    anew = {RATE} if follows_from_rows(prepared.settings) else set[str]()
    follow = {key: value for key, value in follow.items() if origins.get(key, "user") != "user" and key not in anew}
    rescaled = {"rescaled_for": {SIZE: found.recommended}}
    settings = prepared.settings.with_measured(
        {SIZE: found.recommended, **follow}, {SIZE: plain_batch_sizes(found), **dict.fromkeys(follow, rescaled)}
    )
    settings = with_epochs_for_size(settings, prepared.plan.training_rows)
    return settings, f"the batch size {found.recommended:,} was measured: {found.reason}"


def _measure_precision(prepared: Prepared) -> tuple[Settings, str]:
    """The settings with the faster precision; float32 where there is no other."""
    try:
        found = precisions(prepared)
    except ConfigError as error:
        return _keep_default(prepared.settings, PRECISION, str(error))
    settings = prepared.settings.with_measured({PRECISION: found.best}, {PRECISION: plain_precisions(found)})
    return settings, f"the precision {found.best} was measured: {found.reason}"


def _measure_epochs(prepared: Prepared) -> tuple[Settings, str]:
    """The settings for as many epochs as the validation loss falls, with a schedule that does not depend on them."""
    settings, config = prepared.settings, prepared.settings.config
    if prepared.job.validation is None and is_too_few_to_validate(prepared.plan.training_rows):
        raise TooFewRowsError("no rows are held back, on which the loss would stop falling")
    if prepared.job.validation is None or config.training.early_stopping is None:
        raise ConfigError(
            "training.epochs: auto needs the validation loss: give data.validation_split a share above 0, and leave "
            "training.early_stopping on."
        )
    patience, most = config.training.early_stopping.patience, max(MOST_EPOCHS, 2 * prepared.plan.epochs)
    assert patience is not None
    if settings.origins["schedule.name"] == "default":
        few = settings.origins[PATIENCE] == "rows"
        plateau = replace(PLATEAU, patience=max(PLATEAU.patience, 2 * patience // 5)) if few else PLATEAU
        settings = settings.with_section("schedule", plateau, "measured")
    reason = f"as many epochs as the validation loss falls, {most} at most: {patience} without progress end it"
    return settings.with_measured({EPOCHS: most}, {EPOCHS: {"reason": reason, "most": most}}), reason


def _measure_numbers(prepared: Prepared) -> tuple[Settings, str]:
    found = try_numbers(prepared)
    how = "was chosen by trial" if found.epochs else "was chosen"
    return with_numbers(prepared.settings, found), f"numbers {found.best} {how}: {found.reason}"


def _measure_members(prepared: Prepared) -> tuple[Settings, str]:
    count, reason = choose_count(prepared)
    return prepared.settings.with_measured(
        {MEMBERS: count}, {MEMBERS: {"reason": reason}}
    ), f"{count} members: {reason}"


_MEASURES: Mapping[str, Callable[[Prepared], tuple[Settings, str]]] = {
    NUMBERS: _measure_numbers,
    RATE: _measure_rate,
    SIZE: _measure_size,
    PRECISION: _measure_precision,
    EPOCHS: _measure_epochs,
    MEMBERS: _measure_members,
}


def round_measured(value: float) -> float:
    """A number rounded to three digits: measurements are no more precise."""
    return float(f"{value:.3g}")
