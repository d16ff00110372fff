"""On which devices rows and states lie: on one, or on several, each of which has some places of every batch.

Parameters lie on every device, and so do rows in memory; the row numbers of a batch are divided. XLA then computes the
share of each device where it is, and adds up sums over the batch, as of losses, gradients and statistics of batch
normalization.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec, Sharding

from batchwright.errors import ConfigError

T = TypeVar("T")
AXIS = "rows"
"""The axis of the mesh of devices, over which the places of a batch are divided."""


@dataclass(frozen=True)
class Placement:
    """The devices of a training; none are named where it is JAX's default device alone."""

    devices: tuple[jax.Device, ...] = ()

    @property
    def count(self) -> int:
        """How many devices there are."""
        return max(len(self.devices), 1)

    @property
    def mesh(self) -> Mesh | None:
        """The devices as a mesh with one axis; None for one device."""
        return _mesh(self.devices) if self.devices else None

    @property
    def here(self) -> tuple[jax.Device, ...]:
        """Those of this process."""
        return tuple(device for device in self.devices if device.process_index == jax.process_index())

    @property
    def count_here(self) -> int:
        """How many devices of this process there are."""
        return max(len(self.here), 1)

    def sharding(self, *axes: str | None) -> Sharding:
        """How arrays of several devices lie: an axis called `AXIS` is divided, others are not; without any, copied."""
        return NamedSharding(_mesh(self.devices), PartitionSpec(*axes))

    def everywhere(self, tree: T) -> T:
        """A copy of these arrays on each device; what lies there already is left, and so is all with one device."""
        if not self.devices:
            return tree
        copied = self.sharding()

        def put(array: Any) -> jax.Array:
            if placement_of(array) == self:
                return array  # type: ignore[no-any-return]
            host = np.asarray(array)
            return jax.make_array_from_callback(host.shape, copied, lambda index: host[index].copy())

        found: T = jax.tree.map(put, tree)
        return found

    def spread(self, array: Any) -> Any:
        """An array whose last axis is divided over the devices; with one device, the same array."""
        if not self.devices or isinstance(array, jax.Array):
            return array
        last = self.sharding(*[None] * (array.ndim - 1), AXIS)
        return jax.make_array_from_callback(array.shape, last, lambda index: array[index])

    def divide(self, parts: Sequence[T]) -> T:
        """One array of the parts that the devices of this process are given, side by side along the first axis."""
        divided = self.sharding(AXIS)

        def join(*pieces: np.ndarray) -> jax.Array:
            shape = (len(pieces[0]) * self.count, *pieces[0].shape[1:])
            placed = [jax.device_put(piece, device) for piece, device in zip(pieces, self.here, strict=True)]
            return jax.make_array_from_single_device_arrays(shape, divided, placed)

        found: T = jax.tree.map(join, *parts)
        return found


LOCAL = Placement()


@cache
def _mesh(devices: tuple[jax.Device, ...]) -> Mesh:
    return Mesh(np.array(devices), (AXIS,))


def place_on(count: int) -> Placement:
    """The first `count` devices that JAX sees in each of the processes that train together.

    Raises:
        ConfigError: there are fewer.
    """
    seen = jax.local_devices()
    if count > len(seen):
        kind = seen[0].device_kind
        raise ConfigError(
            f"training.devices is {count}, but JAX sees {len(seen)} device{'s' * (len(seen) > 1)} here ({kind}): take "
            f"`devices={len(seen)}`. Several devices are made of one processor with the environment variable "
            f"XLA_FLAGS=--xla_force_host_platform_device_count={count}; that is for trials, and not faster."
        )
    if jax.process_count() == 1:
        return LOCAL if count == 1 else Placement(tuple(seen[:count]))
    by_process = [[one for one in jax.devices() if one.process_index == i] for i in range(jax.process_count())]
    if (fewest := min(map(len, by_process))) < count:
        raise ConfigError(f"training.devices is {count}, but another process has {fewest}: take `devices={fewest}`.")
    return Placement(tuple(device for each in by_process for device in each[:count]))


def placement_of(array: Any) -> Placement:
    """Where an array lies; `LOCAL` for one on the host or on one device, or without content."""
    sharding = getattr(array, "sharding", None)
    if not isinstance(sharding, NamedSharding) or sharding.mesh.size == 1:
        return LOCAL
    return Placement(tuple(sharding.mesh.devices.flat))


def is_divided(array: Any) -> bool:
    """Whether each device has rows of its own, rather than a copy of all."""
    return placement_of(array) != LOCAL and not array.sharding.is_fully_replicated


def copies(tree: T) -> list[T]:
    """The copy on each device of this process, as arrays of that device alone; with one device, the same arrays."""
    leaves, structure = jax.tree.flatten(tree)
    shards = [
        [shard.data for shard in leaf.addressable_shards] if placement_of(leaf) != LOCAL else None for leaf in leaves
    ]
    count = max((len(each) for each in shards if each), default=1)
    return [
        jax.tree.unflatten(
            structure, [leaf if each is None else each[i] for leaf, each in zip(leaves, shards, strict=True)]
        )
        for i in range(count)
    ]


def one_copy(tree: T) -> T:
    """The copy on the first device of this process; what is computed with it needs no other device."""
    return copies(tree)[0]
