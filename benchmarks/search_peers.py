"""PyTorch does what searches do: a loop over configurations, or Optuna driving it. Prints one line of JSON.

usage: search_peers.py loop SOURCE [--hidden 64] [--batch-size 64] [--configurations 8] [--epochs 1] [--threads 1]
       search_peers.py optuna ROWS.npz [--batch-size 64] [--trials 64] [--epochs 10] [--pruning none]

The line of `loop` holds the seconds per configuration and epoch, by `clock` and `processor`. That of `optuna` holds
both, `value` (the lowest validation loss of any epoch of any trial), `stopped` (trials that were pruned) and `threads`.
"""

import argparse
import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import torch
from data import load
from spaces import HIDDEN, MOMENTUM, RATE, RATES, Cost
from torch import nn

THREADS = (1, 2)
TIMED_BATCHES = 300


class Network(nn.Module):
    """Dense layers with relu on the numbers of a row and the embeddings of its codes, where it has some."""

    def __init__(self, numbers: int, embeddings: Sequence[tuple[int, int]], hidden: Sequence[int], classes: int):
        super().__init__()
        self.embeddings = nn.ModuleList(nn.Embedding(codes, units) for codes, units in embeddings)
        sizes = (numbers + sum(units for _, units in embeddings), *hidden)
        layers: list[nn.Module] = []
        for before, after in pairwise(sizes):
            layers += [nn.Linear(before, after), nn.ReLU()]
        self.body = nn.Sequential(*layers, nn.Linear(sizes[-1], classes))

    def forward(self, x: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        embedded = [table(codes[:, column]) for column, table in enumerate(self.embeddings)]
        return self.body(torch.cat([x, *embedded], dim=1) if embedded else x)


Rows = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""Numbers, codes and classes."""


def train_epoch(network: Network, optimizer: torch.optim.Optimizer, rows: Rows, batch_size: int) -> None:
    """The usual five lines."""
    x, codes, y = rows
    for i in torch.randperm(len(x)).split(batch_size):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(x[i], codes[i]), y[i]).backward()
        optimizer.step()


def loop(given: argparse.Namespace) -> dict[str, Any]:
    """Configurations of the learning rate one after another."""
    torch.set_num_threads(given.threads)
    found = load(given.source)
    x, y = torch.from_numpy(found.x_train), torch.from_numpy(found.y_train)
    rows = x, torch.empty((len(x), 0), dtype=torch.int64), y
    _import_all(rows)
    started = Cost.now()
    for rate in np.geomspace(*RATES, given.configurations):
        network = Network(x.shape[1], (), (given.hidden,), int(y.max()) + 1)
        optimizer = torch.optim.SGD(network.parameters(), lr=float(rate), momentum=0.9)
        for _ in range(given.epochs):
            train_epoch(network, optimizer, rows, given.batch_size)
    return asdict(started.until(Cost.now(), given.configurations * given.epochs))


def _import_all(rows: Rows) -> None:
    """A batch of a network that is thrown away: the first optimizer imports half of PyTorch, which takes seconds."""
    network = Network(rows[0].shape[1], (), (2,), int(rows[2].max()) + 1)
    train_epoch(network, torch.optim.SGD(network.parameters()), tuple(array[:2] for array in rows), 2)


def search(given: argparse.Namespace) -> dict[str, Any]:
    """Optuna's TPE over the space; with "halving", its pruner of successive halving."""
    with np.load(given.source) as found:
        arrays = {name: torch.from_numpy(found[name]) for name in found.files}
    train, validation = (
        (arrays[f"x_{of}"], arrays[f"codes_{of}"], arrays[f"y_{of}"]) for of in ("train", "validation")
    )
    _import_all((train[0], train[1][:, :0], train[2]))
    embeddings = [(int(codes), int(units)) for codes, units in arrays["embeddings"]]
    threads = min(THREADS, key=lambda number: _trial_seconds(train, embeddings, given, number))
    torch.set_num_threads(threads)
    optuna.logging.set_verbosity(optuna.logging.WARNING)

    def objective(trial: optuna.Trial) -> float:
        torch.manual_seed(given.seed * given.trials + trial.number)
        network, optimizer = _chosen(trial, train[0].shape[1], embeddings)
        return min(_epochs(trial, network, optimizer, train, validation, given))

    pruner = optuna.pruners.SuccessiveHalvingPruner() if given.pruning == "halving" else optuna.pruners.NopPruner()
    started = Cost.now()
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=given.seed), pruner=pruner)
    study.optimize(objective, n_trials=given.trials)
    taken = started.until(Cost.now(), 1)
    stopped = sum(one.state is optuna.trial.TrialState.PRUNED for one in study.trials)
    return asdict(taken) | {"value": study.best_value, "stopped": stopped, "threads": threads}


def _trial_seconds(
    train: Rows, embeddings: Sequence[tuple[int, int]], given: argparse.Namespace, threads: int
) -> float:
    """Seconds of some batches of the middle network with so many threads."""
    torch.set_num_threads(threads)
    network = Network(train[0].shape[1], embeddings, (64,), 2)
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3, momentum=0.9)
    x, codes, y = (array[: TIMED_BATCHES * given.batch_size] for array in train)
    started = time.perf_counter()
    train_epoch(network, optimizer, (x, codes, y), given.batch_size)
    return time.perf_counter() - started


def _chosen(
    trial: optuna.Trial, numbers: int, embeddings: Sequence[tuple[int, int]]
) -> tuple[Network, torch.optim.Optimizer]:
    rate = trial.suggest_float("learning_rate", *RATE, log=True)
    low, high = (1 - end for end in reversed(MOMENTUM))
    momentum = 1 - trial.suggest_float("one_minus_momentum", low, high, log=True)
    hidden = json.loads(trial.suggest_categorical("hidden", [json.dumps(sizes) for sizes in HIDDEN]))
    network = Network(numbers, embeddings, hidden, 2)
    return network, torch.optim.SGD(network.parameters(), lr=rate, momentum=momentum)


def _epochs(
    trial: optuna.Trial,
    network: Network,
    optimizer: torch.optim.Optimizer,
    train: Rows,
    validation: Rows,
    given: argparse.Namespace,
) -> Iterator[float]:
    """The validation loss after each epoch; infinite where it is not finite."""
    x, codes, y = validation
    for epoch in range(given.epochs):
        train_epoch(network, optimizer, train, given.batch_size)
        with torch.inference_mode():
            loss = float(nn.functional.cross_entropy(network(x, codes), y))
        yield loss if math.isfinite(loss) else math.inf
        if not math.isfinite(loss):
            return
        trial.report(loss, epoch + 1)
        if trial.should_prune():
            raise optuna.TrialPruned


MODES: Mapping[str, Any] = {"loop": loop, "optuna": search}


def main() -> None:
    """Do as the command line says, and print the line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=MODES)
    parser.add_argument("source", type=Path)
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--configurations", type=int, default=8)
    parser.add_argument("--trials", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0, help="of optuna's proposals and of its trials")
    parser.add_argument("--threads", type=int, default=1, help="of loop; optuna takes the faster number")
    parser.add_argument("--pruning", choices=("none", "halving"), default="none")
    given = parser.parse_args()
    print(json.dumps(MODES[given.mode](given)))


if __name__ == "__main__":
    main()
