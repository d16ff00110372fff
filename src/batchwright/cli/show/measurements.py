"""What a person sees of measurements: tables, and sentences below them."""

import math
from collections.abc import Iterator, Sequence

from rich.table import Table

from batchwright.cli.flags import as_flags
from batchwright.findings import Finding
from batchwright.measure.batch_size import BatchSizes
from batchwright.measure.learning_rate import LearningRates, TriedRate
from batchwright.measure.verify import Verified
from batchwright.workflow import Checked, Prepared

BLOCKS = "▁▂▃▄▅▆▇█"
CURVE = 40
"""Characters of a curve."""


def batch_sizes_table(found: BatchSizes) -> Table:
    """All candidates, a row each; the recommended one is marked."""
    table = _table("", "batch", "iterations per epoch", "rows/s", "memory", "relative time", "efficiency")
    for row in found.table:
        table.add_row(
            "→" if row.batch_size == found.recommended else "",
            f"{row.batch_size:,}",
            f"{row.iterations_per_epoch:,}",
            f"{row.rows_per_second:,.0f}",
            f"{row.memory_bytes / 1e6:,.1f} MB",
            f"{row.relative_time:.2f}",
            f"{row.efficiency:.0%}",
        )
    return table


def notes_and_reason(found: BatchSizes, prepared: Prepared) -> Iterator[str]:
    """The recommendation, its reason, the measurements behind it, and the numbers that change with it."""
    low, high = found.interval
    noise, throughput = found.noise_scale, found.throughput
    yield f"batch size {found.recommended:,} ({low:,} to {high:,}): {found.reason}."
    yield (
        f"noise scale {_rows(noise.value)} rows ({_rows(noise.low)} to {_rows(noise.high)}); an iteration of B rows "
        f"takes {throughput.fixed * 1e6:,.0f} + {throughput.per_row * 1e6:,.2f}·B µs."
    )
    if found.rescaled:
        changed = ", ".join(f"{name} {value:.6g}" for name, value in found.rescaled.items())
        yield f"with it, instead of the numbers for {prepared.plan.batch_size:,}: {changed}."
    yield f"{found.seconds:.1f} s of measuring, {found.compile_seconds:.1f} s of compiling for it."


def verified_table(verified: Verified) -> Table:
    """Sizes trained to the same validation loss: the real and the predicted time, both as multiples of the least."""
    table = _table("batch", "best rate", "iterations", "seconds", "relative time", "predicted")
    for row in verified.rows:
        reached = row.seconds is not None
        table.add_row(
            f"{row.batch_size:,}",
            f"{row.learning_rate:.3g}" if row.learning_rate is not None else "",
            f"{row.iterations:,}" if row.iterations is not None else f"not in {row.epochs:g} epochs",
            f"{row.seconds:.2f}" if row.seconds is not None else "",
            f"{row.relative_time:.2f}" if reached and row.relative_time is not None else "",
            f"{row.predicted:.2f}",
        )
    table.title = f"to a validation loss of {verified.target:.4g}"
    table.title_justify = "left"
    return table


def verified_line(verified: Verified, recommended: int) -> str:
    """The real time of the recommended size, compared with the fastest size that was trained."""
    times = {row.batch_size: row.relative_time for row in verified.rows if row.relative_time is not None}
    if recommended not in times:
        return f"{recommended:,} rows did not reach it: the recommendation does not hold here."
    fastest = min(times, key=lambda size: times[size])
    if fastest == recommended:
        return f"{recommended:,} rows, as recommended, were the fastest."
    longer = f"{times[recommended]:.2f} times as long as {fastest:,}, the fastest"
    return f"{recommended:,} rows, as recommended, took {longer}."


def learning_rates_table(found: LearningRates) -> Table:
    """Every rate that was tried, with the loss that it reached, as a number and as a bar."""
    table = _table("", "learning rate", "iterations", "loss", "")
    losses = [trial.loss for trial in found.trials if math.isfinite(trial.loss) and not trial.diverged]
    nearest = min(found.trials, key=lambda trial: (abs(math.log(trial.learning_rate / found.best)), -_length(trial)))
    for trial in found.trials:
        bar = "diverged" if trial.diverged else "█" * round(30 * (trial.loss / max(losses))) or "▏"
        table.add_row(
            "→" if trial is nearest else "", f"{trial.learning_rate:.2e}", str(_length(trial)), f"{trial.loss:.4g}", bar
        )
    table.columns[-1].justify = "left"
    return table


def recommended_rate(found: LearningRates) -> Iterator[str]:
    """The recommendation, and the curves of the loss with rates that are too small, best and too large."""
    low, high = found.interval
    yield f"learning rate {found.best:.3g} ({low:.2g} to {high:.2g})"
    edge = f"; it diverges with {found.smallest_unstable:.2g}" if found.smallest_unstable else ""
    yield f"largest stable rate {found.largest_stable:.2g}{edge}"
    for name, trial in found.examples.items():
        yield f"  {name + ',':<11} {trial.learning_rate:.1e}  {curve(trial.losses[0].tolist())}"
    yield f"{found.seconds:.1f} s of trials, {found.compile_seconds:.1f} s of compiling for them."


def time_line(checked: Checked) -> str:
    """How long compiling, an epoch and all epochs of all members will take, and a refit besides."""
    epochs, chosen = checked.prepared.plan.epochs, checked.prepared.settings.config.training
    members, total = chosen.members, checked.total_seconds
    words, factor = ("epochs", f"{epochs}") if members is None else ("members x epochs", f"{members} x {epochs}")
    first = epochs * checked.epoch_seconds if chosen.refit else total
    training = f"{factor} x {checked.epoch_seconds:.2g} s = {first:.3g} s"
    anew = f", {total:.3g} s with the training on all rows" if chosen.refit else ""
    return f"{words} x seconds: about {training}{anew}, after {checked.compile_seconds:.1f} s of compiling"


def finding_lines(findings: Sequence[Finding]) -> Iterator[str]:
    """Two lines for each finding: what was found, and what to do."""
    if not findings:
        yield "nothing looks wrong"
    for finding in findings:
        yield f"{finding.severity}: {finding.kind}: {as_flags(finding.evidence)}"
        yield f"    {as_flags(finding.advice)}"


def curve(values: Sequence[float]) -> str:
    """Values as a line of blocks, each step an eighth of their range; × for a value that is not finite.

    >>> curve([3.0, 2.0, 1.0])
    '█▅▁'
    """
    every = max(1, -(-len(values) // CURVE))
    means = [sum(part) / len(part) for part in (values[i : i + every] for i in range(0, len(values), every))]
    finite = [value for value in means if math.isfinite(value)] or [0.0]
    low, span = min(finite), max(finite) - min(finite) or 1.0
    return "".join(
        BLOCKS[min(int((value - low) / span * len(BLOCKS)), len(BLOCKS) - 1)] if math.isfinite(value) else "×"
        for value in means
    )


def _length(trial: TriedRate) -> int:
    return int(trial.losses.shape[1])


def _rows(value: float) -> str:
    return f"{value:,.0f}" if math.isfinite(value) else "too large to measure"


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in names:
        table.add_column(name, justify="right")
    return table
