"""A small task, and a network trained on it by plain gradient descent, for the tests of all libraries."""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from batchwright import optim
from batchwright.nn import Network, Variables
from batchwright.optim.schedules import Constant
from batchwright.population.members import begin
from batchwright.runs.tensors import Expected, by_path, dump, load
from batchwright.tasks import Classification
from batchwright.training.checkpoint import first_checkpoint
from batchwright.training.evaluate import _compile, outputs
from batchwright.training.events import EpochDone
from batchwright.training.fit import fit
from batchwright.training.job import Job
from batchwright.training.order import batches
from batchwright.training.placement import LOCAL
from batchwright.training.plan import make_plan
from batchwright.training.state import Model, Program, Rows, initial_state
from batchwright.training.step import step

ROWS, COLUMNS, CLASSES, RATE, EPOCHS = 48, 5, 3, 0.1, 3
IMAGE = (8, 8, 2)


def columns(number: int = ROWS) -> Rows:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(number, COLUMNS)).astype(np.float32)
    targets = (x @ draw.normal(size=(COLUMNS, CLASSES))).argmax(axis=1).astype(np.int32)
    return Rows({"numeric": jnp.asarray(x)}, jnp.asarray(targets), None)


def images(number: int = ROWS) -> Rows:
    draw = np.random.default_rng(0)
    pixels = draw.integers(0, 256, size=(number, *IMAGE)).astype(np.uint8)
    targets = (pixels.mean((1, 2)) @ draw.normal(size=(IMAGE[2], CLASSES))).argmax(axis=1).astype(np.int32)
    return Rows({"image": jnp.asarray(pixels)}, jnp.asarray(targets), None)


def array_of(rows: Rows) -> np.ndarray:
    """What a module is given."""
    given = rows.inputs
    return np.asarray(given["numeric"]) if "numeric" in given else np.asarray(given["image"], np.float32) / 255


def program_of(network: Network) -> Program:
    return Program(Model(network, Classification(tuple("abc"))), optim.SGD(RATE))


def first(network: Network, rows: Rows) -> Variables:
    return initial_state(program_of(network), rows.inputs, seed=1).variables


def batches_of(rows: Rows, size: int) -> Iterator[list[np.ndarray]]:
    """The rows of each batch, epoch by epoch, as `trained` takes them."""
    plan = make_plan(rows.length, size, EPOCHS)
    for epoch in range(EPOCHS):
        numbers = batches(plan, seed=0, epoch=epoch).reshape(plan.iterations_per_epoch, -1)
        yield [batch[batch < rows.length] for batch in numbers]


class Fitted(NamedTuple):
    losses: list[float]
    variables: Variables


def trained(network: Network, rows: Rows, *, size: int = 16) -> Fitted:
    """The mean loss of each epoch, and the variables at the end."""
    program = program_of(network)
    job = Job(program, rows, None, make_plan(rows.length, size, EPOCHS), Constant())
    events = list(fit(job, first_checkpoint(initial_state(program, rows.inputs, seed=1))))
    return Fitted([event.row["loss"] for event in events if isinstance(event, EpochDone)], events[-1].variables)


def cross_entropy(logits: jax.Array, targets: jax.Array) -> jax.Array:
    """The mean loss, written again."""
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), jnp.asarray(targets)[:, None], axis=1).mean()


def check_outputs(network: Network, rows: Rows, expected: np.ndarray, *, atol: float = 1e-5) -> None:
    """In evaluation, those of the library; and float32."""
    variables = first(network, rows)
    found = outputs(program_of(network).model, variables, rows.inputs)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=atol)


def check_dropout(network: Network, rows: Rows) -> None:
    """In training, outputs follow from the key; in evaluation, nothing is drawn."""
    variables = first(network, rows)

    @partial(jax.jit, static_argnames="train")
    def applied(key: jax.Array, *, train: bool) -> jax.Array:
        return network.apply(variables, rows.inputs, train=train, key=key, present=None)[0]

    def out(train: bool, key: int) -> np.ndarray:
        return np.asarray(applied(jax.random.key(key), train=train))

    np.testing.assert_array_equal(out(True, 0), out(True, 0))
    assert not np.allclose(out(True, 0), out(True, 1))
    np.testing.assert_array_equal(out(False, 0), out(False, 1))


def check_members(network: Network, rows: Rows) -> None:
    """Two members side by side, with other parameters, make the iteration that each makes alone."""
    program, batch = program_of(network), jnp.arange(16, dtype=jnp.int32)[None, :]
    members = begin([program, program], [0, 1], rows.inputs)
    states = members.states._replace(
        params=jax.tree.map(
            lambda leaf: leaf * np.array([1, 1.5], np.float32).reshape(-1, *[1] * (leaf.ndim - 1)),
            members.states.params,
        )
    )

    @jax.jit
    def one(state: object) -> object:
        return step(program, state, rows, batch, jnp.float32(RATE), padded=False)

    together = jax.jit(jax.vmap(one))(states)
    for number in (0, 1):
        alone = one(jax.tree.map(lambda leaf, at=number: jnp.asarray(leaf[at]), states))
        for expected, found in zip(jax.tree.leaves(alone), jax.tree.leaves(together), strict=True):
            np.testing.assert_allclose(found[number], expected, atol=1e-5)


def check_second_fit(network: Network, rows: Rows) -> None:
    """The same bits again, and a program that is compiled once."""
    one, other = trained(network, rows), trained(network, rows)
    outputs(program_of(network).model, one.variables, rows.inputs)
    compiled = _compiled_programs()
    outputs(program_of(network).model, other.variables, rows.inputs)
    assert _compiled_programs() == compiled
    assert one.losses == other.losses
    for a, b in zip(jax.tree.leaves(one.variables), jax.tree.leaves(other.variables), strict=True):
        np.testing.assert_array_equal(a, b)


def _compiled_programs() -> int:
    each = (_compile(Model.outputs, LOCAL, quickly=quickly, bfloat16=False) for quickly in (False, True))
    return sum(one._cache_size() for one in each)


def check_saved(variables: Variables, names: set[str]) -> None:
    """Arrays are saved under these names, and read again to the bit."""
    arrays: Mapping[str, jax.Array] = by_path(variables)
    assert set(arrays) == names
    expected = {name: Expected(str(array.dtype), array.shape) for name, array in arrays.items()}
    read = load(dump(arrays), expected, Path("weights"))
    for name, array in arrays.items():
        np.testing.assert_array_equal(read[name], array)
