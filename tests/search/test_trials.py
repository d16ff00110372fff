"""Trials trained at once come out as alone; those behind at a rung end there, and so does what has diverged."""

from dataclasses import replace

import numpy as np
import pytest

from batchwright.population.fit import fit_members
from batchwright.search.objective import LOSS, Objective
from batchwright.search.space import load_space
from batchwright.search.trials import Trial, rungs, train_trials
from batchwright.training.checkpoint import first_checkpoint
from batchwright.training.events import EpochDone
from batchwright.training.fit import fit
from batchwright.training.state import initial_state
from batchwright.workflow.preparing import example_of, job_on, prepare

EPOCHS = 4


@pytest.fixture(scope="module")
def space():
    values = {
        "data.source": "iris",
        "network.name": "mlp",
        "network.hidden_layer_sizes": "{choice: [[8], [6, 4]]}",
        "optimizer.learning_rate": "{log: [1e-4, 1]}",
        "training.epochs": str(EPOCHS),
        "training.batch_size": "16",
        "training.early_stopping": "{patience: 50}",
        "schedule.name": "constant",
    }
    return load_space(None, [(key, text, key) for key, text in values.items()])


@pytest.fixture(scope="module")
def prepared(space):
    return prepare(space.settings(space.point([0.5, 0.5])))


def _trial(space, prepared, number, *, sizes=(8,), rate=0.01, seeds=(0,), ladder=()):
    chosen = {"network.hidden_layer_sizes": list(sizes), "optimizer.learning_rate": rate}
    job = job_on(prepared, space.settings(chosen))
    return Trial(number, tuple(replace(job, seed=seed) for seed in seeds), ladder)


def _alone(job, example):
    """The validation losses of a job by itself."""
    events = fit(job, first_checkpoint(initial_state(job.program, example, seed=job.seed)))
    return [event.row["val_loss"] for event in events if isinstance(event, EpochDone)]


def _last(trials, prepared):
    *_, last = train_trials(trials, example_of(prepared.dataset), judged_by=LOSS)
    return {one.number: one for one in last}


def test_each_is_as_alone_whatever_is_trained_beside_it(space, prepared):
    trials = [
        _trial(space, prepared, 3, rate=0.01),
        _trial(space, prepared, 5, rate=0.03, sizes=(6, 4)),
        _trial(space, prepared, 7, rate=0.002),
    ]
    found = _last(trials, prepared)
    for trial in trials:
        alone = _alone(trial.jobs[0], example_of(prepared.dataset))
        np.testing.assert_allclose(found[trial.number].curve, alone, rtol=2e-4)
        assert found[trial.number].outcome.ending == "finished"
        assert found[trial.number].value == pytest.approx(min(alone), rel=2e-4)


def test_other_metrics_than_it_is_judged_and_stopped_by_change_nothing(space, prepared):
    job = _trial(space, prepared, 0).jobs[0]
    stopped_by_f1 = replace(job, early_stopping=replace(job.early_stopping, monitor="val_macro_f1", mode="max"))
    by_accuracy = Objective("val_accuracy", larger_is_better=True)
    *_, (found,) = train_trials([Trial(0, (stopped_by_f1,))], example_of(prepared.dataset), judged_by=by_accuracy)
    *_, (whole,) = fit_members([stopped_by_f1], example_of(prepared.dataset))
    assert found.curve == tuple(row["val_accuracy"] for row in whole.now.history)
    assert found.outcome.value == whole.now.history[whole.now.kept_epoch - 1]["val_accuracy"]


def test_only_the_metrics_of_a_job_are_computed(space, prepared):
    job = replace(_trial(space, prepared, 0).jobs[0], figures=frozenset({"accuracy"}))
    *_, (run,) = fit_members([job], example_of(prepared.dataset))
    assert {name for name in run.now.history[-1] if name.startswith("val_")} == {"val_loss", "val_accuracy"}


def test_the_mean_over_seeds_is_what_a_trial_is_judged_by(space, prepared):
    trial = _trial(space, prepared, 0, seeds=(0, 1, 2))
    alone = [_alone(job, example_of(prepared.dataset)) for job in trial.jobs]
    np.testing.assert_allclose(_last([trial], prepared)[0].curve, np.mean(alone, axis=0), rtol=2e-4)


def test_the_best_third_goes_on_at_a_rung(space, prepared):
    rates = [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2]
    trials = [_trial(space, prepared, n, rate=rate, ladder=(2,)) for n, rate in enumerate(rates)]
    found = _last(trials, prepared)
    after_two = {n: min(one.curve[:2]) for n, one in found.items()}
    ahead = sorted(after_two, key=after_two.get)[:2]
    assert {n for n, one in found.items() if one.outcome.ending == "finished"} == set(ahead)
    assert all(len(one.curve) == (EPOCHS if n in ahead else 2) for n, one in found.items())


def test_those_on_another_ladder_are_not_compared(space, prepared):
    trials = [
        _trial(space, prepared, n, rate=rate, ladder=(2,) if n < 3 else ())
        for n, rate in enumerate([0.01] * 3 + [1e-4])
    ]
    endings = [one.outcome.ending for one in _last(trials, prepared).values()]
    assert endings == ["finished", "stopped", "stopped", "finished"]


def test_what_diverges_ends_and_the_others_do_not_notice(space, prepared):
    trials = [_trial(space, prepared, 0, rate=1e30), _trial(space, prepared, 1, rate=0.01)]
    found = _last(trials, prepared)
    assert found[0].outcome.ending == "diverged" and found[0].value == float("inf")
    np.testing.assert_allclose(found[1].curve, _alone(trials[1].jobs[0], example_of(prepared.dataset)), rtol=2e-4)


def test_rungs_of_halving_and_of_the_brackets_of_hyperband():
    assert rungs(81, "halving") == (3, 9, 27)
    assert [rungs(81, "hyperband", bracket) for bracket in range(5)] == [
        (3, 9, 27),
        (9, 27),
        (27,),
        (),
        (3, 9, 27),
    ]
    assert rungs(81, "none") == () and rungs(3, "halving") == ()
