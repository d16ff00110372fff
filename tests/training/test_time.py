"""A limit on the time for training: the schedule ends with what it allows, by the seconds in the history alone."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders import end, events_of, make_job, make_rows, start

from batchwright.optim import schedules
from batchwright.population.fit import fit_members
from batchwright.training import epochs, watch
from batchwright.training.checkpoint import History, first_checkpoint
from batchwright.training.epochs import stop_reason, time_reason
from batchwright.training.fit import fit
from batchwright.training.growth import AdaptiveBatchSize
from batchwright.training.job import TIME_USED, Job, epochs_in_time, rates_of
from batchwright.training.plan import Plan
from batchwright.training.stopping import EarlyStopping

JOB = make_job(schedule=schedules.Cosine(), epochs=100)


def after(seconds: list[float], job: Job = JOB) -> History:
    """A history whose epochs ended after so many seconds."""
    whole = job.plan.iterations_per_epoch
    return tuple(
        {"epoch": epoch, "iteration": epoch * whole, "seconds": second, "val_loss": 1.0}
        for epoch, second in enumerate(seconds, start=1)
    )


def steady(epochs: int) -> History:
    return after([float(epoch) for epoch in range(1, epochs + 1)])


def last_rate(job: Job, history: History) -> float:
    last = np.array([job.plan.iterations_per_epoch - 1])
    return float(rates_of(job, history, last, reductions=0)[0])


def test_epochs_of_a_second_each_are_as_many_as_the_seconds() -> None:
    job = replace(JOB, max_time=10 / TIME_USED)
    assert epochs_in_time(job, ()) == 100, "nothing is known yet"
    assert {epochs_in_time(job, steady(done)) for done in range(1, 11)} == {10}
    assert time_reason(job, steady(9)) is None
    ended = time_reason(job, steady(10))
    assert ended is not None
    assert ended.reason == "the time limit of 10.5263 s leaves no time for an epoch after 10"


def test_the_rate_has_fallen_when_the_time_is_over_and_not_before() -> None:
    job, rate = replace(JOB, max_time=10 / TIME_USED), float(JOB.program.optimizer.learning_rate)
    planned = replace(JOB, plan=replace(JOB.plan, epochs=10))
    for done in range(1, 10):
        assert last_rate(job, steady(done)) == last_rate(planned, steady(done))
    assert last_rate(job, steady(9)) < 0.01 * rate < last_rate(JOB, steady(9))


def test_slower_epochs_make_the_schedule_shorter_and_faster_ones_no_longer_than_planned() -> None:
    job = replace(JOB, max_time=20 / TIME_USED)
    assert epochs_in_time(job, after([1.0, 2.0, 8.0])) == 3 + 4  # 12 s are left, and an epoch takes 8/3 s
    assert epochs_in_time(job, after([1e-3])) == 100
    assert epochs_in_time(job, after([0.0])) == 100
    assert epochs_in_time(job, after([19.0, 30.0])) == 2


@given(st.lists(st.floats(0, 50), min_size=1, max_size=30), st.floats(1e-3, 1e6))
def test_there_are_no_fewer_than_are_done_and_no_more_than_planned(steps: list[float], limit: float) -> None:
    history = after(np.cumsum(steps).tolist())
    assert len(history) <= epochs_in_time(replace(JOB, max_time=limit), history) <= 100
    assert epochs_in_time(JOB, history) == 100


def test_a_batch_size_that_follows_the_schedule_does_not_go_back() -> None:
    job = replace(JOB, max_time=1e-3, growth=AdaptiveBatchSize("schedule", 8, 8))
    assert epochs_in_time(job, after([1.0])) == 100


def test_a_training_ends_within_its_time() -> None:
    events = events_of(replace(JOB, plan=replace(JOB.plan, epochs=100_000), max_time=0.5))
    assert end(events).status == "finished"
    assert "time limit of 0.5 s" in end(events).reason


def test_the_last_segment_is_as_long_as_the_time_that_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=0.0, perf_counter=lambda: clock.now)
    monkeypatch.setattr(watch, "time", clock)
    now, plan = first_checkpoint(start(JOB.program, make_rows())), Plan(100_000, 8, 1)
    timed, free = (
        watch.Watch(replace(JOB, max_time=limit), now, lambda: False, watch.Steering()) for limit in (10.0, None)
    )
    for one in (timed, free):
        one.adapt_length(128, 1.0)
    for clock.now, wanted in ((0.0, 64), (9.0, 64), (9.75, 32), (11.0, 1)):
        assert (timed.segment_end(now, plan), free.segment_end(now, plan)) == (wanted, 64)


@pytest.mark.parametrize("monitored", [0.0, 0.125])
def test_an_equal_loss_is_no_progress(monitored: float) -> None:
    job = replace(JOB, early_stopping=EarlyStopping(patience=3))
    rows = tuple({**row, "val_loss": monitored} for row in steady(4))
    assert stop_reason(job, rows[:3]) is None
    ended = stop_reason(job, rows)
    assert ended is not None
    assert "has not improved for 3 epochs" in ended.reason


def test_members_of_a_population_have_no_limit() -> None:
    job = make_job(epochs=2, max_time=1e-9)
    example = {name: np.asarray(array) for name, array in job.train.inputs.items()}
    *_, runs = fit_members([job, replace(job, seed=1)], example)
    assert [len(run.now.history) for run in runs] == [2, 2]


def test_what_is_compiled_at_the_end_of_an_epoch_is_compiled_before_the_clock_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    validated = list[int]()
    usual = epochs.validate
    monkeypatch.setattr(epochs, "validate", lambda *given: (validated.append(1), usual(*given))[1])
    for limit, before in ((None, 0), (60.0, 1)):
        validated.clear()
        job = replace(make_job(epochs=1), max_time=limit)
        next(fit(job, first_checkpoint(start(job.program, make_rows()))))
        assert len(validated) == before
