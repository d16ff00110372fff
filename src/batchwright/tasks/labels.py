"""Multilabel classification: an independent probability for each label, and the set of labels that are given."""

from collections.abc import Container
from typing import Annotated, Any, ClassVar, Literal, TypeAlias, get_args

import jax
import jax.numpy as jnp
import numpy as np
from annotated_types import Ge, Gt, Lt
from jaxtyping import Array, Bool, Float

from batchwright._component import component
from batchwright.tasks.answers import LabelAnswers, given_labels, used_rows
from batchwright.tasks.metrics import LABEL_METRICS, Metric, chosen, compute, left_out_notes, nan_metrics
from batchwright.tasks.own import Loss, NotHere, host_losses, loss_metric, mean_loss, not_computed_notes
from batchwright.tasks.pooling import Each, Pooled, pool_log_odds
from batchwright.tasks.protocol import Outputs, RowWeights, to_json

LabelLoss: TypeAlias = Literal["binary_cross_entropy"]
LABEL_LOSSES: tuple[LabelLoss, ...] = get_args(LabelLoss)


@component
class Multilabel:
    """Predict which labels a row has, any number of them: minimise binary cross-entropy, report F1 and related metrics.

        binary_cross_entropy    loss = mean over the labels of log(1 + exp z) - q·z,  q = (1 - ε)·y + ε/2

    Args:
        classes: the k labels; a target is a 0 or 1 for each.
        loss: the above, or a function of (outputs [rows, k], targets float32 [rows, k]) that gives one loss per row.
        label_smoothing: ε in [0, 1): how much of each target is spread over yes and no.
        threshold: the probability in (0, 1) from which a label is given.
        temperature: T > 0, by which outputs are divided for probabilities, as found on validation rows; the loss has
            none.
        separator: the text between labels in an answer.
        extra: metrics besides the ones that are always reported.

    The loss equals Keras's `BinaryCrossentropy` and PyTorch's `BCEWithLogitsLoss`: a mean over the labels.

    >>> task = Multilabel(classes=("red", "round"))
    >>> outputs = np.array([[2.0, 0.0], [-1.0, -1.0]], np.float32)
    >>> [round(float(loss), 3) for loss in task.losses(outputs, np.array([[1, 0], [0, 0]], np.float32))]
    [0.41, 0.313]
    >>> task.decode(outputs).tolist()
    ['red|round', '']
    """

    name: ClassVar[str] = "multilabel"
    headline: ClassVar[str] = "micro_f1"

    classes: tuple[str, ...]
    loss: LabelLoss | Loss = "binary_cross_entropy"
    label_smoothing: Annotated[float, Ge(0), Lt(1)] = 0.0
    threshold: Annotated[float, Gt(0), Lt(1)] = 0.5
    separator: str = "|"
    extra: tuple[Metric, ...] = ()
    temperature: Annotated[float, Gt(0)] = 1.0

    @property
    def reported(self) -> tuple[Metric, ...]:
        """The metrics that are reported, the loss first."""
        return (loss_metric(self.loss), *LABEL_METRICS, *self.extra)

    @property
    def outputs(self) -> int:
        """One per label: the log-odds that a row has it."""
        return len(self.classes)

    def losses(self, outputs: Outputs, targets: Float[np.ndarray | Array, "rows labels"]) -> Float[Array, " rows"]:
        """The loss of each row."""
        if callable(self.loss):
            return self.loss(outputs, targets)  # type: ignore[no-any-return]
        log_odds, wanted = jnp.asarray(outputs), jnp.asarray(targets)
        smoothed = (1.0 - self.label_smoothing) * wanted + self.label_smoothing / 2
        return jnp.mean(jax.nn.softplus(log_odds) - smoothed * log_odds, axis=1)

    def pool(self, outputs: Each) -> Pooled:
        """The outputs that give the mean of the submodels' probabilities of each label."""
        return pool_log_odds(outputs)

    def row_weights(self, targets: Any) -> None:
        """None: all rows weigh the same."""

    def metrics(
        self, outputs: Outputs, targets: Any, weights: RowWeights | None = None, names: Container[str] | None = None
    ) -> dict[str, float]:
        """`loss`, as minimised in training, and the other metrics.

        `names` names the metrics besides the loss; None: all.

        Raises:
            DataError: no row counts, or the weights are not weights.
            ConfigError: a metric of the user's own fails.
        """
        rows, own_weights = used_rows(len(outputs), weights)
        found, wanted = np.asarray(outputs)[rows], np.asarray(targets)[rows]
        further = chosen((*LABEL_METRICS, *self.extra), names)
        if not np.isfinite(found).all():
            return nan_metrics(further)
        answers, loss = self.answers(found, wanted, own_weights), {}
        if not isinstance(self.loss, NotHere):
            losses = host_losses(self.loss, found, wanted) if callable(self.loss) else self._losses_of(answers)
            loss = {"loss": mean_loss(losses, own_weights)}
        return loss | compute(further, answers)

    def answers(self, outputs: np.ndarray, targets: np.ndarray, weights: Float[np.ndarray, " rows"]) -> LabelAnswers:
        """The input of the metrics, for rows that all have a weight above 0."""
        log_odds = self.log_odds(outputs)
        return LabelAnswers(log_odds, np.asarray(targets) > 0, weights, self.classes, float(self.threshold))

    def _losses_of(self, answers: LabelAnswers) -> Float[np.ndarray, " rows"]:
        """The loss of each row in float64."""
        towards = answers.towards * float(self.temperature)
        losses = np.logaddexp(0.0, -towards) + float(self.label_smoothing) / 2 * towards
        return np.asarray(losses.mean(axis=1))

    def remarks(self, outputs: Outputs, targets: Any, weights: RowWeights | None = None) -> tuple[str, ...]:
        """Remarks on labels that occur but are never given, and on whether giving none would be right more often."""
        rows, own_weights = used_rows(len(outputs), weights)
        found, wanted = np.asarray(outputs)[rows], np.asarray(targets)[rows]
        if not np.isfinite(found).all():
            return ()
        answers = self.answers(found, wanted, own_weights)
        said = [*not_computed_notes(self.loss), *left_out_notes(self.extra, compute(self.extra, answers))]
        shares = answers.share @ answers.true
        never = np.flatnonzero((shares > 0) & ~answers.predicted.any(axis=0))
        if len(never):
            named = ", ".join(f"{self.classes[place]!r} ({shares[place]:.2%} have it)" for place in never[:10])
            said.append(f"no row is given {named}{' and others' if len(never) > 10 else ''}")
        wrong = float((answers.share @ (answers.predicted != answers.true)).mean())
        if wrong > shares.mean():
            said.append(
                f"hamming_loss is {wrong:.4f}, and to give no row a label would have {shares.mean():.4f}: worse than "
                "no model"
            )
        return tuple(said)

    def probabilities(self, outputs: Outputs) -> Float[np.ndarray, "rows labels"]:
        """The probability of each label, float64."""
        return np.asarray(np.exp(-np.logaddexp(0.0, -self.log_odds(outputs))))

    def log_odds(self, outputs: Outputs) -> Float[np.ndarray, "rows labels"]:
        """The log-odds of each label, float64."""
        return np.asarray(outputs, np.float64) / float(self.temperature)

    def decode(self, outputs: Outputs) -> np.ndarray:
        """The labels that each row is given, with the separator between them."""
        names = np.array(self.classes, dtype=object)
        return np.array([self.separator.join(names[row]) for row in self.given(outputs)], dtype=str)

    def given(self, outputs: Outputs) -> Bool[np.ndarray, "rows labels"]:
        """Which labels each row is given."""
        return given_labels(self.log_odds(outputs), float(self.threshold))

    def to_json(self) -> dict[str, Any]:
        """Plain data: the name of the task and its fields."""
        return to_json(self)
