"""What a user can say about data: the `data` section of a configuration, and the keywords of `load`."""

import dataclasses
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Literal, get_args

import numpy as np
from annotated_types import Ge, Lt

from batchwright.data.encode.encoders import MIN_FREQUENCY
from batchwright.data.encode.power import Transform
from batchwright.data.encode.texts import TEXT, Text, make_text
from batchwright.data.formats.source import Source
from batchwright.data.splitting import METHODS, Method, check_fractions, round_half_up
from batchwright.data.typed.numbers import DECIMALS, Decimal
from batchwright.data.typed.schema import SCALINGS, ColumnOptions, Kind, Scaling, Task, from_plain, normal_name
from batchwright.data.typed.table import MISSING, TableOptions
from batchwright.errors import ConfigError, DataError, unknown


def _is_number(value: object) -> bool:
    return isinstance(value, float | int | np.floating | np.integer) and not isinstance(value, bool)


def _is_whole(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_name(value: object) -> bool:
    return value is None or _is_text(value)


def _is_name_or_names(value: object) -> bool:
    return _is_name(value) or (isinstance(value, tuple) and bool(value) and all(map(_is_text, value)))


def _is_size(value: object) -> bool:
    return value is None or (isinstance(value, tuple | list) and len(value) == 2 and all(map(_is_whole, value)))


VALIDATION_SPLIT, TEST_SPLIT = 0.15, 0.15
"""The shares of validation and test rows where none is given."""
LEAST_HELD_OUT = 10
"""Validation rows below which none are drawn unless asked for: they would choose the best epoch by chance, and the
training rows are too few to spare them."""

TYPES: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "task": (lambda value: value is None or _is_text(value), "a name, or None"),
    **dict.fromkeys(
        ("validation_split", "test_split"),
        (lambda value: value is None or _is_number(value), "a number in [0, 1), or None"),
    ),
    "split": (_is_text, "a name"),
    **dict.fromkeys(("scaling", "target_transform"), (_is_text, "a name")),
    "one_hot_max": (_is_whole, "a whole number >= 0"),
    "min_frequency": (_is_whole, "a whole number >= 1"),
    "header": (lambda value: isinstance(value, bool), "True or False"),
    "delimiter": (lambda value: value is None or _is_text(value), "a character, or None"),
    "skip_lines": (lambda value: value is None or _is_whole(value), "a whole number, or None"),
    **dict.fromkeys(("encoding", "comment", "quote"), (_is_name, "text, or None")),
    "missing": (
        lambda value: isinstance(value, tuple | list | set | frozenset) and all(map(_is_text, value)),
        "a tuple of texts",
    ),
    "on_bad_rows": (_is_text, "a name"),
    "rare_classes": (lambda value: value is None or _is_text(value), "'drop' or 'merge', or None"),
    **dict.fromkeys(
        ("usual_missing", "merge_case", "differences"), (lambda value: isinstance(value, bool), "True or False")
    ),
    "decimal": (lambda value: value is None or value in DECIMALS, "'.' or ',', or None"),
    "day_first": (lambda value: value is None or isinstance(value, bool), "True or False, or None"),
    "image_size": (_is_size, "a height and a width, or None"),
    "image_dir": (lambda value: value is None or isinstance(value, str | os.PathLike), "a path, or None"),
    "kinds": (
        lambda value: isinstance(value, Mapping),
        "a mapping, as {'zip': 'categorical'}",
    ),
    "columns": (
        lambda value: isinstance(value, Mapping) and all(isinstance(one, ColumnOptions) for one in value.values()),
        "a mapping of names to ColumnOptions, as {'price': {'kind': 'numeric'}}",
    ),
    "target": (_is_name_or_names, "the name of a column, a list of names, or None"),
    "label_separator": (_is_name, "text, or None"),
    **dict.fromkeys(("group", "time", "weights"), (_is_name, "the name of a column, or None")),
}
"""For options that Python may give in another type: a test of the type, and the name of the right type."""


def is_too_few_to_validate(rows: int | None) -> bool:
    """Whether the usual share of this number of rows is too few to hold back.

    >>> is_too_few_to_validate(63), is_too_few_to_validate(64)
    (True, False)
    """
    return rows is not None and round_half_up(rows * VALIDATION_SPLIT) < LEAST_HELD_OUT


def is_too_few_for_one(rows: int) -> bool:
    """Whether the usual share of this number of rows is not one row.

    >>> is_too_few_for_one(3), is_too_few_for_one(4)
    (True, False)
    """
    return round_half_up(rows * VALIDATION_SPLIT) < 1


def columns_as_told(given: Mapping[str, ColumnOptions | Mapping[str, Any]] | None) -> Mapping[str, ColumnOptions]:
    """What is told about single columns, of which each may be a mapping of the fields of `ColumnOptions`.

    >>> columns_as_told({"pay": {"number": {"decimal": ","}}})["pay"].told_kind
    'numeric'

    Raises:
        ConfigError: an unknown field, or a value of the wrong type.
    """
    if not isinstance(given, Mapping):
        return given or {}
    try:
        return {
            str(name): told if isinstance(told, ColumnOptions) else from_plain(ColumnOptions, told)
            for name, told in given.items()
        }
    except DataError as error:
        raise ConfigError(f"columns: {error}") from error


@dataclasses.dataclass(frozen=True, repr=False)
class DataOptions:
    """How a source is read, split and encoded.

    Attributes:
        target: the column to predict, or several; some sources have a default. Images have `label`.
        task: "classification" or "regression", inferred from the target when None; "multilabel" if a cell holds several
            labels.
        label_separator: the text between the labels of a cell; found when None.
        test: a source whose rows replace the test split.
        validation_split: share of the rows for validation, in [0, 1); a share of the training part if the source has
            its own test part; not used if it has its own validation part. None is 0.15, or 0 if that were fewer than
            10 rows.
        test_split: share of the rows for the test, in [0, 1); not used if the test has its own rows. None is 0.15, or 0
            if the source has its own validation part.
        split: "stratified" (by class; shuffled for a regression), "shuffled", "group" or "time".
        group: column whose values are never shared by two parts; naming it selects "group".
        time: column that orders the rows: the last are the test, the ones before validation; naming it selects "time".
        weights: column of the rows' weights, at least 0; it is not an input.
        scaling: of numeric columns: "standard", "robust", "smooth_clip" or "quantile"; "none" takes them as they are,
            "auto" chooses for each by its training rows; in a configuration whose network is linear, it is "standard".
        target_transform: of a number that is predicted: "log", the "power" that makes it most normal, or "auto", which
            takes either where it suits the training rows; answers are in the target's own unit all the same.
        one_hot_max: categories with at most this number of distinct values become columns; others are embedded.
        min_frequency: training rows of an embedded category below which it is taken as unknown, as unseen ones are.
        differences: whether a `tabular` network gets the difference of two columns of numbers that move together, where
            that tells more of the target than both columns do in the training rows.
        text: how free text is encoded.
        header: whether the first record of a text file names the columns.
        delimiter: one ASCII character, or "whitespace" for runs of blanks; found from the file when None.
        decimal: the decimal mark of numbers in a text file, "." or ","; found for each column when None.
        encoding: of a text file, as Python names it, such as "cp1252"; found from its bytes when None.
        skip_lines: lines above the header of a text file; found when None.
        comment: what the comment lines of a text file begin with, or "none"; found when None.
        quote: the quotation mark of a text file, or "none" where such marks are text; found when None.
        day_first: whether the day is before the month in dates such as 1/2/2024; found for each column when None.
        missing: texts that mean missing, besides the empty text and the usual marks.
        usual_missing: whether NA, N/A, NaN, NULL, None, -, ? and other usual marks mean missing.
        kinds: the kinds of columns, by name, where they should not be inferred.
        columns: more about single columns, by name: `kind`, as in `kinds`; `number`, how its numbers are written
            (`decimal`, `thousands`, `before`, `after`); `missing`, further texts that mean missing in it; `scaling`,
            how they are scaled; `order`, its categories from the lowest to the highest, or "none".
        on_bad_rows: "stop", or "drop" rows with bad cells or without a target.
        rare_classes: classes with fewer rows than there are parts: "drop" leaves their rows out, "merge" makes one
            class `other` of them; None takes them as they are.
        merge_case: whether classes and categories that differ only in case, blanks or trailing points are one.
        image_size: height and width that the images of a folder, or of a column, are resized to.
        image_dir: the folder of the images that the cells of a column name; the table's folder, or one in it, when
            None.
    """

    target: str | tuple[str, ...] | None = None
    task: Task | None = None
    label_separator: str | None = None
    test: Source = None
    validation_split: Annotated[float, Ge(0), Lt(1)] | None = None
    test_split: Annotated[float, Ge(0), Lt(1)] | None = None
    split: Method = "stratified"
    group: str | None = None
    time: str | None = None
    weights: str | None = None
    scaling: Scaling = "auto"
    target_transform: Transform = "none"
    one_hot_max: Annotated[int, Ge(0)] = 10
    min_frequency: Annotated[int, Ge(1)] = MIN_FREQUENCY
    differences: bool = True
    text: Text = TEXT
    header: bool = True
    delimiter: str | None = None
    decimal: Decimal | None = None
    encoding: str | None = None
    skip_lines: Annotated[int, Ge(0)] | None = None
    comment: str | None = None
    quote: str | None = None
    day_first: bool | None = None
    missing: tuple[str, ...] = ()
    usual_missing: bool = True
    kinds: Mapping[str, Kind] = dataclasses.field(default_factory=dict)
    columns: Mapping[str, ColumnOptions] = dataclasses.field(default_factory=dict)
    on_bad_rows: Literal["stop", "drop"] = "stop"
    rare_classes: Literal["drop", "merge"] | None = None
    merge_case: bool = False
    image_size: tuple[Annotated[int, Ge(1)], Annotated[int, Ge(1)]] | None = None
    image_dir: str | None = None

    def __repr__(self) -> str:
        """The options that are not their defaults."""
        default = type(self)()
        given = {name: value for name, value in vars(self).items() if value != getattr(default, name)}
        return f"{type(self).__name__}({', '.join(f'{name}={value!r:.60}' for name, value in given.items())})"

    @property
    def reading(self) -> TableOptions:
        """How the cells of a table are read."""
        kinds = self.kinds
        if self.task == "multilabel" and isinstance(self.target, str) and "," not in self.target:
            kinds = {self.target: "categorical", **kinds}  # 1|2 is text, and so 1 has to be text too
        return TableOptions(
            header=self.header,
            delimiter=self.delimiter,
            missing=tuple(dict.fromkeys((*(MISSING if self.usual_missing else ()), *self.missing))),
            kinds=kinds,
            on_bad_rows=self.on_bad_rows,
            decimal=self.decimal,
            encoding=self.encoding,
            skip_lines=self.skip_lines,
            comment=self.comment,
            quote=self.quote,
            image_dir=None if self.image_dir is None else os.fspath(self.image_dir),
            image_size=None if self.image_size is None else (self.image_size[0], self.image_size[1]),
            columns=self.columns or None,
            day_first=self.day_first,
        )

    @property
    def drops_missing_targets(self) -> bool:
        """Whether rows without a target are left out; an empty set of labels is a target."""
        return self.on_bad_rows == "drop" and self.task != "multilabel"

    @property
    def method(self) -> Method:
        """How rows are split: by a group or time column where one is named."""
        return "group" if self.group is not None else "time" if self.time is not None else self.split

    def shares(self, own: tuple[str, ...], rows: int | None = None) -> dict[str, float]:
        """The shares of the rows that are drawn for validation and for the test.

        Args:
            own: the parts, "validation" and "test", that have rows of their own; none are drawn for these.
            rows: how many rows there are to draw from; None: enough.
        """
        validation_split, test_split = self.validation_split, self.test_split
        if validation_split is None:
            validation_split = 0.0 if is_too_few_to_validate(rows) else VALIDATION_SPLIT
        if test_split is None:
            test_split = 0.0 if "validation" in own else TEST_SPLIT
        shares = {"validation_split": validation_split, "test_split": test_split}
        return {name: 0.0 if name.removesuffix("_split") in own else share for name, share in shares.items()}

    def with_normal_names(self) -> "DataOptions":
        """These options, with columns named as in tables (`schema.normal_name`)."""
        roles = (self.group, self.time, self.weights)
        group, time, weights = (None if name is None else normal_name(name) for name in roles)
        kinds = {normal_name(name): kind for name, kind in self.kinds.items()}
        columns = {normal_name(name): told for name, told in self.columns.items()}
        target = tuple(map(normal_name, self.target)) if isinstance(self.target, tuple) else self.target
        target = normal_name(target) if isinstance(target, str) else target
        names: dict[str, Any] = {
            "target": target,
            "group": group,
            "time": time,
            "weights": weights,
            "kinds": kinds,
            "columns": columns,
        }
        if all(getattr(self, name) == value for name, value in names.items()):
            return self
        return dataclasses.replace(self, **names)

    def check(self) -> None:
        """Raise one ConfigError about all values that are out of range or contradict each other."""
        if problems := list(self._wrong_types()):
            raise ConfigError(" ".join(problems))
        make_text(self.text)
        problems = []
        if self.on_bad_rows not in ("stop", "drop"):
            problems.append(unknown("on_bad_rows", self.on_bad_rows, ("stop", "drop")))
        if self.rare_classes not in (None, "drop", "merge"):
            problems.append(unknown("rare_classes", self.rare_classes, ("drop", "merge")))
        if self.target_transform not in (transforms := get_args(Transform)):
            problems.append(unknown("target_transform", self.target_transform, transforms))
        if self.one_hot_max < 0:
            problems.append(f"one_hot_max must hold one_hot_max >= 0, but got {self.one_hot_max}.")
        if self.min_frequency < 1:
            problems.append(f"min_frequency must hold min_frequency >= 1, but got {self.min_frequency}.")
        if self.skip_lines is not None and self.skip_lines < 0:
            problems.append(f"skip_lines must be at least 0, but is {self.skip_lines}.")
        if self.image_size is not None and min(self.image_size) < 1:
            problems.append(f"image_size must be a height and a width of at least 1, but got {self.image_size}.")
        problems += [*self._column_problems(), *self._split_problems()]
        if problems:
            raise ConfigError(" ".join(problems))
        check_fractions(**self.shares(() if self.test is None else ("test",)))

    def _wrong_types(self) -> Iterator[str]:
        """A sentence for each option of a wrong type."""
        for name, (fits, wanted) in TYPES.items():
            value = getattr(self, name)
            if not fits(value):
                yield f"{name} must be {wanted}, but is {value!r:.60}."

    def _column_problems(self) -> Iterator[str]:
        """A sentence for each column about which two different things are told."""
        for name, told in self.columns.items():
            if told.number is not None and told.kind not in (None, "numeric"):
                yield f"columns says that {name!r} is {told.kind}, and how its numbers are written: leave one out."
            if told.scaling is not None:
                if told.scaling not in SCALINGS:
                    yield f"columns: {unknown(f'scaling of {name!r}', told.scaling, SCALINGS)}"
                if told.told_kind not in (None, "numeric"):
                    yield f"columns says that {name!r} is {told.told_kind}, and how numbers are scaled: leave one out."
            if told.order is not None:
                if told.order != "none" and len(set(told.order)) < max(2, len(told.order)):
                    yield f"columns: the order of {name!r} must name two categories or more, each once."
                if told.kind not in (None, "categorical"):
                    yield f"columns says that {name!r} is {told.kind}, and an order of categories: leave one out."
            if (kind := self.kinds.get(name)) is not None and told.told_kind not in (None, kind):
                yield f"kinds says that {name!r} is {kind}, and columns that it is {told.told_kind}: leave one out."

    def _split_problems(self) -> list[str]:
        if self.split not in METHODS:
            return [unknown("split", self.split, METHODS)]
        if self.group is not None and self.time is not None:
            return ["group and time are two ways to split: give one of them."]
        if self.split not in ("stratified", self.method):
            return [f"split {self.split!r} does not go with a {self.method} column: leave one of them out."]
        if self.method in ("group", "time") and self.group is None and self.time is None:
            return [f"split {self.method!r} needs the name of a column, as {self.method}."]
        return []
