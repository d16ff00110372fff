"""Several networks that were trained apart, as one: their answers are averaged, each counted as often as was chosen.

Its members share nothing; the submodels of `ensembles` share their weights, and are parts of one network.

Letters: m members, each counted c times; otherwise as in `ensembles`.
"""

from collections.abc import Sequence
from typing import ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from batchwright._component import component
from batchwright.nn.ensembles import submodels_of
from batchwright.nn.protocols import Architecture, Dtype, Features, Inputs, Network, Tree, Variables, is_in_bfloat16


@component
class MembersNetwork:
    """The outputs of all networks side by side: [n, k, o], where k counts each member, or its submodels, c times.

    - networks: the members
    - counts: how often each counts, > 0
    """

    networks: tuple[Network, ...]
    counts: tuple[int, ...]

    @property
    def submodels(self) -> int:
        """The length k of the axis that a task pools."""
        pairs = zip(self.networks, self.counts, strict=True)
        return sum(count * submodels_of(network) for network, count in pairs)

    @property
    def dtype(self) -> Dtype:
        """The precision of the members' products, which is the same for all."""
        return "bfloat16" if any(map(is_in_bfloat16, self.networks)) else "float32"

    def init(self, key: Array, example: Inputs) -> Variables:
        """The variables of each member, under `member_0`, `member_1`, ..."""
        keys = jax.random.split(key, len(self.networks))
        return join_members([network.init(own, example) for network, own in zip(self.networks, keys, strict=True)])

    def apply(
        self,
        variables: Variables,
        inputs: Inputs,
        *,
        train: bool,
        key: Array | None = None,
        present: Array | None = None,
    ) -> tuple[Array, Tree]:
        """float32 [n, k, o], and the new state of each member."""
        keys = (key,) * len(self.networks) if key is None else jax.random.split(key, len(self.networks))
        outputs, states = list[Array](), dict[str, Tree]()
        for place, (network, count) in enumerate(zip(self.networks, self.counts, strict=True)):
            own = Variables(*(tree[name_of(place)] for tree in variables))
            found, states[name_of(place)] = network.apply(own, inputs, train=train, key=keys[place], present=present)
            outputs += [found if found.ndim == 3 else found[:, None, :]] * count
        return jnp.concatenate(outputs, axis=1), states


@component
class Members:
    """The architectures of members that were trained apart, and how often each counts in their mean answer.

    >>> from batchwright.nn import MLP
    >>> network = Members((MLP((4,)), MLP((8, 8))), (1, 2)).build(Features(numeric=3), 1)
    >>> rows = {"numeric": jnp.ones((5, 3))}
    >>> outputs, _ = network.apply(network.init(jax.random.key(0), rows), rows, train=False)
    >>> outputs.shape
    (5, 3, 1)
    """

    name: ClassVar[str] = "members"
    members: tuple[Architecture, ...]
    counts: tuple[int, ...]

    def build(self, features: Features, outputs: int, *, dtype: Dtype = "float32") -> Network:
        """The networks of all members for these inputs and this many outputs."""
        networks = tuple(member.build(features, outputs, dtype=dtype) for member in self.members)
        return MembersNetwork(networks, self.counts)


def join_members(each: Sequence[Variables]) -> Variables:
    """The variables of a `MembersNetwork` from those of its members."""
    named = {name_of(place): own for place, own in enumerate(each)}
    return Variables(
        {name: own.params for name, own in named.items()}, {name: own.state for name, own in named.items()}
    )


def name_of(place: int) -> str:
    """The name of a member's variables."""
    return f"member_{place}"
