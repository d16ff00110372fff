"""How fast a CSV file becomes typed columns: ours, polars' and pandas', in turn.

Ours finds, from all cells, what each column holds: how its numbers and dates are written, and what means missing. The
others find numbers, and leave dates as text. Runs in batchwright's own environment; nothing else should run meanwhile.
"""

import argparse
import importlib.util
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np
import polars as pl
from report import replace_section, table

from batchwright.data.formats.source import read

ROW_BYTES = 182
WORDS = np.array(["red", "green", "blue", "orange", "violet", "light grey", "unknown", "other"])
FIRST_DAY = np.datetime64("2015-01-01")


@dataclass
class Times:
    """Seconds by the clock, and of all cores together, of each reading."""

    clock: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write as the command line says; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=250, help="size of the file (default 250)")
    parser.add_argument("--rounds", type=int, default=5, help="readings by each (default 5)")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="replace the section `reading` of a file")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        made_table(given.megabytes * 1_000_000 // ROW_BYTES).write_csv(path)
        text = markdown(measured(readers(path), given.rounds), path.stat().st_size)
    print(text, end="")
    if given.markdown:
        replace_section(given.markdown, text, "reading")
    return 0


def made_table(rows: int) -> pl.DataFrame:
    """22 columns: 8 of fractions and 6 of whole numbers, 4 of few texts, 2 of dates, names, and numbers with gaps."""
    draw = np.random.default_rng(0)
    columns: dict[str, object] = {f"fraction{n}": draw.normal(size=rows).round(6) * 10 ** (n % 3) for n in range(8)}
    columns |= {f"whole{n}": draw.integers(0, 10 ** (n + 2), rows) for n in range(6)}
    columns |= {f"words{n}": WORDS[draw.integers(0, 2 * n + 2, rows)] for n in range(4)}
    columns |= {f"date{n}": FIRST_DAY + draw.integers(0, 3000, rows).astype("timedelta64[D]") for n in range(2)}
    columns["name"] = "user-" + pl.Series(draw.integers(0, 10**8, rows)).cast(pl.String)
    columns["gaps"] = pl.Series(draw.gamma(2, 10, rows)).round(2).set(pl.Series(draw.random(rows) < 0.1), None)
    return pl.DataFrame(columns).with_columns(pl.col("^fraction.$").round(6))


def readers(path: Path) -> dict[str, Callable[[], object]]:
    """The ways to read a file, by name; pandas only where it is installed."""
    found: dict[str, Callable[[], object]] = {"batchwright": lambda: read(path), "polars": lambda: pl.read_csv(path)}
    if importlib.util.find_spec("pandas"):
        import pandas as pd

        found["pandas"] = lambda: pd.read_csv(path)
    return found


def measured(readers: dict[str, Callable[[], object]], rounds: int) -> dict[str, Times]:
    """The times of each, taken in turn; a first round fills the system's file cache and is not counted."""
    found = {name: Times() for name in readers}
    for round_ in range(rounds + 1):
        for name, reader in readers.items():
            clock, processor = time.perf_counter(), time.process_time()
            reader()
            if round_:
                found[name].clock.append(time.perf_counter() - clock)
                found[name].processor.append(time.process_time() - processor)
    return found


def markdown(found: dict[str, Times], size: int) -> str:
    """The times, and the rate of ours as a share of each other's."""

    def row(name: str, times: Times) -> Sequence[str]:
        seconds = f"{min(times.clock):.2f}", f"{median(times.clock):.2f}", f"{median(times.processor):.2f}"
        ours = found["batchwright"]
        pairs = [theirs / own for theirs, own in zip(times.clock, ours.clock, strict=True)]
        shares = f"{min(times.clock) / min(ours.clock):.2f}", f"{median(pairs):.2f}"
        return name, *seconds, *((shares) if times is not ours else ("", ""))

    header = ("", "least s", "median s", "median s of processor", "our rate / theirs, of least", "of pairs")
    rounds = len(found["batchwright"].clock)
    note = f"{size / 1e6:,.0f} MB of CSV, 22 columns; {rounds} rounds, polars {pl.__version__}."
    return f"{note}\n\n{table(header, [row(*one) for one in found.items()])}\n"


if __name__ == "__main__":
    sys.exit(main())
