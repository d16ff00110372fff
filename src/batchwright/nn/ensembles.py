"""Ensembles with shared weights: k submodels in one network, each with scales, biases and a head of its own.

A submodel is a network with the weights r∘W∘s: the matrix W is shared by all submodels, the vectors r and s are its
own. So k submodels have few more parameters than one network, and their mean answer is often better than its answer.
Outputs are [n, k, o]: training takes the mean of the submodels' losses, and a `Task` pools their outputs into answers.

Letters: k submodels; otherwise as in `protocols`.

References:
    Wen et al., BatchEnsemble, 2020, arXiv 2002.06715.
    Gorishniy et al., TabM: Advancing Tabular Deep Learning with Parameter-Efficient Ensembling, 2025, arXiv 2410.24210.
"""

import dataclasses
from typing import Annotated, Literal

import jax
import jax.numpy as jnp
from annotated_types import Gt
from jax import Array

from batchwright._component import component
from batchwright.nn.initializers import InitializerName, initialize
from batchwright.nn.products import dot
from batchwright.nn.protocols import Layer, Tree, Variables

First = Literal["ones", "signs", "normal"]
"""How the scales of a layer's inputs begin: all 1; 1 or -1, equally often; or normal with mean 0 and deviation 1."""


@component
class EnsembleDense:
    """y = ((x∘r) W)∘s + b for each submodel, on x [n, k, f], or on x [n, f] that all share, -> [n, k, units].

    - units: > 0; submodels: k > 0
    - first: how r begins; the scales of the first layer are drawn, so that the submodels differ
    - own_outputs: whether each submodel has its own s and b; else there is no s, and b is shared
    - use_bias, initializer: as in `Dense`
    """

    units: Annotated[int, Gt(0)]
    submodels: Annotated[int, Gt(0)]
    first: First = "ones"
    own_outputs: bool = True
    use_bias: bool = True
    initializer: InitializerName = "auto"

    def init(self, key: Array, shape: tuple[int, ...]) -> Variables:
        """`kernel` [f, units], `input_scale` [1, k, f]; `output_scale` and `bias` [1, k, units], or [1, 1, units]."""
        for_kernel, for_scale = jax.random.split(key)
        params: Tree = {
            "kernel": initialize(self.initializer, for_kernel, (shape[-1], self.units)),
            "input_scale": _first_scales(self.first, for_scale, (1, self.submodels, shape[-1])),
        }
        own = (1, self.submodels if self.own_outputs else 1, self.units)
        params |= {"output_scale": jnp.ones(own)} if self.own_outputs else {}
        params |= {"bias": jnp.zeros(own)} if self.use_bias else {}
        return Variables(params, {})

    def apply(
        self, variables: Variables, x: Array, *, train: bool, key: Array | None, present: Array | None
    ) -> tuple[Array, Tree]:
        """[n, k, f] or [n, f] -> [n, k, units]."""
        params = variables.params
        scaled = (x[:, None, :] if x.ndim == 2 else x) * params["input_scale"].astype(x.dtype)
        y = dot(scaled.reshape(-1, x.shape[-1]), params["kernel"]).reshape(x.shape[0], self.submodels, self.units)
        if self.own_outputs:
            y = y * params["output_scale"]
        if self.use_bias:
            y = y + params["bias"]
        return y.astype(x.dtype), {}


@component
class EnsembleHead:
    """y = x W_i + b_i for submodel i, nothing shared: on x [n, k, f], or x [n, f] that all share, -> [n, k, units]."""

    units: Annotated[int, Gt(0)]
    submodels: Annotated[int, Gt(0)]
    initializer: InitializerName = "auto"

    def init(self, key: Array, shape: tuple[int, ...]) -> Variables:
        """`kernel` [k, f, units], each submodel's drawn for itself, and `bias` [1, k, units] zero."""
        size, keys = (shape[-1], self.units), jax.random.split(key, self.submodels)
        kernel = jax.vmap(lambda own: initialize(self.initializer, own, size))(keys)
        return Variables({"kernel": kernel, "bias": jnp.zeros((1, self.submodels, self.units))}, {})

    def apply(
        self, variables: Variables, x: Array, *, train: bool, key: Array | None, present: Array | None
    ) -> tuple[Array, Tree]:
        """[n, k, f] or [n, f] -> [n, k, units]."""
        # In float32 throughout: XLA of jaxlib 0.10 has no such products of bfloat16 on the CPU, and they are small.
        letters = "nf,kfu->nku" if x.ndim == 2 else "nkf,kfu->nku"
        y = jnp.einsum(letters, x.astype(jnp.float32), variables.params["kernel"]) + variables.params["bias"]
        return y.astype(x.dtype), {}


@component
class EachSubmodel:
    """A layer on features, applied to the features of each submodel apart: [n, k, f] as [n, k f], and back.

    - body: a layer that keeps the shape, such as `BatchNorm`, whose statistics, scales and shifts are then each
      submodel's own
    """

    body: Layer

    def init(self, key: Array, shape: tuple[int, ...]) -> Variables:
        """The body's variables for k f features."""
        return self.body.init(key, (shape[0] * shape[1],))

    def apply(
        self, variables: Variables, x: Array, *, train: bool, key: Array | None, present: Array | None
    ) -> tuple[Array, Tree]:
        """Same shape as x [n, k, f]."""
        y, state = self.body.apply(variables, x.reshape(x.shape[0], -1), train=train, key=key, present=present)
        return y.reshape(x.shape), state


def submodels_of(part: object) -> int:
    """The number of submodels of a network, or of a part of one, which has them as `submodels`; 1 without any.

    >>> from batchwright.nn import MLP, Features
    >>> [submodels_of(MLP(ensemble=k).build(Features(numeric=3), 1)) for k in (0, 8)]
    [1, 8]
    """
    if isinstance(found := getattr(part, "submodels", None), int):
        return found
    if dataclasses.is_dataclass(part):
        part = tuple(getattr(part, field.name) for field in dataclasses.fields(part))
    return max(map(submodels_of, part), default=1) if isinstance(part, tuple) else 1


def _first_scales(first: First, key: Array, shape: tuple[int, ...]) -> Array:
    if first == "ones":
        return jnp.ones(shape)
    return jax.random.normal(key, shape) if first == "normal" else jax.random.rademacher(key, shape, jnp.float32)
