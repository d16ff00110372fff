"""Every row is held out once, classes evenly; and a trial over folds is the mean of its folds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedKFold

from batchwright.config import load_config
from batchwright.errors import ConfigError
from batchwright.search.objective import LOSS
from batchwright.search.trials import Trial, train_trials
from batchwright.workflow import prepare
from batchwright.workflow.dealing import fold_of
from batchwright.workflow.folds import folds
from batchwright.workflow.preparing import example_of

VALUES = {"data.source": "iris", "network.name": "linear", "training.epochs": "2", "training.batch_size": "16"}


def _prepared(**others):
    return prepare(load_config(None, [(key, text, key) for key, text in {**VALUES, **others}.items()]))


@given(classes=st.lists(st.integers(0, 3), min_size=10, max_size=60), count=st.integers(2, 5), seed=st.integers(0, 99))
def test_every_row_is_in_one_fold_and_each_class_is_dealt_out_evenly(classes, count, seed):
    found = fold_of(np.array(classes), count, seed=seed)
    sizes = np.bincount(found, minlength=count)
    assert sizes.sum() == len(classes) and sizes.max() - sizes.min() <= 1
    for one in set(classes):
        of_class = np.bincount(found[np.array(classes) == one], minlength=count)
        assert of_class.max() - of_class.min() <= 1


def test_sizes_are_those_of_scikit_learn():
    prepared = _prepared()
    rows = np.concatenate([np.asarray(prepared.job.train.targets), np.asarray(prepared.job.validation.targets)])
    theirs = [np.bincount(rows[held]) for _, held in StratifiedKFold(4).split(rows, rows)]
    ours = [np.bincount(np.asarray(job.validation.targets)) for job in folds(prepared, 4)]
    assert sorted(sum(one) for one in ours) == sorted(sum(one) for one in theirs)
    assert all(abs(one - other).max() <= 1 for one, other in zip(ours, theirs, strict=True))


def test_no_row_is_trained_on_and_held_out():
    prepared = _prepared()
    for job in folds(prepared, 3):
        parts = [{row.tobytes() for row in np.asarray(rows.inputs["numeric"])} for rows in (job.train, job.validation)]
        assert job.train.length + job.validation.length == prepared.job.train.length + prepared.job.validation.length
        assert job.plan.training_rows == job.train.length
        assert len(parts[0] & parts[1]) <= 3  # iris has rows that are alike


def test_a_trial_over_folds_is_judged_by_their_mean():
    prepared = _prepared()
    jobs, example = folds(prepared, 3), example_of(prepared.dataset)
    *_, together = train_trials([Trial(0, jobs)], example, judged_by=LOSS)
    single = []
    for job in jobs:
        *_, last = train_trials([Trial(0, (job,))], example, judged_by=LOSS)
        single.append(last[0].value)
    assert together[0].value == pytest.approx(np.mean(single), rel=1e-6)
    assert together[0].outcome.by_seed == pytest.approx(tuple(single), rel=1e-6)


@pytest.mark.parametrize(("count", "others", "said"), [(1, {}, "takes 2 to"), (1000, {}, "takes 2 to")])
def test_what_cannot_be_dealt_out_is_refused(count, others, said):
    with pytest.raises(ConfigError, match=said):
        folds(_prepared(**others), count)
