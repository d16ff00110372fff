"""Statistics of batch normalization that are computed anew: by NumPy, exact after a break, and the same in a group."""

from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
from tests.builders import (
    EVERY_ITERATION,
    PATIENT,
    end,
    events_of,
    history,
    make_job,
    make_rows,
    same_bits,
    start,
    taken,
)
from tests.population.test_fit import assert_as_alone

from batchwright.config import load_config
from batchwright.nn.frozen import with_frozen
from batchwright.population.fit import fit_members
from batchwright.runs import checkpoints
from batchwright.training.checkpoint import copy_to_host
from batchwright.training.evaluate import evaluate
from batchwright.training.plan import Plan
from batchwright.training.statistics import batches_of, statistics_of, with_statistics
from batchwright.workflow.preparing import prepare

BEFORE, NORMALIZATION = "dense_0", "batch_norm_1"
PLAIN = make_job(network={"batch_normalization": True}, checkpoints=EVERY_ITERATION, early_stopping=PATIENT)
JOB = replace(PLAIN, renews_statistics=True)
NETWORK, ROWS = JOB.program.model.network, make_rows()


def test_they_are_the_means_of_those_of_the_batches() -> None:
    variables = start(JOB.program, ROWS).variables
    batches = np.array([[0, 7, 3, 9], [50, 2, 11, 4], [8, 1, 6, 5]], np.int32)
    found = statistics_of(NETWORK, variables, ROWS, batches, jax.random.key(0))
    x = np.asarray(ROWS.inputs["numeric"], np.float64)
    products = [x[batch] @ np.asarray(variables.params["body"][BEFORE]["kernel"], np.float64) for batch in batches]
    state = found.state["body"][NORMALIZATION]
    mean, variance = (np.mean([f(one, axis=0) for one in products], axis=0) for f in (np.mean, np.var))
    np.testing.assert_allclose(state["mean"], mean, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(state["variance"], variance, rtol=1e-4)
    assert same_bits(found._replace(state={}), variables._replace(state={}))
    assert state["count"] == variables.state["body"][NORMALIZATION]["count"]
    frozen = with_frozen(NETWORK, lambda _: True)
    assert same_bits(statistics_of(frozen, variables, ROWS, batches, jax.random.key(0)), variables)


def test_batches_are_whole_and_of_different_rows() -> None:
    for rows, size in ((60_000, 64), (5_000, 7), (9, 9), (40_000, 20_000)):
        found = batches_of(Plan(rows, size, 1))
        assert found.min() >= 0
        assert found.max() < rows
        assert len(np.unique(found)) == found.size
        assert len(found) <= max(1, rows / size / 32)


def test_batches_have_their_share_of_each_kind_whatever_the_order() -> None:
    found = batches_of(Plan(8_192, 32, 1))
    for period in (2, 4, 10, 256):  # kinds that take turns
        share = np.mean(found % period < period / 2, axis=1)
        assert 0.2 < share.min() <= share.max() < 0.8
    assert np.ptp(found, axis=1).min() > 8_192 / 2  # kinds one after the other


def test_they_are_validated_and_kept_and_training_is_the_same(tmp_path: Path) -> None:
    whole, plain = events_of(JOB), events_of(PLAIN)
    assert [row["loss"] for row in history(whole)] == [row["loss"] for row in history(plain)]
    ends = [one for one in taken(whole) if one.done == 0]
    for row, one in zip(history(whole), ends, strict=False):
        renewed = with_statistics(NETWORK, one.state, ROWS, JOB.plan)
        assert row["val_loss"] == evaluate(JOB.program.model, renewed, make_rows(1))["loss"]
        assert not same_bits(renewed, one.state.variables)
        assert one.kept_epoch != row["epoch"] or same_bits(one.kept, renewed)
    for one in (taken(whole)[3], ends[0]):
        checkpoints.write(tmp_path, copy_to_host(one), keep=2)
        read, problems = checkpoints.read(tmp_path, one.state)
        assert read is not None
        assert problems == []
        assert same_bits(read.kept, one.kept)
        assert same_bits(end(events_of(JOB, read)).variables, end(whole).variables)


def test_members_are_as_alone() -> None:
    jobs = [replace(JOB, train=ROWS, seed=seed, checkpoints=make_job().checkpoints) for seed in (0, 4)]
    *_, runs = fit_members(jobs, {name: np.asarray(array) for name, array in ROWS.inputs.items()})
    for run, job in zip(runs, jobs, strict=True):
        assert_as_alone(run, job)


def test_they_are_computed_for_many_images_that_are_normalized(tmp_path: Path) -> None:
    """A network without batch normalization has none: it is validated as it is, with members at once."""
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "images.npz", x=rng.integers(0, 255, (700, 4, 4), np.uint8), y=rng.integers(0, 2, 700))

    def renews(*, batch_normalization: bool, batch_size: int) -> bool:
        chosen = {
            "data.source": str(tmp_path / "images.npz"),
            "network.name": "mlp",
            "network.batch_normalization": str(batch_normalization).lower(),
            "training.batch_size": str(batch_size),
        }
        return prepare(load_config(None, [(key, value, key) for key, value in chosen.items()])).job.renews_statistics

    assert renews(batch_normalization=True, batch_size=1)
    assert not renews(batch_normalization=True, batch_size=4)
    assert not renews(batch_normalization=False, batch_size=1)
