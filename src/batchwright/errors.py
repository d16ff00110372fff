"""Every error that batchwright raises on purpose, and the exit code that the command line gives it.

    BatchwrightError            1   something failed
    ├── UsageError              2   what was asked for cannot be done; nothing was written
    │   ├── ConfigError         2   a setting: unknown, misplaced or out of range
    │   ├── DataError           2   a file, a column or a cell
    │   └── RunError            2   a run folder that cannot be opened, or already exists
    ├── DivergedError           3   the loss stopped being finite
    └── InterruptedRunError    75   stopped from outside, by a signal; what was learned is saved

A message says what was given, what is allowed and what to do. `nearest` and `unknown` phrase the commonest case. A
setting that a message advises stands in backquotes under its own name, as `on_bad_rows=drop` or `data.group=COLUMN`: in
Python it is a keyword, and the command line shows the option of that name.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class BatchwrightError(Exception):
    """Base of all errors raised on purpose; its message is one that a user can act on."""

    exit_code = 1


class UsageError(BatchwrightError, ValueError):
    """What was asked for cannot be done; nothing was written. Also a ValueError, as users of scikit-learn expect."""

    exit_code = 2


class ConfigError(UsageError):
    """A setting is unknown, misplaced or out of range."""


class DataError(UsageError):
    """A file, a column or a cell is not what it has to be.

    `remedy` is what can be done by settings of a training; whoever applies a trained model has none of these.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(f"{message} {remedy}" if remedy else message)
        self.message, self.remedy = message, remedy


class RunError(UsageError):
    """A run folder cannot be opened, or would be overwritten."""


class DivergedError(BatchwrightError):
    """The loss stopped being finite; the parameters are those before that iteration."""

    exit_code = 3


class InterruptedRunError(BatchwrightError):
    """The run was stopped from outside before its end; where it is recorded, it can be gone on with."""

    exit_code = 75


def nearest(name: str, allowed: Iterable[str]) -> str | None:
    """The allowed name that is most like `name`, or None where none is close.

    >>> nearest("learning_rte", ["learning_rate", "epochs"])
    'learning_rate'
    """
    by_folded = {option.casefold().replace("-", "_"): option for option in allowed}
    found = get_close_matches(name.casefold().replace("-", "_"), by_folded, n=1, cutoff=0.5)
    return by_folded[found[0]] if found else None


def unknown(what: str, name: str, allowed: Iterable[str]) -> str:
    """One sentence about a name that does not exist: the nearest one, and all that are allowed.

    >>> unknown("optimizer", "adm", ["adam", "sgd"])
    "unknown optimizer 'adm': did you mean 'adam'? Allowed: adam, sgd."
    """
    options = list(allowed)
    near = nearest(name, options)
    hint = f": did you mean {near!r}?" if near else "."
    return f"unknown {what} {name!r}{hint} Allowed: {', '.join(options)}."
