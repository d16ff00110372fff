"""What many configurations cost: trained at once, one after another, and by PyTorch; and whole searches.

Parts: (a) a small table, 64 learning rates; (b) the same by the number of configurations; (c) MNIST, 16 learning
rates; (d) `batchwright search` on adult beside Optuna with PyTorch; (e) `batchwright compare digits`. Runs in
batchwright's own environment, the peer in its own; nothing else should run meanwhile.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import data
import environment
import populations
import processes
from report import replace_section, verdict
from searching_text import (
    ALONE,
    ALONE_VALIDATED,
    AT_ONCE,
    EACH_VALIDATION,
    TORCH,
    VALIDATED,
    VALIDATION,
    Search,
    Setup,
    costs_text,
    searches_text,
    sizes_text,
)
from spaces import HIDDEN, MOMENTUM, RATE, Cost

from batchwright import _cache

ROOT = Path(__file__).resolve().parents[1]
HERE = Path(__file__).parent
SIZES = (1, 4, 16, 64, 256, 1024, 4096)
CACHES = ("compiling all programs", "programs in the cache")
CORES = (1, 2)
TRIES = 2
"""How often the peer is tried with each number of threads; the fastest is taken."""
COMPARE_AIM = 20.0
SPACE = """\
data: {{source: {source}, target: income}}
network: {{kind: mlp, hidden_layer_sizes: {hidden}, batch_normalization: false, dropout: 0}}
optimizer: {{name: sgd, learning_rate: {rate}, momentum: {momentum}}}
schedule: {{name: constant}}
training: {{seed: {seed}, batch_size: 64, epochs: {epochs}, early_stopping: null}}
"""
CHOSEN = {
    "hidden": f"{{choice: {list(HIDDEN)}}}",
    "rate": f"{{log: {list(RATE)}}}",
    "momentum": f"{{one_minus_log: {list(MOMENTUM)}}}",
}
MIDDLE = {"hidden": "[64]", "rate": "0.03", "momentum": "0.9"}


@dataclass(frozen=True)
class Places:
    """The two Pythons, the folder with mnist/ and tables/, and a folder for what is passing."""

    command: Path
    peers_python: Path
    data: Path
    scratch: Path

    def peer(self, *words: object) -> dict[str, float]:
        """What search_peers.py says."""
        process = processes.run([str(self.peers_python), str(HERE / "search_peers.py"), *map(str, words)])
        said: dict[str, float] = json.loads(process.stdout.splitlines()[-1])
        return said

    def ours(self, cache: str, *words: object) -> processes.Process:
        """Run `batchwright` with a compilation cache of this name."""
        env = {"BATCHWRIGHT_CACHE": str(self.scratch / cache)}
        return processes.run([str(self.command), *map(str, words)], env)


def table_setup(places: Places) -> Setup:
    """(a); the table is written where it is missing."""
    source = places.scratch / "table.npz"
    if not source.exists():
        data.write_table(source)
    aims = {(AT_ONCE, ALONE): 1 / 3, (VALIDATED, ALONE_VALIDATED): 1 / 4, (AT_ONCE, TORCH): 1 / 20}
    aims |= {(VALIDATED, TORCH): 1 / 20, (VALIDATION, EACH_VALIDATION): None}
    return Setup("table of 10,000 rows, 20-64-2, batch 32", source, 64, 32, 64, 10, 16, 4, aims)


def mnist_setup(places: Places) -> Setup:
    """(c)."""
    aims = {(AT_ONCE, ALONE): None, (AT_ONCE, TORCH): 1 / 2.5}
    return Setup("MNIST, 784-128-10, batch 100", places.data / "mnist", 128, 100, 16, 1, 4, 2, aims)


def costs(setup: Setup, places: Places, pairs: int, *, members: int | None = None) -> str:
    """Seconds per configuration and epoch of each way, round by round, after one round that is not counted."""
    task = populations.read(setup.source, hidden=setup.hidden, batch_size=setup.batch_size)
    number, alone = members or setup.members, min(setup.alone, members or setup.alone)
    threads = min(CORES * TRIES, key=lambda cores: _peer_cost(places, setup, cores, configurations=1).clock)
    ways: dict[str, Callable[[], Cost]] = {
        AT_ONCE: lambda: populations.at_once(task, task.jobs(number, setup.epochs)),
        ALONE: lambda: populations.one_by_one(task, task.jobs(alone, setup.epochs)),
        VALIDATED: lambda: populations.at_once(task, task.jobs(number, setup.epochs, validated=True)),
        ALONE_VALIDATED: lambda: populations.one_by_one(task, task.jobs(alone, setup.epochs, validated=True)),
        VALIDATION: lambda: populations.validation(task, task.jobs(number, 1, validated=True), at_once=True),
        EACH_VALIDATION: lambda: populations.validation(task, task.jobs(number, 1, validated=True), at_once=False),
        TORCH: lambda: _peer_cost(places, setup, threads, configurations=setup.peer_configurations),
    }
    wanted = {way for pair in setup.aims for way in pair}
    found = rounds({name: way for name, way in ways.items() if name in wanted}, pairs)
    updates = task.job.plan.iterations_per_epoch
    return costs_text(setup, found, number, updates, f"PyTorch has {threads} of {CORES} threads, the faster")


def _peer_cost(places: Places, setup: Setup, threads: int, *, configurations: int) -> Cost:
    words = ("--hidden", setup.hidden, "--batch-size", setup.batch_size, "--threads", threads)
    return Cost(**places.peer("loop", setup.source, *words, "--configurations", configurations))


def rounds(ways: Mapping[str, Callable[[], Cost]], pairs: int) -> dict[str, list[Cost]]:
    """Each way once a round, in an order that turns; the first round, which compiles, is not counted."""
    names, found = list(ways), {name: list[Cost]() for name in ways}
    for number in range(-1, pairs):
        turn = number % len(names)
        for name in (*names[turn:], *names[:turn]):
            cost = ways[name]()
            times = f"{cost.clock * 1e3:.2f} ms, {cost.processor * 1e3:.2f} of processor"
            print(f"round {number + 1} of {pairs}: {name}: {times}", file=sys.stderr)
            if number >= 0:
                found[name].append(cost)
    return found


def sizes(places: Places, pairs: int, largest: int) -> str:
    """(b)."""
    setup = table_setup(places)
    task = populations.read(setup.source, hidden=setup.hidden, batch_size=setup.batch_size)
    epochs = {size: 5 if size <= 64 else 1 for size in SIZES if size <= largest}
    ways: dict[str, Callable[[], Cost]] = {
        f"{size:,}": lambda size=size: populations.at_once(task, task.jobs(size, epochs[size])) for size in epochs
    }
    return sizes_text(rounds(ways, pairs), task.job.plan.iterations_per_epoch)


def searches(places: Places, trials: int, epochs: int, peer_trials: int, caches: int, seed: int) -> str:
    """(d)."""
    source = places.data / "tables/adult-train.csv"
    space, fixed, rows = (places.scratch / name for name in ("space.yaml", "fixed.yaml", "rows.npz"))
    space.write_text(SPACE.format(source=source, epochs=epochs, seed=seed, **CHOSEN))
    fixed.write_text(SPACE.format(source=source, epochs=epochs, seed=seed, **MIDDLE))
    populations.export(fixed, rows)
    ours = list(_our_searches(places, space, trials, caches))
    theirs = [_peer_search(places, rows, pruning, trials, epochs, peer_trials, seed) for pruning in ("none", "halving")]
    return searches_text(ours, theirs, trials, epochs)


def _our_searches(places: Places, space: Path, trials: int, caches: int) -> Iterator[Search]:
    """Each pruning with an empty compilation cache, and once more."""
    for pruning in ("none", "halving"):
        for note in CACHES[:caches]:
            run = places.scratch / f"search-{pruning}-{note.split()[0]}"
            words = ("search", "--config", space, "--trials", trials, "--pruning", pruning, "--json", "--run-dir", run)
            process = places.ours(f"cache-{pruning}", *words)
            said = json.loads(process.stdout)
            found = Search(f"search, {pruning}", process.seconds, said["stopped"], said["best"]["value"], note)
            print(found, file=sys.stderr)
            yield found


def _peer_search(
    places: Places, rows: Path, pruning: str, trials: int, epochs: int, peer_trials: int, seed: int
) -> Search:
    words = ("optuna", rows, "--trials", min(trials, peer_trials), "--epochs", epochs, "--pruning", pruning)
    said = places.peer(*words, "--seed", seed)
    scale = trials / min(trials, peer_trials)
    note = f"{said['threads']} threads, {said['processor'] * scale:.1f} s of processor" + (
        f"; extrapolated from {peer_trials} trials" if scale > 1 else ""
    )
    name = f"Optuna and PyTorch, {pruning}"
    found = Search(name, said["clock"] * scale, int(said["stopped"]), said["value"], note)
    print(found, file=sys.stderr)
    return found


def compare(places: Places, caches: int) -> str:
    """(e), with an empty compilation cache, and once more."""
    lines = []
    for note in CACHES[:caches]:
        process = places.ours("cache-compare", "compare", "digits", "--json")
        rules = len(json.loads(process.stdout)["rows"])
        lines.append(
            f"- `batchwright compare digits`, {rules} update rules, {note}: {process.seconds:.1f} s; aim < "
            f"{COMPARE_AIM:.0f}: {verdict(process.seconds < COMPARE_AIM)}."
        )
        print(lines[-1], file=sys.stderr)
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write as the command line says; the exit code."""
    given = _parser().parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="batchwright-searching-") as scratch:
        peers_python = given.peers_python or environment.peers_python()
        places = Places(given.batchwright.absolute(), peers_python, given.data.resolve(), Path(scratch))
        _cache.use()
        for part in given.only.split(","):
            text = _dated(part, given, places)
            print(f"({part}) {text}")
            if given.markdown:
                replace_section(given.markdown, text, f"searching-{part}")
    return 0


def _dated(part: str, given: argparse.Namespace, places: Places) -> str:
    """A part, with the date and the load of the machine before it."""
    when, load = (
        time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        environment.describe(places.command.parent / "python", places.peers_python),
    )
    missing = {"c": places.data / "mnist", "d": places.data / "tables"}.get(part)
    if missing is not None and not missing.exists():
        return f"Skipped: there is no {missing}.\n"
    text = _measured(part, given, places)
    torch = load.peers.get("torch", "none")
    return f"{when}, {load.cores} cores, load {load.load:.1f} at the start, PyTorch {torch}.\n\n{text}\n"


def _measured(part: str, given: argparse.Namespace, places: Places) -> str:
    if part == "a":
        return costs(table_setup(places), places, given.pairs, members=given.members)
    if part == "b":
        return sizes(places, min(given.pairs, 3), given.largest)
    if part == "c":
        return costs(mnist_setup(places), places, given.pairs, members=given.members)
    if part == "d":
        return searches(places, given.trials, 10, given.peer_trials, given.caches, given.seed)
    return compare(places, given.caches)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="a,b,c,d,e", help="some of the parts, with commas")
    parser.add_argument("--pairs", type=int, default=5, help="rounds (default 5; of (b) at most 3)")
    parser.add_argument("--members", type=int, help="configurations of (a) and (c), to try things out")
    parser.add_argument("--largest", type=int, default=SIZES[-1], help="configurations of (b) at most")
    parser.add_argument("--trials", type=int, default=64, help="of (d) (default 64)")
    parser.add_argument("--peer-trials", type=int, default=64, help="of Optuna in (d); fewer are extrapolated")
    parser.add_argument("--seed", type=int, default=0, help="of (d): of the split, the proposals and the trials")
    parser.add_argument("--caches", type=int, default=2, choices=(1, 2), help="1: (d) and (e) with an empty cache only")
    parser.add_argument("--data", type=Path, default=ROOT / "../shared/data", help="folder with mnist/ and tables/")
    parser.add_argument("--peers-python", type=Path, help="a Python with torch and optuna; else one is installed")
    parser.add_argument("--batchwright", type=Path, default=ROOT / ".venv/bin/batchwright", help="the command")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="replace the sections `searching-…` of a file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
