"""A batch size that grows: its policies, and training with it, which is that of each epoch's own constant size."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders import (
    EVERY_ITERATION,
    PATIENT,
    ROWS,
    Lines,
    end,
    events_of,
    history,
    make_job,
    make_rows,
    same_bits,
    start,
    taken,
)

from batchwright import optim
from batchwright.errors import ConfigError
from batchwright.measure.live import live_noise
from batchwright.optim import schedules
from batchwright.optim.scaling import rescale
from batchwright.training import fit as fitting
from batchwright.training.checkpoint import first_checkpoint
from batchwright.training.events import Compiled, EpochDone, SegmentDone
from batchwright.training.feed import OnDisk
from batchwright.training.growth import (
    NORM2,
    TRACE,
    AdaptiveBatchSize,
    limit_growth,
    pooled_noise_scale,
    size_by_noise,
    size_by_schedule,
)
from batchwright.training.job import Job, iterations_done, plan_of, program_of, rates_of
from batchwright.training.order import batches
from batchwright.training.plan import Plan, make_plan
from batchwright.training.segment import Epoch, compile_segment, no_losses
from batchwright.training.state import TrainState

NUMBERS = st.floats(-10.0, 1e4) | st.just(float("nan"))
GROWTHS = st.builds(
    lambda start, factor: AdaptiveBatchSize(start=start, maximum=start * factor),
    st.integers(1, 100),
    st.integers(1, 99),
)


def told(trace: float, norm2: float = 1.0) -> dict[str, float]:
    return {TRACE: trace, NORM2: norm2}


def is_power_of_two(number: int) -> bool:
    return number > 0 and number & (number - 1) == 0


@given(growth=GROWTHS, moments=st.lists(st.tuples(NUMBERS, NUMBERS), max_size=12))
def test_by_noise_it_stays_or_doubles_up_to_the_noise_scale(
    growth: AdaptiveBatchSize, moments: list[tuple[float, float]]
) -> None:
    rows = [told(*pair) for pair in moments]
    sizes = [size_by_noise(growth, rows[:epochs]) for epochs in range(len(rows) + 1)]
    assert sizes[0] == growth.start
    assert max(sizes) <= growth.maximum
    for epoch, (old, new) in enumerate(pairwise(sizes), start=1):
        noise = pooled_noise_scale(rows[max(0, epoch - 3) : epoch])
        assert new == (2 * old if 2 * old <= min(noise, growth.maximum) else old)


def test_measurements_are_pooled() -> None:
    assert pooled_noise_scale([told(300.0, 3.0), told(100.0)]) == 100.0
    assert pooled_noise_scale([told(100.0, -2.0), told(100.0, 4.0)]) == 100.0, "without bias, below 0 counts too"
    assert pooled_noise_scale([told(100.0, -2.0)]) == float("inf")
    assert pooled_noise_scale([told(float("nan")), told(7.0), {}]) == 7.0, "what was not found has no part in it"
    assert np.isnan(pooled_noise_scale([told(0.0, 0.0)]))
    assert np.isnan(pooled_noise_scale([]))


@given(
    growth=GROWTHS,
    shares=st.lists(st.floats(0.0, 1.0), min_size=1, max_size=12),
    power=st.sampled_from([0.5, 1.0]),
)
def test_by_schedule_it_is_the_largest_power_of_two_and_never_shrinks(
    growth: AdaptiveBatchSize, shares: list[float], power: float
) -> None:
    sizes = [size_by_schedule(growth, np.array(shares[:epochs]), power) for epochs in range(1, len(shares) + 1)]
    assert all(old <= new for old, new in pairwise(sizes))
    for epoch, size in enumerate(sizes, start=1):
        factor, least = size // growth.start, min(shares[:epoch])
        assert size == factor * growth.start <= growth.maximum
        assert is_power_of_two(factor)
        assert factor * least ** (1.0 / power) <= 1.0 + 1e-8
        assert 2 * size > growth.maximum or 2 * factor * least ** (1.0 / power) > 1.0 - 1e-8


def test_the_largest_size_is_one_that_is_reached() -> None:
    growth = AdaptiveBatchSize(start=24, maximum=500)
    assert limit_growth(growth, make_plan(10_000, 24, 1)).maximum == 24 * 16
    assert limit_growth(growth, make_plan(400, 24, 1)).maximum == 96, "a quarter of the rows is 100"
    assert limit_growth(growth, make_plan(10_000, 24, 1), chunk_rows=200).maximum == 192
    few = limit_growth(growth, make_plan(20, 24, 1))
    assert (few.start, few.maximum) == (20, 20)


@pytest.mark.parametrize("wrong", [AdaptiveBatchSize(start=64, maximum=32), AdaptiveBatchSize()], ids=["less", "rule"])
def test_what_cannot_be_done_is_refused(wrong: AdaptiveBatchSize) -> None:
    rule = optim.Adam() if wrong.maximum == 32 else optim.Adadelta()
    with pytest.raises(ConfigError, match=r"must be start \(64\) or more" if wrong.maximum == 32 else "'adadelta'"):
        wrong.check(rule)


def test_a_rate_that_does_not_follow_the_batch_size_cannot_be_replaced_by_it() -> None:
    AdaptiveBatchSize(by="noise_scale").check(optim.Adagrad())
    with pytest.raises(ConfigError, match="the learning rate of 'adagrad' does not grow with the batch size"):
        AdaptiveBatchSize(by="schedule").check(optim.Adagrad())


class Rising:
    """A noise scale of a thousand rows, always."""

    def __call__(self, state: TrainState, epoch: int) -> Mapping[str, float]:
        return told(1000.0) | {"noise_scale": 1000.0}


def growing_job(by: str = "noise_scale", *, maximum: int = 16, **changes: object) -> Job:
    """Batches of 4 rows in the first epoch."""
    job = make_job(**{"epochs": 4} | changes)
    plan = replace(job.plan, batch_size=4)
    growth = AdaptiveBatchSize(by, start=4, maximum=maximum)
    return replace(job, plan=plan, growth=growth, probe=Rising() if by == "noise_scale" else None)


def halving(per: str = "epoch") -> schedules.Exponential:
    return schedules.Exponential(base=0.5, per=per)


def rows_of(count: int) -> tuple[dict[str, float], ...]:
    return (told(1000.0),) * count


@pytest.mark.parametrize("per", ["epoch", "iteration"])
def test_in_place_of_the_rate_that_falls_the_batch_of_sgd_grows(per: str) -> None:
    """η·½ᵉ at the start of epoch e: κ is 1, 2, 4, and stays 4, where the rate is η, η, η, η/2 at the start."""
    job = growing_job("schedule", schedule=halving(per))
    for epoch, factor in enumerate((1, 2, 4, 4)):
        done = rows_of(epoch)
        plan = plan_of(job, done)
        assert plan.batch_size == 4 * factor
        share = np.floor(np.arange(plan.iterations_per_epoch) * 14 / plan.iterations_per_epoch) / 14
        expected = 0.1 * factor * 0.5 ** (epoch + (share if per == "iteration" else 0.0 * share))
        rates = rates_of(job, done, np.arange(plan.iterations_per_epoch), reductions=0)
        np.testing.assert_allclose(rates, expected, rtol=1e-12)


def test_the_batch_of_adam_grows_by_the_square_root_rule() -> None:
    """A rate that is halved is a batch four times as large; by 2^-1.5 it is eight times as large."""
    job = growing_job("schedule", maximum=1024, schedule=halving(), optimizer=optim.Adam(0.01))
    assert [plan_of(job, rows_of(epochs)).batch_size for epochs in range(4)] == [4, 16, 64, 256]
    rates = [rates_of(job, rows_of(epochs), np.array([0]), reductions=0)[0] for epochs in range(4)]
    np.testing.assert_allclose(rates, 0.01, rtol=1e-12)
    job = replace(job, schedule=schedules.Exponential(base=2**-0.75))
    assert [plan_of(job, rows_of(epochs)).batch_size for epochs in range(4)] == [4, 8, 32, 64]
    rates = [rates_of(job, rows_of(epochs), np.array([0]), reductions=1)[0] for epochs in range(4)]
    expected = [0.005 * 2 ** (-0.75 * epochs) * factor**0.5 for epochs, factor in enumerate((1, 2, 8, 16))]
    np.testing.assert_allclose(rates, expected, rtol=1e-12)


def test_a_schedule_that_rises_grows_nothing_and_takes_as_many_epochs() -> None:
    job = growing_job("schedule", schedule=schedules.OneCycle(), epochs=10, maximum=8)
    sizes = [plan_of(job, rows_of(epochs)).batch_size for epochs in range(10)]
    assert sizes == [4, 4, 4, 4, 4, 4, 4, 8, 8, 8]
    constant = replace(job, growth=None)
    for epoch in range(10):
        one, other = (rates_of(each, rows_of(epoch), np.array([0]), reductions=0)[0] for each in (job, constant))
        assert one == pytest.approx(other * sizes[epoch] / 4)
    last = plan_of(job, rows_of(9)).iterations_per_epoch
    assert rates_of(job, rows_of(9), np.array([last - 1]), reductions=0)[0] < 1e-2 * 0.1


def test_by_noise_all_numbers_of_the_rule_follow() -> None:
    job = growing_job(optimizer=optim.Adam(0.01))
    plan = plan_of(job, rows_of(2))
    assert plan.batch_size == 16
    assert program_of(job, plan).optimizer == rescale(optim.Adam(0.01), 4.0)
    assert program_of(job, job.plan) is job.program
    assert rates_of(job, rows_of(2), np.arange(2), reductions=0) == pytest.approx([0.02, 0.02])
    assert iterations_done(job, rows_of(3)) == 14 + 7 + 4


def run_by_hand(job: Job, sizes: tuple[int, ...], rules: tuple[optim.Optimizer, ...]) -> TrainState:
    """The epochs one after the other, each with a plan of its own."""
    state, rows = start(job.program, make_rows()), make_rows()
    for epoch, (size, rule) in enumerate(zip(sizes, rules, strict=True)):
        plan, program = Plan(ROWS, size, 1), replace(job.program, optimizer=rule)
        iterations = plan.iterations_per_epoch
        order = batches(plan, seed=0, epoch=epoch)
        given_rates = Epoch(order, np.full(iterations, rule.learning_rate, np.float32))
        segment = compile_segment(program, state, rows, plan)
        state, _ = segment(program, (state, no_losses(iterations)), rows, given_rates, (0, iterations))
    return state


@pytest.mark.parametrize("rule", [optim.SGD(0.01, momentum=0.9), optim.Adam(0.01)], ids=["sgd", "adam"])
def test_each_epoch_has_the_bits_of_one_of_its_size(rule: optim.Optimizer) -> None:
    job = growing_job(optimizer=rule, network={"dropout": 0.3, "batch_normalization": True})
    events = events_of(job)
    assert [row["batch_size"] for row in history(events)] == [4, 8, 16, 16]
    assert [row["iteration"] for row in history(events)] == [14, 21, 25, 29]
    rules = tuple(rule if factor == 1 else rescale(rule, factor) for factor in (1, 2, 4, 4))
    assert same_bits(end(events).variables, run_by_hand(job, (4, 8, 16, 16), rules).variables)


def test_by_schedule_only_the_rate_follows() -> None:
    job = growing_job("schedule", schedule=halving(), optimizer=optim.SGD(0.1, momentum=0.9))
    rules = tuple(optim.SGD(rate, momentum=0.9) for rate in (0.1, 0.1, 0.1, 0.05))
    assert same_bits(end(events_of(job)).variables, run_by_hand(job, (4, 8, 16, 16), rules).variables)


def measured_job() -> Job:
    job = growing_job(optimizer=optim.Adam(0.01))
    state = start(job.program, make_rows())
    return replace(job, probe=live_noise(job.program, job.train, state.variables, rows=ROWS, seed=0))


def streamed_job() -> Job:
    job = growing_job(network={"dropout": 0.3})
    return replace(job, train=OnDisk(Lines(make_rows()), 16))


CASES = {
    "measured": measured_job,
    "schedule, last batch dropped": lambda: growing_job("schedule", schedule=halving("iteration"), remainder="drop"),
    "plateau": lambda: growing_job(
        "schedule", schedule=schedules.ReduceOnPlateau(factor=0.5, patience=1, min_delta=1.0)
    ),
    "read in chunks": streamed_job,
}


@pytest.mark.parametrize("case", CASES)
def test_from_every_checkpoint_the_rest_has_the_same_bits(case: str) -> None:
    job = replace(CASES[case](), checkpoints=EVERY_ITERATION, early_stopping=PATIENT)
    whole = events_of(job)
    rows, checkpoints = history(whole), taken(whole)
    assert [int(one.state.step) for one in checkpoints] == list(range(1, rows[-1]["iteration"] + 1))
    assert rows[-1]["batch_size"] > 4
    done = [[row["iteration"] for row in rows][epoch] for epoch in range(4)]
    for checkpoint in checkpoints[::5] + [one for one in checkpoints if int(one.state.step) in done]:
        assert iterations_done(job, checkpoint.history) + checkpoint.done == int(checkpoint.state.step)
        rest = events_of(job, checkpoint)
        assert same_bits(end(rest).variables, end(whole).variables)
        np.testing.assert_equal(history(rest), rows[len(checkpoint.history) :])


def test_each_size_is_compiled_once_and_when_it_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled, log = fitting.compile_segment, list[object]()

    def counted(*arguments: object, **named: object) -> object:
        log.append(arguments[3].batch_size)
        return compiled(*arguments, **named)

    monkeypatch.setattr(fitting, "compile_segment", counted)
    job = growing_job(epochs=5)
    for event in fitting.fit(job, first_checkpoint(start(job.program, make_rows()))):
        log += [type(event)] if isinstance(event, Compiled | EpochDone) else []
    assert log == [4, Compiled, EpochDone, 8, EpochDone, 16, EpochDone, EpochDone, EpochDone]


def test_how_far_it_is_follows_the_size_of_each_epoch() -> None:
    events = events_of(growing_job(epochs=5))
    done = {event.row["epoch"]: event.row["iteration"] for event in events if isinstance(event, EpochDone)}
    ends = {event.epoch: event for event in events if isinstance(event, SegmentDone)}
    assert {epoch: end.updates for epoch, end in ends.items()} == done
    assert [end.plan.batch_size for end in ends.values()] == [4, 8, 16, 16, 16]
    assert ends[3].foretold == ends[5].foretold == done[5] < ends[2].foretold < ends[1].foretold
