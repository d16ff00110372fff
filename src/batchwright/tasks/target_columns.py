"""Targets as columns of numbers, for a network that is shown them when it is made."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from batchwright.tasks.classification import Classification
from batchwright.tasks.protocol import Task
from batchwright.tasks.several import Several


def target_columns(task: Task, targets: Any) -> Array:
    """float32 [n, k]: a column of 0 and 1 for each class, numbers and labels as the task has them.

    >>> target_columns(Classification(("no", "yes")), jnp.array([1, 0]))
    Array([[0., 1.],
           [1., 0.]], dtype=float32)
    """
    match task:
        case Classification():
            return jax.nn.one_hot(targets, len(task.classes))
        case Several(heads=heads):
            return jnp.concatenate([target_columns(head, targets[:, i]) for i, head in enumerate(heads)], axis=1)
    return jnp.asarray(targets, jnp.float32).reshape(len(targets), -1)
