"""Comparisons and remedies from Python in one call: what the command line does, on rows that have been loaded."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from batchwright._files import path_of
from batchwright.comparison.compare import Compared, CompareOptions
from batchwright.comparison.remedies import try_remedies as remedies_tried
from batchwright.comparison.saved import compare_into
from batchwright.comparison.tried import Remedy, Tried
from batchwright.config import Given, LossName
from batchwright.data.dataset import Dataset
from batchwright.diagnosis import Diagnosis, diagnose
from batchwright.errors import ConfigError
from batchwright.nn import Architecture, Layer, Network, as_architecture
from batchwright.optim import Optimizer, Schedule
from batchwright.runs.run import Run, open_run
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
    run_dir: Path | str | None = None,
) -> Compared:
    """Compare update rules, or the values of any setting, each with its learning rate tuned.

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
        run_dir: a new folder for what comes of it, which `open_comparison` opens; None writes nothing.

    Raises:
        ConfigError: all problems of the settings and the parts, and of their fit to the data.
        RunError: the folder exists.
        UsageError: it cannot be written.

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
    place = None if run_dir is None else path_of(run_dir, "run_dir")
    events = compare_into(place, chosen, vary, CompareOptions(trials, seeds), data)
    return next(event for event in events if isinstance(event, Compared))


def try_remedies(
    run: Run | Path | str,
    diagnoses: Sequence[Diagnosis | Mapping[str, Any]] | None = None,
    data: Dataset | None = None,
    *,
    seeds: int = 5,
    epochs: int | None = None,
    network: Architecture | Network | Layer | None = None,
    optimizer: Optimizer | None = None,
    schedule: Schedule | None = None,
    loss: Loss | None = None,
    metrics: Sequence[Metric] = (),
    task: Task | None = None,
) -> Tried:
    """Train a run with what may mend it, and unchanged, with several seeds, and say what helps; nothing is written.

    Args:
        run: the run, or its folder.
        diagnoses: what `diagnose` has found, or changes of your own: settings by dotted key. None: what `diagnose`
            finds.
        data: the rows that `fit` was given; None reads the rows of a command-line run again.
        seeds: with how many seeds, 2 or more; they are others than the run's own.
        epochs: the epochs of each training in place of the run's; a remedy that changes the epochs keeps its own.
        network: the network of your own that `fit` was given; likewise the arguments below.
        optimizer: the same.
        schedule: the same.
        loss: the same.
        metrics: the same.
        task: the same.

    Raises:
        ConfigError: nothing to try, or no remedy goes with the run; no validation rows; a part of your own is missing.
        RunError: the run cannot be read, or its rows are not those that it was trained on.
    """
    opened = run if isinstance(run, Run) else open_run(run)
    found = diagnose(opened, data) if diagnoses is None else diagnoses
    architecture = None if network is None else as_architecture(network)
    given = Given(architecture, optimizer, schedule, loss, tuple(metrics), task)
    events = remedies_tried(
        opened, [_remedy(one) for one in found], seeds=seeds, epochs=epochs, dataset=data, given=given
    )
    return next(event for event in events if isinstance(event, Tried))


def _remedy(one: object) -> Remedy:
    """What a diagnosis would change, or changes of the user's own."""
    if isinstance(one, Mapping):
        return Remedy("your own", one)
    if isinstance(one, Diagnosis):
        return Remedy(one.kind, one.changes)
    raise ConfigError(
        f"try_remedies takes diagnoses, or settings by key as {{'training.epochs': 40}}, not {one!r:.60}."
    )
