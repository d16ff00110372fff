"""From inputs to one array of features: categories are looked up, numbers encoded or passed on, images flattened."""

from typing import Annotated, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from annotated_types import Gt
from jax import Array

from batchwright._component import component
from batchwright.nn.protocols import Features, Inputs, Layer, Tree, Variables


@runtime_checkable
class Encoder(Protocol):
    """Inputs to one array, the first part of a network."""

    def init(self, key: Array, example: Inputs) -> Variables:
        """Fresh variables; `example` are training rows."""

    def apply(self, variables: Variables, inputs: Inputs) -> Array:
        """float32 [n, ...]."""


@component
class Embedding:
    """y = table[x]: a learned vector for each of `categories`, on integers x [n, ...] -> [n, ..., units]."""

    categories: Annotated[int, Gt(0)]
    units: Annotated[int, Gt(0)]

    def init(self, key: Array, shape: tuple[int, ...]) -> Variables:
        """`table` [categories, units], normal with standard deviation 1 / sqrt(units): vectors of length about 1."""
        return Variables({"table": jax.random.normal(key, (self.categories, self.units)) / self.units**0.5}, {})

    def apply(
        self, variables: Variables, x: Array, *, train: bool, key: Array | None, weights: Array | None
    ) -> tuple[Array, Tree]:
        """[n, ...] -> [n, ..., units]; a number outside the table gives the nearest row of it."""
        return variables.params["table"].at[x.astype(jnp.int32)].get(mode="clip"), {}


def embedding_size(categories: int) -> int:
    """Units for a column of so many categories: min(50, round(1.6 * categories ** 0.56)), fast.ai's rule of thumb.

    >>> embedding_size(42)
    13
    """
    return min(50, round(1.6 * categories**0.56))


@component
class Columns:
    """Every input side by side in float32 [n, f]: numeric columns, then embedded categories, then pixels / 255.

    `numbers`, where given, is the layer that encodes the numeric columns; it may learn from the example's rows.
    """

    embeddings: tuple[Embedding, ...]
    numbers: Layer | None = None

    @classmethod
    def of(cls, features: Features, numbers: Layer | None = None) -> "Columns":
        """The encoder for such features, with `embedding_size` units for each categorical column."""
        return cls(tuple(Embedding(size, embedding_size(size)) for size in features.cardinalities), numbers)

    def init(self, key: Array, example: Inputs) -> Variables:
        """`embedding_<column>` of each categorical column, and `numbers`."""
        return Variables({}, {})

    def apply(self, variables: Variables, inputs: Inputs) -> Array:
        """float32 [n, f]."""
        parts = [inputs["numeric"]] if "numeric" in inputs else []
        parts += [scaled_image(inputs).reshape(len(inputs["image"]), -1)] if "image" in inputs else []
        return parts[0] if len(parts) == 1 else jnp.concatenate(parts, axis=1)


@component
class Pixels:
    """The image as it is, pixels / 255 in float32 [n, h, w, channels]."""

    def init(self, key: Array, example: Inputs) -> Variables:
        """Nothing to learn."""
        return Variables({}, {})

    def apply(self, variables: Variables, inputs: Inputs) -> Array:
        """[n, h, w, channels]."""
        return scaled_image(inputs)


def scaled_image(inputs: Inputs) -> Array:
    """Bytes 0..255 as float32 0..1."""
    return inputs["image"].astype(jnp.float32) / 255
