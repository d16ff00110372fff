"""Try on the rows of a training whether mirrored images help, where nobody has said: two short trainings on some."""

import time
from dataclasses import asdict, dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float64

from batchwright.config import Settings
from batchwright.nn.augment import Augment
from batchwright.training.checkpoint import first_checkpoint
from batchwright.training.evaluate import answers_of
from batchwright.training.events import Stopped
from batchwright.training.fit import fit
from batchwright.training.job import Job
from batchwright.training.order import permutation
from batchwright.training.state import Rows, initial_state
from batchwright.workflow.augmenting import FLIP, KEY, SHIFT, augment_note
from batchwright.workflow.drawn import without_members
from batchwright.workflow.preparing import Prepared, example_of, job_on, prepare

SHARE, EPOCHS = 0.1, 20
"""The share of the training's updates that both trials take together, and the epochs of each. So many epochs of few
rows show in a short time what many rows show in a long one: whether mirrored images are as good as more images."""
LEAST_UPDATES = 2_000
"""Updates of a training from which there is a trial, each of a hundred updates at least: fewer say too little."""
MOST_VALIDATION_ROWS = 4_000
MARGIN = 3.0
"""Standard errors by which the loss has to be lower with flips. Two trainings differ by chance too, and that is not in
the standard error over rows: the margin is wider than the usual 2 for it."""
TRIAL = 0x666C6970
"""The seed of the choice of rows."""


@dataclass(frozen=True)
class TriedFlips:
    """The mean validation loss of a short training without flips and of one with them.

    `error` is the standard error of their difference, over the validation rows; `rows` and `epochs` are those of each
    training.
    """

    without: float
    flipped: float
    error: float
    rows: int
    epochs: int

    @property
    def helps(self) -> bool:
        """Whether flips are better by more than chance explains; never if a loss is not finite."""
        return bool(self.without - self.flipped > MARGIN * self.error)

    @property
    def reason(self) -> str:
        """What was compared, and how.

        >>> TriedFlips(0.5, 0.4, 0.01, rows=3_000, epochs=10).reason
        'the validation loss after 10 epochs of 3,000 rows: 0.5 without, 0.4 with; 0.1 lower, 0.01 by chance'
        """
        lower = self.without - self.flipped
        way = f"{abs(lower):.3g} {'lower' if lower > 0 else 'higher'}"
        trained = f"the validation loss after {self.epochs} epochs of {self.rows:,} rows"
        return f"{trained}: {self.without:.3g} without, {self.flipped:.3g} with; {way}, {self.error:.2g} by chance"


def try_flips(prepared: Prepared) -> Prepared:
    """What was prepared, with flips if a trial says that they help; as it was where there is to be no trial.

    There is one where `training.augment` was `auto` and is a shift now, with rows in memory, validation rows, enough
    updates, and no limit of time.
    """
    if not _is_to_try(prepared):
        return prepared
    started = time.perf_counter()
    found = compare_flips(prepared)
    settings = with_flips(prepared.settings, found)
    chosen = prepare(settings, prepared.dataset) if found.helps else replace(prepared, settings=settings)
    said = "half of the images are mirrored" if found.helps else "images are not mirrored"
    return replace(
        chosen,
        load_seconds=prepared.load_seconds,
        notes=(*_other_notes(prepared, chosen), f"{said}, as was found by trial: {found.reason}"),
        measure_seconds=prepared.measure_seconds + time.perf_counter() - started,
    )


def note_untried(prepared: Prepared) -> Prepared:
    """What was prepared, with a note where there would be a trial that processes which train together do not make."""
    if not _is_to_try(prepared):
        return prepared
    augment = prepared.settings.config.training.augment
    assert isinstance(augment, Augment)
    mirrored = f"`{KEY}={{shift: {augment.shift:g}, flip: true{', test_time: true' * augment.test_time}}}`"
    said = f"several processes do not try whether mirrored images help; {mirrored} mirrors half of them"
    return replace(prepared, notes=(*prepared.notes, said))


def _is_to_try(prepared: Prepared) -> bool:
    job, origins = prepared.job, prepared.settings.origins
    resident = isinstance(job.train, Rows) and isinstance(job.validation, Rows)
    steady = job.growth is None and job.max_time is None and not job.schedule.uses_losses
    undecided = origins.get(SHIFT) == "rows" and origins.get(FLIP) != "measured"
    return undecided and resident and steady and job.plan.updates >= LEAST_UPDATES


def _other_notes(prepared: Prepared, chosen: Prepared) -> tuple[str, ...]:
    """The notes of what was prepared, with what is said of images now in place of what was said before."""
    before, now = (one.job.program.augment for one in (prepared, chosen))
    assert before is not None
    assert now is not None
    return tuple(augment_note(now) if note == augment_note(before) else note for note in prepared.notes)


def with_flips(settings: Settings, found: TriedFlips) -> Settings:
    """The settings with what the trial has found."""
    augment = settings.config.training.augment
    assert isinstance(augment, Augment)
    chosen = settings.with_part(KEY, replace(augment, flip=found.helps), "rows")
    evidence = {"reason": found.reason, **asdict(found)}
    return replace(chosen, origins={**chosen.origins, FLIP: "measured"}).with_evidence(FLIP, evidence)


def compare_flips(prepared: Prepared) -> TriedFlips:
    """Train without flips and with them for a short time, from the same parameters, on the same rows in one order."""
    settings, validation = without_members(prepared.settings), prepared.job.validation
    augment = settings.config.training.augment
    assert isinstance(augment, Augment)
    assert isinstance(validation, Rows)
    judging = _some(validation, min(MOST_VALIDATION_ROWS, validation.length))
    jobs = [
        _trial_job(prepared, settings.with_part(KEY, replace(augment, flip=flip), "rows")) for flip in (False, True)
    ]
    without, flipped = (_losses(job, judging, example_of(prepared.dataset)) for job in jobs)
    weights = np.ones(len(without)) if judging.weights is None else np.asarray(judging.weights, np.float64)
    plain, mirrored = (float(np.average(losses, weights=weights)) for losses in (without, flipped))
    error = float("inf")
    if np.isfinite(plain) and np.isfinite(mirrored):
        differences = without - flipped - (plain - mirrored)
        error = float(np.sqrt(np.sum((weights * differences) ** 2)) / np.sum(weights))
    return TriedFlips(plain, mirrored, error, jobs[0].plan.training_rows, jobs[0].plan.epochs)


def _trial_job(prepared: Prepared, settings: Settings) -> Job:
    """The short training with these settings on some of the rows, to its last epoch."""
    job, plan = job_on(prepared, settings), prepared.plan
    rows = min(plan.training_rows, int(SHARE * plan.updates / (2 * EPOCHS)) * plan.batch_size)
    assert isinstance(job.train, Rows)
    return replace(
        job,
        train=_some(job.train, rows),
        validation=None,
        plan=replace(plan, training_rows=rows, epochs=EPOCHS),
        early_stopping=None,
        renews_statistics=False,
    )


def _some(rows: Rows, count: int) -> Rows:
    """As many of the rows, chosen by chance, the same each time."""
    chosen = permutation(rows.length, seed=TRIAL, epoch=0)[:count]
    found: Rows = jax.tree.map(lambda array: array[chosen], rows)
    return found


def _losses(job: Job, judging: Rows, example: dict[str, np.ndarray]) -> Float64[np.ndarray, " rows"]:
    """The loss of each row after the training; not finite if that has diverged."""
    start = first_checkpoint(initial_state(job.program, example, seed=job.seed))
    stopped = next(event for event in fit(job, start) if isinstance(event, Stopped))
    if stopped.status == "diverged":
        return np.full(judging.length, np.inf)
    model = job.program.model.without_views
    outputs, targets, _ = answers_of(model, stopped.variables, judging)
    return np.asarray(model.losses(jnp.asarray(outputs), jnp.asarray(targets)), np.float64)
