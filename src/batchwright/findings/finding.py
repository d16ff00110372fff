"""A finding: something about data or plan that a person should know before training."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Severity = Literal["note", "warning", "error"]

SEVERITIES: tuple[Severity, ...] = get_args(Severity)
"""From the mildest to the worst."""


@dataclass(frozen=True)
class Finding:
    """One finding.

    Args:
        kind: a short name, the same for all findings of this kind, such as "leak".
        severity: "error": training or its test would be meaningless; "warning": the result is likely to mislead, or to
            be worse than it could be; "note": good to know.
        evidence: one sentence with the numbers.
        advice: one sentence on what to do, with the option to use.
        changes: settings by dotted key that are the remedy; empty where it is for a person to choose.
    """

    kind: str
    severity: Severity
    evidence: str
    advice: str
    changes: Mapping[str, Any] = field(default_factory=dict)


def by_severity(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Sort findings, the worst first; findings of equal severity stay in order.

    >>> note, error = Finding("a", "note", "", ""), Finding("b", "error", "", "")
    >>> [finding.kind for finding in by_severity((note, error))]
    ['b', 'a']
    """
    return tuple(sorted(findings, key=lambda finding: -SEVERITIES.index(finding.severity)))
