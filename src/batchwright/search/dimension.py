"""One key of a search with its range or list of values, and how to read it from a configuration."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from batchwright.config.custom import hints_of
from batchwright.config.document import Node, Place, Problem
from batchwright.config.emit import flow, shorten
from batchwright.config.hints import fields_of, members, nested_dataclass
from batchwright.config.sections import SCALES, SECTIONS
from batchwright.errors import nearest
from batchwright.optim.rule import Range

Scale: TypeAlias = Literal["uniform", "log", "one_minus_log", "choice"]
WHEN = "when"

THE_SAME_FOR_ALL = {
    "data": "all trials share the rows, and their split",
    "training.seed": "it also splits the rows: `seeds` says with how many seeds each trial is trained",
    "training.epochs": "trials are compared after as many epochs: early stopping finds where each is best",
    "training.max_time": "trials are trained at the same time",
    "training.members": "the best trials become members: say how many, or auto",
}
"""Keys that cannot be searched, with the reason."""


@dataclass(frozen=True)
class Dimension:
    """A key, and the values that may be chosen for it.

    - values: the lowest and the highest value of a range, or all values of a choice
    - whole: whether a range is of integers
    - when: values of other keys for which this one is chosen at all
    """

    key: str
    scale: Scale
    values: tuple[Any, ...]
    whole: bool = False
    when: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    place: Place | None = None

    def value(self, share: float) -> Any:
        """The value at a share, in [0, 1), of the way through the dimension.

        >>> Dimension("optimizer.learning_rate", "log", (1e-4, 1.0)).value(0.5)
        0.01
        >>> Dimension("optimizer.momentum", "one_minus_log", (0.0, 0.99)).value(0.5)
        0.9
        """
        if self.scale == "choice":
            return self.values[int(share * len(self.values))]
        low, high = (self._to_scale(end) for end in self.values)
        if self.whole:  # so that the ends are as probable as the values between them
            low, high = self._to_scale(self.values[0] - 0.5), self._to_scale(self.values[1] + 0.5)
        found = self._from_scale(low + share * (high - low))
        if self.whole:
            return min(max(math.floor(found + 0.5), self.values[0]), self.values[1])
        return float(f"{min(max(found, self.values[0]), self.values[1]):.12g}")

    def extrapolate(self, share: float) -> Any:
        """The value at a share of the way through a range, which may be below 0 or above 1; to three digits.

        >>> Dimension("optimizer.learning_rate", "log", (1e-4, 1.0)).extrapolate(1.25)
        10.0
        """
        low, high = (self._to_scale(end) for end in self.values)
        found = self._from_scale(low + share * (high - low))
        return round(found) if self.whole else float(f"{found:.3g}")

    def share(self, value: Any) -> float:
        """The position of a value in a range: 0 at its start, 1 at its end."""
        low, high, at = (self._to_scale(number) for number in (*self.values, value))
        return (at - low) / (high - low)

    def takes(self, value: Any) -> bool:
        """Whether a value is one of the choice, or a number on the scale of the range, inside or outside its ends.

        >>> Dimension("optimizer.learning_rate", "log", (1e-4, 1.0)).takes(-0.1)
        False
        """
        if self.scale == "choice":
            return value in self.values
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float):
            return False
        on_scale = {"uniform": True, "log": value > 0, "one_minus_log": value < 1}
        return math.isfinite(value) and on_scale[self.scale]

    def to_plain(self) -> dict[str, Any]:
        """The dimension as in a configuration."""
        when = {key: list(values) for key, values in self.when.items()}
        return {self.scale: list(self.values)} | ({WHEN: when} if when else {})

    def _to_scale(self, value: float) -> float:
        """The position of a value on the scale on which it is drawn uniformly."""
        return _TO_SCALE[self.scale](value)

    def _from_scale(self, place: float) -> float:
        """The value at a position on that scale."""
        return _FROM_SCALE[self.scale](place)


def dimension_of(number: Range) -> Dimension:
    """The range in which a number of an update rule is searched."""
    return Dimension(f"optimizer.{number.name}", number.scale, (number.low, number.high))


_TO_SCALE: Mapping[str, Callable[[float], float]] = {
    "uniform": float,
    "log": math.log,
    "one_minus_log": lambda value: -math.log1p(-value),
}
_FROM_SCALE: Mapping[str, Callable[[float], float]] = {
    "uniform": float,
    "log": math.exp,
    "one_minus_log": lambda place: -math.expm1(-place),
}


def read_dimension(key: str, node: Node, hints: Sequence[Any]) -> Dimension | Problem:
    """What a mapping at a key says, or what is wrong with it; `hints` are the annotations that the key has."""
    said = node.plain
    reason = THE_SAME_FOR_ALL.get(key) or THE_SAME_FOR_ALL.get(key.split(".")[0])
    if reason:
        return Problem(node.place, f"{key}: cannot be searched: {reason}.")
    scales: list[Any] = [scale for scale in SCALES if scale in said]
    strange = [name for name in said if name not in (*SCALES, WHEN)]
    if len(scales) != 1 or strange:
        near = nearest(strange[0], (*SCALES, WHEN)) if strange else None
        hint = f"; did you mean {near}?" if near else ""
        allowed = "one of {uniform: [low, high]}, {log: [low, high]}, {one_minus_log: [low, high]}, {choice: [...]}"
        return Problem(node.place, f"{key}: {shorten(said)} is not a space: it is {allowed}{hint or '.'}")
    scale: Scale = scales[0]
    values, when = said[scale], said.get(WHEN) or {}
    if wrong := _wrong_values(scale, values) or _wrong_when(when):
        return Problem(node.place, f"{key}: {wrong}")
    conditions = {name: tuple(of) if isinstance(of, list) else (of,) for name, of in when.items()}
    whole = scale in ("uniform", "log") and _takes_only_integers(hints)
    if whole and any(isinstance(end, float) and not end.is_integer() for end in values):
        return Problem(node.place, f"{key}: takes whole numbers; the range is {shorten(values)}.")
    return Dimension(
        key, scale, tuple(int(end) for end in values) if whole else tuple(values), whole, conditions, node.place
    )


def _wrong_values(scale: Scale, values: Any) -> str | None:
    """What is wrong with the values of a space."""
    if not isinstance(values, list):
        return f"{scale} takes a list, but is given {shorten(values)}."
    if scale == "choice":
        texts = [flow(value) for value in values]
        twice = next((text for text in texts if texts.count(text) > 1), None)
        if twice is not None:
            return f"choice has {twice} twice; keep one of them."
        return None if len(values) >= 2 else f"choice takes two values or more, but is given {shorten(values)}."
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(values) != 2 or len(numbers) != 2 or not all(map(math.isfinite, numbers)):
        return f"{scale} takes [low, high], two numbers, but is given {shorten(values)}."
    low, high = numbers
    if low >= high:
        wrong = "empty" if low == high else "inverted"
        return f"the range {shorten(values)} is {wrong}: write [low, high] with low < high."
    if scale == "log" and low <= 0:
        return f"a log range has to stay above 0, but is {shorten(values)}; a small low end as 1e-5 does."
    if scale == "one_minus_log" and high >= 1:
        return f"a one_minus_log range has to stay below 1, but is {shorten(values)}; a high end as 0.999 does."
    return None


def _wrong_when(when: Any) -> str | None:
    if not isinstance(when, dict) or any(isinstance(of, dict) or of == [] for of in when.values()):
        return (
            f"when takes keys with the values for which it holds, as {{optimizer.name: sgd}}, but is {shorten(when)}."
        )
    return None


def _takes_only_integers(hints: Sequence[Any]) -> bool:
    """Whether a key takes whole numbers and no others, in every kind that has it."""
    return bool(hints) and all(int in members(hint) and float not in members(hint) for hint in hints)


def hints_of_key(key: str, parts: Mapping[str, Any]) -> list[Any]:
    """The annotations of a dotted key; in a section with a part of the user's own, the annotations of that part."""
    section, _, name = key.partition(".")
    if section not in parts:
        return hints_at(key)
    hints = hints_of(parts[section])
    return [hints[name]] if name in hints else []


def hints_at(key: str) -> list[Any]:
    """The annotations of a dotted key in the kinds of its section; empty if no kind has it."""
    section, *path = key.split(".")
    if not path:
        return []
    owners: list[type] = [cls for known in SECTIONS if known.name == section for cls in known.classes]
    for part in path[:-1]:
        owners = [inner for cls in owners if (inner := nested_dataclass(fields_of(cls).get(part)))]
    return [fields_of(cls)[path[-1]] for cls in owners if path[-1] in fields_of(cls)]
