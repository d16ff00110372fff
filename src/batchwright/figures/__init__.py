"""Figures of plain data: SVG that needs no script and no other file, and sketches in the terminal."""

from batchwright.figures.bars import Bar, bars, spans
from batchwright.figures.contour import contour
from batchwright.figures.gif import gif
from batchwright.figures.grid import Names
from batchwright.figures.heat_map import heat_map
from batchwright.figures.histogram import histogram
from batchwright.figures.line_chart import Line, line_chart
from batchwright.figures.line_sketch import line_sketch, needs_plain
from batchwright.figures.loss_by_rate import TriedRate, loss_by_rate
from batchwright.figures.matrix import matrix
from batchwright.figures.parallel import Column, parallel_coordinates
from batchwright.figures.plane import Mark
from batchwright.figures.png import png
from batchwright.figures.reliability import reliability
from batchwright.figures.scale import Axis
from batchwright.figures.scatter import Points, scatter
from batchwright.figures.sketch import sketch
from batchwright.figures.svg import Svg

__all__ = [
    "Axis",
    "Bar",
    "Column",
    "Line",
    "Mark",
    "Names",
    "Points",
    "Svg",
    "TriedRate",
    "bars",
    "contour",
    "gif",
    "heat_map",
    "histogram",
    "line_chart",
    "line_sketch",
    "loss_by_rate",
    "matrix",
    "needs_plain",
    "parallel_coordinates",
    "png",
    "reliability",
    "scatter",
    "sketch",
    "spans",
]
