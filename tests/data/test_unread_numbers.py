"""Numbers that are read as text: most are unknown categories then, and rows seem to be equal."""

from pathlib import Path

import numpy as np
import pytest

import batchwright as bw

ROWS = 400


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """Weights in kilograms and grams, which tell the class if they are read as numbers."""
    draw = np.random.default_rng(0)
    kilograms = draw.lognormal(size=ROWS).round(3)
    cells = [
        f"{x} kg" if unit else f"{x * 1000:.0f} g" for x, unit in zip(kilograms, draw.random(ROWS) < 0.5, strict=True)
    ]
    path = tmp_path / "parcels.csv"
    path.write_text(
        "weight,depot,heavy\n"
        + "".join(
            f"{cell},{draw.integers(0, 3)},{'yes' if x > 1 else 'no'}\n"
            for cell, x in zip(cells, kilograms, strict=True)
        )
    )
    return path


def test_equal_inputs_of_unknown_categories_are_said_to_be_that(weights: Path) -> None:
    data = bw.load(weights, target="heavy", kinds={"weight": "categorical"})
    notes = [note for note in data.notes if "have the same inputs" in note]
    assert notes
    assert all("rare categories, and those that training has not, are one" in note for note in notes)
    names = np.repeat(np.arange(12), 20)
    copies = {"x": names * 1.0, "c": [f"c{name}" for name in names], "y": ["a", "b"] * 120}
    said = [note for note in bw.load(copies, target="y").notes if "have the same inputs" in note]
    assert said
    assert not any("are one" in note for note in said)
