"""The batch size that is recommended, against the formula that it is to minimise, and on rows."""

import math
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders import make_program, random_rows

from batchwright import optim
from batchwright.errors import DataError, UsageError
from batchwright.measure import batch_size
from batchwright.measure.batch_size import candidates, find_batch_size, tabulate, usable_noise
from batchwright.measure.noise_scale import NoiseScale, Spread
from batchwright.measure.throughput import Throughput, Timing
from batchwright.measure.verify import spread, verify
from batchwright.training.plan import make_plan
from batchwright.training.state import initial_state

SIZES = [1 << power for power in range(3, 14)]


def throughput(fixed: float = 1e-4, per_row: float = 1e-6, memory: int = 1000) -> Throughput:
    timings = tuple(Timing(size, (fixed + per_row * size,) * 5, memory * (100 + size)) for size in (16, 1024))
    return Throughput(fixed, per_row, (fixed, fixed), (per_row, per_row), timings, 0.0, 0.0)


def noise(value: float, low: float, high: float) -> NoiseScale:
    return NoiseScale(value, low, high, value, 1.0, 1000, Spread(0.0, 0.0, 0.0, 10))


@given(st.floats(1e-6, 1e-2), st.floats(1e-8, 1e-4), st.floats(1, 1e5))
def test_the_least_time_is_at_the_power_of_two_nearest_the_root(fixed: float, per_row: float, phi: float) -> None:
    """B* = √((a/c)·φ); the time is symmetric about it in the logarithm, so the nearest power of two is the best."""
    best = min(tabulate(SIZES, throughput(fixed, per_row), phi, 10_000), key=lambda row: row.relative_time)
    root = math.sqrt(fixed / per_row * phi)
    assert abs(math.log2(best.batch_size / min(max(root, 8), 8192))) <= 0.5 + 1e-9
    assert best.relative_time == 1.0


def test_a_row_of_the_table_by_hand() -> None:
    """a = 100 µs, c = 1 µs, φ = 400: (100 + 64)·(1 + 400/64) against the least, that of B = 256: 356·2.5625."""
    row = tabulate(SIZES, throughput(), 400.0, 10_000)[3]
    assert row.batch_size == 64
    assert row.iterations_per_epoch == 157
    assert row.rows_per_second == pytest.approx(64 / 164e-6)
    assert row.relative_time == pytest.approx(164 * (1 + 400 / 64) / (356 * (1 + 400 / 256)))
    assert row.efficiency == pytest.approx(400 / 464)
    assert row.memory_bytes == pytest.approx(164_000, rel=1e-4)


def test_candidates_fit_in_memory_and_rows() -> None:
    assert candidates(100, throughput(), None) == [8, 16, 32, 64]
    assert candidates(128, throughput(), None)[-1] == 128
    assert candidates(10_000, throughput(), 450_000)[-1] == 256, "1,000·(100 + 256) is within 80 % of 450,000"
    with pytest.raises(UsageError, match="take a smaller network, or fewer rows"):
        candidates(10_000, throughput(), 10_000)


def test_an_endless_noise_scale_gives_way_to_what_it_is_at_least() -> None:
    assert usable_noise(noise(500.0, 300.0, 900.0)) == 500.0
    assert usable_noise(noise(math.inf, 300.0, math.inf)) == 300.0
    with pytest.raises(DataError, match="cannot be measured on 1,000 rows"):
        usable_noise(noise(math.inf, 0.0, math.inf))


def test_on_rows() -> None:
    program, data = make_program(optim.SGD(0.05)), random_rows()
    state, plan = initial_state(program, data.inputs, seed=0), make_plan(data.length, 64, 5)
    found = find_batch_size(program, state, data, plan)
    sizes = [row.batch_size for row in found.table]
    assert sizes == [8, 16, 32, 64, 128, 256, 512, 1024]
    assert min(found.table, key=lambda row: row.relative_time).batch_size == found.recommended
    assert found.interval[0] <= found.recommended <= found.interval[1]
    expected = {} if found.recommended == 64 else {"learning_rate": pytest.approx(0.05 * found.recommended / 64)}
    assert found.rescaled == expected


def test_what_cannot_be_measured_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    program = make_program(optim.SGD(0.05))
    state = initial_state(program, random_rows().inputs, seed=0)
    with pytest.raises(DataError, match="5 training rows are too few"):
        find_batch_size(program, state, random_rows(5), make_plan(5, 5, 1))
    wild = replace(program, optimizer=optim.SGD(1e30))
    with pytest.raises(DataError, match="the loss was not finite at iteration"):
        find_batch_size(wild, state, random_rows(), make_plan(2000, 64, 5))
    one = jax.tree.map(lambda leaf: jnp.repeat(leaf[:1], 500, axis=0), random_rows())
    with pytest.raises(DataError, match="all rows have the same gradient"):
        find_batch_size(program, state, one, make_plan(500, 64, 5))
    monkeypatch.setattr(batch_size, "free_memory", lambda: 1000)
    with pytest.raises(UsageError, match="MB are free: take a smaller network"):
        find_batch_size(program, state, random_rows(), make_plan(2000, 64, 5))


@pytest.mark.parametrize(
    ("sizes", "says"),
    [
        ([8, 16, 32, 64], "32 rows are expected to take the least time (the noise scale is 20); up to 64 little is"),
        ([8, 16, 32], "32 is the most there are rows or memory for (the noise scale is 20); down to 8 little is lost"),
        ([32, 64], "smaller batches than 32 are not considered"),
    ],
)
def test_the_reason_says_why_this_size(sizes: list[int], says: str) -> None:
    """The least time is at √((a/c)·φ) = √(50·20), near 32, and times on both sides are close."""
    timed = throughput(5e-5, 1e-6)
    table = tabulate(sizes, timed, 20.0, 1000)
    near = [row._replace(relative_time=min(row.relative_time, 1.2)) for row in table]
    best = min(table, key=lambda row: row.relative_time).batch_size
    assert best == 32
    assert says in batch_size._reason(best, near, timed, noise(20.0, 10.0, 40.0))


def test_verification_trains_every_size_to_one_loss() -> None:
    program, data = make_program(optim.SGD(0.05)), random_rows()
    state, plan = initial_state(program, data.inputs, seed=0), make_plan(data.length, 64, 5)
    found = find_batch_size(program, state, data, plan)
    example = {name: np.asarray(array) for name, array in data.inputs.items()}
    verified = verify(found, program, data, data, plan, example)
    reached = [row for row in verified.rows if row.seconds is not None]
    assert len(reached) >= 2
    assert min(row.relative_time for row in reached) == 1.0
    assert min(row.predicted for row in verified.rows) == 1.0
    for row in reached:
        assert row.seconds == pytest.approx(row.iterations * found.throughput.iteration_seconds(row.batch_size))
    with pytest.raises(DataError, match="`validation_split`"):
        verify(found, program, data, None, plan, example)


def test_sizes_to_verify_are_spread_around_the_recommended_one() -> None:
    assert spread(SIZES, 64) == [16, 64, 256, 1024]
    assert spread(SIZES, 8) == [8, 32, 128]
