"""Divide rows and learn how they are encoded: the same whether they are in memory or on the disk."""

import dataclasses
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import polars as pl
from jaxtyping import Float64, Int64, Shaped

from batchwright.data.encode.classes import class_notes
from batchwright.data.encode.encoding import Encoding, ImagePreprocessing, label_table, leave_out_rare
from batchwright.data.encode.labels import LabelTarget, labels_note, looks_like_labels
from batchwright.data.encode.preprocessing import Constant, EncoderRules, Preprocessing, check_scaling, learn
from batchwright.data.encode.several import (
    SeveralTargets,
    Target,
    check_transform,
    each_target,
    fit_targets,
    refit_scale,
    widen_range,
)
from batchwright.data.encode.targets import ClassRules, ClassTarget, ValueTarget, drop_missing
from batchwright.data.like import encoding_like, known_target, options_like, target_note
from batchwright.data.options import LEAST_HELD_OUT, TEST_SPLIT, VALIDATION_SPLIT, DataOptions, is_too_few_for_one
from batchwright.data.roles import split_key
from batchwright.data.splitting import Indices, split
from batchwright.data.typed.image_names import classes_in_names
from batchwright.data.typed.images import Images
from batchwright.data.typed.rows import AnyRows, Rows
from batchwright.data.typed.schema import Schema
from batchwright.data.typed.table import ColumnSource, Table, column_of
from batchwright.data.weights import drop_weightless, row_weights
from batchwright.errors import ConfigError, DataError

FEW_ROWS = LEAST_HELD_OUT
"""Rows of a validation or test part below which a note says that its metrics say little."""

FAR_SHARE = 0.9
"""The share of the variance of a predicted number from which a single row is noted."""

WIDE = 1e4
"""How many times the lower end of nine tenths of the rows the upper one is, in a positive number that is better learned
as its logarithm: a relative error below is then a ten-thousandth of one above."""

ALIKE = 1e-5
"""The distance between the quartiles of what is learned, in its deviations, below which a far row hides all others:
float32 has seven digits, and a loss has its square."""


class Divided(NamedTuple):
    """How the rows of a source are divided, and their target.

    - target: its scale is learned from the training rows
    - indices: the rows of each part, among the kept rows
    - kept: the positions in the source of the rows that count; None: all
    - notes: on reading, and on what the target was taken for
    - unlearned: on classes that no training row has, and on a target that is learned anew

    It holds no cells, so that those for the split are freed before other columns are read.
    """

    target: Target
    indices: Indices
    kept: Int64[np.ndarray, " kept"] | None
    notes: tuple[str, ...]
    unlearned: tuple[str, ...]

    def positions(self, chosen: Int64[np.ndarray, " chosen"]) -> Int64[np.ndarray, " chosen"]:
        """The positions in the source of rows that are numbered among the kept ones."""
        return chosen if self.kept is None else self.kept[chosen]


def check_options(options: DataOptions, seed: int, like: Encoding | None) -> DataOptions:
    """The options, checked, with names in one form, and as an earlier training needs them.

    Raises:
        ConfigError: an option is out of range, or contradicts another.
    """
    options.check()
    check_scaling(options.scaling)
    if not isinstance(seed, int | np.integer) or isinstance(seed, bool) or seed < 0:
        raise ConfigError(f"seed must be a whole number >= 0, but is {seed!r:.60}.")
    options = options.with_normal_names()
    return options if like is None else options_like(options, like)


def divide(
    source: AnyRows,
    names: tuple[str, ...],
    options: DataOptions,
    *,
    own: tuple[str, ...],
    seed: int,
    lenient: bool = False,
    like: Encoding | None = None,
) -> Divided:
    """Divide the rows of a source; of a table, only the columns that this needs are read.

    Args:
        source: all rows.
        names: the targets.
        options: how rows are split.
        own: the parts, "validation" and "test", that have rows of their own.
        seed: of the split, at least 0.
        lenient: as for `fit_target`.
        like: the encoding of an earlier training, whose target is kept where it fits.

    Raises:
        DataError: the column cannot be a target, or rows cannot be split as requested.
        ConfigError: an option is out of range.
    """
    by = options.group if options.group is not None else options.time
    rows, kept = rows_that_count(source, names, options, also=by)
    known = None if like is None else known_target(rows, names, options, like)
    shares = options.shares(own, rows.rows)
    target = known or _fit(rows, names, options, parts=1 + sum(share > 0 for share in shares.values()), lenient=lenient)
    notes = found_notes(rows, target, told=options.task is not None or known is not None)
    rows, kept = leave_out_rare(rows, kept, target)
    target, indices = _divide(rows, target, options, shares=shares, seed=seed, lenient=lenient, refit=known is None)
    table = rows if isinstance(rows, Table) else label_table(rows)
    codes = () if target.task == "regression" else unlearned_note(target.encode(table)[indices.train], target)
    another = () if like is None else target_note(rows, like, target)
    divided = (*_no_test_note(options, own), *_all_train_note(options, own, indices))
    notes = (*notes, *divided, *_far_notes(target, table, indices), *_decades_notes(target, table, indices))
    return Divided(target, indices, kept, notes, (*codes, *another))


def _far_notes(target: Target, table: Table, indices: Indices) -> tuple[str, ...]:
    """A note on each number if a single training row makes up nearly all of the variance of what is learned of it.

    Raises:
        DataError: beside this row, the others are equal to within what float32 tells apart.
    """
    parts = target.parts if isinstance(target, SeveralTargets) else (target,)
    notes = []
    for part in (part for part in parts if isinstance(part, ValueTarget)):
        values = table.frame[part.name].cast(pl.Float64).to_numpy()[indices.train]
        far = np.abs(part.learned(values, table.name))
        if len(values) > FEW_ROWS and far.max() ** 2 > FAR_SHARE * len(values):
            lower, upper = np.quantile(values, (0.25, 0.75))
            said = (
                f"target {part.name!r}: one training row holds {values[far.argmax()]:.6g}, which is nearly all of the "
                f"variance (half of the rows are from {lower:.6g} to {upper:.6g}), so that"
            )
            advice = f"correct it, or leave the row out{_or_its_logarithm(values)}"
            if 0 < np.ptp(np.quantile(part.learned(values, table.name), (0.25, 0.75))) < ALIKE:
                raise DataError(f"{said} nothing else can be learned: {advice}.")
            notes.append(f"{said} little else is learned: {advice}")
    return tuple(notes)


def _decades_notes(target: Target, table: Table, indices: Indices) -> tuple[str, ...]:
    """A note on each positive number that goes over so many decades that squared errors are those of the largest."""
    parts = target.parts if isinstance(target, SeveralTargets) else (target,)
    notes = []
    for part in (part for part in parts if isinstance(part, ValueTarget) and part.transform is None):
        values = table.frame[part.name].cast(pl.Float64).to_numpy()[indices.train]
        if len(values) > FEW_ROWS and values.min() > 0:
            lower, upper = np.quantile(values, (0.05, 0.95))
            if upper / lower >= WIDE:
                notes.append(
                    f"target {part.name!r}: nine tenths of the training rows are from {lower:.3g} to {upper:.3g}, and "
                    "errors of the smaller ones hardly count: `target_transform=log` learns all alike"
                )
    return tuple(notes)


def _or_its_logarithm(values: Float64[np.ndarray, " rows"]) -> str:
    """The advice to learn logarithms, if all are of positive values and none is far from the others."""
    if not values.min() > 0:
        return ""
    logarithms = np.log(values)
    far = np.abs(logarithms - logarithms.mean()).max() ** 2 > FAR_SHARE * len(values) * logarithms.var()
    return "" if far else ", or learn the logarithm: `target_transform=log`"


def _no_test_note(options: DataOptions, own: tuple[str, ...]) -> tuple[str, ...]:
    """A note if no test rows are drawn because the source has its own validation part."""
    if own != ("validation",) or options.test_split is not None:
        return ()
    return (f"no rows are for the test, as the source is divided already; `test_split={TEST_SPLIT}` draws some",)


def _all_train_note(options: DataOptions, own: tuple[str, ...], indices: Indices) -> tuple[str, ...]:
    """A note if no validation rows are drawn because the rows are too few."""
    if options.validation_split is not None or "validation" in own or len(indices.validation):
        return ()
    does = f"; `validation_split={VALIDATION_SPLIT}` does"
    more = "" if is_too_few_for_one(sum(map(len, vars(indices).values()))) else does
    return (f"all {len(indices.train):,} training rows train: too few to hold some back for validation{more}",)


def rows_that_count(
    source: AnyRows, names: tuple[str, ...], options: DataOptions, *, also: str | None = None
) -> tuple[Rows, Int64[np.ndarray, " kept"] | None]:
    """The targets of the rows that count, with weights and one column more, and the positions of these rows.

    Rows of weight 0 do not count, nor do rows that lack a target where these are to be dropped. None stands for the
    positions of all rows.
    """
    if isinstance(source, Images):
        return source, None
    needed = dict.fromkeys(column for column in (*names, also, options.weights) if column is not None)
    table, kept = source.table(columns=list(needed)), None
    if options.weights is not None:
        kept = np.flatnonzero(row_weights(table, options.weights) > 0)
        table = drop_weightless(table, options.weights)
    for name in names if options.drops_missing_targets else ():
        known = np.flatnonzero(table.frame[name].is_not_null().to_numpy())
        kept, table = known if kept is None else kept[known], drop_missing(table, name)
    return table, None if kept is None or len(kept) == source.rows else kept


def _fit(rows: Rows, names: tuple[str, ...], options: DataOptions, *, parts: int, lenient: bool) -> Target:
    """The target, its scale learned from all rows, which are divided into this number of `parts`; no transform yet."""
    table = rows if isinstance(rows, Table) else label_table(rows)
    if isinstance(rows, Images) and len(set(table.frame.to_series())) == 1 and (advice := classes_in_names(rows.files)):
        raise DataError(f"{rows.name}: all images are in the folder {table.frame.item(0, 0)!r}, as one class.{advice}")
    rules = ClassRules(options.rare_classes, max(2, parts), options.merge_case)
    separator = options.label_separator
    target = fit_targets(table, names, task=options.task, separator=separator, lenient=lenient, rules=rules)
    check_transform(target, options.target_transform)
    return target


def _divide(
    rows: Rows,
    target: Target,
    options: DataOptions,
    *,
    shares: Mapping[str, float],
    seed: int,
    lenient: bool = False,
    refit: bool = True,
) -> tuple[Target, Indices]:
    """The target, its scale learned from the training rows, and the rows of each part.

    Args:
        rows: all rows; for a table, at least the targets and the column for the split.
        target: the target.
        options: how rows are split.
        shares: of the rows that are drawn for validation and for the test, as `DataOptions.shares`.
        seed: seed of the split, at least 0.
        lenient: as for `fit_target`.
        refit: whether scale and transform of the target are learned from the training rows; otherwise they are kept,
            and the range is widened by these rows.

    Raises:
        DataError: the column cannot be a target, or rows cannot be split as requested.
        ConfigError: an option is out of range.
    """
    table = rows if isinstance(rows, Table) else label_table(rows)
    method = options.method
    if method in ("group", "time"):
        by = split_key(table, options)
    elif method == "stratified" and isinstance(target, ClassTarget):
        by = target.encode(table)
    else:
        by = np.zeros(table.rows, np.int8)
    indices = split(by, method, **shares, seed=seed)
    if not refit:
        return widen_range(target, table, indices.train), indices
    return refit_scale(target, table, indices.train, lenient=lenient, transform=options.target_transform), indices


def learn_encoding(
    train: ColumnSource | Images,
    target: Target,
    options: DataOptions,
    *,
    constant: Constant = "leave_out",
    like: Encoding | None = None,
) -> Encoding:
    """How rows are encoded, learned from the training rows; only the target where rows are encoded as earlier ones.

    Raises:
        DataError: no column is left, or there is no such column.
    """
    if like is not None:
        return encoding_like(like, train, target, options)
    if isinstance(train, Images):
        schema = Schema((), target.name, target.task, target.classes)
        return Encoding(schema, ImagePreprocessing(train.shape, train.largest), target, options.reading)
    found = learn(
        train,
        target,
        encoder_rules(options),
        leave_out=left_out_columns(train, options),
        constant=constant,
    )
    schema = dataclasses.replace(found.schema, weights=options.weights)
    return Encoding(schema, found.preprocessing, target, options.reading)


def encoder_rules(options: DataOptions) -> EncoderRules:
    """How columns of each kind are encoded."""
    return EncoderRules(
        scaling=options.scaling,
        one_hot_max=options.one_hot_max,
        text=options.text,
        merge_case=options.merge_case,
        columns=options.columns,
        min_frequency=options.min_frequency,
        differences=options.differences,
    )


def left_out_columns(rows: ColumnSource, options: DataOptions) -> dict[str, str]:
    """The columns that are no inputs because they have another role, and which one.

    Raises:
        DataError: there is no such column.
    """
    reasons = {options.weights: "weights of the rows", options.group: "groups of the split"}
    return {column_of(rows, name).name: reason for name, reason in reasons.items() if name is not None}


def schema_of_test(encoding: Encoding, options: DataOptions) -> Schema:
    """The schema for reading a test source: besides the inputs, it must have target and weights."""
    needed = (*encoding.schema.targets, options.weights)
    columns = (dataclasses.replace(c, used=c.used or c.name in needed) for c in encoding.schema.columns)
    return dataclasses.replace(encoding.schema, columns=tuple(columns))


def found_notes(rows: Rows, target: Target, *, told: bool) -> tuple[str, ...]:
    """Notes on reading the rows, on doubts about their targets, and on how labels are split or classes are made.

    `told` says that it is known what the target holds.
    """
    if not isinstance(rows, Table):
        return rows.notes
    columns = [rows.column(name) for name in target.columns]
    doubtful = (f"target {column.name!r}: {column.note}" for column in columns if column.used and column.note)
    if isinstance(target, LabelTarget):
        return (*rows.notes, *doubtful, labels_note(rows, target))
    parts = target.parts if isinstance(target, SeveralTargets) else (target,)
    examples = {part.name: looks_like_labels(part.classes) for part in parts}
    unsplit = (
        f"target {name!r}: classes such as {example!r:.60} look like several labels in a cell, and each combination is "
        "taken as a class of its own; `task.name=multilabel` takes them apart"
        for name, example in examples.items()
        if example is not None
    )
    classes = (
        f"target {part.name!r}: {note}"
        for part in parts
        if isinstance(part, ClassTarget)
        for note in class_notes(rows, part, told=told)
    )
    return (*rows.notes, *doubtful, *classes, *unsplit)


def unused_parts(parts: Mapping[str, AnyRows | None], options: DataOptions) -> dict[str, str]:
    """The source's own parts that are left out, and a note for each.

    Images without labels cannot be measured on, and `options.test` replaces the test part.
    """
    unused = {}
    for role, part in parts.items():
        if part is None:
            continue
        what = f"the {part.rows:,} {'images' if isinstance(part, Images) else 'rows'} of {part.name}"
        if role == "test" and options.test is not None:
            unused[role] = f"{what} are left out, as `test` names other test rows"
        elif isinstance(part, Images) and part.labels is None:
            unused[role] = f"{what} for {role} have no labels, and are left out"
    return unused


def source_notes(found: tuple[str, ...], encoding: Encoding, own: Mapping[str, Rows]) -> tuple[str, ...]:
    """Notes on the source and on its own validation and test rows, and on unused columns, with the reason."""
    columns = [
        column for column in encoding.schema.columns if column.note and column.name not in encoding.schema.targets
    ]
    notes = [
        *found,
        *(f"column {column.name!r}: {column.note}" for column in columns),
        *_scaling_notes(encoding.preprocessing),
        *_transform_notes(encoding.target),
    ]
    for role, rows in own.items():
        what = "images" if isinstance(rows, Images) else "rows"
        if role == "test":
            notes.append(f"the {rows.rows:,} test rows of {rows.name} take the place of the test split")
        else:
            notes.append(f"the {rows.rows:,} {what} of {rows.name} are the validation part")
        notes += rows.notes
    return tuple(dict.fromkeys(notes))


def _scaling_notes(preprocessing: Preprocessing | ImagePreprocessing) -> tuple[str, ...]:
    """A note on how many columns are scaled in which way, where that was chosen."""
    if not isinstance(preprocessing, Preprocessing) or not preprocessing.chosen_scalings:
        return ()
    chosen = Counter(scaling for scaling, _ in preprocessing.chosen_scalings.values())
    counted = ", ".join(f"{scaling} for {count:,}" for scaling, count in sorted(chosen.items()))
    return (f"scaling of the columns of numbers: {counted}; `batchwright data show` tells why",)


def _transform_notes(target: Target) -> tuple[str, ...]:
    """A note on each number that is learned as a logarithm or a power."""
    parts = target.parts if isinstance(target, SeveralTargets) else (target,)
    return tuple(
        f"target {part.name!r} is learned as its {part.transform.name}, and predicted in its own unit"
        for part in parts
        if isinstance(part, ValueTarget) and part.transform is not None
    )


def uneven_note(indices: Indices, options: DataOptions, *, own: tuple[str, ...]) -> tuple[str, ...]:
    """The parts that differ from the requested size by half or more, which whole groups and times may cause."""
    if options.method not in ("group", "time"):
        return ()
    rows = len(indices.train) + len(indices.validation) + len(indices.test)
    wanted = {name.removesuffix("_split"): share for name, share in options.shares(own, rows).items()}
    found = {name: len(getattr(indices, name)) / rows for name in wanted}
    uneven = [
        f"{found[name]:.0%} of the rows are for {name}, not {share:.0%}"
        for name, share in wanted.items()
        if abs(found[name] - share) * rows > max(1.0, share * rows / 2)
    ]
    return (f"{', and '.join(uneven)}: rows of the same {options.method} stay together",) if uneven else ()


def few_rows_notes(rows: Mapping[str, int], target: Target) -> tuple[str, ...]:
    """Notes on validation and test parts of so few rows that their metrics say little; `rows` of each part."""
    counted = {name: count for name, count in rows.items() if name != "train" and count < FEW_ROWS}
    return tuple(
        f"the {count} {name} {'row says' if count == 1 else 'rows say'} little"
        + ("" if target.task in ("regression", "several") else f": accuracy moves in steps of {1 / count:.0%}")
        for name, count in counted.items()
    )


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
