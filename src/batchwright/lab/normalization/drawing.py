"""The figure of batch normalization: what the activations of each layer get, with it and without."""

import numpy as np

from batchwright.figures import Axis, Line, Svg, line_chart
from batchwright.lab.normalization.study import Studied


def draw_normalization(studied: Studied) -> Svg:
    """For each hidden layer the mean of what its activation gets, with a band of one deviation on each side."""
    lines = []
    for name, net in (("with", studied.normal), ("without", studied.plain)):
        means, deviations = np.array(net.means), np.array(net.deviations)
        layers = np.arange(1, len(means) + 1)
        lines.append(Line(name, layers, means, low=means - deviations, high=means + deviations, points=True))
    asked = studied.asked
    title = f"{asked.data}, batches of {asked.batch_size}, iteration {asked.steps:,}: mean ± deviation by layer"
    return line_chart(lines, Axis("hidden layer"), Axis("input of the activation"), title=title)
