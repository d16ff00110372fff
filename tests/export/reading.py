"""Answers of an exported model beside those of `predict`: names, texts and numbers."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

TOLERANCE = 1e-5
"""The largest difference of a number, as a share of the largest of its column where that is above 1."""


def compare(found: Mapping[str, Any], wanted: pl.DataFrame) -> float:
    """The largest difference of a number; everything else has to be equal."""
    assert list(found) == wanted.columns
    largest = 0.0
    for name in wanted.columns:
        ours, theirs = np.asarray(found[name]), wanted[name].to_numpy()
        assert len(ours) == len(theirs), name
        if wanted[name].dtype == pl.String:
            assert ours.tolist() == theirs.tolist(), name
        else:
            numbers = ours.astype(np.float64)
            assert np.isfinite(theirs).all() and np.isfinite(numbers).all(), name
            largest = max(largest, float(np.max(np.abs(numbers - theirs)) / max(1.0, np.max(np.abs(theirs)))))
    return largest
