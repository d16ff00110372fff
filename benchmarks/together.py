"""Two processes that train one network, with a thread each, beside one with two threads: rows per second of fit.

The rows are those of `streaming.py`, read from the disk in chunks. Processes wait for each other in every iteration, so
nothing else may run meanwhile: where another program has a core, they wait for it too. With two pairs it takes
three minutes on two cores.
"""

import argparse
import json
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import processes
from report import replace_section, table, verdict

ROOT = Path(__file__).resolve().parents[1]
HERE = Path(__file__).parent
AIM = 0.9
BEGAN = time.perf_counter()
OPTIONS = (
    *("--network", "mlp", "--hidden-layer-sizes", "64", "--target", "y", "--memory-limit", "600MB"),
    *("--scaling", "standard", "--early-stopping", "null", "--no-diagnostics", "--json"),
)
Pair = tuple[float, float]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write as the command line says; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=3, help="trainings of either kind, in turn (default 3)")
    parser.add_argument("--rows", type=int, default=300_000, help="rows of the table (default 300,000)")
    parser.add_argument("--epochs", type=int, default=4, help="passes over them in each training (default 4)")
    parser.add_argument("--batch-sizes", default="256,2048,8192", help="separated by commas (default 256,2048,8192)")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="replace the section `together` of a file")
    parser.add_argument("--batchwright", type=Path, default=ROOT / ".venv/bin/batchwright", help="the command")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="batchwright-together-") as scratch:
        source, rows = Path(scratch) / "sorted.parquet", str(given.rows)
        processes.run([str(given.batchwright.parent / "python"), str(HERE / "sorted_table.py"), str(source), rows])
        trial = Trial(given.batchwright, source, given.epochs)
        sizes = [int(size) for size in given.batch_sizes.split(",")]
        _say("not counted: one process reads the table and keeps it in chunks", trial.rate(sizes[-1], 1))
        found = {size: list(_pairs(trial, size, given.pairs)) for size in sizes}
    text = markdown(found, given.rows)
    print(text, end="")
    if given.markdown:
        replace_section(given.markdown, text, "together")
    return 0


@dataclass(frozen=True)
class Trial:
    """What is trained, and by which command."""

    command: Path
    source: Path
    epochs: int

    def rate(self, size: int, count: int) -> float:
        """Rows per second of fit of this many processes, which share two threads."""
        place = self.source.parent
        run = place / f"run-{sum(1 for _ in place.iterdir())}"
        chosen = ("--epochs", str(self.epochs), "--batch-size", str(size), "--run-dir", str(run))
        words = (str(self.command), "train", str(self.source), *OPTIONS, *chosen)
        env = {"BATCHWRIGHT_CACHE": str(place / "programs"), "NPROC": str(2 // count)}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        others = ("--distributed", "--coordinator", address, "--processes", str(count), "--process")
        commands = [words if count == 1 else (*words, *others, str(index)) for index in range(count)]
        with ThreadPoolExecutor(count) as pool:
            said = json.loads(next(iter(pool.map(lambda one: processes.run(one, env).stdout, commands))))
        return float(said["plan"]["training_rows"] * said["plan"]["epochs"] / said["seconds"]["fit"])


def _pairs(trial: Trial, size: int, pairs: int) -> Iterator[Pair]:
    """Rows per second of two processes and of one, in turn."""
    for number in range(pairs):
        rates = dict[int, float]()
        for count in [1, 2] if number % 2 else [2, 1]:
            rates[count] = trial.rate(size, count)
            of = "two processes" if count == 2 else "one process"
            _say(f"batch size {size:,}, pair {number + 1} of {pairs}, {of}", rates[count])
        yield rates[2], rates[1]


def _say(what: str, rate: float) -> None:
    seconds = time.perf_counter() - BEGAN
    print(f"{seconds:4.0f} s  {what}: {rate / 1e6:.3f} million rows/s", file=sys.stderr, flush=True)


def markdown(found: dict[int, list[Pair]], rows: int) -> str:
    """The results as Markdown."""
    header = ("batch size", "two processes, million rows/s", "one process, million rows/s", "of pairs", f"aim ≥ {AIM}")

    def row(size: int, pairs: Sequence[Pair]) -> Sequence[str]:
        two, one = (median(pair[place] for pair in pairs) / 1e6 for place in (0, 1))
        ratio = median(pair[0] / pair[1] for pair in pairs)
        return f"{size:,}", f"{two:.3f}", f"{one:.3f}", f"{ratio:.2f}", verdict(ratio >= AIM)

    pairs = len(next(iter(found.values())))
    what = f"{rows:,} rows of 128 columns, read from the disk in chunks; medians of {pairs} pairs"
    return f"{what}.\n\n{table(header, [row(size, pairs) for size, pairs in found.items()])}\n"


if __name__ == "__main__":
    sys.exit(main())
