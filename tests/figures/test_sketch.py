"""The plot in the terminal."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchwright.figures import sketch
from batchwright.figures.sketch import BLOCKS


@pytest.mark.parametrize("values", [[0.1], [0.1, 0.1, 0.1], [0.0, 1e-9], [5.0, -5.0]])
def test_has_as_many_lines_and_columns_as_asked(values: list[float]) -> None:
    lines = sketch(np.array(values), width=40, height=3).split("\n")
    assert len(lines) == 4
    assert max(len(line) for line in lines[:3]) == 11 + len(values)


def test_a_line_upwards_rises_by_eighths() -> None:
    values = np.arange(25, dtype=np.float64)
    lines = [line.partition("│")[2].ljust(25) for line in sketch(values, width=25, height=3).split("\n")[:3]]
    heights = [sum(BLOCKS.index(line[column]) for line in lines) for column in range(25)]
    assert heights == [1, *range(1, 25)]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=300), st.integers(1, 80), st.integers(1, 12))
def test_never_exceeds_its_width(values: list[float], width: int, height: int) -> None:
    lines = sketch(np.array(values), width=width, height=height).split("\n")
    assert len(lines) == height + 1
    assert all(len(line) <= 11 + width for line in lines[:height])
    assert float(lines[0].split("│")[0]) == pytest.approx(max(values), rel=1e-2)
