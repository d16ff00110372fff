"""Regression: losses on standardised targets, for means, counts and quantiles, reported in the targets' own unit."""

from collections.abc import Container
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, ClassVar, Literal, TypeAlias, TypeVar, get_args

import jax.numpy as jnp
import numpy as np
from annotated_types import Gt, Lt
from jaxtyping import Array, Bool, Float

from batchwright._component import component
from batchwright.data.encode.power import Power
from batchwright.errors import ConfigError
from batchwright.tasks.answers import ValueAnswers, used_rows
from batchwright.tasks.metrics import (
    OF_VALUES,
    VALUE_METRICS,
    Metric,
    chosen,
    compute,
    for_target,
    left_out_notes,
    nan_metrics,
)
from batchwright.tasks.own import Loss, NotHere, host_losses, loss_metric, mean_loss, not_computed_notes
from batchwright.tasks.pooling import Each, Pooled, pool_logs, pool_values
from batchwright.tasks.protocol import Outputs, RowWeights, Values, to_json
from batchwright.tasks.smearing import group_residuals, smear

Numbers = TypeVar("Numbers", Array, np.ndarray)
"""Arrays of JAX in the step, in float32; of NumPy on the host, in float64."""

ValueLoss: TypeAlias = Literal["mean_squared_error", "mean_absolute_error", "huber", "poisson", "quantile"]
VALUE_LOSSES: tuple[ValueLoss, ...] = get_args(ValueLoss)
LEVELS = (0.1, 0.5, 0.9)
MOST_COUNT = 1e150
"""In standard deviations: the interval of a larger count would have no end to take anything from."""
LEAST_SHARE = 0.01
"""Of the mean of counts: how far off an answer may be does not shrink below that of a hundredth."""
SMALLEST = 1e-30
"""The least distance of pooled quantiles of a row, in standard deviations: the logarithm of 0 is not finite."""
MOST_NAMED = 20
"""The most targets with metrics of their own; with more, only the means over all are reported."""


@component
class Regression:
    """Predict numbers: minimise a loss of the standardised targets, report errors e in the target's own unit.

        mean_squared_error    loss = e²
        mean_absolute_error   loss = |e|
        huber                 loss = e²/2 where |e| ≤ δ, else δ·(|e| - δ/2)
        poisson               loss = r·log(r/m) - r + m,  r = y/ȳ,  m = exp(output): the mean of counts, ȳ·m
        quantile              loss = mean over the levels τ of max(τ·(y - q_τ), (τ - 1)·(y - q_τ))

    The loss of a row is the mean over its targets. The quantiles of a row never cross: the first is an output, each
    further one adds softplus of an output.

    Args:
        loss: one of the above, or a function of (outputs [rows, targets], targets float32 [rows], standardised) that
            gives one loss per row.
        delta: δ > 0 of the Huber loss, in standard deviations of the target; PyTorch's `HuberLoss` and Keras's `Huber`.
        quantiles: the levels τ in (0, 1) of the quantile loss, from the lowest to the highest. The answer for a row is
            the quantile whose level is nearest to 1/2.
        targets: how many numbers are predicted for each row.
        names: the names of the targets, if there are several: `rmse` is the mean over them, `rmse[name]` the value for
            one. With more than 20 only the means are reported.
        mean, std: mean and deviation of each target in its own unit; value = standardised·std + mean.
        extra: metrics besides the ones that are always reported.
        transforms: for each target the logarithm or power that is learned in place of the standardised value; empty if
            all targets are learned standardised.
        residuals: for each target, learned values minus outputs, evenly from the lowest to the highest. The answer is
            then the mean over the values to which they lead, which is the mean of the target (smearing: Duan 1983).
        lowest, highest: for each target the limits of the answers, in its own unit; empty without limits.

    >>> task = Regression(loss="huber", mean=(20.0,), std=(10.0,))
    >>> task.losses(np.array([[0.5], [3.0]], np.float32), np.array([0.0, 0.0], np.float32)).tolist()
    [0.125, 2.5]
    >>> task.decode(np.array([[0.5], [3.0]], np.float32)).tolist()
    [25.0, 50.0]

    References:
        Huber, Robust Estimation of a Location Parameter, 1964.
        Koenker and Bassett, Regression Quantiles, 1978.
        McCullagh and Nelder, Generalized Linear Models, 1989, chapter 6 (Poisson, with the logarithm as link).
        Duan, Smearing Estimate: A Nonparametric Retransformation Method, 1983.
    """

    name: ClassVar[str] = "regression"
    headline: ClassVar[str] = "rmse"

    loss: ValueLoss | Loss = "mean_squared_error"
    delta: Annotated[float, Gt(0)] = 1.0
    quantiles: tuple[Annotated[float, Gt(0), Lt(1)], ...] = LEVELS
    targets: Annotated[int, Gt(0)] = 1
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    names: tuple[str, ...] = ()
    extra: tuple[Metric, ...] = ()
    transforms: tuple[Power, ...] = ()
    residuals: tuple[tuple[float, ...], ...] = ()
    lowest: tuple[float, ...] = ()
    highest: tuple[float, ...] = ()

    @property
    def reported(self) -> tuple[Metric, ...]:
        """The metrics that are reported, the loss first."""
        return (loss_metric(self.loss), *self._further)

    @property
    def _further(self) -> tuple[Metric, ...]:
        """The metrics besides the loss: for several targets the means, then the metrics of each by its name."""
        common = (*VALUE_METRICS, *self.extra)
        known = [metric for metric in common if metric in OF_VALUES]
        named = enumerate(self.names) if 1 < len(self.names) <= MOST_NAMED else ()
        each = (
            for_target(metric, name, partial(ValueAnswers.only, place=place))
            for place, name in named
            for metric in known
        )
        return (*common, *each)

    @property
    def levels(self) -> tuple[Any, ...]:
        """The levels of the quantiles that are predicted; empty except with the quantile loss."""
        return self.quantiles if self.loss == "quantile" else ()

    @property
    def outputs(self) -> int:
        """One per target; with the quantile loss, one per target and level.

        Raises:
            ConfigError: the levels do not rise.
        """
        if self.loss == "quantile" and not (self.levels and all(np.diff(self.levels) > 0)):
            raise ConfigError(f"quantiles are levels in (0, 1) that rise, as {list(LEVELS)}, not {list(self.levels)}.")
        return self.targets * max(1, len(self.levels))

    def losses(self, outputs: Outputs, targets: Values) -> Float[Array, " rows"]:
        """The loss of each row, in the unit of the standardised targets."""
        if callable(self.loss):
            return self.loss(outputs, targets)  # type: ignore[no-any-return]
        wide = jnp.asarray(targets).reshape(-1, self.targets)
        return jnp.mean(self._losses(jnp.asarray(outputs), wide, jnp), axis=1)

    def _losses(self, outputs: Numbers, targets: Numbers, numpy: Any) -> Numbers:
        """The loss of each target [rows, targets], in the precision of the arrays; `numpy` is their module."""
        loss: Numbers
        if self.loss == "poisson":
            share = (targets * self._scale(numpy, targets.dtype) + 1.0).clip(0.0, None)  # y/ȳ
            logs = share * numpy.log(numpy.where(share > 0, share, 1.0))
            loss = numpy.exp(outputs) - share * outputs + logs - share
        elif self.loss == "quantile":
            gap = targets[:, :, None] - self._quantiles(outputs, numpy)
            levels = numpy.asarray(self.levels, outputs.dtype)[None, None, :]
            loss = numpy.maximum(levels * gap, (levels - 1.0) * gap).mean(axis=2)
        else:
            loss = self._error_losses(outputs - targets)
        return loss

    def _error_losses(self, error: Numbers) -> Numbers:
        """The loss of each error."""
        loss: Numbers
        if self.loss == "mean_squared_error":
            loss = error * error
        elif self.loss == "mean_absolute_error":
            loss = error.clip(0.0, None) - error.clip(None, 0.0)  # |e|; the gradient of abs at 0 is 1 in JAX, of this 0
        else:
            held = error.clip(-self.delta, self.delta)
            loss = held * (error - held / 2)
        return loss

    def _scale(self, numpy: Any, dtype: Any) -> Any:
        """Deviation divided by mean [1, targets]."""
        return (numpy.asarray(self.std, dtype) / numpy.asarray(self.mean, dtype)).reshape(1, -1)

    def _quantiles(self, outputs: Numbers, numpy: Any) -> Numbers:
        """The standardised quantiles [rows, targets, levels], which rise from level to level."""
        each: Numbers = outputs.reshape(outputs.shape[0], self.targets, len(self.levels))
        steps = numpy.logaddexp(each[:, :, 1:], numpy.zeros((), outputs.dtype))
        rising: Numbers = numpy.concatenate([each[:, :, :1], steps], axis=2).cumsum(axis=2)
        return rising

    @property
    def needs_residuals(self) -> bool:
        """Whether answers are to be means, and lack the residuals that lead to them."""
        return bool(self.transforms) and self.loss == "mean_squared_error" and not self.residuals

    def with_residuals(self, outputs: Outputs, targets: Values, weights: RowWeights) -> "Regression":
        """The task with the residuals of these rows, so that its answers are means."""
        used = np.flatnonzero(np.asarray(weights))
        found = np.asarray(targets, np.float64).reshape(-1, self.targets) - np.asarray(outputs, np.float64)
        groups = (group_residuals(column[used], np.asarray(weights, np.float64)[used]) for column in found.T)
        return replace(self, residuals=tuple(groups))

    def pool(self, outputs: Each) -> Pooled:
        """The outputs that give the mean of the submodels' answers; of quantiles, the mean at each level."""
        if self.loss == "poisson":
            return pool_logs(outputs)
        if not self.levels:
            return pool_values(outputs)
        rows, submodels, _ = outputs.shape
        quantiles = self._quantiles(outputs.reshape(rows * submodels, -1), jnp)
        mean = jnp.mean(quantiles.reshape(rows, submodels, self.targets, -1), axis=1)
        steps = jnp.maximum(jnp.diff(mean, axis=2), SMALLEST)
        below = steps + jnp.log(-jnp.expm1(-steps))  # the inverse of softplus
        return jnp.concatenate([mean[:, :, :1], below], axis=2).reshape(rows, -1)

    def row_weights(self, targets: Values) -> None:
        """None: all rows weigh the same."""

    def metrics(
        self,
        outputs: Outputs,
        targets: Values,
        weights: RowWeights | None = None,
        names: Container[str] | None = None,
    ) -> dict[str, float]:
        """`loss`, as minimised in training, and the other metrics, in the target's own unit.

        `names` names the metrics besides the loss; None: all.

        Raises:
            DataError: no row counts, or the weights are not weights.
            ConfigError: a metric of the user's own fails.
        """
        rows, own_weights = used_rows(len(outputs), weights)
        wide, further = np.asarray(outputs, np.float64)[rows], chosen(self._further, names)
        if not np.isfinite(wide).all():
            return nan_metrics(further)
        values = np.asarray(targets)[rows]
        answers = self.answers(wide, values, own_weights)
        losses = self.losses_of(wide, answers)
        loss = {} if losses is None else {"loss": mean_loss(losses, own_weights)}
        return loss | compute(further, answers)

    def losses_of(self, outputs: np.ndarray, answers: ValueAnswers) -> Float[np.ndarray, " rows"] | None:
        """The loss of each row in float64; None if the code of the loss is not available."""
        if isinstance(self.loss, NotHere):
            return None
        if callable(self.loss):
            wanted = answers.wanted.astype(np.float32)
            return host_losses(self.loss, outputs.astype(np.float32), wanted[:, 0] if self.targets == 1 else wanted)
        return np.asarray(self._losses(np.asarray(outputs, np.float64), answers.wanted, np).mean(axis=1))

    def answers(self, outputs: np.ndarray, targets: np.ndarray, weights: Float[np.ndarray, " rows"]) -> ValueAnswers:
        """The input of the metrics, for rows that all have a weight above 0."""
        outputs = np.asarray(outputs, np.float64)
        wide = np.asarray(targets, np.float64).reshape(len(targets), self.targets)
        of_target = partial(np.broadcast_to, shape=(self.targets,))
        unit, mean = of_target(np.asarray(self.std, np.float64)), of_target(np.asarray(self.mean, np.float64))
        quantiles = self._standardised_quantiles(outputs) if self.levels else None
        standardised = self._standardised_answers(outputs)
        if not self.transforms:
            return ValueAnswers(standardised, wide, weights, unit, mean, self.levels, quantiles)
        true = self._standardise(self._undo(wide))
        return ValueAnswers(standardised, true, weights, unit, mean, self.levels, quantiles, wide)

    def remarks(self, outputs: Outputs, targets: Values, weights: RowWeights | None = None) -> tuple[str, ...]:
        """Remarks if the mean of the targets would be nearer to them than the answers, or if the loss is not here."""
        found = self.metrics(outputs, targets, weights)
        said = [*not_computed_notes(self.loss), *left_out_notes(self.extra, found)]
        for name in (f"r2[{target}]" for target in self.names) if len(self.names) > 1 else ("r2",):
            if (r2 := found.get(name, 0.0)) < 0:
                shown = name.replace("r2", "R²")
                said.append(f"{shown} is {r2:.4g}, below 0: always predicting the mean of these rows would err less")
        return (*said, *limit_note(self.count_limited(outputs), len(outputs)))

    def count_limited(self, outputs: Outputs) -> int:
        """The number of rows with an answer at its limit."""
        return int(self.limited_rows(outputs).sum())

    def limited_rows(self, outputs: Outputs) -> Bool[np.ndarray, " rows"]:
        """Whether a row has an answer at its limit."""
        if not self.lowest:
            return np.zeros(len(outputs), bool)
        answers, (low, high) = self._standardised_answers(np.asarray(outputs, np.float64)), self.limits()
        rows: np.ndarray = ((answers == low) | (answers == high)).any(axis=1)
        return rows

    def decode(self, outputs: Outputs) -> np.ndarray:
        """The predicted values in their own unit: float64 [rows] for one target, else [rows, targets]."""
        values = self._to_unit(self._standardised_answers(np.asarray(outputs, np.float64)))
        values = np.clip(values, self.lowest, self.highest) if self.lowest else values  # 0 is 0, and not -1e-17
        return values[:, 0] if self.targets == 1 else values

    def decode_quantiles(self, outputs: Outputs) -> Float[np.ndarray, "rows targets levels"] | None:
        """The predicted quantiles in their own unit; None with another loss."""
        if not self.levels:
            return None
        quantiles = self._standardised_quantiles(np.asarray(outputs, np.float64))
        return np.stack([self._to_unit(quantiles[:, :, k]) for k in range(len(self.levels))], axis=2)

    def learned_ends(self, outputs: Outputs) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """As learned [rows, targets]: the lowest and the highest quantile, or the answer twice; and a unit of error.

        They are within the limits. The unit is 1, for counts the root of the answer, by which they vary.
        """
        wide = np.asarray(outputs, np.float64)
        if self.loss == "poisson":
            middle = self._standardised_answers(wide).clip(None, MOST_COUNT)
            share = middle * self._scale(np, np.float64) + 1.0
            return middle, middle, np.sqrt(share.clip(LEAST_SHARE))
        ends = self._quantiles(wide, np)[:, :, [0, -1]] if self.levels else np.stack([wide, wide], axis=2)
        low, high = (np.clip(ends[:, :, place], *self.learned_limits()) for place in (0, 1))
        return low, high, np.ones_like(low)

    def from_learned(self, learned: Float[np.ndarray, "rows targets"]) -> Float[np.ndarray, "rows targets"]:
        """The values in their own unit from those that are learned; counts are 0 or more."""
        if self.loss == "poisson":
            return self._to_unit(learned).clip(0.0)
        return self._undo(learned) if self.transforms else self._to_unit(learned)

    def learned_limits(self) -> tuple[np.ndarray, np.ndarray]:
        """The lowest and the highest answer as learned [1, targets]; infinite where there is none."""
        if not self.lowest:
            return np.full((1, self.targets), -np.inf), np.full((1, self.targets), np.inf)
        if not self.transforms:
            return self.limits()
        with np.errstate(invalid="ignore", divide="ignore"):  # a logarithm has no limit at 0 or below
            pairs = zip(self.transforms, self.lowest, self.highest, strict=True)
            found = np.array([transform.apply(np.array([low, high])) for transform, low, high in pairs]).T
        return np.where(np.isnan(found[:1]), -np.inf, found[:1]), found[1:]

    def to_json(self) -> dict[str, Any]:
        """Plain data: the name of the task and its fields."""
        return to_json(self)

    def _standardised_answers(self, outputs: np.ndarray) -> np.ndarray:
        """The standardised answers [rows, targets] from outputs in float64, within the limits."""
        if self.levels:
            middle = int(np.argmin(np.abs(np.array(self.levels) - 0.5)))
            return np.asarray(self._standardised_quantiles(outputs)[:, :, middle])
        if self.loss == "poisson":
            with np.errstate(over="ignore"):
                outputs = np.asarray(np.expm1(outputs) / self._scale(np, np.float64))
        return self._clip(self._standardise(self._undo(outputs, self.residuals)) if self.transforms else outputs)

    def _standardised_quantiles(self, outputs: np.ndarray) -> Float[np.ndarray, "rows targets levels"]:
        """The standardised quantiles from outputs in float64, within the limits."""
        found = self._quantiles(outputs, np)
        levels = [found[:, :, place] for place in range(len(self.levels))]
        if self.transforms:
            levels = [self._standardise(self._undo(level)) for level in levels]
        return np.stack(list(map(self._clip, levels)), axis=2)

    def _undo(
        self, learned: Float[np.ndarray, "rows targets"], residuals: tuple[tuple[float, ...], ...] = ()
    ) -> Float[np.ndarray, "rows targets"]:
        """The values in their own unit from those that are learned; with residuals, the mean of what these lead to."""
        columns = zip(learned.T, self.transforms, residuals or [(0.0,)] * self.targets, strict=True)
        return np.stack([smear(transform, values, around) for values, transform, around in columns], axis=1)

    def _standardise(self, values: Float[np.ndarray, "rows targets"]) -> Float[np.ndarray, "rows targets"]:
        """(values − mean) / std; halves, so that no difference exceeds the largest float."""
        mean, std = np.asarray(self.mean, np.float64), np.asarray(self.std, np.float64)
        return (values / 2 - mean / 2) / (std / 2)

    def _clip(self, standardised: Float[np.ndarray, "rows targets"]) -> Float[np.ndarray, "rows targets"]:
        """The answers within the limits."""
        return np.clip(standardised, *self.limits()) if self.lowest else standardised

    def limits(self) -> tuple[np.ndarray, np.ndarray]:
        """The lowest and the highest standardised answer [1, targets]."""
        low, high = (self._standardise(np.asarray([ends], np.float64)) for ends in (self.lowest, self.highest))
        return low, high

    def _to_unit(self, standardised: Float[np.ndarray, "rows targets"]) -> Float[np.ndarray, "rows targets"]:
        return standardised * np.asarray(self.std, np.float64) + np.asarray(self.mean, np.float64)


def limit_note(limited: int, rows: int) -> tuple[str, ...]:
    """A sentence on how many answers were cut, if there are any.

    >>> limit_note(0, 5)
    ()
    """
    if not limited:
        return ()
    far = "far outside the range of the training rows, or below 0 as none of them is"
    cut = f"{limited:,} of {rows:,} answers were {far}, and are cut at a limit"
    return (f"{cut}: `task.clip_margin` sets it, and `none` leaves answers as they are",)
