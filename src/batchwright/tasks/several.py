"""Several targets, some of them classes: one head for each, trained together."""

from collections.abc import Callable, Container
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, TypeAlias

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from batchwright._component import component
from batchwright.tasks.answers import ClassAnswers, SeveralAnswers, ValueAnswers, used_rows
from batchwright.tasks.classification import Classification
from batchwright.tasks.metrics import Metric, chosen, compute, for_target, left_out_notes, nan_metrics
from batchwright.tasks.own import Loss, NotHere, host_losses, loss_metric, mean_loss, not_computed_notes
from batchwright.tasks.pooling import Each, Pooled
from batchwright.tasks.protocol import Outputs, RowWeights, to_plain_value
from batchwright.tasks.regression import MOST_NAMED, Regression

Head: TypeAlias = Classification | Regression


@component
class Several:
    """Predict several targets at once, at least one of them a class: each has its own head.

        loss = mean over the heads of the loss of each

    The outputs of the heads are side by side. Targets are [rows, k], a column for each head: int32 codes if all are
    classes, otherwise float32 with codes as whole numbers.

    Args:
        names: the names of the k targets.
        heads: a `Classification`, or a `Regression` of one target, for each.
        loss: None for the mean above; or a function of (outputs [rows, outputs], targets [rows, k]) that gives one loss
            per row.
        extra: metrics of all targets together, from `SeveralAnswers`; a head has its own.

    If all are classes, `accuracy` and related metrics are means over the targets, and `exact_match` is the share of
    rows with all of them right. `accuracy[name]` is the value for one target.

    >>> task = Several(("size", "price"), (Classification(("small", "large")), Regression()))
    >>> task.outputs
    3
    >>> loss = task.losses(np.zeros((1, 3), np.float32), np.array([[1.0, 2.0]], np.float32))
    >>> bool(np.isclose(loss[0], (np.log(2) + 4) / 2))
    True
    """

    name: ClassVar[str] = "several"

    names: tuple[str, ...]
    heads: tuple[Head, ...]
    loss: Loss | None = None
    extra: tuple[Metric, ...] = ()

    @property
    def headline(self) -> str:
        """The metric that is shown next to the loss."""
        return "accuracy" if self._of_classes else "loss"

    @property
    def reported(self) -> tuple[Metric, ...]:
        """The metrics that are reported, the loss first."""
        return (loss_metric(self.loss), *self._further)

    @property
    def outputs(self) -> int:
        """The number of outputs of all heads."""
        return sum(head.outputs for head in self.heads)

    def losses(self, outputs: Outputs, targets: Any) -> Float[Array, " rows"]:
        """The loss of each row."""
        if self.loss is not None:
            return self.loss(outputs, targets)  # type: ignore[no-any-return]
        parts = [head.losses(own, wanted) for head, own, wanted in self.heads_with(jnp.asarray(outputs), targets)]
        return jnp.mean(jnp.stack(parts), axis=0)

    @property
    def needs_residuals(self) -> bool:
        """Whether answers of a head are to be means, and lack the residuals that lead to them."""
        return self.loss is None and any(isinstance(head, Regression) and head.needs_residuals for head in self.heads)

    def with_residuals(self, outputs: Outputs, targets: Any, weights: RowWeights) -> "Several":
        """The task with the residuals of these rows in the heads that need them."""
        heads = tuple(
            head.with_residuals(own, wanted, weights) if isinstance(head, Regression) and head.needs_residuals else head
            for head, own, wanted in self.heads_with(np.asarray(outputs), np.asarray(targets))
        )
        return replace(self, heads=heads)

    def pool(self, outputs: Each) -> Pooled:
        """The outputs of the submodels, pooled by each head."""
        heads = zip(self.heads, self.by_head(outputs), strict=True)
        return jnp.concatenate([head.pool(own) for head, own in heads], axis=1)

    def row_weights(self, targets: Any) -> None:
        """None: all rows weigh the same."""

    def metrics(
        self, outputs: Outputs, targets: Any, weights: RowWeights | None = None, names: Container[str] | None = None
    ) -> dict[str, float]:
        """`loss`, as minimised in training, and the metrics of the targets.

        `names` names the metrics besides the loss; None: all.

        Raises:
            DataError: no row counts, or the weights are not weights.
            ConfigError: a metric of the user's own fails.
        """
        rows, own_weights = used_rows(len(outputs), weights)
        found, wanted, further = np.asarray(outputs)[rows], np.asarray(targets)[rows], chosen(self._further, names)
        if not np.isfinite(found).all():
            return nan_metrics(further)
        answers = self.answers(found, wanted, own_weights)
        return self._loss(found, wanted, answers) | compute(further, answers)

    def answers(self, outputs: np.ndarray, targets: np.ndarray, weights: Float[np.ndarray, " rows"]) -> SeveralAnswers:
        """The input of the metrics, for rows that all have a weight above 0."""
        parts: dict[str, ClassAnswers | ValueAnswers] = {
            name: head.answers(own, wanted, weights)
            for name, (head, own, wanted) in zip(self.names, self.heads_with(outputs, targets), strict=True)
        }
        return SeveralAnswers(parts, weights)

    def remarks(self, outputs: Outputs, targets: Any, weights: RowWeights | None = None) -> tuple[str, ...]:
        """The remarks of each head, after the name of its target."""
        heads = zip(self.names, self.heads_with(np.asarray(outputs), np.asarray(targets)), strict=True)
        each = [
            f"{name}: {remark}" for name, (head, own, wanted) in heads for remark in head.remarks(own, wanted, weights)
        ]
        missing = left_out_notes(self.extra, self.metrics(outputs, targets, weights)) if self.extra else []
        return (*not_computed_notes(self.loss), *missing, *each)

    def count_limited(self, outputs: Outputs) -> int:
        """The number of rows with an answer of any head at its limit."""
        heads = zip(self.heads, self.by_head(np.asarray(outputs)), strict=True)
        limited = [head.limited_rows(own) for head, own in heads if isinstance(head, Regression)]
        return int(np.any(limited, axis=0).sum())

    def decode(self, outputs: Outputs) -> np.ndarray:
        """The answers [rows, k], each as its head decodes it."""
        answers = [head.decode(own) for head, own in zip(self.heads, self.by_head(np.asarray(outputs)), strict=True)]
        same = len({answer.dtype.kind for answer in answers}) == 1
        return np.stack(answers if same else [answer.astype(object) for answer in answers], axis=1)

    def by_head(self, outputs: Any) -> list[Any]:
        """The outputs [..., own] of each head."""
        ends = np.cumsum([head.outputs for head in self.heads])
        return [outputs[..., end - head.outputs : end] for head, end in zip(self.heads, ends.tolist(), strict=True)]

    def to_json(self) -> dict[str, Any]:
        """Plain data: the heads by name, the loss, and the names of the metrics."""
        return {
            "name": self.name,
            "names": list(self.names),
            "heads": [head.to_json() for head in self.heads],
            "loss": to_plain_value(self.loss),
            "extra": [metric.name for metric in self.extra],
        }

    @property
    def _of_classes(self) -> bool:
        return all(isinstance(head, Classification) for head in self.heads)

    @property
    def _further(self) -> tuple[Metric, ...]:
        """The metrics besides the loss: first of all targets together, then of each."""
        means = self._means() if self._of_classes else ()
        named = zip(self.names, self.heads, strict=True) if len(self.heads) <= MOST_NAMED else ()
        each = (
            for_target(metric, name, partial(_answers_of, name=name))
            for name, head in named
            for metric in head.reported[1:]
        )
        return (*means, *each, *self.extra)

    def _means(self) -> tuple[Metric, ...]:
        """The mean over the targets of each metric that all heads have, and the share of entirely right rows."""
        common = self.heads[0].reported[1:]
        means = [Metric(one.name, one.larger_is_better, _mean_of(one), one.low, one.high) for one in common]
        return (means[0], Metric("exact_match", True, _share_all_right, 0.0, 1.0), *means[1:])

    def _loss(self, outputs: np.ndarray, wanted: np.ndarray, answers: SeveralAnswers) -> dict[str, float]:
        """The mean loss of rows of weight above 0, in float64; empty if the code of the loss is not available."""
        if isinstance(self.loss, NotHere):
            return {}
        if self.loss is not None:
            losses = host_losses(self.loss, outputs, wanted)
        else:
            heads = zip(self.heads, self.by_head(outputs), answers.targets.values(), strict=True)
            parts = [_host_losses(*head) for head in heads]
            losses = np.mean([part for part in parts if part is not None], axis=0)
        return {"loss": mean_loss(losses, answers.weights)}

    def heads_with(self, outputs: Any, targets: Any) -> list[tuple[Head, Any, Any]]:
        """Each head with its outputs, and its targets in the type that it takes."""
        columns = [
            targets[:, place].astype(np.int32) if isinstance(head, Classification) else targets[:, place]
            for place, head in enumerate(self.heads)
        ]
        return list(zip(self.heads, self.by_head(outputs), columns, strict=True))


def _answers_of(answers: SeveralAnswers, name: str) -> ClassAnswers | ValueAnswers:
    """The answers for one target."""
    return answers.targets[name]


def _host_losses(
    head: Head, outputs: np.ndarray, answers: ClassAnswers | ValueAnswers
) -> Float[np.ndarray, " rows"] | None:
    """The loss of each row of one head in float64; None if the code of the loss is not available."""
    if isinstance(head, Classification):
        assert isinstance(answers, ClassAnswers)
        return head.losses_of(outputs, answers)
    assert isinstance(answers, ValueAnswers)
    return head.losses_of(outputs, answers)


def _mean_of(metric: Metric) -> Callable[[SeveralAnswers], float | None]:
    """The mean of a metric over the targets that determine it."""

    def mean(answers: SeveralAnswers) -> float | None:
        found = [metric.compute(one) for one in answers.targets.values()]
        known = [value for value in found if value is not None]
        return sum(known) / len(known) if known else None

    return mean


def _share_all_right(answers: SeveralAnswers) -> float:
    """The share of rows whose answers are all right."""
    right = [one.right for one in answers.targets.values() if isinstance(one, ClassAnswers)]
    return float(answers.weights @ np.all(right, axis=0) / answers.weights.sum())
