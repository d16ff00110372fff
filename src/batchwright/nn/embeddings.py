"""Turn inputs into one array of features: embed categories, encode or pass on numbers, flatten images."""

import math
from typing import Annotated, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from annotated_types import Gt
from jax import Array

from batchwright._component import component
from batchwright.nn.protocols import Features, Inputs, Tree, Variables


@runtime_checkable
class Encoder(Protocol):
    """The first part of a network: turns inputs into one array."""

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
        self, variables: Variables, x: Array, *, train: bool, key: Array | None, present: Array | None
    ) -> tuple[Array, Tree]:
        """[n, ...] -> [n, ..., units]; a number outside the table takes the nearest row of the table."""
        return jnp.take(variables.params["table"], x.astype(jnp.int32), axis=0, mode="clip"), {}


def embedding_size(categories: int) -> int:
    """Units for a column of `categories` categories: min(50, round(1.6 * categories ** 0.56)), fast.ai's rule of thumb.

    >>> embedding_size(42)
    13
    """
    return min(50, round(1.6 * math.pow(categories, 0.56)))


@component
class PiecewiseLinear:
    """Each number becomes `units` learned features of its position among bins between quantiles of the training rows.

    For the bin edges e_0 < ... < e_T of a column, its bin t is filled to clip((x - e_t) / (e_t+1 - e_t), 0, 1); the
    first and the last bin extend beyond their ends, so that nothing is lost outside the range of the training rows. The
    filled bins of a column times the column's kernel, followed by relu, give its features; x itself is kept beside
    them.

    - bins: the most bins T; a column with fewer distinct values has empty bins, which stay 0
    - units: features per column

    Paper: Gorishniy et al. 2022, On Embeddings for Numerical Features in Tabular Deep Learning, arXiv 2203.05556
    """

    bins: Annotated[int, Gt(0)] = 16
    units: Annotated[int, Gt(0)] = 8

    def init_from(self, key: Array, example: Array) -> Variables:
        """`kernel` [d, bins, units], `bias` [d, units]; `edges` [d, bins + 1] are quantiles of the example [n, d]."""
        columns = example.shape[1]
        edges = jnp.quantile(example, jnp.linspace(0, 1, self.bins + 1), axis=0).T
        bound = self.bins**-0.5
        kernel = jax.random.uniform(key, (columns, self.bins, self.units), minval=-bound, maxval=bound)
        return Variables({"kernel": kernel, "bias": jnp.zeros((columns, self.units))}, {"edges": edges})

    def apply(self, variables: Variables, x: Array) -> Array:
        """float32 [n, d] -> [n, d + d * units]."""
        edges = variables.state["edges"][None, :, :]
        width = edges[:, :, 1:] - edges[:, :, :-1]
        filled = (x[:, :, None] - edges[:, :, :-1]) / jnp.where(width > 0, width, 1.0)
        number = jnp.arange(self.bins)
        low = jnp.where(number == 0, -jnp.inf, 0.0)
        high = jnp.where(number == self.bins - 1, jnp.inf, 1.0)
        bins = jnp.where(width > 0, jnp.clip(filled, low[None, None, :], high[None, None, :]), 0.0)
        features = jnp.einsum("ndt,dtu->ndu", bins, variables.params["kernel"]) + variables.params["bias"][None, :, :]
        return jnp.concatenate([x, jax.nn.relu(features).reshape(len(x), -1)], axis=1)


@component
class Columns:
    """Every input side by side in float32 [n, f]: numeric columns, then embedded categories, then pixels / 255.

    `numbers`, if given, encodes the numeric columns; its bins are learned from the example's rows.
    """

    embeddings: tuple[Embedding, ...]
    numbers: PiecewiseLinear | None = None

    @classmethod
    def of(cls, features: Features, numbers: PiecewiseLinear | None = None) -> "Columns":
        """The encoder for these features, with `embedding_size` units for each categorical column."""
        sizes = features.cardinalities
        embeddings = tuple(Embedding(size, embedding_size(size)) for size in sizes)
        return cls(embeddings, numbers if features.numeric else None)

    def init(self, key: Array, example: Inputs) -> Variables:
        """`embedding_<column>` of each categorical column, and `numbers`."""
        params: Tree = {}
        state: Tree = {}
        for index, embedding in enumerate(self.embeddings):
            params[f"embedding_{index}"] = embedding.init(jax.random.fold_in(key, index), ()).params
        if self.numbers is not None:
            numbers = self.numbers.init_from(jax.random.fold_in(key, len(self.embeddings)), example["numeric"])
            params["numbers"], state["numbers"] = numbers
        return Variables(params, state)

    def apply(self, variables: Variables, inputs: Inputs) -> Array:
        """float32 [n, f]."""
        parts = [self._encode_numbers(variables, inputs["numeric"])] if "numeric" in inputs else []
        for index in range(len(self.embeddings)):
            table = variables.params[f"embedding_{index}"]["table"]
            parts.append(jnp.take(table, inputs["categorical"][:, index], axis=0, mode="clip"))
        parts += [scaled_image(inputs).reshape(len(inputs["image"]), -1)] if "image" in inputs else []
        return parts[0] if len(parts) == 1 else jnp.concatenate(parts, axis=1)

    def _encode_numbers(self, variables: Variables, numeric: Array) -> Array:
        if self.numbers is None:
            return numeric
        return self.numbers.apply(Variables(variables.params["numbers"], variables.state["numbers"]), numeric)


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
