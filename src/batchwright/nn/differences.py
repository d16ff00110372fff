"""Numbers and the differences of some of them, each embedded as a number of its own."""

from typing import ClassVar

import jax.numpy as jnp
from jax import Array

from batchwright._component import component
from batchwright.nn.protocols import Difference, NumberEncoder, Variables, learns_from_targets


@component
class WithDifferences:
    """Embeds x [n, d], and after it each of the differences, by `numbers`: [n, d] -> [n, d + differences, k].

    >>> from batchwright.nn.numeric import Cosine
    >>> encoder = WithDifferences(Cosine(), (Difference(0, 1, slope=1.0, center=0.0, scale=0.5, limit=3.0),))
    >>> encoder.extended(jnp.array([[2.0, 1.5], [1.0, 7.0]]))
    Array([[ 2. ,  1.5,  1. ],
           [ 1. ,  7. , -3. ]], dtype=float32)
    """

    name: ClassVar[str] = "with_differences"
    numbers: NumberEncoder
    differences: tuple[Difference, ...]

    @property
    def learns_from_targets(self) -> bool:
        """Whether the encoder of numbers does."""
        return learns_from_targets(self.numbers)

    def init(self, key: Array, example: Array, targets: Array | None) -> Variables:
        """The variables of `numbers` for d + differences columns."""
        return self.numbers.init(key, self.extended(example), targets)

    def apply(self, variables: Variables, x: Array) -> Array:
        """[n, d] -> [n, d + differences, k]."""
        return self.numbers.apply(variables, self.extended(x))

    def extended(self, x: Array) -> Array:
        """[n, d] -> [n, d + differences]: the numbers, and then their differences."""
        made = (
            jnp.clip((x[:, one.first] - one.slope * x[:, one.second] - one.center) / one.scale, -one.limit, one.limit)
            for one in self.differences
        )
        return jnp.concatenate([x, *(column[:, None] for column in made)], axis=1)
