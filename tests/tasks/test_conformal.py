"""Intervals and sets hold the true value as often as their level promises: by simulation, with fresh rows each time."""

import numpy as np
import pytest

from batchwright.data.encode.power import Power
from batchwright.errors import ConfigError, UsageError
from batchwright.tasks import Classification, CustomTask, Multilabel, Regression, Several, Task
from batchwright.tasks.conformal import (
    Conformal,
    can_hold,
    check_level,
    conformal_scores,
    cutoff,
    interval_of,
    prediction_set,
    scores_of,
)
from batchwright.tasks.coverage import measure_coverage

REPEATS, CALIBRATION, FRESH = 200, 60, 60


def values(draw: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """What a network answers, and targets whose errors grow with the answer."""
    x = draw.uniform(-1, 1, (rows, 1))
    return x.astype(np.float32), (x[:, 0] + draw.normal(size=rows) * (0.2 + np.abs(x[:, 0]))).astype(np.float32)


def quantiles(draw: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    x, y = values(draw, rows)
    steps = np.log(np.expm1(0.3 * (0.2 + np.abs(x))))  # far too narrow, and wider where errors are larger
    return np.concatenate([x - 0.2, steps, steps], axis=1).astype(np.float32), y


def counts(draw: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    log = draw.normal(0, 1, (rows, 1))
    return log.astype(np.float32), ((draw.poisson(8 * np.exp(log[:, 0])) - 8.0) / 8.0).astype(np.float32)


def classes(draw: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    logits = draw.normal(0, 2, (rows, 4))
    return logits.astype(np.float32), (logits / 3 + draw.gumbel(size=logits.shape)).argmax(axis=1)


def labels(draw: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    odds = draw.normal(-1, 2, (rows, 5))
    return odds.astype(np.float32), (draw.logistic(size=odds.shape) < odds / 2).astype(np.float32)


def several(draw: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    (of_classes, codes), (of_values, wanted) = classes(draw, rows), values(draw, rows)
    return np.concatenate([of_classes, of_values], axis=1), np.stack([codes, wanted], axis=1).astype(np.float32)


NAMES = ("a", "b", "c", "d")
LOG = Power(0.0, 2.0, False, 1.0, 0.5)
TASKS = {
    "values": (Regression(mean=(5.0,), std=(3.0,)), values),
    "logarithm": (Regression(mean=(5.0,), std=(3.0,), transforms=(LOG,), lowest=(-1.0,), highest=(9.0,)), values),
    "limits": (Regression(lowest=(-0.4,), highest=(0.4,)), values),
    "quantiles": (Regression("quantile", mean=(5.0,), std=(3.0,)), quantiles),
    "counts": (Regression("poisson", mean=(8.0,), std=(8.0,)), counts),
    "classes": (Classification(NAMES), classes),
    "scaled classes": (Classification(NAMES, temperature=3.0), classes),
    "labels": (Multilabel(("a", "b", "c", "d", "e")), labels),
    "several": (Several(("c", "v"), (Classification(NAMES), Regression())), several),
}


def calibrated(task: Task, outputs: np.ndarray, targets: np.ndarray, weights: np.ndarray | None = None) -> Conformal:
    scores = conformal_scores(task, outputs, targets, weights)
    assert scores is not None
    return Conformal(scores)


@pytest.mark.parametrize("name", TASKS)
def test_the_share_inside_is_what_the_level_promises(name: str) -> None:
    """The mean over fresh draws of both kinds of rows is between level and level + 1/(n + 1), but for noise.

    Sets of classes may hold more, as the answer is always in them.
    """
    task, make = TASKS[name]
    for level in (0.8, 0.95):
        draw, inside = np.random.default_rng(int(100 * level)), []
        for _ in range(REPEATS):
            kept = calibrated(task, *make(draw, CALIBRATION))
            names = ("c", "v") if name == "several" else ("y",)
            found = measure_coverage(task, names, kept, level, (*make(draw, FRESH), None))
            inside.append([one.coverage for one in found])
        mean, error = np.mean(inside, axis=0), np.std(inside, axis=0) / np.sqrt(REPEATS)
        assert (mean > level - 4 * error).all()
        if name not in ("labels", "counts"):  # scores with ties: of rows without labels, of whole numbers
            assert (mean < level + 1 / (CALIBRATION + 1) + 4 * error).all()


def test_sets_and_intervals_are_what_numpy_makes_of_their_definition() -> None:
    draw = np.random.default_rng(0)
    outputs, wanted = values(draw, 99)
    task = Regression(mean=(5.0,), std=(3.0,))
    far = np.sort(np.abs(3.0 * wanted.astype(np.float64) - 3.0 * outputs[:, 0]))
    (by_rank,) = calibrated(task, outputs, wanted).cutoffs(0.9)
    low, high = interval_of(task, outputs, (by_rank,))
    np.testing.assert_allclose((high - low)[:, 0] / 2, far[89], rtol=1e-6)  # the 90th of 99
    np.testing.assert_allclose((high + low)[:, 0] / 2, task.decode(outputs), rtol=1e-6)

    outputs, codes = classes(draw, 99)
    odds = np.exp(outputs.astype(np.float64))
    shares = odds / odds.sum(axis=1, keepdims=True)
    least = np.sort(shares[np.arange(99), codes])[9]  # the 10th from below is the 90th of 99 from above
    (by_rank,) = calibrated(Classification(NAMES), outputs, codes).cutoffs(0.9)
    found = prediction_set(Classification(NAMES), outputs, by_rank)
    assert (found == (shares >= least * (1 - 1e-12)) | (shares == shares.max(axis=1, keepdims=True))).all()
    assert 1 < found.sum(axis=1).mean() < 4

    outputs, given = labels(draw, 99)
    task_of_labels = Multilabel(("a", "b", "c", "d", "e"))
    (by_rank,) = calibrated(task_of_labels, outputs, given).cutoffs(0.9)
    held = (prediction_set(task_of_labels, outputs, by_rank) | (given == 0)).all(axis=1)
    assert held.mean() >= 0.9, "all labels of a row are in its set"


def test_of_a_logarithm_and_of_counts_intervals_widen_with_the_answer() -> None:
    for name in ("logarithm", "counts", "quantiles"):
        task, make = TASKS[name]
        assert isinstance(task, Regression)
        outputs, wanted = make(np.random.default_rng(0), 200)
        low, high = interval_of(task, outputs, calibrated(task, outputs, wanted).cutoffs(0.9))
        answers = task.decode(outputs)
        assert (low < high).all()
        wide = (high - low)[:, 0]
        order = np.abs(outputs[:, 0] + 0.2) if name == "quantiles" else answers
        assert np.corrcoef(order, wide)[0, 1] > 0.8
    outputs, wanted = counts(np.random.default_rng(1), 200)
    low, _ = interval_of(TASKS["counts"][0], outputs, (3.0,))
    assert low.min() == 0.0


def test_quantiles_that_hold_too_much_are_narrowed_and_never_cross() -> None:
    task = Regression("quantile", quantiles=(0.1, 0.9))
    outputs = np.tile(np.array([[-2.0, 4.0]], np.float32), (50, 1))
    outputs[0, 1] = -8.0  # a row whose quantiles are almost one
    kept = calibrated(task, outputs[1:], np.linspace(-0.1, 0.1, 49).astype(np.float32))
    low, high = interval_of(task, outputs, kept.cutoffs(0.8))
    assert (high[1:] - low[1:]).max() < 0.5
    assert high[0] == low[0]


def test_the_rank_is_exact() -> None:
    scores = tuple(float(place) for place in range(1, 100))
    assert [cutoff(scores, level) for level in (0.9, 0.95, 0.99, 0.01, 1e-9)] == [90.0, 95.0, 99.0, 1.0, 1.0]
    assert [can_hold(rows, 0.9) for rows in (8, 9)] == [False, True]
    assert [can_hold(rows, 0.95) for rows in (18, 19)] == [False, True]
    with pytest.raises(UsageError, match=r"level 0.9 needs 9 validation rows, .* the scores of 8: take "):
        cutoff(scores[:8], 0.9)
    with pytest.raises(UsageError, match=r"level 0.9999 needs 9,999 .* of 99: take a level of 0.99 or less, or train"):
        cutoff(scores, 0.9999)
    for level in (1.5, 0, 1, -0.1, float("nan"), True, "0.9", None):
        with pytest.raises(ConfigError, match=r"above 0 and below 1, as 0\.9, and not"):
            check_level(level)


def test_rows_without_weight_count_for_nothing_and_a_task_of_ones_own_has_no_scores() -> None:
    outputs, wanted = values(np.random.default_rng(0), 30)
    weights = np.arange(30) % 3.0
    kept = calibrated(Regression(), outputs, wanted, weights)
    assert kept == calibrated(Regression(), outputs[weights > 0], wanted[weights > 0])
    assert kept.rows == 20

    class Plain(CustomTask):
        """A task of a user's own."""

    assert conformal_scores(Plain(), outputs, wanted, None) is None


def test_counts_without_end_have_scores_and_intervals() -> None:
    """exp(800) is above the largest float."""
    outputs, wanted = np.array([[800.0], [1.0]], np.float32), np.array([0.0, 1.0], np.float32)
    task = Regression("poisson", mean=(1.0,))
    assert np.isfinite(scores_of(task, outputs, wanted)).all()
    assert np.isfinite(interval_of(task, outputs, (2.0,))).all()


def test_of_very_many_rows_some_are_kept() -> None:
    outputs, wanted = values(np.random.default_rng(0), 50_000)
    kept, whole = calibrated(Regression(), outputs, wanted), np.sort(scores_of(Regression(), outputs, wanted)[:, 0])
    assert kept.rows == 10_000
    share = (whole <= kept.cutoffs(0.9)[0]).mean()
    assert share == pytest.approx(0.9, abs=0.01)


def test_coverage_has_the_weights_of_the_rows() -> None:
    task, kept = Classification(("a", "b")), Conformal((tuple(np.full(9, 0.1)),))
    outputs = np.log([[0.95, 0.05], [0.95, 0.05], [0.5, 0.5]])
    found = measure_coverage(task, ("y",), kept, 0.9, (outputs, np.array([0, 1, 0]), np.array([3.0, 1.0, 0.0])))[0]
    assert (found.coverage, found.size) == (0.75, 1.0)
    assert found.coverage_low < 0.75 < found.coverage_high
    assert "sets of 'y' with level 0.9 hold 0.7500 of the rows" in str(found)


def test_notes_say_what_the_promise_costs() -> None:
    plain = Conformal(((1.0,),))
    assert plain.notes() == ()
    (chose,) = Conformal(((1.0,),), ("settings", "epoch", "threshold"), "stratified").notes()
    assert "also chose the settings, epoch and threshold of the training" in chose
    (began,) = Conformal(((1.0,),), ("initial",), "stratified").notes()
    assert "far fewer new rows than promised" in began and "also chose" not in began
    assert "learned the 1 validation rows" in began
    assert "split by time" in Conformal(((1.0,),), (), "time").notes()[0]
    assert "split by group" in Conformal(((1.0,),), (), "group").notes()[0]


@pytest.mark.parametrize(
    ("name", "rows", "said"),
    [
        ("folds", "the 3 training and validation rows", "answered by all members"),
        ("refit", "the 3 validation rows", "trained anew on more rows"),
    ],
)
def test_where_the_rows_were_learned_one_note_says_what_they_chose(name: str, rows: str, said: str) -> None:
    (alone,) = Conformal(((1.0, 2.0, 3.0),), (name,), "shuffled").notes()
    assert said in alone
    assert "chose" not in alone
    (note,) = Conformal(((1.0, 2.0, 3.0),), ("epoch", "temperature", name), "shuffled").notes()
    assert said in note
    assert f"{rows} also chose the epoch and temperature of the training: about as many as promised are inside" in note
