"""Training from Python in one call: what `batchwright train` does, with objects in place of a configuration file."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from inspect import signature
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

import numpy as np

from batchwright import _machine, workflow
from batchwright._files import path_of
from batchwright.config import (
    Config,
    Given,
    LossName,
    Own,
    Settings,
    TaskSettings,
    Training,
    settings_of,
    validate_component,
)
from batchwright.config.components import plain_value
from batchwright.config.custom import check_kinds, metric_names
from batchwright.config.durations import seconds_of
from batchwright.config.sections import AUTO, MEASURABLE, MEMBERS, PRECISION
from batchwright.data.dataset import Dataset
from batchwright.errors import BatchwrightError, ConfigError, unknown
from batchwright.nn import CNN, Architecture, Custom, Features, Layer, Network, Tabular, as_architecture
from batchwright.nn.augment import Augment
from batchwright.optim import Adam, OneCycle, Optimizer, Schedule
from batchwright.runs.model import SavedModel, features_of
from batchwright.runs.run import open_run
from batchwright.tasks import Loss, Metric, Task
from batchwright.tasks.temperature import Calibration
from batchwright.tasks.threshold import Aim
from batchwright.tracking import log_training, places_of, read_identities
from batchwright.training.average import Average
from batchwright.training.checkpoint import Checkpoints
from batchwright.training.growth import AdaptiveBatchSize, Growing
from batchwright.training.job import Divergence
from batchwright.training.plan import BatchSize, Remainder
from batchwright.training.state import Precision
from batchwright.training.stopping import EarlyStopping
from batchwright.training.watch import Steering
from batchwright.workflow import Event, Trained
from batchwright.workflow.events import Noted
from batchwright.workflow.images import with_image_network
from batchwright.workflow.linear_rate import is_linear
from batchwright.workflow.progress import show_progress

DEFAULT, TASK, NETWORK, OPTIMIZER, SCHEDULE = Training(), TaskSettings(), Tabular(), Adam(), OneCycle()
Auto: TypeAlias = Literal["auto"]
Asked: TypeAlias = Literal["stop", "checkpoint"] | None


def fit(
    data: Dataset,
    *,
    network: Architecture | Network | Layer = NETWORK,
    optimizer: Optimizer = OPTIMIZER,
    schedule: Schedule = SCHEDULE,
    epochs: int | Auto | None = None,
    batch_size: BatchSize | AdaptiveBatchSize | Auto | None = None,
    learning_rate: float | Auto | None = None,
    early_stopping: EarlyStopping | None = DEFAULT.early_stopping,
    loss: LossName | Loss = "auto",
    metrics: Sequence[str | Metric] = (),
    task: Task | None = None,
    class_weights: Literal["balanced"] | Mapping[str, float] | None = None,
    label_smoothing: float = 0.0,
    delta: float = TASK.delta,
    gamma: float = TASK.gamma,
    quantiles: Sequence[float] = TASK.quantiles,
    threshold: float | Aim = TASK.threshold,
    clip_margin: float | Literal["auto", "none"] = TASK.clip_margin,
    calibration: Calibration = TASK.calibration,
    remainder: Remainder = "keep",
    precision: Precision | Auto = "float32",
    max_time: float | str | None = None,
    divergence: Divergence = DEFAULT.divergence,
    checkpoints: Checkpoints = DEFAULT.checkpoints,
    noise_scale: bool = False,
    deterministic: bool = False,
    freeze: Sequence[str] = (),
    average: Average | None = None,
    augment: Augment | Auto | None = "auto",
    shuffle: bool = True,
    diagnostics: bool = True,
    curvature: bool = False,
    members: int | Auto | Sequence[Mapping[str, Any]] | None = None,
    folds: int | None = None,
    refit: bool = False,
    devices: int = 1,
    seed: int = 0,
    run_dir: Path | str | None = None,
    initial: Trained | SavedModel | None = None,
    on_event: Callable[[Event], Asked] | None = None,
    log_to: str | Sequence[str] = (),
    progress: bool | None = None,
) -> Trained:
    """Train a network on rows that `load` has read.

    Args:
        data: training rows, and validation and test rows if there are any.
        network: `nn.MLP`, `nn.CNN`, `nn.Tabular` or `nn.Linear`; or one of your own: an `nn.Network`, or a layer, such
            as `nn.Sequential`; if it does not end in an `nn.Dense`, one is added. Without one, large or coloured images
            get `nn.CNN`, all else `nn.Tabular`.
        optimizer: the update rule, one of `optim.OPTIMIZERS`, with its learning rate. Adam without `weight_decay` gets
            one for a number as target and fewer than 3,200 training rows, unless `epochs` is given. By default, an
            `nn.Linear` has a learning rate from 0.01 to 0.1, by the number of updates.
        schedule: how the learning rate changes, one of `optim.SCHEDULES`. By default it follows from the rows: constant
            with an average on tables of 800 to 45,714 training rows, unless `epochs` is given; else `OneCycle`.
        epochs: passes over the training rows, at least 1; "auto" trains until the validation loss stops falling. None
            follows from the number of rows: 20, and more below 45,715 training rows.
        batch_size: rows per update; "full" is all of them, an `AdaptiveBatchSize` is a size that grows, "auto" is
            measured. None is 64, and less if there are fewer than 3,200 training rows.
        learning_rate: replaces the optimizer's; "auto" is measured. With neither it nor an optimizer, `nn.CNN` has
            0.004 or less.
        early_stopping: when to stop before the last epoch, and whether the best one's parameters are kept; None trains
            to the last epoch, and keeps its parameters.
        loss: "auto" is cross_entropy for classes, mean_squared_error for values; or a function of (outputs [rows, k],
            targets [rows]) that returns one loss per row. Targets are int32 codes of classes, or standardised float32.
        metrics: what is reported besides the usual metrics: names from `tasks.METRICS`, or `Metric` objects.
        task: a task of your own, in place of the one that follows from the target.
        class_weights: "balanced", or a weight > 0 by class name.
        label_smoothing: in [0, 1).
        delta: > 0, where the Huber loss becomes linear, in standard deviations of the target.
        gamma: >= 0, for the focal loss: how much less well-predicted rows count.
        quantiles: the levels of the quantile loss, in (0, 1), rising.
        threshold: for two classes, the probability from which the second is predicted; "f1" and "balanced_accuracy"
            choose the threshold with the best value of this metric on the validation rows.
        clip_margin: >= 0, by which share of the training rows' range a predicted number may be outside this range;
            "auto" is 0.25, but not below 0 if no training row is, and for `nn.Linear` "none", which leaves all
            numbers as they are.
        calibration: of the probabilities of classes and labels on the validation rows: "temperature" scales them,
            "auto" where that lowers the log loss by more than its standard error, "none" leaves them as they are.
        remainder: whether a last batch that is not full is used ("keep") or left out ("drop").
        precision: of matrix products; "bfloat16" still accumulates in float32, and keeps float32 parameters; "auto" is
            bfloat16 where it is measured to be at least 1.15 times as fast.
        max_time: seconds of training, or a text such as "60s", "1m30s" or "1h": it stops then, and the learning rate
            has fallen as the schedule says.
        divergence: what to do when a loss is not finite.
        checkpoints: when a recorded run saves everything that it needs to continue.
        noise_scale: whether the gradient noise scale is measured at the end of each epoch, for the history.
        deterministic: whether the bits of the result are the same on any number of cores; no more than 4 are used then.
        freeze: patterns for the names of parameters that are not trained: a part of a name, such as "bias", or a shell
            pattern for whole names, such as "body/dense_0/*". Batch normalization whose gamma and beta are frozen keeps
            its averages.
        average: an average of the parameters that is used for validation and for the final model.
        augment: how images are changed at random in training, an `nn.Augment`; None leaves them as they are. "auto"
            moves them a little if the network is `nn.CNN`, and there are 13 pixels a side and 5 epochs or more; a trial
            says whether they are mirrored.
        shuffle: whether each epoch takes the rows in a new order; otherwise in the given order.
        diagnostics: whether the history has figures of each layer, and the last mistakes on validation rows are kept.
        curvature: whether the history has the largest curvature of the training loss too, which takes far longer.
        members: how many networks are trained apart, with settings drawn for each, to answer together: 2 to 64; "auto"
            is 8, or fewer with many rows or little time; None trains one network. A list has the settings of each
            member in place of drawn ones, such as [{}, {"optimizer.learning_rate": 0.01}]. The submodels of
            `nn.Tabular(ensemble=8)` are parts of one network, which share its weights.
        folds: into how many parts the training and validation rows are dealt, each of which is held out from some of
            the members: 2 to 64; the validation figures are then those of answers by members that were not trained on
            the row (`Trained.out_of_fold`). `members` is a multiple of it; without, there is one member a fold.
        refit: whether the network is trained anew on training and validation rows together, for as many epochs as were
            best by the validation rows; the validation figures are those of the first training.
        devices: how many devices of this machine share each batch, and the members that are trained at once.
        seed: the seed of the first parameters, the order of the rows and dropout.
        run_dir: a new folder to record the run in; None records nothing.
        initial: an earlier result or model from whose parameters training begins, with rows encoded alike
            (`load(..., like=initial)`); its network is used unless another is given. The optimizer and the schedule
            start again, and so does the last layer if the target differs.
        on_event: a function that is called with each event of the training; if it returns "stop", training ends, if it
            returns "checkpoint", a checkpoint is taken.
        log_to: trackers to log to, one or several of "tensorboard:DIR", "mlflow[:URI]", "trackio[:PROJECT]",
            "wandb[:PROJECT]" and "csv:FILE". What cannot be logged is a warning at the end.
        progress: whether a bar shows epoch, time left, loss and metric; None shows it in a notebook and on an
            interactive terminal.

    Raises:
        ConfigError: an argument is out of range, or does not fit the data.
        UsageError: `deterministic` needs another number of threads than JAX already uses in this process.
        DivergedError: a loss was not finite.

    >>> import batchwright as bw
    >>> network, optimizer = bw.nn.MLP((16,)), bw.optim.Adam(learning_rate=0.01)
    >>> trained = bw.fit(bw.load("iris"), network=network, optimizer=optimizer, epochs=30, batch_size=16)
    >>> trained.test_metrics["accuracy"] > 0.8
    True
    """
    return _run_to_end(_events(**locals()))


def events(data: Dataset, **arguments: Any) -> "Events":
    """Train like `fit`, and yield what happens: `Prepared`, the events of the training, `Trained`.

    Args:
        data: training rows, and validation and test rows if there are any.
        arguments: the arguments of `fit`; a bar is shown only if `progress` is True.

    Raises:
        ConfigError: an argument is out of range or unknown, or does not fit the data.
        UsageError: as `fit`.
        DivergedError: as `fit`, after `Trained`.

    >>> import batchwright as bw
    >>> [event.row["epoch"] for event in bw.events(bw.load("iris"), epochs=2) if hasattr(event, "row")]
    [1, 2]
    """
    taken = signature(fit).parameters
    for name in arguments:
        if name not in taken:
            raise ConfigError(unknown("argument", name, taken))
    bound = signature(fit).bind(data, **{"progress": False, **arguments})
    bound.apply_defaults()
    return _events(**bound.arguments)


class Events:
    """The events of a training, one after the other, with methods that stop it or take a checkpoint.

    Training continues when the next event is requested. A training that is not followed to its end is recorded as
    interrupted.
    """

    def __init__(self, events: Iterator[Event], steering: Steering) -> None:
        self._events = events
        self._steering = steering

    def __iter__(self) -> Iterator[Event]:
        return self._events

    def __next__(self) -> Event:
        return next(self._events)

    def stop(self) -> None:
        """End the training now, as if it had reached its last epoch."""
        self._steering.stop = True

    def checkpoint(self) -> None:
        """Take a checkpoint at the end of the current segment."""
        self._steering.checkpoint = True


def _events(
    data: Dataset,
    *,
    run_dir: Path | str | None,
    initial: Trained | SavedModel | None,
    on_event: Callable[[Event], Asked] | None,
    log_to: str | Sequence[str],
    progress: bool | None,
    **arguments: Any,
) -> Events:
    if not isinstance(data, Dataset):
        raise ConfigError(
            f"fit takes rows that load has read, as in fit(load('people.csv', target='pay')), but not {data!r:.60}."
        )
    place = None if run_dir is None else path_of(run_dir, "run_dir")
    model, trackers = _model(initial), places_of(log_to)
    if model is not None and arguments["network"] is NETWORK:
        arguments["network"] = model.blueprint.architecture
    settings, steering = _settings(**arguments, features=features_of(data.encoding)), Steering()
    run = initial.run if isinstance(initial, Trained) else None
    found = workflow.train(
        settings,
        data,
        record=run_dir is not None,
        run_dir=place,
        steering=steering,
        initial=model,
        parent=str(run.path.resolve()) if run else "",
    )
    found = show_progress(log_training(found, trackers), progress)
    return Events(found if on_event is None else _call_on_event(found, on_event, steering), steering)


def _model(initial: object) -> SavedModel | None:
    """The model that training begins from."""
    if initial is None or isinstance(initial, SavedModel):
        return initial
    if isinstance(initial, Trained):
        return initial.model
    raise ConfigError(f"initial takes what fit gave, or a model that load_model gave, but is {initial!r:.60}.")


def _call_on_event(events: Iterator[Event], on_event: Callable[[Event], Asked], steering: Steering) -> Iterator[Event]:
    """The events; `on_event` is called with each, and its request is passed on."""
    for event in events:
        asked = on_event(event)
        if asked not in (None, "stop", "checkpoint"):
            raise ConfigError(f"on_event gives None, 'stop' or 'checkpoint', but gave {asked!r:.60}.")
        steering.stop |= asked == "stop"
        steering.checkpoint |= asked == "checkpoint"
        yield event


def _settings(
    *,
    network: Architecture | Network | Layer,
    optimizer: Optimizer,
    schedule: Schedule,
    epochs: int | Auto | None,
    batch_size: BatchSize | AdaptiveBatchSize | Auto | None,
    learning_rate: float | Auto | None,
    early_stopping: EarlyStopping | None,
    loss: LossName | Loss,
    metrics: Sequence[str | Metric],
    task: Task | None,
    class_weights: Literal["balanced"] | Mapping[str, float] | None,
    label_smoothing: float,
    delta: float,
    gamma: float,
    quantiles: Sequence[float],
    threshold: float | Aim,
    clip_margin: float | Literal["auto", "none"],
    calibration: Calibration,
    remainder: Remainder,
    precision: Precision | Auto,
    max_time: float | str | None,
    divergence: Divergence,
    checkpoints: Checkpoints,
    noise_scale: bool,
    deterministic: bool,
    freeze: Sequence[str],
    average: Average | None,
    augment: Augment | Auto | None,
    shuffle: bool,
    diagnostics: bool,
    curvature: bool,
    members: int | Auto | Sequence[Mapping[str, Any]] | None,
    folds: int | None,
    refit: bool,
    devices: int,
    seed: int,
    features: Features,
) -> Settings:
    architecture = as_architecture(network)
    check_kinds(architecture, optimizer, schedule)
    chosen: dict[str, Any] = {
        "optimizer.learning_rate": learning_rate,
        "training.batch_size": batch_size,
        "training.epochs": epochs,
    }
    chosen |= {PRECISION: precision, MEMBERS: members}
    to_measure = tuple(key for key in MEASURABLE if isinstance(chosen[key], str) and chosen[key] == AUTO)
    if learning_rate is not None and "optimizer.learning_rate" not in to_measure:
        optimizer = replace(optimizer, learning_rate=_rate(learning_rate))
    own = Own(loss if callable(loss) else None, tuple(one for one in metrics if isinstance(one, Metric)), task)
    aim = TaskSettings(
        loss="auto" if callable(loss) else loss,
        label_smoothing=label_smoothing,
        class_weights=class_weights,
        delta=delta,
        gamma=gamma,
        quantiles=tuple(quantiles),
        metrics=metric_names(metrics),
        threshold=threshold,
        clip_margin=clip_margin,
        calibration=calibration,
    )
    training = Training(
        None if "training.epochs" in to_measure else cast("int | None", epochs),
        _batch_size(batch_size),
        seed,
        "float32" if PRECISION in to_measure else cast("Precision", precision),
        remainder,
        early_stopping,
        _seconds(max_time),
        divergence,
        checkpoints,
        noise_scale,
        deterministic,
        (freeze,) if isinstance(freeze, str) else tuple(freeze),
        average,
        augment,
        shuffle=shuffle,
        diagnostics=diagnostics,
        curvature=curvature,
        members=None if MEMBERS in to_measure else _members(members),
        folds=folds,
        refit=refit,
        devices=devices,
    )
    for part in (optimizer, schedule, *(() if isinstance(architecture, Custom) else (architecture,))):
        validate_component(part)
    for part in (aim, training):
        validate_component(part, as_arguments=True)
    config = Config(network=architecture, optimizer=optimizer, schedule=schedule, task=aim, training=training, own=own)
    settings = settings_of(config, to_measure)
    said = {
        "network.name": network is not NETWORK,
        "network.blocks": network is not NETWORK,
        "schedule.name": schedule is not SCHEDULE,
    }
    settings = _with_user(settings, said)
    follows = with_image_network(settings, features).config.network
    may_follow = is_linear(follows) or isinstance(follows, CNN)
    keeps_rate = (may_follow and optimizer is not OPTIMIZER) or (network is NETWORK and learning_rate is not None)
    return _with_user(settings, {"optimizer.learning_rate": keeps_rate})


def _with_user(settings: Settings, said: Mapping[str, bool]) -> Settings:
    """The settings in which the user has chosen the keys that are `said`, of those that there are."""
    given = [key for key, chosen in said.items() if chosen and key in settings.origins]
    return replace(settings, origins={**settings.origins, **dict.fromkeys(given, "user")})


def _rate(given: object) -> float:
    """A learning rate as a number of Python; whether it is in range is checked with the rest."""
    plain = given.item() if isinstance(given, np.generic) else given
    if isinstance(plain, bool) or not isinstance(plain, float | int):
        raise ConfigError(f'learning_rate takes a number > 0, "auto" or None, but is {given!r:.60}.')
    return plain


def _seconds(given: float | str | None) -> float | None:
    """A length of time in seconds; what is none is refused with the rest."""
    seconds = seconds_of(given) if isinstance(given, str) else None
    return cast("float | None", given) if seconds is None else seconds


def _members(given: int | str | Sequence[Mapping[str, Any]] | None) -> int | tuple[Mapping[str, Any], ...] | None:
    """Members as the configuration has them; what is none is refused with the rest."""
    if isinstance(given, Sequence) and not isinstance(given, str):
        return tuple(map(plain_value, given))
    return cast("int | None", given)


def _batch_size(given: BatchSize | AdaptiveBatchSize | Auto | None) -> BatchSize | Growing | None:
    """A batch size as the configuration has it; None for one that is to be measured."""
    if isinstance(given, str) and given == "auto":
        return None
    return Growing(given) if isinstance(given, AdaptiveBatchSize) else given


def resume(
    run: Path | str,
    data: Dataset | None = None,
    *,
    epochs: int | None = None,
    devices: int | None = None,
    network: Architecture | Network | Layer | None = None,
    optimizer: Optimizer | None = None,
    schedule: Schedule | None = None,
    loss: Loss | None = None,
    metrics: Sequence[Metric] = (),
    task: Task | None = None,
    log_to: str | Sequence[str] = (),
    progress: bool | None = None,
) -> Trained:
    """Continue a recorded run that did not finish from its last checkpoint, with the same bits as without a break.

    A warning says if the bits may differ on this machine (`docs/reliability.md`).

    Args:
        run: the run's folder.
        data: the rows that `fit` was given; None reads the rows of a command-line run again.
        epochs: the number of epochs in all, more than are done; a run that has finished continues too. The schedule is
            then computed over all of them.
        devices: how many devices share each batch; None: as many as before, or all where there are fewer.
        network: the network of your own that `fit` was given; likewise the arguments below. A run only records their
            printed form.
        optimizer: the same.
        schedule: the same.
        loss: the same.
        metrics: the same.
        task: the same.
        log_to: as for `fit`; where the run was logged to the same tracker before, its run there goes on.
        progress: as for `fit`.

    Raises:
        ConfigError: a part of your own is missing, or differs from the run's.
        RunError: the run has ended, or cannot be read, or its rows have changed, or it cannot
            continue to `epochs`.
        UsageError: another process is writing the run.
        DivergedError: a loss was not finite.
    """
    place = path_of(run, "run")
    architecture = None if network is None else as_architecture(network)
    given = Given(architecture, optimizer, schedule, loss, tuple(metrics), task)
    trackers = places_of(log_to, earlier=read_identities(place))
    in_all, on = _count("epochs", epochs), _count("devices", devices)
    resumed = workflow.resume(place, data, epochs=in_all, devices=on, given=given)
    trained = _run_to_end(show_progress(log_training(resumed, trackers), progress))
    if moved := _machine.difference_note(open_run(place).manifest.machine):
        warnings.warn(f"{place}: {moved}.", stacklevel=2)
    return trained


def _count(name: str, given: object) -> int | None:
    if given is None or (isinstance(given, int | np.integer) and not isinstance(given, bool) and given >= 1):
        return None if given is None else int(given)
    raise ConfigError(f"{name} takes a whole number >= 1, or None, but is {given!r:.60}.")


def _run_to_end(events: Iterator[Event]) -> Trained:
    trained, missed = None, list[str]()
    try:
        for event in events:  # to the end: it raises the error of a run that has diverged
            if isinstance(event, Noted):
                missed.append(event.note)
            trained = event if isinstance(event, Trained) else trained
    except BatchwrightError as error:
        for note in missed:
            error.add_note(note)
        raise
    for note in missed:  # now that nothing can be lost, where warnings are errors
        warnings.warn(note, stacklevel=3)
    assert trained is not None
    return trained
