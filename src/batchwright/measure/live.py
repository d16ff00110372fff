"""Measure the noise scale along a run: at the end of each epoch, on rows that follow from the seed and the epoch."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32

from batchwright.errors import DataError, DivergedError
from batchwright.measure.noise_scale import MIXED_ROWS, NoiseScale, measure_noise
from batchwright.measure.per_row import mixes_rows
from batchwright.nn.protocols import Variables
from batchwright.training.feed import OnDisk
from batchwright.training.growth import NORM2, TRACE
from batchwright.training.state import Program, Rows, TrainState

SHARE = 160
"""One row in this many is measured, which takes less than a tenth of the epoch: the gradients of single rows, computed
one by one, take 12 to 14 times as long as training on the same rows in batches of 64 (170 and 12 µs a row for a dense
network of 100,000 parameters on MNIST, on two CPU cores)."""

LEAST, LEAST_MIXED, MOST = 128, 256, 2048
"""Fewest and most rows to measure; more where they are taken in groups. Fewer than the minimum show nothing; so on
small data the measurement takes more than a tenth of an epoch, and some hundredths of a second."""

SALT = 0x6E6F6973
"""Separates these random numbers from the random numbers of the order of rows."""


@dataclass(frozen=True)
class LiveNoise:
    """A probe that measures the noise scale of the plain gradient, for choosing batch sizes.

    `count` rows are measured, in groups of `group_rows`; `live_noise` chooses both.
    """

    program: Program
    train: Rows | OnDisk
    seed: int
    count: int
    group_rows: int

    def __call__(self, state: TrainState, epoch: int) -> dict[str, float]:
        """The columns `noise_scale`, with the ends of its 95 % interval, and its parts tr Σ and |G|².

        A number that is infinite, or that these rows do not determine, is NaN: the history could not tell these apart.
        """
        random = np.random.default_rng(np.random.SeedSequence([self.seed, epoch, 0, SALT]))
        rows, places = self._sample(random)
        seed = int(random.integers(2**31))
        try:
            noise = measure_noise(self.program, state, rows, places, seed=seed, group_rows=self.group_rows)
        except (DataError, DivergedError):  # too few rows, or gradients that are all 0, or not finite
            return _columns(None)
        return _columns(noise.overall)

    def _sample(self, random: np.random.Generator) -> tuple[Rows, Int32[np.ndarray, " count"]]:
        """Rows on the device, and the row numbers among them to measure, in random order."""
        chosen = random.choice(self.train.length, self.count, replace=False).astype(np.int64)
        if not isinstance(self.train, OnDisk):
            return self.train, chosen.astype(np.int32)
        starts = np.sort(chosen)
        rows = self.train.read(np.stack([starts, starts + 1], axis=1))
        return rows, np.searchsorted(starts, chosen).astype(np.int32)


def live_noise(program: Program, train: Rows | OnDisk, variables: Variables, *, rows: int, seed: int) -> LiveNoise:
    """A probe for these training rows.

    Args:
        program: what is trained.
        train: the training rows.
        variables: any variables of the network; only their shapes are used.
        rows: how many rows an epoch has.
        seed: together with the epoch, determines which rows are drawn.
    """
    example = train.read(np.array([[0, 1]])) if isinstance(train, OnDisk) else train
    mixed = mixes_rows(program.model.network, variables, example)
    return LiveNoise(program, train, seed, rows_to_measure(rows, mixed=mixed), MIXED_ROWS if mixed else 1)


def rows_to_measure(rows: int, *, mixed: bool) -> int:
    """How many of the rows of an epoch are measured.

    >>> [rows_to_measure(rows, mixed=False) for rows in (100, 1_000, 50_000, 10**6)]
    [100, 128, 312, 2048]
    """
    return min(max(rows // SHARE, LEAST_MIXED if mixed else LEAST), MOST, rows)


def _columns(noise: NoiseScale | None) -> dict[str, float]:
    found = (math.nan,) * 5
    if noise is not None:
        found = (noise.value, noise.low, noise.high, noise.trace, noise.gradient_norm2)
    names = ("noise_scale", "noise_scale_low", "noise_scale_high", TRACE, NORM2)
    return {name: value if math.isfinite(value) else math.nan for name, value in zip(names, found, strict=True)}
