"""Tables in which something is planted, and what is found in them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from batchwright.data.dataset import Dataset
from batchwright.data.load import load
from batchwright.findings.finding import Finding

ROWS = 600


def clean(rows: int = ROWS, seed: int = 0) -> dict[str, np.ndarray]:
    """Two numbers and a category, and two classes of which these tell something."""
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=(2, rows))
    colour = rng.choice(["red", "green", "blue"], rows)
    y = np.where(x + z + (colour == "red") + rng.normal(size=rows) > 0, "yes", "no")
    return {"x": x, "z": z, "colour": colour, "y": y}


def loaded(columns: Mapping[str, np.ndarray], **options: Any) -> Dataset:
    return load(columns, target="y", **options)


def told(findings: tuple[Finding, ...]) -> list[tuple[str, str]]:
    """The kind and severity of each finding, each of which says something."""
    for finding in findings:
        assert finding.evidence and finding.advice and "nan" not in finding.evidence
    return [(finding.kind, finding.severity) for finding in findings]
