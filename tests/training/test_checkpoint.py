"""Training goes on from any checkpoint as if it had never stopped, and from a divergence as it was told to."""

from dataclasses import replace
from itertools import pairwise

import jax
import numpy as np
import pytest
from tests.builders import (
    COLUMNS,
    EVERY_ITERATION,
    PATIENT,
    end,
    events_of,
    history,
    make_job,
    make_program,
    make_rows,
    same_bits,
    start,
    taken,
)

from batchwright import optim
from batchwright.optim import schedules
from batchwright.training.average import Average
from batchwright.training.checkpoint import Checkpoints, first_checkpoint
from batchwright.training.events import EpochDone, Reduced
from batchwright.training.job import Divergence

CASES = {
    "momentum": {},
    "adam, dropout and batch norm": {
        "optimizer": optim.Adam(0.01),
        "network": {"dropout": 0.3, "batch_normalization": True},
    },
    "accumulated clipped muon": {"optimizer": optim.Muon(0.01, global_clipnorm=1.0)},
    "plateau and the best epoch": {"schedule": schedules.ReduceOnPlateau(patience=1), "early_stopping": PATIENT},
    "a part frozen, another at a rate of its own": {
        "optimizer": optim.Adam(0.01, rates={"dense_4": 0.5}),
        "network": {"batch_normalization": True},
        "frozen": ("dense_0", "batch_norm"),
    },
    "submodels with shared weights": {"optimizer": optim.Adam(0.01), "network": {"ensemble": 3}},
    "exponential average": {"average": Average(decay=0.9), "early_stopping": PATIENT},
    "average of late epochs": {"average": Average("late", start=0.3), "network": {"batch_normalization": True}},
    "one cycle, last batch dropped": {"schedule": schedules.OneCycle(), "remainder": "drop"},
}


@pytest.mark.parametrize("case", CASES)
def test_from_every_checkpoint_the_rest_has_the_same_bits(case: str) -> None:
    job = make_job(**CASES[case], checkpoints=EVERY_ITERATION)
    whole = events_of(job)
    checkpoints = taken(whole)
    assert [int(one.state.step) for one in checkpoints] == list(range(1, job.plan.updates + 1))
    for checkpoint in (*checkpoints[:: 4 if case == "momentum" else 7], checkpoints[-1]):
        rest = events_of(job, checkpoint)
        assert same_bits(end(rest).variables, end(whole).variables)
        assert (end(rest).epoch, end(rest).reason) == (end(whole).epoch, end(whole).reason)
        assert history(rest) == history(whole)[len(checkpoint.history) :]


def test_checkpoints_do_not_change_what_is_learned() -> None:
    with_many, with_none = (
        events_of(make_job(checkpoints=when)) for when in (EVERY_ITERATION, Checkpoints(seconds=1e9))
    )
    assert same_bits(end(with_many).variables, end(with_none).variables)
    assert [int(one.state.step) for one in taken(with_none)] == [make_job().plan.updates]  # where it ends


def test_interrupted_after_every_segment_gives_the_same_bits() -> None:
    job = make_job(early_stopping=PATIENT)
    whole, at, stops = events_of(job), None, 0
    while True:
        part = events_of(job, at, interrupted=lambda: True)
        if end(part).status == "finished":
            break
        at, stops = taken(part)[-1], stops + 1
    assert stops > 3
    assert same_bits(end(part).variables, end(whole).variables)
    assert end(part).epoch == end(whole).epoch


def test_time_and_count_decide_when_a_checkpoint_is_taken() -> None:
    steps = [int(one.state.step) for one in taken(events_of(make_job(checkpoints=Checkpoints(1e9, iterations=4))))]
    assert steps == [4, 8, 12, 16, 20, 21]
    assert len(taken(events_of(make_job(checkpoints=Checkpoints(seconds=1e-9))))) >= 2


def test_seconds_go_on() -> None:
    checkpoint = replace(first_checkpoint(start(make_program(), make_rows())), seconds=1000.0)
    rows = [event.row for event in events_of(make_job(), checkpoint) if isinstance(event, EpochDone)]
    assert all(1000 < row["seconds"] < 1100 for row in rows)
    assert all(one["seconds"] <= other["seconds"] for one, other in pairwise(rows))


def test_reduced_learning_rate_saves_a_run_that_diverges() -> None:
    """1e30 diverges, 1e30 · 1e-31 does not; every reduction stands in the history, and changes nothing before it."""
    job = make_job(optimizer=optim.SGD(1e30), divergence=Divergence("reduce", factor=1e-31, times=2), epochs=2)
    events = events_of(job)
    reductions = [event for event in events if isinstance(event, Reduced)]
    assert len(reductions) == 1
    assert "not finite at iteration 2 (epoch 1) with a learning rate of 1e+30" in reductions[0].reason
    assert end(events).status == "finished"
    assert [row["reductions"] for row in history(events)] == [1, 1]
    assert [row["diverged_at"] for row in history(events)] == [2, 2]
    assert history(events)[0]["learning_rate"] == pytest.approx(0.1)
    alone = events_of(make_job(optimizer=optim.SGD(1e30 * 1e-31), epochs=2))
    for one, other in zip(jax.tree.leaves(end(events).variables), jax.tree.leaves(end(alone).variables), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_reductions_come_to_an_end() -> None:
    events = events_of(make_job(optimizer=optim.SGD(1e30), divergence=Divergence("reduce", factor=0.5, times=3)))
    assert sum(isinstance(event, Reduced) for event in events) == 3
    assert end(events).status == "diverged"
    assert "had been reduced 3 times" in end(events).reason


def test_reductions_survive_a_checkpoint() -> None:
    divergence = Divergence("reduce", factor=1e-31)
    job = make_job(optimizer=optim.SGD(1e30), divergence=divergence, checkpoints=EVERY_ITERATION)
    whole = events_of(job)
    late = [checkpoint for checkpoint in taken(whole) if checkpoint.diverged]
    assert len(late) > 3
    rest = events_of(job, late[2])
    assert same_bits(end(rest).variables, end(whole).variables)
    assert history(rest) == history(whole)


def test_best_model_gives_way_neither_to_a_worse_nor_to_a_diverged_one() -> None:
    """Trained well for two epochs; then a rate that diverges, from the third on."""
    by_hand = schedules.Piecewise(points=((0, 0.1), (2, 1e30)))
    for policy in ("stop", "reduce"):
        job = make_job(schedule=by_hand, early_stopping=PATIENT, epochs=5, divergence=Divergence(policy, times=1))
        events = events_of(job)
        best = min(history(events), key=lambda row: row["val_loss"])
        assert end(events).status == "diverged"
        assert end(events).epoch == best["epoch"] <= 2
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(end(events).variables))


def test_a_checkpoint_is_a_copy() -> None:
    job = make_job(checkpoints=EVERY_ITERATION)
    checkpoints = taken(events_of(job))
    kernels = [np.asarray(one.state.params["body"]["dense_0"]["kernel"]).copy() for one in checkpoints]
    assert all(kernel.shape == (COLUMNS, 8) for kernel in kernels)
    assert not any(np.array_equal(one, other) for one, other in pairwise(kernels))
