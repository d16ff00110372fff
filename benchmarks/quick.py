"""How fast this version is beside the last release: the main figures as ratios, in some minutes.

Both are wheels in environments of their own, with the same libraries. They are measured in turn, pair by pair, so that
what else happens on the machine slows both. A ratio is the geometric mean over the pairs; its interval holds 99 in 100
of what chance alone would give, so that one figure in 100 is named without a reason.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from math import exp, log, sqrt
from pathlib import Path
from statistics import fmean, median, stdev

from quick_sides import FailedError, Side, side_of, write_rows
from released import ROOT, NoReleaseError, Wheel, build_wheel, find_release, make_environment
from report import table
from scipy import stats

LEVEL = 0.99
PAIRS = 5


@dataclass(frozen=True)
class Figure:
    """Something that is measured; `warm`: one measurement of each side before those that count."""

    key: str
    title: str
    measure: Callable[[Side], float]
    warm: bool = True


FIGURES = (
    Figure("import", "`import batchwright`", lambda side: side.run("-c", "import batchwright")),
    Figure("help", "`batchwright --help`", lambda side: side.run("-m", "batchwright", "--help")),
    Figure("fit-import", "imports of `fit`", lambda side: side.run("-c", "import batchwright; batchwright.fit")),
    Figure("first", "first `train iris`", Side.first_run, warm=False),
    Figure("later", "later `train iris`", Side.later_run),
    Figure("fit", "fit, 784-128-10, 18,000 rows, 10 epochs", lambda side: side.ask("fit")),
    Figure("predict", "predict one row", lambda side: side.ask("predict")),
    Figure("search", "search of 8 trials, 150 rows", lambda side: side.ask("search")),
    Figure("csv", "load a CSV file of 5 MB", lambda side: side.ask("csv")),
    Figure("request", "serve a request", Side.request),
)


@dataclass(frozen=True)
class Compared:
    """A figure of both sides: median seconds, and the ratio of this version to the release with its interval."""

    title: str
    ours: float
    theirs: float
    ratio: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """Whether the difference is more than noise."""
        if self.low <= 1.0 <= self.high:
            return "within the noise"
        return f"{abs(self.ratio - 1.0):.1%} {'slower' if self.ratio > 1.0 else 'faster'}"


def compare(title: str, ours: Sequence[float], theirs: Sequence[float]) -> Compared:
    """Compare seconds that were measured in pairs, by Student's t on the logarithms of their ratios.

    >>> compare("fit", [2.0, 4.0, 2.0], [1.0, 2.0, 1.0])
    Compared(title='fit', ours=2.0, theirs=1.0, ratio=2.0, low=2.0, high=2.0)
    """
    logs = [log(a / b) for a, b in zip(ours, theirs, strict=True)]
    middle = fmean(logs)
    half = float(stats.t.ppf((1 + LEVEL) / 2, len(logs) - 1)) * stdev(logs) / sqrt(len(logs))
    return Compared(title, median(ours), median(theirs), exp(middle), exp(middle - half), exp(middle + half))


def in_pairs(figure: Figure, ours: Side, theirs: Side, pairs: int) -> Compared:
    """Measure both sides in turn; who is first changes from pair to pair."""
    sides = (ours, theirs)
    if figure.warm:
        for side in sides:
            figure.measure(side)
    taken: dict[str, list[float]] = {side.name: [] for side in sides}
    for number in range(pairs):
        for side in sides[:: -1 if number % 2 else 1]:
            taken[side.name].append(figure.measure(side))
    return compare(figure.title, taken[ours.name], taken[theirs.name])


def text_of(found: Sequence[Compared], release: str, left_out: Sequence[str]) -> str:
    """The table, what could not be measured, and in a sentence what is slower."""
    header = ("", "this version", release, "ratio", "99 % interval", "")
    rows = [
        (
            one.title,
            _time(one.ours),
            _time(one.theirs),
            f"{one.ratio:.3f}",
            f"{one.low:.3f} to {one.high:.3f}",
            one.verdict,
        )
        for one in found
    ]
    slower = [f"{one.title} ({one.verdict})" for one in found if one.low > 1.0]
    said = f"Slower than {release} beyond the noise: {', '.join(slower)}." if slower else ""
    measured = [table(header, rows), said or f"Nothing of this is slower than {release} beyond the noise."]
    return "\n\n".join([*(measured if found else []), *left_out]) + "\n"


def _time(seconds: float) -> str:
    """Seconds, or milliseconds where they are few.

    >>> _time(1.5), _time(0.0123)
    ('1.50 s', '12.3 ms')
    """
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the exit code says only whether that could be done."""
    given = _parser().parse_args(arguments)
    chosen = [figure for figure in FIGURES if not given.only or figure.key in given.only]
    with tempfile.TemporaryDirectory(prefix="batchwright-quick-") as scratch, ExitStack() as stack:
        folder = Path(scratch)
        try:
            ours, theirs = _sides(given.against, folder, stack)
        except NoReleaseError as error:
            print(f"bench-quick: {error}", file=sys.stderr)
            return 2
        found, left_out = [], []
        for figure in chosen:
            print(f"{figure.title} ...", file=sys.stderr, flush=True)
            try:
                found.append(in_pairs(figure, ours, theirs, given.pairs))
            except FailedError as error:
                left_out.append(f"Not measured: {figure.title}, as {error}.")
            except KeyboardInterrupt:
                left_out.append(f"Interrupted in: {figure.title}. What was measured before is above.")
                break
        print(text_of(found, theirs.name, left_out), end="")
    return 0 if found else 1


def _sides(against: str | None, folder: Path, stack: ExitStack) -> tuple[Side, Side]:
    """This version and the one to compare with, until the stack is closed."""
    release = find_release(against, folder / "release")
    wheels = {"ours": Wheel("this version", build_wheel(ROOT, folder / "dist")), "theirs": release}
    rows = write_rows(folder / "rows.csv")
    environments = {place: make_environment(wheel.path, folder / place) for place, wheel in wheels.items()}
    ours, theirs = (
        stack.enter_context(side_of(wheel.name, environments[place], folder / place, rows))
        for place, wheel in wheels.items()
    )
    return ours, theirs


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--against", metavar="REV", help="a commit, branch or tag to compare with, in place of the last release"
    )
    parser.add_argument(
        "--pairs", type=_pairs, default=PAIRS, help=f"measurements of each, at least 3 (default {PAIRS})"
    )
    keys = [figure.key for figure in FIGURES]
    parser.add_argument("--only", nargs="+", choices=keys, metavar="FIGURE", help=f"some of: {', '.join(keys)}")
    return parser


def _pairs(text: str) -> int:
    if not text.isdecimal() or int(text) < 3:
        raise argparse.ArgumentTypeError(f"{text!r}: a whole number from 3 on is needed")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
