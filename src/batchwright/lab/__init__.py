"""The lab: gradient descent over surfaces of one or two weights, by the rules that train networks."""

from batchwright.lab.ask_network import read_network
from batchwright.lab.batch_norm_study import NormStudy, Studied, study_normalization
from batchwright.lab.capacities import compare_capacities, least_squares
from batchwright.lab.chain import Chain, Learned, Link, chain
from batchwright.lab.chain_words import Passage, describe_chain
from batchwright.lab.chosen_rows import ChosenRows, choose_columns, choose_points
from batchwright.lab.convergence import Until
from batchwright.lab.curve_fit import CurveFit, Fitted, fit_curve
from batchwright.lab.descend import Course, descend, follow, tune
from batchwright.lab.drawing import draw_loss, draw_paths
from batchwright.lab.fit_drawing import draw_capacities, draw_fit, draw_fit_losses
from batchwright.lab.limits import Limits, limits_of
from batchwright.lab.live import Live, SmallNetwork
from batchwright.lab.live_picture import Picture, take_picture, weights_of
from batchwright.lab.normalization_drawing import draw_normalization
from batchwright.lab.own_run import OwnRun, look_at_run
from batchwright.lab.path import Path
from batchwright.lab.point_sets import POINT_SETS, draw_points
from batchwright.lab.rules import RULES
from batchwright.lab.surfaces import SURFACES, Surface, line

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
