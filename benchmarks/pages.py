"""How soon pages are answered: the lab's scenes, a frame of its small network, and the table of many runs.

What the server needs is measured, without a browser. Runs in batchwright's own environment; nothing else should run
meanwhile.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from report import replace_section, table

import batchwright as bw
from batchwright.dashboard.scan import Scanner
from batchwright.lab.answers import answer
from batchwright.lab.network.answer import answer_frame
from batchwright.lab.network.live_session import Sessions

ASKED = 30
SCENES = {
    "one weight": ("line", {"rule": "adam", "batch_size": "2"}),
    "two weights, twelve rules, tuned": ("surface", {"surface": "valley", "learning_rate": "tuned"}),
    "two weights, twelve rules, one rate, 400 steps": (
        "surface",
        {"surface": "rosenbrock", "learning_rate": "0.01", "steps": "400"},
    ),
}
"""Scenes of the lab, and what is asked of them; another start each time."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write as the command line says; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000, help="runs below the folder of the dashboard (default 1000)")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="replace the section `pages` of a file")
    given = parser.parse_args(arguments)
    rows = [_row(name, _scene_seconds(*SCENES[name])) for name in SCENES]
    rows.append(_row("a frame of the small network: 60 iterations and what is drawn", _frame_seconds()))
    first, again = _table_seconds(given.runs)
    rows += [_row(f"the table of {given.runs:,} runs, first", [first]), _row("the same, asked again", again)]
    text = table(("", "median ms", "most ms"), rows) + "\n"
    print(text, end="")
    if given.markdown:
        replace_section(given.markdown, text, "pages")
    return 0


def _row(name: str, seconds: Sequence[float]) -> tuple[str, str, str]:
    return name, f"{1000 * median(seconds):.0f}", f"{1000 * max(seconds):.0f}"


def _scene_seconds(scene: str, texts: dict[str, str]) -> list[float]:
    """Seconds of each answer, after one that compiles."""

    def ask(number: int) -> None:
        start = f"{0.5 + number / 100}" if scene == "line" else f"{-1.5 + number / 100},1.2"
        found = answer("answer", scene, [*texts.items(), ("start", start)])
        assert found is not None and "problem" not in found, found

    return _seconds_of(ask)


def _frame_seconds() -> list[float]:
    sessions = Sessions()
    return _seconds_of(
        lambda number: answer_frame(sessions, {"page": "one", "layers": "8,8", "steps": str(60 * number)})
    )


def _seconds_of(ask: Callable[[int], object]) -> list[float]:
    found = []
    for number in range(ASKED + 1):
        began = time.perf_counter()
        ask(number)
        found.append(time.perf_counter() - began)
    return found[1:]


def _table_seconds(runs: int) -> tuple[float, list[float]]:
    """Seconds of the first table of so many copies of a run, and of later ones, each looked at anew."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bw.fit(bw.load("iris"), epochs=20, run_dir=folder / "run-0")
        for number in range(1, runs):
            shutil.copytree(folder / "run-0", folder / f"run-{number}")
        scanner = Scanner(folder)
        began = time.perf_counter()
        assert len(scanner.scan(now=True).entries) == runs
        first = time.perf_counter() - began
        return first, _seconds_of(lambda _: scanner.scan(now=True))


if __name__ == "__main__":
    sys.exit(main())
