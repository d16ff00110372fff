"""The contestants side by side: every round runs each of them once, one process at a time."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import processes
from jobs import PEERS, Job

OURS = "batchwright"
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Places:
    """Where everything is: the `batchwright` command, the peers' Python, the data, and a folder for what is passing."""

    command: Path
    peers_python: Path
    mnist: Path
    scratch: Path

    @property
    def python(self) -> Path:
        """The Python of batchwright's environment."""
        return self.command.parent / "python"

    def source(self, job: Job) -> Path:
        """What a job is trained on; the table is made where it is missing."""
        if job.source == "mnist":
            return self.mnist
        table = self.scratch / "table.npz"
        if not table.exists():
            processes.run([str(self.peers_python), str(HERE / "data.py"), str(table)])
        return table

    def ours(self, *arguments: str) -> processes.Process:
        """Run `batchwright` with runs and compilation cache in the scratch folder: the user's own are left alone."""
        number = sum(1 for _ in self.scratch.glob("run-*"))
        folder = ("--run-dir", str(self.scratch / f"run-{number}")) if arguments[0] == "train" else ()
        cache = {"BATCHWRIGHT_CACHE": str(self.scratch / "cache")}
        return processes.run([str(self.command), *arguments, *folder], cache)


@dataclass(frozen=True)
class Measurement:
    """What one process trained, and what it took.

    `fit` and `compile` are seconds as the contestant measured them, apart from each other; `whole` seconds (from the
    start of the process to its end) and `peak_mb` (MiB) are measured from outside. `accuracy` is on the test rows.
    """

    fit: float
    compile: float
    whole: float
    peak_mb: float
    accuracy: float
    parameters: int
    updates: int

    @property
    def fit_and_compile(self) -> float:
        """Seconds in which nothing but training is prepared or done."""
        return self.fit + self.compile


@dataclass(frozen=True)
class Contest:
    """A job as all have done it: `first` is ours with an empty compilation cache, before the rounds.

    `product_rates` (GFLOP/s) has the matrix-product rate of each round; () where the job does not ask for it.
    """

    job: Job
    first: Measurement
    rounds: tuple[Mapping[str, Measurement], ...]
    product_rates: tuple[float, ...]

    def series(self, contestant: str, quantity: str) -> list[float]:
        """One of a contestant's measured quantities, round by round."""
        return [getattr(one[contestant], quantity) for one in self.rounds]

    def reached_rates(self) -> list[float]:
        """GFLOP/s that our fit reaches in each round, counting the matrix products alone."""
        flops = self.job.flops_per_update
        return [flops * one[OURS].updates / one[OURS].fit / 1e9 for one in self.rounds]


def hold(job: Job, places: Places, pairs: int) -> Contest:
    """Run a job `pairs` times by every contestant, in an order that turns from round to round.

    A round before them is not counted: it fills the compilation cache and the system's file cache.
    """
    contestants = (OURS, *job.aims)
    first, *_ = [_measure(contestant, job, places, "warm-up") for contestant in contestants]
    rounds, rates = [], []
    for number in range(pairs):
        turn = number % len(contestants)
        label = f"round {number + 1} of {pairs}"
        order = contestants[turn:] + contestants[:turn]
        rounds.append({contestant: _measure(contestant, job, places, label) for contestant in order})
        if job.product_aim is not None:
            rates.append(float(processes.run([str(places.python), str(HERE / "product.py")]).stdout))
    return Contest(job, first, tuple(rounds), tuple(rates))


def _measure(contestant: str, job: Job, places: Places, label: str) -> Measurement:
    measured = _our_measurement(job, places) if contestant == OURS else _peer_measurement(contestant, job, places)
    name = PEERS.get(contestant, contestant)
    print(f"({job.key}) {label}: {name}: {measured.fit:.3f} s in fit, {measured.whole:.2f} s in all", file=sys.stderr)
    return measured


def _our_measurement(job: Job, places: Places) -> Measurement:
    process = places.ours("train", str(places.source(job)), *_options(job))
    said = json.loads(process.stdout)
    seconds, plan = said["seconds"], said["plan"]
    return Measurement(
        fit=seconds["fit"],
        compile=seconds["compile"],
        whole=process.seconds,
        peak_mb=process.peak_mb,
        accuracy=said["test"]["accuracy"],
        parameters=plan["parameters"],
        updates=plan["updates"],
    )


def _options(job: Job) -> list[str]:
    dense = ["--hidden-layer-sizes", str(job.hidden), "--no-batch-normalization"]
    return [
        *("--network", job.network),
        *(dense if job.network == "mlp" else ()),
        *("--optimizer", "sgd", "--momentum", str(job.momentum)),
        *("--learning-rate", str(job.learning_rate), "--schedule", "constant"),
        *("--batch-size", str(job.batch_size), "--epochs", str(job.epochs)),
        *("--validation-split", "0", "--json"),
    ]


def _peer_measurement(peer: str, job: Job, places: Places) -> Measurement:
    command = [places.peers_python, HERE / "peers.py", peer, job.key, places.source(job), "--epochs", job.epochs]
    process = processes.run([os.fspath(part) if isinstance(part, Path) else str(part) for part in command])
    said = json.loads(process.stdout.splitlines()[-1])
    return Measurement(
        fit=said["fit"],
        compile=said["compile"],
        whole=process.seconds,
        peak_mb=process.peak_mb,
        accuracy=said["accuracy"],
        parameters=said["parameters"],
        updates=said["updates"],
    )
