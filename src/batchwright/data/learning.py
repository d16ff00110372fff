"""Decisions about a source that are the same whether all of its rows are in memory or read in pieces."""

import dataclasses

import numpy as np
from jaxtyping import Shaped

from batchwright.data.encode.encoding import Encoding, ImagePreprocessing, label_table
from batchwright.data.encode.labels import LabelTarget, labels_note, looks_like_labels
from batchwright.data.encode.several import SeveralTargets, Target, each_target, fit_targets, refit_scale
from batchwright.data.encode.targets import ClassTarget
from batchwright.data.formats.format import Rows
from batchwright.data.options import DataOptions
from batchwright.data.roles import split_key
from batchwright.data.splitting import Indices, split
from batchwright.data.typed.schema import Schema
from batchwright.data.typed.table import Table


def divide(
    rows: Rows,
    names: tuple[str, ...],
    options: DataOptions,
    *,
    own_test: bool,
    seed: int,
    lenient: bool = False,
    known: Target | None = None,
) -> tuple[Target, Indices]:
    """The target, its scale learned from the training rows, and the rows of each part.

    Args:
        rows: all rows; for a table, at least the targets and the column for the split.
        names: the targets.
        options: how rows are split.
        own_test: whether other rows replace the test split.
        seed: seed of the split, at least 0.
        lenient: as for `fit_target`.
        known: the target, where it need not be learned.

    Raises:
        DataError: the column cannot be a target, or rows cannot be split as requested.
        ConfigError: an option is out of range.
    """
    table = rows if isinstance(rows, Table) else label_table(rows)
    target = known or fit_targets(table, names, task=options.task, separator=options.label_separator, lenient=lenient)
    method = options.method
    if method in ("group", "time"):
        by = split_key(table, options)
    elif method == "stratified" and isinstance(target, ClassTarget):
        by = target.encode(table)
    else:
        by = np.zeros(table.rows, np.int8)
    test_split = 0.0 if own_test else options.test_split
    indices = split(by, method, validation_split=options.validation_split, test_split=test_split, seed=seed)
    return target if known is not None else refit_scale(target, table, indices.train, lenient=lenient), indices


def left_out_columns(table: Table, options: DataOptions) -> dict[str, str]:
    """The columns that are no inputs because they have another role, and which one.

    Raises:
        DataError: there is no such column.
    """
    reasons = {options.weights: "weights of the rows", options.group: "groups of the split"}
    return {table.column(name).name: reason for name, reason in reasons.items() if name is not None}


def image_encoding(shape: tuple[int, int, int], target: Target, options: DataOptions) -> Encoding:
    """The encoding of images of this height, width and number of channels."""
    return Encoding(
        Schema((), target.name, target.task, target.classes), ImagePreprocessing(shape), target, options.reading
    )


def schema_of_test(encoding: Encoding, options: DataOptions) -> Schema:
    """The schema for reading a test source: besides the inputs, it must have target and weights."""
    needed = (*encoding.schema.targets, options.weights)
    columns = (dataclasses.replace(c, used=c.used or c.name in needed) for c in encoding.schema.columns)
    return dataclasses.replace(encoding.schema, columns=tuple(columns))


def found_notes(rows: Rows, target: Target) -> tuple[str, ...]:
    """Notes on reading the rows, on doubts about the kind of their targets, and on how labels are split."""
    if not isinstance(rows, Table):
        return rows.notes
    columns = [rows.column(name) for name in target.columns]
    doubtful = (f"target {column.name!r}: {column.note}" for column in columns if column.used and column.note)
    if isinstance(target, LabelTarget):
        return (*rows.notes, *doubtful, labels_note(rows, target))
    parts = target.parts if isinstance(target, SeveralTargets) else (target,)
    examples = {part.name: looks_like_labels(part.classes) for part in parts}
    unsplit = (
        f"target {name!r}: classes such as {example!r:.60} look like several labels in a cell; "
        "`task.name=multilabel` takes them apart"
        for name, example in examples.items()
        if example is not None
    )
    return (*rows.notes, *doubtful, *unsplit)


def source_notes(found: tuple[str, ...], own_test: Rows | None, encoding: Encoding) -> tuple[str, ...]:
    """Notes on the source and on its own test rows, and on the columns that are not used, with the reason."""
    columns = [
        column for column in encoding.schema.columns if column.note and column.name not in encoding.schema.targets
    ]
    notes = [*found, *(f"column {column.name!r}: {column.note}" for column in columns)]
    if own_test is not None:
        notes += [
            f"the {own_test.rows:,} test rows of {own_test.name} take the place of the test split",
            *own_test.notes,
        ]
    return tuple(dict.fromkeys(notes))


def uneven_note(indices: Indices, options: DataOptions, *, own_test: bool) -> tuple[str, ...]:
    """The parts that differ from the requested size by half or more, which whole groups and times may cause."""
    if options.method not in ("group", "time"):
        return ()
    wanted = {"validation": options.validation_split, "test": 0.0 if own_test else options.test_split}
    rows = len(indices.train) + len(indices.validation) + len(indices.test)
    found = {name: len(getattr(indices, name)) / rows for name in wanted}
    uneven = [
        f"{found[name]:.0%} of the rows are for {name}, not {share:.0%}"
        for name, share in wanted.items()
        if abs(found[name] - share) * rows > max(1.0, share * rows / 2)
    ]
    return (f"{', and '.join(uneven)}: rows of the same {options.method} stay together",) if uneven else ()


def unlearned_note(encoded: Shaped[np.ndarray, "train ..."], target: Target) -> tuple[str, ...]:
    """The classes and labels that no training row has, which splitting may cause; none for a regression."""
    if isinstance(target, LabelTarget):
        absent = [name for name, rows in zip(target.classes, encoded.T, strict=True) if not rows.any()]
        return (f"no training row has the label {', '.join(absent[:10])}",) if absent else ()
    return tuple(
        note for one, codes in each_target(target, encoded) for note in _absent_classes_note(one, codes, target)
    )


def _absent_classes_note(one: Target, codes: Shaped[np.ndarray, " train"], target: Target) -> list[str]:
    missing = [name for code, name in enumerate(one.classes) if not np.any(codes == code)]
    which = "" if one is target else f" of {one.name!r}"
    return [f"no training row is of class {', '.join(missing[:10])}{which}"] if missing else []
