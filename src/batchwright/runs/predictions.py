"""A trained model applied to new rows: predictions, and metrics where the rows have targets."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import jax.numpy as jnp
import numpy as np
import polars as pl

from batchwright import _cache
from batchwright.data.again import part_of
from batchwright.data.dataset import Split, fingerprint
from batchwright.data.encoding import Encoding, encode_labelled, encode_new
from batchwright.data.sources import Source
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
    """What a model says of rows.

    `answers` [rows] are class names, labels with the separator between them, or values in the target's own unit;
    `probabilities` [rows, classes] are those of `classes`, None for values; `quantiles` [rows, levels] those of a model
    that was trained to give some, else None. Of several targets, `answers` are [rows, targets] and `parts` has all of
    this for each.
    """

    target: str
    answers: np.ndarray
    classes: tuple[str, ...] = ()
    probabilities: np.ndarray | None = None
    levels: tuple[float, ...] = ()
    quantiles: np.ndarray | None = None
    parts: tuple["Predictions", ...] = ()

    def __repr__(self) -> str:
        """How many rows, and the first answers."""
        form = ".20" if self.answers.dtype.kind == "U" else ".4g" if self.answers.ndim == 1 else ""
        first = ", ".join(format(answer, form) for answer in self.answers[:5])
        more = ", ..." if len(self.answers) > 5 else ""
        return f"<Predictions of {self.target:.40} for {len(self.answers):,} rows: {first}{more}>"

    def frame(self) -> pl.DataFrame:
        """A column of answers, named after the target, and one for the probability of each class or each quantile.

        Of several targets these columns are there for each, `probability_TARGET_CLASS` and `quantile_TARGET_LEVEL`.
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
    """What a model, or the model of a run, says of the rows of a source, in their order; they need no targets.

    Raises:
        DataError: the rows are not of the kind that the model was trained on.
    """
    _cache.use()
    model = _loaded(model)
    inputs = encode_new(source, model.encoding)
    found = outputs(model.model, model.variables, {name: jnp.asarray(array) for name, array in inputs.items()})
    return _predictions(model.model.task, model.encoding.target.name, found)


def _predictions(task: Task, target: str, outputs: np.ndarray) -> Predictions:
    """What the outputs of a network mean."""
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
    """The metrics of a model on rows; what a user should know of the rows, and of the answers, one sentence each.

    `per_class` is None but for a model of one target of classes. `by_target` has the same for each of several targets
    that is a class; of labels, for each label, the rows `without` and `with` it.
    """

    metrics: dict[str, float]
    notes: tuple[str, ...]
    remarks: tuple[str, ...]
    per_class: PerClass | None = None
    by_target: Mapping[str, PerClass] = field(default_factory=dict)


def evaluate_on(model: SavedModel | Run, source: Source, *, weights: str | None = None) -> Evaluation:
    """How good a model, or the model of a run, is on the rows of a source, which have targets.

    Args:
        model: what is evaluated.
        source: the rows.
        weights: the column of their weights; None takes that of the training, if the source has it.

    Raises:
        DataError: the rows are not of the kind that the model was trained on, or have no targets, or no such weights.
    """
    _cache.use()
    loaded = _loaded(model)
    found = encode_labelled(source, loaded.encoding, weights=weights)
    split = Split(found.inputs, found.targets, found.weights)
    own = _rows_of_training(model, split, loaded.encoding) if isinstance(model, Run) else ()
    judged = judge(loaded.model, loaded.variables, to_device(split))
    return Evaluation(judged.metrics, (*found.notes, *own), judged.remarks, judged.per_class, judged.by_target)


def _rows_of_training(run: Run, rows: Split, encoding: Encoding) -> tuple[str, ...]:
    """A note where rows, in this order, are those that a run was trained, validated and tested on."""
    try:
        indices = run.indices()
    except RunError:  # without its splits a run can still be evaluated
        return ()
    places = {name: chosen for name, chosen in vars(indices).items() if len(chosen)}
    if sum(map(len, places.values())) != rows.rows or max(chosen.max() for chosen in places.values()) >= rows.rows:
        return ()
    parts = {name: part_of(rows, chosen) for name, chosen in places.items()}
    hashes = {name: row_hashes(part.inputs) for name, part in parts.items()}
    if fingerprint(parts, hashes, encoding) != run.manifest.fingerprint:
        return ()
    share = len(places["train"]) / rows.rows
    found = f"these are the rows of the run itself, and it was trained on {share:.0%} of them"
    return (f"{found}: how good it is on others, its metrics on the test rows say",)


def _loaded(model: object) -> SavedModel:
    """The model itself, or that of a run."""
    if isinstance(model, Run):
        return model.load_model()
    if not isinstance(model, SavedModel):
        raise ConfigError(
            f"a prediction takes a run, as open_run('runs/digits-1'), or the model of one that was trained, as "
            f"trained.model, but not {model!r:.60}."
        )
    return model
