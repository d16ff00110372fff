"""Trainings on one and on several devices, in a process of its own: JAX makes devices of a CPU before it is first used.

What comes out is written as arrays, by the name of the training and the number of devices.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from tests.builders import EVERY_ITERATION, ROWS, Lines, end, events_of, history, make_job, make_rows, start, taken
from tests.population.jobs import EXAMPLE, HELD_OUT, job

from batchwright import nn, optim
from batchwright.nn.augment import Augment
from batchwright.population.fit import fit_members
from batchwright.tasks import Classification
from batchwright.training.checkpoint import first_checkpoint
from batchwright.training.feed import OnDisk, Streamed
from batchwright.training.fit import compile_loop
from batchwright.training.job import Job
from batchwright.training.placement import place_on
from batchwright.training.plan import Plan, make_plan
from batchwright.training.state import Model, Program, Rows, initial_state, to_device

Found = dict[str, np.ndarray]
COUNTS = (1, 2, 4)


def on_host(rows: Rows) -> Rows:
    return jax.tree.map(np.asarray, rows)


def placed(made: Job, devices: int, *, size: int | None = None, chunk: int | None = None) -> Job:
    """The job on this many devices; with `chunk`, its rows are read in chunks."""
    placement = place_on(devices)
    plan = replace(made.plan, devices=devices, batch_size=size or made.plan.batch_size)
    if chunk is not None:
        parts = [OnDisk(Lines(rows), chunk, placement) for rows in (made.train, made.validation)]
    else:
        parts = [to_device(on_host(rows), placement) for rows in (made.train, made.validation)]
    return replace(made, train=parts[0], validation=parts[1], plan=plan)


def found_by(events: list[object]) -> Found:
    lines = history(events)
    numbers = {name: np.array([line[name] for line in lines], np.float64) for name in lines[0]}
    leaves = jax.tree_util.tree_leaves_with_path(end(events).variables)
    return numbers | {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in leaves}


def trained(made: Job, devices: int, **how: int) -> Found:
    return found_by(events_of(placed(made, devices, **how)))


def of_images(devices: int, *, size: int = 7, plain: bool = False) -> Found:
    """Images moved, mirrored and mixed at random, with batch normalization and dropout; `plain`: with the first alone.

    The devices divide a batch of 8, and then each computes with its own rows of plain images.
    """
    generator = np.random.default_rng(0)
    rows = Rows(
        {"image": jnp.asarray(generator.integers(0, 256, (30, 8, 8, 1)), jnp.uint8)},
        jnp.asarray(generator.integers(3, size=30), jnp.int32),
        None,
    )
    network = nn.CNN(filters=(4,), hidden_layer_sizes=(6,), dropout=0.0 if plain else 0.3).build(
        nn.Features(image=(8, 8, 1)), 3
    )
    augment = Augment(shift=0.2, flip=True, rotation=10, erase=0.3, mixup=0.4)
    model = Model(network, Classification(tuple("abc")))
    program = Program(model, optim.SGD(0.05), augment=None if plain else augment)
    made = replace(make_job(epochs=2), program=program, train=rows, validation=rows, plan=make_plan(30, size, 2))
    state = initial_state(program, rows.inputs, seed=1)
    return found_by(events_of(placed(made, devices), first_checkpoint(state)))


def of_members(devices: int) -> Found:
    """Members in two groups, some of which end before the others."""
    jobs = [job(0.02 * (1 + number), seed=number % 3, epochs=3) for number in range(6)]
    train, held_out = (to_device(on_host(rows), place_on(devices)) for rows in (jobs[0].train, HELD_OUT))
    jobs = [replace(one, train=train, validation=held_out) for one in jobs]
    runs = list(fit_members(jobs, EXAMPLE))[-1]
    return {
        f"{number}/{place}": np.asarray(leaf)
        for number, run in enumerate(runs)
        for place, leaf in enumerate(
            [*jax.tree.leaves(run.now.kept), np.array([row["val_loss"] for row in run.now.history])]
        )
    }


def moved(devices: int) -> Found:
    """From a checkpoint within an epoch, taken on four devices, to the end on these."""
    before = taken(events_of(placed(make_job(checkpoints=EVERY_ITERATION), 4)))[9]
    return found_by(events_of(placed(make_job(checkpoints=EVERY_ITERATION), devices), before))


def whole(**network: object) -> Job:
    return make_job(network={"batch_normalization": True, **network})


def parted(devices: int) -> Found:
    made = replace(whole(), plan=replace(whole().plan, rows_at_once=8))
    return trained(made, devices, size=22)


def weighted(size: int = 7, chunk: int | None = None, at_once: int = 8192) -> Callable[[int], Found]:
    made = replace(whole(), train=make_rows(weighted=True), validation=make_rows(1, weighted=True))
    made = replace(made, plan=replace(made.plan, rows_at_once=at_once))
    return lambda devices: trained(made, devices, size=size, chunk=chunk)


def long_parts_from_the_disk(devices: int) -> Found:
    made = make_job()
    made = replace(made, train=make_rows(weighted=True), plan=replace(made.plan, rows_at_once=8))
    return trained(made, devices, size=13, chunk=26)


TRAININGS: dict[str, Callable[[int], Found]] = {
    "batch normalization": lambda devices: trained(whole(), devices),
    "dropout": lambda devices: trained(whole(dropout=0.4), devices, size=7),
    "single rows": lambda devices: trained(make_job(remainder="drop"), devices, size=1),
    "weights": weighted(),
    "from the disk": weighted(chunk=21),
    "parts": parted,
    "parts from the disk": long_parts_from_the_disk,
    "images": of_images,
    "each by itself in parts from the disk": weighted(16, chunk=48, at_once=8),
    "each by itself with images": lambda devices: of_images(devices, size=8, plain=True),
    "members": of_members,
    "from another number": moved,
}
TWO_AS_WELL = ("batch normalization", "from the disk", "members")
TRAINED = [(name, devices) for name in TRAININGS for devices in COUNTS if devices != 2 or name in TWO_AS_WELL]
"""Each training by name, and its number of devices. Two go the ways that four go: one training of a kind tries them."""


def operations(devices: int) -> Found:
    """Floating-point operations of a device in the program for a wide network, and in the evaluation of it."""
    made = placed(make_job(network={"hidden_layer_sizes": (64,)}), devices, size=ROWS - 1)
    loop = compile_loop(made, start(made.program, make_rows()))
    return {"training": np.array(loop.segment.run.cost_analysis()["flops"]), "sums": sums_over_devices(devices)}


def sums_over_devices(devices: int) -> np.ndarray:
    """How many arrays an iteration adds up over the devices, without and with a layer of batch normalization."""
    found = []
    for normalized in (False, True):
        made = placed(make_job(network={"batch_normalization": normalized}), devices, size=8)
        program = compile_loop(made, start(made.program, make_rows())).segment.run.as_text()
        shapes = re.findall(r"= (.*) (?:all-reduce|all-gather)\(", program)
        found.append(sum(shape.count("[") for shape in shapes))
    return np.array(found)


def rows_of_batches(devices: int) -> Found:
    """The row at each place of each batch of two epochs, by the devices' own rows and numbers; -1 where none is."""
    numbers = np.arange(103)
    rows = Rows({"numeric": numbers[:, None].astype(np.float32)}, numbers.astype(np.int32), None)
    feed = Streamed(OnDisk(Lines(rows), 35, place_on(devices)), Plan(103, 7, 2, devices=devices), seed=5)
    found = []
    for chunk in (chunk for epoch in range(2) for chunk in feed.chunks(epoch, 0)):
        by_device = np.asarray(chunk.rows.targets).reshape(devices, -1)
        places = chunk.batches[: chunk.iterations].reshape(chunk.iterations, devices, -1)
        for of_batch in places:
            own = [np.append(by_device[k], -1)[np.minimum(of_batch[k], by_device.shape[1])] for k in range(devices)]
            found.append(np.concatenate(own)[:7])
    return {"rows": np.stack(found)}


def main(folder: Path) -> None:
    for name, devices in TRAINED:
        np.savez(folder / f"{name}-{devices}.npz", **TRAININGS[name](devices))
    for devices in COUNTS:
        np.savez(folder / f"operations-{devices}.npz", **operations(devices))
        np.savez(folder / f"rows-{devices}.npz", **rows_of_batches(devices))
    again = {f"again {name}": TRAININGS[name](4) for name in ("dropout", "from the disk")}
    for name, found in again.items():
        np.savez(folder / f"{name}-4.npz", **found)
