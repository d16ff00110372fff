"""Small rows, programs and jobs that many tests train, and what they take from the events of a training."""

from dataclasses import replace
from functools import reduce
from operator import add
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from batchwright import nn, optim
from batchwright.data.encode.encoding import Encoding
from batchwright.data.formats.source import Source
from batchwright.data.whole_rows import read_whole
from batchwright.optim import schedules
from batchwright.tasks import Classification
from batchwright.training.checkpoint import Checkpoint, Checkpoints, copy_to_device, first_checkpoint
from batchwright.training.events import CheckpointTaken, EpochDone, Event, Stopped
from batchwright.training.fit import fit
from batchwright.training.job import Job
from batchwright.training.plan import make_plan
from batchwright.training.state import Arrays, Model, Program, Rows, TrainState, initial_state
from batchwright.training.stopping import EarlyStopping

ROWS, COLUMNS, CLASSES = 53, 5, 3
EVERY_ITERATION = Checkpoints(iterations=1)
PATIENT = EarlyStopping(patience=100)


def make_rows(seed: int = 0, *, weighted: bool = False) -> Rows:
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(ROWS, COLUMNS)).astype(np.float32)
    targets = (x @ generator.normal(size=(COLUMNS, CLASSES))).argmax(axis=1).astype(np.int32)
    weights = generator.uniform(0.2, 3.0, ROWS).astype(np.float32) if weighted else None
    return Rows({"numeric": jnp.asarray(x)}, jnp.asarray(targets), None if weights is None else jnp.asarray(weights))


def make_program(optimizer: optim.Optimizer | None = None, **network: object) -> Program:
    settings = {"hidden_layer_sizes": (8,), "batch_normalization": False} | network
    dtype = settings.pop("dtype", "float32")
    built = nn.MLP(**settings).build(nn.Features(numeric=COLUMNS), CLASSES, dtype=dtype)
    return Program(Model(built, Classification(tuple("abc"))), optimizer or optim.SGD(0.1, momentum=0.9))


def start(program: Program, rows: Rows) -> TrainState:
    return initial_state(program, rows.inputs, seed=1)


def random_rows(count: int = 2000) -> Rows:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(count, 5)).astype(np.float32)
    return Rows({"numeric": jnp.asarray(x)}, jnp.asarray(generator.integers(3, size=count), np.int32), None)


def same_bits(one: nn.Variables, other: nn.Variables) -> bool:
    return all(np.array_equal(*pair) for pair in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True))


def make_job(**changes: object) -> Job:
    network = changes.pop("network", {})
    program = make_program(changes.pop("optimizer", None), **network)
    program = replace(program, frozen=changes.pop("frozen", ()), averaged="average" in changes)
    plan = make_plan(ROWS, 8, changes.pop("epochs", 3), remainder=changes.pop("remainder", "keep"))
    return Job(program, make_rows(), make_rows(1), plan, changes.pop("schedule", schedules.Constant()), **changes)


def events_of(job: Job, since: Checkpoint | None = None, **how: object) -> list[Event]:
    since = first_checkpoint(start(job.program, make_rows())) if since is None else copy_to_device(since)
    return list(fit(job, since, **how))


def taken(events: list[Event]) -> list[Checkpoint]:
    return [event.checkpoint for event in events if isinstance(event, CheckpointTaken)]


def history(events: list[Event]) -> list[dict[str, float]]:
    """The rows without the seconds, which no two runs share."""
    rows = [event.row for event in events if isinstance(event, EpochDone)]
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def end(events: list[Event]) -> Stopped:
    assert isinstance(events[-1], Stopped)
    return events[-1]


class Piece(NamedTuple):
    inputs: dict[str, np.ndarray]
    targets: np.ndarray
    weights: np.ndarray | None


class Lines:
    """Rows in memory that are read as if they were on a disk."""

    def __init__(self, rows: Rows) -> None:
        self.whole = rows

    @property
    def rows(self) -> int:
        return self.whole.length

    def places(self, length: int) -> "LinePlaces":
        return LinePlaces(self.whole, length)


class LinePlaces:
    """Memory that is used again: rows kept longer than they last would be seen to change."""

    def __init__(self, whole: Rows, length: int) -> None:
        self.whole = whole
        self.memory = jax.tree.map(lambda array: np.empty((length, *array.shape[1:]), array.dtype), whole)

    def fill(self, ranges: np.ndarray) -> Arrays:
        numbers = np.concatenate([np.arange(start, stop) for start, stop in ranges])

        def taken(array: np.ndarray, memory: np.ndarray) -> np.ndarray:
            memory[len(numbers) :] = 0
            memory[: len(numbers)] = np.asarray(array)[numbers]
            view = memory.view()
            view.flags.writeable = False
            return view

        return Piece(*jax.tree.map(taken, self.whole, self.memory))


def encode_new(source: Source, encoding: Encoding) -> dict[str, np.ndarray]:
    """The inputs of all rows of a source, which a prediction encodes a piece at a time."""
    return dict(reduce(add, read_whole(source, encoding)).inputs)
