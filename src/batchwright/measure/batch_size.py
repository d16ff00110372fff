"""Find the batch size that reaches a loss soonest, from the cost of an iteration and the noise of its gradient.

An iteration of B rows takes a + c·B seconds (`throughput`), and training takes 1 + φ/B times as many iterations as with
exact gradients (`noise_scale`), so the time to a loss is proportional to

    (a + c·B)·(1 + φ/B),    least at B* = √((a/c)·φ).

Around B* the curve is flat: twice or half of B* costs a few percent. φ is the noise scale of the plain gradient, for
adaptive rules too. The noise scale of their preconditioned gradient is larger by a factor of ten and more, and predicts
far larger batches than the ones measured to be the fastest. φ is measured late in the first epoch, because it grows
from nearly nothing.

McCandlish et al., An Empirical Model of Large-Batch Training, 2018, arXiv 1812.06162. Qiao et al., Pollux, OSDI 2021.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from batchwright._shown import Drawings, Shown
from batchwright.errors import DataError, TooFewRowsError, UsageError
from batchwright.measure.device_memory import fits, free_memory, too_large_note
from batchwright.measure.noise_scale import NoiseScale, NoiseScales, measure_noise, pool
from batchwright.measure.throughput import Throughput, measure_throughput
from batchwright.optim.scaling import changes, rescale, scaling_of
from batchwright.training.order import batches
from batchwright.training.plan import Plan
from batchwright.training.segment import Epoch, compile_segment, no_losses
from batchwright.training.state import RUNNING, Program, Rows, TrainState

if TYPE_CHECKING:
    import polars as pl

SMALLEST = 8
"""The smallest candidate: kernels work on eight or more rows at once, and leave lanes idle with fewer."""
PLACES = (0.5, 0.75, 1.0)
"""Points of the probe at which noise is measured, as shares of it: the second half, to leave out the steep start."""
LEAST_PROBE, MOST_PROBE, FEW_EPOCHS = 32, 2000, 3
"""Fewest and most iterations of the probe; between them it is one epoch. On small data it is never more than 3 epochs:
once rows are memorized, their gradients are all noise."""
NOISE_ROWS, GROUP = 4096, 64
"""Rows of each measurement of noise, and rows of a group, if there are enough: many rows are needed to tell |G|² from
noise, and gradients of groups cost no more than training on the same rows."""
ALIKE = 1e-6
"""Variance of gradients, as a share of their squared mean, below which it is only rounding."""
CLOSE = 1.25
"""Sizes within this multiple of the least time are as good as the best for nearly everyone."""
DRAWS, TINY = 2000, 1e-12


class Candidate(NamedTuple):
    """A batch size: what an epoch costs with it, and its time to a loss as a multiple of the least of all candidates.

    `efficiency` is φ/(φ + B): the share of the rows that would suffice with the smallest batches.
    """

    batch_size: int
    iterations_per_epoch: int
    rows_per_second: float
    memory_bytes: int
    relative_time: float
    efficiency: float


@dataclass(frozen=True)
class BatchSizes(Shown):
    """The result.

    - recommended: the candidate with the least time; interval: the sizes that noise and clock cannot tell from it
    - reason: a sentence
    - noise_scale: in rows; throughput: seconds and bytes by batch size
    - table: all candidates that fit in memory, in rising order
    - rescaled: the numbers of the update rule that change with the recommended size, by name
    - seconds: time of measuring; compile_seconds: time of compiling for it
    """

    recommended: int
    interval: tuple[int, int]
    reason: str
    noise_scale: NoiseScale
    throughput: Throughput
    table: tuple[Candidate, ...]
    rescaled: dict[str, float]
    seconds: float
    compile_seconds: float

    def __repr__(self) -> str:
        """The recommended size, with its interval."""
        low, high = self.interval
        return f"<BatchSizes: {self.recommended:,} rows ({low:,} to {high:,})>"

    def drawings(self) -> Drawings:
        """What draws each figure, by name, or why there is none."""
        from batchwright.measure.drawing import draw_throughput, draw_times, noise_drawing

        return {
            "throughput": lambda: draw_throughput(self),
            "time": lambda: draw_times(self),
            "noise": noise_drawing(self.noise_scale),
        }

    def frames(self) -> "dict[str, pl.DataFrame]":
        """All tables by name, each as a data frame: batch_sizes, timings, noise."""
        from batchwright.measure.frames import batch_sizes_frame, noise_frame, timings_frame

        noise = noise_frame({"all": self.noise_scale})
        return {"batch_sizes": batch_sizes_frame(self), "timings": timings_frame(self), "noise": noise}


def find_batch_size(program: Program, state: TrainState, rows: Rows, plan: Plan, *, seed: int = 0) -> BatchSizes:
    """Measure noise and throughput, and choose the batch size that balances them.

    Args:
        program: what is trained, with the learning rate for the plan's batch size.
        state: where training begins; copies of it are trained on.
        rows: the training rows, on the device.
        plan: the plan with the present batch size, with which the probe trains.
        seed: seed of the probe's order of rows, and of the rows whose noise is measured.

    Raises:
        DataError: fewer rows than the smallest candidate, gradients that are all 0 or all the same, or a loss that is
            not finite.
        UsageError: not even the smallest candidate fits in memory.
        ConfigError: it is not known how the update rule depends on the batch size.
    """
    scaling_of(program.optimizer)
    if rows.length < SMALLEST:
        raise TooFewRowsError(
            f"{rows.length} training rows are too few to choose a batch size for: take `batch_size=full`."
        )
    started, free = time.perf_counter(), free_memory()
    throughput = measure_throughput(program, state, rows, free=free, seed=seed)
    sizes = candidates(plan.training_rows, throughput, free)
    probed, compile_seconds = _noise_along(program, state, rows, plan, seed)
    if probed.trace <= ALIKE * probed.gradient_norm2:
        raise DataError("all rows have the same gradient: a batch of any size is as good as one row, and takes longer.")
    phi = usable_noise(probed)
    table = tabulate(sizes, throughput, phi, plan.training_rows)
    best = min(table, key=lambda row: row.relative_time).batch_size
    compiling = throughput.compile_seconds + compile_seconds
    return BatchSizes(
        best,
        _interval(sizes, best, throughput, probed, seed),
        _reason(best, table, throughput, probed),
        probed,
        throughput,
        tuple(table),
        changes(program.optimizer, rescale(program.optimizer, best / plan.batch_size)),
        time.perf_counter() - started - compiling,
        compiling,
    )


def candidates(rows: int, throughput: Throughput, free: int | None) -> list[int]:
    """Powers of two from 8 to the number of rows whose program fits in memory; `free` bytes, None where unknown.

    Raises:
        UsageError: none fits.
    """
    sizes = [1 << power for power in range(SMALLEST.bit_length() - 1, rows.bit_length())]
    fitting = [size for size in sizes if fits(throughput.memory_bytes(size), free)]
    if not fitting:
        raise UsageError(
            too_large_note(f"training with batches of {SMALLEST} rows", throughput.memory_bytes(SMALLEST), free)
        )
    return fitting


def usable_noise(noise: NoiseScale) -> float:
    """The noise scale to calculate with: where it may be infinite, the lower end of its interval.

    Raises:
        DataError: nothing can be said of it.
    """
    if math.isfinite(noise.value):
        return noise.value
    if noise.low > 0:
        return noise.low
    raise DataError(
        f"the noise of the gradient cannot be measured on {noise.rows:,} rows: there are too few, or nothing can be "
        "learned from them. Choose a batch size yourself."
    )


def tabulate(sizes: Sequence[int], throughput: Throughput, phi: float, rows: int) -> list[Candidate]:
    """What each size costs and gains, with a noise scale of φ rows."""
    times = [_time(throughput.fixed, throughput.per_row, size, phi) for size in sizes]
    return [
        Candidate(
            size,
            -(-rows // size),
            size / throughput.iteration_seconds(size),
            throughput.memory_bytes(size),
            seconds / min(times),
            phi / (phi + size),
        )
        for size, seconds in zip(sizes, times, strict=True)
    ]


def _time(fixed: float, per_row: float, size: int, phi: float) -> float:
    """Seconds to a loss, as a multiple of the iterations that exact gradients would take."""
    return (fixed + per_row * size) * (1 + phi / size)


def _noise_along(program: Program, state: TrainState, rows: Rows, plan: Plan, seed: int) -> tuple[NoiseScale, float]:
    """The noise scale in the second half of a short training, and the seconds of compiling for it.

    Where that could be anything, the noise scale before the training is pooled with it, which can always be told.
    """
    least = min(LEAST_PROBE, FEW_EPOCHS * plan.iterations_per_epoch)
    iterations = int(np.clip(plan.iterations_per_epoch, least, MOST_PROBE))
    epochs = range(-(-iterations // plan.iterations_per_epoch))
    order = np.concatenate([batches(plan, seed=seed, epoch=epoch) for epoch in epochs])[:iterations]
    epoch = Epoch(order, np.full(iterations, float(program.optimizer.learning_rate), np.float32))
    segment = compile_segment(program, state, rows, plan, iterations=iterations)
    carry, done, found = (jax.tree.map(jnp.array, state), no_losses(iterations)), 0, []
    draw = np.random.default_rng(seed)
    compiling = time.perf_counter()
    before = _noise(program, carry[0], rows, draw, seed)  # compiles
    seconds = segment.seconds + time.perf_counter() - compiling
    for place in PLACES:
        end = round(iterations * place)
        carry, done = segment(program, carry, rows, epoch, (done, end)), end
        _refuse_divergence(int(carry[0].status), float(program.optimizer.learning_rate))
        found.append(_noise(program, carry[0], rows, draw, seed))
    later = pool(found).overall
    return (later if later.low > 0 else pool([before, *found]).overall), seconds


def _noise(program: Program, state: TrainState, rows: Rows, draw: np.random.Generator, seed: int) -> NoiseScales:
    """The noise of some rows, in groups; the groups are as large as leaves GROUP of them."""
    count = min(NOISE_ROWS, rows.length)
    places = draw.choice(rows.length, count, replace=False).astype(np.int32)
    group = min(GROUP, count // GROUP) if count >= 2 * GROUP else None
    return measure_noise(program, state, rows, places, seed=seed, group_rows=group)


def _refuse_divergence(status: int, rate: float) -> None:
    if status != RUNNING:
        raise DataError(
            f"the loss was not finite at iteration {status + 1} with a learning rate of {rate:.3g}: take a smaller one "
            "(`batchwright find-learning-rate` measures it) before a batch size is looked for."
        )


def _interval(sizes: Sequence[int], best: int, throughput: Throughput, noise: NoiseScale, seed: int) -> tuple[int, int]:
    """The central 95 % of the best sizes if φ (in its logarithm), a and c are drawn uniformly within their intervals.

    An infinite φ is drawn up to where the largest size is always the best. `best` is always within the interval.
    """
    draw = np.random.default_rng(seed)
    value = usable_noise(noise)
    low = max(min(noise.low, value), 1.0)
    endless = sizes[-1] ** 2 * throughput.per_row / max(throughput.fixed, TINY) + value
    high = max(value, noise.high if math.isfinite(noise.high) else endless)
    phi = np.exp(draw.uniform(math.log(low), math.log(max(high, low)), DRAWS))
    fixed, per_row = (draw.uniform(*ends, DRAWS) for ends in (throughput.fixed_interval, throughput.per_row_interval))
    of_sizes = np.array(sizes, np.float64)[:, None]
    found = ((fixed + per_row * of_sizes) * (1 + phi / of_sizes)).argmin(axis=0)
    ends = np.quantile(found, (0.025, 0.975), method="nearest").astype(int).tolist()
    return min(sizes[ends[0]], best), max(sizes[ends[1]], best)


def _reason(best: int, table: Sequence[Candidate], throughput: Throughput, noise: NoiseScale) -> str:
    """Explain the size in one sentence, with the numbers."""
    least = "" if math.isfinite(noise.value) else "at least "
    scale = f"the noise scale is {least}{usable_noise(noise):,.0f}"
    near = [row.batch_size for row in table if row.relative_time <= CLOSE]
    idle = throughput.fixed / throughput.iteration_seconds(best)
    above = f"above {near[-1]:,} rows fewer steps no longer make up for longer ones ({scale})"
    below = f"below {near[0]:,} the machine idles ({idle:.0%} of an iteration of {best:,} rows is fixed cost)"
    if near[-1] == table[-1].batch_size:
        above = f"{near[-1]:,} is the most there are rows or memory for ({scale})"
        if best < near[-1]:
            above = f"{best:,} rows are expected to take the least time ({scale}); up to {near[-1]:,} little is lost"
    if near[0] == table[0].batch_size:
        below = f"down to {near[0]:,} little is lost"
        if best == near[0]:
            below = f"smaller batches than {best:,} are not considered"
    return f"{above}; {below}"
