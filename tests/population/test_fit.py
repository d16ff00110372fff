"""Every member of a population has the history, the best epoch and the variables that `fit` gives it alone."""

from dataclasses import replace

import jax
import numpy as np
import pytest
from tests.training.test_checkpoint import end, events_of, history, make_job
from tests.training.test_feed import Lines
from tests.training.test_training import make_program, make_rows

from batchwright import optim
from batchwright.errors import ConfigError
from batchwright.optim import schedules
from batchwright.population.fit import MemberRun, fit_members
from batchwright.training.checkpoint import beginning
from batchwright.training.feed import OnDisk
from batchwright.training.job import Job
from batchwright.training.plan import make_plan
from batchwright.training.state import initial_state
from batchwright.training.stopping import EarlyStopping

ROWS = make_rows(weighted=True)
HELD_OUT = make_rows(1)
EXAMPLE = {name: np.asarray(array) for name, array in ROWS.inputs.items()}


def job(rate: float = 0.05, *, seed: int = 0, epochs: int = 6, dropout: float = 0.2, **changes: object) -> Job:
    made = make_job(
        network={"dropout": dropout, "batch_normalization": True},
        optimizer=optim.SGD(rate, momentum=0.9),
        epochs=epochs,
    )
    return replace(made, train=ROWS, validation=HELD_OUT, seed=seed, **changes)


def alone(one: Job) -> tuple[list[dict[str, float]], object]:
    events = events_of(one, beginning(initial_state(one.program, EXAMPLE, seed=one.seed)))
    return history(events), end(events)


def assert_as_alone(run: MemberRun, one: Job) -> None:
    lines, stopped = alone(one)
    assert run.end is not None
    assert (run.end.status, len(run.now.history)) == (stopped.status, len(lines))
    assert run.now.kept_epoch == stopped.epoch
    for found, expected in zip(run.now.history, lines, strict=True):
        assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-4, abs=1e-5, nan_ok=True)
    for pair in zip(jax.tree.leaves(run.now.kept), jax.tree.leaves(stopped.variables), strict=True):
        np.testing.assert_allclose(*pair, rtol=1e-3, atol=1e-5)


def test_members_are_as_alone_whatever_their_numbers_seeds_and_schedules() -> None:
    jobs = [
        job(0.05),
        job(0.1, dropout=0.4),
        job(0.05, seed=3, schedule=schedules.Cosine()),
        job(0.02, seed=4, schedule=schedules.ReduceOnPlateau(patience=1)),
        job(0.05, early_stopping=EarlyStopping(patience=1)),
    ]
    runs = list(fit_members(jobs, EXAMPLE))[-1]
    for run, one in zip(runs, jobs, strict=True):
        assert_as_alone(run, one)


def test_those_that_end_early_are_taken_out_and_the_others_go_on() -> None:
    """Two of four diverge in the first epoch, and a third stops as it must: the sizes are 4, 2 and 1."""
    never_better = EarlyStopping(monitor="val_loss", patience=1, min_delta=1e9)
    jobs = [job(1e30), job(0.05), job(1e30, seed=2), job(0.02, seed=3, early_stopping=never_better)]
    rounds = list(fit_members(jobs, EXAMPLE))
    assert [sum(run.end is None for run in runs) for runs in rounds] == [2, 1, 1, 1, 1, 0]
    assert [run.end.status for run in rounds[-1] if run.end] == ["diverged", "finished", "diverged", "finished"]
    assert "learning rate of 1e+30" in rounds[0][0].end.reason
    assert_as_alone(rounds[-1][1], jobs[1])
    assert_as_alone(rounds[-1][3], jobs[3])


def test_where_all_have_ended_nothing_more_is_trained() -> None:
    rounds = list(fit_members([job(1e30), job(1e30, seed=1)], EXAMPLE))
    assert len(rounds) == 1
    assert [run.now.history for run in rounds[0]] == [(), ()]


def test_what_does_not_go_together_is_refused() -> None:
    first = job()
    for other in (
        replace(first, plan=make_plan(ROWS.length, 16, 6)),
        replace(first, train=make_rows()),
    ):
        with pytest.raises(ConfigError, match="same rows, batch size and epochs"):
            next(fit_members([first, other], EXAMPLE))
    with pytest.raises(ConfigError, match="differ in numbers alone"):
        next(fit_members([first, replace(first, program=make_program(optim.Adam()))], EXAMPLE))
    on_disk = OnDisk(Lines(ROWS), 64)
    with pytest.raises(ConfigError, match="rows in memory"):
        next(fit_members([replace(first, train=on_disk)], EXAMPLE))
