"""A trained model applied to new rows: predictions, and metrics where the rows have targets."""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
import polars as pl

from batchwright import _cache
from batchwright.data.dataset import Split
from batchwright.data.encoding import encode_labelled, encode_new
from batchwright.data.sources import Source
from batchwright.errors import ConfigError
from batchwright.runs.model import SavedModel
from batchwright.runs.run import Run
from batchwright.tasks import Classification
from batchwright.training.evaluate import judge, outputs
from batchwright.training.state import to_device


@dataclass(frozen=True)
class Predictions:
    """What a model says of rows.

    `answers` [rows] are class names, or values in the target's own unit; `probabilities` [rows, classes] are those of
    `classes`, None for values.
    """

    target: str
    answers: np.ndarray
    classes: tuple[str, ...] = ()
    probabilities: np.ndarray | None = None

    def __repr__(self) -> str:
        """How many rows, and the first answers."""
        form = ".20" if self.classes else ".4g"
        first = ", ".join(format(answer, form) for answer in self.answers[:5])
        more = ", ..." if len(self.answers) > 5 else ""
        return f"<Predictions of {self.target:.40} for {len(self.answers):,} rows: {first}{more}>"

    def frame(self) -> pl.DataFrame:
        """A column of answers, named after the target, and one for the probability of each class."""
        columns = {f"predicted_{self.target}": self.answers}
        if self.probabilities is not None:
            columns |= {f"probability_{name}": self.probabilities[:, k] for k, name in enumerate(self.classes)}
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
    return Predictions(target, task.decode(found))


@dataclass(frozen=True)
class Evaluation:
    """The metrics of a model on rows; what a user should know of the rows, and of the answers, one sentence each."""

    metrics: dict[str, float]
    notes: tuple[str, ...]
    remarks: tuple[str, ...]


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
    model = _loaded(model)
    found = encode_labelled(source, model.encoding, weights=weights)
    split = Split(found.inputs, found.targets, found.weights)
    judged = judge(model.model, model.variables, to_device(split))
    return Evaluation(judged.metrics, found.notes, judged.remarks)


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
