"""The sections of a configuration: one dataclass each, here or with the networks, optimizers and schedules."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, TypeAlias

from annotated_types import Ge, Gt, Le, Len, Lt

from batchwright.config.durations import Duration
from batchwright.data.options import DataOptions
from batchwright.nn import ARCHITECTURES, Architecture, Linear, Tabular
from batchwright.nn.augment import Augment
from batchwright.optim import OPTIMIZERS, SCHEDULES, Adam, OneCycle, Optimizer, Schedule
from batchwright.tasks import Loss, Metric, Task
from batchwright.tasks.classification import ClassLoss
from batchwright.tasks.regression import LEVELS, ValueLoss
from batchwright.tasks.temperature import Calibration
from batchwright.training.average import Average
from batchwright.training.checkpoint import Checkpoints
from batchwright.training.growth import Growing
from batchwright.training.job import EVERY_NOW_AND_THEN, STOP, Divergence
from batchwright.training.stopping import EarlyStopping

LossName: TypeAlias = Literal["auto"] | ClassLoss | ValueLoss


@dataclass(frozen=True)
class _Source:
    source: str | None = None


@dataclass(frozen=True, repr=False)
class Data(DataOptions, _Source):
    """Where the rows come from, and how they are read, split and encoded: `DataOptions`, and the source itself.

    Attributes:
        source: the name of an example, or a path.
        test: the same, for rows that replace the test split.
        memory_limit: the most memory for the rows, such as 2GB; larger sources are read from disk in chunks. "auto"
            depends on the free memory; "none" holds all rows in memory.
        cache_dir: the folder for converted rows that are read in chunks; beside the source when null.
    """

    test: str | None = None
    memory_limit: str = "auto"
    cache_dir: str | None = None
    task: None = field(default=None, init=False)  # the section `task` has it


@dataclass(frozen=True)
class TaskSettings:
    """What is minimised.

    Attributes:
        name: "auto" follows from the target; "multilabel" takes each cell as a set of labels, such as red|round.
        loss: "auto" is cross_entropy for classes, mean_squared_error for values.
        label_smoothing: in [0, 1), the share of each target that is spread over all classes.
        class_weights: "balanced", or a weight > 0 for each class name.
        delta: > 0, where the Huber loss becomes linear, in standard deviations of the target.
        gamma: >= 0, for the focal loss: how much less well-predicted rows count.
        quantiles: the levels of the quantile loss, rising, each > 0 and < 1.
        metrics: metrics to report besides the usual ones, such as average_precision.
        threshold: for two classes, the probability from which the second is predicted; "f1" and "balanced_accuracy"
            choose the best one by that metric on the validation rows.
        clip_margin: >= 0, by which share of the training rows' range a predicted number may be outside this range;
            "auto" is 0.25, but not below 0 if no training row is, and with network.name=linear "none", which leaves
            all numbers as they are.
        calibration: of the probabilities of classes and labels on the validation rows: "temperature" scales them,
            "auto" where that lowers the log loss by more than its standard error, "none" leaves them as they are.
    """

    name: Literal["auto", "classification", "regression", "multilabel"] = "auto"
    loss: LossName = "auto"
    label_smoothing: Annotated[float, Ge(0), Lt(1)] = 0.0
    class_weights: Literal["balanced"] | Mapping[str, Annotated[float, Gt(0)]] | None = None
    delta: Annotated[float, Gt(0)] = 1.0
    gamma: Annotated[float, Ge(0)] = 2.0
    quantiles: tuple[Annotated[float, Gt(0), Lt(1)], ...] = LEVELS
    metrics: tuple[str, ...] = ()
    threshold: Annotated[float, Gt(0), Lt(1)] | Literal["f1", "balanced_accuracy"] = 0.5
    clip_margin: Annotated[float, Ge(0)] | Literal["auto", "none"] = "auto"
    calibration: Calibration = "auto"


@dataclass(frozen=True)
class Own:
    """A user's own parts of the task, which a configuration can only name.

    - loss: one loss per row from (outputs, targets), in place of a loss with a name
    - metrics: metrics besides the ones with names
    - task: a task in place of the one made from the target
    """

    loss: Loss | None = None
    metrics: tuple[Metric, ...] = ()
    task: Task | None = None


NOTHING = Own()
BY_ROWS = EarlyStopping(patience=None)

MemberSettings: TypeAlias = Annotated[tuple[Mapping[str, Any], ...], Len(2, 64)]
"""For each member, plain values by dotted key: in what its settings differ from those of the training."""


@dataclass(frozen=True)
class Training:
    """How long to train, with which batch size and in which precision.

    Attributes:
        epochs: passes over the training rows; null follows from their number: 20, and more below 45,715.
        batch_size: rows per update; "full" means all rows, {adaptive: {}} a number that grows from epoch to epoch; null
            follows from the number of rows: 64, and fewer if they are few.
        seed: seed of the split, the initial parameters, the order of the rows and dropout.
        precision: precision of the products; parameters are always float32.
        remainder: whether a last batch that is not full is used.
        early_stopping: null goes on to the last epoch, and keeps its parameters; so it is without validation rows,
            unless it goes by `loss`.
        max_time: seconds of training, or a text such as 60s, 1m30s or 1h: it stops then, and the learning rate has
            fallen as the schedule says.
        divergence: what to do when a loss is not finite.
        checkpoints: when to save everything that training needs to continue.
        noise_scale: whether the gradient noise scale is measured at the end of each epoch.
        deterministic: whether the bits of the result are the same on any number of cores; no more than 4 are used then.
        freeze: patterns of the names of parameters that stay as they are, as body/dense_0/* or bias.
        average: an average of the parameters that is validated and kept in their place.
        augment: how images are changed at random in training; null: not at all. "auto" moves them a little if the
            network is a cnn, the images have 13 pixels a side or more, and there are 5 epochs or more; a trial says
            whether they are mirrored.
        shuffle: whether the rows come in a new order in each epoch, rather than as they are.
        diagnostics: whether the history has figures of each layer (gradient, update, weights and outputs), and the run
            says after which epoch each validation row was last answered wrongly.
        curvature: whether the largest curvature of the training loss is in the history too, where layers are measured.
        members: networks that are trained apart, and answer together: how many, and the settings of all but the first
            are drawn; or a list with the settings of each, by key, as {optimizer.learning_rate: 0.01}. null trains one
            network. The submodels of network.ensemble are parts of one network, which share its weights.
        folds: parts of the training and validation rows that are each held out from some of the members, which answers
            each row by members that were not trained on it; members are a multiple of it, and as many where null; null
            holds out the validation rows from all.
        refit: whether the network is trained anew on training and validation rows, for as many epochs as were best.
        devices: of this machine that share each batch, and the members of what is trained at once.
    """

    epochs: Annotated[int, Ge(1)] | None = None
    batch_size: Annotated[int, Ge(1)] | Literal["full"] | Growing | None = None
    seed: Annotated[int, Ge(0), Lt(2**32)] = 0
    precision: Literal["float32", "bfloat16"] = "float32"
    remainder: Literal["keep", "drop"] = "keep"
    early_stopping: EarlyStopping | None = BY_ROWS
    max_time: Annotated[float, Gt(0), Duration()] | None = None
    divergence: Divergence = STOP
    checkpoints: Checkpoints = EVERY_NOW_AND_THEN
    noise_scale: bool = False
    deterministic: bool = False
    freeze: tuple[str, ...] = ()
    average: Average | None = None
    augment: Augment | Literal["auto"] | None = "auto"
    shuffle: bool = True
    diagnostics: bool = True
    curvature: bool = False
    members: Annotated[int, Ge(2), Le(64)] | MemberSettings | None = None
    folds: Annotated[int, Ge(2), Le(64)] | None = None
    refit: bool = False
    devices: Annotated[int, Ge(1)] = 1

    def __repr__(self) -> str:
        """The epochs, the batch size and the seed."""
        return f"<Training: {self.epochs} epochs, batch size {self.batch_size}, seed {self.seed}>"

    @property
    def member_count(self) -> int:
        """How many networks are trained: one where there are no members."""
        return len(self.members) if isinstance(self.members, tuple) else self.members or 1


@dataclass(frozen=True)
class Config:
    """A run: every number and name that shapes it, with all defaults filled in.

    >>> Config().optimizer.learning_rate
    0.001
    """

    data: Data = field(default_factory=Data)
    network: Architecture = field(default_factory=Tabular)
    optimizer: Optimizer = field(default_factory=Adam)
    schedule: Schedule = field(default_factory=OneCycle)
    task: TaskSettings = field(default_factory=TaskSettings)
    training: Training = field(default_factory=Training)
    own: Own = NOTHING

    def __repr__(self) -> str:
        """The network, the optimizer and the schedule, with epochs and batch size."""
        parts = ", ".join(type(part).__name__ for part in (self.network, self.optimizer, self.schedule))
        return f"<Config: {parts}; {self.training.epochs} epochs, batch size {self.training.batch_size}>"

    @property
    def data_options(self) -> DataOptions:
        """The options of the data section, with what is learned of the columns as the network needs it.

        A linear network would lose what a curved scaling takes from it: `auto` is `standard` for it.
        """
        told, curved = self.told_data_options, not isinstance(self.network, Linear)
        return dataclasses.replace(told, scaling=told.scaling if curved or told.scaling != "auto" else "standard")

    @property
    def told_data_options(self) -> DataOptions:
        """The options as they were given, for rows whose columns are encoded as in an earlier training.

        The kind of the target is that of the task section.
        """
        names = (option.name for option in dataclasses.fields(DataOptions))
        options = {name: getattr(self.data, name) for name in names}
        options["task"] = None if self.task.name == "auto" else self.task.name
        return DataOptions(**options)


@dataclass(frozen=True)
class Section:
    """A section: its name, the classes that it may have, and the key that selects one."""

    name: str
    classes: tuple[type[Any], ...]
    default: type[Any]
    tag: Literal["name"] | None = None

    @property
    def by_name(self) -> dict[str, type[Any]]:
        """The classes by their name in `tag`; empty if there is only one."""
        return {getattr(cls, self.tag): cls for cls in self.classes} if self.tag else {}

    def is_custom(self, part: Any) -> bool:
        """Whether a part is of a user's own class."""
        return self.tag is not None and type(part) not in self.classes


SECTIONS: tuple[Section, ...] = (
    Section("data", (Data,), Data),
    Section("network", ARCHITECTURES, Tabular, "name"),
    Section("optimizer", OPTIMIZERS, Adam, "name"),
    Section("schedule", SCHEDULES, OneCycle, "name"),
    Section("task", (TaskSettings,), TaskSettings),
    Section("training", (Training,), Training),
)

SCALES = ("uniform", "log", "one_minus_log", "choice")
"""The words with which a search gives a range or choice for a key, in place of its value."""

CUSTOM = "custom"
"""The record's stand-in for a part that is a user's own code."""

FORMER_NAMES = {"network.kind": "network.name", "task.kind": "task.name"}
"""Keys that are still read under the name that they had."""

FORMER_NUMBERS = "piecewise_linear"
"""The embedding of numbers of a `tabular` that was written before there was a choice."""

BEFORE = (
    ("network.numbers", FORMER_NUMBERS),
    ("data.differences", False),
    ("task.clip_margin", "none"),
    ("task.calibration", "none"),
    ("training.augment", None),
)
"""Keys that a record of an earlier version lacks, and what was done before there was each; other new keys do by default
what was done."""

AUTO: Literal["auto"] = "auto"
NUMBERS = "network.numbers"
"""The key of how numbers are embedded, whose `auto` is tried before training, before all that is measured."""
MEMBERS = "training.members"
FOLDS = "training.folds"
PRECISION = "training.precision"
MEASURABLE = ("optimizer.learning_rate", "training.batch_size", PRECISION, "training.epochs", MEMBERS)
"""The keys whose value may be `auto`: they are measured, in this order, before training."""
