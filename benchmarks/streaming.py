"""Rows read from the disk in chunks beside the same rows in memory: rate, memory, and what is learned of sorted rows.

The table is a Parquet file of float32 columns of twice the memory limit, sorted by its target: the worst order for a
shuffle that does not see all rows at once. Nothing else should run meanwhile.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import processes
from report import replace_section, table, verdict

ROOT = Path(__file__).resolve().parents[1]
HERE = Path(__file__).parent
COLUMNS = 128
LIMIT_MB = 600
"""The process takes 300 MB before it has read a row."""
RATE_AIM = 0.95
OPTIONS = (
    *("--network", "mlp", "--hidden-layer-sizes", "64", "--batch-size", "256", "--epochs", "2", "--target", "y"),
    *("--early-stopping", "null", "--json"),
)


@dataclass(frozen=True)
class Training:
    """Rows per second of fit, peak anonymous memory in MB (of 10⁶ bytes), seconds to load, and test log loss."""

    rate: float
    anonymous: float
    load: float
    log_loss: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write as the command line says; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=3, help="trainings of either kind, in turn (default 3)")
    parser.add_argument("--limit", type=int, default=LIMIT_MB, help=f"memory limit in MB (default {LIMIT_MB})")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="replace the section `streaming` of a file")
    parser.add_argument("--batchwright", type=Path, default=ROOT / ".venv/bin/batchwright", help="the command")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="batchwright-streaming-") as scratch:
        source = Path(scratch) / "sorted.parquet"
        rows = 2 * given.limit * 10**6 // (4 * (COLUMNS + 1))
        processes.run([str(given.batchwright.parent / "python"), str(HERE / "sorted_table.py"), str(source), str(rows)])
        pairs = list(_pairs(given.batchwright, source, given.limit, given.pairs))
    text = markdown(pairs, rows, given.limit)
    print(text, end="")
    if given.markdown:
        replace_section(given.markdown, text, "streaming")
    return 0


def _pairs(command: Path, source: Path, limit: int, pairs: int) -> Iterator[tuple[Training, Training]]:
    """A training with rows from the disk and one with rows in memory, after one of each that is not counted."""
    for seed in range(-1, pairs):
        chosen = [f"{limit}MB", "none"] if seed % 2 else ["none", f"{limit}MB"]
        found = {limit: _train(command, source, limit, max(seed, 0)) for limit in chosen}
        print(found, file=sys.stderr)
        if seed >= 0:
            yield found[f"{limit}MB"], found["none"]


def _train(command: Path, source: Path, limit: str, seed: int) -> Training:
    run = source.parent / f"run-{limit}-{seed}-{sum(1 for _ in source.parent.iterdir())}"
    words = ("train", str(source), *OPTIONS, "--memory-limit", limit, "--seed", str(seed), "--run-dir", str(run))
    process = processes.run([str(command), *words], {"BATCHWRIGHT_CACHE": str(source.parent / "programs")})
    said = json.loads(process.stdout)
    rows = said["plan"]["training_rows"] * said["plan"]["epochs"]
    anonymous = process.anonymous_mb * 2**20 / 10**6
    return Training(rows / said["seconds"]["fit"], anonymous, said["seconds"]["load"], said["test"]["log_loss"])


def markdown(pairs: Sequence[tuple[Training, Training]], rows: int, limit: int) -> str:
    """The results as Markdown; the first of each pair has read its rows from the disk."""
    ratio = median(disk.rate / memory.rate for disk, memory in pairs)
    peak = max(disk.anonymous for disk, _ in pairs)
    apart = [disk.log_loss - memory.log_loss for disk, memory in pairs]

    def row(name: str, trainings: Sequence[Training]) -> Sequence[str]:
        of = {key: median(getattr(one, key) for one in trainings) for key in Training.__dataclass_fields__}
        return (
            name,
            f"{of['rate'] / 1e6:.2f}",
            f"{of['anonymous']:.0f}",
            f"{of['load']:.1f}",
            f"{of['log_loss']:.5f}",
        )

    header = ("", "million rows/s in fit", "peak anonymous MB", "load s (converted before)", "test log loss")
    what = f"{rows:,} rows of {COLUMNS} columns, sorted by the target, in {2 * limit:,} MB of Parquet"
    trainings = [row("rows from the disk", [disk for disk, _ in pairs]), row("rows in memory", [m for _, m in pairs])]
    found = (
        f"Rate from the disk / in memory, of pairs: {ratio:.2f}; aim ≥ {RATE_AIM}: {verdict(ratio >= RATE_AIM)}",
        f"Peak of anonymous memory: {peak:.0f} MB; limit {limit}: {verdict(peak <= limit)}",
        f"Test log loss from the disk minus the one in memory, by pair: {', '.join(f'{one:+.5f}' for one in apart)}",
    )
    lines = (
        f"{what}; medians of {len(pairs)} pairs.",
        table(header, trainings),
        "\n".join(f"- {one}." for one in found),
    )
    return "\n\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
