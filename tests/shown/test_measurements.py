"""Figures and tables of measurements, made from numbers that are known."""

import math

import numpy as np
import pytest
from tests.figures.drawing import dots, line_points, mapping, parse, told, words
from tests.shown.test_notebook import assert_harmless

from batchwright.errors import UsageError
from batchwright.measure.batch_size import BatchSizes, Candidate
from batchwright.measure.learning_rate import LearningRates, TriedRate
from batchwright.measure.noise_scale import NoiseScale, NoiseScales, Spread
from batchwright.measure.throughput import Throughput, Timing

SPREAD = Spread(0.0, 0.0, 0.0, 10)
NOISE = NoiseScale(120.0, 80.0, 300.0, 240.0, 2.0, 1_000, SPREAD)
ENDLESS = NoiseScale(math.inf, 50.0, math.inf, 1.0, 0.0, 1_000, SPREAD)
NOTHING = NoiseScale(math.nan, 0.0, math.inf, 0.0, 0.0, 1_000, SPREAD)

SIZES = tuple(Candidate(size, 1_000 // size, 1e4 * size, 1_000, 1 + 16 / size, 0.5) for size in (16, 32, 64))
THROUGHPUT = Throughput(1e-5, 1e-6, (1e-5, 1e-5), (1e-6, 1e-6), (Timing(16, (0.1, 0.2), 9),), 1.0, 1.0)
FOUND = BatchSizes(64, (32, 64), "reason", NOISE, THROUGHPUT, SIZES, {}, 1.0, 1.0)

LOSSES = np.linspace(2.0, 1.0, 40, dtype=np.float32)[None] * np.array([[1.0], [1.1]], np.float32)
RATES = LearningRates(
    0.01,
    (0.005, 0.02),
    0.01,
    0.1,
    (TriedRate(0.001, LOSSES), TriedRate(0.01, LOSSES / 2), TriedRate(0.1, LOSSES[:, ::-1] * 3)),
    1.0,
    1.0,
)


@pytest.mark.parametrize("found", [NOISE, ENDLESS, NoiseScales(NOISE, {"a": NOISE, "b": NOTHING}), FOUND, RATES])
def test_each_shows_itself(found) -> None:
    for name in found.figures:
        parse(found.figure(name))
    assert found.figures and all(frame.height for frame in found.frames().values())
    assert_harmless(found._repr_html_())
    assert len(repr(found)) < 200


def test_iterations_fall_with_the_batch_size_as_one_and_noise_over_size() -> None:
    figure = NOISE.figure("noise")
    [points] = line_points(figure, "1 + φ/B")
    middle = points[np.abs(points[:, 0] - mapping(figure, "x", log=True)(120.0)).argmin()]
    assert middle[1] == pytest.approx(float(mapping(figure, "y", log=True)(2.0)), abs=1.0)
    assert "Mark at 120: φ = 120" in told(figure)


def test_a_noise_scale_that_may_be_infinite_is_drawn_by_its_lower_bound() -> None:
    assert "φ ≥ 50" in words(ENDLESS.figure())
    with pytest.raises(UsageError, match="it could be anything"):
        NOTHING.figure("noise")
    assert NOTHING.frame()["value"].is_nan().all()


def test_throughput_is_that_of_the_candidates() -> None:
    figure = FOUND.figure("throughput")
    [points] = line_points(figure, "rows/s")
    assert points[:, 1] == pytest.approx(mapping(figure, "y", log=True)([1.6e5, 3.2e5, 6.4e5]), abs=0.3)
    assert "recommended 64" in words(figure)
    sizes = FOUND.frame("batch_sizes")
    assert sizes["batch_size"].to_list() == [16, 32, 64]
    assert sizes["relative_time"].to_list() == [2.0, 1.5, 1.25]
    assert sizes["recommended"].to_list() == [False, False, True]
    assert FOUND.frame("timings").rows() == [(16, 0.1, 9), (16, 0.2, 9)]


def test_rates_are_drawn_and_listed_as_they_were_tried() -> None:
    assert len(dots(RATES.figure("loss_by_rate"), "s0")) == 2, "what diverged has no dot"
    rates = RATES.frame("learning_rates")
    assert rates["learning_rate"].to_list() == [0.001, 0.01, 0.1]
    assert rates["loss"].to_list() == pytest.approx([trial.loss for trial in RATES.trials])
    assert rates["diverged"].to_list() == [False, False, True]
    losses = RATES.frame("losses")
    assert losses.height == 3 * 2 * 40
    assert losses.row(40) == pytest.approx((0.001, 1, 1, float(LOSSES[1, 0])))
    assert any(word.startswith("too large") for word in words(RATES.figure("curves")))
