"""Which network images get, and at which learning rate it is trained, where nobody has said."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from math import ceil, log2, sqrt
from typing import Any

from batchwright.config import Settings
from batchwright.nn import CNN, Features, Tabular
from batchwright.optim import Adam
from batchwright.optim.schedules import OneCycle
from batchwright.workflow.linear_rate import RATE, follows_from_rows, without_rate_of_rows

NETWORK, SCHEDULE, EPOCHS = "network.name", "schedule.name", "training.epochs"
LARGE_SIDE = 20
"""Pixels of the shorter side above which images get a `cnn`: layers without convolutions have a weight of their own for
each pixel, and learn anew in each place what a thing looks like."""
LARGEST_GREY = 28
"""Pixels of the longer side up to which grey images keep the quick `tabular`: it knows 98 % of MNIST's."""
SHAPE = ("filters", "kernel_size", "pool_size", "blocks", "downsampling", "pooling", "hidden_layer_sizes")
BLOCKS = "network.blocks"
FIRST_FILTERS, LEAST_STAGES, MOST_STAGES, LAST_SIDE = 16, 3, 6, 8
"""Filters of the first stage of a residual network, twice as many in each further one, and stages: as many as leave
this many pixels a side or fewer."""
HIGH_RATE, ITS_SIZE = 0.004, 64
"""The highest learning rate of `one_cycle`, for a batch size: batch normalization in each layer bears it, and in the
same epochs the network learns as much as in twice as many at Adam's 0.001."""


def with_image_network(settings: Settings, features: Features) -> Settings:
    """The settings with a `cnn` for large images, and with residual blocks where nothing is set of its layers.

    A recorded training stays as it is.
    """
    if settings.recorded or features.image is None or not _is_large(features.image) or features.text:
        return settings
    return _with_blocks(_with_cnn(settings, features.image), features.image)


def with_image_rate(settings: Settings, features: Features) -> Settings:
    """The settings with a high learning rate for a `cnn` with Adam and the usual schedule, where none has been set.

    A rate that was chosen here is chosen anew. That of a recorded training stays as it is.
    """
    settings = without_rate_of_rows(settings) if follows_from_rows(settings) and _has_cnn(settings) else settings
    config = settings.config
    settled = settings.origins.get(RATE) != "default" or RATE in {*settings.to_measure, *settings.evidence}
    if settled or not _bears_high_rate(settings) or features.image is None:
        return settings
    size = config.training.batch_size if isinstance(config.training.batch_size, int) else ITS_SIZE
    rate = float(f"{HIGH_RATE * min(1.0, sqrt(size / ITS_SIZE)):.3g}")
    reason = {"reason": "batch normalization bears it, and the network learns in fewer epochs"}
    found = replace(config, optimizer=replace(config.optimizer, learning_rate=rate))
    return replace(settings, config=found, origins={**settings.origins, RATE: "rows"}).with_evidence(RATE, reason)


def _has_cnn(settings: Settings) -> bool:
    return isinstance(settings.config.network, CNN)


def _bears_high_rate(settings: Settings) -> bool:
    """Whether network, update rule and schedule are those with which a high rate was tried.

    Where the number of epochs is to be measured, another schedule takes the place of the usual one.
    """
    config, network = settings.config, settings.config.network
    usual = config.schedule == OneCycle() and settings.origins[SCHEDULE] == "default"
    fitting = isinstance(network, CNN) and network.normalizes and not network.ensemble and not config.training.freeze
    return type(config.optimizer) is Adam and usual and fitting and EPOCHS not in settings.to_measure


def with_initial_network(settings: Settings) -> Settings:
    """The settings of a training from a trained model: it brings the network, and a high rate would undo what it knows.

    So neither follows from the images.
    """
    keys = (NETWORK, BLOCKS, RATE) if isinstance(settings.config.network, CNN) else (NETWORK,)
    kept = [key for key in keys if settings.origins.get(key) == "default"]
    return replace(settings, origins={**settings.origins, **dict.fromkeys(kept, "initial")})


def image_notes(settings: Settings) -> Iterator[str]:
    """A sentence for each of network, blocks and learning rate of a `cnn` that follows from the images."""
    if not isinstance(settings.config.network, CNN):
        return
    rate = f"learning rate {settings.config.optimizer.learning_rate:g}"
    blocks = f"blocks {settings.config.network.blocks}"
    for key, value in ((NETWORK, f"network {settings.config.network.name}"), (BLOCKS, blocks), (RATE, rate)):
        if settings.origins.get(key) == "rows" and key in settings.evidence:
            yield f"{value}: {settings.evidence[key]['reason']}"


def _with_blocks(settings: Settings, image: tuple[int, int, int]) -> Settings:
    """The settings with residual blocks, where there is a `cnn` of whose layers nobody has chosen any.

    An ensemble has none: without hidden layers, its submodels would differ in nothing but the last layer.
    """
    network, origins = settings.config.network, settings.origins
    keys = [f"network.{name}" for name in SHAPE]
    chosen = any(origins.get(key) not in ("default", "rows") for key in keys)
    if chosen or not isinstance(network, CNN) or network.ensemble:
        return settings
    stages = min(max(ceil(log2(min(image[:2]) / LAST_SIDE)), LEAST_STAGES), MOST_STAGES)
    filters = tuple(FIRST_FILTERS << stage for stage in range(stages))
    residual = replace(
        network, filters=filters, blocks=1, downsampling="stride", pooling="average", hidden_layer_sizes=()
    )
    config = replace(settings.config, network=residual)
    reason = {"reason": "residual blocks learn more of images above 20 pixels in the same time, with fewer parameters"}
    return replace(settings, config=config, origins={**origins, **dict.fromkeys(keys, "rows")}).with_evidence(
        BLOCKS, reason
    )


def _with_cnn(settings: Settings, image: tuple[int, int, int]) -> Settings:
    """The settings with a `cnn` in place of the default network.

    It has what is set of `tabular`, and is left out where `cnn` has nothing of the kind.
    """
    given = _given(settings)
    if settings.origins[NETWORK] != "default" or not given.keys() <= {field.name for field in fields(CNN)}:
        return settings
    found = settings.with_section("network", CNN(**given), "rows")
    origins = {**found.origins, **{f"network.{name}": settings.origins[f"network.{name}"] for name in given}}
    sides = " x ".join(map(str, image))
    reason = {"reason": f"convolutions find a thing wherever it is in an image of {sides}"}
    return replace(found, origins=origins).with_evidence(NETWORK, reason)


def _is_large(image: tuple[int, int, int]) -> bool:
    *sides, channels = image
    return min(sides) > LARGE_SIDE and (channels > 1 or max(sides) > LARGEST_GREY)


def _given(settings: Settings) -> Mapping[str, Any]:
    """What has been set of the default network, by name."""
    network = settings.config.network
    if not isinstance(network, Tabular):
        return {}
    names = (field.name for field in fields(network))
    return {name: getattr(network, name) for name in names if settings.origins[f"network.{name}"] != "default"}
