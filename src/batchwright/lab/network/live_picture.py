"""What a small network does: its answers and its hidden units over the whole picture, and its weights."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from batchwright.lab.descent.descend import on_processor
from batchwright.lab.descent.program import QUICKLY
from batchwright.lab.network.live import Live
from batchwright.nn.activations import Activation
from batchwright.nn.inside import look_inside
from batchwright.nn.protocols import Inputs, Variables
from batchwright.training.state import Model

Floats: TypeAlias = NDArray[np.float64]
GRID = 40
"""Points of a picture in each direction, for two inputs."""
CURVE = 160
"""Points of a curve, for one input."""


@dataclass(frozen=True)
class Picture:
    """What a network gives over its view; places are in the order of `grid_of`.

    Args:
        axes: for each input, the values along it.
        answers: for each place, the probability of each class [places, classes], or the number [places, 1].
        units: for each hidden layer, the output of each unit [places, units].
        activations: the same for the training rows [rows, units].
    """

    axes: tuple[Floats, ...]
    answers: Floats
    units: tuple[Floats, ...]
    activations: tuple[Floats, ...]


@dataclass(frozen=True)
class LayerWeights:
    """The numbers that a dense layer has learned.

    Args:
        name: of the layer.
        kernel: the weight from each input to each unit [inputs, units].
        bias: of each unit; none where batch normalization shifts instead.
    """

    name: str
    kernel: Floats
    bias: Floats | None


def grid_of(live: Live) -> tuple[tuple[Floats, ...], Floats]:
    """The values along each input, and all places [places, inputs]; the first input changes quickest."""
    view = live.small.rows.view
    axes = tuple(np.linspace(low, high, CURVE if len(view) == 1 else GRID) for low, high in view)
    places = np.stack([along.reshape(-1) for along in np.meshgrid(*axes)], axis=1)
    return axes, places


def take_picture(live: Live) -> Picture:
    """The answers and hidden units of a network as it stands, in evaluation mode."""
    axes, places = grid_of(live)
    with on_processor():
        of_grid, of_rows = live.small.rows.encode(places), live.rows.inputs  # together, so that one program is compiled
        inputs = {name: jnp.concatenate([jnp.asarray(array), of_rows[name]]) for name, array in of_grid.items()}
        outputs, found = _look()(live.small.model, live.state.variables, inputs)
    answers = answers_of(live, np.asarray(outputs)[: len(places)])
    units = [np.asarray(unit, np.float64) for unit in found]
    return Picture(
        axes, answers, tuple(unit[: len(places)] for unit in units), tuple(unit[len(places) :] for unit in units)
    )


def answers_of(live: Live, outputs: NDArray[np.float32]) -> Floats:
    """Probabilities of classes, or numbers in the target's own unit, from the network's outputs."""
    task = live.small.model.task
    if live.small.rows.classes:
        return np.asarray(task.probabilities(outputs), np.float64)  # type: ignore[attr-defined]
    return np.asarray(task.decode(outputs), np.float64).reshape(len(outputs), -1)[:, :1]


@cache
def _look() -> Callable[[Model, Variables, Inputs], tuple[Array, list[Array]]]:
    def look(model: Model, variables: Variables, inputs: Inputs) -> tuple[Array, list[Array]]:
        outputs, seen = look_inside(model.network, variables, inputs, train=False, key=None)
        return outputs, [one.output for one in seen if isinstance(one.layer, Activation)]

    return jax.jit(look, compiler_options=QUICKLY)


def weights_of(live: Live) -> list[LayerWeights]:
    """The weights and biases of each dense layer, from the first to the last."""
    body = live.state.params["body"]
    names = sorted((name for name in body if "kernel" in body[name]), key=lambda name: int(name.rpartition("_")[2]))
    return [
        LayerWeights(
            name,
            np.asarray(body[name]["kernel"], np.float64),
            np.asarray(body[name]["bias"], np.float64) if "bias" in body[name] else None,
        )
        for name in names
    ]
