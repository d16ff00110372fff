"""Find the learning rates that train a network on these rows: try many constant rates with several seeds at once.

Every rate is tried on copies that begin like a run with the same seed; the network that is trained later is untouched.
All rates of a seed see the same rows in the same order, so that they differ only by the rate. The first rates are half
a decade apart, over five and a half decades around the rule's own default. Rates a quarter of a decade apart, around
the best of these, are then trained for longer.

Smith, Cyclical Learning Rates for Training Neural Networks, 2017, arXiv 1506.01186, raises one rate within one training
instead: its result for a rate then depends on the rates before it.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Float

from batchwright._shown import Drawings, Shown
from batchwright.errors import DataError, TooFewRowsError, UsageError
from batchwright.measure.device_memory import fits, free_memory, too_large_note
from batchwright.optim.rule import default_rate
from batchwright.population.members import Population, begin
from batchwright.population.segment import CompiledPopulation, Orders, compile_population, orders_of, pays_together
from batchwright.training.plan import Plan
from batchwright.training.state import Program, Rows

if TYPE_CHECKING:
    import polars as pl

COARSE = tuple(half / 2 for half in range(-4, 8))
"""Decades from the rule's default rate: 12 rates with 2 seeds each."""
FINE = tuple(quarter / 4 for quarter in range(-3, 5))
"""Decades from the best coarse rate: 8 rates with 3 seeds, as many members as before, so that nothing is compiled."""
MEMBERS = 24
COARSE_SHARE = 0.2
"""Share of the iterations that the coarse rates take."""
EPOCHS = 2.5
"""Epochs of training for all members together, unless that leaves them too few iterations to tell rates apart."""
LEAST, MOST = 60, 400
"""Fewest and most iterations of a fine member."""
FEWEST = 8
"""Fewest rows on which a learning rate can be judged."""
LAST = 0.25
"""Share of a member's iterations, at the end, over which its loss is averaged to judge it."""
NOISE = 2.0
"""Standard errors by which two losses may differ and still count as equal. On adult, where many rates reach the same
loss, ten answers lie within 0.51 of a decade with it, and within 0.75 around the lowest loss alone."""
WORSE = 2.0
"""A rate has made things worse if its loss ends above this multiple of the loss of the very first batch. With a large
rate, the other losses of the first quarter may have blown up already."""
TINY = float(np.finfo(np.float32).tiny)
"""Stands in for a loss of 0, which has no logarithm."""
STEP, NEIGHBOURS = 0.25, 2
"""Decades between the fine rates, and how many rates on either side of the best the parabola is fitted to."""
STUDENT = {1: 0.0, 2: 12.7, 3: 4.30}
"""The 97.5 % quantile of Student's distribution, by number of seeds."""


@dataclass(frozen=True)
class TriedRate:
    """A constant rate, tried from the beginning with some seeds.

    `losses` [seeds, iterations] holds the loss of each batch, before the update on it.
    """

    learning_rate: float
    losses: Float[np.ndarray, "seeds iterations"] = field(repr=False)

    @property
    def ends(self) -> Float[np.ndarray, " seeds"]:
        """The final loss of each seed: the mean over the last quarter of its iterations, above 0."""
        last = max(1, round(self.losses.shape[1] * LAST))
        ends: Float[np.ndarray, " seeds"] = np.maximum(self.losses[:, -last:].mean(axis=1, dtype=np.float64), TINY)
        return ends

    @property
    def loss(self) -> float:
        """The geometric mean of the final losses of the seeds; not finite if one of them is not."""
        return float(np.exp(np.log(self.ends).mean()))

    @property
    def diverged(self) -> bool:
        """Whether a seed's loss was not finite, or ended above all of its first quarter or far above its first loss."""
        ends, first = self.ends, max(1, round(self.losses.shape[1] * LAST))
        began = np.minimum(self.losses[:, :first].max(axis=1), WORSE * self.losses[:, 0])
        return not bool((np.isfinite(ends) & (ends <= began)).all())


@dataclass(frozen=True)
class LearningRates(Shown):
    """The result.

    - best: the rate with the lowest loss, interpolated between the rates tried where their losses allow it
    - interval: the 95 % interval of the best rate, from the seeds
    - largest_stable: the largest rate at which no seed diverged, nor at any smaller rate
    - smallest_unstable: the next larger rate, which diverged; None where none did
    - trials: every rate that was tried, in rising order
    - seconds, compile_seconds: time of the trials, and time of compiling their program before
    """

    best: float
    interval: tuple[float, float]
    largest_stable: float
    smallest_unstable: float | None
    trials: tuple[TriedRate, ...]
    seconds: float
    compile_seconds: float

    def __repr__(self) -> str:
        """The best rate, with its interval."""
        return f"<LearningRates: best {self.best:.3g} ({self.interval[0]:.2g} to {self.interval[1]:.2g})>"

    def drawings(self) -> Drawings:
        """What draws each figure, by name, or why there is none."""
        from batchwright.measure.drawing import draw_rate_curves, draw_rates

        return {"loss_by_rate": lambda: draw_rates(self), "curves": lambda: draw_rate_curves(self)}

    def frames(self) -> "dict[str, pl.DataFrame]":
        """All tables by name, each as a data frame: learning_rates, losses."""
        from batchwright.measure.frames import rate_losses_frame, rates_frame

        return {"learning_rates": rates_frame(self), "losses": rate_losses_frame(self)}

    @property
    def reason(self) -> str:
        """Explain the result in one sentence, with the numbers."""
        longest = max(trial.losses.shape[1] for trial in self.trials)
        edge = f"with {self.smallest_unstable:.2g} it diverges" if self.smallest_unstable else "none of those diverged"
        return (
            f"of constant rates from {self.trials[0].learning_rate:.1g} to {self.trials[-1].learning_rate:.1g} the "
            f"loss falls most in {longest} iterations with {self.best:.2g} ({self.interval[0]:.2g} to "
            f"{self.interval[1]:.2g}), up to {self.largest_stable:.2g} it falls, {edge}"
        )

    @property
    def examples(self) -> dict[str, TriedRate]:
        """Three of the rates that were tried longest: one that is too small, the best, and one that is too large."""
        longest = max(trial.losses.shape[1] for trial in self.trials)
        long = [trial for trial in self.trials if trial.losses.shape[1] == longest]
        best = min(long, key=lambda trial: abs(np.log(trial.learning_rate / self.best)))
        unstable = [trial for trial in self.trials if trial.diverged and trial.learning_rate > self.best]
        found = {"too small": self.trials[0], "best": best}
        return found | ({"too large": unstable[0]} if unstable else {})


def find_learning_rate(
    program: Program, rows: Rows, plan: Plan, example: Mapping[str, np.ndarray], *, seed: int = 0
) -> LearningRates:
    """Try constant rates with several seeds, all at once.

    Args:
        program: network, task and update rule; the search begins at the default rate of the rule.
        rows: the training rows.
        plan: the batch size and number of epochs.
        example: rows that a network is shown when it is made.
        seed: seed of the first member; the others take the numbers after it.

    Raises:
        DataError: fewer than 8 rows; or every rate gave a loss that was not finite, or none lowered the loss.
        UsageError: all members together do not fit in memory.
    """
    if rows.length < FEWEST:
        raise TooFewRowsError(
            f"{rows.length} training rows are too few to tell learning rates apart: it takes {FEWEST}."
        )
    most = int(np.clip(EPOCHS * plan.iterations_per_epoch / MEMBERS / (1 + COARSE_SHARE), LEAST, MOST))
    arena = _Arena(program, rows, plan, example, seed, most)
    started = time.perf_counter()
    compiled = arena.compile()
    if not fits(compiled.memory_bytes, free := free_memory()):
        raise UsageError(too_large_note(f"trying {MEMBERS} networks at once", compiled.memory_bytes, free))
    ready = time.perf_counter()
    usual = default_rate(program.optimizer)
    coarse = arena.try_rates(compiled, [usual * 10**decade for decade in COARSE], round(most * COARSE_SHARE))
    middle = _best(coarse).learning_rate
    fine = arena.try_rates(compiled, [middle * 10**decade for decade in FINE], most)
    best, interval = minimum(fine)
    trials = sorted([*coarse, *fine], key=lambda trial: trial.learning_rate)
    stable, unstable = stable_range(trials)
    seconds = time.perf_counter() - ready
    return LearningRates(best, interval, stable, unstable, tuple(trials), seconds, ready - started)


class _Arena(NamedTuple):
    """The arguments that all trials share."""

    program: Program
    rows: Rows
    plan: Plan
    example: Mapping[str, np.ndarray]
    seed: int
    iterations: int

    def members(self, rates: int) -> Population:
        """The MEMBERS members: each seed with `rates` rates in a row."""
        seeds = [self.seed + number for number in range(MEMBERS // rates) for _ in range(rates)]
        return begin([self.program] * MEMBERS, seeds, self.example)

    def compile(self) -> CompiledPopulation:
        """The program for all trials."""
        members, orders = self.members(len(FINE)), MEMBERS // len(FINE)
        together = pays_together(self.plan, members, self.rows)
        return compile_population(
            members, self.rows, self.plan, orders=orders, iterations=self.iterations, together=together
        )

    def try_rates(self, compiled: CompiledPopulation, rates: Sequence[float], iterations: int) -> list[TriedRate]:
        """Try every rate from the beginning, for `iterations` iterations."""
        count, seeds = len(rates), MEMBERS // len(rates)
        order = orders_of(self.plan, tuple(range(self.seed, self.seed + MEMBERS // len(FINE))), self.iterations)
        every = np.broadcast_to(np.tile(np.asarray(rates, np.float32), seeds)[:, None], (MEMBERS, self.iterations))
        _, losses = compiled(self.members(count), self.rows, Orders(order, np.array(every)), iterations)
        by_rate = losses.mean.reshape(seeds, count, iterations).transpose(1, 0, 2)
        return [TriedRate(float(rate), of_rate) for rate, of_rate in zip(rates, by_rate, strict=True)]


def _best(trials: Sequence[TriedRate]) -> TriedRate:
    """The trial with the lowest loss; raises like `_keep_undiverged`."""
    return min(_keep_undiverged(trials), key=lambda trial: trial.loss)


def _keep_undiverged(trials: Sequence[TriedRate]) -> list[TriedRate]:
    """The trials that did not diverge.

    Raises:
        DataError: all diverged.
    """
    settled = [trial for trial in trials if not trial.diverged]
    if not settled:
        low, high = trials[0].learning_rate, trials[-1].learning_rate
        raise DataError(
            f"no learning rate from {low:.2g} to {high:.2g} lowers the loss: look at the data (targets that are the "
            "same for all rows, or huge), or take another optimizer."
        )
    return settled


def minimum(trials: Sequence[TriedRate]) -> tuple[float, tuple[float, float]]:
    """The rate of the lowest loss and its 95 % interval, from a parabola fitted to the logarithms.

    The parabola is fitted around the middle of the rates whose losses are equally low within the noise of the seeds:
    where the losses are flat, each seed has its lowest loss at another rate. Its vertex may lie at most one step
    between rates away from that middle.

    The interval is Student's, over the vertices of the single seeds, and at least half a step between rates to either
    side.

    Raises:
        DataError: no trial lowered the loss.
    """
    settled = _keep_undiverged(trials)
    steps = np.log10([trial.learning_rate for trial in settled])
    losses = np.log([trial.ends for trial in settled])  # [rates, seeds]
    middle = _middle(steps, losses)
    near = np.abs(steps - middle) < (NEIGHBOURS + 0.5) * STEP
    whole = np.clip(_vertex(steps[near], losses[near].mean(axis=1)), middle - STEP, middle + STEP)
    seeds = [_vertex(steps[near], column) for column in losses[near].T]
    error = float(np.std(seeds, ddof=1) / np.sqrt(len(seeds))) if len(seeds) > 1 else 0.0
    half = max(STUDENT[len(seeds)] * error, STEP / 2)
    return float(10**whole), (float(10 ** (whole - half)), float(10 ** (whole + half)))


def _middle(steps: Float[np.ndarray, " rates"], losses: Float[np.ndarray, "rates seeds"]) -> float:
    """The mean of the steps, each weighted by how close its loss is to the lowest, in units of the noise.

    >>> _middle(np.array([0.0, 1.0, 2.0]), np.array([[0.5, 0.5], [0.1, 0.1], [0.5, 0.5]]))
    1.0
    """
    means, seeds = losses.mean(axis=1), losses.shape[1]
    own = losses - losses.mean(axis=0)  # some batches are harder than others, for all rates alike
    error = np.sqrt(np.median(own.var(axis=1, ddof=1)) / seeds) if seeds > 1 else 0.0
    weights = np.exp(-(means - means.min()) / max(NOISE * error, TINY))
    return float(np.average(steps, weights=weights))


def _vertex(places: Float[np.ndarray, " n"], values: Float[np.ndarray, " n"]) -> float:
    """Where a fitted parabola is lowest, within the places; the place of the lowest value if it opens downwards."""
    if len(places) < 3:
        return float(places[np.argmin(values)])
    curvature, slope, _ = np.polyfit(places, values, 2)
    if curvature <= 0:
        return float(places[np.argmin(values)])
    return float(np.clip(-slope / (2 * curvature), places.min(), places.max()))


def stable_range(trials: Sequence[TriedRate]) -> tuple[float, float | None]:
    """The largest rate up to which no trial diverged, and the next one; trials are in rising order of their rates.

    Rates so small that the loss only fluctuates around its start do not count as diverged.
    """
    best = _best(trials).learning_rate
    above = [trial for trial in trials if trial.learning_rate >= best]
    first = next((place for place, trial in enumerate(above) if trial.diverged), None)
    if first is None:
        return above[-1].learning_rate, None
    return above[first - 1].learning_rate, above[first].learning_rate
