"""Problems that can be found before training: leaks, repeated rows, rare classes, and plans that cannot work well."""

from batchwright.findings.finding import SEVERITIES, Finding, Severity
from batchwright.findings.inspection import inspect
from batchwright.findings.told import Told

__all__ = ["SEVERITIES", "Finding", "Severity", "Told", "inspect"]
