"""The members of an ensemble as its run tells of them: what each was trained with, and what it adds."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from batchwright.errors import RunError
from batchwright.runs.reading import REMEDY, numbers, parse
from batchwright.runs.sealed import seal, unseal

FORMAT = 1

Figures = dict[str, float | None]
Way = Literal["greedy", "all alike", "the best"]


@dataclass(frozen=True)
class Member:
    """A member.

    - number: from 1, which has the settings of the training; settings: what was drawn, by key
    - status, reason: how its training ended; epochs: how many there were; epoch: whose parameters it has
    - validation: its own loss on the validation rows, and the metric that matters first of the task
    - count: how often it counts in the mean answer, 0 where it is left out
    - together: the same figures of the mean answer with it and all members above it; None where it is left out
    - fold: which fold it holds out, from 1; None where all hold out the validation rows. Then `validation` is on the
      rows of this fold, and `together` on those of all, out of fold, with all members of its settings
    """

    number: int
    settings: dict[str, Any]
    status: str
    reason: str
    epochs: int
    epoch: int
    validation: Figures
    count: int = 0
    together: Figures | None = None
    fold: int | None = None


@dataclass(frozen=True)
class MembersRecord:
    """All members, those that answer first, in the order in which they joined; how they were chosen, and why so.

    `first` has the metrics of the first member alone, by part and name, on the validation and the test rows: what the
    training would have come to without the others. It is empty where the first member has no answer.
    """

    members: tuple[Member, ...]
    way: Way
    reason: str
    first: Mapping[str, Figures] = field(default_factory=dict)

    def __repr__(self) -> str:
        """How many members, and how many answer."""
        return f"<MembersRecord: {len(self.members)} members, {len(self.answering)} answer>"

    @property
    def answering(self) -> tuple[Member, ...]:
        """Those that answer."""
        return tuple(one for one in self.members if one.count)

    @property
    def has_folds(self) -> bool:
        """Whether each member holds out a fold."""
        return any(one.fold is not None for one in self.members)

    def share(self, member: Member) -> float:
        """The weight of a member in the mean answer."""
        return member.count / sum(one.count for one in self.members)

    def to_json(self) -> dict[str, Any]:
        """Plain data, with the weight of each member."""
        each = [{**asdict(one), "weight": self.share(one)} for one in self.members]
        return {"way": self.way, "reason": self.reason, "members": each, "first": dict(self.first)}


@dataclass(frozen=True)
class _Plain:
    members: list[Member]
    way: Way
    reason: str
    first: dict[str, Figures] = field(default_factory=dict)
    format: int = FORMAT


def dump_members(record: MembersRecord) -> bytes:
    """The content of `members.json`."""
    return seal(asdict(record) | {"format": FORMAT}).encode()


def read_members(data: bytes, where: Path) -> MembersRecord:
    """The record in the content of a `members.json`.

    Raises:
        RunError: there is none.
    """
    plain = parse(_Plain, unseal(data, where, FORMAT), where)
    if not _can_be(plain.members):
        raise RunError(f"{where} does not tell of members of an ensemble. {REMEDY}")
    first: dict[str, Figures] = {part: dict(numbers(figures)) for part, figures in plain.first.items()}
    return MembersRecord(tuple(map(_with_numbers, plain.members)), plain.way, plain.reason, first)


def _can_be(members: Sequence[Member]) -> bool:
    least = min((min(one.count, one.epochs, one.epoch) for one in members), default=-1)
    return least >= 0 and any(one.count for one in members)


def _with_numbers(member: Member) -> Member:
    """The member with NaN where a figure was not finite."""
    together = None if member.together is None else numbers(member.together)
    plain = {**vars(member), "validation": numbers(member.validation), "together": together}
    return Member(**plain)
