"""A diagnosis: what seems to be wrong with a training, how sure that is, and which settings may mend it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from batchwright.findings.finding import SEVERITIES, Severity

Sure = Literal["possible", "likely", "sure"]

SURE: tuple[Sure, ...] = get_args(Sure)
"""From the least sure to the surest."""


@dataclass(frozen=True)
class Diagnosis:
    """One diagnosis of a training that has ended.

    Args:
        kind: a short name, the same for all diagnoses of this kind, such as "overfitting".
        severity: "error": the result means little or nothing; "warning": it is worse than it could be, or misleads;
            "note": good to know, and no fault.
        sure: "sure": seen directly; "likely": hardly to be explained otherwise; "possible": other causes look the same.
        evidence: one sentence with the numbers.
        advice: one sentence on what to do, with the settings to use.
        changes: settings by dotted key that may mend it; empty where no setting can.
        series: the column of the history that shows it, such as "val_loss"; empty where none does.
        follows: the kind of another diagnosis that this one seems to follow from; empty where there is none.
    """

    kind: str
    severity: Severity
    sure: Sure
    evidence: str
    advice: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    series: str = ""
    follows: str = ""

    def to_json(self) -> dict[str, Any]:
        """The diagnosis as plain data."""
        return {**vars(self), "changes": dict(self.changes)}


def rank(one: Diagnosis) -> tuple[int, int]:
    """Sorts what is wrong before notes, and then what is surer first."""
    return one.severity == "note", -SURE.index(one.sure) * len(SEVERITIES) - SEVERITIES.index(one.severity)
