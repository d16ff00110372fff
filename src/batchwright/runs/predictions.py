"""A trained model applied to new rows: predictions, and metrics where the rows have targets."""

from dataclasses import dataclass

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
from batchwright.tasks import Classification, Regression
from batchwright.tasks.per_class import PerClass
from batchwright.training.evaluate import judge, outputs
from batchwright.training.state import to_device


@dataclass(frozen=True)
class Predictions:
    """What a model says of rows.

    `answers` [rows] are class names, or values in the target's own unit; `probabilities` [rows, classes] are those of
    `classes`, None for values; `quantiles` [rows, levels] those of a model that was trained to give some, else None.
    """

    target: str
    answers: np.ndarray
    classes: tuple[str, ...] = ()
    probabilities: np.ndarray | None = None
    levels: tuple[float, ...] = ()
    quantiles: np.ndarray | None = None

    def __repr__(self) -> str:
        """How many rows, and the first answers."""
        form = ".20" if self.classes else ".4g"
        first = ", ".join(format(answer, form) for answer in self.answers[:5])
        more = ", ..." if len(self.answers) > 5 else ""
        return f"<Predictions of {self.target:.40} for {len(self.answers):,} rows: {first}{more}>"

    def frame(self) -> pl.DataFrame:
        """A column of answers, named after the target, and one for the probability of each class or each quantile."""
        columns = {f"predicted_{self.target}": self.answers}
        if self.probabilities is not None:
            columns |= {f"probability_{name}": self.probabilities[:, k] for k, name in enumerate(self.classes)}
        if self.quantiles is not None:
            columns |= {f"quantile_{level:g}": self.quantiles[:, k] for k, level in enumerate(self.levels)}
        return pl.DataFrame(columns)


def predict(model: SavedModel | Run, source: Source) -> Predictions:
    """What a model, or the model of a run, says of the rows of a source, in their order; they need no targets.

    Raises:
        DataError: the rows are not of the kind that the model was trained on.
    """
    _cache.use()
    model = _loaded(model)
    inputs = encode_new(source, model.encoding)
    found = outputs(model.model, model.variables, {name: jnp.asarray(array) for name, array in inputs.items()})
    target, task = model.encoding.target.name, model.model.task
    if isinstance(task, Classification):
        return Predictions(target, task.decode(found), task.classes, task.probabilities(found))
    if isinstance(task, Regression) and (quantiles := task.decode_quantiles(found)) is not None:
        return Predictions(target, task.decode(found), levels=task.levels, quantiles=quantiles[:, 0])
    return Predictions(target, task.decode(found))


@dataclass(frozen=True)
class Evaluation:
    """The metrics of a model on rows; what a user should know of the rows, and of the answers, one sentence each.

    `per_class` is None for a model that does not tell classes apart.
    """

    metrics: dict[str, float]
    notes: tuple[str, ...]
    remarks: tuple[str, ...]
    per_class: PerClass | None = None


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
    return Evaluation(judged.metrics, (*found.notes, *own), judged.remarks, judged.per_class)


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
