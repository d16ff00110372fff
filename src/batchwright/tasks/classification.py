"""Classification: cross-entropy, class weights, probabilities and class names."""

from collections.abc import Container, Mapping
from typing import Annotated, Any, ClassVar, Literal, TypeAlias, get_args

import jax
import jax.numpy as jnp
import numpy as np
from annotated_types import Ge, Gt, Lt
from jaxtyping import Array, Float, Int

from batchwright._component import component
from batchwright.errors import ConfigError, DataError, unknown
from batchwright.tasks.answers import ClassAnswers, log_softmax, predict_classes, used_rows
from batchwright.tasks.metrics import CLASS_METRICS, Metric, chosen, compute, left_out_notes, nan_metrics
from batchwright.tasks.own import Loss, NotHere, host_losses, loss_metric, mean_loss, not_computed_notes
from batchwright.tasks.pooling import Each, Pooled, pool_log_odds, pool_logits
from batchwright.tasks.protocol import Codes, Outputs, RowWeights, to_json

ClassLoss: TypeAlias = Literal["cross_entropy", "binary_cross_entropy", "focal"]
CLASS_LOSSES: tuple[ClassLoss, ...] = get_args(ClassLoss)
SMALLEST = float(np.finfo(np.float32).tiny)


@component
class Classification:
    """Tell classes apart: minimise cross-entropy, report accuracy and related metrics.

        cross_entropy          loss = log Σ_j exp z_j - Σ_j q_j·z_j,  q_j = (1 - ε)·[j = y] + ε/k
        binary_cross_entropy   the same with the two logits 0 and z: one output, the log-odds of the second class
        focal                  loss = -(1 - p_y)^γ·log p_y: well-predicted rows count less; no smoothing

    Args:
        classes: the k class names; a target is an index into them.
        loss: one of these, or a function of (outputs [rows, k], targets int32 [rows]) that gives one loss per row.
            There is one output per class; "binary_cross_entropy", which is for two classes, has a single output.
        label_smoothing: ε in [0, 1): how much of each target is spread evenly over all classes.
        class_weights: float32 [k] above zero, the weight of a row of each class in the loss, but not in the other
            metrics; the function `class_weights` computes them.
        gamma: γ >= 0 of the focal loss; 0 gives cross-entropy.
        threshold: for two classes, the probability in (0, 1) from which the second is predicted.
        temperature: T > 0, by which outputs are divided for probabilities, as found on validation rows; the loss has
            none.
        extra: metrics besides the ones that are always reported.

    Without class weights, Keras and PyTorch smooth in the same way. With them, the whole loss of a row is weighted by
    its own class, as in Keras; PyTorch weights each class's part of the smoothed target by that class. PyTorch divides
    by the sum of the weights, as is done here; Keras divides by the number of rows.

    >>> task = Classification(classes=("no", "yes"))
    >>> outputs = np.array([[0.0, 2.0], [1.0, 1.0]], np.float32)
    >>> [round(float(loss), 3) for loss in task.losses(outputs, np.array([1, 0], np.int32))]
    [0.127, 0.693]
    >>> task.decode(outputs).tolist()
    ['yes', 'no']

    References:
        Szegedy et al., Rethinking the Inception Architecture for Computer Vision, 2015, section 7 (label smoothing).
        Lin et al., Focal Loss for Dense Object Detection, 2017, arXiv 1708.02002.
    """

    name: ClassVar[str] = "classification"
    headline: ClassVar[str] = "accuracy"

    classes: tuple[str, ...]
    loss: ClassLoss | Loss = "cross_entropy"
    label_smoothing: Annotated[float, Ge(0), Lt(1)] = 0.0
    class_weights: Array | None = None
    gamma: Annotated[float, Ge(0)] = 2.0
    threshold: Annotated[float, Gt(0), Lt(1)] = 0.5
    extra: tuple[Metric, ...] = ()
    temperature: Annotated[float, Gt(0)] = 1.0

    @property
    def reported(self) -> tuple[Metric, ...]:
        """The metrics that are reported, the loss first."""
        return (loss_metric(self.loss), *CLASS_METRICS, *self.extra)

    @property
    def outputs(self) -> int:
        """One per class; a single one for binary cross-entropy.

        Raises:
            ConfigError: binary cross-entropy was chosen for a number of classes other than two.
        """
        if self.loss != "binary_cross_entropy":
            return len(self.classes)
        if len(self.classes) != 2:
            raise ConfigError(f"binary_cross_entropy is for 2 classes, not {len(self.classes)}: use cross_entropy.")
        return 1

    def losses(self, outputs: Outputs, targets: Codes) -> Float[Array, " rows"]:
        """The loss of each row; cross-entropy is finite for logits that differ by less than about 1e38."""
        if callable(self.loss):
            return self.loss(outputs, targets)  # type: ignore[no-any-return]
        if self.loss == "focal":
            cross_entropy = self._cross_entropy(outputs, targets, smoothing=0.0)
            # 1 - p, never 0: its power would have no gradient there.
            return jnp.maximum(-jnp.expm1(-cross_entropy), SMALLEST) ** self.gamma * cross_entropy
        if self.loss == "binary_cross_entropy":
            return self._binary_losses(jnp.asarray(outputs)[:, 0], jnp.asarray(targets))
        return self._cross_entropy(outputs, targets, smoothing=self.label_smoothing)

    def _cross_entropy(self, outputs: Outputs, targets: Codes, *, smoothing: float | Array) -> Float[Array, " rows"]:
        # The true logit is found by comparison, not by a gather, whose gradient is a scatter. In a loop on the CPU the
        # two are equally fast for 100 rows of 10 classes; comparison is a fifth faster for single rows, a tenth slower
        # for 100 classes, and stays elementwise under vmap. A gradient written by hand (custom_vjp) was not faster. The
        # true logit is subtracted from the largest before the sum is added: small losses of large logits keep digits.
        own = jnp.asarray(targets)[:, None] == jnp.arange(outputs.shape[1])[None, :]
        largest = jax.lax.stop_gradient(jnp.max(outputs, axis=1))
        log_sum = jnp.log(jnp.sum(jnp.exp(outputs - largest[:, None]), axis=1))
        true_logit = jnp.sum(jnp.where(own, outputs, 0.0), axis=1)
        if _is_off(smoothing):
            return log_sum + (largest - true_logit)
        spread = smoothing * (true_logit - jnp.mean(outputs, axis=1))
        return log_sum + (largest - true_logit) + spread

    def _binary_losses(self, logits: Float[Array, " rows"], targets: Int[Array, " rows"]) -> Float[Array, " rows"]:
        towards = jnp.where(targets == 1, logits, -logits)  # log-odds of the true class
        losses = jax.nn.softplus(-towards)
        return losses if _is_off(self.label_smoothing) else losses + self.label_smoothing / 2 * towards

    def pool(self, outputs: Each) -> Pooled:
        """The outputs that give the mean of the submodels' probabilities."""
        return (pool_log_odds if self.loss == "binary_cross_entropy" else pool_logits)(outputs)

    def row_weights(self, targets: Codes) -> Float[Array, " rows"] | None:
        """The weight of each row's class, or None."""
        return None if self.class_weights is None else jnp.asarray(self.class_weights)[targets]

    def metrics(
        self,
        outputs: Outputs,
        targets: Codes,
        weights: RowWeights | None = None,
        names: Container[str] | None = None,
    ) -> dict[str, float]:
        """`loss`, as minimised in training, and the other metrics, which ignore the class weights.

        `names` names the metrics besides the loss; None: all.

        Raises:
            DataError: no row counts, or the weights are not weights.
            ConfigError: a metric of the user's own fails.
        """
        rows, own_weights = used_rows(len(outputs), weights)
        outputs, codes = np.asarray(outputs)[rows], np.asarray(targets)[rows]
        further = chosen((*CLASS_METRICS, *self.extra), names)
        if not np.isfinite(outputs).all():
            return nan_metrics(further)
        answers = self.answers(outputs, codes, own_weights)
        losses = self.losses_of(np.asarray(outputs), answers)
        by_class = 1.0 if self.class_weights is None else np.asarray(self.class_weights, np.float64)[codes]
        loss = {} if losses is None else {"loss": mean_loss(losses, own_weights * by_class)}
        return loss | compute(further, answers)

    def answers(
        self, outputs: Outputs, codes: Int[np.ndarray, " rows"], weights: Float[np.ndarray, " rows"]
    ) -> ClassAnswers:
        """The input of the metrics, for rows that all have a weight above 0."""
        return ClassAnswers(self.log_probabilities(outputs), codes, weights, self.classes, float(self.threshold))

    def losses_of(self, outputs: np.ndarray, answers: ClassAnswers) -> Float[np.ndarray, " rows"] | None:
        """The loss of each row in float64; None if the code of the loss is not available."""
        if isinstance(self.loss, NotHere):
            return None
        if callable(self.loss):
            return host_losses(self.loss, outputs, answers.true)
        log_p = answers.log_probabilities if self.temperature == 1 else log_softmax(self.logits(outputs))
        own = log_p[np.arange(len(log_p)), answers.true]
        if self.loss == "focal":
            return np.asarray(-((-np.expm1(own)) ** float(self.gamma)) * own)
        smoothing = float(self.label_smoothing)
        return np.asarray(-(1 - smoothing) * own - smoothing * log_p.mean(axis=1))

    def remarks(self, outputs: Outputs, targets: Codes, weights: RowWeights | None = None) -> tuple[str, ...]:
        """Remarks on classes that occur but are never predicted, and if the commonest class is right more often.

        The second is omitted if classes are weighted, which trades accuracy for the rare classes.
        """
        rows, own_weights = used_rows(len(outputs), weights)
        outputs, codes = np.asarray(outputs)[rows], np.asarray(targets)[rows]
        if not np.isfinite(outputs).all():
            return ()
        answers = self.answers(outputs, codes, own_weights)
        shares = answers.occurring / own_weights.sum()
        right = float(answers.hits.sum() / own_weights.sum())
        never = np.flatnonzero((shares > 0) & (answers.answered == 0))
        said = [*not_computed_notes(self.loss), *left_out_notes(self.extra, compute(self.extra, answers))]
        if len(never):
            named = ", ".join(f"{self.classes[code]!r} ({shares[code]:.2%} of them)" for code in never[:10])
            said.append(f"no row is predicted as {named}{' and others' if len(never) > 10 else ''}")
        commonest = int(shares.argmax())
        if len(never) and answers.answered[commonest] == own_weights.sum():
            said.append(self._one_answer_remark(commonest, right))
        if self.class_weights is None and right < shares[commonest]:
            said.append(
                f"accuracy is {right:.4f}, and always predicting {self.classes[commonest]!r} would have "
                f"{shares[commonest]:.4f}: worse than no model"
            )
        return tuple(said)

    def _one_answer_remark(self, answer: int, accuracy: float) -> str:
        """What it means that every row gets the same answer, and what to do."""
        weights = "" if self.class_weights is not None else "`class_weights=balanced` lets rare classes count more"
        threshold = "`task.threshold=f1` chooses from which probability the second is answered"
        ways = " and ".join(filter(None, (weights, threshold if len(self.classes) == 2 else "")))
        return (
            f"every row is predicted as {self.classes[answer]!r}, so accuracy {accuracy:.4f} is only the share of this "
            f"class, and the recall of all others is 0{f'; {ways}' if ways else ''}"
        )

    def probabilities(self, outputs: Outputs) -> Float[np.ndarray, "rows classes"]:
        """The probability of each class, float64; each row sums to 1."""
        return np.asarray(np.exp(self.log_probabilities(outputs)))

    def decode(self, outputs: Outputs) -> np.ndarray:
        """The name of the class predicted for each row: the most probable, the first of equals."""
        return np.asarray(
            np.take(self.classes, predict_classes(self.log_probabilities(outputs), float(self.threshold)))
        )

    def to_json(self) -> dict[str, Any]:
        """Plain data: the name of the task and its fields."""
        return to_json(self)

    def log_probabilities(self, outputs: Outputs) -> Float[np.ndarray, "rows classes"]:
        """The logarithm of the probability of each class, float64."""
        return log_softmax(self.logits(outputs) / float(self.temperature))

    def logits(self, outputs: Outputs) -> Float[np.ndarray, "rows classes"]:
        """The logits of the classes, float64, as the network has them."""
        logits = np.asarray(outputs, np.float64)
        if self.loss == "binary_cross_entropy":
            logits = np.concatenate([np.zeros_like(logits), logits], axis=1)
        return logits


def class_weights(
    setting: Literal["balanced"] | Mapping[str, float] | None,
    targets: Codes,
    weights: RowWeights | None = None,
    *,
    classes: tuple[str, ...],
) -> Float[Array, " classes"] | None:
    """The weights of the classes, float32, from the user's setting.

    Args:
        setting: "balanced" gives class c the weight W / (k·W_c), where W is the weight of all training rows and W_c the
            weight of the rows of the class, so that all classes have equal total weight; a mapping gives weights by
            class name, 1 for classes that it does not name; None gives no weights.
        targets: class codes of the training rows.
        weights: weights of the training rows, at least 0; None: all 1.
        classes: the k class names.

    Raises:
        ConfigError: an unknown setting or class, or a weight that is not above zero and finite; all problems at once.
        DataError: "balanced", and a class without rows of weight above 0.

    >>> class_weights("balanced", np.array([0, 0, 0, 1]), classes=("common", "rare")).tolist()
    [0.6666666865348816, 2.0]
    """
    if setting is None:
        return None
    if isinstance(setting, Mapping):
        return _weights_by_name(setting, classes)
    if setting != "balanced":
        raise ConfigError(f"class_weights is 'balanced' or a weight for each class name, not {setting!r}.")
    counts = np.bincount(np.asarray(targets), weights, len(classes))
    if empty := [name for name, count in zip(classes, counts, strict=True) if count == 0]:
        raise DataError(f"balanced class weights need rows of every class; there are none of {', '.join(empty)}.")
    return jnp.asarray(counts.sum() / (len(classes) * counts), jnp.float32)


def _weights_by_name(setting: Mapping[str, float], classes: tuple[str, ...]) -> Float[Array, " classes"]:
    problems = [unknown("class", name, classes) for name in setting if name not in classes]
    problems += [
        f"the weight of class {name!r} must be above zero and finite, but is {weight}."
        for name, weight in setting.items()
        if not 0 < weight < float("inf")
    ]
    if problems:
        raise ConfigError("class_weights: " + " ".join(problems))
    return jnp.asarray([setting.get(name, 1.0) for name in classes], jnp.float32)


def _is_off(number: float | Array) -> bool:
    return isinstance(number, float) and number == 0.0
