"""From settings to a finished run: load, plan, compile, fit, record, evaluate. Every front calls this."""

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import jax

from batchwright import _cache
from batchwright.config import Config, Settings, dump_config, load_config
from batchwright.config.sections import TaskSettings
from batchwright.data.dataset import Dataset, Split
from batchwright.data.dataset import prepare as prepare_data
from batchwright.data.encoded import MappedRows, mapped
from batchwright.data.memory import limit_to_stream
from batchwright.data.sources import Source
from batchwright.data.streaming import prepare_streamed
from batchwright.data.targets import ClassTarget
from batchwright.errors import ConfigError, DataError, DivergedError, InterruptedRunError, RunError
from batchwright.runs import checkpoints
from batchwright.runs.folder import RunFolder, create, reopen
from batchwright.runs.manifest import CONFIG, Setting
from batchwright.runs.model import Blueprint, SavedModel, features_of
from batchwright.runs.predictions import Predictions, measure, predict
from batchwright.runs.run import Run
from batchwright.tasks import CLASS_LOSSES, VALUE_LOSSES, Classification, Regression, Task, class_weights
from batchwright.training.checkpoint import Checkpoint, EpochRow, beginning, on_device
from batchwright.training.evaluate import evaluate
from batchwright.training.feed import OnDisk
from batchwright.training.fit import (
    CheckpointTaken,
    Compiled,
    EpochDone,
    Job,
    Reduced,
    SegmentDone,
    Stopped,
    compiled,
    fit,
)
from batchwright.training.plan import Plan, make_plan
from batchwright.training.state import Program, Rows, TrainState, initial_state, to_device

EXAMPLE_ROWS = 10_000
"""Training rows that a network is shown when it is made: enough for quantiles to within a percent."""

CHUNK_ROWS, CHUNKS = 65_536, 16
"""Most rows of a chunk of those that are read from the disk; and the share of the memory limit that one may take."""

Name = TypeVar("Name", bound=str)
Metrics: TypeAlias = dict[str, dict[str, float]]
"""By part ("train", "validation", "test") and name."""


@dataclass(frozen=True)
class Prepared:
    """All that is known before training; nothing has been trained or written. `notes` are sentences for the user."""

    settings: Settings
    dataset: Dataset
    blueprint: Blueprint
    job: Job
    state: TrainState = field(repr=False)  # used up by training
    load_seconds: float
    notes: tuple[str, ...]

    @property
    def plan(self) -> Plan:
        """The accounting."""
        return self.job.plan

    @property
    def parameters(self) -> int:
        """How many numbers are learned."""
        return sum(leaf.size for leaf in jax.tree.leaves(self.state.params))

    def accounting(self, memory_bytes: int) -> dict[str, Any]:
        """The plan as plain data, with what the compiled program has told."""
        names = (
            "training_rows",
            "batch_size",
            "iterations_per_epoch",
            "epochs",
            "updates",
            "last_batch_rows",
            "descent",
        )
        numbers = {name: getattr(self.plan, name) for name in names}
        return numbers | {"parameters": self.parameters, "memory_bytes": memory_bytes}


@dataclass(frozen=True, repr=False)
class Trained:
    """A trained model, how it came about, and how good it is.

    `seconds` are those to load, compile, fit, evaluate, and in all. `run` is the run's folder, if it was recorded.
    """

    prepared: Prepared
    model: SavedModel
    history: tuple[EpochRow, ...]
    metrics: Metrics
    seconds: dict[str, float]
    memory_bytes: int
    stopped: Stopped
    run: Run | None = None

    def __repr__(self) -> str:
        """How it ended, and the metrics on the test rows."""
        figures = ", ".join(f"{name} {value:.4g}" for name, value in self.test_metrics.items())
        return f"<Trained: {self.stopped.reason}{f'; test: {figures}' if figures else ''}>"

    @property
    def test_metrics(self) -> dict[str, float]:
        """Metrics on the test rows, by name; empty where there are none."""
        return self.metrics.get("test", {})

    def predict(self, source: Source) -> Predictions:
        """What the model says of the rows of a source: a path, arrays, or any data frame."""
        return predict(self.model, source)

    def evaluate(self, source: Source) -> dict[str, float]:
        """The metrics of the model on the rows of a source, which have targets."""
        return measure(self.model, source)


Event: TypeAlias = Prepared | Compiled | SegmentDone | EpochDone | CheckpointTaken | Reduced | Stopped | Trained


def prepare(settings: Settings, dataset: Dataset | None = None) -> Prepared:
    """Load the data unless they are given, build the network, and do the accounting; nothing is trained or written.

    Raises:
        DataError: the data cannot be read, or cannot be learned from as asked.
        ConfigError: settings that do not go with each other or with the data.
    """
    started = time.perf_counter()
    config = settings.config
    if dataset is None:
        dataset = _load(config)
    load_seconds = time.perf_counter() - started
    task = task_of(dataset, config.task)
    blueprint = Blueprint(config.network, features_of(dataset.encoding), task, config.training.precision)
    job = _job(config, dataset, Program(blueprint.build(), config.optimizer))
    every = max(1, dataset.train.rows // EXAMPLE_ROWS)
    example = {name: array[::every] for name, array in dataset.train.inputs.items()}
    state = initial_state(job.program, example, seed=job.seed)
    notes = (*dataset.notes, *_notes(config, job))
    return Prepared(settings, dataset, blueprint, job, state, load_seconds, notes)


def _load(config: Config) -> Dataset:
    source, seed = config.data.source, config.training.seed
    if source is None:
        raise DataError("no data: name an example, a file or a folder, as in `batchwright train digits`.")
    limit = limit_to_stream(source, config.data.memory_limit)
    if limit is None:
        return prepare_data(source, config.data_options, seed=seed)
    cache_dir = None if config.data.cache_dir is None else Path(config.data.cache_dir)
    streamed = prepare_streamed(source, config.data_options, seed=seed, cache_dir=cache_dir, memory_limit=limit.bytes)
    dataset = mapped(streamed, memory_limit=limit.bytes)
    return replace(dataset, notes=(*dataset.notes, limit.reason))


def _job(config: Config, dataset: Dataset, program: Program) -> Job:
    chosen, validation = config.training, dataset.validation
    if config.schedule.uses_losses and validation is None:
        raise ConfigError(
            f"schedule {config.schedule.name!r} follows the validation loss, but there are no validation rows: "
            "give data.validation_split a share above 0, or take another schedule."
        )
    plan = make_plan(dataset.train.rows, chosen.batch_size, chosen.epochs, remainder=chosen.remainder)
    return Job(
        program,
        _rows(dataset.train, dataset, plan),
        None if validation is None else _rows(validation, dataset, plan),
        plan,
        config.schedule,
        seed=chosen.seed,
        early_stopping=None if validation is None else chosen.early_stopping,
        max_time=chosen.max_time,
        divergence=chosen.divergence,
        checkpoints=chosen.checkpoints,
    )


def _rows(split: Split, dataset: Dataset, plan: Plan) -> Rows | OnDisk:
    """The rows of a part on the device; those that do not fit in memory, as what they are read from in chunks."""
    if dataset.memory_limit is None:
        return to_device(split)
    reader = MappedRows(split)
    most = min(CHUNK_ROWS, dataset.memory_limit // (CHUNKS * reader.row_bytes))
    if most < plan.batch_size:
        raise ConfigError(
            f"a batch of {plan.batch_size:,} rows does not go with rows that are read in chunks of {most:,}: take a "
            "smaller batch, or a higher memory limit."
        )
    return OnDisk(reader, most // plan.batch_size * plan.batch_size)


def task_of(dataset: Dataset, settings: TaskSettings) -> Task:
    """The task that the data's target and the settings make; the loss "auto" is the first that the task has.

    Raises:
        ConfigError: a loss that is not one of this kind of target.
    """
    target = dataset.target
    if isinstance(target, ClassTarget):
        weights = class_weights(settings.class_weights, dataset.train.targets, classes=target.classes)
        loss = _loss(settings.loss, CLASS_LOSSES, target.task)
        return Classification(target.classes, loss, settings.label_smoothing, weights)
    return Regression(
        _loss(settings.loss, VALUE_LOSSES, target.task), settings.delta, mean=(target.mean,), std=(target.std,)
    )


def _loss(chosen: str, allowed: tuple[Name, ...], task: str) -> Name:
    """The chosen one of the losses of a task, "auto" the first."""
    if chosen == "auto":
        return allowed[0]
    found = next((name for name in allowed if name == chosen), None)
    if found is None:
        raise ConfigError(f"task.loss {chosen!r} is not one of a {task}; allowed here: {', '.join(allowed)}.")
    return found


def _notes(config: Config, job: Job) -> Iterator[str]:
    """What a user should know of the plan, one sentence each."""
    rows, asked = job.train.length, config.training.batch_size
    if isinstance(asked, int) and asked > rows:
        yield f"batch size {asked:,} is more than the {rows:,} training rows: every iteration uses all of them"
    if job.plan.parts > 1:
        yield f"a batch is worked through in {job.plan.parts} parts of up to {job.plan.part_rows:,} rows, then updates"


def check(settings: Settings) -> tuple[Prepared, Compiled]:
    """Prepare and compile, and train nothing: all that can be known before.

    Raises:
        DataError, ConfigError: as `prepare`.
    """
    _cache.use()
    prepared = prepare(settings)
    job = prepared.job
    _, segment = compiled(job, prepared.state)
    return prepared, Compiled(segment.seconds, segment.memory_bytes)


def train(
    settings: Settings,
    dataset: Dataset | None = None,
    *,
    record: bool = True,
    run_dir: Path | None = None,
    interrupted: Callable[[], bool] = lambda: False,
) -> Iterator[Event]:
    """Prepare, fit, evaluate and record, and say what happens: `Prepared`, the events of the fit, at last `Trained`.

    Args:
        settings: all settings, and who chose each.
        dataset: the rows, where they have been loaded already.
        record: whether a run folder is written; nothing is before data and settings have been found good.
        run_dir: that folder; None takes `runs/<source>-<n>`.
        interrupted: asked after every segment; True ends the training there, and what was learned is kept.

    Raises:
        DataError, ConfigError, RunError: what was asked for cannot be done; nothing was written.
        DivergedError, InterruptedRunError: after `Trained`; the run has been recorded up to there.
    """
    started = time.perf_counter()
    _cache.use()
    prepared = prepare(settings, dataset)
    yield prepared
    folder = create(run_dir, prepared.dataset.name) if record else None
    with folder or nullcontext():
        if folder:
            _describe(folder, prepared)
        trained = yield from _carry_out(prepared, beginning(prepared.state), folder, interrupted, started)
    yield from _ended(trained)


def resume(
    run: Path | str, dataset: Dataset | None = None, *, interrupted: Callable[[], bool] = lambda: False
) -> Iterator[Event]:
    """Go on with a run that did not finish, from its last checkpoint that can be trusted; events are those of `train`.

    The rest is the same, to the bit, as if the run had never stopped, on the same device and versions.

    Args:
        run: the run's folder.
        dataset: the rows, where they were not read from a source.
        interrupted: as for `train`.

    Raises:
        RunError: the run has ended, or cannot be read, or its rows are no longer what they were.
        UsageError: another process is writing the run.
        DivergedError, InterruptedRunError: as for `train`.
    """
    started = time.perf_counter()
    _cache.use()
    with reopen(Path(run)) as folder:
        saved = Run(folder.path, folder.manifest)
        prepared = prepare(recorded_settings(saved), dataset)
        _compare(saved, prepared.dataset)
        checkpoint, problems = checkpoints.read(folder.path, prepared.state)
        start = beginning(prepared.state) if checkpoint is None else _checked(checkpoint, prepared.plan, folder.path)
        place = f"iteration {int(start.state.step):,} of {prepared.plan.updates:,}"
        notes = (*prepared.notes, *(f"a checkpoint is left out: {problem}" for problem in problems))
        yield replace(prepared, notes=(*notes, f"the run goes on from {place}"))
        folder.go_on(start.history)
        trained = yield from _carry_out(prepared, on_device(start), folder, interrupted, started)
    yield from _ended(trained)


def recorded_settings(run: Run) -> Settings:
    """The settings of a recorded run, and who chose each."""
    settings = load_config(run.file(CONFIG))
    origins = {key: run.settings[key].origin if key in run.settings else "default" for key in settings.origins}
    return replace(settings, origins=origins)


def _compare(run: Run, dataset: Dataset) -> None:
    if dataset.fingerprint != run.manifest.fingerprint:
        raise RunError(
            f"the rows of {dataset.name} are not those that {run.path} was trained on (fingerprint "
            f"{dataset.fingerprint[:12]}..., then {run.manifest.fingerprint[:12]}...): put those back, or train anew."
        )


def _checked(checkpoint: Checkpoint, plan: Plan, run: Path) -> Checkpoint:
    """The checkpoint, once it is one of such a plan."""
    epochs = len(checkpoint.history)
    updates = epochs * plan.iterations_per_epoch + checkpoint.done
    if updates != int(checkpoint.state.step) or epochs >= plan.epochs or not 0 <= checkpoint.kept_epoch <= epochs:
        raise RunError(f"a checkpoint of {run} is not one of its own plan of {plan.updates:,} updates: train anew.")
    return checkpoint


def _carry_out(
    prepared: Prepared, start: Checkpoint, folder: RunFolder | None, interrupted: Callable[[], bool], started: float
) -> Generator[Event, None, Trained]:
    """Fit from a start, evaluate and record."""
    fitted = yield from _fit(prepared, start, folder, interrupted)
    return _finish(prepared, fitted, folder, started)


def _ended(trained: Trained) -> Iterator[Event]:
    """The last event, and the error of a training that did not end as it should."""
    yield trained
    if trained.stopped.status == "interrupted":
        run = trained.run
        how = f"`batchwright resume {run.path}` goes on with it" if run else "what was learned is kept"
        raise InterruptedRunError(f"{trained.stopped.reason}; {how}.")
    if trained.stopped.status == "diverged":
        raise DivergedError(f"{trained.stopped.reason}. Take a smaller learning rate, or clip the gradients.")


@dataclass
class _Fitted:
    """What the events of a fit have told."""

    compiled: Compiled
    stopped: Stopped
    history: list[EpochRow]
    seconds: float


def _fit(
    prepared: Prepared, start: Checkpoint, folder: RunFolder | None, interrupted: Callable[[], bool]
) -> Generator[Event, None, _Fitted]:
    """Pass on the events of the fit, and record them."""
    history, compiled, stopped, started = list(start.history), None, None, 0.0
    keep = prepared.job.checkpoints.keep
    for event in fit(prepared.job, start, interrupted=interrupted):
        match event:
            case Compiled():
                compiled = event
                if folder:
                    folder.planned(prepared.accounting(compiled.memory_bytes))
                started = time.perf_counter()
            case EpochDone():
                history.append(event.row)
                if folder:
                    folder.append(event.row)
            case CheckpointTaken():
                if folder:
                    folder.save_checkpoint(event.checkpoint, keep=keep)
            case Reduced():
                history = list(event.checkpoint.history)
                if folder:
                    folder.save_checkpoint(event.checkpoint, keep=keep)
                    folder.go_on(history)
            case Stopped():
                stopped = event
        yield event
    assert compiled is not None
    assert stopped is not None
    return _Fitted(compiled, stopped, history, time.perf_counter() - started)


def _describe(folder: RunFolder, prepared: Prepared) -> None:
    origins = prepared.settings.origins
    folder.describe(
        prepared.dataset,
        config=dump_config(prepared.settings),
        settings={key: Setting(value, origins[key]) for key, value in prepared.settings.values.items()},
        plan=prepared.accounting(0),
        device=jax.devices()[0].device_kind,
    )


def _finish(prepared: Prepared, fitted: _Fitted, folder: RunFolder | None, started: float) -> Trained:
    """Evaluate the variables that are kept, and complete the record."""
    stopped, job = fitted.stopped, prepared.job
    model = SavedModel(prepared.blueprint, job.program.model, stopped.variables, prepared.dataset.encoding)
    evaluating = time.perf_counter()
    test = prepared.dataset.test
    parts = {
        "train": job.train,
        "validation": job.validation,
        "test": None if test is None else _rows(test, prepared.dataset, job.plan),
    }
    metrics = {name: evaluate(model.model, model.variables, rows) for name, rows in parts.items() if rows is not None}
    seconds = {
        "load": prepared.load_seconds,
        "compile": fitted.compiled.seconds,
        "fit": fitted.seconds,
        "evaluate": time.perf_counter() - evaluating,
    }
    run = None
    if folder:
        folder.save_model(prepared.blueprint, stopped.variables)
        seconds["total"] = time.perf_counter() - started
        run = folder.finish(stopped.status, stopped.reason, metrics=metrics, seconds=seconds)
    seconds["total"] = time.perf_counter() - started
    return Trained(prepared, model, tuple(fitted.history), metrics, seconds, fitted.compiled.memory_bytes, stopped, run)
