"""Muon: weight matrices move along orthogonal matrices; AdamW updates everything else."""

from dataclasses import KW_ONLY
from typing import Annotated, ClassVar

import jax
import jax.numpy as jnp
from annotated_types import Ge
from jax import Array
from jaxtyping import Float

from batchwright._component import component
from batchwright.optim.adam import adam_direction, adam_state
from batchwright.optim.names import is_chosen, name_of
from batchwright.optim.rule import NonNegative, Optimizer, Positive, Scaling, Share, State, Tree, add_scaled, zeros

QUINTIC = (3.4445, -4.7750, 2.0315)
"""a, b and c of the iteration x ← a·x + b·x³ + c·x⁵, chosen for the steepest slope at 0; Jordan et al. 2024."""


@component
class Muon(Optimizer):
    """Muon: the momentum of a weight matrix, with all its singular values made about equal.

        V ← μ·V + G
        O = Newton-Schulz(G + μ·V, or V without nesterov) ≈ U·Wᵀ  where  U·S·Wᵀ is the singular value decomposition
        D = rms_rate·√max(rows, columns)·O

    The factor gives D the root mean square of Adam's steps, so that one learning rate serves both.

    Matrices are the parameters [in, out], and the filters of convolutions [height, width, in, out] taken as
    [height·width·in, out], unless a pattern of `exclude_layers` matches their name. All others (biases, the scales and
    shifts of normalization, embeddings) are updated by AdamW, with the same learning rate and weight decay. The output
    layer's weights count as a matrix like any other: name them in `exclude_layers` to leave them to AdamW.

    Args:
        learning_rate: η > 0, as for AdamW.
        momentum: μ in [0, 1).
        nesterov: look one step ahead along the momentum.
        ns_steps: Newton-Schulz iterations, at least 1.
        rms_rate: the root mean square of D, > 0.
        adam_beta_1: AdamW's β₁ in [0, 1), for everything that is not a matrix.
        adam_beta_2: AdamW's β₂ in [0, 1).
        epsilon: AdamW's ε > 0.
        exclude_layers: patterns of names (`optim.names`) whose parameters are left to AdamW.
        weight_decay: λ ≥ 0, passed by name.

    Keras's names and defaults, and the same steps with two exceptions. Keras leaves the filters of convolutions to
    AdamW (name them in `exclude_layers` to do so), and its AdamW has the ε of its Adam (see `Adam`). Its
    `exclude_embeddings` is the entry "embedding" here. PyTorch takes matrices only, with D = √max(1, out/in)·O and
    rates near 0.02.

    >>> Muon().ns_steps
    5

    References:
        Jordan et al., Muon: An optimizer for hidden layers in neural networks, 2024.
        Liu et al., Muon is Scalable for LLM Training, 2025, arXiv 2502.16982 (rms_rate, weight decay).
    """

    name: ClassVar[str] = "muon"

    learning_rate: Positive = 0.001
    momentum: Share = 0.95
    nesterov: bool = True
    ns_steps: Annotated[int, Ge(1)] = 5
    rms_rate: Positive = 0.2
    adam_beta_1: Share = 0.9
    adam_beta_2: Share = 0.999
    epsilon: Positive = 1e-7
    exclude_layers: tuple[str, ...] = ("embedding",)
    _: KW_ONLY
    weight_decay: NonNegative | None = 0.004

    def init(self, params: Tree) -> State:
        matrices, rest = self._split(params)
        return {"velocity": zeros(matrices), "adam": adam_state(rest)}

    def direction(self, gradients: Tree, state: State, params: Tree) -> tuple[Tree, State]:
        matrices, rest = self._split(gradients)
        velocity = add_scaled(matrices, state["velocity"], self.momentum)
        ahead = add_scaled(matrices, velocity, self.momentum) if self.nesterov else velocity
        directions, adam = adam_direction(
            rest, state["adam"], beta_1=self.adam_beta_1, beta_2=self.adam_beta_2, epsilon=self.epsilon
        )
        directions |= {name: self._direction_of_matrix(matrix) for name, matrix in ahead.items()}
        direction = jax.tree_util.tree_map_with_path(lambda path, _: directions[name_of(path)], gradients)
        return direction, {"velocity": velocity, "adam": adam}

    def scaling(self) -> Scaling:
        """For matrices as Lion's, because orthogonalising follows the momentum, which stays; otherwise AdamW's."""
        return Scaling(0.5, ("adam_beta_1",), ("adam_beta_2",), {"epsilon": -0.5})

    def _split(self, tree: Tree) -> tuple[dict[str, Array], dict[str, Array]]:
        """The matrices, and the other parameters, each by name."""
        named = {name_of(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}
        matrices = {
            name: leaf
            for name, leaf in named.items()
            if leaf.ndim in (2, 4) and not is_chosen(name, self.exclude_layers)
        }
        return matrices, {name: leaf for name, leaf in named.items() if name not in matrices}

    def _direction_of_matrix(self, weights: Array) -> Array:
        matrix = weights.reshape(-1, weights.shape[-1])
        scale = self.rms_rate * max(matrix.shape) ** 0.5
        return jnp.reshape(scale * orthogonalise(matrix, steps=self.ns_steps), weights.shape)


def orthogonalise(matrix: Float[Array, "rows columns"], *, steps: int) -> Float[Array, "rows columns"]:
    """The matrix with its singular values moved to about 1 (0.65 to 1.2) by Newton-Schulz iterations.

        X₀ = M/|M|,    A = X·Xᵀ,    X ← a·X + (b·A + c·A²)·X

    Six `steps` do this for all above |M|/2400, five for all above |M|/700; smaller ones grow 3.4 times per step.
    """
    if matrix.shape[0] > matrix.shape[1]:
        return jnp.transpose(orthogonalise(matrix.T, steps=steps))
    a, b, c = QUINTIC
    x: Array = matrix / (jnp.linalg.norm(matrix) + 1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x
