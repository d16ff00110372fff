"""Everything that can be known before training: the plan, the time it will take, and likely problems."""

from dataclasses import dataclass

from batchwright import _cache
from batchwright.config import Settings
from batchwright.data.dataset import Dataset
from batchwright.errors import RunError
from batchwright.findings import Finding, Told, inspect
from batchwright.measure.learning_rate import LearningRates
from batchwright.nn.protocols import Network
from batchwright.runs.run import Run
from batchwright.training.fit import compile_loop
from batchwright.training.plan import make_plan
from batchwright.workflow.jobs import trainings_of
from batchwright.workflow.measuring import learning_rates
from batchwright.workflow.preparing import Prepared
from batchwright.workflow.timing import time_epoch
from batchwright.workflow.training import prepare_to_train, recorded_settings

USEFUL = 1 / 100
"""Share of the best rate below which training hardly moves in the number of epochs that people have."""


@dataclass(frozen=True)
class Checked:
    """The result.

    - memory_bytes: memory of the compiled program; compile_seconds: time to compile it
    - epoch_seconds: time to train on all rows once and to measure the validation rows afterwards, as predicted from a
      few iterations; total_seconds: the time of all epochs of all members, and of a refit
    - findings: the worst first; rates: the learning rates that were tried, if requested
    """

    prepared: Prepared
    memory_bytes: int
    compile_seconds: float
    epoch_seconds: float
    total_seconds: float
    findings: tuple[Finding, ...]
    rates: LearningRates | None

    @property
    def meaningless(self) -> bool:
        """Whether a finding would make training, or its test, meaningless."""
        return any(finding.severity == "error" for finding in self.findings)


def check(settings: Settings, *, measure: bool = False) -> Checked:
    """Prepare, compile, time a few iterations, and inspect rows and plan; nothing is trained or written.

    Args:
        settings: all settings; values that are `auto` are measured.
        measure: whether to try learning rates too.

    Raises:
        DataError, ConfigError: as `prepare`; or no learning rate lowers the loss.
    """
    _cache.use()
    prepared = prepare_to_train(settings)
    job = prepared.job
    loop = compile_loop(job, prepared.state)
    segment, epoch = loop.segment, time_epoch(prepared, loop)
    rates = learning_rates(prepared) if measure else None
    stable = (rates.best * USEFUL, rates.largest_stable) if rates else None
    program = job.program
    told = _told(settings)
    found = inspect(prepared.dataset, job.plan, program.model.network, program.optimizer, stable=stable, told=told)
    config = prepared.settings.config
    total = epoch * job.plan.epochs * config.training.member_count * trainings_of(config, prepared.dataset)
    return Checked(prepared, segment.memory_bytes, segment.seconds, epoch, total, found, rates)


def inspect_run(run: Run, dataset: Dataset, network: Network) -> tuple[Finding, ...]:
    """What looks wrong in the rows of a run and in its plan, as `check` would find it; nothing is compiled.

    Args:
        run: the run.
        dataset: its rows, read again.
        network: as built.

    Raises:
        ConfigError: the run has parts of the user's own.
        RunError: its configuration is damaged.
    """
    settings = recorded_settings(run)
    training = settings.config.training
    size, epochs = run.plan.get("batch_size"), run.plan.get("epochs")
    if not isinstance(size, int) or not isinstance(epochs, int):
        raise RunError(f"{run.path} does not say with which batch size it was trained.")
    plan = make_plan(dataset.train.rows, size, epochs, remainder=training.remainder, shuffle=training.shuffle)
    return inspect(dataset, plan, network, settings.config.optimizer, told=_told(settings))


def _told(settings: Settings) -> Told:
    """The settings that no advice has to repeat."""
    config = settings.config
    stopping = config.training.early_stopping
    return Told(
        config.data_options,
        weighs_classes=config.task.class_weights is not None or config.own.task is not None,
        monitor=stopping.monitor if stopping else "",
        own_network=not hasattr(config.network, "batch_normalization"),
    )
