"""What a training costs more while its page is open: pairs of trainings, with the dashboard in Chromium and without.

A training, a server and a browser are processes of their own, as a person has them. Run it from the root of the
repository: `PYTHONPATH=. .venv/bin/python benchmarks/live_view.py --markdown docs/benchmarks.md`. Linux only.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from report import replace_section, table
from tests.pages.chromium import Page, chromium

AIM = 0.02
"""The largest share of the machine that server and browser together may take beside a training."""
TICKS = os.sysconf("SC_CLK_TCK")
PAGES = {"the page of the run": True, "the table with its curves": False}
"""What is open, and whether it is the page of the run."""


@dataclass(frozen=True)
class Cost:
    """Seconds of the fit, seconds of processors that the training took, and processors that server and browser took."""

    fit: float
    training: float
    server: float = 0.0
    browser: float = 0.0

    @property
    def share(self) -> float:
        """The share of the machine that was not there for the training."""
        return (self.server + self.browser) / len(os.sched_getaffinity(0))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write as the command line says; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5, help="pairs of trainings for each page (default 5)")
    parser.add_argument("--epochs", type=int, default=600, help="epochs of each, of digits (default 600)")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="replace the section `live` of a file")
    given = parser.parse_args(arguments)
    rows = [
        _row(name, [_pair(given.epochs, on_run, number) for number in range(given.pairs)])
        for name, on_run in PAGES.items()
    ]
    heads = ("open in Chromium", "processor time of the training, with / without", "fit s, with / without")
    text = table((*heads, "server and browser, of the machine", f"aim ≤ {AIM:.0%}"), rows) + "\n"
    print(text, end="")
    if given.markdown:
        replace_section(given.markdown, text, "live")
    return 0


def _row(name: str, pairs: Sequence[tuple[Cost, Cost]]) -> tuple[str, ...]:
    def ratios(quantity: str) -> str:
        found = [getattr(seen, quantity) / getattr(alone, quantity) for seen, alone in pairs]
        return f"{median(found):.2f} ({min(found):.2f} to {max(found):.2f})"

    shares = [seen.share for seen, _ in pairs]
    judged = "reached" if median(shares) <= AIM else "**missed**"
    return (
        name,
        ratios("training"),
        ratios("fit"),
        f"{median(shares):.1%} ({min(shares):.1%} to {max(shares):.1%})",
        judged,
    )


def _pair(epochs: int, on_run: bool, number: int) -> tuple[Cost, Cost]:
    """A training that is looked at and one that is not, in turn first."""
    order = (True, False) if number % 2 else (False, True)
    found = {looked_at: _look_at(epochs, on_run) if looked_at else _leave_alone(epochs) for looked_at in order}
    return found[True], found[False]


def _leave_alone(epochs: int) -> Cost:
    with tempfile.TemporaryDirectory() as name:
        run = Path(name) / "runs" / "a"
        return Cost(*_end(_begin(run, epochs), run))


def _look_at(epochs: int, on_run: bool) -> Cost:
    with tempfile.TemporaryDirectory() as name:
        run = Path(name) / "runs" / "a"
        run.parent.mkdir()
        with _dashboard(run.parent) as (server, link), chromium(Path(name)) as browser:
            page = browser.open(link)
            process = _begin(run, epochs)
            if on_run:
                _open_run(page, link)
            page.wait("document.querySelector('.chart .u-over')", 60)
            sessions, began = (server, browser.process.pid), time.monotonic()
            before = [_processor_seconds(one) for one in sessions]
            while (run / "progress.json").exists():
                time.sleep(0.1)
            after, seconds = (
                [_processor_seconds(one) for one in (server, browser.process.pid)],
                time.monotonic() - began,
            )
            beside = [(late - early) / seconds for early, late in zip(before, after, strict=True)]
            return Cost(*_end(process, run), *beside)


def _open_run(page: Page, link: str) -> None:
    address = page.wait("document.querySelector('td.name a')?.getAttribute('href')", 60)
    page.go(link.split("/?")[0] + address)


def _begin(run: Path, epochs: int) -> "subprocess.Popen[bytes]":
    """A training of digits to its last epoch: short epochs, whose figures a page has to keep up with."""
    words = ["train", "digits", "--epochs", str(epochs), "--set", "training.early_stopping=null", "--run-dir", str(run)]
    return subprocess.Popen(
        [sys.executable, "-m", "batchwright", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def _end(process: "subprocess.Popen[bytes]", run: Path) -> tuple[float, float]:
    """Seconds of the fit, and seconds of processors of the whole process."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, process.returncode
    return json.loads((run / "manifest.json").read_text())["seconds"]["fit"], usage.ru_utime + usage.ru_stime


@contextmanager
def _dashboard(folder: Path) -> Iterator[tuple[int, str]]:
    """The process and the link of a dashboard."""
    command = [sys.executable, "-m", "batchwright", "dashboard", str(folder), "--no-open"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    try:
        yield process.pid, process.stdout.readline().split()[-1]
    finally:
        process.terminate()
        process.wait()


def _processor_seconds(session: int) -> float:
    """What the processes of a session have taken so far, with those that have ended."""
    found = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session:
            found += sum(map(int, fields[11:15]))
    return found / TICKS


if __name__ == "__main__":
    sys.exit(main())
