"""A user's own losses and tasks, and the stand-in for a loss that is known only by its printed form."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from batchwright._component import component
from batchwright._printed import printed_form
from batchwright.errors import ConfigError, RunError
from batchwright.nn.uncompiled import call_on_host
from batchwright.tasks.answers import PlainAnswers, used_rows
from batchwright.tasks.metrics import LOSS, Metric, compute, nan_metrics
from batchwright.tasks.pooling import Each, Pooled, pool_values

Loss: TypeAlias = Callable[[Any, Any], Any]
"""(outputs float32 [rows, outputs], targets [rows]) -> one loss per row, float32 [rows], in operations of JAX."""

ROWS_TRIED = 4


@dataclass(frozen=True)
class NotHere:
    """Stands in for a loss that a run has only in printed form."""

    form: str

    def __call__(self, outputs: Any, targets: Any) -> Any:
        """Raise RunError: the code of the loss is not here."""
        raise RunError(f"the run names its loss, {self.form}, and does not hold its code: give it again, as loss=.")


@component
class CustomTask:
    """A task of your own: define `losses`, and override whatever else differs.

    The outputs themselves are the answers, `reported` holds the metrics besides the loss, and all rows weigh the same.

    >>> @component
    ... class Angle(CustomTask):
    ...     def losses(self, outputs, targets):
    ...         return 1 - jnp.cos(outputs[:, 0] - targets)
    >>> Angle().losses(jnp.zeros((2, 1)), jnp.array([0.0, jnp.pi])).tolist()
    [0.0, 2.0]
    """

    name: ClassVar[str] = "custom"
    headline: ClassVar[str] = "loss"
    outputs: ClassVar[int] = 1
    reported: ClassVar[tuple[Metric, ...]] = ()

    def losses(self, outputs: Any, targets: Any) -> Array:
        """One loss per row, float32 [rows]."""
        raise NotImplementedError

    def pool(self, outputs: Each) -> Pooled:
        """The mean of the submodels' outputs."""
        return pool_values(outputs)

    def row_weights(self, targets: Any) -> Array | None:
        """None: all rows weigh the same."""
        return None

    def metrics(self, outputs: Any, targets: Any, weights: Any = None) -> dict[str, float]:
        """The loss, and the metrics in `reported`, which get `PlainAnswers`.

        Raises:
            DataError: no row counts, or the weights are not weights.
            ConfigError: a metric fails.
        """
        rows, own_weights = used_rows(len(outputs), weights)
        outputs, targets = np.asarray(outputs)[rows], np.asarray(targets)[rows]
        if not np.isfinite(outputs).all():
            return nan_metrics(self.reported)
        loss = mean_loss(host_losses(self.losses, outputs, targets), own_weights)
        answers = PlainAnswers(outputs.astype(np.float64), targets, own_weights)
        return {"loss": loss, **compute(self.reported, answers)}

    def remarks(self, outputs: Any, targets: Any, weights: Any = None) -> tuple[str, ...]:
        """None."""
        return ()

    def decode(self, outputs: Any) -> np.ndarray:
        """The outputs, float64 [rows] if there is one for each row, else [rows, outputs]."""
        wide = np.asarray(outputs, np.float64)
        return wide[:, 0] if wide.shape[1] == 1 else wide

    def to_json(self) -> dict[str, Any]:
        """The printed form."""
        return {"name": "custom", "form": printed_form(self)}


def host_losses(losses: Loss, outputs: np.ndarray, targets: np.ndarray) -> Float[np.ndarray, " rows"]:
    """The losses of rows on the host, in float64."""
    return np.asarray(call_on_host(losses, outputs, targets), np.float64)


def mean_loss(losses: Float[np.ndarray, " rows"], weights: Float[np.ndarray, " rows"]) -> float:
    """The weighted mean of the losses of rows."""
    return float(np.average(losses, weights=weights))


def not_computed_notes(loss: object) -> list[str]:
    """Notes on a loss whose code is not available."""
    if not isinstance(loss, NotHere):
        return []
    return [f"the run does not hold the code of its loss, {loss.form}, so that it is not computed"]


def loss_metric(loss: object) -> Metric:
    """The loss as a metric: a user's own loss may be below 0."""
    return Metric("loss", False, LOSS.compute) if callable(loss) else LOSS


def check_losses(losses_of: Loss, outputs_per_row: int, targets: np.ndarray) -> None:
    """Try a loss on a few rows, before anything is trained.

    Raises:
        ConfigError: it fails, does not give one number per row, or a row's loss depends on its neighbours.
    """
    few = targets[:ROWS_TRIED]
    outputs = 0.5 * call_on_host(lambda: jax.random.normal(jax.random.key(0), (len(few), outputs_per_row)))
    losses, alone = call_on_host(partial(_try_losses, losses_of), outputs, few)
    if not np.allclose(losses, alone, rtol=1e-4, atol=1e-6, equal_nan=True):
        raise ConfigError(
            "the loss of a row is another one when other rows are beside it: it has to be a function of that row's "
            "own outputs and target, without a mean or a sum over rows."
        )


def _try_losses(losses_of: Loss, outputs: Array, few: Array) -> tuple[Array, Array]:
    """The losses of a few rows together, and of each of them alone."""
    rows = len(few)
    wanted = f"one loss per row, float32 [{rows}] for {rows} rows"
    given = f"outputs of shape {list(outputs.shape)} and targets of shape {list(few.shape)}, {few.dtype}"
    try:
        losses = losses_of(outputs, few)
    except Exception as error:
        raise ConfigError(
            f"the loss fails on {given} ({type(error).__name__}: {error}). It has to give {wanted}."
        ) from error
    is_array = isinstance(losses, Array)
    if not is_array or losses.shape != (rows,) or not jnp.issubdtype(losses.dtype, jnp.floating):
        found = f"{losses.dtype} of shape {list(losses.shape)}" if is_array else f"{losses!r:.60}"
        raise ConfigError(
            f"the loss gives {found} for {given}, but has to give {wanted}: the mean over rows "
            "is taken later, with their weights."
        )
    alone = [losses_of(outputs[row : row + 1], few[row : row + 1]) for row in range(rows)]
    return losses, jnp.concatenate(alone)
