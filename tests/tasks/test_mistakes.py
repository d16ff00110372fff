"""Rows that are answered wrongly are those that the metrics count."""

import numpy as np
import pytest

from batchwright.tasks import Classification, Multilabel, Regression, Several
from batchwright.tasks.mistakes import wrong_rows

RANDOM = np.random.default_rng(0)
OUTPUTS = RANDOM.normal(size=(200, 3)).astype(np.float32)
CODES = RANDOM.integers(3, size=200).astype(np.int32)


@pytest.mark.parametrize("threshold", [0.3, 0.5])
def test_of_classes_their_share_is_what_accuracy_lacks(threshold: float) -> None:
    two = Classification(("no", "yes"), threshold=threshold)
    wrong = wrong_rows(two, OUTPUTS[:, :2], CODES % 2)
    assert 1 - wrong.mean() == pytest.approx(two.metrics(OUTPUTS[:, :2], CODES % 2)["accuracy"])
    wrong = wrong_rows(Classification(tuple("abc")), OUTPUTS, CODES)
    np.testing.assert_array_equal(wrong, OUTPUTS.argmax(axis=1) != CODES)
    one = Classification(("no", "yes"), loss="binary_cross_entropy")
    np.testing.assert_array_equal(wrong_rows(one, OUTPUTS[:, :1], CODES % 2), (OUTPUTS[:, 0] > 0) != (CODES % 2 == 1))


def test_of_labels_and_of_several_targets_all_have_to_be_right() -> None:
    given = (OUTPUTS > 0).astype(np.float32)
    given[7, 2] = 1 - given[7, 2]
    assert np.flatnonzero(wrong_rows(Multilabel(tuple("abc")), OUTPUTS, given)).tolist() == [7]
    several = Several(("kind", "size"), (Classification(("no", "yes")), Regression()))
    targets = np.stack([OUTPUTS[:, :2].argmax(axis=1), np.zeros(200)], axis=1).astype(np.float32)
    targets[3, 0] = 1 - targets[3, 0]
    assert np.flatnonzero(wrong_rows(several, OUTPUTS, targets)).tolist() == [3]


def test_numbers_have_none_and_what_is_not_finite_is_wrong() -> None:
    assert wrong_rows(Regression(), OUTPUTS[:, :1], OUTPUTS[:, 0]) is None
    outputs = np.eye(3, dtype=np.float32)
    outputs[1] = np.nan
    assert wrong_rows(Classification(tuple("abc")), outputs, np.arange(3)).tolist() == [False, True, False]
