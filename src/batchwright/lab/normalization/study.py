"""What batch normalization does: one network with it and without, trained by the loop of any training."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from itertools import pairwise
from typing import Any, Literal, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from batchwright.errors import UsageError, unknown
from batchwright.lab.descent.descend import on_processor
from batchwright.lab.descent.program import QUICKLY
from batchwright.lab.network.chosen_rows import ChosenRows, choose_points
from batchwright.lab.network.live import MOST_LAYERS, Live, SmallNetwork
from batchwright.lab.network.point_sets import POINT_SETS, draw_points
from batchwright.nn import MLP
from batchwright.nn.activations import Activation
from batchwright.nn.embeddings import Encoder
from batchwright.nn.inside import Seen, look_inside
from batchwright.nn.normalization import BatchNorm
from batchwright.nn.protocols import Inputs, Layer, Variables
from batchwright.optim import SGD
from batchwright.training.order import batches
from batchwright.training.plan import BatchSize
from batchwright.training.state import Model

Floats: TypeAlias = NDArray[np.float64]

UNITS = 8
MOST_STEPS = 2_000
ACTIVATIONS: Mapping[str, Literal["tanh", "sigmoid", "relu"]] = {"tanh": "tanh", "sigmoid": "sigmoid", "relu": "relu"}
MOMENTS = 40
"""Losses of all rows that are measured on the way."""
BATCH_SIZES: tuple[BatchSize, ...] = (1, 2, 4, 8, 16, 32, 64, "full")
"""The batch sizes of a comparison."""


@dataclass(frozen=True)
class NormStudy:
    """A network that is trained twice from one seed: with batch normalization and without. The rule is plain descent.

    Args:
        data: a set of points.
        layers: hidden layers of 8 units, 1 to 4.
        activation: tanh, sigmoid or relu.
        batch_size: rows of a batch, or "full".
        steps: iterations, 0 to 2,000.
        learning_rate: > 0.
        seed: of the first weights and the order of the rows, ≥ 0.
        points_seed: of the points, ≥ 0.

    Raises:
        UsageError: a number or a word is none of these.
    """

    data: str = "moons"
    layers: int = 4
    activation: str = "sigmoid"
    batch_size: BatchSize = 16
    steps: int = 300
    learning_rate: float = 0.1
    seed: int = 0
    points_seed: int = 0

    def __post_init__(self) -> None:
        if self.data not in POINT_SETS:
            raise UsageError(unknown("set of points", self.data[:60], POINT_SETS))
        if self.activation not in ACTIVATIONS:
            raise UsageError(unknown("activation", self.activation[:60], ACTIVATIONS))
        for name, value, least, most in (("layers", self.layers, 1, MOST_LAYERS), ("steps", self.steps, 0, MOST_STEPS)):
            if not least <= value <= most:
                raise UsageError(f"{name} is {value:,}; it must be {least} to {most:,}.")
        if not 1e-6 <= self.learning_rate <= 100:
            raise UsageError(f"learning_rate is {self.learning_rate}; it must be 0.000001 to 100.")
        self.small(normal=True)  # which checks the rest
        rows = self.rows.dataset.train.rows
        if self.batch_size != "full" and self.batch_size > rows:
            raise UsageError(f"the batch size is {self.batch_size:,}, and there are {rows} training rows.")

    @cached_property
    def rows(self) -> ChosenRows:
        """What is learned: 200 points, of which a quarter is held out."""
        return choose_points(draw_points(self.data, seed=self.points_seed), seed=self.points_seed)

    def small(self, *, normal: bool) -> SmallNetwork:
        """The network with or without batch normalization, and how it is trained."""
        network = MLP((UNITS,) * self.layers, activation=ACTIVATIONS[self.activation], batch_normalization=normal)
        return SmallNetwork(self.rows, network, SGD(learning_rate=self.learning_rate), self.batch_size, self.seed)


class Gap(NamedTuple):
    """How far the statistics of batches are from the running averages in a layer, as means over batches and units.

    Args:
        shift: |mean of the batch − running mean|, in running deviations √(v + ε).
        spread: v + ε of the batch, as a share of v + ε of the running variance.
    """

    shift: float
    spread: float


@dataclass(frozen=True, eq=False)
class Trained:
    """One of the two networks after its iterations.

    Args:
        iterations: when the losses were measured.
        train: the loss of all training rows then, in evaluation mode.
        validation: of the validation rows.
        inputs: for each hidden layer, what its activation gets for the training rows, in evaluation mode [rows, units].
        batch_loss: the loss of the training rows with the statistics of their batches, as in training.
        gaps: for each layer that normalizes.
        diverged: whether a loss was no finite number.
    """

    iterations: tuple[int, ...]
    train: tuple[float, ...]
    validation: tuple[float, ...]
    inputs: tuple[Floats, ...]
    batch_loss: float
    gaps: tuple[Gap, ...]
    diverged: bool

    @property
    def means(self) -> list[float]:
        """For each hidden layer, the mean of what its activation gets."""
        with np.errstate(invalid="ignore", over="ignore"):  # of a network that has diverged
            return [float(layer.mean()) for layer in self.inputs]

    @property
    def deviations(self) -> list[float]:
        """For each hidden layer, the standard deviation over rows, as a root mean square over units."""
        with np.errstate(invalid="ignore", over="ignore"):
            return [float(np.sqrt(layer.var(axis=0).mean())) for layer in self.inputs]

    def to_json(self) -> dict[str, Any]:
        """The losses and the statistics as plain data."""
        return {
            "iterations": self.iterations,
            "train_losses": self.train,
            "validation_losses": self.validation,
            "batch_loss": self.batch_loss,
            "means": self.means,
            "deviations": self.deviations,
            "gaps": [gap._asdict() for gap in self.gaps],
            "diverged": self.diverged,
        }


@dataclass(frozen=True, eq=False)
class Studied:
    """Both networks: what was asked, with batch normalization, and without."""

    asked: NormStudy
    normal: Trained
    plain: Trained

    def to_json(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {**asdict(self.asked), "with": self.normal.to_json(), "without": self.plain.to_json()}


def study_normalization(asked: NormStudy) -> Studied:
    """Train a network with and without batch normalization, and look at what its layers get.

    >>> studied = study_normalization(NormStudy(steps=20))
    >>> studied.normal.deviations[-1] > studied.plain.deviations[-1]
    True
    """
    return Studied(asked, *(_train(Live(asked.small(normal=normal)), asked.steps) for normal in (True, False)))


def _train(live: Live, steps: int) -> Trained:
    moments, found = sorted({round(at) for at in np.linspace(0, steps, MOMENTS + 1)}), []
    for moment in moments:
        if moment > live.iteration:
            live.advance(moment - live.iteration)
        metrics = live.metrics()
        found.append((live.iteration, metrics["train"]["loss"], metrics["validation"]["loss"]))
        if live.diverged:
            break
    iterations, train, validation = zip(*found, strict=True)
    with on_processor(), np.errstate(invalid="ignore", over="ignore"):  # of a network that has diverged
        seen = _look(live, live.rows.inputs, train=False)
        inputs = [before for before, one in pairwise(seen) if isinstance(one.layer, Activation)]
        batch_loss, gaps = _in_batches(live)
    layers = tuple(np.asarray(one.output, np.float64) for one in inputs)
    return Trained(iterations, train, validation, layers, batch_loss, gaps, live.diverged)


def _in_batches(live: Live) -> tuple[float, tuple[Gap, ...]]:
    """The loss of an epoch's batches with their own statistics, and how far these are from the running ones."""
    answers, rows, gaps = list[np.ndarray](), list[NDArray[np.int64]](), list[list[Gap]]()
    layers = [one.layer for one in _look(live, live.rows.inputs, train=False)]
    for chosen in _batches(live):
        inputs = {name: jnp.asarray(np.asarray(array)[chosen]) for name, array in live.rows.inputs.items()}
        outputs = _outputs(live.small.model, live.state.variables, inputs)
        answers.append(np.asarray(outputs[-1]))
        rows.append(chosen)
        gaps.append(_gaps(live, layers, outputs))
    targets = np.asarray(live.rows.targets)[np.concatenate(rows)]
    loss = live.small.model.task.metrics(np.concatenate(answers), targets)["loss"]
    means = np.average(np.array(gaps).reshape(len(gaps), -1, 2), axis=0, weights=[len(one) for one in rows])
    return float(loss), tuple(Gap(float(shift), float(spread)) for shift, spread in means)


def _batches(live: Live) -> Iterator[NDArray[np.int64]]:
    """The rows of each batch of the epoch under work."""
    plan = live.small.plan
    for batch in batches(plan, seed=live.small.seed, epoch=live.iteration // plan.iterations_per_epoch):
        chosen = np.asarray(batch.reshape(-1), np.int64)
        yield chosen[chosen < plan.training_rows]


def _gaps(live: Live, layers: Sequence[Layer | Encoder], outputs: Sequence[Array]) -> list[Gap]:
    """For each layer that normalizes, the statistics of one batch beside the running ones."""
    found = []
    states = live.state.variables.state["body"]
    names = [name for name in states if "mean" in states[name]]
    names.sort(key=lambda name: int(name.rpartition("_")[2]))
    places = [(at, float(layer.epsilon)) for at, layer in enumerate(layers) if isinstance(layer, BatchNorm)]
    for name, (at, epsilon) in zip(names, places, strict=True):
        values = np.asarray(outputs[at - 1], np.float64)
        mean, variance = (np.asarray(states[name][key], np.float64) for key in ("mean", "variance"))
        shift = np.abs(values.mean(axis=0) - mean) / np.sqrt(variance + epsilon)
        spread = (values.var(axis=0) + epsilon) / (variance + epsilon)
        found.append(Gap(float(shift.mean()), float(spread.mean())))
    return found


def _look(live: Live, inputs: Inputs, *, train: bool) -> list[Seen]:
    return look_inside(live.small.model.network, live.state.variables, inputs, train=train, key=None)[1]


@partial(jax.jit, compiler_options=QUICKLY)
def _outputs(model: Model, variables: Variables, inputs: Inputs) -> list[Array]:
    """What each layer gives for a batch in training."""
    return [one.output for one in look_inside(model.network, variables, inputs, train=True, key=None)[1]]
