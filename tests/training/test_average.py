"""Averages of the parameters: their closed forms in float64, what they are used for, and that training is the same."""

from dataclasses import replace
from typing import Any

import jax
import numpy as np
import pytest
from tests.population.test_fit import assert_as_alone
from tests.training.test_checkpoint import EVERY_ITERATION, PATIENT, end, events_of, history, make_job, taken
from tests.training.test_training import make_rows, same_bits

import batchwright as bw
from batchwright.config import load_config
from batchwright.errors import ConfigError
from batchwright.population.fit import fit_members
from batchwright.search.space import load_space
from batchwright.training.average import Average
from batchwright.training.checkpoint import Checkpoint
from batchwright.training.evaluate import evaluate
from batchwright.training.events import CheckpointTaken, EpochDone
from batchwright.training.job import Job

NORMALISED = {"batch_normalization": True}


def flat(variables: Any) -> np.ndarray:
    """All numbers of parameters and statistics, in float64."""
    return np.concatenate([np.asarray(leaf, np.float64).ravel() for leaf in jax.tree.leaves(variables)])


def path_of(job: Job) -> tuple[list[Checkpoint], np.ndarray]:
    """All checkpoints, one after each iteration, and the variables as they were trained, [iterations, numbers]."""
    found = taken(events_of(replace(job, checkpoints=EVERY_ITERATION)))
    return found, np.array([flat(one.state.variables) for one in found])


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.9, 0.999])
def test_the_exponential_average_is_the_sum_over_all_iterations(decay: float) -> None:
    checkpoints, trained = path_of(make_job(average=Average(decay=decay), network=NORMALISED))
    for t, one in enumerate(checkpoints, start=1):
        weights = decay ** np.arange(t, dtype=np.float64)[::-1]
        expected = np.tensordot(weights, trained[:t], axes=1) / weights.sum()
        np.testing.assert_allclose(flat(one.state.average), expected, rtol=2e-5, atol=2e-6)


def test_the_average_of_late_epochs_is_the_mean_of_their_ends() -> None:
    job = make_job(average=Average("late", start=0.4), network=NORMALISED, epochs=5)
    checkpoints, trained = path_of(job)
    per = job.plan.iterations_per_epoch
    for t, one in enumerate(checkpoints, start=1):
        epoch = -(-t // per)
        if epoch <= 3:  # the first that is averaged is the third, of which the end is the mean of one
            np.testing.assert_array_equal(flat(one.state.average), trained[t - 1])
        else:
            ends = [n * per for n in range(3, epoch + 1) if n * per <= t]
            expected = np.mean([trained[place - 1] for place in ends], axis=0)
            np.testing.assert_allclose(flat(one.state.average), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("start", "epochs", "first"), [(0.75, 20, 16), (0.29, 100, 30), (0.0, 4, 1), (0.9, 1, 1)])
def test_the_first_epoch_that_is_averaged(start: float, epochs: int, first: int) -> None:
    average = Average("late", start=start)
    ends = [average.shares(epoch=e, epochs=epochs, first=3 * e, iterations=3)[-1] for e in range(epochs)]
    assert ends == [1.0 / max(1, epoch - first + 1) for epoch in range(1, epochs + 1)]
    assert average.describe(epochs).endswith(f"{first} to {epochs}")


@pytest.mark.parametrize("average", [Average(decay=0.9), Average("late", start=0.4)], ids=lambda one: one.name)
def test_training_is_the_same_and_the_average_is_validated_and_kept(average: Average) -> None:
    jobs = make_job(network=NORMALISED), make_job(network=NORMALISED, average=average)
    plain, averaged = (events_of(replace(job, checkpoints=EVERY_ITERATION)) for job in jobs)
    assert [row["loss"] for row in history(plain)] == [row["loss"] for row in history(averaged)]
    for one, other in zip(taken(plain), taken(averaged), strict=True):
        assert same_bits(one.state.variables, other.state.variables)
    rows, ends = make_rows(1), [one for one in taken(averaged) if one.done == 0]
    for row, one in zip(history(averaged), ends, strict=False):
        found = evaluate(jobs[1].program.model, one.state.average, rows)
        assert {name: row[f"val_{name}"] for name in found} == found
        assert same_bits(one.kept, one.state.average)
    assert not same_bits(end(plain).variables, end(averaged).variables)


def test_early_stopping_goes_by_the_average() -> None:
    job = make_job(average=Average(decay=0.95), early_stopping=PATIENT, epochs=6)
    events = events_of(job)
    losses = [row["val_loss"] for row in history(events)]
    assert end(events).epoch == int(np.argmin(losses)) + 1
    found = evaluate(job.program.model, end(events).variables, make_rows(1))["loss"]
    assert found == min(losses)


def test_members_are_as_alone() -> None:
    example = {name: np.asarray(array) for name, array in make_rows().inputs.items()}
    rows, held_out = make_rows(), make_rows(1)
    kinds = Average(decay=0.5), Average(decay=0.99), Average("late", start=0.2)
    jobs = [replace(make_job(average=one), train=rows, validation=held_out, seed=n) for n, one in enumerate(kinds)]
    *_, runs = fit_members(jobs, example)
    for run, job in zip(runs, jobs, strict=True):
        assert_as_alone(run, job)
    with pytest.raises(ConfigError, match="has to differ in numbers alone"):
        next(fit_members([jobs[0], replace(make_job(), train=rows, validation=held_out)], example))


def test_a_run_is_gone_on_with_to_the_bit_and_holds_the_average(tmp_path: Any) -> None:
    iris = bw.load("iris")
    how: dict[str, Any] = {"network": bw.nn.MLP((4,)), "batch_size": 16, "epochs": 5, "average": Average(decay=0.8)}
    whole = bw.fit(iris, **how)
    assert whole.prepared.notes[-1] == (
        "what is validated and kept is the exponential average of the parameters with decay 0.8"
    )
    events, last = bw.events(iris, **how, run_dir=tmp_path / "run", checkpoints=bw.Checkpoints(iterations=3)), None
    for event in events:
        last = event.checkpoint if isinstance(event, CheckpointTaken) else last
        if isinstance(event, EpochDone) and event.row["epoch"] == 3:
            break
    iter(events).close()  # type: ignore[attr-defined]
    assert last is not None
    resumed = bw.resume(tmp_path / "run", iris)
    assert same_bits(whole.model.variables, resumed.model.variables)
    assert same_bits(bw.open_run(tmp_path / "run").load_model().variables, whole.model.variables)
    assert resumed.test_metrics == whole.test_metrics
    value = bw.open_run(tmp_path / "run").settings["training.average.decay"].value
    assert value == 0.8


@pytest.mark.parametrize(
    ("average", "message"),
    [
        ("{name: late, decay: 0.9}", "training.average: decay is of the average 'exponential', and this is 'late'"),
        ("{start: 0.5}", "training.average: start is of the average 'late', and this is 'exponential'"),
        ("{decay: 1.0}", r"training.average.decay: must be a number >= 0 and < 1"),
        ("{name: swa}", "training.average.name: "),
    ],
)
def test_what_does_not_go_together_is_refused(average: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config(None, [("training.average", average, "--set")])


def test_in_python_too() -> None:
    with pytest.raises(ConfigError, match="start is of the average 'late'"):
        bw.fit(bw.load("iris"), average=Average(start=0.5))


def test_a_search_chooses_its_numbers() -> None:
    space = load_space(None, [("training.average", "{decay: {one_minus_log: [0.9, 0.999]}}", "--set")])
    chosen = space.settings(space.point([0.5])).config.training.average
    assert chosen is not None
    assert (chosen.name, chosen.decay) == ("exponential", pytest.approx(0.99))
