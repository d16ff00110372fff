"""Over- and underfitting: a curve with noise learned by a polynomial or a network, by the loop of any training."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias, get_args

import jax.numpy as jnp
import numpy as np
import polars as pl
from numpy.typing import NDArray

from batchwright.config import Own, TaskSettings
from batchwright.data.dataset import Dataset
from batchwright.data.encode.targets import ValueTarget
from batchwright.data.load import load
from batchwright.data.typed.table import from_frame
from batchwright.errors import UsageError, unknown
from batchwright.lab.descent.descend import on_processor
from batchwright.lab.network.point_sets import CURVES, LARGEST_NOISE, Columns, X, Y, draw_points
from batchwright.nn import MLP, Linear
from batchwright.nn.protocols import Variables
from batchwright.optim import Adam, Constant
from batchwright.runs.model import Blueprint, features_of
from batchwright.training.checkpoint import first_checkpoint
from batchwright.training.epochs import stop_reason, variables_to_keep
from batchwright.training.evaluate import evaluate, outputs
from batchwright.training.fit import one_epoch
from batchwright.training.job import Job
from batchwright.training.plan import make_plan
from batchwright.training.segment import Segments
from batchwright.training.state import RUNNING, Model, Program, Rows, initial_state, to_device
from batchwright.training.stopping import EarlyStopping
from batchwright.workflow.tasks import task_of

Floats: TypeAlias = NDArray[np.float64]
Kind: TypeAlias = Literal["polynomial", "network"]

HELD_OUT = 200
"""Validation rows: many, so that their loss has little noise of its own."""
FEWEST_ROWS, MOST_ROWS = 8, 500
MOST_EPOCHS = 2_000
MOST_DROPOUT = 0.9
MOST: Mapping[Kind, int] = {"polynomial": 20, "network": 64}
"""The largest degree, and the most units of a layer."""
OTHER_POINTS = 2**31
"""Added to the seed of the points for the validation points, which are the same for any number of training rows."""
DIVERGED = "the loss is no longer a finite number"
PLACES = 201
"""Places of a curve that is drawn."""
SEGMENTS = Segments()
"""Compiled training loops, shared by all fits of the process."""


@dataclass(frozen=True)
class CurveFit:
    """What is fitted to which points, and how. The batch is all training rows, the update rule Adam.

    Args:
        data: sine, step or bump.
        model: "polynomial": a linear network on polynomials of x; "network": two hidden layers of tanh units.
        capacity: the degree of the polynomial, 1 to 20; or the units of each hidden layer, 1 to 64.
        rows: training rows, 8 to 500.
        noise: standard deviation of what is added to y, 0 to 1.
        dropout: share of hidden units left out in training, 0 to 0.9; for a network alone.
        epochs: at most, 1 to 2,000.
        patience: epochs without a better validation loss after which training stops; 0: it goes on to the end.
        learning_rate: of Adam, > 0.
        points_seed: of the points, ≥ 0.
        seed: of the first weights and of dropout, ≥ 0.

    Raises:
        UsageError: a number is out of its range, or dropout is given to a polynomial.
    """

    data: str = "sine"
    model: Kind = "polynomial"
    capacity: int = 4
    rows: int = 20
    noise: float = 0.3
    dropout: float = 0.0
    epochs: int = 400
    patience: int = 0
    learning_rate: float = 0.03
    points_seed: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.data not in CURVES:
            raise UsageError(unknown("curve", self.data[:60], CURVES))
        check_model(self.model)
        name = "degree" if self.model == "polynomial" else "number of units"
        _check(f"the {name}", self.capacity, 1, MOST[self.model])
        _check("rows", self.rows, FEWEST_ROWS, MOST_ROWS)
        _check("noise", self.noise, 0, LARGEST_NOISE)
        _check("epochs", self.epochs, 1, MOST_EPOCHS)
        _check("patience", self.patience, 0, MOST_EPOCHS)
        _check("learning_rate", self.learning_rate, 1e-6, 100)
        for name, seed in (("points_seed", self.points_seed), ("seed", self.seed)):
            _check(name, seed, 0, 2**31 - 1)
        if not 0 <= self.dropout <= MOST_DROPOUT:
            raise UsageError(f"dropout is {self.dropout}; it must be 0 to {MOST_DROPOUT}.")
        if self.dropout and self.model == "polynomial":
            raise UsageError("dropout leaves out hidden units, and a polynomial has none: take model=network.")

    @cached_property
    def points(self) -> tuple[dict[str, Floats], dict[str, Floats]]:
        """The training and the validation points, x and y, of one curve and one noise."""
        train, held_out = (
            draw_points(self.data, rows=rows, noise=self.noise, seed=seed)
            for rows, seed in ((self.rows, self.points_seed), (HELD_OUT, self.points_seed + OTHER_POINTS))
        )
        return _numbers(train), _numbers(held_out)

    @cached_property
    def dataset(self) -> Dataset:
        """The rows, encoded as for any training: what is learned of them is learned from the training rows."""
        train, held_out = (self._frame(one) for one in self.points)
        kinds: dict[str, Any] = dict.fromkeys(train.columns[:-1], "numeric")
        return load(train, target=Y, test=held_out, validation_split=0.0, kinds=kinds, scaling="standard")

    def _frame(self, points: Mapping[str, Floats]) -> pl.DataFrame:
        return pl.DataFrame({**self.features(points[X]), Y: points[Y]})

    def features(self, x: Floats) -> dict[str, Floats]:
        """What the model gets: x, or the Legendre polynomials P1 ... Pd of x.

        They give the same curves as x, x², ... xᵈ, but gradient descent reaches them in hundreds of iterations and not
        in millions, as they are nearly uncorrelated.
        """
        if self.model == "network":
            return {X: x}
        columns: Floats = np.asarray(np.polynomial.legendre.legvander(x, self.capacity)[:, 1:], np.float64)
        return {f"P{degree}": columns[:, degree - 1] for degree in range(1, self.capacity + 1)}

    @cached_property
    def net(self) -> Model:
        """The network and its task."""
        sizes = (self.capacity, self.capacity)
        hidden = MLP(sizes, activation="tanh", batch_normalization=False, dropout=self.dropout)
        network = Linear() if self.model == "polynomial" else hidden
        task = task_of(self.dataset, TaskSettings(), Own())
        return Blueprint(network, features_of(self.dataset.encoding), task, "float32").build()


@dataclass(frozen=True, eq=False)
class Fitted:
    """What a fit came to. Losses are the mean of the squared errors, in the unit of y².

    Args:
        asked: what was fitted.
        train: the loss of the training rows after each epoch, without dropout.
        validation: of the validation rows.
        best: the epoch of the lowest validation loss, from 1; 0 if the first epoch diverged.
        kept: the epoch whose parameters were kept: the best with early stopping, else the last.
        reason: why training ended.
        curve: what the model answers at `places`.
    """

    asked: CurveFit
    train: Floats
    validation: Floats
    best: int
    kept: int
    reason: str
    curve: Floats

    @property
    def diverged(self) -> bool:
        """Whether training ended because a loss was not finite."""
        return self.reason == DIVERGED

    @property
    def held_out(self) -> int:
        """The number of validation rows."""
        return HELD_OUT

    def to_json(self) -> dict[str, Any]:
        """The fit and its losses as plain data."""
        return {
            **asdict(self.asked),
            "train_losses": self.train.tolist(),
            "validation_losses": self.validation.tolist(),
            "best_epoch": self.best,
            "kept_epoch": self.kept,
            "train_loss": self.losses[0] if self.kept else None,
            "validation_loss": self.losses[1] if self.kept else None,
            "reason": self.reason,
        }

    @property
    def losses(self) -> tuple[float, float]:
        """The training and validation losses of the epoch that was kept; not a number if there is none."""
        if not self.kept:
            return float("nan"), float("nan")
        return float(self.train[self.kept - 1]), float(self.validation[self.kept - 1])


def places() -> Floats:
    """The places of a curve that is drawn."""
    return np.linspace(-1.0, 1.0, PLACES)


def true_curve(data: str) -> Floats:
    """The curve without noise, at `places`."""
    return CURVES[data](places())


def fit_curve(asked: CurveFit) -> Fitted:
    """Fit a model to the points of a curve, with the losses after each epoch.

    >>> flat, bent = fit_curve(CurveFit(capacity=1)), fit_curve(CurveFit(capacity=4))
    >>> flat.losses[0] > 2 * bent.losses[0]
    True
    """
    with on_processor():
        return _fit(asked)


def _fit(asked: CurveFit) -> Fitted:
    dataset, model = asked.dataset, asked.net
    assert dataset.test is not None
    rows, held_out = to_device(dataset.train), to_device(dataset.test)
    job = _job(asked, model, rows, held_out)
    now = first_checkpoint(initial_state(job.program, rows.inputs, seed=asked.seed))
    train, end = list[float](), None
    while end is None:
        now = one_epoch(job, now, SEGMENTS)
        if int(now.state.status) != RUNNING:
            break
        train.append(evaluate(model, now.state.variables, rows)["loss"])
        end = stop_reason(job, now.history)
    variables, kept = variables_to_keep(job, now)
    unit = _target(dataset).std ** 2
    validation = np.array([row["val_loss"] for row in now.history], np.float64)
    return Fitted(
        asked,
        unit * np.array(train, np.float64),
        unit * validation,
        int(validation.argmin()) + 1 if len(validation) else 0,
        kept,
        DIVERGED if end is None else end.reason,
        _answers(asked, variables),
    )


def _job(asked: CurveFit, model: Model, rows: Rows, held_out: Rows) -> Job:
    stopping = EarlyStopping(monitor="val_loss", patience=asked.patience) if asked.patience else None
    plan = make_plan(asked.rows, "full", asked.epochs)
    program = Program(model, Adam(learning_rate=asked.learning_rate))
    return Job(program, rows, held_out, plan, Constant(), seed=asked.seed, early_stopping=stopping)


def _answers(asked: CurveFit, variables: Variables) -> Floats:
    """The answers at `places`, in the unit of y."""
    encoding, target = asked.dataset.encoding, _target(asked.dataset)
    table = from_frame(pl.DataFrame(asked.features(places())), encoding.reading, schema=encoding.schema)
    inputs = {name: jnp.asarray(array) for name, array in encoding.inputs(table).items()}
    answers = outputs(asked.net, variables, inputs)
    return np.asarray(answers, np.float64)[:, 0] * target.std + target.mean


def _target(dataset: Dataset) -> ValueTarget:
    assert isinstance(dataset.target, ValueTarget)
    return dataset.target


def _numbers(columns: Columns) -> dict[str, Floats]:
    return {name: np.asarray(cells, np.float64) for name, cells in columns.items()}


def check_model(name: str) -> None:
    """Refuse what is no kind of model.

    Raises:
        UsageError: it is none.
    """
    if name not in get_args(Kind):
        raise UsageError(unknown("model", name[:60], get_args(Kind)))


def _check(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise UsageError(f"{name} is {value:,}; it must be {least:,} to {most:,}.")
