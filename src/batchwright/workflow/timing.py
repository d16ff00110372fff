"""How long an epoch takes on this machine, from a few iterations; and how many epochs a time for training allows."""

import time
from dataclasses import replace

from batchwright.measure.throughput import iteration_seconds
from batchwright.training.evaluate import evaluate
from batchwright.training.fit import Loop, compile_loop
from batchwright.training.job import TIME_USED
from batchwright.workflow.augmenting import augment_note, undecided
from batchwright.workflow.averaging import is_averaged
from batchwright.workflow.preparing import Prepared, prepare

EPOCHS = "training.epochs"
SPARE = 3
"""One epoch more is planned for each of so many that the time allows: the machine may be faster later on."""


def time_epoch(prepared: Prepared, loop: Loop) -> float:
    """The seconds to train on all rows once and to measure the validation rows afterwards."""
    shapes = loop.feed.shapes
    seconds = iteration_seconds(
        loop.segment, prepared.job.program, prepared.state, shapes.rows, shapes.batches[: shapes.iterations]
    )
    return prepared.plan.iterations_per_epoch * seconds + _time_evaluation(prepared)


def _time_evaluation(prepared: Prepared) -> float:
    """The seconds to measure the validation rows once."""
    job = prepared.job
    if job.validation is None:
        return 0.0
    evaluate(job.program.model, prepared.state.variables, job.validation)  # compiles
    started = time.perf_counter()
    evaluate(job.program.model, prepared.state.variables, job.validation)
    return time.perf_counter() - started


def fit_epochs_in_time(prepared: Prepared) -> Prepared:
    """What was prepared, with as many epochs as a limit of time allows, if there is one and nobody chose them.

    The first epoch then has the rates of a schedule of that length; later ones go by the seconds of those before them.
    There is always one epoch, and there are never more than without a limit. A steady rate needs no plan. Each member
    of an ensemble has its share of the time.
    """
    settings, training = prepared.settings, prepared.settings.config.training
    whole = prepared.job.max_time
    limit = None if whole is None else whole / training.member_count
    if limit is None or is_averaged(settings) or settings.origins[EPOCHS] not in ("default", "rows"):
        return prepared
    started = time.perf_counter()
    seconds = time_epoch(prepared, compile_loop(prepared.job, prepared.state))
    allowed = int(TIME_USED * limit / seconds)
    epochs = max(allowed + allowed // SPARE, 1)
    if epochs >= prepared.plan.epochs:
        return prepared
    reason = f"an epoch takes about {seconds:.3g} s, and {limit:g} s allow about {max(allowed, 1):,}"
    said = f"at most {epochs:,} epoch{'s' if epochs > 1 else ''}: {reason}"
    if allowed < 1:
        said = f"an epoch takes about {seconds:.3g} s: {limit:g} s end it before the learning rate has fallen"
    measured = settings.with_measured({EPOCHS: epochs}, {EPOCHS: {"reason": reason, "seconds": seconds}})
    planned = prepare(replace(undecided(measured), quickly=prepared.job.quickly), prepared.dataset)
    augment = prepared.job.program.augment
    gone = "" if augment is None or planned.job.program.augment == augment else augment_note(augment)
    return replace(
        planned,
        load_seconds=prepared.load_seconds,
        notes=(*(note for note in prepared.notes if note != gone), said),
        measure_seconds=prepared.measure_seconds + time.perf_counter() - started,
    )
