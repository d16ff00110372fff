"""Regression: squared, absolute and Huber errors of standardised targets, reported in the targets' own unit."""

from typing import Annotated, Any, ClassVar, Literal, TypeAlias, TypeVar, get_args

import jax.numpy as jnp
import numpy as np
from annotated_types import Gt
from jaxtyping import Array, Float

from batchwright._component import component
from batchwright.tasks import metrics
from batchwright.tasks.protocol import Outputs, RowWeights, Values, to_json

Errors = TypeVar("Errors", Array, np.ndarray)

ValueLoss: TypeAlias = Literal["mean_squared_error", "mean_absolute_error", "huber"]
VALUE_LOSSES: tuple[ValueLoss, ...] = get_args(ValueLoss)


@component
class Regression:
    """Predict numbers: minimise an error e = output - target, report it in the target's own unit.

        mean_squared_error    loss = e²
        mean_absolute_error   loss = |e|
        huber                 loss = e²/2 where |e| ≤ δ, else δ·(|e| - δ/2)

    The loss of a row is the mean over its targets.

    Args:
        loss: one of the above, on standardised targets.
        delta: δ > 0 of the Huber loss, in standard deviations of the target; PyTorch's `HuberLoss` and Keras's `Huber`.
        targets: how many numbers are predicted for each row.
        mean, std: of each target in its own unit; value = output·std + mean.

    >>> task = Regression(loss="huber", mean=(20.0,), std=(10.0,))
    >>> task.losses(np.array([[0.5], [3.0]], np.float32), np.array([0.0, 0.0], np.float32)).tolist()
    [0.125, 2.5]
    >>> task.decode(np.array([[0.5], [3.0]], np.float32)).tolist()
    [25.0, 50.0]

    References:
        Huber, Robust Estimation of a Location Parameter, 1964.
    """

    name: ClassVar[str] = "regression"
    headline: ClassVar[str] = "rmse"

    loss: ValueLoss = "mean_squared_error"
    delta: Annotated[float, Gt(0)] = 1.0
    targets: Annotated[int, Gt(0)] = 1
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)

    @property
    def outputs(self) -> int:
        """One per target."""
        return self.targets

    def losses(self, outputs: Outputs, targets: Values) -> Float[Array, " rows"]:
        """The loss of each row, in the unit of the standardised targets."""
        error = jnp.asarray(outputs) - jnp.asarray(targets).reshape(outputs.shape)
        return jnp.mean(self._error_losses(error), axis=1)

    def _error_losses(self, error: Errors) -> Errors:
        """The loss of each error, in the precision of the error: float32 in the step, float64 on the host."""
        loss: Errors
        if self.loss == "mean_squared_error":
            loss = error * error
        elif self.loss == "mean_absolute_error":
            loss = error.clip(0.0, None) - error.clip(None, 0.0)  # |e|; the gradient of abs at 0 is 1 in JAX, of this 0
        else:
            held = error.clip(-self.delta, self.delta)
            loss = held * (error - held / 2)
        return loss

    def row_weights(self, targets: Values) -> None:
        """None: all rows weigh the same."""

    def metrics(self, outputs: Outputs, targets: Values, weights: RowWeights | None = None) -> dict[str, float]:
        """`loss`, as training minimises it, and those of `metrics.REGRESSION`, in the target's own unit.

        Raises:
            DataError: no row counts, or the weights are not weights.
        """
        rows, own_weights = metrics.used_rows(len(outputs), weights)
        predicted = np.asarray(outputs, np.float64)[rows]
        if not np.isfinite(predicted).all():
            return dict.fromkeys(("loss", *metrics.REGRESSION), float("nan"))
        values = np.asarray(targets, np.float64).reshape(outputs.shape)[rows]
        losses = self._error_losses(predicted - values).mean(axis=1)
        loss = float(np.average(losses, weights=own_weights))
        unit = np.broadcast_to(np.asarray(self.std, np.float64), outputs.shape[1:])
        return {"loss": loss, **metrics.regression(predicted, values, own_weights, unit)}

    def remarks(self, outputs: Outputs, targets: Values, weights: RowWeights | None = None) -> tuple[str, ...]:
        """Whether the mean of the targets would be nearer to them than the answers."""
        r2 = self.metrics(outputs, targets, weights).get("r2", 0.0)
        return (f"R² is {r2:.4g}, below 0: always to answer the mean of these rows would err less",) if r2 < 0 else ()

    def decode(self, outputs: Outputs) -> np.ndarray:
        """The predicted values in their own unit: float64 [rows] for one target, else [rows, targets]."""
        values = self._in_unit(np.asarray(outputs, np.float64))
        return values[:, 0] if self.targets == 1 else values

    def to_json(self) -> dict[str, Any]:
        """Plain data: the name of the task and its fields."""
        return to_json(self)

    def _in_unit(self, standardised: Float[np.ndarray, "rows outputs"]) -> Float[np.ndarray, "rows outputs"]:
        return standardised * np.asarray(self.std, np.float64) + np.asarray(self.mean, np.float64)
