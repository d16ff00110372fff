"""Turn inputs into one array of features: embed categories and words, encode or pass on numbers, flatten images."""

import math
from typing import Annotated, ClassVar, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from annotated_types import Gt
from jax import Array

from batchwright._component import component
from batchwright.nn.protocols import TARGETS, Features, Inputs, NumberEncoder, Tree, Variables, learns_from_targets


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


SHORT = 0.01
"""The length of a word's first vector. Vectors of length 1 are noise that training has to remove: with them, the test
accuracy on docstrings of nine libraries was 0.70 in place of 0.78."""


@component
class EmbeddingBag:
    """y = the mean of table[x] over the places where x > 0: integers x [n, t] -> [n, units]; 0 where there are none.

    So the order of the places does not matter. `categories` counts 0, whose vector is never used.

    Paper: Joulin et al. 2016, Bag of Tricks for Efficient Text Classification, arXiv 1607.01759
    """

    categories: Annotated[int, Gt(0)]
    units: Annotated[int, Gt(0)] = 32

    def init(self, key: Array, shape: tuple[int, ...]) -> Variables:
        """`table` [categories, units], normal: vectors of length about 0.01, so that unseen words hardly count."""
        drawn = jax.random.normal(key, (self.categories, self.units))
        return Variables({"table": SHORT * drawn / self.units**0.5}, {})

    def apply(
        self, variables: Variables, x: Array, *, train: bool, key: Array | None, present: Array | None
    ) -> tuple[Array, Tree]:
        """[n, t] -> [n, units]; a number outside the table takes the nearest row of the table."""
        vectors = jnp.take(variables.params["table"], x.astype(jnp.int32), axis=0, mode="clip")
        filled = x > 0
        total = jnp.sum(jnp.where(filled[:, :, None], vectors, 0.0), axis=1)
        return total / jnp.maximum(jnp.sum(filled, axis=1), 1)[:, None], {}


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

    name: ClassVar[str] = "piecewise_linear"
    bins: Annotated[int, Gt(0)] = 16
    units: Annotated[int, Gt(0)] = 8

    def init(self, key: Array, example: Array, targets: Array | None) -> Variables:
        """`kernel` [d, bins, units], `bias` [d, units]; `edges` [d, bins + 1] are quantiles of the example [n, d]."""
        columns = example.shape[1]
        edges = jnp.quantile(example, jnp.linspace(0, 1, self.bins + 1), axis=0).T
        bound = self.bins**-0.5
        kernel = jax.random.uniform(key, (columns, self.bins, self.units), minval=-bound, maxval=bound)
        return Variables({"kernel": kernel, "bias": jnp.zeros((columns, self.units))}, {"edges": edges})

    def apply(self, variables: Variables, x: Array) -> Array:
        """float32 [n, d] -> [n, d, 1 + units]."""
        edges = variables.state["edges"][None, :, :]
        width = edges[:, :, 1:] - edges[:, :, :-1]
        filled = (x[:, :, None] - edges[:, :, :-1]) / jnp.where(width > 0, width, 1.0)
        number = jnp.arange(self.bins)
        low = jnp.where(number == 0, -jnp.inf, 0.0)
        high = jnp.where(number == self.bins - 1, jnp.inf, 1.0)
        bins = jnp.where(width > 0, jnp.clip(filled, low[None, None, :], high[None, None, :]), 0.0)
        features = jnp.einsum("ndt,dtu->ndu", bins, variables.params["kernel"]) + variables.params["bias"][None, :, :]
        return jnp.concatenate([x[:, :, None], jax.nn.relu(features)], axis=2)


@component
class Columns:
    """Every input side by side in float32 [n, f]: numeric columns, embedded categories, the means of embedded words.

    Pixels / 255 come last. `numbers`, if given, encodes the numeric columns, and may learn from the example's rows;
    first comes the first feature of each number, then the others, number by number. `texts` says how many of the words
    in "text" belong to each column of text, and `bags` embeds them.
    """

    embeddings: tuple[Embedding, ...]
    numbers: NumberEncoder | None = None
    bags: tuple[EmbeddingBag, ...] = ()
    texts: tuple[int, ...] = ()

    @classmethod
    def of(cls, features: Features, numbers: NumberEncoder | None = None) -> "Columns":
        """The encoder for these features, with `embedding_size` units for each categorical column, 32 for each text."""
        sizes = features.cardinalities
        embeddings = tuple(Embedding(size, embedding_size(size)) for size in sizes)
        bags = tuple(EmbeddingBag(size) for size, _ in features.text)
        return cls(embeddings, numbers if features.numeric else None, bags, tuple(width for _, width in features.text))

    @property
    def learns_from_targets(self) -> bool:
        """Whether the encoder of numbers does."""
        return learns_from_targets(self.numbers)

    def init(self, key: Array, example: Inputs) -> Variables:
        """`embedding_<column>` of each categorical column, `embedding_text_<column>` of each text, and `numbers`."""
        params: Tree = {}
        state: Tree = {}
        for index, embedding in enumerate(self.embeddings):
            params[f"embedding_{index}"] = embedding.init(jax.random.fold_in(key, index), ()).params
        if self.numbers is not None:
            drawn = jax.random.fold_in(key, len(self.embeddings))
            params["numbers"], state["numbers"] = self.numbers.init(drawn, example["numeric"], example.get(TARGETS))
        for index, bag in enumerate(self.bags):
            drawn = jax.random.fold_in(key, len(self.embeddings) + 1 + index)
            params[f"embedding_text_{index}"] = bag.init(drawn, ()).params
        return Variables(params, state)

    def apply(self, variables: Variables, inputs: Inputs) -> Array:
        """float32 [n, f]."""
        parts = [self._encode_numbers(variables, inputs["numeric"])] if "numeric" in inputs else []
        for index in range(len(self.embeddings)):
            table = variables.params[f"embedding_{index}"]["table"]
            parts.append(jnp.take(table, inputs["categorical"][:, index], axis=0, mode="clip"))
        parts += self._encode_texts(variables, inputs["text"]) if "text" in inputs else []
        parts += [scaled_image(inputs).reshape(inputs["image"].shape[0], -1)] if "image" in inputs else []
        return parts[0] if len(parts) == 1 else jnp.concatenate(parts, axis=1)

    def _encode_texts(self, variables: Variables, text: Array) -> list[Array]:
        """The mean of the words' vectors, for each column of text."""
        means, start = [], 0
        for index, (bag, width) in enumerate(zip(self.bags, self.texts, strict=True)):
            own = Variables(variables.params[f"embedding_text_{index}"], {})
            mean, _ = bag.apply(own, text[:, start : start + width], train=False, key=None, present=None)
            means.append(mean)
            start += width
        return means

    def _encode_numbers(self, variables: Variables, numeric: Array) -> Array:
        if self.numbers is None:
            return numeric
        own = Variables(variables.params["numbers"], variables.state["numbers"])
        features = self.numbers.apply(own, numeric)
        return jnp.concatenate([features[:, :, 0], features[:, :, 1:].reshape(numeric.shape[0], -1)], axis=1)


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
