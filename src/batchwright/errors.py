"""Every error that batchwright raises on purpose, with its exit code on the command line.

    BatchwrightError            1   something failed
    ├── UsageError              2   the request cannot be fulfilled; nothing was written
    │   ├── ConfigError         2   a setting: unknown, misplaced or out of range
    │   ├── DataError           2   a file, a column or a cell
    │   │   └── TooFewRowsError 2   too few rows for a measurement
    │   └── RunError            2   a run folder that cannot be opened, or already exists
    ├── DivergedError           3   the loss stopped being finite
    └── InterruptedRunError    75   stopped from outside, by a signal; what was learned is saved
        └── LostProcessError   75   another process of the same training has died or fallen silent

A message says what was given, what is allowed and what to do. `nearest` and `unknown` phrase the commonest case. A
setting that a message advises stands in backquotes under its own name, as `on_bad_rows=drop` or `data.group=COLUMN`: in
Python it is a keyword, and the command line shows the option with that name.
"""

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

ELSEWHERE = {
    "mse": "mean_squared_error",
    "mseloss": "mean_squared_error",
    "squared_error": "mean_squared_error",
    "mae": "mean_absolute_error",
    "l1loss": "mean_absolute_error",
    "absolute_error": "mean_absolute_error",
    "log_loss": "cross_entropy",
    "bce": "binary_cross_entropy",
    "categorical_crossentropy": "cross_entropy",
    "sparse_categorical_crossentropy": "cross_entropy",
    "pinball": "quantile",
    "pinball_loss": "quantile",
}
"""What other libraries call the same, by what no spelling leads to."""


NEAR, BEGINNING = 0.75, 3
"""How alike the name of a column has to be to a wrong one (of `difflib`), or how many letters begin it; a name with
one letter too many begins with it."""
LISTED = 20
"""Columns that a message lists."""

_NO_LETTER, _NUMBER = re.compile(r"[\W_]+"), re.compile(r"\d+")


class BatchwrightError(Exception):
    """Base of all errors raised on purpose; a user can act on its message."""

    exit_code = 1


class UsageError(BatchwrightError, ValueError):
    """The request cannot be fulfilled; nothing was written. Also a ValueError, as users of scikit-learn expect."""

    exit_code = 2


class ConfigError(UsageError):
    """A setting is unknown, misplaced or out of range."""


class DataError(UsageError):
    """A file, a column or a cell is not as it has to be.

    `remedy` says what settings of a training can do; the user of a trained model has none of these settings.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(f"{message} {remedy}" if remedy else message)
        self.message, self.remedy = message, remedy


class TooFewRowsError(DataError):
    """There are too few rows for a measurement."""


class RunError(UsageError):
    """A run folder cannot be opened, or would be overwritten."""


class DivergedError(BatchwrightError):
    """The loss stopped being finite; the parameters are from before that iteration."""

    exit_code = 3


class InterruptedRunError(BatchwrightError):
    """The run was stopped from outside before its end; if it is recorded, it can be resumed."""

    exit_code = 75


class LostProcessError(InterruptedRunError):
    """Another process that trains the same network has died, or is not heard of; the last checkpoint is kept."""


def nearest(name: str, allowed: Iterable[str]) -> str | None:
    """The allowed name most similar to `name`, or None if none is similar.

    >>> nearest("learning_rte", ["learning_rate", "epochs"])
    'learning_rate'
    >>> nearest("mse", ["cross_entropy", "mean_squared_error"])
    'mean_squared_error'
    """
    by_folded = {option.casefold().replace("-", "_"): option for option in allowed}
    folded = name.casefold().replace("-", "_")
    if ELSEWHERE.get(folded) in by_folded:
        return by_folded[ELSEWHERE[folded]]
    found = get_close_matches(folded, by_folded, n=1, cutoff=0.5)
    return by_folded[found[0]] if found else None


def nearest_column(name: str, columns: Iterable[str]) -> str | None:
    """The column that `name` is probably meant for, or None: a guess at random would only mislead.

    Case, blanks and signs do not count, but numbers do: column 12 is not meant for column 13.

    >>> nearest_column("Petal_Length", ["petal length", "petal width"]), nearest_column("x1", ["x2", "x3"])
    ('petal length', None)
    """
    by_plain = {_NO_LETTER.sub("", column.casefold()): column for column in columns}
    plain = _NO_LETTER.sub("", name.casefold())
    near = get_close_matches(plain, by_plain, n=3, cutoff=NEAR)
    begin = [
        other
        for other in by_plain
        if (len(plain) >= BEGINNING and other.startswith(plain)) or (other and other == plain[:-1])
    ]
    found = [
        other
        for other in (*near, *(begin if len(begin) == 1 else ()))
        if _NUMBER.findall(other) == _NUMBER.findall(plain)
    ]
    return by_plain[found[0]] if found else None


def list_columns(columns: Sequence[str]) -> str:
    """The first columns of a table, and how many more there are."""
    more = f" and {len(columns) - LISTED:,} more" if len(columns) > LISTED else ""
    return f"{', '.join(columns[:LISTED])}{more}"


def unknown(what: str, name: str, allowed: Iterable[str]) -> str:
    """One sentence about an unknown name: the nearest name, and all allowed names; of columns the first twenty.

    >>> unknown("optimizer", "adm", ["adam", "sgd"])
    "unknown optimizer 'adm': did you mean 'adam'? Allowed: adam, sgd."
    """
    options = list(allowed)
    column = what == "column"
    near = nearest_column(name, options) if column else nearest(name, options)
    hint = f": did you mean {near!r}?" if near else "."
    return f"unknown {what} {name!r}{hint} Allowed: {list_columns(options) if column else ', '.join(options)}."
