"""Our side of what many configurations cost: trained at once, or one after another, with the programs compiled before.

Runs in batchwright's own environment.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from spaces import RATES, Cost

from batchwright.config import load_config
from batchwright.nn.protocols import Variables
from batchwright.population.fit import fit_members, states_of
from batchwright.population.members import begin
from batchwright.population.validate import validate_at_once, validate_each
from batchwright.training.checkpoint import first_checkpoint
from batchwright.training.events import Compiled
from batchwright.training.fit import fit
from batchwright.training.job import Job
from batchwright.training.state import initial_state, to_device
from batchwright.workflow.preparing import Prepared, example_of, prepare


class Task(NamedTuple):
    """A job whose learning rate is to be chosen, what a network is shown when it is made, and rows held out."""

    job: Job
    example: Mapping[str, np.ndarray]
    held_out: Job

    def jobs(self, number: int, epochs: int, *, validated: bool = False) -> list[Job]:
        """So many configurations of the learning rate, with validation after every epoch or without."""
        base = self.held_out if validated else self.job
        base = replace(base, plan=replace(base.plan, epochs=epochs))
        optimizer = base.program.optimizer
        rates = [float(rate) for rate in np.geomspace(*RATES, number)]
        programs = [replace(base.program, optimizer=replace(optimizer, learning_rate=rate)) for rate in rates]
        return [replace(base, program=program) for program in programs]


def read(source: Path, *, hidden: int, batch_size: int) -> Task:
    """One hidden layer on all training rows of a source, by SGD with momentum; its test rows are those held out."""
    chosen = {
        "data.source": str(source),
        "data.validation_split": "0",
        "network.name": "mlp",
        "network.hidden_layer_sizes": f"[{hidden}]",
        "network.batch_normalization": "false",
        "network.dropout": "0",
        "optimizer.name": "sgd",
        "optimizer.momentum": "0.9",
        "schedule.name": "constant",
        "training.batch_size": str(batch_size),
        "training.diagnostics": "false",  # as trials of a search are, and the peer's
    }
    prepared = prepare(load_config(None, [(key, value, key) for key, value in chosen.items()]))
    held_out = to_device(prepared.dataset.test)
    validated = replace(prepared.job, validation=held_out, figures=frozenset())  # the loss alone, as trials of a search
    return Task(prepared.job, example_of(prepared.dataset), validated)


def at_once(task: Task, jobs: Sequence[Job]) -> Cost:
    """Seconds per configuration and epoch of all trained at once, from their first parameters on.

    Raises:
        RuntimeError: one of them diverged, and so was not trained to the end.
    """
    started = Cost.now()
    *_, runs = fit_members(jobs, task.example)
    ended = Cost.now()
    if any(run.end is None or run.end.status != "finished" for run in runs):
        raise RuntimeError("a configuration diverged: the times mean nothing.")
    return started.until(ended, len(jobs) * jobs[0].plan.epochs)


def validation(task: Task, jobs: Sequence[Job], *, at_once: bool) -> Cost:
    """Seconds per configuration of validating all once: with one program for the outputs of all, or each by itself."""
    members = begin([job.program for job in jobs], [job.seed for job in jobs], task.example)
    states = list(states_of(members, range(len(jobs))))
    started = Cost.now()
    found = validate_at_once(jobs, states) if at_once else validate_each(jobs, states)
    ended = Cost.now()
    if not all(one.metrics for one in found):
        raise RuntimeError("a configuration was not validated: the times mean nothing.")
    return started.until(ended, len(jobs))


def one_by_one(task: Task, jobs: Sequence[Job]) -> Cost:
    """Seconds per configuration and epoch of runs one after another, less those of compiling or reading the program."""
    spent, epochs = Cost(0.0, 0.0), jobs[0].plan.epochs
    for job in jobs:
        started = Cost.now()
        state = initial_state(job.program, task.example, seed=job.seed)
        made = started.until(Cost.now(), 1)
        for event in fit(job, first_checkpoint(state)):
            started = Cost.now() if isinstance(event, Compiled) else started
        trained = started.until(Cost.now(), 1)
        spent = Cost(spent.clock + made.clock + trained.clock, spent.processor + made.processor + trained.processor)
    return Cost(0.0, 0.0).until(spent, len(jobs) * epochs)


def export(config: Path, path: Path) -> None:
    """Write the rows that a configuration makes, encoded as they are, for the peer to train on."""
    prepared: Prepared = prepare(load_config(config, ()))
    parts = {"train": prepared.job.train, "validation": prepared.job.validation}
    arrays: dict[str, np.ndarray] = {}
    for name, rows in parts.items():
        assert rows is not None
        arrays[f"x_{name}"] = np.asarray(rows.inputs["numeric"])
        arrays[f"codes_{name}"] = np.asarray(rows.inputs.get("categorical", np.empty((rows.length, 0))), np.int64)
        arrays[f"y_{name}"] = np.asarray(rows.targets, np.int64)
    tables = _tables(prepared.state.variables)
    np.savez(path, **arrays, embeddings=np.array(tables, np.int64).reshape(-1, 2))


def _tables(variables: Variables) -> list[tuple[int, int]]:
    """Categories and units of each embedding."""
    inputs = variables.params.get("inputs", {})
    return [inputs[f"embedding_{number}"]["table"].shape for number in range(len(inputs))]
