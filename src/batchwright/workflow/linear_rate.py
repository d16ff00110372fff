"""The learning rate of a linear network where nobody has said, by its updates; and which rates were chosen so."""

from collections.abc import Iterator
from dataclasses import replace
from math import ceil
from typing import Any

from batchwright.config import Settings
from batchwright.nn import CNN, MLP, Linear
from batchwright.optim.reach import BOUNDED, linear_rate
from batchwright.optim.rule import default_rate
from batchwright.training.growth import Growing

RATE = "optimizer.learning_rate"


def with_linear_rate(settings: Settings, rows: int) -> Settings:
    """The settings with the learning rate of a linear network, where nobody has said; epochs and batch size are known.

    It is that of rules whose updates are as large as the rate.
    """
    config, training = settings.config, settings.config.training
    fits = is_linear(config.network) and type(config.optimizer) in BOUNDED
    if (
        not fits
        or RATE in settings.to_measure
        or not (settings.origins.get(RATE) == "default" or follows_from_rows(settings))
    ):
        return settings
    size = training.batch_size
    size = size.adaptive.start if isinstance(size, Growing) else rows if size == "full" else size
    assert size is not None
    assert training.epochs is not None
    updates = training.epochs * ceil(rows / size)
    reason = f"in {updates:,} updates of about this size, each weight of a linear network has to reach its place"
    rule = replace(config.optimizer, learning_rate=linear_rate(updates))
    chosen = replace(settings, config=replace(config, optimizer=rule), origins={**settings.origins, RATE: "rows"})
    return chosen.with_evidence(RATE, {"reason": reason})


def with_recorded_rate(settings: Settings) -> Settings:
    """The settings of a recorded training, whose rate stays: earlier versions did not choose that of some networks.

    Such a rate counts as one that followed from the rows.
    """
    network = settings.config.network
    stays = (is_linear(network) or isinstance(network, CNN)) and settings.origins.get(RATE) == "default"
    return replace(settings, origins={**settings.origins, RATE: "rows"}) if stays else settings


def linear_rate_notes(settings: Settings) -> Iterator[str]:
    """A sentence on the learning rate, where it was chosen because the network is linear."""
    if is_linear(settings.config.network) and follows_from_rows(settings):
        yield f"learning rate {settings.config.optimizer.learning_rate:g}: {settings.evidence[RATE]['reason']}"


def is_linear(network: Any) -> bool:
    """Whether the outputs of a network are linear in its inputs."""
    return isinstance(network, Linear) or (isinstance(network, MLP) and not network.hidden_layer_sizes)


def follows_from_rows(settings: Settings) -> bool:
    """Whether the rate was chosen here, and not in an earlier training that is gone on with."""
    return settings.origins.get(RATE) == "rows" and RATE in settings.evidence


def rate_of_rows(settings: Settings) -> float | None:
    """The learning rate that was chosen here; None where the rule's own stays."""
    return float(settings.config.optimizer.learning_rate) if follows_from_rows(settings) else None


def without_rate_of_rows(settings: Settings) -> Settings:
    """The settings with the rule's default rate, which is to be chosen anew, and not as set by anyone."""
    rule = settings.config.optimizer
    config = replace(settings.config, optimizer=replace(rule, learning_rate=default_rate(rule)))
    evidence = {key: said for key, said in settings.evidence.items() if key != RATE}
    return replace(settings, config=config, origins={**settings.origins, RATE: "default"}, evidence=evidence)
