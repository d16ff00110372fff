"""How well the defaults predict test rows of whole collections of tables, beside peers with their defaults.

    python benchmarks/quality.py --tables ../shared/data/tables --peers mlp,boosting,catboost --results quality.jsonl
    python benchmarks/quality.py --ours 'numbers: auto=network.numbers=auto,data.scaling=auto' --seeds 1

All get the same rows. Every result is written as one JSON line at once: an interrupted run goes on where it was, and a
further contestant is compared with what is there. A variant of ours is the defaults with some settings.
"""

import argparse
import json
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import processes
from environment import peers_python
from quality_tables import PACKAGED, Table, read_tables
from quality_text import Result, markdown
from report import replace_section

import batchwright

HERE = Path(__file__).parent
OURS = "batchwright"
DEFAULT_PEERS = "mlp,boosting"
COMMON = ("scikit-learn", "pandas")
PEERS: Mapping[str, Sequence[str]] = {
    "mlp": (),
    "linear": (),
    "neighbours": (),
    "boosting": (),
    "catboost": ("catboost", *COMMON),
    "lightgbm": ("lightgbm", *COMMON),
    "xgboost": ("xgboost", *COMMON),
    "realmlp": ("torch==2.13.0", "pytabkit", *COMMON),
    "tabm": ("torch==2.13.0", "pytabkit", *COMMON),
}
"""Names on the command line of quality_peers.py, and what pip installs for each; () is in our own environment."""


@dataclass(frozen=True)
class Contestant:
    """Ours with further settings, or a peer."""

    name: str
    settings: Sequence[str] = ()
    peer: bool = False

    @property
    def options(self) -> str:
        """What tells it from another of the same name."""
        return " ".join(self.settings)

    def run(self, table: Table, train: Path, test: Path, seed: int, version: str) -> Result:
        """Train on one file and test on the other, in a process of its own; what went wrong is a result too."""
        command = self._command(table, train, test, seed)
        rows = _rows_in(train)
        place = Result(table.name, seed, self.name, self.options, "" if self.peer else version, rows=rows)
        try:
            process = processes.run(command)
        except processes.CommandError as error:
            return _changed(place, error=str(error)[-600:])
        said = json.loads(process.stdout) if not self.peer else json.loads(process.stdout.splitlines()[-1])
        figures = said if self.peer else _figures(said, table.classes)
        return _changed(place, processor=process.processor, **figures)

    def _command(self, table: Table, train: Path, test: Path, seed: int) -> list[str]:
        if not self.peer:
            chosen = [word for setting in self.settings for word in ("--set", setting)]
            files = ("train", str(train), "--test", str(test), "--target", table.target, "--task", table.task)
            run = ("--seed", str(seed), "--run-dir", str(train.parent / "run" / train.stem / self.name), "--json")
            return [sys.executable, "-m", "batchwright", *files, *run, *chosen]
        packages = PEERS[self.name]
        own = "pytabkit" if "pytabkit" in packages else self.name
        python = str(peers_python(own, packages)) if packages else sys.executable
        arguments = (self.name, str(train), str(test), table.target, table.task, str(seed))
        return [python, str(HERE / "quality_peers.py"), *arguments]


def _figures(said: Mapping[str, Any], classes: bool) -> dict[str, float]:
    """Score, loss and seconds of ours."""
    score, loss = ("accuracy", "log_loss") if classes else ("r2", "rmse")
    seconds = said["seconds"]["compile"] + said["seconds"]["fit"]
    return {"score": said["test"][score], "loss": said["test"][loss], "fit": seconds}


def _rows_in(file: Path) -> int:
    """The lines of a CSV file below its header."""
    with file.open("rb") as lines:
        return sum(1 for _ in lines) - 1


def _changed(result: Result, **figures: Any) -> Result:
    return Result(**(asdict(result) | figures))


def contestant_of(text: str) -> Contestant:
    """A variant of ours, from NAME=KEY=VALUE,KEY=VALUE.

    >>> contestant_of("wide=network.hidden_layer_sizes=[512,256],data.scaling=auto").settings
    ('network.hidden_layer_sizes=[512,256]', 'data.scaling=auto')
    """
    name, _, settings = text.partition("=")
    found = tuple(re.split(r",(?=[a-z_]+\.[\w.]+=)", settings))
    if not name or not all(re.match(r"[a-z_]+\.[\w.]+=.", setting) for setting in found):
        raise argparse.ArgumentTypeError(f"--ours takes NAME=KEY=VALUE,..., as a=data.scaling=auto, but is {text!r}.")
    return Contestant(name, found)


def hold(tables: Sequence[Table], contestants: Sequence[Contestant], given: argparse.Namespace) -> Iterator[Result]:
    """All results, seed by seed, those of an earlier run included."""
    done = {one.key: one for one in read_results(given.results) if one.contestant not in given.again}
    version = _version()
    with tempfile.TemporaryDirectory(prefix="batchwright-quality-") as scratch:
        for seed in range(given.seeds):
            for table in tables:
                train, test = table.write_split(Path(scratch), seed, given.rows)
                rows = _rows_in(train)
                for one in contestants:
                    found = done.get((table.name, seed, one.name, one.options, rows))
                    if found is None or found.error:
                        found = one.run(table, train, test, seed, version)
                        with given.results.open("a") as file:
                            file.write(json.dumps(asdict(found)) + "\n")
                        print(found, file=sys.stderr, flush=True)
                    yield found


def read_results(path: Path) -> list[Result]:
    """The results of a file, the newest of a key last; [] where there is none."""
    return [Result(**json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []


def _version() -> str:
    """The commit of the batchwright that is measured, with a mark if files differ from it; "" where there is none."""
    folder = str(Path(batchwright.__file__).parent)
    try:
        return processes.run(["git", "-C", folder, "describe", "--always", "--dirty"]).stdout.strip()
    except (processes.CommandError, OSError):
        return ""


def _names(allowed: Sequence[str]) -> Any:
    def read(text: str) -> list[str]:
        found = [name for name in text.split(",") if name]
        if wrong := [name for name in found if name not in allowed]:
            raise argparse.ArgumentTypeError(f"there is no {wrong[0]!r}; there are {', '.join(allowed)}")
        return found

    return read


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write as the command line says; the exit code."""
    given = _parser().parse_args(arguments)
    tables = list(read_tables(given.tables, given.packaged, given.only))
    if not tables:
        print("no tables: give --tables FOLDER or --packaged, and --only names of their tables", file=sys.stderr)
        return 2
    contestants = [Contestant(OURS), *given.ours, *(Contestant(name, peer=True) for name in given.peers)]
    text = markdown(tables, [one.name for one in contestants], list(hold(tables, contestants, given)))
    print(text, end="")
    if given.markdown:
        replace_section(given.markdown, text, "quality")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=Path, action="append", default=[], metavar="FOLDER", help="of CSV files")
    parser.add_argument("--packaged", action="store_true", help=f"scikit-learn's {', '.join(PACKAGED)} too")
    parser.add_argument("--only", type=lambda text: text.split(","), default=[], metavar="NAMES", help="of tables")
    parser.add_argument("--seeds", type=int, default=3, help="splits, and seeds of all contestants (default 3)")
    parser.add_argument("--rows", type=int, help="at most so many training rows of a table")
    parser.add_argument("--ours", type=contestant_of, action="append", default=[], metavar="NAME=KEY=VALUE,...")
    parser.add_argument(
        "--peers", type=_names(tuple(PEERS)), default=DEFAULT_PEERS, help=f"of {', '.join(PEERS)} ({DEFAULT_PEERS})"
    )
    parser.add_argument("--results", type=Path, default=Path("quality.jsonl"), help="JSON lines (quality.jsonl)")
    parser.add_argument(
        "--again", type=lambda text: text.split(","), default=[], metavar="NAMES", help="of contestants to run anew"
    )
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="replace the section `quality` of a file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
