"""Apply a trained model to new rows: predictions, and metrics if the rows have targets."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import jax.numpy as jnp
import numpy as np
import polars as pl

from batchwright import _cache
from batchwright.data.dataset import Split, fingerprint
from batchwright.data.encode.encoding import Encoding
from batchwright.data.formats.source import Source
from batchwright.data.new_rows import encode_labelled, encode_new
from batchwright.data.splitting import row_hashes
from batchwright.errors import ConfigError, RunError
from batchwright.runs.model import SavedModel
from batchwright.runs.run import Run
from batchwright.tasks import Classification, Multilabel, Regression, Several, Task
from batchwright.tasks.per_class import PerClass
from batchwright.training.evaluate import judge, outputs
from batchwright.training.state import to_device


@dataclass(frozen=True)
class Predictions:
    """The predictions of a model for some rows.

    `answers` [rows] holds class names, labels with the separator between them, or values in the target's own unit;
    `probabilities` [rows, classes] belong to `classes`, None for values; `quantiles` [rows, levels] come from a model
    that was trained to give them, else None. For several targets, `answers` is [rows, targets] and `parts` holds the
    predictions for each target.
    """

    target: str
    answers: np.ndarray
    classes: tuple[str, ...] = ()
    probabilities: np.ndarray | None = None
    levels: tuple[float, ...] = ()
    quantiles: np.ndarray | None = None
    parts: tuple["Predictions", ...] = ()

    def __repr__(self) -> str:
        """The number of rows, and the first answers."""
        form = ".20" if self.answers.dtype.kind == "U" else ".4g" if self.answers.ndim == 1 else ""
        first = ", ".join(format(answer, form) for answer in self.answers[:5])
        more = ", ..." if len(self.answers) > 5 else ""
        return f"<Predictions of {self.target:.40} for {len(self.answers):,} rows: {first}{more}>"

    def frame(self) -> pl.DataFrame:
        """A column of answers, named after the target, and one for the probability of each class or each quantile.

        For several targets there are such columns for each, `probability_TARGET_CLASS` and `quantile_TARGET_LEVEL`.
        """
        if self.parts:
            return pl.DataFrame(
                {name: cells for part in self.parts for name, cells in part._columns(part.target + "_")}
            )
        return pl.DataFrame(dict(self._columns("")))

    def _columns(self, prefix: str) -> Iterator[tuple[str, np.ndarray]]:
        yield f"predicted_{self.target}", self.answers
        if self.probabilities is not None:
            for place, name in enumerate(self.classes):
                yield f"probability_{prefix}{name}", self.probabilities[:, place]
        if self.quantiles is not None:
            for place, level in enumerate(self.levels):
                yield f"quantile_{prefix}{level:g}", self.quantiles[:, place]


def predict(model: SavedModel | Run, source: Source) -> Predictions:
    """Predict the rows of a source, in their order, with a model or the model of a run; the rows need no targets.

    Raises:
        DataError: the rows are not of the kind that the model was trained on.
    """
    _cache.use()
    model = _load_model(model)
    inputs = encode_new(source, model.encoding)
    found = outputs(model.model, model.variables, {name: jnp.asarray(array) for name, array in inputs.items()})
    return _predictions(model.model.task, model.encoding.target.name, found)


def _predictions(task: Task, target: str, outputs: np.ndarray) -> Predictions:
    """Turn the outputs of a network into predictions."""
    answers = task.decode(outputs)
    if isinstance(task, Classification | Multilabel):
        return Predictions(target, answers, task.classes, task.probabilities(outputs))
    if isinstance(task, Several):
        heads = zip(task.heads, task.names, task.by_head(outputs), strict=True)
        return Predictions(target, answers, parts=tuple(_predictions(*head) for head in heads))
    if not isinstance(task, Regression):
        return Predictions(target, answers)
    quantiles = task.decode_quantiles(outputs)
    wide = answers.reshape(len(answers), task.targets)
    each = tuple(
        Predictions(name, wide[:, place])
        if quantiles is None
        else Predictions(name, wide[:, place], levels=task.levels, quantiles=quantiles[:, place])
        for place, name in enumerate(task.names or (target,))
    )
    return each[0] if len(each) == 1 else Predictions(target, answers, parts=each)


@dataclass(frozen=True)
class Evaluation:
    """The metrics of a model on rows, and notes that a user should know about the rows and the answers.

    `per_class` is there for a model of one target of classes. `by_target` has the same for each of several targets
    that is a class; of labels, for each label, the rows `without` and `with` it.
    """

    metrics: dict[str, float]
    notes: tuple[str, ...]
    remarks: tuple[str, ...]
    per_class: PerClass | None = None
    by_target: Mapping[str, PerClass] = field(default_factory=dict)


def evaluate_on(model: SavedModel | Run, source: Source, *, weights: str | None = None) -> Evaluation:
    """Evaluate a model, or the model of a run, on the rows of a source, which have targets.

    Args:
        model: the model to evaluate.
        source: the rows.
        weights: the column of their weights; None takes the column used in training, if the source has it.

    Raises:
        DataError: the rows are not of the kind that the model was trained on, or have no targets, or no such weights.
    """
    _cache.use()
    loaded = _load_model(model)
    found = encode_labelled(source, loaded.encoding, weights=weights)
    own = _rows_of_training(model, found.rows, loaded.encoding) if isinstance(model, Run) else ()
    judged = judge(loaded.model, loaded.variables, to_device(found.rows))
    return Evaluation(judged.metrics, (*found.notes, *own), judged.remarks, judged.per_class, judged.by_target)


def _rows_of_training(run: Run, rows: Split, encoding: Encoding) -> tuple[str, ...]:
    """A note if rows, in this order, are the ones that a run was trained, validated and tested on."""
    try:
        indices = run.indices()
    except RunError:  # without its splits a run can still be evaluated
        return ()
    places = {name: chosen for name, chosen in vars(indices).items() if len(chosen)}
    if sum(map(len, places.values())) != rows.rows or max(chosen.max() for chosen in places.values()) >= rows.rows:
        return ()
    parts = {name: rows.take(chosen) for name, chosen in places.items()}
    hashes = {name: row_hashes(part.inputs) for name, part in parts.items()}
    if fingerprint(parts, hashes, encoding) != run.manifest.fingerprint:
        return ()
    share = len(places["train"]) / rows.rows
    found = f"these are the rows of the run itself, and it was trained on {share:.0%} of them"
    return (f"{found}: how good it is on others, its metrics on the test rows say",)


def _load_model(model: object) -> SavedModel:
    """The model itself, or the model of a run."""
    if isinstance(model, Run):
        return model.load_model()
    if not isinstance(model, SavedModel):
        raise ConfigError(
            f"a prediction takes a run, as open_run('runs/digits-1'), or the model of one that was trained, as "
            f"trained.model, but not {model!r:.60}."
        )
    return model
