"""The way that a run went through its parameters: it is trained again, as a run is a pure function of its record."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from batchwright.errors import RunError, UsageError
from batchwright.measure.curvature import require_curvature
from batchwright.measure.layers import layer_probe
from batchwright.nn.protocols import Tree
from batchwright.optim.names import put_back
from batchwright.optim.schedule import Schedule, When
from batchwright.runs.run import Run
from batchwright.training.checkpoint import Checkpoints, copy_to_device, first_checkpoint
from batchwright.training.events import CheckpointTaken, EpochDone, Reduced, SegmentDone
from batchwright.training.fit import fit
from batchwright.training.job import Job, epochs_in_time
from batchwright.training.state import Rows, TrainState
from batchwright.workflow.preparing import Prepared, prepare, to_host
from batchwright.workflow.rows_again import read_rows_again
from batchwright.workflow.training import recorded_settings

Vector: TypeAlias = NDArray[np.float32]
MOMENTS = 30
"""Parameters are kept at this many moments, and before the first iteration."""
MOST_NUMBERS = 60_000_000
"""Numbers that are kept in all; with more parameters, fewer moments are."""
FEWEST = 3


class Moment(NamedTuple):
    """Parameters of a moment, side by side, with the learning rate of the iteration before."""

    iteration: int
    params: Vector
    rate: float


@dataclass(frozen=True, eq=False)
class Trace:
    """The parameters of a run at moments from its first to its last iteration.

    Args:
        prepared: the run as it was before its first iteration.
        moments: from before the first iteration to the end of the last epoch, rising.
        kept: the parameters that the run kept.
        kept_iteration: when it had them.
        exact: whether these are those of the run's folder to the bit; otherwise the way is one much like it.
    """

    prepared: Prepared
    moments: tuple[Moment, ...]
    kept: Vector
    kept_iteration: int
    exact: bool

    @property
    def job(self) -> Job:
        """What was trained."""
        return self.prepared.job

    def state_with(self, params: Vector) -> TrainState:
        """A state of the training with these parameters."""
        state = self.prepared.state
        trained = self.job.program.trained_params(state.params)
        return state._replace(params=put_back(unravel(jnp.asarray(params), trained), state.params))


@dataclass(frozen=True, kw_only=True)
class AsTimed(Schedule):
    """A schedule with the numbers of epochs that a limit of time once made of it.

    Args:
        inner: the schedule itself.
        totals: the iterations that it had for the whole run, as it was known before each epoch.
    """

    inner: Schedule
    totals: tuple[int, ...]

    @classmethod
    def of(cls, job: Job, history: Sequence[dict[str, float]]) -> Schedule:
        """That of a job, by the recorded seconds of its epochs; its own without a limit of time."""
        by_schedule = job.growth is not None and job.growth.by == "schedule"
        if job.max_time is None or by_schedule:
            return job.schedule
        epochs = [epochs_in_time(job, tuple(history[:done])) for done in range(len(history))]
        return AsTimed(inner=job.schedule, totals=tuple(count * job.plan.iterations_per_epoch for count in epochs))

    @property
    def uses_losses(self) -> bool:  # type: ignore[override]
        """Whether the rates follow the validation losses."""
        return self.inner.uses_losses

    def rates(
        self,
        learning_rate: float,
        iterations: NDArray[np.integer],
        *,
        iterations_per_epoch: int,
        total: int,
        losses: Sequence[float] = (),
    ) -> NDArray[np.float64]:
        """The rates in an epoch, with the total of that time in place of `total`."""
        epoch = min(int(np.min(iterations)) // iterations_per_epoch, len(self.totals) - 1)
        return self.inner.rates(
            learning_rate,
            iterations,
            iterations_per_epoch=iterations_per_epoch,
            total=self.totals[epoch],
            losses=losses,
        )

    def rates_without_warmup(self, learning_rate: float, when: When) -> NDArray[np.float64]:
        """Those of the schedule itself."""
        return self.inner.rates_without_warmup(learning_rate, when)


def retrace(run: Run, *, moments: int = MOMENTS, curved: bool = False) -> Trace:
    """Train a run again, from its record, and keep its parameters at some moments.

    That takes as long as the run did. Nothing is written.

    Args:
        run: a run that has at least one whole epoch.
        moments: how many are kept besides the start, 2 to 200.
        curved: whether its curvature is to be measured afterwards.

    Raises:
        ConfigError: the curvature of its network cannot be measured.
        UsageError: the number of moments is out of its range, or there are too many parameters.
        RunError: the rows or a part of the user's own cannot be had, or the run began from given parameters.
    """
    if not 2 <= moments <= 200:
        raise UsageError(f"moments is {moments}; it must be 2 to 200.")
    if run.manifest.initial:
        raise RunError(f"{run.path} began from given parameters, which it does not keep: its way cannot be gone again.")
    history = run.history
    if not history:
        raise RunError(f"{run.path} has no whole epoch, so that there is no way to show.")
    prepared = _of_first_fold(prepare(recorded_settings(run), read_rows_again(run).dataset))
    job, dataset = prepared.job, prepared.dataset
    if curved:
        require_curvature(job.program, prepared.state, layer_probe(job, dataset.train).groups)
    trained = job.program.trained_params(prepared.state.params)
    size = sum(int(np.size(leaf)) for leaf in jax.tree.leaves(trained))
    kept_moments = min(moments, MOST_NUMBERS // max(size, 1))
    if kept_moments < FEWEST:
        raise UsageError(f"the network has {size:,} parameters; at most {MOST_NUMBERS // FEWEST:,} can be followed.")
    return _follow(run, prepared, int(history[-1]["iteration"]), kept_moments)


def _of_first_fold(prepared: Prepared) -> Prepared:
    """What was prepared, with the rows that the first member learns and holds out, where rows are dealt into folds."""
    train, validation = prepared.job.train, prepared.job.validation
    if prepared.dealt is None or not isinstance(train, Rows) or not isinstance(validation, Rows):
        return prepared
    dataset = replace(prepared.dataset, train=to_host(train), validation=to_host(validation))
    return replace(prepared, dataset=dataset)


def _follow(run: Run, prepared: Prepared, last: int, moments: int) -> Trace:
    """Train up to this iteration."""
    every = max(1, -(-last // moments))
    schedule = AsTimed.of(prepared.job, run.history)
    job = replace(
        prepared.job, diagnostics=None, max_time=None, schedule=schedule, checkpoints=Checkpoints(1e12, every)
    )
    trained = job.program.trained_params
    start = first_checkpoint(jax.tree.map(np.array, prepared.state))
    found = [Moment(0, ravel(trained(start.state.params)), 0.0)]
    kept, kept_iteration, rate, losses = start.kept.params, 0, 0.0, dict[int, float]()
    for event in fit(job, copy_to_device(start)):
        match event:
            case SegmentDone():
                rate = event.learning_rate
            case Reduced(checkpoint):
                found = [moment for moment in found if moment.iteration <= int(checkpoint.state.step)]
            case CheckpointTaken(checkpoint) if int(checkpoint.state.step) % every == 0:
                found.append(Moment(int(checkpoint.state.step), ravel(trained(checkpoint.state.params)), rate))
            case EpochDone():
                losses[int(event.row["epoch"])] = event.row["loss"]
                if event.best:
                    kept = jax.tree.map(np.array, event.state.evaluated.params)
                    kept_iteration = int(event.row["iteration"])
                if int(event.row["iteration"]) >= last:
                    found.append(Moment(last, ravel(trained(event.state.params)), rate))
                    break
    return Trace(prepared, tuple(_once(found)), ravel(trained(kept)), kept_iteration, _is_exact(run, kept, losses))


def _is_exact(run: Run, kept: Tree, losses: Mapping[int, float]) -> bool:
    """Whether the parameters are those of the run; by its losses, where its model is not of this training alone."""
    if run.has_learned_validation or run.members is not None:
        return all(losses.get(int(row["epoch"])) == row["loss"] for row in run.history)
    own = run.load_model().variables.params
    return all(np.array_equal(a, b) for a, b in zip(jax.tree.leaves(own), jax.tree.leaves(kept), strict=True))


def _once(moments: Sequence[Moment]) -> Iterator[Moment]:
    """The moments in their order, each iteration once."""
    by_iteration = {moment.iteration: moment for moment in moments}
    yield from (by_iteration[iteration] for iteration in sorted(by_iteration))


def ravel(tree: Tree) -> Vector:
    """All numbers of a tree side by side."""
    return np.concatenate([np.asarray(leaf, np.float32).reshape(-1) for leaf in jax.tree.leaves(tree)])


def unravel(numbers: Any, like: Tree) -> Tree:
    """A tree of these numbers, with the shapes of `like`; it can be traced."""
    leaves, structure = jax.tree.flatten(like)
    ends = np.cumsum([int(np.size(leaf)) for leaf in leaves]).tolist()
    starts = [0, *ends[:-1]]
    shaped = [numbers[start:end].reshape(np.shape(leaf)) for leaf, start, end in zip(leaves, starts, ends, strict=True)]
    return jax.tree.unflatten(structure, shaped)  # type: ignore[no-any-return]
