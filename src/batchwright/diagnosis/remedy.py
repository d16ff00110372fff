"""Remedies of a diagnosis, without those that are in force already: nobody is told to set what is set."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from batchwright.diagnosis.evidence import Evidence


@dataclass(frozen=True)
class Remedy:
    """One thing to do.

    - words: what it is, as part of a sentence
    - changes: the settings that do it
    - is_set: whether it is in force already, where the changes do not show that
    """

    words: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    is_set: bool = False


def open_remedies(evidence: Evidence, *remedies: Remedy) -> tuple[Remedy, ...]:
    """The remedies that are not in force, and whose settings the network has, where its kind is known."""
    return tuple(
        one for one in remedies if not (one.is_set or _is_in_force(evidence, one) or _is_lacking(evidence, one))
    )


def advice_of(remedies: tuple[Remedy, ...]) -> str:
    """The remedies as a choice.

    >>> advice_of((Remedy("rest"), Remedy("sleep"), Remedy("eat")))
    'rest, sleep, or eat'
    """
    words = [one.words for one in remedies]
    return ", or ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def changes_of(remedies: tuple[Remedy, ...]) -> dict[str, Any]:
    """The settings of all remedies."""
    return {key: value for one in remedies for key, value in one.changes.items()}


def _is_in_force(evidence: Evidence, remedy: Remedy) -> bool:
    settings = evidence.settings
    named = bool(remedy.changes) and all(key in settings and settings[key] == it for key, it in remedy.changes.items())
    return remedy.is_set or named


def _is_lacking(evidence: Evidence, remedy: Remedy) -> bool:
    """Whether a network of batchwright's, whose kind the settings name, has no such setting."""
    named = "network.name" in evidence.settings
    return named and any(key.startswith("network.") and key not in evidence.settings for key in remedy.changes)
