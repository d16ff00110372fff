"""The gradient of a batch on several devices, with one sum over them: of loss, weights and gradients as one vector.

XLA by itself adds up each array where it is made, and each sum over processes is a round through the network. Here each
device computes with its own rows as if they were all, and what it finds is added up once. Batch normalization takes a
sum of its own in each direction.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.flatten_util import ravel_pytree
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Int32

from batchwright.nn.divided import on_each_device, rows_are_apart
from batchwright.nn.protocols import Variables
from batchwright.tasks import Classification, Multilabel, Regression, Several, Task
from batchwright.training.gradients import Found, find_gradients
from batchwright.training.placement import AXIS, Placement
from batchwright.training.plan import Plan
from batchwright.training.state import Program, Rows


class Sharing(NamedTuple):
    """How the devices share a batch.

    - mesh: the devices
    - divided: whether each has rows of its own, whose numbers are those at its places of the batch; else each has all
    """

    mesh: Mesh
    divided: bool


def can_share(program: Program, placement: Placement, plan: Plan) -> bool:
    """Whether each device can compute with its own rows as if they were all.

    It has to be so that the loss of a row depends on no other row, but by batch normalization; that nothing is drawn at
    random for the whole batch; and that each device has as many places.
    """
    alike, network = plan.part_rows == plan.part_places, program.model.network
    apart = _losses_are_apart(program.model.task) and program.augment is None and rows_are_apart(network)
    return placement.count > 1 and alike and apart


def _losses_are_apart(task: Task) -> bool:
    """Whether a row's loss is one of ours: what others have written may look at the whole batch."""
    if type(task) is Several:
        return task.loss is None and all(map(_losses_are_apart, task.heads))
    return isinstance(task, Classification | Regression | Multilabel) and isinstance(task.loss, str)


def share_gradients(
    program: Program,
    variables: Variables,
    rows: Rows,
    batch: Int32[Array, "parts n"],
    key: Array,
    *,
    padded: bool,
    sharing: Sharing,
) -> Found:
    """What `find_gradients` finds, each device with its places of the batch."""
    whole = rows.length, batch.size
    copied, own = PartitionSpec(), PartitionSpec(AXIS)

    def on_device(program: Program, variables: Variables, rows: Rows, batch: Array, key: Array) -> Found:
        with on_each_device(AXIS):
            found = find_gradients(program, variables, rows, batch, key, padded=padded, part_of=whole)
        return _add_up(found, places=whole[1])

    apart = jax.shard_map(
        on_device,
        mesh=sharing.mesh,
        in_specs=(copied, copied, own if sharing.divided else copied, PartitionSpec(None, AXIS), copied),
        out_specs=copied,
        check_vma=False,
    )
    found: Found = apart(program, variables, rows, batch, key)
    return found


def _add_up(part: Found, *, places: int) -> Found:
    """What all devices have found together; the network's state is the same on each of them."""
    flat, restore = ravel_pytree((part.mean, part.total, part.gradients))
    mean, total, gradients = restore(lax.psum(flat, AXIS))
    if total is None:
        return Found(mean, None, part.state, gradients)
    scale = places / jnp.where(total == 0.0, 1.0, total)
    return Found(mean * scale, total, part.state, jax.tree.map(lambda one: one * scale, gradients))
