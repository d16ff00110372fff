"""How strongly the outputs of a network depend on each of its inputs, found in one pass for all inputs at once.

For a feature x of the encoded rows, with f the outputs as a function of all features,

    sensitivity = standard deviation of x among the rows · √(mean over rows and outputs of (∂f/∂x)²).

The derivatives of all outputs at once are those of Σ v·f with random signs v: the expected square of that derivative is
the sum of the outputs' squares (Hutchinson 1990, A Stochastic Estimator of the Trace of the Influence Matrix). Of an
ensemble, f is the mean of the submodels' outputs.
"""

from collections.abc import Mapping
from functools import partial
from itertools import pairwise
from math import prod
from typing import Any

import jax
import numpy as np
from jax import Array

from batchwright.nn.embeddings import Columns
from batchwright.nn.networks import FeedForward
from batchwright.nn.protocols import Network, Variables

MOST_ROWS, NUMBERS_AT_ONCE = 2_000, 1 << 24


def has_sensitivity(network: Network) -> bool:
    """Whether it can be told of a network: one that puts its columns side by side and then applies layers."""
    return isinstance(network, FeedForward) and isinstance(network.encoder, Columns)


def sensitivity(
    network: Network, variables: Variables, inputs: Mapping[str, np.ndarray], *, seed: int = 0
) -> dict[str, np.ndarray]:
    """How strongly the outputs depend on each number, category and text of the inputs; images are left out.

    Args:
        network: one that `has_sensitivity`.
        variables: of the network, as trained.
        inputs: rows; of more than 2,000, as many are taken, spread evenly.
        seed: of the random signs.

    Returns:
        By the name of the input: "numeric" a figure for each number, "categorical" for each category, "text" for each
        column of text.

    >>> from batchwright.nn import Features, Linear
    >>> network = Linear().build(Features(numeric=2), 1)
    >>> kernel = np.array([[3.0], [0.0]], np.float32)
    >>> dense = {"kernel": kernel, "bias": np.zeros(1, np.float32)}
    >>> variables = Variables({"inputs": {}, "body": {"dense_0": dense}}, {})
    >>> variables = variables._replace(state={"inputs": {}, "body": {}})
    >>> sensitivity(network, variables, {"numeric": np.array([[0.0, 0.0], [2.0, 2.0]], np.float32)})["numeric"].tolist()
    [3.0, 0.0]
    """
    assert isinstance(network, FeedForward)
    assert isinstance(network.encoder, Columns)
    rows = len(next(iter(inputs.values())))
    chosen = np.unique(np.linspace(0, rows - 1, min(rows, MOST_ROWS)).round().astype(np.int64))
    rng = np.random.default_rng(seed)
    slopes, values, squares = 0.0, 0.0, 0.0
    for part in np.array_split(chosen, -(-len(chosen) // _rows_at_once(network, variables, inputs))):
        some = {name: array[part] for name, array in inputs.items()}
        x, slope = _slopes(network, variables, some, rng)
        slopes = slopes + (slope**2).sum(axis=0)
        values, squares = values + x.sum(axis=0), squares + (x**2).sum(axis=0)
    spread = np.maximum(squares / len(chosen) - (values / len(chosen)) ** 2, 0.0)
    return _by_input(network.encoder, np.asarray(spread * slopes / len(chosen)), inputs)


def _rows_at_once(network: FeedForward, variables: Variables, inputs: Mapping[str, np.ndarray]) -> int:
    one = {name: jax.ShapeDtypeStruct((1, *array.shape[1:]), array.dtype) for name, array in inputs.items()}
    own = Variables(*(tree["inputs"] for tree in variables))
    width: int = jax.eval_shape(network.encoder.apply, own, one).shape[1]
    return max(8, NUMBERS_AT_ONCE // max(width, 1))


def _slopes(
    network: FeedForward, variables: Variables, inputs: dict[str, np.ndarray], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The encoded rows, and the derivatives by each feature of a sum of the outputs with random signs."""
    outputs = jax.eval_shape(lambda own, given: _answers(network, own, _encode(network, own, given)), variables, inputs)
    signs = rng.choice((-1.0, 1.0), outputs.shape).astype(outputs.dtype)
    x, slopes = _pull(network, variables, inputs, signs)
    return np.asarray(x, np.float64), np.asarray(slopes, np.float64)


@jax.jit
def _pull(network: FeedForward, variables: Variables, inputs: dict[str, Any], signs: Array) -> tuple[Array, Array]:
    x = _encode(network, variables, inputs)
    _, pull = jax.vjp(partial(_answers, network, variables), x)
    return x, pull(signs)[0]


def _encode(network: FeedForward, variables: Variables, inputs: dict[str, Any]) -> Array:
    own = Variables(*(tree["inputs"] for tree in variables))
    encoded: Array = network.encoder.apply(own, inputs).astype(network.dtype)
    return encoded


def _answers(network: FeedForward, variables: Variables, x: Array) -> Array:
    own = Variables(*(tree["body"] for tree in variables))
    found, _ = network.body.apply(own, x, train=False, key=None, present=None)
    return found.mean(axis=1) if found.ndim == 3 else found


def _by_input(encoder: Columns, squares: np.ndarray, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The features of each input together: the root of the sum of their squares, in the order in which they lie."""
    found, start = dict[str, np.ndarray](), 0
    if "numeric" in inputs:
        count, start = inputs["numeric"].shape[1], len(squares) - _other_features(encoder, inputs)
        found["numeric"] = squares[:count] + squares[count:start].reshape(count, -1).sum(axis=1)
    for name, parts in (("categorical", encoder.embeddings), ("text", encoder.bags)):
        if name in inputs and parts:
            ends = start + np.cumsum([0, *(part.units for part in parts)])
            found[name] = np.array([squares[low:high].sum() for low, high in pairwise(ends)])
            start = int(ends[-1])
    return {name: np.sqrt(values) for name, values in found.items()}


def _other_features(encoder: Columns, inputs: Mapping[str, np.ndarray]) -> int:
    """The features that do not come from numbers."""
    pixels = prod(inputs["image"].shape[1:]) if "image" in inputs else 0
    return pixels + sum(part.units for part in encoder.embeddings) + sum(part.units for part in encoder.bags)
