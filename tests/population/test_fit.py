"""Every member of a population has the history, the best epoch and the variables that `fit` gives it alone."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.builders import Lines, end, events_of, history, make_program, make_rows
from tests.population.jobs import EXAMPLE, ROWS, job

from batchwright import optim
from batchwright.errors import ConfigError
from batchwright.optim import schedules
from batchwright.population import fit as population_fit
from batchwright.population import segment
from batchwright.population.fit import MemberRun, fit_members
from batchwright.training.checkpoint import EpochRow, first_checkpoint
from batchwright.training.feed import OnDisk
from batchwright.training.job import Job
from batchwright.training.plan import make_plan
from batchwright.training.state import initial_state
from batchwright.training.stopping import EarlyStopping


def alone(one: Job, example: Mapping[str, np.ndarray] = EXAMPLE) -> tuple[list[dict[str, float]], object]:
    events = events_of(one, first_checkpoint(initial_state(one.program, example, seed=one.seed)))
    return history(events), end(events)


def assert_as_alone(run: MemberRun, one: Job, example: Mapping[str, np.ndarray] = EXAMPLE) -> None:
    lines, stopped = alone(one, example)
    assert run.end is not None
    assert (run.end.status, len(run.now.history)) == (stopped.status, len(lines))
    assert run.now.kept_epoch == stopped.epoch
    for found, expected in zip(run.now.history, lines, strict=True):
        assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-4, abs=1e-5, nan_ok=True)
    for pair in zip(jax.tree.leaves(run.now.kept), jax.tree.leaves(stopped.variables), strict=True):
        np.testing.assert_allclose(*pair, rtol=1e-3, atol=1e-5)


def without_seconds(row: EpochRow) -> EpochRow:
    return {name: value for name, value in row.items() if name != "seconds"}


def assert_same_variables(run: MemberRun, other: MemberRun, *, rtol: float) -> None:
    for pair in zip(jax.tree.leaves(run.now.kept), jax.tree.leaves(other.now.kept), strict=True):
        np.testing.assert_allclose(*pair, rtol=rtol, atol=rtol / 100)


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


def test_several_groups_side_by_side_are_as_alone_and_so_are_members_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eleven members, eight at a time: the second group is filled up. One diverges, two leave."""
    monkeypatch.setattr(segment, "GROUP", 8)
    jobs = [job(1e30 if seed == 3 else 0.02 + 0.01 * seed, seed=seed % 4) for seed in range(11)]

    def leaving(runs: Sequence[MemberRun]) -> Mapping[int, str]:
        return {0: "slow", 9: "slow"} if len(runs[1].now.history) == 2 else {}

    in_groups = list(fit_members(jobs, EXAMPLE, leaving=leaving))[-1]
    monkeypatch.setattr(population_fit, "pays_together", lambda *_: False)
    in_turn = list(fit_members(jobs, EXAMPLE, leaving=leaving))[-1]
    for runs in (in_groups, in_turn):
        assert [len(run.now.history) for run in runs] == [2, 6, 6, 0, 6, 6, 6, 6, 6, 2, 6]
        for which in (1, 4, 8, 10):
            assert_as_alone(runs[which], jobs[which])


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


def reasons(runs: tuple[MemberRun, ...]) -> list[str]:
    return ["" if run.end is None else run.end.reason for run in runs]


def test_members_leave_when_they_are_told_to_and_the_others_do_not_notice() -> None:
    """Of six one leaves after the first epoch, two after the second: the three that are left go on by themselves."""
    jobs = [job(rate, seed=seed) for seed, rate in enumerate((0.05, 0.1, 0.02, 0.05, 0.03, 0.07))]
    to_leave = {1: {4: "worst"}, 2: {0: "worst", 3: "too slow", 4: "again"}}
    seen = []

    def leaving(runs: Sequence[MemberRun]) -> Mapping[int, str]:
        seen.append(reasons(tuple(runs)))
        return to_leave.get(len(seen), {})

    whole, rounds = list(fit_members(jobs, EXAMPLE))[-1], list(fit_members(jobs, EXAMPLE, leaving=leaving))
    last = rounds[-1]
    assert [reasons(runs)[4] for runs in rounds] == ["", *["worst"] * 5]
    assert reasons(rounds[2]) == ["worst", "", "", "too slow", "worst", ""]
    assert seen[:3] == [[""] * 6, ["", "", "", "", "worst", ""], ["worst", "", "", "too slow", "worst", ""]]
    assert [len(run.now.history) for run in last] == [2, 6, 6, 2, 1, 6]
    assert [run.end.status for run in last if run.end] == ["finished"] * 6
    for which, run in enumerate(last):
        for found, expected in zip(run.now.history, whole[which].now.history, strict=False):
            assert without_seconds(found) == pytest.approx(without_seconds(expected), rel=1e-4, abs=1e-5)
    for which in (1, 2, 5):
        assert_same_variables(last[which], whole[which], rtol=1e-3)


def test_while_nobody_is_taken_out_the_others_have_the_same_bits() -> None:
    jobs = [job(rate, seed=seed) for seed, rate in enumerate((0.05, 0.1, 0.02, 0.05))]
    whole = list(fit_members(jobs, EXAMPLE))[-1]
    last = list(fit_members(jobs, EXAMPLE, leaving=lambda _: {0: "not wanted"}))[-1]
    assert reasons(last)[0] == "not wanted"
    for which in (1, 2, 3):
        assert_same_variables(last[which], whole[which], rtol=0.0)
        assert list(map(without_seconds, last[which].now.history)) == list(
            map(without_seconds, whole[which].now.history)
        )


def test_where_all_have_left_or_ended_nothing_more_is_trained() -> None:
    rounds = list(fit_members([job(1e30), job(0.05, seed=1)], EXAMPLE, leaving=lambda _: {0: "slow", 1: "slow"}))
    assert len(rounds) == 1
    assert [run.end and run.end.status for run in rounds[0]] == ["diverged", None]


def test_a_second_round_of_the_same_shapes_compiles_nothing() -> None:
    """Other numbers, seeds and rows, down to the same sizes."""

    def round_of(rate: float, first: int) -> None:
        rows = ROWS._replace(targets=jnp.asarray(np.array(ROWS.targets)))
        jobs = [replace(job(rate, seed=first + number, dropout=0.3), train=rows) for number in range(4)]
        list(fit_members(jobs, EXAMPLE, leaving=lambda _: {first % 4: "one", (first + 1) % 4: "another"}))

    round_of(0.05, 0)
    compiled = list[str]()
    jax.monitoring.register_event_duration_secs_listener(lambda name, *_, **__: compiled.append(name))
    round_of(0.02, 11)
    assert not [name for name in compiled if name.endswith("backend_compile_duration")]
    jax.monitoring.clear_event_listeners()


def test_a_member_is_not_held_by_the_copies_of_others() -> None:
    """What is kept of a member that has ended is its own, not a view of all members."""
    last = list(fit_members([job(0.05, seed=seed) for seed in range(3)], EXAMPLE))[-1]
    leaves = [leaf for run in last for leaf in jax.tree.leaves((run.now.state, run.now.kept))]
    assert all(leaf.base is None for leaf in leaves if isinstance(leaf, np.ndarray))


def test_what_does_not_go_together_is_refused() -> None:
    first = job()
    for other in (
        replace(first, plan=make_plan(ROWS.length, 16, 6)),
        replace(first, train=make_rows()),
        replace(first, validation=None),
    ):
        with pytest.raises(ConfigError, match="same rows, batch size and epochs"):
            next(fit_members([first, other], EXAMPLE))
    with pytest.raises(ConfigError, match="differ in numbers alone"):
        next(fit_members([first, replace(first, program=make_program(optim.Adam()))], EXAMPLE))
    on_disk = OnDisk(Lines(ROWS), 64)
    with pytest.raises(ConfigError, match="rows in memory"):
        next(fit_members([replace(first, train=on_disk)], EXAMPLE))
