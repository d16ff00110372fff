"""What both estimators share: their arguments, and the way from rows to a trained network and back."""

import dataclasses
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple, TypeVar

import jax
import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from batchwright import api
from batchwright.data.adjust import with_target, with_validation
from batchwright.data.dataset import Dataset
from batchwright.data.encode.power import Transform
from batchwright.data.encode.several import Target, without_range
from batchwright.data.load import prepare
from batchwright.data.new_rows import encode_labelled
from batchwright.data.options import DataOptions
from batchwright.data.typed.schema import Task
from batchwright.errors import ConfigError
from batchwright.estimators.arguments import loss_of, part, plain_number, stopping_of
from batchwright.estimators.fitted import set_curves
from batchwright.estimators.following import CallbackSupportMixin, Following, with_callbacks
from batchwright.estimators.labels import SEPARATOR
from batchwright.estimators.rows import Given, check_rows, columns_of
from batchwright.nn import MLP, Tabular
from batchwright.nn.activations import ActivationName
from batchwright.nn.networks import EMBEDDED_DROPOUT
from batchwright.nn.numeric import NumbersName
from batchwright.nn.protocols import Variables
from batchwright.optim import OPTIMIZERS, SCHEDULES, Constant, Optimizer, Schedule
from batchwright.runs.model import SavedModel
from batchwright.runs.predictions import Predictions, predict
from batchwright.training.events import Compiled, EpochDone, SegmentDone
from batchwright.training.growth import AdaptiveBatchSize
from batchwright.training.passes import Passes
from batchwright.training.plan import BatchSize
from batchwright.training.state import to_device
from batchwright.training.stopping import EarlyStopping
from batchwright.workflow import Prepared, Trained
from batchwright.workflow.budget import USUAL_SIZE, decay_strength
from batchwright.workflow.decay import WIDE

VALIDATION_SPLIT = 0.1
"""The share of rows held out if something is measured on them, as in scikit-learn's MLPClassifier."""

NOT_PICKLED = ("trained_",)
"""What holds the rows, and buffers of the device that training has used up."""

E = TypeVar("E", bound="Perceptron")


def few_rows_dropout(network: MLP, rows: int) -> float:
    """The dropout for few training rows, as strong as their weight decay is; 0 in narrow layers, which need all units.

    >>> few_rows_dropout(MLP(), 100), few_rows_dropout(MLP(), 2_100), few_rows_dropout(MLP((16,)), 100)
    (0.2, 0.1, 0.0)
    """
    wide = network.batch_normalization is not False and min(network.hidden_layer_sizes, default=0) >= WIDE
    return EMBEDDED_DROPOUT * decay_strength(rows) if wide else 0.0


class Kind(NamedTuple):
    """What is learned of rows: the task of the data layer, its losses, and the figure of the history that is scored."""

    task: Task
    losses: tuple[str, ...]
    score: str


@dataclasses.dataclass(eq=False, repr=False)
class Perceptron(CallbackSupportMixin, BaseEstimator, ABC):  # type: ignore[misc]
    """What both estimators share."""

    hidden_layer_sizes: int | Sequence[int] = (256, 128)
    _: dataclasses.KW_ONLY
    activation: ActivationName = "relu"
    batch_normalization: bool | None = None
    dropout: float | None = None
    ensemble: int = 0
    numbers: NumbersName | Literal["auto"] = "none"
    loss: str | Callable[..., Any] = "auto"
    optimizer: str | Optimizer = "adam"
    learning_rate: float | None = None
    momentum: float | None = None
    l2: float | None = None
    weight_decay: float | None = None
    schedule: str | Schedule = "one_cycle"
    batch_size: BatchSize | AdaptiveBatchSize | None = None
    epochs: int | None = None
    early_stopping: bool | int | EarlyStopping = False
    tol: float | None = None
    n_iter_no_change: int | float | None = None
    validation_split: float | None = None
    standardize: bool = True
    shuffle: bool = True
    warm_start: bool = False
    verbose: bool | int = False
    random_state: int | np.random.RandomState | None = None

    @with_callbacks
    def fit(
        self: E,
        X: Any,  # noqa: N803
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,  # noqa: N803
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> E:
        """Train a new network; with `warm_start`, continue from the parameters of the last one.

        With `warm_start` the encoding learned from the first rows stays: columns, scaling and labels.

        Args:
            X: [rows, columns], an array of numbers, a sparse array or any data frame; missing cells are NaN or null.
            y: [rows], what is to be predicted, or [rows, targets]; for a classifier, several columns of 0 and 1 are
                labels, and a row may have any number of them.
            sample_weight: [rows], at least 0: the weight of each row in the loss and in validation; rows of weight 0
                are left out.
            X_val: rows for validation after every epoch, in place of a share of X.
            y_val: the targets of X_val.
            sample_weight_val: the weights of X_val.

        Raises:
            ValueError, TypeError: arrays that scikit-learn's own estimators refuse, or labels that cannot be learned.
            DataError: a data frame that cannot be learned from.
            ConfigError: an argument is out of range, or does not fit the others or the data.
            DivergedError: a loss was not finite.
        """
        going_on = self.warm_start and hasattr(self, "model_")
        rows = check_rows(self, X, y, sample_weight, fitting=not going_on)
        self._refuse_other_outputs(rows.y, going_on=going_on)
        self._know_labels(rows.y, going_on=going_on)
        held_out = self._held_out(X_val, y_val, sample_weight_val)
        data = {"X": X, "y": y, "metadata": {"sample_weight": sample_weight}}
        trained, stopping = self._train(rows, held_out, data, going_on=going_on)
        self.__dict__.pop("_passes", None)
        self.trained_ = trained
        history = list(trained.history)
        by_score = stopping is not None and stopping.monitor != "loss"
        self._set_fitted(trained.model, going_on=going_on)
        self.t_ += trained.prepared.plan.rows_per_epoch * len(history)
        self.history_, self.n_iter_ = history, len(history)
        set_curves(self, history, going_on=going_on, by_score=by_score)
        if self.tol is not None and trained.stopped.status == "finished" and not _stops(stopping, history):
            warnings.warn(
                f"the {self.n_iter_:,} epochs are over, and the training has not converged to within tol={self.tol:g}: "
                "take more epochs, or a larger tol.",
                ConvergenceWarning,
                stacklevel=3,
            )
        return self

    def _held_out(self, x: Any, y: Any, sample_weight: Any) -> Given | None:
        """The rows for validation that were given."""
        if (x is None) != (y is None) or (x is None and sample_weight is not None):
            raise ConfigError("X_val and y_val go together: give both, or neither; sample_weight_val goes with them.")
        return None if x is None else check_rows(self, x, y, sample_weight, fitting=False)

    @with_callbacks
    def _one_pass(self: E, X: Any, y: Any, sample_weight: Any, classes: Any) -> E:  # noqa: N803
        """Train one epoch over these rows from where the last call, or `fit`, has left it."""
        if self.early_stopping:
            raise ConfigError(
                "partial_fit does not support early_stopping=True, as it sees no epoch after this one: leave it out."
            )
        going_on = hasattr(self, "model_")
        rows = check_rows(self, X, y, sample_weight, fitting=not going_on)
        self._refuse_other_outputs(rows.y, going_on=going_on)
        self._know_labels(rows.y, going_on=going_on, classes=classes, partial=True)
        data = {"X": X, "y": y, "metadata": {"sample_weight": sample_weight}}
        following = Following(self, data, epochs=1, task="partial_fit", verbose=bool(self.verbose))
        following.epoch_begins()
        table, _, weight = rows.table(self._targets(rows.y))
        known: Passes | None = getattr(self, "_passes", None)
        passes, model = (known, self.model_) if known else self._first_pass(rows, going_on=going_on)
        row = passes.over(to_device(encode_labelled(table, model.encoding, weights=weight).rows))
        self._passes = passes
        self._set_fitted(dataclasses.replace(model, variables=passes.now.kept), going_on=going_on)
        self.t_ += len(rows.y)
        self.history_ = list(passes.now.history)
        self.n_iter_ = len(self.history_)
        set_curves(self, [row], going_on=going_on, by_score=False)
        following.epoch_ends(row, lambda: {"model_": self.model_})
        following.ends(lambda: {"model_": self.model_})
        return self

    def _first_pass(self, rows: Given, *, going_on: bool) -> tuple[Passes, SavedModel]:
        """What trains call by call, and the network, with the encoding that these rows teach unless it is known.

        Answers have no limits, as later rows may go beyond these.
        """
        chosen = self._with_plain_numbers()
        chosen = dataclasses.replace(chosen, epochs=chosen.epochs or 1)  # the rows of one call decide nothing
        dataset = self._dataset(rows, chosen, share=0.0, going_on=going_on, more_to_come=True)
        encoding = dataclasses.replace(dataset.encoding, target=without_range(dataset.target))
        dataset = dataclasses.replace(dataset, encoding=encoding)
        initial = self.model_ if going_on else None
        if isinstance(chosen.batch_size, AdaptiveBatchSize):
            raise ConfigError("partial_fit takes a batch size that stays the same: give a number, or 'full'.")
        prepared = next(self._events(dataset, chosen, Constant(), None, initial))
        assert isinstance(prepared, Prepared)
        passes = Passes(prepared.job, prepared.state, chosen.batch_size or USUAL_SIZE)
        return passes, _model_of(prepared, passes.now.kept)

    def _refuse_other_outputs(self, y: np.ndarray, *, going_on: bool) -> None:
        """Raise a ValueError where y has another number of columns than the fitted one."""
        if not going_on:
            return
        target = self.model_.encoding.target
        known = len(target.classes) if target.task == "multilabel" else len(target.columns)
        found = 1 if y.ndim == 1 else y.shape[1]
        if found != known or (y.ndim == 2) != (target.task in ("multilabel", "several")):
            raise ValueError(f"y has {found} columns, but {type(self).__name__} was fitted with {known}.")

    @abstractmethod
    def _know_labels(self, y: np.ndarray, *, going_on: bool, classes: Any = None, partial: bool = False) -> None:
        """Learn what may be predicted, or see that y goes with it."""

    @abstractmethod
    def _targets(self, y: np.ndarray) -> np.ndarray:
        """What the network learns, [rows] or [rows, targets], from what the user gave."""

    @abstractmethod
    def _target(self, found: Target, values: np.ndarray, *, more_to_come: bool) -> Target:
        """How the target is encoded, where what was found in the first rows is not all there is to it."""

    @property
    @abstractmethod
    def _kind(self) -> Kind:
        """What is learned."""

    @property
    @abstractmethod
    def _out_activation(self) -> str:
        """What makes predictions of the outputs of the network."""

    def _transform(self) -> Transform:
        """How a number that is predicted is transformed."""
        return "none"

    def _clip_margin(self) -> float | Literal["auto", "none"]:
        """By which share of the training rows' range a predicted number may be outside this range."""
        return "auto"

    def _network(self) -> MLP | Tabular:
        """The network as the arguments have it."""
        plain = MLP(
            tuple(np.atleast_1d(self.hidden_layer_sizes).tolist()),
            self.activation,
            batch_normalization=self.batch_normalization,
            dropout=self.dropout,
            ensemble=self.ensemble,
        )
        return plain if self.numbers == "none" else Tabular(**vars(plain), numbers=self.numbers)

    def _class_weights(self) -> Literal["balanced"] | dict[str, float] | None:
        return None

    def _with_plain_numbers(self: E) -> E:
        """The same arguments, with numbers of Python."""
        return dataclasses.replace(
            self, **{name: plain_number(value) for name, value in self.get_params(False).items()}
        )

    def _train(
        self, rows: Given, held_out: Given | None, data: dict[str, Any], *, going_on: bool
    ) -> tuple[Trained, EarlyStopping | None]:
        """Train on these rows, and tell callbacks of each epoch."""
        chosen = self._with_plain_numbers()
        schedule: Schedule = part("schedule", chosen.schedule, SCHEDULES, {})
        stopping = stopping_of(chosen.early_stopping, tol=chosen.tol, n_iter_no_change=chosen.n_iter_no_change)
        compares = schedule.uses_losses or chosen.numbers == "auto"
        share = _share(chosen.validation_split, stopping, compares=compares, given=held_out is not None)
        dataset = self._dataset(rows, chosen, share=share, going_on=going_on)
        if held_out is not None:
            table, _, weight = held_out.table(self._targets(held_out.y))
            dataset = with_validation(dataset, table, weights=weight)
        if stopping and stopping.monitor != "loss" and dataset.validation is None:
            raise ConfigError(
                f"early stopping needs validation rows, but validation_split {share:g} of {dataset.train.rows:,} rows "
                "is none: raise it, or train to the last epoch (early_stopping=False)."
            )
        events = self._events(dataset, chosen, schedule, stopping, self.model_ if going_on else None)
        prepared = next(events)
        assert isinstance(prepared, Prepared)
        epochs = prepared.plan.epochs
        following = Following(self, data, epochs=epochs, task="fit", verbose=bool(chosen.verbose))
        trained = _follow_events(prepared, events, following)
        following.ends(lambda: {"model_": trained.model})
        return trained, prepared.job.early_stopping

    def _dataset(
        self, rows: Given, chosen: "Perceptron", *, share: float, going_on: bool, more_to_come: bool = False
    ) -> Dataset:
        """The rows encoded by what they teach, or by what the first ones have taught."""
        targets = self._targets(rows.y)
        table, target, weight = rows.table(targets)
        self._seed = int(check_random_state(chosen.random_state).randint(2**31 - 1))
        if going_on:
            options = DataOptions(validation_split=share, test_split=0.0, weights=weight)
            return prepare(table, options, seed=self._seed, like=self.model_.encoding)
        scaling: Literal["standard", "none"] = "standard" if chosen.standardize else "none"
        options = DataOptions(
            target,
            self._kind.task,
            SEPARATOR if self._kind.task == "multilabel" else None,
            validation_split=share,
            test_split=0.0,
            weights=weight,
            scaling=scaling,
            differences=chosen.numbers != "none",
            target_transform=chosen._transform(),
        )
        dataset = prepare(table, options, seed=self._seed, lenient=True, more_to_come=more_to_come)
        encoded = self._target(dataset.target, targets, more_to_come=more_to_come)
        return dataset if encoded == dataset.target else with_target(dataset, encoded, targets)

    def _events(
        self,
        dataset: Dataset,
        chosen: "Perceptron",
        schedule: Schedule,
        stopping: EarlyStopping | None,
        initial: SavedModel | None,
    ) -> api.Events:
        names = ("learning_rate", "momentum", "l2", "weight_decay")
        numbers = {name: getattr(chosen, name) for name in names}
        optimizer: Optimizer = part("optimizer", chosen.optimizer, OPTIMIZERS, numbers)
        network = chosen._network()
        if chosen.dropout is None and chosen.epochs is None and dataset.target.task == "regression":
            network = _with_few_rows_dropout(network, dataset.train.rows)
        if initial is not None:
            _refuse_other_layers(network, initial)
        return api.events(
            dataset,
            network=network,
            optimizer=optimizer,
            schedule=schedule,
            epochs=chosen.epochs,
            batch_size=chosen.batch_size,
            early_stopping=stopping,
            loss=loss_of(chosen.loss, self._kind.losses),
            class_weights=self._class_weights(),
            clip_margin=chosen._clip_margin(),
            shuffle=chosen.shuffle,
            diagnostics=False,
            seed=self._seed,
            initial=initial,
        )

    def _set_fitted(self, model: SavedModel, *, going_on: bool) -> None:
        """Set what follows from the model."""
        self.model_ = model
        self.n_outputs_ = model.blueprint.task.outputs
        self.n_layers_ = 2 + np.atleast_1d(self.hidden_layer_sizes).size
        self.out_activation_ = self._out_activation
        self.t_ = getattr(self, "t_", 0) if going_on else 0

    def _predictions(self, X: Any) -> Predictions:  # noqa: N803
        check_is_fitted(self)
        return predict(self.model_, columns_of(self, X))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        return tags

    def __getstate__(self) -> dict[str, Any]:
        """All but `trained_`, which holds the rows and buffers of the device that training has used up."""
        return {name: value for name, value in super().__getstate__().items() if name not in NOT_PICKLED}


def _with_few_rows_dropout(network: MLP | Tabular, rows: int) -> MLP | Tabular:
    """The network with the dropout for few rows, unless it has a default of its own."""
    if not isinstance(network, MLP) or network.ensemble:
        return network
    return dataclasses.replace(network, dropout=few_rows_dropout(network, rows))


def _refuse_other_layers(network: MLP | Tabular, initial: SavedModel) -> None:
    """Raise a ConfigError where the layers are others than those whose parameters training is to go on from."""
    former = initial.blueprint.architecture
    for name in ("hidden_layer_sizes", "batch_normalization", "ensemble", "numbers"):
        was, now = (getattr(one, name, "none") for one in (former, network))
        if was != now:
            raise ConfigError(
                f"{name} is {now}, and the fitted network, whose parameters training goes on from, has {was}: give "
                "that, or fit anew (warm_start=False)."
            )


def _share(chosen: float | None, stopping: EarlyStopping | None, *, compares: bool, given: bool) -> float:
    """The share of the rows to hold out, which early stopping needs, and what `compares` by their loss."""
    if given and chosen:
        raise ConfigError(f"validation_split is {chosen:g}, and X_val is given: leave one of them out.")
    needed = compares or (stopping is not None and stopping.monitor != "loss")
    return chosen if chosen is not None else VALIDATION_SPLIT if needed and not given else 0.0


def _stops(stopping: EarlyStopping | None, history: Sequence[Any]) -> bool:
    return stopping is not None and stopping.verdict(history).stop is not None


def _follow_events(prepared: Prepared, events: api.Events, following: Following) -> Trained:
    """What a training comes to, told epoch by epoch.

    Raises:
        DivergedError: a loss was not finite.
    """
    trained: Trained | None = None
    for event in events:
        match event:
            case Compiled() | SegmentDone():
                following.epoch_begins()
            case EpochDone():
                if following.epoch_ends(event.row, partial(_attributes, prepared, event)):
                    events.stop()
            case Trained():
                trained = event
            case _:
                pass
    assert trained is not None
    return trained


def _model_of(prepared: Prepared, variables: Variables) -> SavedModel:
    return SavedModel(prepared.blueprint, prepared.job.program.model, variables, prepared.dataset.encoding)


def _attributes(prepared: Prepared, event: EpochDone) -> dict[str, Any]:
    """The model as it is after an epoch."""
    return {"model_": _model_of(prepared, jax.tree.map(np.array, event.state.variables))}
