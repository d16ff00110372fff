"""Whether what is measured before training is right: batch sizes and learning rates on digits, MNIST and two tables.

For each data set: the batch size that is recommended, ten times with other seeds; and the time that each of {16, ...,
2048} really takes to one validation loss, its learning rate tuned: the median over some seeds. Runs in batchwright's
own environment; nothing else should run meanwhile.
"""

import argparse
import dataclasses
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, median_low

import numpy as np
from report import replace_section, table, verdict

from batchwright import _cache
from batchwright.config import load_config
from batchwright.measure.batch_size import BatchSizes, find_batch_size
from batchwright.measure.learning_rate import LearningRates, find_learning_rate
from batchwright.measure.live import live_noise
from batchwright.measure.target import Reached, iterations_to
from batchwright.measure.throughput import iteration_seconds, measure_throughput
from batchwright.optim.scaling import rescale
from batchwright.training.fit import compile_loop
from batchwright.workflow import Prepared, prepare
from batchwright.workflow.preparing import example_of

ROOT = Path(__file__).resolve().parents[1]
SIZES = tuple(1 << power for power in range(4, 12))
RATES = tuple(2.0**power for power in range(-2, 4))
TARGET_EPOCHS, MOST_EPOCHS = 3, 12
OF_BEST, OF_WORST, COST, REPEATED = 1.25, 0.5, 3.0, 2.0


@dataclass(frozen=True)
class Measured:
    """A data set: `seconds` of each size to the target (inf: not in 12 epochs), and what was found in each repeat.

    `epoch` is the seconds of an epoch at the default batch size, `noise_share` what the live noise scale adds to it.
    """

    name: str
    target: float
    seconds: dict[int, float]
    sizes: tuple[BatchSizes, ...]
    rates: tuple[LearningRates, ...]
    epoch: float
    noise_share: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write as the command line says; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT / "../shared/data", help="folder with mnist/ and tables/")
    parser.add_argument("--repeats", type=int, default=10, help="how often each is found (default 10)")
    parser.add_argument(
        "--seeds", type=int, default=3, help="trainings of each size (default 3); 0: real times are left out"
    )
    parser.add_argument("--only", default="digits,mnist,adult,california-housing", help="some of these, with commas")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="replace the section `measuring` of a file")
    given = parser.parse_args(arguments)
    _cache.use()
    sources = {name: words for name, words in _sources(given.data) if name in given.only.split(",")}
    text = markdown([_measured(name, words, given.repeats, range(given.seeds)) for name, words in sources.items()])
    print(text, end="")
    if given.markdown:
        replace_section(given.markdown, text, "measuring")
    return 0


def _sources(data: Path) -> Iterator[tuple[str, dict[str, str]]]:
    yield "digits", {"data.source": "digits"}
    yield "mnist", {"data.source": str(data / "mnist"), "network.name": "mlp", "network.hidden_layer_sizes": "[128]"}
    tables = data / "tables"
    yield "adult", {"data.source": str(tables / "adult-train.csv"), "data.target": "income"}
    yield (
        "california-housing",
        {"data.source": str(tables / "california-housing.csv"), "data.target": "median_house_value"},
    )


def _measured(name: str, words: dict[str, str], repeats: int, seeds: Sequence[int]) -> Measured:
    prepared = prepare(load_config(None, [(key, value, key) for key, value in words.items()]))
    job = prepared.job
    example = example_of(prepared.dataset)
    sizes, rates = [], []
    for seed in range(repeats):
        sizes.append(find_batch_size(job.program, prepared.state, job.train, job.plan, seed=seed))
        rates.append(find_learning_rate(job.program, job.train, job.plan, example, seed=seed))
        print(f"{name}: batch size {sizes[-1].recommended}, rate {rates[-1].best:.3g}", file=sys.stderr)
    if not seeds:
        return Measured(name, np.nan, {}, tuple(sizes), tuple(rates), *_epoch(prepared))
    lowest = [_reached(prepared, job.plan.batch_size, TARGET_EPOCHS, -np.inf, seed).losses for seed in seeds]
    target = float(median(map(np.nanmin, lowest)))
    seconds = {size: _seconds(prepared, size, target, seeds) for size in SIZES if size <= job.train.length}
    return Measured(name, target, seconds, tuple(sizes), tuple(rates), *_epoch(prepared))


def _reached(prepared: Prepared, size: int, epochs: int, target: float, seed: int) -> Reached:
    """A size trained with its learning rates until one reaches the target."""
    job = prepared.job
    program = dataclasses.replace(job.program, optimizer=rescale(job.program.optimizer, size / job.plan.batch_size))
    rates = [float(program.optimizer.learning_rate) * factor for factor in RATES]
    plan = dataclasses.replace(job.plan, batch_size=size, epochs=epochs)
    example = example_of(prepared.dataset)
    return iterations_to(target, program, job.train, job.validation, plan, example, rates, seed=seed)


def _seconds(prepared: Prepared, size: int, target: float, seeds: Sequence[int]) -> float:
    """The iterations to the target, in the median, times the seconds of one of this size, timed for itself."""
    found = [_reached(prepared, size, MOST_EPOCHS, target, seed).iterations for seed in seeds]
    reached = median(np.inf if iterations is None else iterations for iterations in found)
    job = prepared.job
    timed = measure_throughput(job.program, prepared.state, job.train, sizes=(size,)).timings[0]
    each = min(timed.seconds)
    print(f"{prepared.dataset.name}: {size} rows, {found} x {each * 1e6:.0f} µs", file=sys.stderr)
    return reached * each


def _epoch(prepared: Prepared) -> tuple[float, float]:
    """Seconds of an epoch, and the share of it that the live noise scale takes."""
    job = prepared.job
    loop = compile_loop(job, prepared.state)
    shapes = loop.feed.shapes
    seconds = iteration_seconds(loop.segment, job.program, prepared.state, shapes.rows, shapes.batches)
    epoch = seconds * job.plan.iterations_per_epoch
    probe = live_noise(job.program, job.train, prepared.state.variables, rows=job.plan.rows_per_epoch, seed=0)
    probe(prepared.state, 0)
    took = []
    for number in range(5):
        started = time.perf_counter()
        probe(prepared.state, number)
        took.append(time.perf_counter() - started)
    return epoch, median(took) / epoch


def markdown(found: Sequence[Measured]) -> str:
    """The results as Markdown: real times, then what was recommended."""
    sizes = [str(size) for size in SIZES]
    times = table(("seconds to the target", "target", *sizes), [_times(one) for one in found])
    header = ("recommended", "real time / best", "real time / worst", "in repeats", "rate in repeats", "cost in epochs")
    return f"{times}\n\n{table((header[0], 'size', *header[1:], 'live noise'), map(_summary, found))}\n"


def _times(one: Measured) -> Sequence[str]:
    cells = {size: f"{value:.2f}" if value < np.inf else "over 12 epochs" for size, value in one.seconds.items()}
    return one.name, f"{one.target:.4g}", *(cells.get(size, "") for size in SIZES)


def _summary(one: Measured) -> Sequence[str]:
    chosen = [found.recommended for found in one.sizes]
    size = median_low(chosen)
    real, times = one.seconds.get(size, np.inf), one.seconds.values()
    spread = max(chosen) / min(chosen)
    rates = [found.best for found in one.rates]
    decades = float(np.ptp(np.log10(rates)))
    costs = [median(found.seconds for found in kind) / one.epoch for kind in (one.sizes, one.rates)]
    return (
        one.name,
        str(size),
        "" if real == np.inf else f"{real / min(times):.2f}: {verdict(real <= min(times) * OF_BEST)}",
        "" if real == np.inf else f"{real / max(times):.2f}: {verdict(real <= max(times) * OF_WORST)}",
        f"{min(chosen)} to {max(chosen)}: {verdict(spread <= REPEATED)}",
        f"{min(rates):.2g} to {max(rates):.2g}: {verdict(decades <= 0.5)}",
        f"{costs[0]:.1f} and {costs[1]:.1f}: {verdict(max(costs) <= COST)}",
        f"{one.noise_share:.0%}: {verdict(one.noise_share <= 0.1)}",
    )


if __name__ == "__main__":
    sys.exit(main())
