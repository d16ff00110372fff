"""What a trained model goes by: columns by importance, how answers depend on them, weak segments, worst rows."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from batchwright import _cache
from batchwright._shown import Drawings, Shown
from batchwright.data.encode.preprocessing import Preprocessing
from batchwright.data.formats.source import Source
from batchwright.data.typed.table import Table
from batchwright.errors import RunError
from batchwright.explanation.asked_model import AskedModel, true_answers
from batchwright.explanation.correlated import CorrelatedPair, correlated_pairs, group_correlated
from batchwright.explanation.dependence import Dependence, by_span, dependence
from batchwright.explanation.importance import REPEATS, ColumnImportance, importance
from batchwright.explanation.places import InputPlaces, places_of
from batchwright.explanation.rows import LabelledRows, rows_of_run, rows_of_source
from batchwright.explanation.sampling import Sample, choose_columns, draw_rows
from batchwright.explanation.segments import Segment, weak_segments
from batchwright.explanation.worst import WorstRow, worst_rows
from batchwright.runs.model import SavedModel
from batchwright.runs.run import Run, open_run
from batchwright.tasks import Classification

MOST_DEPENDENCES = 10
"""Columns whose dependence is computed: the most important."""


@dataclass(frozen=True)
class Explained(Shown):
    """What a model goes by, on some rows.

    Args:
        part: what these rows are: "test", "validation" or "train" of the run, or the name of a source.
        rows: how many there are.
        loss: the mean loss on them.
        importance: by column, the most important first.
        groups: the same of groups of columns that go with each other, shuffled as one.
        correlated: the pairs of columns that go with each other.
        dependence: how the answers change with each of the most important columns, the widest change first.
        segments: kinds of rows that are answered worse than the others.
        error: what the error of a segment is, such as "share of wrong answers".
        worst: the rows with the largest losses.
        notes: what a person should know, one sentence each.
    """

    part: str
    rows: int
    loss: float
    importance: tuple[ColumnImportance, ...]
    groups: tuple[ColumnImportance, ...]
    correlated: tuple[CorrelatedPair, ...]
    dependence: tuple[Dependence, ...]
    segments: tuple[Segment, ...]
    error: str
    worst: tuple[WorstRow, ...]
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        """The rows, and the most important columns."""
        first = ", ".join(one.name for one in self.importance[:3])
        return f"<Explained on {self.rows:,} {self.part:.40} rows: {first or 'no columns'}>"

    def drawings(self) -> Drawings:
        """What draws each figure, by name, or why there is none."""
        from batchwright.explanation.drawing import explained_drawings

        return explained_drawings(self)

    def frames(self) -> dict[str, pl.DataFrame]:
        """All tables by name, each as a data frame: importance, groups, correlated, dependence, segments, worst."""
        return {
            "importance": _importance_frame(self.importance),
            "groups": _importance_frame(self.groups),
            "correlated": pl.DataFrame([asdict(pair) for pair in self.correlated], CORRELATED),
            "dependence": _dependence_frame(self.dependence),
            "segments": pl.DataFrame([asdict(segment) for segment in self.segments], SEGMENTS),
            "worst": _worst_frame(self.worst),
        }

    def to_json(self) -> dict[str, Any]:
        """All of it as plain data."""
        dependence = [
            {"column": one.column, "values": one.values, "answers": one.answers}
            | {name: getattr(one, name).tolist() for name in ("mean", "low", "high")}
            for one in self.dependence
        ]
        tables = {name: [asdict(one) for one in getattr(self, name)] for name in ("importance", "groups", "correlated")}
        found = {"part": self.part, "rows": self.rows, "loss": self.loss, **tables, "dependence": dependence}
        return found | {
            "segments": [asdict(segment) for segment in self.segments],
            "error": self.error,
            "worst": [asdict(row) for row in self.worst],
            "notes": self.notes,
        }


CORRELATED = {"first": pl.String, "second": pl.String, "correlation": pl.Float64}
SEGMENTS = {
    "column": pl.String,
    "condition": pl.String,
    "rows": pl.Int64,
    "error": pl.Float64,
    "others": pl.Float64,
}


def _importance_frame(found: tuple[ColumnImportance, ...]) -> pl.DataFrame:
    rows = [(one.name, one.increase, one.low, one.high) for one in found]
    names = {"columns": pl.String, "increase": pl.Float64, "low": pl.Float64, "high": pl.Float64}
    return pl.DataFrame(rows, names, orient="row")


def _dependence_frame(found: tuple[Dependence, ...]) -> pl.DataFrame:
    """A row for each column, value and answer."""
    rows = [
        (one.column, str(value), answer, *(float(part[place, number]) for part in (one.mean, one.low, one.high)))
        for one in found
        for place, value in enumerate(one.values)
        for number, answer in enumerate(one.answers)
    ]
    texts = dict.fromkeys(("column", "value", "answer"), pl.String)
    return pl.DataFrame(rows, texts | dict.fromkeys(("mean", "low", "high"), pl.Float64), orient="row")


def _worst_frame(found: tuple[WorstRow, ...]) -> pl.DataFrame:
    """A row for each row, with its cells as columns `cell_NAME`."""
    rows = [
        {"place": row.place, "true": str(row.true), "answer": str(row.answer), "loss": row.loss}
        | ({} if row.probability is None else {"probability": row.probability})
        | {f"cell_{name}": value for name, value in row.cells.items()}
        for row in found
    ]
    return pl.DataFrame(rows, infer_schema_length=None)


def explain(run: Run | Path | str, source: Source | None = None, *, seed: int = 0) -> Explained:
    """Explain the model of a run on its own test rows, or on the rows of a source, which have targets.

    Args:
        run: the run, or its folder.
        source: the rows; None takes the run's test rows, or validation rows where it has none.
        seed: of what is drawn: the orders in which columns are shuffled, and the rows where there are many.

    Raises:
        UsageError: neither a run nor a path.
        RunError: there is no readable run, it has no model, or its rows cannot be read again, or there is only one.
        DataError: the rows are not of the kind that the model was trained on, or have no targets.
    """
    _cache.use()
    run = run if isinstance(run, Run) else open_run(run)
    model = run.load_model()
    labelled = rows_of_run(run) if source is None else rows_of_source(source, model.encoding)
    return explain_rows(model, labelled, seed=seed)


def explain_rows(model: SavedModel, labelled: LabelledRows, *, seed: int = 0) -> Explained:
    """Explain a model on rows that are encoded for it.

    Raises:
        RunError: there is only one row.
    """
    split, answering = labelled.split, AskedModel(model)
    if split.rows < 2:
        raise RunError(f"{labelled.part} has {split.rows} row, and a model is explained on two or more.")
    outputs = answering.outputs(split.inputs)
    losses = answering.losses(outputs, split.targets)
    if not np.isfinite(losses).all():
        raise RunError("the model answers with numbers that are not finite, so that nothing can be said of it.")
    weights = np.ones(split.rows) if split.weights is None else split.weights.astype(np.float64)
    true, answers = true_answers(answering.task, split.targets), answering.task.decode(outputs)
    wrong = (true != answers).astype(np.float64) if isinstance(answering.task, Classification) else None
    table, made = labelled.rows, model.encoding.preprocessing
    places = places_of(made) if isinstance(table, Table) else {}
    names, how_chosen = choose_columns(answering, split.inputs, places)
    sample = draw_rows(split, weights, len(names), repeats=REPEATS, seed=seed)
    pairs = correlated_pairs(sample.split.inputs, places, names)

    def shuffle(groups: tuple[tuple[str, ...], ...]) -> tuple[ColumnImportance, ...]:
        return _importance(answering, sample, groups, places, seed)

    found = shuffle(tuple((name,) for name in names))
    return Explained(
        labelled.part,
        split.rows,
        float(weights @ losses / weights.sum()),
        found,
        shuffle(group_correlated(pairs)),
        pairs,
        _dependences(answering, sample, table, made, [one.name for one in found]) if names else (),
        weak_segments(table, names, losses if wrong is None else wrong, weights) if isinstance(table, Table) else (),
        "mean loss" if wrong is None else "share of wrong answers",
        worst_rows(labelled, losses, true, answers, answering.probability_of_true(outputs, split.targets)),
        (*labelled.notes, *_notes(how_chosen, len(names), split.rows, len(sample.chosen))),
    )


def _importance(
    answering: AskedModel,
    sample: Sample,
    groups: tuple[tuple[str, ...], ...],
    places: Mapping[str, InputPlaces],
    seed: int,
) -> tuple[ColumnImportance, ...]:
    """The importance of groups of columns, on the sample."""
    targets = sample.split.targets
    return importance(
        lambda inputs: answering.losses(answering.outputs(inputs), targets),
        sample.split.inputs,
        groups,
        places,
        weights=sample.weights,
        seed=seed,
    )


def _dependences(
    answering: AskedModel, sample: Sample, table: object, made: object, columns: list[str]
) -> tuple[Dependence, ...]:
    """The dependence on the first of these columns, on the sample."""
    assert isinstance(table, Table)
    assert isinstance(made, Preprocessing)
    places, some = places_of(made), table.take(sample.chosen)
    found = [
        dependence(answering.values, some, sample.split.inputs, column, places[column], made)
        for column in columns[:MOST_DEPENDENCES]
    ]
    return by_span([one for one in found if one is not None])


def _notes(how_chosen: str, columns: int, rows: int, drawn: int) -> tuple[str, ...]:
    """What was not looked at."""
    some = f"columns are shuffled in {drawn:,} of the {rows:,} rows, drawn by the seed"
    return (*((how_chosen,) if how_chosen else ()), *((some,) if columns and drawn < rows else ()))
