"""A model in three graphs: from columns to encoded arrays, from these to the outputs of the network, and to answers."""

from typing import NamedTuple

from batchwright.export.building import Builder
from batchwright.export.encoders import column_inputs, encode
from batchwright.export.graph import Graph, Value
from batchwright.export.heads import Asked, answers
from batchwright.export.model_graph import network_outputs, refuse_doubled
from batchwright.export.runtime.graph import ENCODED
from batchwright.runs.intervals import cutoffs_of
from batchwright.runs.model import SavedModel

OUTPUTS = "outputs"
"""What outputs of the network are called."""


class Parts(NamedTuple):
    """Three graphs, each of which begins with what the one before gives."""

    encoding: Graph
    network: Graph
    answers: Graph


def parts_of(model: SavedModel, *, interval: float | None = None) -> Parts:
    """The graphs of a model; arguments and errors as `graph_of`."""
    first = Builder(column_inputs(model.encoding))
    encoded = encode(first, model.encoding)
    made = first.graph(first.outputs([(f"{ENCODED}{name}", value) for name, (value, _) in encoded.items()]))
    given = {name: (value._replace(name=name), dtype) for name, (value, dtype) in encoded.items()}
    second = Builder(value for value, _ in given.values())
    outputs = network_outputs(second, model, given)
    network = second.graph(second.outputs([(OUTPUTS, outputs)]))
    third = Builder([Value(OUTPUTS, outputs.dtype, outputs.shape)])
    asked = Asked(model.encoding.target.name, cutoffs=cutoffs_of(model, interval))
    found = answers(third, model.model.task, third.inputs[0], asked)
    refuse_doubled([*(value.name for value in first.inputs), *(one.name for one in found)])
    return Parts(made, network, third.graph(third.outputs([(one.name, one.value) for one in found])))
