"""The job that a configuration makes of rows: its plan, the rows on their devices, and what is measured beside it."""

from dataclasses import replace

from batchwright.config import Config
from batchwright.data.dataset import Dataset, Split
from batchwright.data.disk.encoded_rows import StoredRows
from batchwright.errors import ConfigError, unknown
from batchwright.measure.curvature import require_curvature
from batchwright.measure.layers import layer_probe
from batchwright.nn.frozen import with_batch_statistics
from batchwright.nn.protocols import Network
from batchwright.runs.model import features_of
from batchwright.tasks import TASKS, Task
from batchwright.training.feed import OnDisk
from batchwright.training.growth import AdaptiveBatchSize, Growing, limit_growth
from batchwright.training.job import Job
from batchwright.training.placement import LOCAL, Placement, one_copy, place_on
from batchwright.training.plan import Plan, make_plan
from batchwright.training.state import Program, Rows, TrainState, to_device
from batchwright.training.statistics import LEAST_ITERATIONS
from batchwright.training.stopping import EarlyStopping

CHUNK_ROWS, CHUNKS = 65_536, 16
"""Most rows of a chunk of those that are read from the disk; and the share of the memory limit that one may take."""


def make_job(config: Config, dataset: Dataset, program: Program, like: Job | None = None) -> Job:
    """The job of a configuration; on the rows of another job, where there is one."""
    chosen, validation = config.training, dataset.validation
    if config.schedule.uses_losses and validation is None:
        raise ConfigError(
            f"schedule {config.schedule.name!r} follows the validation loss, but there are no validation rows: "
            "give `validation_split` a share above 0, or take another schedule."
        )
    if chosen.average is not None and (wrong := chosen.average.problem()):
        raise ConfigError(f"training.average: {wrong}")
    if chosen.average is not None and chosen.average.name == "late" and chosen.max_time is not None:
        raise ConfigError(
            "training.average: late begins at a share of the epochs, and with max_time nobody knows how many "
            "there will be: take the average exponential, or give epochs without max_time."
        )
    assert chosen.epochs is not None
    assert chosen.batch_size is not None
    size = chosen.batch_size.adaptive.start if isinstance(chosen.batch_size, Growing) else chosen.batch_size
    rows = like.train.length if like else dataset.train.rows
    placement = like.train.placement if like else place_on(chosen.devices)
    plan = make_plan(
        rows, size, chosen.epochs, remainder=chosen.remainder, shuffle=chosen.shuffle, devices=placement.count
    )
    growth = _growth(config, dataset, plan)
    largest = plan if growth is None else replace(plan, batch_size=growth.maximum)
    train = like.train if like else rows_of(dataset.train, dataset, largest, placement)
    held_out = (
        like.validation if like else None if validation is None else rows_of(validation, dataset, plan, placement)
    )
    return Job(
        program,
        train,
        held_out,
        plan,
        config.schedule,
        seed=chosen.seed,
        early_stopping=_stopping(chosen.early_stopping, program.model.task, held_out=validation is not None),
        max_time=_first_limit(config, dataset),
        divergence=chosen.divergence,
        checkpoints=chosen.checkpoints,
        growth=growth,
        average=chosen.average,
        renews_statistics=_renews_statistics(program.model.network, dataset, plan),
    )


def _first_limit(config: Config, dataset: Dataset) -> float | None:
    """The seconds of training; with a refit, those that leave as many epochs on all rows their time."""
    limit = config.training.max_time
    return limit if limit is None else limit / trainings_of(config, dataset)


def trainings_of(config: Config, dataset: Dataset) -> float:
    """The time of all trainings of a network by the time of the first: more than 2 with a refit, by its rows."""
    if dataset.validation is None or not config.training.refit:
        return 1.0
    return 2.0 + dataset.validation.rows / dataset.train.rows


def _renews_statistics(network: Network, dataset: Dataset, plan: Plan) -> bool:
    """Whether statistics of batch normalization are computed anew: for many images, where it costs little and helps."""
    many_images = features_of(dataset.encoding).image is not None and plan.iterations_per_epoch >= LEAST_ITERATIONS
    return many_images and bool(with_batch_statistics(network)[1])


def _stopping(chosen: EarlyStopping | None, task: Task, *, held_out: bool) -> EarlyStopping | None:
    """Early stopping that knows whether a larger figure is better; None without the rows that it goes by.

    Raises:
        ConfigError: the history will not have the figure that it monitors, or it is not known whether larger is better.
    """
    if chosen is None or (not held_out and chosen.monitor != "loss"):
        return None
    if chosen.monitor in ("loss", "val_loss"):
        return chosen
    found = next((metric for metric in task.reported if f"val_{metric.name}" == chosen.monitor), None)
    if found is None and chosen.mode != "auto" and type(task) not in TASKS:
        return chosen
    if found is None:
        figures = ("loss", *(f"val_{metric.name}" for metric in task.reported))
        raise ConfigError(
            f"training.early_stopping.monitor: {unknown('figure', chosen.monitor, figures)} A metric that the task "
            "reports by itself needs mode: max or min."
        )
    return chosen if chosen.mode != "auto" else replace(chosen, mode="max" if found.larger_is_better else "min")


def _growth(config: Config, dataset: Dataset, plan: Plan) -> AdaptiveBatchSize | None:
    """How the batch size grows, at most to what the rows allow; None where it does not."""
    chosen = config.training.batch_size
    if not isinstance(chosen, Growing):
        return None
    chosen.adaptive.check(config.optimizer)
    chunk_rows = None if dataset.memory_limit is None else _most_in_chunk(StoredRows(dataset.train), dataset)
    return limit_growth(chosen.adaptive, plan, chunk_rows=chunk_rows)


def add_probe(job: Job, state: TrainState, *, wanted: bool) -> Job:
    """The job with a probe of the noise scale, where it is wanted, or needed for the batch size."""
    if not wanted and (job.growth is None or job.growth.by != "noise_scale"):
        return job
    from batchwright.measure.live import live_noise

    train = job.train._replace(placement=LOCAL) if isinstance(job.train, OnDisk) else one_copy(job.train)
    probe = live_noise(job.program, train, state.variables, rows=job.plan.rows_per_epoch, seed=job.seed)
    return replace(job, probe=probe)


def add_diagnostics(job: Job, state: TrainState, train: Split, config: Config) -> Job:
    """The job with figures of each layer, on some of its training rows, unless they are turned off.

    Raises:
        ConfigError: the curvature, which comes with them, is asked for without them, or cannot be measured.
    """
    wanted, curvature = config.training.diagnostics, config.training.curvature
    if curvature and not wanted:
        raise ConfigError(
            "training.curvature: true is measured along with the layers, which training.diagnostics: false turns off: "
            "leave one of them out."
        )
    if not wanted:
        return job
    probe = layer_probe(job, train, curvature=curvature)
    if curvature:
        require_curvature(job.program, state, probe.groups)
    return replace(job, diagnostics=probe)


def rows_of(split: Split, dataset: Dataset, plan: Plan, placement: Placement = LOCAL) -> Rows | OnDisk:
    """The rows of a part on each device; those that do not fit in memory, as what they are read from in chunks."""
    if dataset.memory_limit is None:
        return to_device(split, placement)
    reader = StoredRows(split)
    most = _most_in_chunk(reader, dataset)
    if most < plan.batch_size:
        raise ConfigError(
            f"a batch of {plan.batch_size:,} rows does not go with rows that are read in chunks of {most:,}: take a "
            "smaller batch, or a higher memory limit."
        )
    batches = min(most // plan.batch_size, -(-reader.rows // plan.batch_size))
    return OnDisk(reader, batches * plan.batch_size, placement)


def _most_in_chunk(reader: StoredRows, dataset: Dataset) -> int:
    """How many rows of a chunk the memory limit allows."""
    assert dataset.memory_limit is not None
    return min(CHUNK_ROWS, dataset.memory_limit // (CHUNKS * reader.row_bytes))
