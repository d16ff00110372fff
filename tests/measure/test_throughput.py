"""The line through timed runs, and what the compiler says of memory."""

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders import make_program, random_rows, same_bits

from batchwright import nn
from batchwright.errors import UsageError
from batchwright.measure import throughput
from batchwright.measure.throughput import Timing, fit_line, iteration_seconds, measure_throughput
from batchwright.training.order import batches
from batchwright.training.plan import make_plan
from batchwright.training.segment import compile_segment
from batchwright.training.state import initial_state

SIZES = (16, 128, 1024)


@given(st.floats(1e-6, 1e-2), st.floats(1e-9, 1e-4))
def test_a_line_without_noise_is_found(fixed: float, per_row: float) -> None:
    line = fit_line([Timing(size, (fixed + per_row * size,) * 5, 0) for size in SIZES], draws=3)
    assert [line.fixed + line.per_row * size for size in SIZES] == pytest.approx(
        [fixed + per_row * size for size in SIZES], rel=1e-6
    )


def test_disturbed_runs_hardly_move_the_line() -> None:
    """Runs that are disturbed are slower, never faster: the least of five is nearly the truth."""
    generator, found = np.random.default_rng(0), []
    for _ in range(100):
        timings = [Timing(s, tuple((1e-4 + 1e-6 * s) * (1 + generator.exponential(0.2, 5))), 0) for s in SIZES]
        line = fit_line(timings, draws=200)
        assert line.fixed_interval[0] <= line.fixed * (1 + 1e-9)
        found.append(line.fixed)
    assert np.median(found) == pytest.approx(1e-4, rel=0.15)


def test_one_size_alone_is_all_rows() -> None:
    line = fit_line([Timing(10, (1e-3,) * 5, 0)])
    assert (line.fixed, line.per_row) == (0.0, pytest.approx(1e-4))


def test_measuring_leaves_the_state_alone_and_foretells_the_memory() -> None:
    program, data = make_program(hidden_layer_sizes=(32, 16)), random_rows()
    state = initial_state(program, data.inputs, seed=0)
    before = jax.tree.map(np.array, state.variables)
    found = measure_throughput(program, state, data)
    assert same_bits(nn.Variables(*state.variables), nn.Variables(*before))
    assert [timing.batch_size for timing in found.timings] == list(SIZES)
    assert found.iteration_seconds(1024) >= found.iteration_seconds(16) > 0, "busy, a machine may hide the rows' part"
    for size in (64, 512):
        plan = make_plan(data.length, size, 1)
        told = compile_segment(program, state, data, plan).memory_bytes
        assert found.memory_bytes(size) == pytest.approx(told, rel=0.1)


def test_runs_are_long_enough_to_be_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a clock that counts iterations, an iteration takes one tick, whatever the number that is timed at once."""
    program, data, plan = make_program(), random_rows(256), make_plan(256, 8, 1)
    state = initial_state(program, data.inputs, seed=0)
    segment = compile_segment(program, state, data, plan)
    monkeypatch.setattr(throughput, "_run", lambda _, iterations: 0.5 * iterations)
    order = batches(plan, seed=0, epoch=0)
    assert iteration_seconds(segment, program, state, data, order) == 0.5


def test_a_size_that_does_not_fit_is_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    program, data = make_program(hidden_layer_sizes=(32, 16)), random_rows()
    state = initial_state(program, data.inputs, seed=0)
    told = {size: compile_segment(program, state, data, make_plan(data.length, size, 1)).memory_bytes for size in SIZES}
    assert told[16] < told[128] < told[1024]
    run, ran = throughput._run, list[int]()
    monkeypatch.setattr(throughput, "_run", lambda racer, count: ran.append(racer.size) or run(racer, count))
    found = measure_throughput(program, state, data, free=int(1.3 * told[128]))
    assert [timing.batch_size for timing in found.timings] == [16, 128]
    assert set(ran) == {16, 128}
    with pytest.raises(UsageError, match="training with batches of 16 rows takes about"):
        measure_throughput(program, state, data, free=1000)
