"""The verdict on curves in closed form, with noise and without."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchwright.diagnosis.verdict import FEWEST, verdict


def rows(loss: np.ndarray, validation: np.ndarray) -> list[dict[str, float]]:
    return [
        {"epoch": epoch, "loss": float(a), "val_loss": float(b)}
        for epoch, (a, b) in enumerate(zip(loss, validation, strict=True), start=1)
    ]


def falling(epochs: int, *, floor: float, pace: float, start: float = 1.0) -> np.ndarray:
    """floor + start·exp(−t/pace)."""
    return floor + start * np.exp(-np.arange(1, epochs + 1) / pace)


def rising(epochs: int, *, turn: float, slope: float) -> np.ndarray:
    return slope * np.maximum(np.arange(1, epochs + 1) - turn, 0.0)


def noise(epochs: int, deviation: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, deviation, epochs)


def kinds(make: Callable[[int], list[dict[str, float]]], seeds: int = 120) -> dict[str, float]:
    """The share of each kind over many drawings of noise."""
    found = [verdict(make(seed)).kind for seed in range(seeds)]
    return {kind: found.count(kind) / seeds for kind in set(found)}


@settings(max_examples=30)
@given(st.integers(12, 300), st.floats(0.1, 1.0))
def test_converged_is_about_right(epochs: int, floor: float) -> None:
    curve = falling(epochs, floor=floor, pace=epochs / 15)
    found = verdict(rows(curve, curve + 0.02))
    assert found.kind == "about right" and found.turned_at is None


@settings(max_examples=30)
@given(st.integers(12, 300), st.floats(0.0, 0.3), st.floats(0.3, 3.0))
def test_still_falling_is_underfitting(epochs: int, floor: float, pace: float) -> None:
    curve = falling(epochs, floor=floor, pace=pace * epochs)
    found = verdict(rows(curve, curve + 0.05))
    assert found.kind == "underfitting" and found.turned_at is None
    assert "still falling" in found.reason


@settings(max_examples=30)
@given(st.integers(20, 300), st.floats(0.3, 0.7), st.floats(0.1, 2.0))
def test_rising_again_is_overfitting_and_the_epoch_is_found(epochs: int, share: float, rise: float) -> None:
    turn = share * epochs
    loss = falling(epochs, floor=0.0, pace=epochs / 5)
    validation = falling(epochs, floor=0.2, pace=epochs / 40) + rising(epochs, turn=turn, slope=rise / epochs)
    found = verdict(rows(loss, validation))
    assert found.kind == "overfitting"
    assert found.turned_at == pytest.approx(turn, abs=0.1 * epochs + 1)
    assert f"epoch {found.turned_at}" in found.reason


@settings(max_examples=30)
@given(
    st.sampled_from(["about right", "underfitting", "overfitting"]),
    st.floats(1e-3, 1e3),
    st.integers(0, 50),
)
def test_the_unit_of_the_loss_does_not_matter(kind: str, unit: float, seed: int) -> None:
    epochs = 60
    loss, validation = {
        "about right": (falling(epochs, floor=0.3, pace=4), falling(epochs, floor=0.31, pace=4)),
        "underfitting": (falling(epochs, floor=0.1, pace=60), falling(epochs, floor=0.1, pace=60)),
        "overfitting": (
            falling(epochs, floor=0.0, pace=20),
            falling(epochs, floor=0.3, pace=4) + rising(epochs, turn=30, slope=0.01),
        ),
    }[kind]
    validation = validation + noise(epochs, 0.003, seed)
    assert verdict(rows(unit * loss, unit * validation)).kind == kind


@pytest.mark.parametrize("epochs", [10, 20, 60, 200])
@pytest.mark.parametrize("deviation", [0.001, 0.01, 0.05])
def test_noise_is_hardly_ever_taken_for_a_turn_or_a_trend(epochs: int, deviation: float) -> None:
    curve = falling(epochs, floor=0.4, pace=epochs / 20)
    shares = kinds(lambda seed: rows(curve, curve + noise(epochs, deviation, seed)))
    # A slope of a few epochs passes three of its standard errors, which it gives itself, in up to 3 % by chance.
    assert shares["about right"] >= 0.95
    assert shares.get("overfitting", 0.0) <= 0.01


@pytest.mark.parametrize("deviation", [0.0, 0.005, 0.02])
def test_a_turn_is_seen_through_noise(deviation: float) -> None:
    epochs = 60
    loss = falling(epochs, floor=0.0, pace=20)
    clean = falling(epochs, floor=0.4, pace=4) + rising(epochs, turn=25, slope=0.01)
    shares = kinds(lambda seed: rows(loss, clean + noise(epochs, deviation, seed)))
    assert shares["overfitting"] >= 0.98


def test_noise_of_the_same_size_hides_the_turn() -> None:
    epochs = 40
    loss = falling(epochs, floor=0.0, pace=20)
    clean = falling(epochs, floor=0.4, pace=2) + rising(epochs, turn=30, slope=0.002)
    shares = kinds(lambda seed: rows(loss, clean + noise(epochs, 0.05, seed)))
    assert shares.get("overfitting", 0.0) <= 0.05


def test_a_fall_is_seen_through_noise() -> None:
    curve = falling(60, floor=0.1, pace=60)
    shares = kinds(lambda seed: rows(curve, curve + noise(60, 0.01, seed)))
    assert shares["underfitting"] >= 0.98


def test_a_fall_to_where_the_loss_has_been_before_promises_nothing() -> None:
    """The loss rises to ten times its lowest value and comes back: more than there is cannot be gained."""
    t = np.arange(1, 121)
    validation = 3 * np.exp(-t / 6) + 0.04 + 0.4 * np.exp(-(((t - 80) / 18.0) ** 2))
    found = verdict(rows(validation, validation))
    assert found.kind == "unknown" and "fell to 0.0" in found.reason and "was at 0.0" in found.reason
    longer = 3 * np.exp(-t / 60) + 0.4 * np.exp(-(((t - 40) / 18.0) ** 2))  # falls on after the rise
    assert verdict(rows(longer, longer)).kind == "underfitting"


def test_a_leap_of_one_epoch_is_no_turn() -> None:
    curve = falling(60, floor=0.3, pace=5) + noise(60, 0.002, 0)
    curve[20] -= 0.05
    curve[40] += 0.5
    assert verdict(rows(curve, curve)).kind == "about right"


def test_training_loss_above_validation_is_no_gap() -> None:
    curve = falling(40, floor=0.3, pace=3)
    assert verdict(rows(curve + 0.4, curve)).kind == "about right"


def test_a_wide_gap_without_a_rise_is_not_decided() -> None:
    found = verdict(rows(falling(40, floor=0.01, pace=3), falling(40, floor=0.6, pace=3)))
    assert found.kind == "unknown" and "wide gap" in found.reason


def test_near_zero_a_loss_may_double() -> None:
    loss, validation = falling(40, floor=0.0, pace=2, start=3.0), falling(40, floor=0.002, pace=2, start=3.0)
    assert verdict(rows(loss, validation + rising(40, turn=30, slope=0.0002))).kind == "about right"


def test_high_and_flat_from_the_start_is_not_decided() -> None:
    flat = np.full(40, 2.3)
    found = verdict(rows(flat, flat))
    assert found.kind == "unknown" and "either nothing was learned" in found.reason


def test_both_rising_is_no_overfitting() -> None:
    up = falling(40, floor=0.3, pace=3) + rising(40, turn=20, slope=0.02)
    found = verdict(rows(up, up))
    assert found.kind == "unknown" and found.turned_at is None
    assert "learning rate" in found.reason


def test_a_rise_that_went_away_again_is_not_a_turn() -> None:
    t = np.arange(1, 61)
    curve = falling(60, floor=0.3, pace=3) + 0.3 * np.exp(-(((t - 30) / 4) ** 2))
    assert verdict(rows(curve, curve)).kind == "about right"


def test_without_validation_nothing_is_said() -> None:
    history = [{"epoch": epoch, "loss": 1 / epoch} for epoch in range(1, 30)]
    found = verdict(history)
    assert found.kind == "unknown" and "no validation loss" in found.reason


@pytest.mark.parametrize("epochs", range(FEWEST))
def test_few_epochs_are_not_judged(epochs: int) -> None:
    curve = falling(epochs, floor=0.0, pace=5)
    assert verdict(rows(curve, curve)).reason == f"{epochs} epochs are too few to judge by; it takes {FEWEST}"


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_is_named(value: float) -> None:
    curve = falling(20, floor=0.0, pace=5)
    validation = curve.copy()
    validation[11] = value
    assert verdict(rows(curve, validation)).reason == "the loss of epoch 12 is not finite"


@settings(max_examples=30)
@given(st.lists(st.tuples(*[st.floats(-1e6, 1e6)] * 2), max_size=40))
def test_any_history_has_a_verdict(pairs: list[tuple[float, float]]) -> None:
    found = verdict([{"loss": a, "val_loss": b} for a, b in pairs])
    assert (found.turned_at is not None) == (found.kind == "overfitting")
    assert found.reason and "nan" not in found.reason


def annealed(epochs: int, *, pace: float, floor: float = 0.3) -> list[dict[str, float]]:
    """A loss that falls at a pace which follows the rate, down a cosine from 0.1 to 0: flat at its end in any case."""
    rates = 0.05 * (1 + np.cos(np.pi * np.arange(epochs) / (epochs - 1)))
    curve = floor + np.exp(-np.cumsum(rates) / rates.max() / pace)
    return [row | {"learning_rate": float(rate)} for row, rate in zip(rows(curve, curve + 0.02), rates, strict=True)]


@pytest.mark.parametrize("epochs", [20, 60, 200])
def test_a_curve_that_the_schedule_has_flattened_promises_nothing(epochs: int) -> None:
    """Twice the epochs would gain much, though the end is as flat as any."""
    short, longer = (annealed(count, pace=epochs / 4) for count in (epochs, 2 * epochs))
    assert longer[-1]["val_loss"] < 0.9 * short[-1]["val_loss"]
    found = verdict(short)
    assert found.kind == "unknown"
    assert "so is every curve once the schedule has lowered the learning rate (to 0, from 0.1)" in found.reason


@pytest.mark.parametrize("epochs", [40, 200])
def test_a_curve_that_was_flat_before_its_rate_was_lowered_is_about_right(epochs: int) -> None:
    assert verdict(annealed(epochs, pace=epochs / 60)).kind == "about right"
