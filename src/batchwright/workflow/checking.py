"""Everything that can be known before training: the plan, the time it will take, and likely problems."""

import time
from dataclasses import dataclass

from batchwright import _cache
from batchwright.config import Settings
from batchwright.findings import Finding, Told, inspect
from batchwright.measure.learning_rate import LearningRates
from batchwright.measure.throughput import iteration_seconds
from batchwright.training.evaluate import evaluate
from batchwright.training.fit import compile_loop
from batchwright.workflow.measuring import learning_rates, measure_auto
from batchwright.workflow.preparing import Prepared, prepare

USEFUL = 1 / 100
"""Share of the best rate below which training hardly moves in the number of epochs that people have."""


@dataclass(frozen=True)
class Checked:
    """The result.

    - memory_bytes: memory of the compiled program; compile_seconds: time to compile it
    - epoch_seconds: time to train on all rows once and to measure the validation rows afterwards, as predicted from a
      few iterations; total_seconds: the time of all epochs
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
    prepared = measure_auto(prepare(settings))
    job = prepared.job
    loop = compile_loop(job, prepared.state)
    shapes, segment = loop.feed.shapes, loop.segment
    seconds = iteration_seconds(segment, job.program, prepared.state, shapes.rows, shapes.batches[: shapes.iterations])
    epoch = job.plan.iterations_per_epoch * seconds + _time_evaluation(prepared)
    rates = learning_rates(prepared) if measure else None
    stable = (rates.best * USEFUL, rates.largest_stable) if rates else None
    program = job.program
    told = _told(settings)
    found = inspect(prepared.dataset, job.plan, program.model.network, program.optimizer, stable=stable, told=told)
    return Checked(prepared, segment.memory_bytes, segment.seconds, epoch, epoch * job.plan.epochs, found, rates)


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


def _time_evaluation(prepared: Prepared) -> float:
    """The seconds to measure the validation rows once."""
    job = prepared.job
    if job.validation is None:
        return 0.0
    evaluate(job.program.model, prepared.state.variables, job.validation)  # compiles
    started = time.perf_counter()
    evaluate(job.program.model, prepared.state.variables, job.validation)
    return time.perf_counter() - started
