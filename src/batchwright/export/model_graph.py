"""The whole way of a model as one graph: cells of columns, encoding, network, answers."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from batchwright.errors import UsageError
from batchwright.export.building import Builder
from batchwright.export.encoders import column_inputs, encode
from batchwright.export.graph import Graph, Value
from batchwright.export.heads import Asked, answers
from batchwright.export.tracing import trace
from batchwright.nn.augment import Views
from batchwright.nn.protocols import Variables
from batchwright.runs.intervals import cutoffs_of
from batchwright.runs.model import SavedModel


def graph_of(model: SavedModel, *, interval: float | None = None) -> Graph:
    """The graph from the columns that the model uses to the columns of `Predictions.frame()`.

    Args:
        model: the model.
        interval: the level of intervals and sets, as in `predict`; None: there are none.

    Raises:
        UsageError: the network or the task has no form in a graph; an interval, of a model with too few validation rows
            for this level; or two inputs or answers of one name.
    """
    cutoffs = cutoffs_of(model, interval)
    builder = Builder(column_inputs(model.encoding))
    outputs = network_outputs(builder, model, encode(builder, model.encoding))
    found = answers(builder, model.model.task, outputs, Asked(model.encoding.target.name, cutoffs=cutoffs))
    refuse_doubled([*(value.name for value in builder.inputs), *(one.name for one in found)])
    return builder.graph(builder.outputs(found))


def refuse_doubled(names: Sequence[str]) -> None:
    """Raise a UsageError if two of the inputs and answers have one name."""
    doubled = [name for place, name in enumerate(names) if name in names[:place]]
    if doubled:
        raise UsageError(
            f"{doubled[0]!r} would be the name of two inputs or answers of the file: rename the column, the target or "
            "the class that leads to it, and train again."
        )


def network_outputs(builder: Builder, model: SavedModel, inputs: Mapping[str, tuple[Value, str]]) -> Value:
    """What the network answers, float32 [rows, outputs]: as `Model.outputs`, with views and submodels."""
    network, task, views = model.model.network, model.model.task, model.model.views

    def apply(variables: Variables, given: Mapping[str, Any]) -> Any:
        return network.apply(variables, dict(given), train=False, key=None, present=None)[0]

    seen = (
        [dict(inputs)] if views is None else [dict(inputs) | {"image": one} for one in _views(builder, views, inputs)]
    )
    each = [trace(builder, apply, model.variables, one) for one in seen]
    with builder.within("mean"):
        outputs = each[0]
        for further in each[1:]:
            outputs = builder.apply("Add", outputs, further)
        if len(each) > 1:
            outputs = builder.apply("Div", outputs, float(len(each)))
    if len(outputs.shape) == 2:
        return outputs

    def pool(_: Variables, given: Mapping[str, Any]) -> Any:
        return task.pool(given["outputs"])

    with builder.within("pool"):
        return trace(builder, pool, Variables({}, {}), {"outputs": (outputs, "float32")})


def places_of_views(views: Views, height: int, width: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """The row of pixels and the column of pixels that each row and each column of a view is taken from.

    `Views.of` makes the views of an image of whole numbers that say where each pixel is.
    """
    places = np.stack(np.meshgrid(np.arange(height), np.arange(width), indexing="ij"), axis=2)[None]
    found = (np.asarray(one)[0] for one in views.of(jnp.asarray(places)))
    return [(one[:, 0, 0].astype(np.int64), one[0, :, 1].astype(np.int64)) for one in found]


def _views(builder: Builder, views: Views, inputs: Mapping[str, tuple[Value, str]]) -> list[tuple[Value, str]]:
    """The views of each image."""
    image, dtype = inputs["image"]
    height, width = (int(side or 0) for side in image.shape[1:3])
    with builder.within("views"):
        return [(_taken(builder, image, places), dtype) for places in places_of_views(views, height, width)]


def _taken(builder: Builder, image: Value, places: tuple[np.ndarray, np.ndarray]) -> Value:
    """The image with each row and column from another place."""
    for axis, taken in enumerate(places, 1):
        if not np.array_equal(taken, np.arange(len(taken))):
            image = builder.apply("Gather", image, taken, axis=axis)
    return image
