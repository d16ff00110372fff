"""The lab: gradient descent over surfaces of one or two weights, by the rules that train networks."""

from batchwright.lab.descent.convergence import Until
from batchwright.lab.descent.descend import Course, descend, follow, tune
from batchwright.lab.descent.drawing import draw_loss, draw_paths
from batchwright.lab.descent.limits import Limits, limits_of
from batchwright.lab.descent.path import Path
from batchwright.lab.descent.rules import RULES
from batchwright.lab.descent.surfaces import SURFACES, Surface, line
from batchwright.lab.fit.capacities import compare_capacities, least_squares
from batchwright.lab.fit.curve_fit import CurveFit, Fitted, fit_curve
from batchwright.lab.fit.drawing import draw_capacities, draw_fit, draw_fit_losses
from batchwright.lab.network.ask import read_network
from batchwright.lab.network.chain import Chain, Learned, Link, chain
from batchwright.lab.network.chain_words import Passage, describe_chain
from batchwright.lab.network.chosen_rows import ChosenRows, choose_columns, choose_points
from batchwright.lab.network.live import Live, SmallNetwork
from batchwright.lab.network.live_picture import Picture, take_picture, weights_of
from batchwright.lab.network.point_sets import POINT_SETS, draw_points
from batchwright.lab.normalization.drawing import draw_normalization
from batchwright.lab.normalization.study import NormStudy, Studied, study_normalization
from batchwright.lab.own_run.look import OwnRun, look_at_run

__all__ = [
    "POINT_SETS",
    "RULES",
    "SURFACES",
    "Chain",
    "ChosenRows",
    "Course",
    "CurveFit",
    "Fitted",
    "Learned",
    "Limits",
    "Link",
    "Live",
    "NormStudy",
    "OwnRun",
    "Passage",
    "Path",
    "Picture",
    "SmallNetwork",
    "Studied",
    "Surface",
    "Until",
    "chain",
    "choose_columns",
    "choose_points",
    "compare_capacities",
    "descend",
    "describe_chain",
    "draw_capacities",
    "draw_fit",
    "draw_fit_losses",
    "draw_loss",
    "draw_normalization",
    "draw_paths",
    "draw_points",
    "fit_curve",
    "follow",
    "least_squares",
    "limits_of",
    "line",
    "look_at_run",
    "read_network",
    "study_normalization",
    "take_picture",
    "tune",
    "weights_of",
]
