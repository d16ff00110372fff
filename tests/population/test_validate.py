"""Members that are validated at once have the outputs, the figures and the best epoch of a validation alone."""

from dataclasses import replace

import jax
import numpy as np
import pytest
from tests.builders import make_program, make_rows
from tests.population.jobs import EXAMPLE, HELD_OUT, job

from batchwright import nn, optim
from batchwright.nn.protocols import Variables
from batchwright.population import fit as population_fit
from batchwright.population.evaluate import outputs_of_members
from batchwright.population.fit import MemberRun, fit_members
from batchwright.population.members import begin
from batchwright.tasks import Classification, Regression
from batchwright.training.average import Average
from batchwright.training.evaluate import outputs
from batchwright.training.job import Job
from batchwright.training.state import Model, Program
from batchwright.training.stopping import EarlyStopping

NETWORKS = {"plain": {}, "batch norm": {"batch_normalization": True}, "submodels": {"ensemble": 3}}


@pytest.mark.parametrize("together", [True, False], ids=["together", "in turn"])
@pytest.mark.parametrize("network", NETWORKS)
def test_outputs_are_those_of_each_alone(network: str, together: bool) -> None:
    """53 rows go through in pieces of 16, the last of which overlaps the one before it; 19 members are three shares."""
    program = make_program(**NETWORKS[network])
    members = begin([program] * 19, range(19), EXAMPLE)
    variables = Variables(members.states.params, members.states.state)
    found = outputs_of_members(members.programs.model, variables, HELD_OUT.inputs, together=together, rows_at_once=16)
    assert found.shape == (19, HELD_OUT.length, 3)
    for which in (0, 7, 18):
        one = jax.tree.map(lambda leaf, which=which: leaf[which], variables)
        alone = outputs(program.model, one, HELD_OUT.inputs, rows_at_once=16)
        np.testing.assert_allclose(found[which], alone, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("rows_at_once", [1, 8, 53, 512])
def test_outputs_do_not_depend_on_how_many_rows_go_at_once(rows_at_once: int) -> None:
    program = make_program()
    members = begin([program] * 2, (0, 1), EXAMPLE)
    given = members.programs.model, Variables(members.states.params, members.states.state), HELD_OUT.inputs
    whole = outputs_of_members(*given, together=False, rows_at_once=32)
    found = outputs_of_members(*given, together=False, rows_at_once=rows_at_once)
    np.testing.assert_allclose(found, whole, rtol=1e-6, atol=1e-6)


def without_seconds(run: MemberRun) -> list[dict[str, float]]:
    return [{name: value for name, value in row.items() if name != "seconds"} for row in run.now.history]


def alike(jobs: list[Job], monkeypatch: pytest.MonkeyPatch) -> tuple[MemberRun, ...]:
    """The members, validated at once, once they are found to be those that are validated one by one."""
    at_once = list(fit_members(jobs, EXAMPLE))[-1]
    monkeypatch.setattr(population_fit, "can_validate_at_once", lambda _: False)
    each = list(fit_members(jobs, EXAMPLE))[-1]
    for one, other in zip(at_once, each, strict=True):
        assert (one.end, one.now.kept_epoch) == (other.end, other.now.kept_epoch)
        for found, expected in zip(without_seconds(one), without_seconds(other), strict=True):
            assert found == pytest.approx(expected, rel=1e-6, abs=1e-7)
        for pair in zip(jax.tree.leaves(one.now.kept), jax.tree.leaves(other.now.kept), strict=True):
            np.testing.assert_array_equal(*pair)
    return at_once


def test_figures_and_best_epochs_are_those_of_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = [
        replace(job(rate, seed=seed), validation=make_rows(1, weighted=True)) for seed, rate in enumerate((0.05, 0.2))
    ]
    plain = [replace(one, validation=plain[0].validation) for one in plain]
    runs = alike(plain, monkeypatch)
    assert {"val_loss", "val_accuracy", "val_roc_auc"} <= runs[0].now.history[0].keys()


def test_averages_are_what_is_validated(monkeypatch: pytest.MonkeyPatch) -> None:
    average = Average("exponential", decay=0.9)
    jobs = [replace(one, average=average, program=replace(one.program, averaged=True)) for one in (job(0.05), job(0.1))]
    alike(jobs, monkeypatch)


def test_where_one_has_diverged_the_others_are_validated(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = alike([job(0.05), job(1e30, seed=1), job(0.02, seed=2)], monkeypatch)
    assert [len(run.now.history) for run in runs] == [6, 0, 6]


def test_numbers_are_validated_too(monkeypatch: pytest.MonkeyPatch) -> None:
    one = job(0.05)
    network = nn.MLP((8,), batch_normalization=False).build(nn.Features(numeric=5), 1)
    program = Program(Model(network, Regression()), optim.SGD(0.01))
    rows = [rows._replace(targets=rows.targets.astype(np.float32)) for rows in (one.train, one.validation)]
    jobs = [replace(one, program=program, train=rows[0], validation=rows[1], seed=seed) for seed in range(3)]
    assert "val_rmse" in alike(jobs, monkeypatch)[0].now.history[0]


@pytest.mark.parametrize("monitor", ["val_loss", "val_roc_auc"])
def test_epochs_that_change_nothing_are_equal_and_the_first_is_kept(monitor: str) -> None:
    """A rate too small to move a weight: were two epochs to differ in a last bit, one after the first might be kept."""
    stopping = EarlyStopping(monitor=monitor, patience=4)
    runs = list(fit_members([plain_job(seed, stopping) for seed in range(3)], EXAMPLE))[-1]
    for run in runs:
        assert run.now.kept_epoch == 1
        assert len(run.now.history) == 5
        assert len({row[monitor] for row in run.now.history}) == 1


def plain_job(seed: int, stopping: EarlyStopping) -> Job:
    one = job(1e-30, seed=seed, early_stopping=stopping)
    return replace(one, program=make_program(optim.SGD(1e-30)))


def test_the_task_of_each_member_judges_it() -> None:
    """Smoothing is a number of the task, in which members may differ: the losses of equal networks then differ."""
    smoothed = [
        replace(one, program=replace(one.program, model=replace(one.program.model, task=_task(smoothing))))
        for one, smoothing in ((job(1e-30), 0.1), (job(1e-30), 0.3))
    ]
    first, second = (run.now.history[0] for run in next(fit_members(smoothed, EXAMPLE)))
    assert first["val_accuracy"] == second["val_accuracy"]
    assert first["val_loss"] != pytest.approx(second["val_loss"], rel=1e-3)


def _task(smoothing: float) -> Classification:
    return Classification(tuple("abc"), label_smoothing=smoothing)
