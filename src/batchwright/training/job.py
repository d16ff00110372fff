"""What a fit is made of, and what follows from it for each epoch: its plan, its program and its learning rates."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Literal, Protocol, runtime_checkable

import numpy as np
from annotated_types import Ge, Gt, Lt
from jaxtyping import Float64, Int64

from batchwright.optim.scaling import rescale
from batchwright.optim.schedules import Schedule
from batchwright.training.average import Average
from batchwright.training.checkpoint import Checkpoints, History
from batchwright.training.feed import OnDisk
from batchwright.training.growth import AdaptiveBatchSize, power_of, size_by_noise, size_by_schedule
from batchwright.training.placement import Placement
from batchwright.training.plan import Plan
from batchwright.training.state import Program, Rows, TrainState
from batchwright.training.stopping import EarlyStopping


@dataclass(frozen=True)
class Divergence:
    """What follows when a loss is not finite; whatever it is, no update is made with it.

    Attributes:
        policy: "stop" ends the training; "reduce" goes back to the start of the epoch with a smaller learning rate.
        factor: in (0, 1), by which the learning rate is multiplied each time.
        times: how often at most; then the training ends.
    """

    policy: Literal["stop", "reduce"] = "stop"
    factor: Annotated[float, Gt(0), Lt(1)] = 0.5
    times: Annotated[int, Ge(1)] = 3


TIME_USED = 0.95
"""The share of the time for training that the epochs are planned to take: some take longer than those before."""
LEAST_SECONDS = 1e-9
"""Seconds of an epoch that is too short to be timed."""
STOP = Divergence()
EVERY_NOW_AND_THEN = Checkpoints()


@runtime_checkable
class Probe(Protocol):
    """A measurement at the end of each epoch."""

    def __call__(self, state: TrainState, epoch: int) -> Mapping[str, float]:
        """Columns for the history: a pure function of the state and the epoch, which counts from 1."""


@runtime_checkable
class LayersProbe(Protocol):
    """A measurement of each layer of the network at the end of an epoch."""

    def __call__(
        self, job: "Job", state: TrainState, *, epoch: int, plan: Plan, learning_rate: float
    ) -> Mapping[str, float]:
        """Columns for the history: a pure function of these; none where the epoch, which counts from 1, is left out.

        `plan` is that of the epoch, `learning_rate` that of its last iteration.
        """


@dataclass(frozen=True)
class Replay:
    """An earlier training whose learning rates are taken again, epoch by epoch, on other rows.

    - history: of the earlier training, whose losses and seconds its schedule has followed, and whose reductions of the
      learning rate are taken again
    - epochs: after how many epochs training ends, at most those of the history
    - max_time: the limit of time that the earlier training had, in seconds; None without one
    """

    history: History
    epochs: int
    max_time: float | None


@dataclass(frozen=True)
class Job:
    """All that a fit is made of; what it gives is a pure function of it on a given device and version.

    `max_time` is in seconds of training; the segment that is running then is the last, and the schedule is made to end
    before (`epochs_in_time`). If the batch size grows,
    `plan` is the plan of the first epoch, and `growth.maximum` divides the size of the chunks that rows are read in, if
    there are any; if it grows by the noise scale, `probe` measures it. `diagnostics` measures each layer, and
    says that the last mistakes on validation rows are kept too. The `average` is kept where the program says so. With
    `renews_statistics`, what is validated and kept has statistics of batch normalization that are computed anew
    (`statistics`), where the rows are in memory. With a `replay`, each epoch has the learning rates of an earlier
    training, and the last one is that which the replay names. `quickly` says that its programs are compiled with little
    optimisation, as they run for less time than the rest of it would take. `figures` names the metrics that validation
    computes besides the loss; None: all that the task reports.
    """

    program: Program
    train: Rows | OnDisk
    validation: Rows | OnDisk | None
    plan: Plan
    schedule: Schedule
    seed: int = 0
    early_stopping: EarlyStopping | None = None
    max_time: float | None = None
    divergence: Divergence = STOP
    checkpoints: Checkpoints = EVERY_NOW_AND_THEN
    growth: AdaptiveBatchSize | None = None
    probe: Probe | None = None
    average: Average | None = None
    diagnostics: LayersProbe | None = None
    renews_statistics: bool = False
    replay: Replay | None = None
    quickly: bool = False
    figures: frozenset[str] | None = None

    @property
    def placement(self) -> Placement:
        """The devices that it is trained on: those of its rows."""
        return self.train.placement

    def __repr__(self) -> str:
        """The plan, the update rule and the schedule."""
        rule, schedule = type(self.program.optimizer).__name__, type(self.schedule).__name__
        return f"<Job: {rule} with {schedule}, {self.plan.epochs:,} epochs of {self.plan.training_rows:,} rows>"


def plan_of(job: Job, history: History) -> Plan:
    """The plan of the epoch after these; the plan of the job if the batch size does not grow."""
    if job.growth is None:
        return job.plan
    if job.growth.by == "noise_scale":
        return replace(job.plan, batch_size=size_by_noise(job.growth, history))
    size = size_by_schedule(job.growth, _shares(job, history), power_of(job.program.optimizer))
    return replace(job.plan, batch_size=size)


def program_of(job: Job, plan: Plan) -> Program:
    """The program with the numbers that the update rule has for batches of this plan."""
    factor = plan.batch_size / job.plan.batch_size
    if job.growth is None or job.growth.by == "schedule" or factor == 1.0:
        return job.program
    return replace(job.program, optimizer=rescale(job.program.optimizer, factor))


def rates_of(
    job: Job, history: History, iterations: Int64[np.ndarray, " n"], *, reductions: int
) -> Float64[np.ndarray, " n"]:
    """The learning rates in the epoch after these of its `iterations`, counted from 0, after a number of reductions.

    The schedule is asked for the iteration of the job's plan at the same share of the epoch, so that it takes as many
    epochs with any batch size; and its answer multiplied by κ^p. A replay has the reductions that the earlier training
    had had in this epoch too.
    """
    plan, whole = plan_of(job, history), job.plan.iterations_per_epoch
    rates = _scheduled_rates(job, history, len(history) * whole + iterations * whole // plan.iterations_per_epoch)
    if job.growth is not None:
        rates = rates * (plan.batch_size / job.plan.batch_size) ** power_of(job.program.optimizer)
    return rates * job.divergence.factor ** (reductions + _replayed_reductions(job, history))


def _replayed_reductions(job: Job, history: History) -> int:
    """How often the earlier training of a replay had reduced its learning rate in the epoch after these."""
    return 0 if job.replay is None else int(job.replay.history[len(history)].get("reductions", 0))


def newest_of(job: Job, history: History, iterations: int) -> Float64[np.ndarray, " n"] | None:
    """The shares of the newest parameters in their average, in the epoch after these; None where none is kept."""
    if job.average is None:
        return None
    first = int(history[-1]["iteration"]) if history else 0
    return job.average.shares(epoch=len(history), epochs=job.plan.epochs, first=first, iterations=iterations)


def iterations_done(job: Job, history: History) -> int:
    """The iterations of these epochs, by the plan of each."""
    if job.growth is None:
        return len(history) * job.plan.iterations_per_epoch
    return sum(plan_of(job, history[:epochs]).iterations_per_epoch for epochs in range(len(history)))


def epochs_in_time(job: Job, history: History) -> int:
    """The whole epochs that the time for training allows, by the mean seconds of those before; all without a limit.

    Before the first epoch it is not known how long one takes, so that these are all; so they are where the batch size
    follows the schedule, which may not go back. The answer is a function of the job and the history, which has the
    seconds: what goes on from a checkpoint goes on with the same epochs. A replay has those of the earlier training.
    """
    if job.replay is not None:
        earlier = replace(job, replay=None, max_time=job.replay.max_time)
        return epochs_in_time(earlier, job.replay.history[: len(history)])
    if job.max_time is None or not history or (job.growth is not None and job.growth.by == "schedule"):
        return job.plan.epochs
    done, seconds = len(history), float(history[-1]["seconds"])
    more = max(TIME_USED * job.max_time - seconds, 0.0) * done / max(seconds, LEAST_SECONDS)
    return min(job.plan.epochs, done + int(min(more, job.plan.epochs)))


def _scheduled_rates(job: Job, history: History, iterations: Int64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """What the schedule says of iterations of the job's plan, counted from 0 over the whole run."""
    followed = history if job.replay is None else job.replay.history[: len(history)]
    rates: np.ndarray = job.schedule.rates(
        float(job.program.optimizer.learning_rate),
        iterations,
        iterations_per_epoch=job.plan.iterations_per_epoch,
        total=epochs_in_time(job, history) * job.plan.iterations_per_epoch,
        losses=[row["val_loss"] for row in followed] if job.schedule.uses_losses else (),
    )
    return rates


def _shares(job: Job, history: History) -> Float64[np.ndarray, " epochs"]:
    """The rate at the start of each epoch up to the next, by the highest at the start of any before; 1 where that is 0.

    What the validation losses have done to the rate is taken as done from the start: it has grown the batch since then.
    """
    starts = np.arange(len(history) + 1, dtype=np.int64) * job.plan.iterations_per_epoch
    highest = np.maximum.accumulate(_scheduled_rates(job, (), starts))
    rates = _scheduled_rates(job, history, starts)
    shares: np.ndarray = np.divide(np.minimum(rates, highest), highest, out=np.ones_like(rates), where=highest > 0.0)
    return shares
