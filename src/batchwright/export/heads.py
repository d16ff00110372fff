"""What the outputs of a network mean: the nodes that do what `runs/predictions.py` does with them, in float64."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from batchwright.errors import UsageError
from batchwright.export.building import Builder
from batchwright.export.graph import Value
from batchwright.export.tracing import ELSEWHERE
from batchwright.export.values import predicted_values
from batchwright.runs.intervals import SEPARATORS
from batchwright.tasks import Classification, CustomTask, Multilabel, Regression, Several, Task


class Column(NamedTuple):
    """A column of the answers, [rows], under its name in `Predictions.frame()`."""

    name: str
    value: Value


class Asked(NamedTuple):
    """What is asked of a head: the name of its target, what comes before the names of its classes, and the cutoffs."""

    target: str
    prefix: str = ""
    cutoffs: tuple[float, ...] | None = None


Emit: TypeAlias = Callable[[Builder, Any, Value, Asked], Iterator[Column]]


def answers(builder: Builder, task: Task, outputs: Value, asked: Asked) -> tuple[Column, ...]:
    """The columns of the answers from outputs float32 [rows, outputs].

    Raises:
        UsageError: the task is a user's own, and its answers are not its outputs.
    """
    emit = HEADS.get(type(task))
    if emit is None and getattr(type(task), "decode", None) is not CustomTask.decode:
        raise UsageError(
            f"the answers of a task of your own, {type(task).__name__}, are made by its own `decode`, which has no "
            f"form in the graph of a model: leave `decode` out, so that the outputs are the answers, or {ELSEWHERE}."
        )
    with builder.within("answers"):
        wide = builder.apply("Cast", outputs, to="float64")
        return tuple((emit or _outputs)(builder, task, wide, asked))


def column(builder: Builder, matrix: Value, place: int) -> Value:
    """One column of a matrix, [rows]."""
    return builder.apply("Gather", matrix, np.array(place), axis=1)


def _outputs(builder: Builder, _: Task, outputs: Value, asked: Asked) -> Iterator[Column]:
    """The outputs as they are: [rows] if there is one."""
    yield Column(f"predicted_{asked.target}", column(builder, outputs, 0) if outputs.shape[1] == 1 else outputs)


def _classes(builder: Builder, task: Classification, outputs: Value, asked: Asked) -> Iterator[Column]:
    logits = outputs
    if task.loss == "binary_cross_entropy":
        logits = builder.apply("Concat", builder.apply("Mul", outputs, 0.0), outputs, axis=1)
    log_p = _log_softmax(builder, _at_temperature(builder, task, logits))
    p = builder.apply("Exp", log_p)
    chosen = _chosen_class(builder, task, log_p, p)
    yield Column(f"predicted_{asked.target}", builder.apply("Gather", np.array(task.classes), chosen, axis=0))
    yield from _probabilities(builder, p, task.classes, asked)
    if asked.cutoffs is not None:
        near = builder.apply("GreaterOrEqual", log_p, -asked.cutoffs[0])
        wide = builder.apply("Reshape", chosen, shape=(-1, 1))
        own = builder.apply("Equal", wide, np.arange(len(task.classes))[None, :])
        yield _set(builder, builder.apply("Or", near, own), task.classes, asked)


def _at_temperature(builder: Builder, task: Classification | Multilabel, outputs: Value) -> Value:
    return outputs if task.temperature == 1 else builder.apply("Div", outputs, float(task.temperature))


def _log_softmax(builder: Builder, logits: Value) -> Value:
    shifted = builder.apply("Sub", logits, builder.apply("ReduceMax", logits, axes=(1,), keepdims=1))
    total = builder.apply("ReduceSum", builder.apply("Exp", shifted), axes=(1,), keepdims=1)
    return builder.apply("Sub", shifted, builder.apply("Log", total))


def _chosen_class(builder: Builder, task: Classification, log_p: Value, p: Value) -> Value:
    """The place of the answer, [rows]."""
    if len(task.classes) == 2 and float(task.threshold) != 0.5:
        reached = builder.apply("GreaterOrEqual", column(builder, p, 1), float(task.threshold))
        return builder.apply("Cast", reached, to="int64")
    return builder.apply("ArgMax", log_p, axis=1, keepdims=0)


def _probabilities(builder: Builder, p: Value, classes: Sequence[str], asked: Asked) -> Iterator[Column]:
    for place, name in enumerate(classes):
        yield Column(f"probability_{asked.prefix}{name}", column(builder, p, place))


def _set(builder: Builder, inside: Value, classes: Sequence[str], asked: Asked) -> Column:
    between = next((sign for sign in SEPARATORS if not any(sign in name for name in classes)), SEPARATORS[0])
    return Column(f"set_{asked.target}", _joined(builder, inside, classes, between))


def _joined(builder: Builder, inside: Value, names: Sequence[str], between: str) -> Value:
    """The names that are inside, with a sign between them; an empty text where none is."""
    text, some = None, None
    for place, name in enumerate(names):
        here = column(builder, inside, place)
        own = builder.apply("Where", here, np.array(name), np.array(""))
        if text is None or some is None:
            text, some = own, here
            continue
        both = builder.apply("Where", builder.apply("And", some, here), np.array(between), np.array(""))
        text = builder.apply("StringConcat", builder.apply("StringConcat", text, both), own)
        some = builder.apply("Or", some, here)
    assert text is not None
    return text


def _labels(builder: Builder, task: Multilabel, outputs: Value, asked: Asked) -> Iterator[Column]:
    log_odds = _at_temperature(builder, task, outputs)
    threshold = float(task.threshold)
    given = builder.apply("GreaterOrEqual", log_odds, float(np.log(threshold) - np.log1p(-threshold)))
    yield Column(f"predicted_{asked.target}", _joined(builder, given, task.classes, task.separator))
    p = builder.apply("Sigmoid", log_odds)
    yield from _probabilities(builder, p, task.classes, asked)
    if asked.cutoffs is not None:
        near = builder.apply("GreaterOrEqual", builder.apply("Log", p), -asked.cutoffs[0])
        yield _set(builder, builder.apply("Or", near, given), task.classes, asked)


def _values(builder: Builder, task: Regression, outputs: Value, asked: Asked) -> Iterator[Column]:
    found = predicted_values(builder, task, outputs, asked.cutoffs)
    names = task.names or (asked.target,)
    for place, name in enumerate(names):
        prefix = f"{name}_" if len(names) > 1 else asked.prefix
        yield Column(f"predicted_{name}", column(builder, found.answers, place))
        for level, quantile in zip(task.levels, found.quantiles, strict=True):
            yield Column(f"quantile_{prefix}{level:g}", column(builder, quantile, place))
        if found.lower is not None and found.upper is not None:
            yield Column(f"lower_{name}", column(builder, found.lower, place))
            yield Column(f"upper_{name}", column(builder, found.upper, place))


def _several(builder: Builder, task: Several, outputs: Value, asked: Asked) -> Iterator[Column]:
    start = 0
    for place, (head, name) in enumerate(zip(task.heads, task.names, strict=True)):
        own = np.arange(start, start + head.outputs)
        start += head.outputs
        cutoffs = None if asked.cutoffs is None else (asked.cutoffs[place],)
        of_head = builder.apply("Gather", outputs, own, axis=1)
        yield from HEADS[type(head)](builder, head, of_head, Asked(name, f"{name}_", cutoffs))


HEADS: Mapping[type, Emit] = {
    Classification: _classes,
    Multilabel: _labels,
    Regression: _values,
    Several: _several,
}
"""What becomes of the outputs for each task; those of a `CustomTask` are the answers."""
