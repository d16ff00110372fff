"""Turns the settings named in messages into options of the command line.

In the rest of the package a message names a setting as `name=value`, or by its name alone. Here the setting becomes the
option that sets it on the command line.
"""

import re
import shlex

from batchwright.cli.settings import OPTIONS

SECTIONS = ("data", "network", "optimizer", "schedule", "task", "training")
OF_VERBS = (
    *("coordinator", "folds", "format", "from", "keep", "log_to", "objective", "process", "processes", "seeds"),
    *("storage", "study_name", "trials", "vary", "verify"),
)
"""Options that single verbs have besides the settings."""

_SETTING = re.compile(r"`([a-z_]+(?:\.[a-z_0-9]+)*)(?:=([^`]*))?`")
_BY_KEY = {option.key: option for option in OPTIONS}
_BY_NAME = {option.key.rpartition(".")[2]: option for option in OPTIONS}


def as_flags(message: str) -> str:
    """The message, with each setting replaced by its option.

    >>> as_flags("leave them out: `on_bad_rows=drop`, `header=false`, `data.kinds={a b: identifier}`, `seeds=5`.")
    "leave them out: --on-bad-rows drop, --no-header, --set 'data.kinds={a b: identifier}', --seeds 5."
    """
    return _SETTING.sub(lambda found: _flag(found[1], found[2]) or found[0], message)


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
