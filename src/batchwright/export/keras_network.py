"""A whole network in Keras: views of an image, members, submodels and how they are pooled."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from batchwright.errors import UsageError
from batchwright.export.keras_building import Building, Part, Tensor, refused
from batchwright.export.keras_inputs import add_encoder
from batchwright.export.keras_layers import add_layer
from batchwright.export.model_graph import places_of_views
from batchwright.nn.augment import Views
from batchwright.nn.members import MembersNetwork, name_of
from batchwright.nn.networks import FeedForward
from batchwright.nn.protocols import Variables
from batchwright.tasks import Classification, CustomTask, Multilabel, Regression, Several, Task
from batchwright.tasks.regression import SMALLEST
from batchwright.training.state import Model


def keras_model(keras: Any, model: Model, variables: Variables, inputs: Mapping[str, np.ndarray]) -> Any:
    """The network as a model of Keras, from encoded arrays by name to its outputs [rows, outputs].

    Args:
        keras: the package.
        model: the network and its task.
        variables: those of the network.
        inputs: encoded rows, whose shapes and dtypes are those of the inputs.

    Raises:
        UsageError: the network has a part that Keras has no layer for.
    """
    building, views = Building(keras), model.views
    given = {name: keras.Input(array.shape[1:], name=name, dtype=array.dtype.name) for name, array in inputs.items()}
    part = Part(model.network, variables, "")
    if views is None:
        found = _add_network(building, part, given)
    else:
        core = keras.Model(given, _add_network(building, part, given), name="network_of_a_view")
        given = {name: keras.Input(one.shape[1:], name=name, dtype=one.dtype) for name, one in given.items()}
        seen = _views(building, views, given["image"])
        found = building.add("Average", [core(given | {"image": image}) for image in seen], "mean_of_views")
    outputs = _pool(building, model.task, found) if len(found.shape) == 3 else found
    return keras.Model(given, building.add("Identity", outputs, "outputs"), name="network")


def _add_network(building: Building, part: Part, inputs: Mapping[str, Tensor]) -> Tensor:
    """The outputs [n, o], or [n, k, o] of k submodels."""
    network = part.layer
    if isinstance(network, MembersNetwork):
        return _members(building, part, inputs)
    if not isinstance(network, FeedForward):
        raise refused(network, part.place)
    if network.dtype != "float32":
        raise UsageError(
            f"the network computes in {network.dtype}, which Keras's layers round in other places: `format=torch` and "
            "`format=flax` round as it does."
        )
    encoded = add_encoder(building, part.inside(network.encoder, "inputs"), inputs)
    return add_layer(building, part.inside(network.body, "body"), encoded)


def _members(building: Building, part: Part, inputs: Mapping[str, Tensor]) -> Tensor:
    """The outputs of each member, as often as it counts."""
    outputs = []
    for place, (network, count) in enumerate(zip(part.layer.networks, part.layer.counts, strict=True)):
        own = part.inside(network, name_of(place))
        found = _add_network(building, own, inputs)
        outputs += [found if len(found.shape) == 3 else building.ops.expand_dims(found, 1)] * count
    return building.add("Concatenate", outputs, "members", settings={"axis": 1}) if len(outputs) > 1 else outputs[0]


def _views(building: Building, views: Views, image: Tensor) -> list[Tensor]:
    """The image as each view has it, by the rows and columns of pixels that it takes."""
    seen = []
    for rows, columns in places_of_views(views, *image.shape[1:3]):
        taken = image
        for axis, places in ((1, rows), (2, columns)):
            if not np.array_equal(places, np.arange(len(places))):
                taken = building.ops.take(taken, places.astype(np.int32), axis=axis)
        seen.append(taken)
    return seen


def _pool(building: Building, task: Task, x: Tensor) -> Tensor:
    """The outputs [n, o] of all submodels [n, k, o], as `Task.pool` makes them."""
    match task:
        case Several():
            ends = np.cumsum([0, *(head.outputs for head in task.heads)]).tolist()
            heads = zip(task.heads, ends[:-1], ends[1:], strict=True)
            return building.side_by_side(
                [_pool(building, head, x[:, :, start:end]) for head, start, end in heads], "pooled"
            )
        case Regression() if task.levels:
            return _pool_quantiles(building, task, x)
        case Regression():
            return _pool_logs(building, x) if task.loss == "poisson" else building.ops.mean(x, axis=1)
        case Classification() if task.loss != "binary_cross_entropy":
            return _pool_logs(building, building.ops.log_softmax(x, axis=2))
        case Classification() | Multilabel():
            sides = (_pool_logs(building, building.ops.log_sigmoid(side)) for side in (x, building.ops.negative(x)))
            return building.ops.subtract(*sides)
        case CustomTask() if type(task).pool is CustomTask.pool:
            return building.ops.mean(x, axis=1)
    raise refused(task, "how the outputs of submodels are pooled")


def _pool_logs(building: Building, x: Tensor) -> Tensor:
    """As `pooling.pool_logs`."""
    return building.ops.logsumexp(x, axis=1) - math.log(x.shape[1])


def _pool_quantiles(building: Building, task: Regression, x: Tensor) -> Tensor:
    """The mean of the submodels' quantiles at each level, as the steps that lead to it."""
    ops, levels = building.ops, len(task.levels)
    each = building.reshaped(x, (x.shape[1], task.targets, levels), "steps")
    steps = ops.concatenate([each[:, :, :, :1], ops.softplus(each[:, :, :, 1:])], axis=3)
    mean = ops.mean(ops.cumsum(steps, axis=3), axis=1)
    gaps = ops.maximum(mean[:, :, 1:] - mean[:, :, :-1], SMALLEST)
    below = gaps + ops.log(ops.negative(ops.expm1(ops.negative(gaps))))
    return building.reshaped(ops.concatenate([mean[:, :, :1], below], axis=2), (task.targets * levels,), "pooled")
