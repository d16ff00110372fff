"""All that is known before training: rows read and encoded, the network built, the accounting done."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from batchwright._machine import be_deterministic
from batchwright.cluster.membership import current
from batchwright.config import Config, Settings
from batchwright.config.sections import NUMBERS
from batchwright.data.dataset import Dataset, Split
from batchwright.data.disk.budget import limit_to_stream
from batchwright.data.disk.encoded_rows import memory_map
from batchwright.data.encode.encoding import Encoding
from batchwright.data.encode.several import SeveralTargets
from batchwright.data.load import prepare as prepare_data
from batchwright.data.load_streamed import prepare_streamed
from batchwright.data.options import is_too_few_to_validate
from batchwright.errors import ConfigError, DataError
from batchwright.nn import ARCHITECTURES, Linear
from batchwright.nn.ensembles import submodels_of
from batchwright.nn.frozen import follows_batches, with_frozen
from batchwright.nn.protocols import TARGETS
from batchwright.optim.names import is_chosen, name_of
from batchwright.runs.model import Blueprint, features_of
from batchwright.training.job import Job
from batchwright.training.plan import Plan
from batchwright.training.state import Program, Rows, TrainState, initial_state
from batchwright.workflow.augmenting import augment_note, chosen_augment, with_augment
from batchwright.workflow.budget import budget_notes, with_budget, with_budget_of
from batchwright.workflow.dealing import Dealt, deal, dealt_note, with_members_of_folds
from batchwright.workflow.devices import unused_devices_note, with_devices_here
from batchwright.workflow.difference_notes import difference_notes
from batchwright.workflow.foretelling import is_little_work, refuse_too_large, slow_compile_notes
from batchwright.workflow.held_out import (
    needs_validation,
    refuse_without_validation,
    with_division,
    with_validation_rows,
)
from batchwright.workflow.images import image_notes, with_image_network, with_image_rate
from batchwright.workflow.jobs import add_diagnostics, add_probe, make_job
from batchwright.workflow.linear_rate import linear_rate_notes, with_linear_rate
from batchwright.workflow.member_settings import given_members
from batchwright.workflow.refusals import refuse_members
from batchwright.workflow.tasks import medians_note, task_of

EXAMPLE_ROWS = 10_000
"""Training rows that a network is shown when it is made: enough for quantiles to within a percent."""

COMPILED, QUICKLY, FULLY = "compiled", "quickly", "fully"
"""How programs are compiled, as a run's plan records it; where it does not, they were compiled fully."""


@dataclass(frozen=True)
class Prepared:
    """All that is known before training; nothing has been trained or written. `notes` are sentences for the user.

    Seconds are those to load the data, and to measure what was `auto`; `begun` says that the first parameters are
    those of a trained model. Where rows are `dealt` into folds, the job is that of the first fold.
    """

    settings: Settings
    dataset: Dataset
    blueprint: Blueprint
    job: Job
    state: TrainState = field(repr=False)  # used up by training
    load_seconds: float
    notes: tuple[str, ...]
    measure_seconds: float = 0.0
    begun: bool = False
    dealt: Dealt | None = None

    def __repr__(self) -> str:
        """The rows, the network, and how many updates."""
        return f"<Prepared: {self.dataset!r}; {self.blueprint!r}; {self.plan.updates:,} updates>"

    @property
    def plan(self) -> Plan:
        """The accounting."""
        return self.job.plan

    @property
    def parameters(self) -> int:
        """How many numbers the network has that are learned, or were before they were frozen."""
        return sum(leaf.size for leaf in jax.tree.leaves(self.state.params))

    @property
    def frozen(self) -> dict[str, int]:
        """The names of the parameters that stay as they are, and how many numbers each has."""
        frozen, leaves = self.job.program.frozen, jax.tree_util.tree_leaves_with_path(self.state.params)
        named = {name_of(path): leaf.size for path, leaf in leaves}
        return {name: size for name, size in named.items() if is_chosen(name, frozen)}

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
        counted = {"parameters": self.parameters, "frozen_parameters": sum(self.frozen.values())}
        how = {COMPILED: QUICKLY if self.job.quickly else FULLY}
        return numbers | counted | {"memory_bytes": memory_bytes} | how


def prepare(settings: Settings, dataset: Dataset | None = None, like: Encoding | None = None) -> Prepared:
    """Load the data unless they are given, build the network, and do the accounting; nothing is trained or written.

    `like` is the encoding of an earlier training, by which the data are encoded where they are loaded here.

    Raises:
        DataError: the data cannot be read, or cannot be learned from as asked.
        ConfigError: settings that do not go with each other or with the data.
        UsageError: the training is to be deterministic, and JAX has been used otherwise.
    """
    started = time.perf_counter()
    if settings.recorded:
        settings = with_devices_here(settings)
    config = settings.config
    given_members(settings)  # refuses what is wrong with them, before the rows are read
    if config.training.deterministic:
        be_deterministic()
    if dataset is None:
        needed = with_validation_rows(settings) if needs_validation(settings) else settings
        dataset = _load(needed.config, like)
    settings = with_members_of_folds(with_division(settings, dataset))
    load_seconds = time.perf_counter() - started
    settings = _with_defaults(settings, dataset, lambda found: with_rows_budget(found, dataset))
    config = settings.config
    blueprint = _blueprint(config, dataset)
    program = _program(config, blueprint)
    job, dealt = make_job(config, dataset, program), None
    if config.training.folds is not None:
        refuse_without_validation(settings, dataset, "`folds` goes by validation rows", "leave it out")
        dealt = _deal(job, dataset, config.training.folds)
        job = make_job(config, dataset, program, dealt.job(job, 0))
    learned = to_host(job.train) if isinstance(job.train, Rows) and dealt is not None else dataset.train
    example = example_of_rows(learned)
    job = _fitting(job, settings, example)
    check_outputs(blueprint, job.program, example)
    state = initial_state(job.program, example, seed=job.seed)
    job = add_probe(job, state, wanted=config.training.noise_scale)
    job = add_diagnostics(job, state, learned, config)
    differences = difference_notes(job.program.model.network, dataset.encoding)
    of_program = (*_frozen_notes(job, state), *slow_compile_notes(job.program))
    notes = (*dataset.notes, *differences, *_notes(settings, job), *of_program)
    notes += () if dealt is None else (dealt_note(dealt),)
    return Prepared(settings, dataset, blueprint, job, state, load_seconds, notes, dealt=dealt)


def _deal(job: Job, dataset: Dataset, count: int) -> Dealt:
    """The rows dealt out anew.

    Raises:
        ConfigError: as `deal`; or the validation rows are not drawn from the source, where a row has its number.
    """
    if dataset.validation is not None and not len(dataset.indices.validation):
        raise ConfigError(
            "`folds` deals out training and validation rows together, and these validation rows have a source of their "
            "own: leave it out, or give all rows in one source."
        )
    return deal(job, dataset, count)


def _with_defaults(settings: Settings, dataset: Dataset, budgeted: Callable[[Settings], Settings]) -> Settings:
    """The settings with what follows from the rows, where nobody has said; `budgeted` gives epochs and batch size."""
    features = features_of(dataset.encoding)
    settings = budgeted(with_image_network(settings, features))
    return with_augment(with_image_rate(settings, features), features)


def with_rows_budget(settings: Settings, dataset: Dataset) -> Settings:
    """The settings with what follows from the number of training rows, where nobody has said."""
    averaged = dataset.validation is not None and features_of(dataset.encoding).image is None
    rows = dataset.train.rows
    unstopped = dataset.validation is None and is_too_few_to_validate(rows)
    decays = unstopped or dataset.target.task == "regression"
    parts = dataset.target.parts if isinstance(dataset.target, SeveralTargets) else (dataset.target,)
    classes = all(part.task != "regression" for part in parts)
    return with_linear_rate(with_budget(settings, rows, decays=decays, averaged=averaged, classes=classes), rows)


def check_outputs(blueprint: Blueprint, program: Program, example: dict[str, np.ndarray]) -> None:
    """Refuse a network of a user's own that fails on these rows, or whose outputs do not fit the task.

    Raises:
        ConfigError: what it gives, and what is needed.
    """
    if type(blueprint.architecture) in ARCHITECTURES:
        return
    inputs = {name: array for name, array in example.items() if name != TARGETS}
    shapes = {name: list(array.shape[1:]) for name, array in inputs.items()}
    rows = {name: jnp.asarray(array[:2]) for name, array in inputs.items()}

    def outputs(key: jax.Array) -> Any:
        variables = program.model.network.init(key, rows)
        return program.model.network.apply(variables, rows, train=True, key=key, present=None)

    try:
        found, _ = jax.eval_shape(outputs, jax.random.key(0))
    except ConfigError:
        raise
    except Exception as error:
        raise ConfigError(
            f"the network {blueprint.architecture!r:.60} fails on rows of {shapes} ({type(error).__name__}: {error})."
        ) from error
    wanted, given = (len(next(iter(rows.values()))), blueprint.task.outputs), tuple(found.shape)
    if len(given) == 3 and submodels_of(program.model.network) == given[1] > 1:
        given = given[:1] + given[2:]
    if given != wanted or found.dtype != np.float32:
        raise ConfigError(
            f"the network {blueprint.architecture!r:.60} gives {found.dtype} of shape {list(given)} for {wanted[0]} "
            f"rows, and the target needs float32 of shape {list(wanted)}: let its last layer have {wanted[1]} outputs."
        )


def job_on(prepared: Prepared, settings: Settings, like: Job | None = None) -> Job:
    """The job that other settings make of the same rows, which are shared; what is `auto` in them is not measured.

    It uses the rows of `like`, if given. What follows from the number of rows is as prepared.

    Raises:
        ConfigError: settings that do not go with each other or with the data; or `network.numbers` is to be measured,
            or members are to be trained.
    """
    refuse_members(settings)
    if NUMBERS in settings.to_measure:
        raise ConfigError("network.numbers: auto is tried before a training alone: here, choose among names.")
    dataset, config = prepared.dataset, settings_on(prepared, settings).config
    program = _program(config, _blueprint(config, dataset))
    job = make_job(config, dataset, program, like or prepared.job)
    return _fitting(job, settings, example_of(dataset))


def settings_on(prepared: Prepared, settings: Settings) -> Settings:
    """Other settings with what follows from the same rows as prepared."""
    dataset = prepared.dataset

    def budgeted(found: Settings) -> Settings:
        return with_linear_rate(with_budget_of(found, prepared.settings), dataset.train.rows)

    return _with_defaults(settings, dataset, budgeted)


def _fitting(job: Job, settings: Settings, example: dict[str, np.ndarray]) -> Job:
    """The job, with how its programs are compiled: as recorded, or by the work of its plan.

    Raises:
        ConfigError: it needs more memory than there is, or would take minutes to compile.
    """
    foretold, quickly = refuse_too_large(job.program, _largest(job), example), settings.quickly
    if quickly is None:
        quickly = is_little_work(job.program.model.network, foretold.parameters, job.plan, example)
    return replace(job, quickly=quickly)


def _largest(job: Job) -> Plan:
    """The plan of a job with its largest batches."""
    return job.plan if job.growth is None else replace(job.plan, batch_size=job.growth.maximum)


def example_of(dataset: Dataset) -> dict[str, np.ndarray]:
    """Some training rows, evenly spaced, for a network to be made: their inputs, and their targets as `TARGETS`."""
    return example_of_rows(dataset.train)


def example_of_rows(rows: Split) -> dict[str, np.ndarray]:
    """Some of these rows, as `example_of`."""
    every = max(1, rows.rows // EXAMPLE_ROWS)
    arrays = {**rows.inputs, TARGETS: rows.targets}
    return {name: array[::every] for name, array in arrays.items()}


def to_host(rows: Rows) -> Split:
    """Rows on the device, as arrays on the host."""
    return Split(*jax.tree.map(np.asarray, rows))


def _load(config: Config, like: Encoding | None) -> Dataset:
    source, seed = config.data.source, config.training.seed
    if source is None:
        raise DataError("no data: name an example, a file or a folder, as in `batchwright train digits`.")
    data = config.data
    limit = limit_to_stream(source, data.memory_limit, image_size=data.image_size, image_dir=data.image_dir)
    options = config.data_options if like is None else config.told_data_options
    if limit is None:
        return prepare_data(source, options, seed=seed, like=like)
    cache_dir = None if config.data.cache_dir is None else Path(config.data.cache_dir)
    with current().in_turn():  # what the first has converted, the others find on a disk that they share
        streamed = prepare_streamed(
            source, options, seed=seed, cache_dir=cache_dir, memory_limit=limit.bytes, like=like
        )
        dataset = memory_map(streamed, memory_limit=limit.bytes)
    return replace(dataset, notes=(*dataset.notes, limit.reason))


def _blueprint(config: Config, dataset: Dataset) -> Blueprint:
    task = task_of(dataset, config.task, config.own, linear=isinstance(config.network, Linear))
    augment = chosen_augment(config.training)
    views = None if augment is None else augment.views
    return Blueprint(config.network, features_of(dataset.encoding), task, config.training.precision, views)


def _program(config: Config, blueprint: Blueprint) -> Program:
    """What is trained; batch normalization is frozen with its parameters."""
    model, training = blueprint.build(), config.training
    if frozen := training.freeze:
        model = replace(model, network=with_frozen(model.network, lambda name: is_chosen(name, frozen)))
    return Program(model, config.optimizer, frozen, training.average is not None, chosen_augment(training))


def _frozen_notes(job: Job, state: TrainState) -> Iterator[str]:
    if job.program.frozen and follows_batches(job.program.model.network, state.variables):
        yield "the batch statistics of a module of another library follow the batches, also where it is frozen"


def _notes(settings: Settings, job: Job) -> Iterator[str]:
    """What a user should know of the plan, one sentence each."""
    yield from budget_notes(settings)
    yield from linear_rate_notes(settings)
    yield from image_notes(settings)
    yield from unused_devices_note(job)
    rows, asked = job.train.length, settings.config.training.batch_size
    if isinstance(asked, int) and asked > rows:
        yield f"batch size {asked:,} is more than the {rows:,} training rows: every iteration uses all of them"
    if job.early_stopping is not None:
        yield from medians_note(job.program.model.task, job.early_stopping.monitor)
    if job.program.augment is not None:
        yield augment_note(job.program.augment)
    if job.average is not None:
        yield f"what is validated and kept is {job.average.describe(job.plan.epochs)}"
    if job.growth is not None:
        yield (
            f"the batch size grows from {job.growth.start:,} up to {job.growth.maximum:,} rows at most: iterations and "
            "updates are counted at the first, and are the most that there can be"
        )
    limit = settings.config.training.max_time
    if job.max_time is not None and job.max_time != limit:
        yield f"of the {limit:g} s, {job.max_time:.3g} s are for the first training, the others for that on all rows"
    if job.plan.parts > 1:
        yield f"a batch is worked through in {job.plan.parts} parts of up to {job.plan.part_rows:,} rows, then updates"
