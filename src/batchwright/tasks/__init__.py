"""What is minimised and what is reported, for classes, numbers, sets of labels, and several targets at once.

A task turns outputs into one loss per row inside the compiled step, in float32, and into metrics, probabilities and
decoded answers on the host, in float64 (`batchwright.tasks.metrics`). The step minimises Σ w·loss / Σ w, where w is the
weight of the row times the weight of its class.
"""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, TypeAlias

import jax.numpy as jnp
import numpy as np
from jax import Array

from batchwright.data.encode.power import Power
from batchwright.data.typed.schema import from_plain
from batchwright.errors import ConfigError, unknown
from batchwright.tasks.classification import CLASS_LOSSES, Classification, class_weights
from batchwright.tasks.labels import LABEL_LOSSES, Multilabel
from batchwright.tasks.metrics import METRICS, OF_CLASSES, OF_LABELS, OF_VALUES, Metric
from batchwright.tasks.own import CustomTask, Loss, NotHere, check_losses
from batchwright.tasks.protocol import Task
from batchwright.tasks.regression import VALUE_LOSSES, Regression
from batchwright.tasks.several import Several
from batchwright.tasks.smearing import curves_of

__all__ = [
    "CLASS_LOSSES",
    "LABEL_LOSSES",
    "METRICS",
    "METRICS_OF",
    "TASKS",
    "VALUE_LOSSES",
    "Classification",
    "CustomTask",
    "Loss",
    "Metric",
    "Multilabel",
    "NotHere",
    "Regression",
    "Several",
    "Task",
    "check_losses",
    "class_weights",
    "from_json",
]

TASKS = (Classification, Regression, Multilabel, Several)
KnownTask: TypeAlias = Classification | Regression | Multilabel | Several

METRICS_OF: Mapping[type, tuple[Metric, ...]] = {
    Classification: OF_CLASSES,
    Regression: OF_VALUES,
    Multilabel: OF_LABELS,
    Several: (),
}
"""The metrics that a task may report, by name."""


def from_json(data: Mapping[str, Any]) -> KnownTask:
    """The task that `to_json` described; a loss known only by its printed form becomes a `NotHere`.

    A user's own metrics, known only by name, are left out.

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
    needed = {field.name for field in fields(kinds[name]) if field.default is MISSING}
    if not needed <= set(given) <= set(expected):
        raise ConfigError(f"the task {name!r} has the fields {', '.join(expected)}, not {', '.join(sorted(given))}.")
    loss = given.get("loss")
    if isinstance(loss, Mapping):
        given["loss"] = NotHere(str(loss.get("custom")))
    known = {metric.name: metric for metric in METRICS_OF[kinds[name]]}
    given["extra"] = tuple(known[name] for name in given.get("extra") or () if name in known)
    if "transforms" in given:
        given["transforms"] = curves_of(from_plain(Power, plain) for plain in given["transforms"])
    if isinstance(given.get("residuals"), tuple):
        given["residuals"] = tuple(tuple(one) if isinstance(one, list) else one for one in given["residuals"])
    if "heads" in given:
        given["heads"] = tuple(map(from_json, given["heads"]))
    if given.get("class_weights") is not None:
        given["class_weights"] = _weights(given["class_weights"])
    task: KnownTask = kinds[name](**given)
    return task


def _weights(plain: Any) -> Array:
    with np.errstate(over="ignore"):  # what is too large is refused
        weights = jnp.asarray(plain, jnp.float32)
    if not np.isfinite(np.asarray(weights)).all():
        raise ConfigError("class_weights has a number that is too large for float32.")
    return weights
