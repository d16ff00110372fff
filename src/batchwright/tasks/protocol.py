"""The interface of a task: losses per row in the compiled step, metrics and decoded answers on the host."""

import dataclasses
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Array, Float, Int

from batchwright._printed import printed_form
from batchwright.data.encode.power import Power
from batchwright.tasks.metrics import Metric

Outputs = Float[np.ndarray | Array, "rows outputs"]
Codes = Int[np.ndarray | Array, " rows"]
Values = Float[np.ndarray | Array, " rows"] | Float[np.ndarray | Array, "rows targets"]
RowWeights = Float[np.ndarray | Array, " rows"]


@runtime_checkable
class Task(Protocol):
    """What training needs from a task; `losses` and `row_weights` run inside a compiled program."""

    name: ClassVar[str]

    @property
    def headline(self) -> str:
        """The metric that is shown next to the loss."""

    @property
    def reported(self) -> tuple[Metric, ...]:
        """The metrics that `metrics` gives, as far as they are known in advance."""

    @property
    def outputs(self) -> int:
        """The number of outputs of the network for each row."""

    def losses(self, outputs: Any, targets: Any) -> Array:
        """One loss per row, float32 [rows]."""

    def pool(self, outputs: Any) -> Array:
        """Outputs [rows, outputs] that answer for those of k submodels [rows, k, outputs]; in the compiled program."""

    def row_weights(self, targets: Any) -> Array | None:
        """The task's own weight for each row, float32 [rows]; None if all rows weigh the same."""

    def metrics(self, outputs: Any, targets: Any, weights: Any = None) -> dict[str, float]:
        """The loss and all metrics by name; `weights` are the rows' own."""

    def remarks(self, outputs: Any, targets: Any, weights: Any = None) -> tuple[str, ...]:
        """What a person has to know about these answers besides the metrics, one sentence each."""

    def decode(self, outputs: Any) -> np.ndarray:
        """The predictions in the form that the user wants, one per row."""

    def to_json(self) -> dict[str, Any]:
        """Plain data from which `from_json` makes the same task."""


def to_json(task: Any) -> dict[str, Any]:
    """The name and the fields of a task that is a component, as plain data; functions in their printed form."""
    fields = {field.name: getattr(task, field.name) for field in dataclasses.fields(task)}
    return {"name": task.name} | {key: to_plain_value(value) for key, value in fields.items()}


def to_plain_value(value: Any) -> Any:
    """A tuple or array as a list, an array of no axes as a number, a metric as its name, a function as it prints."""
    if isinstance(value, Metric):
        return value.name
    if callable(value):
        return {"custom": printed_form(value)}
    if isinstance(value, tuple):
        return [to_plain_value(part) for part in value]
    if isinstance(value, Power):
        return dataclasses.asdict(value)
    return value.tolist() if isinstance(value, np.ndarray | np.generic | Array) else value
