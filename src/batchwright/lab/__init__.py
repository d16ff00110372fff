"""The lab: gradient descent over surfaces of one or two weights, by the rules that train networks."""

from batchwright.lab.convergence import Until
from batchwright.lab.descend import Course, descend, follow, tune
from batchwright.lab.drawing import draw_loss, draw_paths
from batchwright.lab.limits import Limits, limits_of
from batchwright.lab.path import Path
from batchwright.lab.rules import RULES
from batchwright.lab.surfaces import SURFACES, Surface, line

__all__ = [
    "RULES",
    "SURFACES",
    "Course",
    "Limits",
    "Path",
    "Surface",
    "Until",
    "descend",
    "draw_loss",
    "draw_paths",
    "follow",
    "limits_of",
    "line",
    "tune",
]
