"""Apply a trained model to new rows: predictions, and metrics if the rows have targets."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import add
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl

from batchwright import _cache
from batchwright.data.dataset import Split, fingerprint
from batchwright.data.encode.encoding import Encoding
from batchwright.data.encode.preprocessing import Preprocessing
from batchwright.data.encode.unfamiliar import Unfamiliar, count_unfamiliar
from batchwright.data.formats.given import to_path
from batchwright.data.formats.source import Source
from batchwright.data.new_rows import encode_labelled
from batchwright.data.typed.bad_cells import dropped_note
from batchwright.data.typed.cells import BadCells
from batchwright.data.typed.hashes import row_hashes
from batchwright.data.typed.table import Table
from batchwright.data.whole_rows import WholeRows, level, read_whole
from batchwright.errors import ConfigError, DataError, RunError, UsageError
from batchwright.nn.ensembles import submodels_of
from batchwright.runs.intervals import coverage_of, cutoffs_of, promise_notes, set_texts
from batchwright.runs.model import SavedModel
from batchwright.runs.run import Run
from batchwright.tasks import Classification, Multilabel, Regression, Several, Task
from batchwright.tasks.conformal import interval_of, prediction_set
from batchwright.tasks.coverage import Coverage
from batchwright.tasks.per_class import PerClass
from batchwright.tasks.regression import limit_note
from batchwright.tasks.uncertainty import deviation
from batchwright.training.evaluate import ROWS_AT_ONCE, answers_of, judge_answers, outputs, outputs_of_submodels
from batchwright.training.state import to_device


@dataclass(frozen=True)
class Predictions:
    """The predictions of a model for some rows.

    `answers` [rows] holds class names, labels with the separator between them, or values in the target's own unit;
    `probabilities` [rows, classes] belong to `classes`, None for values; `quantiles` [rows, levels] come from a model
    that was trained to give them, else None. For several targets, `answers` is [rows, targets] and `parts` holds the
    predictions for each target. `uncertainty`, if it was asked for, is the standard deviation among the submodels or
    members of an ensemble: of the value, or of the probability of the predicted class [rows], or of each label
    [rows, labels].

    `lower` and `upper` [rows] are the ends of the interval of a value, and `sets` [rows, classes] tells which classes
    or labels are in the set of a row, if a level was asked for (`batchwright.tasks.conformal`).

    `answered` [rows] is False for rows that do not fit, which have no answer: NaN, or an empty text; None where all
    rows have one. `limited` counts rows with a value at its limit. `kept` are columns of the source, and `notes` say
    what is unlike the training rows, a sentence each.
    """

    target: str
    answers: np.ndarray
    classes: tuple[str, ...] = ()
    probabilities: np.ndarray | None = None
    levels: tuple[float, ...] = ()
    quantiles: np.ndarray | None = None
    uncertainty: np.ndarray | None = None
    lower: np.ndarray | None = None
    upper: np.ndarray | None = None
    sets: np.ndarray | None = None
    parts: tuple["Predictions", ...] = ()
    answered: np.ndarray | None = None
    kept: pl.DataFrame | None = None
    notes: tuple[str, ...] = ()
    limited: int = 0

    def __repr__(self) -> str:
        """The number of rows, and the first answers."""
        form = ".20" if self.answers.dtype.kind == "U" else ".4g" if self.answers.ndim == 1 else ""
        first = ", ".join(format(answer, form) for answer in self.answers[:5])
        more = ", ..." if len(self.answers) > 5 else ""
        return f"<Predictions of {self.target:.40} for {len(self.answers):,} rows: {first}{more}>"

    def frame(self) -> pl.DataFrame:
        """A column of answers, named after the target, and one for the probability of each class or each quantile.

        For several targets there are such columns for each, `probability_TARGET_CLASS` and `quantile_TARGET_LEVEL`.
        With an interval there are `lower_TARGET` and `upper_TARGET`, or `set_TARGET`, whose classes `|`
        separates, or another sign where a class has that in its name.
        With uncertainty there is `uncertainty_TARGET`; of labels, `uncertainty_LABEL` for each. Columns that were kept
        come first. The cells of a row without an answer are null.

        Raises:
            DataError: a column that was kept has the name of one of these columns.
        """
        answers = pl.DataFrame(dict(self._all_columns()))
        if self.answered is not None:
            answers = answers.with_columns(pl.when(pl.Series(self.answered)).then(pl.all()))
        if self.kept is None:
            return answers
        if taken := [name for name in self.kept.columns if name in answers.columns]:
            raise DataError(
                f"the column {taken[0]!r} cannot be kept: a column of the answers has this name. Rename it in the "
                "source, or leave it out."
            )
        return pl.concat([self.kept, answers], how="horizontal") if self.kept.width else answers

    def _all_columns(self) -> Iterator[tuple[str, np.ndarray]]:
        if not self.parts:
            yield from self._columns("")
        for part in self.parts:
            yield from part._columns(part.target + "_")

    def _columns(self, prefix: str) -> Iterator[tuple[str, np.ndarray]]:
        yield f"predicted_{self.target}", self.answers
        if self.probabilities is not None:
            for place, name in enumerate(self.classes):
                yield f"probability_{prefix}{name}", self.probabilities[:, place]
        if self.quantiles is not None:
            for place, level in enumerate(self.levels):
                yield f"quantile_{prefix}{level:g}", self.quantiles[:, place]
        if self.lower is not None and self.upper is not None:
            yield f"lower_{self.target}", self.lower
            yield f"upper_{self.target}", self.upper
        if self.sets is not None:
            yield f"set_{self.target}", set_texts(self.sets, self.classes)
        if self.uncertainty is not None:
            names, wide = (self.target,), self.uncertainty.reshape(len(self.answers), -1)
            for place, name in enumerate(names if wide.shape[1] == 1 else self.classes):
                yield f"uncertainty_{name}", wide[:, place]


def predict(
    model: SavedModel | Run,
    source: Source,
    *,
    keep: str | Sequence[str] = (),
    on_bad_rows: Literal["stop", "drop"] = "stop",
    uncertainty: bool = False,
    interval: float | None = None,
) -> Predictions:
    """Predict the rows of a source, in their order, with a model or the model of a run; the rows need no targets.

    Args:
        model: the model.
        source: the rows, as for training.
        keep: columns of the source that are put before the answers, as they are written.
        on_bad_rows: "stop" with a list of the cells that do not fit, or "drop" the answers of their rows, which stay.
        uncertainty: whether to give the `uncertainty` of each answer, which submodels or members tell.
        interval: a level in (0, 1), as 0.9: with this probability the true value is between `lower` and `upper`, or in
            one of `sets`, if the rows are like the validation rows of the training.

    Raises:
        DataError: the rows are not of the kind that the model was trained on, or lack a column to keep.
        UsageError: uncertainty, of a model that is no ensemble; or an interval, of a model with too few validation
            rows for this level.
    """
    model = load_model(model)
    cutoffs = cutoffs_of(model, interval)
    found = _answer(model, source, keep=keep, on_bad_rows=on_bad_rows, uncertainty=uncertainty)
    pieces = [(replace(rows, inputs={}), outputs) for rows, outputs in found]
    together = reduce(add, (rows for rows, _ in pieces))
    outputs = jax.tree.map(lambda *arrays: np.concatenate(arrays), *(outputs for _, outputs in pieces))
    made = _predictions_of(model, together, outputs, cutoffs)
    return replace(made, notes=(*made.notes, *promise_notes(model, interval)))


def predict_pieces(
    model: SavedModel,
    source: Source,
    *,
    keep: Sequence[str],
    on_bad_rows: str,
    uncertainty: bool = False,
    interval: float | None = None,
) -> Iterator[tuple[Predictions, WholeRows]]:
    """As `predict`, some rows at a time, and what was found in them, so that the source may have any length."""
    cutoffs = cutoffs_of(model, interval)
    for rows, found in _answer(model, source, keep=keep, on_bad_rows=on_bad_rows, uncertainty=uncertainty):
        yield _predictions_of(model, rows, found, cutoffs), rows


def predictions_of(
    task: Task,
    target: str,
    outputs: np.ndarray,
    *,
    of_submodels: np.ndarray | None = None,
    cutoffs: tuple[float, ...] | None = None,
) -> Predictions:
    """What outputs [rows, outputs] of a network mean to its task; `target` is the target's name.

    From the outputs of submodels [rows, submodels, outputs] there is an uncertainty, from the cutoffs of a level there
    are intervals or sets.
    """
    return _predictions(task, target, _Outputs(outputs, of_submodels), cutoffs)


class _Outputs(NamedTuple):
    """Outputs of a network [rows, outputs], and those of its submodels [rows, submodels, outputs], if asked for."""

    answers: np.ndarray
    of_submodels: np.ndarray | None

    def of_head(self, task: Several, place: int) -> "_Outputs":
        """The outputs of one head of several."""
        each = None if self.of_submodels is None else task.by_head(self.of_submodels)[place]
        return _Outputs(task.by_head(self.answers)[place], each)


def _answer(
    model: SavedModel, source: Source, *, keep: str | Sequence[str], on_bad_rows: str, uncertainty: bool
) -> Iterator[tuple[WholeRows, _Outputs]]:
    """The rows of a source, and the outputs of the network for those that fit, some rows at a time."""
    _cache.use()
    submodels = submodels_of(model.model.network)
    if uncertainty:
        require_submodels(model)
    kept = (keep,) if isinstance(keep, str) else tuple(keep)
    pieces = read_whole(source, model.encoding, keep=kept, on_bad_rows=on_bad_rows)
    for rows in level(pieces, ROWS_AT_ONCE):
        given = model.model, model.variables, {name: jnp.asarray(array) for name, array in rows.inputs.items()}
        if rows.fits.any():
            yield rows, _Outputs(outputs(*given), outputs_of_submodels(*given) if uncertainty else None)
        else:
            yield rows, _no_outputs(model.model.task, 0, submodels if uncertainty else None)


def require_submodels(model: SavedModel) -> None:
    """Raise a UsageError if a model is no ensemble, whose submodels or members tell how uncertain an answer is."""
    if submodels_of(model.model.network) < 2:
        raise UsageError(
            "uncertainty is how much members or submodels of an ensemble differ, and this model answers by a single "
            "network: leave it out, or train with `network.ensemble=8`, submodels that share the weights of one "
            "network, or with `training.members=8`, networks that share nothing, if more than one of them is chosen."
        )


def _no_outputs(task: Task, rows: int, submodels: int | None) -> _Outputs:
    """Outputs of 0 for some rows."""
    each = None if submodels is None else np.zeros((rows, submodels, task.outputs), np.float32)
    return _Outputs(np.zeros((rows, task.outputs), np.float32), each)


def _predictions_of(
    model: SavedModel, rows: WholeRows, found: _Outputs, cutoffs: tuple[float, ...] | None
) -> Predictions:
    """The predictions for all rows, from the outputs for those that fit."""
    target, task = model.encoding.target.name, model.model.task
    notes = (*rows.notes, *unanswered_note(rows.bad, int((~rows.fits).sum()), rows.place), *rows.unfamiliar.notes())
    if rows.fits.all():
        made, asked = _predictions(task, target, found, cutoffs), len(found.answers)
        return replace(made, kept=rows.written, notes=(*notes, *limit_note(made.limited, asked)))
    asked = len(found.answers)
    if not asked:  # for the types of the answers
        found = _no_outputs(task, 1, None if found.of_submodels is None else found.of_submodels.shape[1])
    of_all = _spread(_predictions(task, target, found, cutoffs), rows.fits)
    notes = (*notes, *limit_note(of_all.limited, asked))
    return replace(of_all, kept=rows.written, notes=notes, answered=rows.fits)


def unanswered_note(bad: BadCells, rows: int, place: str) -> tuple[str, ...]:
    """A sentence that counts the rows without an answer and lists the first ten reasons, if there are any."""
    return (dropped_note(bad, rows, place=place, what="without an answer"),) if rows else ()


def _spread(found: Predictions, fits: np.ndarray) -> Predictions:
    """The predictions for rows of which only those that fit have one."""
    return replace(
        found,
        answers=_spread_rows(found.answers, fits),
        probabilities=None if found.probabilities is None else _spread_rows(found.probabilities, fits),
        quantiles=None if found.quantiles is None else _spread_rows(found.quantiles, fits),
        uncertainty=None if found.uncertainty is None else _spread_rows(found.uncertainty, fits),
        lower=None if found.lower is None else _spread_rows(found.lower, fits),
        upper=None if found.upper is None else _spread_rows(found.upper, fits),
        sets=None if found.sets is None else _spread_rows(found.sets.astype(np.float64), fits) == 1,
        parts=tuple(_spread(part, fits) for part in found.parts),
    )


def _spread_rows(cells: np.ndarray, fits: np.ndarray) -> np.ndarray:
    """The cells in the rows that fit, and NaN, an empty text or, for other types, None in the others."""
    nothing: Any = {"U": "", "f": np.nan}.get(cells.dtype.kind)
    spread = np.full((len(fits), *cells.shape[1:]), nothing, cells.dtype if cells.dtype.kind in "Uf" else object)
    spread[fits] = cells[: fits.sum()]
    return spread


def _predictions(task: Task, target: str, found: _Outputs, cutoffs: tuple[float, ...] | None) -> Predictions:
    """Turn the outputs of a network into predictions; with cutoffs, intervals or sets belong to them."""
    answers = task.decode(found.answers)
    if isinstance(task, Several):
        heads = zip(task.heads, task.names, range(len(task.names)), cutoffs or (None,) * len(task.names), strict=True)
        parts = tuple(
            _predictions(head, name, found.of_head(task, place), None if own is None else (own,))
            for head, name, place, own in heads
        )
        return Predictions(target, answers, parts=parts, limited=task.count_limited(found.answers))
    differ = None if found.of_submodels is None else deviation(task, answers, found.of_submodels)
    if isinstance(task, Classification | Multilabel):
        sets = None if cutoffs is None else prediction_set(task, found.answers, cutoffs[0])
        return Predictions(
            target, answers, task.classes, task.probabilities(found.answers), uncertainty=differ, sets=sets
        )
    if not isinstance(task, Regression):
        return Predictions(target, answers, uncertainty=differ)
    return _predicted_values(task, target, found.answers, differ, cutoffs)


def _predicted_values(
    task: Regression, target: str, outputs: np.ndarray, differ: np.ndarray | None, cutoffs: tuple[float, ...] | None
) -> Predictions:
    """The predictions of numbers, each target with its quantiles, its deviation among submodels and its interval."""
    answers, quantiles = task.decode(outputs), task.decode_quantiles(outputs)
    wide = answers.reshape(len(answers), task.targets)
    deviations = None if differ is None else differ.reshape(wide.shape)
    ends = None if cutoffs is None else interval_of(task, outputs, cutoffs)
    each = tuple(
        Predictions(
            name,
            wide[:, place],
            levels=task.levels,
            quantiles=None if quantiles is None else quantiles[:, place],
            uncertainty=None if deviations is None else deviations[:, place],
            lower=None if ends is None else ends[0][:, place],
            upper=None if ends is None else ends[1][:, place],
        )
        for place, name in enumerate(task.names or (target,))
    )
    made = each[0] if len(each) == 1 else Predictions(target, answers, parts=each)
    return replace(made, limited=task.count_limited(outputs))


@dataclass(frozen=True)
class Evaluation:
    """The metrics of a model on rows, and notes that a user should know about the rows and the answers.

    `per_class` is there for a model of one target of classes. `by_target` has the same for each of several targets
    that is a class; of labels, for each label, the rows `without` and `with` it. `unfamiliar` counts cells that are
    unlike those of training; the notes tell it too. `intervals` say how many of the rows the intervals or sets of a
    level hold, for each target; there are none where validation rows are too few for the usual level of 0.9.
    """

    metrics: dict[str, float]
    notes: tuple[str, ...]
    remarks: tuple[str, ...]
    per_class: PerClass | None = None
    by_target: Mapping[str, PerClass] = field(default_factory=dict)
    unfamiliar: Unfamiliar = field(default_factory=Unfamiliar)
    intervals: tuple[Coverage, ...] = ()


def evaluate_on(
    model: SavedModel | Run,
    source: Source,
    *,
    weights: str | None = None,
    on_bad_rows: str = "stop",
    interval: float | None = None,
) -> Evaluation:
    """Evaluate a model, or the model of a run, on the rows of a source, which have targets.

    Args:
        model: the model to evaluate.
        source: the rows.
        weights: the column of their weights; None takes the column used in training, if the source has it.
        on_bad_rows: "stop" with a list of the cells that do not fit, or "drop" their rows and rows without a target.
        interval: the level of intervals and sets; None is 0.9, where the model has what that takes.

    Raises:
        DataError: the rows are not of the kind that the model was trained on, or have no targets, or no such weights.
        UsageError: an interval, of a model with too few validation rows for this level.
    """
    _cache.use()
    loaded = load_model(model)
    cutoffs_of(loaded, interval)  # raises before anything is read
    reading = replace(loaded.encoding.reading, on_bad_rows=on_bad_rows)
    try:
        found = encode_labelled(source, loaded.encoding, weights=weights, options=reading)
    except DataError as error:
        remedy = "`on_bad_rows=drop` does that." if "`on_bad_rows=drop`" in error.remedy else ""
        raise DataError(error.message, remedy) from error
    own: tuple[str, ...] = ()
    if isinstance(model, Run):
        own = _rows_of_training(model, found.rows, loaded.encoding) or _file_of_training(model, source)
    made, unfamiliar = loaded.encoding.preprocessing, Unfamiliar()
    if isinstance(found.source, Table) and isinstance(made, Preprocessing):
        unfamiliar = count_unfamiliar(made, found.source)
    answers = answers_of(loaded.model, loaded.variables, to_device(found.rows))
    judged, intervals = judge_answers(loaded.model.task, *answers), coverage_of(loaded, interval, answers)
    notes = (*found.notes, *unfamiliar.notes(), *own)
    return Evaluation(judged.metrics, notes, judged.remarks, judged.per_class, judged.by_target, unfamiliar, intervals)


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
    learned = ("train", "validation") if run.has_learned_validation else ("train",)
    share = sum(len(places.get(name, ())) for name in learned) / rows.rows
    found = f"these are the rows of the run itself, and it was trained on {share:.0%} of them"
    return (f"{found}: how good it is on others, its metrics on the test rows say",)


def _file_of_training(run: Run, source: Source) -> tuple[str, ...]:
    """A note if a source is the file that a run was trained on, whose rows need not be all that the run used."""
    before = run.manifest.paths.get("data.source")
    if before is None or not isinstance(source, str | os.PathLike):
        return ()
    path = to_path(source)
    if not path.is_file() or str(path.resolve()) != before:
        return ()
    found = f"{path.name} is the file that the run was trained on, so many of these rows were in its training"
    return (f"{found}: how good it is on others, its metrics on the test rows say",)


def load_model(model: object) -> SavedModel:
    """The model itself, or the model of a run."""
    if isinstance(model, Run):
        return model.load_model()
    if not isinstance(model, SavedModel):
        raise ConfigError(
            f"a prediction takes a run, as open_run('runs/digits-1'), or the model of one that was trained, as "
            f"trained.model, but not {model!r:.60}."
        )
    return model
