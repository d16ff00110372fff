"""Check the journal of a study before Optuna reads it: a crash may have cut it, or someone may have edited it.

The format is the one of Optuna's `JournalStorage`: one JSON object per line, one operation each.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

from optuna.distributions import BaseDistribution, json_to_distribution
from optuna.storages.journal import BaseJournalBackend, JournalStorage
from optuna.trial import TrialState

from batchwright._files import explain_write_errors
from batchwright.errors import RunError
from batchwright.runs.reading import read_bytes

MOST_BYTES = 1 << 28
"""The most bytes of a journal: ten thousand trials of a thousand epochs each need less."""
MOST_STUDIES = 1000
LARGEST = 1 << 53
"""Integers beyond this are not exact in a double, and nothing here counts so far."""

Record: TypeAlias = Mapping[str, Any]


def mend_journal(path: Path) -> str | None:
    """Check a journal, and cut off an incomplete end left by a crash; the damaged file is kept beside it.

    Returns:
        What was cut, as a sentence for the user; None if the journal is intact or missing.

    Raises:
        RunError: it is damaged elsewhere, or is not a journal. The message names the line; nothing is changed.
    """
    if not path.exists() and not path.is_symlink():
        return None
    content = read_bytes(path.parent, path.name, at_most=MOST_BYTES)
    records, whole = _whole_records(content, path)
    _check_records(records, path)
    if whole == len(content):
        return None
    backup = _unused_path(path)
    with explain_write_errors(backup):
        backup.write_bytes(content)
    with explain_write_errors(path), path.open("r+b") as file:
        file.truncate(whole)
    return (
        f"the last {len(content) - whole:,} bytes of {path} were torn, as by a crash, and were cut off; "
        f"the {len(records):,} lines before them are whole, and the damaged file is kept as {backup.name}"
    )


def _unused_path(path: Path) -> Path:
    """A name for a new file beside the journal."""
    number = 1
    while (found := path.with_name(f"{path.name}.damaged-{number}")).exists() or found.is_symlink():
        number += 1
    return found


def _whole_records(content: bytes, path: Path) -> tuple[list[Any], int]:
    """The records before the first line that is not JSON, and the position where they end.

    A crash damages only the end of a file: a line that is not JSON, with JSON after it, was damaged otherwise.
    """
    records, whole, torn, why = list[Any](), 0, 0, ""
    for number, line in enumerate(_lines(content), 1):
        try:
            record = _parse(line)
        except (ValueError, RecursionError) as error:
            if not torn:
                torn, why = number, str(error)
            continue
        if torn:
            _refuse(path, torn, f"is not a line of JSON ({why:.80})")
        if line.endswith(b"\n"):
            records.append(record)
            whole += len(line)
    return records, whole


def _lines(content: bytes) -> list[bytes]:
    """The lines with their line feeds; no other character ends a line."""
    return [line + b"\n" for line in content.split(b"\n")[:-1]] + [*filter(None, [content[content.rfind(b"\n") + 1 :]])]


def _parse(line: bytes) -> Any:
    """One line as Optuna writes it: strict JSON, and Infinity, or its negative, for a trial that has diverged."""
    return json.loads(line.decode(), object_pairs_hook=_refuse_repeated_keys, parse_constant=_parse_constant)


def _refuse_repeated_keys(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(pairs)) < len(pairs):
        raise ValueError("a key is given twice")
    return found


def _parse_constant(name: str) -> float:
    if name not in ("Infinity", "-Infinity"):
        raise ValueError(f"{name} is not a number that a study has")
    return float(name)


def _check_records(records: Sequence[Any], path: Path) -> None:
    """Check each record by itself and against earlier ones, then let Optuna replay all of them."""
    studies, trials = 0, 0
    for number, record in enumerate(records, 1):
        try:
            wrong = next(_record_problems(record, studies, trials), None)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
            wrong = f"is not what Optuna writes ({type(error).__name__}: {error!s:.80})"
        if wrong:
            _refuse(path, number, wrong)
        studies += record["op_code"] == _CREATE_STUDY
        trials += record["op_code"] == _CREATE_TRIAL
        if studies > MOST_STUDIES:
            _refuse(path, number, f"begins more than {MOST_STUDIES:,} studies")
    try:
        JournalStorage(_Replayed(records))
    except Exception as error:  # any error in Optuna becomes one sentence for the user
        raise RunError(
            f"{path} cannot be read by Optuna ({type(error).__name__}: {error!s:.80}). {_remedy(path, 0)}"
        ) from error


class _Replayed(BaseJournalBackend):
    """Records in memory, to be replayed once."""

    def __init__(self, records: Sequence[Any]) -> None:
        self._records = records

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        yield from self._records[log_number_from:]

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        raise AssertionError("nothing is written while a journal is checked")


_CREATE_STUDY, _CREATE_TRIAL = 0, 4
_ENDINGS = ("finished", "stopped", "diverged", "undefined")


def _record_problems(record: Any, studies: int, trials: int) -> Iterator[str]:
    """What is wrong with a record after this many studies and trials were created; the first answer counts."""
    if not isinstance(record, dict) or not _is_whole(record.get("op_code"), len(_FIELDS)):
        yield "is not an operation of a study"
    needed = _FIELDS[record["op_code"]]
    if not isinstance(record.get("worker_id"), str):
        yield "does not say which process wrote it"
    for name in needed:
        if name not in record:
            yield f"has no {name}"
    for name, value in record.items():
        if name in _CHECKS and not _CHECKS[name](value):
            yield f"has a {name} that no study has: {value!r:.60}"
    if "study_id" in record and record["study_id"] >= studies:
        yield f"is of study {record['study_id']}, which was not begun before"
    if "trial_id" in record and record["trial_id"] >= trials:
        yield f"is of trial {record['trial_id']}, which was not begun before"
    yield from _parameter_problems(record)
    state = record.get("state")
    if record["op_code"] == 6 and state in (1, 2, 3) and not record.get("datetime_complete"):
        yield "ends a trial without saying when"
    if record["op_code"] == 6 and state == 0 and not record.get("datetime_start"):
        yield "begins a trial without saying when"
    if state == 1 and not (record.get("values") or record.get("value") is not None):
        yield "ends a trial without its value"


def _parameter_problems(record: Record) -> Iterator[str]:
    """Parameters that are not in the distributions that they claim to be drawn from."""
    if "param_name" in record:
        yield from _value_problems(record["param_name"], record["param_value_internal"], record["distribution"])
    for name, value in record.get("params", {}).items():
        yield from _value_problems(name, value, record.get("distributions", {}).get(name))


def _value_problems(name: str, value: Any, text: Any) -> Iterator[str]:
    if not isinstance(text, str) or not isinstance(json.loads(text, object_pairs_hook=_refuse_repeated_keys), dict):
        yield f"has no distribution for {name}"
    found: BaseDistribution = json_to_distribution(text)
    if not _is_number(value) or not found._contains(value):
        yield f"has a value of {name} outside its distribution: {value!r:.60}"


def _is_whole(value: Any, below: int = LARGEST) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < below


def _is_number(value: Any) -> bool:
    return isinstance(value, float) or (_is_whole(abs(value)) if isinstance(value, int) else False)


def _is_date(value: Any) -> bool:
    return value is None or (isinstance(value, str) and bool(datetime.fromisoformat(value).astimezone()))


def _are_numbers(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_number, value))


def _is_user_attr(value: Any) -> bool:
    """Whether the attributes that batchwright reads have the right type; other attributes may be anything."""
    if not isinstance(value, dict):
        return False
    return all(_USER_ATTRS[name](of) for name, of in value.items() if name in _USER_ATTRS)


def _is_one(value: Any) -> bool:
    return isinstance(value, dict) and len(value) == 1


_USER_ATTRS: Mapping[str, Callable[[Any], bool]] = {
    "place": lambda value: _is_whole(value, 1 << 32),
    "ending": lambda value: value in _ENDINGS,
    "curve": lambda value: (
        value != [] and isinstance(value, list) and _are_numbers([one for one in value if one is not None])
    ),
    "by_seed": _are_numbers,
    "begun": lambda value: isinstance(value, bool),
    "batchwright": lambda value: isinstance(value, dict),
}
_FIELDS: tuple[tuple[str, ...], ...] = (
    ("study_name", "directions"),
    ("study_id",),
    ("study_id", "user_attr"),
    ("study_id", "system_attr"),
    ("study_id", "datetime_start"),
    ("trial_id", "param_name", "param_value_internal", "distribution"),
    ("trial_id", "state", "values"),
    ("trial_id", "step", "intermediate_value"),
    ("trial_id", "user_attr"),
    ("trial_id", "system_attr"),
)
"""What each operation needs, by its number."""
_CHECKS: Mapping[str, Callable[[Any], bool]] = {
    "study_name": lambda value: isinstance(value, str),
    "directions": lambda value: value in ([1], [2]),  # minimize, maximize
    "study_id": _is_whole,
    "trial_id": _is_whole,
    "user_attr": lambda value: _is_one(value) and _is_user_attr(value),
    "system_attr": _is_one,
    "user_attrs": _is_user_attr,
    "system_attrs": lambda value: isinstance(value, dict),
    "param_name": lambda value: isinstance(value, str),
    "params": lambda value: isinstance(value, dict),
    "distributions": lambda value: isinstance(value, dict),
    "state": lambda value: _is_whole(value, len(TrialState)),
    "value": lambda value: value is None or _is_number(value),
    "values": lambda value: value is None or (_are_numbers(value) and len(value) == 1),
    "step": _is_whole,
    "intermediate_value": _is_number,
    "intermediate_values": lambda value: isinstance(value, dict) and _are_numbers(list(value.values())),
    "datetime_start": _is_date,
    "datetime_complete": _is_date,
}


def _refuse(path: Path, number: int, wrong: str) -> NoReturn:
    raise RunError(f"{path}, line {number}: {wrong}. {_remedy(path, number)}")


def _remedy(path: Path, number: int) -> str:
    cut = f", or cut {path.name} before line {number} to keep the trials above it" if number > 1 else ""
    return f"The journal was damaged or edited: copy it again from where it is whole{cut}. Nothing was changed."
