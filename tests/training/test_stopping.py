"""Early stopping against cases worked by hand, and against a loop that remembers."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchwright.errors import ConfigError
from batchwright.training.stopping import EarlyStopping, SoFar


def verdict(figures: list[float], stopping: EarlyStopping) -> SoFar:
    return stopping.verdict([{"epoch": number, stopping.monitor: figure} for number, figure in enumerate(figures)])


def test_goes_on_while_it_improves() -> None:
    assert verdict([3.0, 2.0, 1.0], EarlyStopping(patience=1)) == SoFar(3, None)
    assert verdict([], EarlyStopping(patience=1)) == SoFar(None, None)


def test_stops_after_patience_and_not_before() -> None:
    stopping = EarlyStopping(patience=3)
    assert verdict([2.0, 1.0, 1.5, 1.0], stopping) == SoFar(2, None)
    found = verdict([2.0, 1.0, 1.5, 1.0, 1.2], stopping)
    assert found.best_epoch == 2
    assert found.stop is not None
    assert found.stop.reason == "val_loss has not improved for 3 epochs; its best is 1, in epoch 2"


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy", "macro_f1", "roc_auc", "r2"])
def test_larger_is_better_for_some(metric: str) -> None:
    found = verdict([0.5, 0.9, 0.8], EarlyStopping(monitor=f"val_{metric}", patience=1))
    assert found.best_epoch == 2
    assert found.stop is not None
    assert "its best is 0.9, in epoch 2" in found.stop.reason


@pytest.mark.parametrize("metric", ["rmse", "mae", "log_loss", "calibration_error"])
def test_smaller_is_better_for_the_others(metric: str) -> None:
    assert verdict([0.5, 0.9], EarlyStopping(monitor=f"val_{metric}")).best_epoch == 1


def test_small_gains_do_not_reset_the_wait_but_the_best_is_the_best() -> None:
    found = verdict([1.0, 0.95, 0.91], EarlyStopping(patience=2, min_delta=0.1))
    assert found.best_epoch == 3
    assert found.stop is not None
    assert "by more than 0.1 for 2 epochs" in found.stop.reason
    assert verdict([1.0, 0.95, 0.89], EarlyStopping(patience=2, min_delta=0.1)).stop is None


def test_what_is_not_finite_is_never_better() -> None:
    assert verdict([math.nan, 2.0, -math.inf], EarlyStopping(patience=5)).best_epoch == 2
    found = verdict([math.nan, math.inf], EarlyStopping(patience=2))
    assert found.best_epoch is None
    assert found.stop is not None
    assert "never finite" in found.stop.reason


def test_a_figure_that_is_not_there() -> None:
    with pytest.raises(ConfigError, match="did you mean 'val_loss'"):
        EarlyStopping(monitor="validation los").verdict([{"val_loss": 1.0, "note": "text"}])


@given(st.lists(st.integers(0, 6).map(float)), st.integers(1, 4), st.sampled_from([0.0, 1.0]))
def test_agrees_with_a_loop_that_remembers(figures: list[float], patience: int, min_delta: float) -> None:
    bar, wait, stopped = math.inf, 0, False
    for epoch in range(1, len(figures) + 1):
        figure = figures[epoch - 1]
        bar, wait = (figure, 0) if figure < bar - min_delta else (bar, wait + 1)
        stopped = wait >= patience
        found = verdict(figures[:epoch], EarlyStopping(patience=patience, min_delta=min_delta))
        assert (found.stop is not None) == stopped
        assert found.best_epoch == figures.index(min(figures[:epoch])) + 1
        if stopped:
            break


FIGURES = st.one_of(st.integers(-3, 3), st.sampled_from([0.5, math.nan, math.inf, -math.inf, -0.0]))


@given(st.lists(FIGURES), st.integers(1, 4), st.sampled_from([0.0, 0.7, 1.0]), st.sampled_from(["min", "max"]))
def test_best_and_stop_are_those_of_going_through_all_epochs(
    figures: list[float], patience: int, min_delta: float, mode: str
) -> None:
    """Whole numbers, and figures that are not finite, are there too."""
    sign = -1.0 if mode == "max" else 1.0
    best, bar, best_epoch, improved = math.inf, math.inf, None, 0
    for epoch, figure in enumerate(figures, start=1):
        cost = sign * figure
        if math.isfinite(cost) and cost < best:
            best, best_epoch = cost, epoch
        if math.isfinite(cost) and cost < bar - min_delta:
            bar, improved = cost, epoch
    found = verdict(figures, EarlyStopping(patience=patience, min_delta=min_delta, mode=mode))
    assert found.best_epoch == best_epoch
    assert (found.stop is not None) == (len(figures) - improved >= patience)
    if found.stop is not None and best_epoch is not None:
        assert found.stop.reason.endswith(f"its best is {figures[best_epoch - 1]:.6g}, in epoch {best_epoch}")
