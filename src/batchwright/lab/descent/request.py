"""What someone asks of the lab, from texts: options of the command line, and the address of a page.

Texts come from strangers: each is short, is read as a number or a word, and is checked by the classes that take it.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, get_args

from batchwright.config.components import from_plain
from batchwright.errors import UsageError, unknown
from batchwright.lab.descent.convergence import By, Until
from batchwright.lab.descent.descend import Course, follow, tune
from batchwright.lab.descent.path import Path
from batchwright.lab.descent.rules import RULES, name_of, rule_of
from batchwright.lab.descent.surfaces import Surface, line, surface_of
from batchwright.optim import SCHEDULES, Optimizer, Schedule
from batchwright.training.plan import BatchSize

LONGEST = 2_000
"""Characters of a value."""
KEYS = ("surface", "rule", "learning_rate", "schedule", "batch_size", "steps", "start", "seed", "until", "points")
OWN = ("optimizer.", "schedule.")
"""Keys such as optimizer.beta_1 are the numbers of a rule or a schedule."""
TUNED = "tuned"
FORMS = ("momentum", "nesterov", "amsgrad", "centered")
"""What is off in one rule of the lab and on in another."""
MOST = {"ns_steps": 20, "cycles": 100}
"""The most of what takes time or memory."""


@dataclass(frozen=True)
class Asked:
    """A course, the rules that take it, and the texts that say so.

    Args:
        course: how to descend.
        rules: by their names in the lab.
        tuned: whether each rule gets the learning rate that suits it.
        texts: what was asked, without what is as by default.
    """

    course: Course
    rules: Mapping[str, Optimizer]
    tuned: bool = False
    texts: Mapping[str, str] = field(default_factory=dict)

    def paths(self) -> dict[str, Path]:
        """The path of each rule."""
        return {name: follow(self.course, self.rate(rule)) for name, rule in self.rules.items()}

    def rate(self, rule: Optimizer) -> Optimizer:
        """The rule with its tuned rate, if rates are tuned."""
        return tune(self.course, rule) if self.tuned else rule


def read(texts: Mapping[str, str], defaults: Mapping[str, str]) -> Asked:
    """What these texts ask for; `defaults` stand where there is none.

    Raises:
        UsageError: an unknown key, a value that is no such number or word, or one that is out of range.

    >>> read({"rule": "momentum", "steps": "5"}, {"surface": "bowl"}).course.steps
    5
    """
    for key, value in texts.items():
        if key not in KEYS and not key.startswith(OWN):
            raise UsageError(unknown_setting(key, KEYS))
        if len(value) > LONGEST:
            raise UsageError(f"{key} has {len(value):,} characters; at most {LONGEST:,} are read.")
    chosen = {**defaults, **{key: value for key, value in texts.items() if value != ""}}
    learning_rate = chosen.get("learning_rate", "0.1")
    values = own_numbers("optimizer", chosen)
    if learning_rate != TUNED:
        values["learning_rate"] = positive("learning_rate", learning_rate)
    course = Course(
        surface=_surface(chosen),
        start=numbers("start", chosen["start"]) if "start" in chosen else None,
        schedule=_schedule(chosen),
        steps=whole("steps", chosen.get("steps", "50")),
        batch_size=_batch_size(chosen.get("batch_size", "full")),
        seed=whole("seed", chosen.get("seed", "0")),
        until=_until(chosen.get("until", "")),
    )
    names = _rules(chosen.get("rule", "sgd"))
    if len(names) > 1:
        _refuse_unused(values, names)
    else:
        check_own("optimizer", names[0], vars(RULES[names[0]]), values)
    rules = [rule_of(name, values if len(names) == 1 else _fitting(name, values)) for name in names]
    texts = {key: value for key, value in texts.items() if value not in ("", defaults.get(key))}
    return Asked(course, {name_of(rule): rule for rule in rules}, learning_rate == TUNED, texts)


def _surface(chosen: Mapping[str, str]) -> Surface:
    name = chosen.get("surface", "line")
    if "points" not in chosen:
        return surface_of(name)
    if name not in ("line", "regression"):
        raise UsageError(f"the surface {surface_of(name).name} is a formula and has no points: leave points out.")
    points = [numbers("points", pair) for pair in chosen["points"].replace(";", " ").split()]
    if any(len(point) != 2 for point in points):
        raise UsageError("points are pairs with a comma, with blanks between them, as in '1,2 2,3.9'.")
    return line([point[0] for point in points], [point[1] for point in points], intercept=name == "regression")


def _rules(text: str) -> Sequence[str]:
    names = tuple(RULES) if text == "all" else tuple(name.strip() for name in text.split(","))
    for name in names:
        if name not in RULES:
            raise UsageError(unknown("rule", name[:60], RULES))
    return tuple(dict.fromkeys(names))


def _schedule(chosen: Mapping[str, str]) -> Schedule:
    name, known = chosen.get("schedule", "constant"), [schedule.name for schedule in SCHEDULES]
    if name not in known:
        raise UsageError(unknown("schedule", name[:60], known))
    own = own_numbers("schedule", chosen)
    kind = next(kind for kind in SCHEDULES if kind.name == name)
    check_own("schedule", name, [one.name for one in fields(kind)], own)
    return from_plain({"name": name, **own}, SCHEDULES)


def unknown_setting(key: str, known: Iterable[str]) -> str:
    """A sentence about a key that is no setting."""
    if key == "optimizer":
        return "unknown setting 'optimizer': the update rule is called rule, as in rule=adam."
    return unknown("setting", key[:60], known)


def check_own(section: str, name: str, known: Iterable[str], own: Mapping[str, Any]) -> None:
    """Refuse a number that the rule or the schedule of this name does not have.

    Raises:
        UsageError: there is such a number.
    """
    allowed = [f"{section}.{key}" for key in known if key != "learning_rate"]
    for key in own:
        if key != "learning_rate" and f"{section}.{key}" not in allowed:
            raise UsageError(f"{name} has no such number: {unknown('setting', f'{section}.{key[:60]}', allowed)}")


def own_numbers(section: str, chosen: Mapping[str, str]) -> dict[str, Any]:
    """The numbers and words of a rule or a schedule by their names.

    Raises:
        UsageError: the learning rate, which is a setting of its own, or a number that takes too much time or memory.
    """
    if f"{section}.learning_rate" in chosen:
        raise UsageError(f"{section}.learning_rate is the setting learning_rate: give it there.")
    own = {key.partition(".")[2]: plain(value) for key, value in chosen.items() if key.startswith(f"{section}.")}
    for key, most in MOST.items():
        if isinstance(own.get(key), int) and own[key] > most:
            raise UsageError(f"{section}.{key} is {own[key]:,}; at most {most} in the lab.")
    return own


def _fitting(name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that rule `name` has, if another may have the rest; none that would make it another rule."""
    own = vars(RULES[name])
    return {key: value for key, value in values.items() if key in own and (own[key] or key not in FORMS)}


def _refuse_unused(values: Mapping[str, Any], names: Sequence[str]) -> None:
    """Refuse a value that none of several rules would take."""
    for key in values:
        if not any(key in _fitting(name, {key: True}) for name in names):
            known = sorted({key for name in names for key in vars(RULES[name])})
            raise UsageError(f"none of {', '.join(names)} uses it: {unknown('number of a rule', key[:60], known)}")


def plain(text: str) -> Any:
    """A text as a number, a truth value, a list of such or a word."""
    words = {"true": True, "false": False, "null": None}
    if text in words:
        return words[text]
    if text.startswith("[") and text.endswith("]"):
        return _nested(text)
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _nested(text: str) -> Any:
    import json

    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{text[:60]!r} is no list of numbers, as [[0, 0.1], [5, 0.01]].") from error


def number(key: str, text: str) -> float:
    """A finite number."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UsageError(f"{key} is {text[:60]!r}; it must be a number.")
    return value


def positive(key: str, text: str) -> float:
    """A number that is above 0, also in float32."""
    value = number(key, text)
    if not 1e-30 <= value <= 1e30:
        raise UsageError(f"{key} is {text[:60]}; it must be above 0, from 1e-30 to 1e30, such as 0.1.")
    return value


def numbers(key: str, text: str) -> tuple[float, ...]:
    """Numbers with commas between them."""
    return tuple(number(key, part) for part in text.split(","))


def whole(key: str, text: str) -> int:
    """A whole number."""
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"{key} is {text[:60]!r}; it must be a whole number.") from None


def _batch_size(text: str) -> BatchSize:
    return "full" if text == "full" else whole("batch_size", text)


def _until(text: str) -> Until | None:
    if text in ("", "steps"):
        return None
    name, _, tolerance = text.partition(":")
    by = next((by for by in get_args(By) if by == name), None)
    if by is None:
        raise UsageError(f"until is one of {', '.join(get_args(By))}, with a number, as loss:1e-6; not {text[:60]!r}.")
    return Until(by, number("until", tolerance or "1e-6"))
