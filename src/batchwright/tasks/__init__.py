"""What is minimised and what is reported: classification and regression.

A task turns outputs into one loss per row inside the compiled step, in float32, and into metrics, probabilities and
decoded answers on the host, in float64 (`batchwright.tasks.metrics`). The step minimises Σ w·loss / Σ w, where w is the
weight of the row itself times the weight of its class.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import jax.numpy as jnp

from batchwright.errors import ConfigError, unknown
from batchwright.tasks.classification import CLASS_LOSSES, Classification, class_weights
from batchwright.tasks.protocol import Task
from batchwright.tasks.regression import VALUE_LOSSES, Regression

__all__ = [
    "CLASS_LOSSES",
    "TASKS",
    "VALUE_LOSSES",
    "Classification",
    "Regression",
    "Task",
    "class_weights",
    "from_json",
]

TASKS = (Classification, Regression)


def from_json(data: Mapping[str, Any]) -> Classification | Regression:
    """The task that `to_json` described.

    Raises:
        ConfigError: an unknown task, or keys other than its own.

    >>> from_json(Regression(delta=2.0).to_json()).delta
    2.0
    """
    kinds: dict[str, Any] = {kind.name: kind for kind in TASKS}
    name = str(data.get("name"))
    if name not in kinds:
        raise ConfigError(unknown("task", name, kinds))
    given = {key: tuple(value) if isinstance(value, list) else value for key, value in data.items() if key != "name"}
    expected = [field.name for field in fields(kinds[name])]
    if set(given) != set(expected):
        raise ConfigError(f"the task {name!r} has the fields {', '.join(expected)}, not {', '.join(sorted(given))}.")
    if given.get("class_weights") is not None:
        given["class_weights"] = jnp.asarray(given["class_weights"], jnp.float32)
    task: Classification | Regression = kinds[name](**given)
    return task
