"""Measure batchwright side by side with PyTorch, Keras and scikit-learn on this machine.

The tables go to stdout as Markdown, progress to stderr. Nothing else should run meanwhile: with every core taken, the
threads of the peers wait for each other, and they look far slower than they are.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from checks import check
from contest import Places, hold
from environment import PEER_PACKAGES, describe, peers_python
from jobs import JOBS, Job
from processes import CommandError
from report import Results, markdown, plain, replace_section

ROOT = Path(__file__).resolve().parents[1]
CHECKS = "d"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write as the command line says; the exit code."""
    parser = _parser()
    given = parser.parse_args(arguments)
    unknown = set(given.only) - {*JOBS, CHECKS}
    if unknown:
        parser.error(f"--only takes letters of {', '.join((*JOBS, CHECKS))}, but got {', '.join(sorted(unknown))}")
    if given.pairs < 2:
        parser.error(f"--pairs must be at least 2, but got {given.pairs}")
    missing = [str(path) for path in (given.data, given.batchwright) if not path.exists()]
    if missing:
        parser.error(f"there is no {' and no '.join(missing)}; see --data and --batchwright")
    jobs = [replace(job, epochs=given.epochs or job.epochs) for key, job in JOBS.items() if key in given.only]
    try:
        results = _measure(given, jobs)
    except CommandError as failure:
        print(failure, file=sys.stderr)
        return 1
    text = markdown(results)
    print(text, end="")
    if given.json:
        given.json.write_text(json.dumps(plain(results), indent=2) + "\n")
    if given.markdown:
        replace_section(given.markdown, text)
    return 0


def _measure(given: argparse.Namespace, jobs: Sequence[Job]) -> Results:
    peers = given.peers_python or peers_python()
    with tempfile.TemporaryDirectory(prefix="batchwright-benchmarks-") as scratch:
        places = Places(given.batchwright, peers, given.data.resolve(), Path(scratch))
        machine = describe(places.python, peers)
        contests = tuple(hold(job, places, given.pairs) for job in jobs)
        checks = check(places) if CHECKS in given.only else ()
    return Results(datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"), machine, contests, checks)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    whole = ",".join((*JOBS, CHECKS))
    titles = "; ".join(f"{key}: {job.title}" for key, job in JOBS.items())
    data = os.environ.get("BATCHWRIGHT_MNIST") or ROOT / "../shared/data/mnist"
    command = ROOT / ".venv/bin/batchwright"
    installed = shutil.which("batchwright")
    parser.add_argument("--pairs", type=int, default=5, help="rounds per job (default 5)")
    parser.add_argument(
        "--only",
        type=lambda text: text.split(","),
        default=whole,
        metavar=whole,
        help=f"{titles}; {CHECKS}: accuracy with default settings, and the time of --help".replace("%", "%%"),
    )
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(data),
        help="folder with the four MNIST files (default: $BATCHWRIGHT_MNIST, else ../shared/data/mnist)",
    )
    parser.add_argument(
        "--peers-python",
        type=Path,
        metavar="PYTHON",
        help=f"a Python that has the peers; without it an environment with {', '.join(PEER_PACKAGES)} is made",
    )
    parser.add_argument(
        "--batchwright",
        type=Path,
        default=command if command.exists() or not installed else Path(installed),
        help="the command to measure (default: that of .venv, else of the PATH)",
    )
    parser.add_argument("--epochs", type=int, help="instead of each job's own, to try things out")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every measurement as JSON")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="replace the results in a Markdown file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
