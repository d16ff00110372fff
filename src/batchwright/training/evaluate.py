"""The outputs of a network over all rows of a split, and exact metrics from them."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import Array, lax
from jaxtyping import Bool, Float32

from batchwright.nn.protocols import Inputs, Variables, is_in_bfloat16
from batchwright.tasks import TASKS, Classification, Multilabel, Several, Task
from batchwright.tasks.answers import used_rows
from batchwright.tasks.mistakes import wrong_rows
from batchwright.tasks.per_class import PerClass, per_class, per_label, per_target
from batchwright.training.feed import OnDisk, read_to_device
from batchwright.training.libraries import for_many_rows
from batchwright.training.placement import AXIS, LOCAL, Placement, one_copy, placement_of
from batchwright.training.state import Model, Rows

ROWS_AT_ONCE = 512
"""The most rows that go through the network together: enough to keep the cores busy."""

PIXELS_AT_ONCE = 2**18
"""The most pixels of images that go through the network together on a CPU, so that its layers stay in the caches. The
default network for 32 x 32 pixels takes 0.82 of the processor time with 64 to 256 rows at once that it takes with 512,
the one for 96 x 96 pixels 0.86 with 4 to 32 in place of 128."""


LITTLE_WORK = 20_000_000
"""Products below which the outputs of some rows are compiled quickly: they take milliseconds, and some hundred
evaluations as long as compiling."""


Compiled = Callable[[Model, Variables, Inputs], Array]


@cache
def _compile(outputs: Compiled, placement: Placement, *, quickly: bool, bfloat16: bool) -> Compiled:
    """A network in evaluation mode, with libraries chosen for the large products of many rows and their precision.

    Of several devices, each has a share of the rows; all have the outputs.
    """
    if placement == LOCAL:
        return jax.jit(outputs, compiler_options=for_many_rows(bfloat16=bfloat16, quickly=quickly))

    def shared(model: Model, variables: Variables, inputs: Inputs) -> Array:
        return outputs(model, variables, lax.with_sharding_constraint(inputs, placement.sharding(AXIS)))

    options = for_many_rows(bfloat16=bfloat16)
    return jax.jit(shared, compiler_options=options, out_shardings=placement.sharding())


def _take(inputs: Inputs, start: int, count: int) -> dict[str, Any]:
    """Some rows; where they are in the host's memory, no program is compiled for it."""
    if jax.default_backend() == "cpu" and placement_of(next(iter(inputs.values()))) == LOCAL:
        return {name: np.asarray(array)[start : start + count] for name, array in inputs.items()}
    on_device: dict[str, Any] = _take_on_device(inputs, start, count)
    return on_device


@partial(jax.jit, static_argnames="count")
def _take_on_device(inputs: Inputs, start: Array | int, count: int) -> Inputs:
    return {name: lax.dynamic_slice_in_dim(array, start, count) for name, array in inputs.items()}


def _is_little_work(variables: Variables, inputs: Inputs) -> bool:
    """Whether these rows, of columns, are soon through the network: a function of shapes alone."""
    products = len(next(iter(inputs.values()))) * sum(leaf.size for leaf in jax.tree.leaves(variables.params))
    return inputs.keys() <= {"numeric", "categorical"} and products <= LITTLE_WORK


def size_of_pieces(inputs: Inputs, most: int) -> int:
    """How many rows go through the network together: a power of two, `most` or fewer, and fewer of large images."""
    if "image" in inputs and jax.default_backend() == "cpu":
        height, width = inputs["image"].shape[1:3]
        most = min(most, max(1, PIXELS_AT_ONCE // (height * width)))
    return 1 << (most.bit_length() - 1)


def outputs(
    model: Model, variables: Variables, inputs: Inputs, *, rows_at_once: int = ROWS_AT_ONCE
) -> Float32[np.ndarray, "rows outputs"]:
    """The network's outputs for all rows, in evaluation mode, on the host.

    The rows go through in pieces of one size, the largest power of two that exceeds neither `rows_at_once` nor the
    number of rows, so that few programs are compiled; on a CPU, pieces of large images are smaller. The last piece
    overlaps the one before it. Several devices take a piece each at once.
    """
    return _in_pieces(Model.outputs, model, variables, inputs, rows_at_once)


def outputs_of_submodels(
    model: Model, variables: Variables, inputs: Inputs
) -> Float32[np.ndarray, "rows submodels outputs"]:
    """The outputs of each submodel of an ensemble, which `outputs` pools."""
    return _in_pieces(Model.each_output, model, variables, inputs, ROWS_AT_ONCE)


def compile_outputs(
    model: Model, variables: Variables, example: Mapping[str, np.ndarray], *, of_submodels: bool = False
) -> Callable[[Mapping[str, np.ndarray]], Array]:
    """The network's outputs in evaluation mode as a program for inputs of these shapes alone, compiled now.

    With `of_submodels`, the outputs are those of each submodel. Inputs of other shapes are refused: nothing is ever
    compiled by a call.
    """
    leaves, structure = jax.tree.flatten((model, variables))  # once, as this takes longer than a small network

    def apply(leaves: list[Any], inputs: Inputs) -> Array:
        model, variables = jax.tree.unflatten(structure, leaves)
        return Model.each_output(model, variables, inputs) if of_submodels else Model.outputs(model, variables, inputs)

    options = for_many_rows(bfloat16=is_in_bfloat16(model.network))
    program = jax.jit(apply, compiler_options=options)
    return partial(program.lower(leaves, example).compile(), leaves)


def _in_pieces(outputs: Compiled, model: Model, variables: Variables, inputs: Inputs, rows_at_once: int) -> np.ndarray:
    one = next(iter(inputs.values()))
    rows, placement = len(one), placement_of(one)
    if rows == 0:
        raise ValueError("there are no rows to evaluate.")
    if rows < placement.count:
        inputs, variables, placement = one_copy(inputs), one_copy(variables), LOCAL
    size = size_of_pieces(inputs, min(rows // placement.count, rows_at_once)) * placement.count
    quickly, bfloat16 = _is_little_work(variables, inputs), is_in_bfloat16(model.network)
    program = _compile(outputs, placement, quickly=quickly, bfloat16=bfloat16)
    starts, apply = range(0, rows, size), partial(program, model, placement.everywhere(variables))
    pieces = [apply(_take(inputs, min(start, rows - size), size)) for start in starts]
    last = size - (rows - starts[-1])  # rows of the last piece that the piece before it has covered
    return np.concatenate([*map(np.asarray, pieces[:-1]), np.asarray(pieces[-1])[last:]])


class Judged(NamedTuple):
    """Metrics by name; remarks that a person has to know, one sentence each; the figures by class.

    With several targets, `per_class` is None, and `by_target` has it for each that is a class; with labels, for each
    label.
    """

    metrics: dict[str, float]
    remarks: tuple[str, ...]
    per_class: PerClass | None
    by_target: dict[str, PerClass]


def evaluate(model: Model, variables: Variables, rows: Rows | OnDisk) -> dict[str, float]:
    """The task's metrics over all rows, computed in float64; the size of the pieces does not change them."""
    return evaluate_rows(model, variables, rows, mistakes=False)[0]


def evaluate_rows(
    model: Model,
    variables: Variables,
    rows: Rows | OnDisk,
    *,
    mistakes: bool,
    figures: frozenset[str] | None = None,
) -> tuple[dict[str, float], Bool[np.ndarray, " rows"] | None]:
    """`evaluate`, and with `mistakes` also which rows are answered wrongly; None for a task without classes.

    `figures` names the metrics besides the loss; None: all. A task of a user's own computes all that it reports.
    """
    return evaluate_answers(model.task, *answers_of(model, variables, rows), mistakes=mistakes, figures=figures)


def evaluate_answers(
    task: Task,
    predicted: np.ndarray,
    targets: np.ndarray,
    weights: np.ndarray | None,
    *,
    mistakes: bool,
    figures: frozenset[str] | None = None,
) -> tuple[dict[str, float], Bool[np.ndarray, " rows"] | None]:
    """`evaluate_rows` of outputs that have been computed."""
    wrong = wrong_rows(task, predicted, targets) if mistakes else None
    if isinstance(task, TASKS) and type(task) in TASKS:
        return task.metrics(predicted, targets, weights, figures), wrong
    return task.metrics(predicted, targets, weights), wrong


def judge(model: Model, variables: Variables, rows: Rows | OnDisk) -> Judged:
    """`evaluate`, with the task's remarks, and by class where there are classes."""
    return judge_answers(model.task, *answers_of(model, variables, rows))


def judge_answers(task: Task, predicted: np.ndarray, targets: np.ndarray, weights: np.ndarray | None) -> Judged:
    """`judge` of outputs that have been computed."""
    answers = predicted, targets, weights
    return Judged(task.metrics(*answers), task.remarks(*answers), *_judge_classes(task, *answers))


def _judge_classes(
    task: Task, predicted: np.ndarray, targets: np.ndarray, weights: np.ndarray | None
) -> tuple[PerClass | None, dict[str, PerClass]]:
    """How well classes are told, of one target and of several."""
    if not np.isfinite(predicted).all():
        return None, {}
    rows, own_weights = used_rows(len(predicted), weights)
    counting = predicted[rows], targets[rows], own_weights
    match task:
        case Classification():
            return per_class(task.answers(*counting)), {}
        case Several():
            return None, per_target(task.answers(*counting))
        case Multilabel():
            return None, per_label(task.answers(*counting))
    return None, {}


def answers_of(
    model: Model, variables: Variables, rows: Rows | OnDisk
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """The outputs for all rows, their targets and their weights."""
    predicted, targets, weights = list[np.ndarray](), list[np.ndarray](), list[np.ndarray]()
    for piece in _pieces(rows):
        predicted.append(outputs(model, variables, piece.rows.inputs)[: piece.present])
        targets.append(np.array(piece.rows.targets)[: piece.present])
        if piece.rows.weights is not None:
            weights.append(np.array(piece.rows.weights)[: piece.present])
    of_rows = np.concatenate(weights) if weights else None
    return np.concatenate(predicted), np.concatenate(targets), of_rows


class _Piece(NamedTuple):
    """Rows on the device; the first `present` count. They last until the next piece is asked for."""

    rows: Rows
    present: int


def _pieces(rows: Rows | OnDisk) -> Iterator[_Piece]:
    """The rows on the device, all at once or as they are read."""
    if isinstance(rows, OnDisk):
        starts = range(0, rows.length, rows.chunk_rows)
        ranges = [np.array([[start, min(start + rows.chunk_rows, rows.length)]]) for start in starts]
        read = rows.read_ahead(
            partial(read_to_device, ranges=of_piece, placement=rows.placement) for of_piece in ranges
        )
        yield from (_Piece(piece, stop - start) for piece, ((start, stop),) in zip(read, ranges, strict=True))
    else:
        yield _Piece(rows, rows.length)
