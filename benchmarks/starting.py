"""Where the time goes from the start of `batchwright train TABLE` to its first update, with its programs in the cache.

`.venv/bin/python benchmarks/starting.py TABLE --target COLUMN --markdown docs/benchmarks.md`. Each run is a process
of its own. With `--before`, the folder `src` of another version is run in turn with this one. Times are the least of
all runs: other work on the machine only adds to them.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from report import replace_section, table, verdict

HERE, SOURCE = Path(__file__).parent, Path(__file__).resolve().parents[1] / "src"
AIM = 1.0
STAGES = {
    "python": "Python itself",
    "command": "the command line",
    "imports": "what training imports",
    "prepared": "rows read and encoded, the network made",
    "compiled": "the program traced, and read from the cache",
    "update": "the first update",
    "end": "to the end of the process",
}
"""What is done before each mark."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write as the command line says; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", help="what `train` is given: a table, a folder of images or an example")
    parser.add_argument("--target", help="the column to predict")
    parser.add_argument("--runs", type=int, default=7, help="runs of each version (default 7), after one for the cache")
    parser.add_argument("--before", type=Path, metavar="FOLDER", help="the folder `src` of another version")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="replace the section `starting` of a file")
    given = parser.parse_args(arguments)
    words = [given.source, *(["--target", given.target] if given.target else [])]
    versions = {"before": given.before, "now": SOURCE} if given.before else {"now": SOURCE}
    found: dict[str, list[dict[str, tuple[float, float]]]] = {name: [] for name in versions}
    with tempfile.TemporaryDirectory(prefix="batchwright-starting-") as scratch:
        for number in range(-1, given.runs):
            for name in versions if number % 2 else reversed(versions):
                marks = _run(versions[name], words, Path(scratch) / name, number)
                if number >= 0:
                    found[name].append(marks)
    text = _text(found)
    print(text, end="")
    if given.markdown:
        replace_section(given.markdown, text, "starting")
    return 0


def _run(source: Path, words: Sequence[str], scratch: Path, number: int) -> dict[str, tuple[float, float]]:
    """The seconds by the clock and of the processor at each mark of one run."""
    scratch.mkdir(exist_ok=True)
    env = {**os.environ, "PYTHONPATH": str(source), "BATCHWRIGHT_CACHE": str(scratch / "programs")}
    marks = scratch / f"{number}.json"
    command = [sys.executable, str(HERE / "marked_start.py"), str(marks), repr(time.monotonic()), "train", *words]
    command += ["--epochs", "1", "--run-dir", str(scratch / f"run{number}")]
    subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return {name: (clock, processor) for name, (clock, processor) in json.loads(marks.read_text()).items()}


def _text(found: Mapping[str, Sequence[Mapping[str, tuple[float, float]]]]) -> str:
    """The least seconds of each stage, and of all up to the first update."""

    def least(name: str, mark: str, which: int) -> float:
        before = dict(zip(STAGES, [None, *STAGES], strict=False))[mark]
        return min(run[mark][which] - (run[before][which] if before else 0.0) for run in found[name])

    heads = ("", *(f"{name}: {what}" for name in found for what in ("seconds", "of processor")))
    rows = [
        (said, *(f"{least(name, mark, which):.3f}" for name in found for which in (0, 1)))
        for mark, said in STAGES.items()
    ]
    totals = {name: [min(run["update"][which] for run in runs) for which in (0, 1)] for name, runs in found.items()}
    rows.append(("**all, to the first update**", *(f"{seconds:.3f}" for each in totals.values() for seconds in each)))
    now, runs = totals["now"][0], len(found["now"])
    judged = f"To the first update {now:.2f} s; aim ≤ {AIM:g}: {verdict(now <= AIM)}."
    return f"{table(heads, rows)}\n\nThe least of {runs} runs, stage by stage. {judged}\n"


if __name__ == "__main__":
    sys.exit(main())
