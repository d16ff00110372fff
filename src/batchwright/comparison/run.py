"""Comparisons from Python in one call: what the command line does, on rows that have been loaded."""

from collections.abc import Mapping, Sequence
from typing import Any

from batchwright.comparison.compare import Compared, CompareOptions
from batchwright.comparison.compare import compare as comparison
from batchwright.config import LossName
from batchwright.data.dataset import Dataset
from batchwright.errors import ConfigError
from batchwright.nn import Architecture, Layer, Network
from batchwright.optim import Optimizer, Schedule
from batchwright.search.brought import Parts, space_of
from batchwright.search.run import check_text
from batchwright.tasks import Loss, Metric, Task


def compare(
    data: Dataset,
    space: Mapping[str, Any] | None = None,
    *,
    vary: str | None = None,
    network: Architecture | Network | Layer | None = None,
    optimizer: Optimizer | None = None,
    schedule: Schedule | None = None,
    loss: LossName | Loss | None = None,
    metrics: Sequence[str | Metric] = (),
    task: Task | None = None,
    trials: int = 8,
    seeds: int = 5,
) -> Compared:
    """Compare update rules, or the values of any setting, each with its learning rate tuned; nothing is written.

    Args:
        data: training rows, and validation rows, whose loss is compared.
        space: values by configuration key, which are the same for all variants; other keys have their defaults.
        vary: a key, with or without values, such as "network.activation=relu,tanh"; None compares update rules.
        network: as for `fit`, like the arguments up to `task`. An `optimizer` of your own is compared with the others.
        optimizer: the same.
        schedule: the same.
        loss: the same.
        metrics: the same.
        task: the same.
        trials: how many learning rates are tried for each.
        seeds: how many seeds each is then trained with.

    Raises:
        ConfigError: all problems of the settings and the parts, and of their fit to the data.

    >>> import batchwright as bw
    >>> small = {"network.name": "linear", "training.epochs": 2, "training.batch_size": 32}
    >>> found = bw.compare(bw.load("iris"), small, vary="optimizer.name=sgd,adam", trials=2, seeds=2)
    >>> sorted(row.name for row in found.rows)
    ['adam', 'sgd']
    """
    if not isinstance(data, Dataset):
        raise ConfigError(f"compare takes rows that load has read, as in compare(load('iris')), but not {data!r:.60}.")
    check_text(vary=vary)
    if wrong := {name: n for name, n in (("trials", trials), ("seeds", seeds)) if not isinstance(n, int) or n < 1}:
        name, number = next(iter(wrong.items()))
        raise ConfigError(f"{name} has to be a whole number from 1 on, but is {number!r}.")
    chosen = space_of(space, Parts(network, optimizer, schedule, loss, metrics, task))
    events = comparison(chosen, vary, CompareOptions(trials, seeds), data)
    return next(event for event in events if isinstance(event, Compared))
