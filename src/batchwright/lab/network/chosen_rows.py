"""The rows that a small network learns: a set of points, or one or two columns of a user's own table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from batchwright.data.dataset import Dataset
from batchwright.data.encode.classes import ClassTarget
from batchwright.data.encode.encoding import Encoding
from batchwright.data.encode.targets import ValueTarget
from batchwright.data.formats.source import Source, read
from batchwright.data.load import load
from batchwright.data.typed.images import Images
from batchwright.data.typed.table import Table, from_frame
from batchwright.errors import UsageError, unknown
from batchwright.lab.network.point_sets import CLASS, X1, X2, Columns, X, Y

Floats: TypeAlias = NDArray[np.float64]
MOST_CLASSES = 8
MOST_CHOSEN = 2_000
"""Rows of a table that are used; of more, as many are drawn."""
MARGIN = 0.08
"""How much farther than the points a picture reaches, as a share of their range."""
HELD_OUT = 0.25


@dataclass(frozen=True)
class ChosenRows:
    """Rows with one or two columns of numbers, and what is predicted from them.

    Args:
        dataset: training and validation rows, encoded as for any training.
        inputs: the columns of numbers.
        target: the column that is predicted.
        points: the inputs of all rows in their own units, training rows first [rows, inputs].
        targets: the code of the class or the number of each row, in its own unit [rows].
        notes: what a person should know, a sentence each.
    """

    dataset: Dataset
    inputs: tuple[str, ...]
    target: str
    points: Floats
    targets: Floats
    notes: tuple[str, ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes; none where a number is predicted."""
        return self.dataset.target.classes

    @property
    def view(self) -> tuple[tuple[float, float], ...]:
        """For each input, the range that a picture shows."""
        low, high = self.points.min(axis=0), self.points.max(axis=0)
        margin = MARGIN * np.where(high > low, high - low, 1.0)
        return tuple(zip((low - margin).tolist(), (high + margin).tolist(), strict=True))

    def encode(self, points: Floats) -> dict[str, np.ndarray]:
        """Places in the inputs' own units [rows, inputs] as the network gets them."""
        return _encode(self.dataset.encoding, self.inputs, points)


def choose_points(columns: Columns, *, seed: int = 0) -> ChosenRows:
    """The rows of a set of points, from `draw_points`."""
    curve = Y in columns
    inputs, target = ((X,), Y) if curve else ((X1, X2), CLASS)
    return _chosen(pl.DataFrame({**columns}), inputs, target, (), seed=seed)


def choose_columns(
    source: Source, inputs: Sequence[str] = (), target: str | None = None, *, seed: int = 0
) -> ChosenRows:
    """Rows of a user's table with one or two of its columns of numbers; all other columns are left out.

    Rows in which one of these cells is missing are left out, and of more than 2,000 rows as many are drawn; both is
    said in the notes.

    Args:
        source: what `data.load` takes.
        inputs: one or two columns; none: the first two columns of numbers that are not the target.
        target: the column that is predicted: up to eight classes, or a number. None: the table's usual one.
        seed: of the rows that are drawn and held out.

    Raises:
        DataError: the source cannot be read.
        UsageError: there are no such columns, or too few rows.
    """
    table = read_table(source)
    aim = table_target(source, table) if target is None else target
    chosen = _check_inputs(table, tuple(inputs), aim)
    frame = table.frame.select([*(pl.col(name).cast(pl.Float64) for name in chosen), pl.col(aim)])
    known = frame.drop_nulls()
    notes = []
    if left := frame.height - known.height:
        notes.append(f"{left:,} of {frame.height:,} rows are left out: a cell of these columns is missing.")
    if known.height > MOST_CHOSEN:
        notes.append(f"{MOST_CHOSEN:,} of {known.height:,} rows are used, drawn at random.")
        known = known.sample(MOST_CHOSEN, seed=seed)
    if known.height < 8:
        raise UsageError(f"{known.height} rows have all of these cells; a small network needs 8 or more.")
    return _chosen(known, chosen, aim, tuple(notes), seed=seed)


def read_table(source: Source) -> Table:
    """The table of a source.

    Raises:
        DataError: it cannot be read.
        UsageError: it holds images.
    """
    rows = read(source).train
    if isinstance(rows, Images):
        raise UsageError("these are images: a small network needs a table with columns of numbers.")
    return rows


def table_target(source: Source, table: Table) -> str:
    """The column that is usually predicted: the one that the source names, or the last."""
    named = read(source).target
    if isinstance(named, str):
        return named
    return table.columns[-1].name


def number_columns(table: Table, target: str) -> tuple[str, ...]:
    """The columns of numbers besides the target, in which not all numbers are the same.

    Those that a training would take come first; after them what only counts the rows, or is a code of whole numbers.
    """
    found = [
        column
        for column in table.columns
        if column.name != target
        and table.cells(column.name).dtype.is_numeric()
        and table.cells(column.name).drop_nulls().n_unique() > 1
    ]
    return tuple(column.name for column in sorted(found, key=lambda column: column.kind != "numeric"))


def _check_inputs(table: Table, inputs: tuple[str, ...], target: str) -> tuple[str, ...]:
    names = [column.name for column in table.columns]
    for name in (*inputs, target):
        if name not in names:
            raise UsageError(unknown("column", name[:60], names))
    if target in inputs:
        raise UsageError(f"{target[:60]!r} is both an input and the target: choose another column for one of them.")
    numbers = number_columns(table, target)
    if not numbers:
        raise UsageError(f"besides {target[:60]!r}, the table has no column with different numbers{_way_out(table)}")
    if not inputs:
        return numbers[:2]
    if len(inputs) > 2 or len(set(inputs)) < len(inputs):
        raise UsageError("choose one column for a curve, or two different columns for a surface.")
    for name in inputs:
        if name not in numbers:
            one = f" Its only one is {numbers[0][:60]!r}: choose it alone, for a curve." if len(numbers) == 1 else ""
            raise UsageError(f"{name[:60]!r} is not one of the columns with different numbers besides the target.{one}")
    return inputs


def _way_out(table: Table) -> str:
    """What to do without a column of numbers to learn from; another target helps if the target is the only one."""
    if number_columns(table, "") and len(table.columns) > 1:
        return ": choose another target."
    return "; a small network learns from one or two such columns: give a table that has them besides the target."


def _chosen(
    frame: pl.DataFrame, inputs: tuple[str, ...], target: str, notes: tuple[str, ...], *, seed: int
) -> ChosenRows:
    kinds: dict[str, Any] = dict.fromkeys(inputs, "numeric")
    dataset = load(frame, target=target, kinds=kinds, validation_split=HELD_OUT, test_split=0.0, seed=seed)
    if not isinstance(dataset.target, ClassTarget | ValueTarget):
        raise UsageError(f"{target[:60]!r} holds neither classes nor numbers: choose another target.")
    if len(dataset.target.classes) > MOST_CLASSES:
        raise UsageError(
            f"{target[:60]!r} has {len(dataset.target.classes):,} classes; at most {MOST_CLASSES} can be told apart by "
            "colour: choose another target."
        )
    if len(getattr(dataset.preprocessing, "feature_names", ())) != len(inputs):
        raise UsageError("one of these columns has the same number in all rows that are used: choose another.")
    order = np.concatenate([dataset.indices.train, dataset.indices.validation])
    points = np.stack([frame[name].to_numpy() for name in inputs], axis=1).astype(np.float64)[order]
    return ChosenRows(dataset, inputs, target, points, _own_targets(dataset), notes)


def _own_targets(dataset: Dataset) -> Floats:
    """Codes of classes as they are; numbers in their own unit."""
    parts = [part.targets for part in (dataset.train, dataset.validation) if part is not None]
    encoded = np.concatenate(parts).astype(np.float64).reshape(-1)
    target = dataset.target
    return encoded * target.std + target.mean if isinstance(target, ValueTarget) else encoded


def _encode(encoding: Encoding, inputs: tuple[str, ...], points: Floats) -> dict[str, np.ndarray]:
    frame = pl.DataFrame({name: points[:, place] for place, name in enumerate(inputs)})
    table = from_frame(frame, encoding.reading, schema=encoding.schema)
    return encoding.inputs(table)
