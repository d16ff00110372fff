"""Contradictions between values of a configuration that are valid alone."""

from batchwright.config.document import Node, Problem
from batchwright.config.sections import Config
from batchwright.errors import ConfigError, unknown
from batchwright.nn.networks import Hidden
from batchwright.tasks import CLASS_LOSSES, LABEL_LOSSES, METRICS, VALUE_LOSSES
from batchwright.training.growth import Growing

FIGURES = ("loss", *(f"val_{name}" for name in METRICS))
"""The metrics of a history that can stop training."""


def conflicts(config: Config, document: Node) -> list[Problem]:
    """What is wrong between values that are each allowed."""
    problems: list[tuple[str, str]] = []
    try:
        config.data.check()
    except ConfigError as error:
        problems.append(("data", str(error)))
    stopping = config.training.early_stopping
    figures = (*FIGURES, *(f"val_{metric.name}" for metric in config.own.metrics))
    if stopping and config.own.task is None and stopping.monitor.partition("[")[0] not in figures:  # val_rmse[price]
        said = unknown("figure", stopping.monitor, figures)
        problems.append(("training.early_stopping.monitor", said))
    if isinstance(config.training.batch_size, Growing):
        try:
            config.training.batch_size.adaptive.check(config.optimizer)
        except ConfigError as error:
            problems.append(("training.batch_size.adaptive", str(error)))
    if config.training.average and (said := config.training.average.problem()):
        problems.append(("training.average", said))
    if found := config.optimizer.problem():
        problems.append(("optimizer", found))
    if isinstance(config.network, Hidden) and (found := config.network.problem()):
        problems.append(("network", found))
    kind, loss = config.task.name, config.task.loss
    losses = {"classification": CLASS_LOSSES, "regression": VALUE_LOSSES, "multilabel": LABEL_LOSSES}
    fitting = losses.get(kind, (loss,))
    if loss not in ("auto", *fitting):
        problems.append(("task.loss", f"{loss} is not for {kind}; choose one of {', '.join(fitting)}."))
    return [Problem(document.place_of(tuple(path.split("."))), f"{path}: {message}") for path, message in problems]
