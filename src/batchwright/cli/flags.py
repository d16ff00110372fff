"""Turns the settings named in messages into options of the command line.

In the rest of the package a message names a setting as `name=value`, or by its name alone. Here the setting becomes the
option that sets it on the command line.
"""

import re
import shlex
from collections.abc import Collection

from batchwright.cli.settings import OPTIONS
from batchwright.errors import BatchwrightError, DataError

SECTIONS = ("data", "network", "optimizer", "schedule", "task", "training")
OF_VERBS = (
    *("coordinator", "folds", "format", "from", "keep", "log_to", "objective", "process", "processes", "seeds"),
    *("storage", "study_name", "trials", "vary", "verify"),
)
"""Options that single verbs have besides the settings."""

_SETTING = re.compile(r"`([a-z_]+(?:\.[a-z_0-9]+)*)(?:=([^`]*))?`")
_SENTENCE, _FLAG = re.compile(r"(?<=\.) (?=`|If )"), re.compile(r"(?<![\w-])--[a-z][a-z-]*")
_BY_KEY = {option.key: option for option in OPTIONS}
_BY_NAME = {option.key.rpartition(".")[2]: option for option in OPTIONS}


def as_flags(message: str) -> str:
    """The message, with each setting replaced by its option.

    >>> as_flags("leave them out: `on_bad_rows=drop`, `header=false`, `data.kinds={a b: identifier}`, `seeds=5`.")
    "leave them out: --on-bad-rows drop, --no-header, --set 'data.kinds={a b: identifier}', --seeds 5."
    """
    return _SETTING.sub(lambda found: _flag(found[1], found[2]) or found[0], message)


def message_for(error: BatchwrightError, flags: Collection[str], config: str = "") -> str:
    """The message of an error for a verb with these options: of the remedies, only those that the verb can follow.

    Args:
        error: the error.
        flags: the options of the verb.
        config: the file of settings that was given, in which a remedy can be written too.

    >>> wrong = DataError("people.csv: line 3 does not fit.", "`on_bad_rows=drop` leaves it out. `missing=x` takes it.")
    >>> message_for(wrong, ("--on-bad-rows",), "run.yaml")
    'people.csv: line 3 does not fit. --on-bad-rows drop leaves it out (in run.yaml, data.on_bad_rows: drop).'
    """
    if not isinstance(error, DataError) or not error.remedy:
        return as_flags(str(error))
    remedies = [one for one in _SENTENCE.split(error.remedy.strip()) if set(_FLAG.findall(as_flags(one))) <= set(flags)]
    return " ".join([as_flags(error.message), *(_in_words(one, config) for one in remedies)])


def _in_words(remedy: str, config: str) -> str:
    """A remedy with its options; where a file of settings was given, also as what is to be written there."""
    named = [(_BY_KEY.get(name) or _BY_NAME.get(name), value) for name, value in _SETTING.findall(remedy)]
    keys = ", ".join(f"{option.key}: {value}" for option, value in named if option and value)
    return f"{as_flags(remedy).removesuffix('.')} (in {config}, {keys})." if config and keys else as_flags(remedy)


def _flag(name: str, value: str | None) -> str | None:
    """The option for a setting; None if the words in backquotes are not a setting."""
    option = _BY_KEY.get(name) or _BY_NAME.get(name)
    if option and option.type is bool and value in ("true", "false"):
        return option.flag if value == "true" else f"--no-{option.flag.removeprefix('--')}"
    if option or name in OF_VERBS:
        flag = option.flag if option else f"--{name.replace('_', '-')}"
        return flag if value is None else f"{flag} {shlex.quote(value)}"
    if name.partition(".")[0] in SECTIONS and "." in name:
        return f"--set {name if value is None else shlex.quote(f'{name}={value}')}"
    return None
