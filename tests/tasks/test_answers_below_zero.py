"""No predicted price, count or length is below 0: answers end there if no training row is below it."""

from typing import Any

import numpy as np
import pytest

import batchwright as bw
from batchwright.nn import MLP

X = np.random.default_rng(0).uniform(-4.0, 4.0, 300)
HOW: dict[str, Any] = {"network": MLP((8,)), "epochs": 2, "batch_size": 64, "progress": False, "early_stopping": None}


def test_a_number_that_is_never_below_0_is_not_predicted_below_it() -> None:
    trained = bw.fit(bw.load({"x": X, "y": 10.0**X}, target="y"), **HOW)
    free = bw.fit(bw.load({"x": X, "y": 10.0**X}, target="y"), **HOW, clip_margin="none")
    new = {"x": X}
    assert free.predict(new).answers.min() < 0.0
    found = trained.predict(new)
    assert 0.0 <= found.answers.min() < 1e-12
    np.testing.assert_allclose(found.answers, np.maximum(free.predict(new).answers, 0.0), atol=1e-9)
    assert any("below 0" in note for note in found.notes)


@pytest.mark.parametrize(("shift", "margin"), [(-1.0, "auto"), (0.0, 0.25)])
def test_others_may_be(shift: float, margin: Any) -> None:
    trained = bw.fit(bw.load({"x": X, "y": 10.0**X + shift}, target="y"), **HOW, clip_margin=margin)
    assert trained.predict({"x": X}).answers.min() < 0.0


def test_a_target_of_many_decades_is_better_learned_as_its_logarithm_and_a_note_says_so() -> None:
    rows = {"x": X, "y": 10.0**X}
    (note,) = [note for note in bw.load(rows, target="y").notes if "nine tenths" in note]
    assert "`target_transform=log` learns all alike" in note
    errors = []
    for transform in ("none", "log"):
        trained = bw.fit(bw.load(rows, target="y", target_transform=transform), network=MLP((16,)), progress=False)
        answers = trained.predict({"x": X}).answers
        errors.append(np.median(np.abs(np.log10(np.maximum(answers, 1e-9)) - X)))
    assert errors[1] < 0.5 < errors[0]


@pytest.mark.parametrize("y", [10.0 ** (X / 3), 10.0**X - 1.0, X])
def test_of_others_no_note_says_so(y: np.ndarray) -> None:
    assert not [note for note in bw.load({"x": X, "y": y}, target="y").notes if "nine tenths" in note]
