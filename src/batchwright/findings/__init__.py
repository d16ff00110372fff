"""Problems that can be found before training: leaks, repeated rows, rare classes, and plans that cannot work well."""

from typing import TYPE_CHECKING

from batchwright._on_use import load_on_use

if TYPE_CHECKING:
    from batchwright.findings.finding import SEVERITIES, Finding, Severity
    from batchwright.findings.inspection import inspect
    from batchwright.findings.told import Told

__all__ = ["SEVERITIES", "Finding", "Severity", "Told", "inspect"]

__getattr__ = load_on_use(
    __name__, {"finding": ("SEVERITIES", "Finding", "Severity"), "inspection": ("inspect",), "told": ("Told",)}
)
