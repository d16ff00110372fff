"""Seconds per iteration and memory as functions of the batch size, from short runs that are timed in random order.

An iteration of B rows takes about a + c·B seconds: a is its cost with however few rows (the update of all parameters,
the start of every kernel), c the cost of each row. Both are fitted to measured runs by least squares of relative
errors. The compiler tells the bytes of a program without running it; they are linear in B too.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int32

from batchwright.errors import UsageError
from batchwright.measure.device_memory import fits, too_large_note
from batchwright.training.order import batches
from batchwright.training.plan import ROWS_AT_ONCE, make_plan
from batchwright.training.segment import CompiledSegment, Epoch, compile_segment, epoch_without_change, no_losses
from batchwright.training.state import Program, Rows, TrainState

REPEATS = 5
"""Timed runs of each size. The fastest counts: others were disturbed, and none can be faster than undisturbed."""
RUN_SECONDS = 0.02
"""Seconds that a timed run aims to take: a thousand times the resolution of its clock and of calling the program."""
PAIRED_RUNS, PAIRED_SECONDS = 11, 0.05
"""Timed runs of each of several programs that take turns, and seconds of a run: most pairs are then not disturbed."""
MOST_ITERATIONS = 2000
SIZES = (16, 128, 1024)
"""Batch sizes that are timed; the number of rows takes the place of larger sizes."""


class Timing(NamedTuple):
    """A batch size, the seconds per iteration of each timed run, and the bytes that its program occupies."""

    batch_size: int
    seconds: tuple[float, ...]
    memory_bytes: int


@dataclass(frozen=True)
class Throughput:
    """a + c·B seconds for an iteration of B rows.

    - fixed: a, in seconds; per_row: c, in seconds; both above 0
    - fixed_interval, per_row_interval: 95 % intervals, from fits to resampled runs
    - timings: the timings that they were fitted to
    - compile_seconds, seconds: time of compiling, and time of the timed runs
    """

    fixed: float
    per_row: float
    fixed_interval: tuple[float, float]
    per_row_interval: tuple[float, float]
    timings: tuple[Timing, ...]
    compile_seconds: float
    seconds: float

    def iteration_seconds(self, batch_size: int) -> float:
        """The seconds of an iteration of `batch_size` rows."""
        return self.fixed + self.per_row * batch_size

    def memory_bytes(self, batch_size: int) -> int:
        """Approximate bytes of a program for this batch size; a batch is computed in parts of 8,192 rows."""
        sizes = [min(timing.batch_size, ROWS_AT_ONCE) for timing in self.timings]
        if len(sizes) == 1:
            return self.timings[0].memory_bytes
        slope, start = np.polyfit(sizes, [timing.memory_bytes for timing in self.timings], 1)
        return int(start + slope * min(batch_size, ROWS_AT_ONCE))


def measure_throughput(
    program: Program,
    state: TrainState,
    rows: Rows,
    *,
    sizes: Sequence[int] = SIZES,
    free: int | None = None,
    seed: int = 0,
) -> Throughput:
    """Time iterations of several batch sizes; the given state stays as it is.

    A size whose compiled program would not fit in memory is not run, and no larger one is compiled.

    Args:
        program: what is trained.
        state: the present state; copies of it are trained on, with a learning rate of 0.
        rows: the training rows.
        sizes: the batch sizes to time.
        free: bytes of memory that a program may take; None where unknown.
        seed: the seed of the order of the runs.

    Raises:
        UsageError: not even the smallest size fits in memory.
    """
    started = time.perf_counter()
    racers = _racers(program, state, rows, sorted({min(size, rows.length) for size in sizes}), free)
    possible = [racer.size for racer in racers]
    compiled = time.perf_counter()
    draw = np.random.default_rng(seed)
    seconds: dict[int, list[float]] = {size: [] for size in possible}
    for _ in range(REPEATS):
        for place in draw.permutation(len(racers)):
            seconds[possible[place]].append(racers[place].time_run())
    timings = [Timing(racer.size, tuple(seconds[racer.size]), racer.segment.memory_bytes) for racer in racers]
    return Throughput(*fit_line(timings), tuple(timings), compiled - started, time.perf_counter() - compiled)


@dataclass(frozen=True)
class _Racer:
    """A compiled segment of one batch size with its arguments, and how many iterations are timed at once."""

    size: int
    segment: CompiledSegment
    program: Program
    state: TrainState
    rows: Rows
    epoch: Epoch
    iterations: int

    def time_run(self) -> float:
        """Seconds per iteration, from one run."""
        return _run(self, self.iterations) / self.iterations


def iteration_seconds(
    segment: CompiledSegment,
    program: Program,
    state: TrainState,
    rows: Rows,
    order: Int32[np.ndarray, "iterations parts n"],
) -> float:
    """Seconds per iteration of a compiled segment, the least of several runs on copies of the state."""
    racer = _warm_up(_Racer(0, segment, program, state, rows, epoch_without_change(order, state), len(order)))
    return min(racer.time_run() for _ in range(REPEATS))


def seconds_in_turn(
    segments: Sequence[tuple[Program, CompiledSegment]],
    state: TrainState,
    rows: Rows,
    order: Int32[np.ndarray, "iterations parts n"],
) -> list[tuple[float, ...]]:
    """Seconds per iteration of each compiled segment, of PAIRED_RUNS runs on copies of the state.

    The segments take turns, so that what else the machine does slows all of them down alike.
    """
    epoch = epoch_without_change(order, state)
    racers = [
        _warm_up(_Racer(0, segment, own, state, rows, epoch, len(order)), seconds=PAIRED_SECONDS)
        for own, segment in segments
    ]
    runs = [[racer.time_run() for racer in racers] for _ in range(PAIRED_RUNS)]
    return list(zip(*runs, strict=True))


def _racers(program: Program, state: TrainState, rows: Rows, sizes: Sequence[int], free: int | None) -> list[_Racer]:
    """One for each size, up to the first that does not fit in memory."""
    racers = list[_Racer]()
    for size in sizes:
        plan = make_plan(rows.length, size, 1, devices=rows.placement.count)
        places = min(plan.iterations_per_epoch, MOST_ITERATIONS)
        segment = compile_segment(program, state, rows, plan, iterations=places)
        if not fits(segment.memory_bytes, free):
            if not racers:
                raise UsageError(too_large_note(f"training with batches of {size} rows", segment.memory_bytes, free))
            break
        order = batches(plan, seed=0, epoch=0)[:places]
        racers.append(
            _warm_up(_Racer(plan.batch_size, segment, program, state, rows, epoch_without_change(order, state), places))
        )
    return racers


def _warm_up(racer: _Racer, *, seconds: float = RUN_SECONDS) -> _Racer:
    """The racer, warmed up, with enough iterations to take these seconds."""
    places = racer.iterations
    _run(racer, 1)  # the first call of a program is slower
    few = min(places, 4)
    iterations = int(np.clip(few * seconds / _run(racer, few), 1, places))
    return replace(racer, iterations=iterations)


def _run(racer: _Racer, iterations: int) -> float:
    """The seconds that `iterations` iterations take, on a copy of the state."""
    carry = (jax.tree.map(jnp.array, racer.state), no_losses(len(racer.epoch.rates)))
    jax.block_until_ready(carry)
    started = time.perf_counter()
    jax.block_until_ready(racer.segment(racer.program, carry, racer.rows, racer.epoch, (0, iterations)))
    return time.perf_counter() - started


class Line(NamedTuple):
    """a + c·B, and 95 % intervals of a and c."""

    fixed: float
    per_row: float
    fixed_interval: tuple[float, float]
    per_row_interval: tuple[float, float]


def fit_line(timings: Sequence[Timing], *, draws: int = 500) -> Line:
    """The line through timed runs by least squares of relative errors, neither number below 0.

    The intervals are the central 95 % of fits to runs resampled, with replacement, within each size. With only one
    size, all the time is attributed to the rows, and nothing is known of the fixed part.
    """
    sizes = np.array([timing.batch_size for timing in timings], np.float64)
    runs = np.array([timing.seconds for timing in timings])
    if len(sizes) == 1:
        least, high = runs[0].min() / sizes[0], np.quantile(runs[0], 0.975) / sizes[0]
        return Line(0.0, float(least), (0.0, float(high * sizes[0])), (0.0, float(high)))
    fixed, per_row = _line(sizes, runs.min(axis=1))
    draw = np.random.default_rng(0)
    picks = draw.integers(runs.shape[1], size=(draws, *runs.shape))
    drawn = [_line(sizes, np.take_along_axis(runs, pick, axis=1).min(axis=1)) for pick in picks]
    (low_a, low_c), (high_a, high_c) = np.quantile(drawn, (0.025, 0.975), axis=0).tolist()
    return Line(fixed, per_row, (low_a, high_a), (low_c, high_c))


def _line(sizes: Float[np.ndarray, " sizes"], seconds: Float[np.ndarray, " sizes"]) -> tuple[float, float]:
    """The a ≥ 0 and c ≥ 0 with the least Σ ((a + c·B)/seconds − 1)²."""
    from scipy.optimize import nnls

    terms = np.stack([1 / seconds, sizes / seconds], axis=1)
    (fixed, per_row), _ = nnls(terms, np.ones(len(sizes)))
    return float(fixed), float(per_row)
