"""Figures of plain data, in the terminal and as SVG."""

from batchwright.figures.loss_by_rate import Tried, loss_by_rate
from batchwright.figures.sketch import sketch

__all__ = ["Tried", "loss_by_rate", "sketch"]
