"""Embeddings of numbers in float64 NumPy, one number after the other."""

from itertools import pairwise

import numpy as np

Arrays = dict[str, np.ndarray]


def quantile_edges(x: np.ndarray, bins: int) -> np.ndarray:
    """The edges of a column x [n]: at each level the least value below which half the rows' and values' shares lie."""
    values, counts = np.unique(x, return_counts=True)
    shares = (np.cumsum(counts) / len(x) + np.arange(1, len(values) + 1) / len(values)) / 2
    levels = np.arange(bins + 1) / bins
    found = sorted({values[np.argmax(shares >= level - 1e-6)] for level in levels})
    return np.array(found + found[-1:] * (bins + 1 - len(found)))


def fill(value: float, edges: np.ndarray) -> np.ndarray:
    """How full a number fills each bin; bins without width come last."""
    real = [(low, high) for low, high in pairwise(edges) if high > low]
    filled = np.zeros(len(edges) - 1)
    for t, (low, high) in enumerate(real):
        filled[t] = min(max((value - low) / (high - low), 0.0), 1.0)
    if real:
        average = (edges[-1] - edges[0]) / len(real)
        first, last = real[0], real[-1]
        filled[0] -= max(edges[0] - value, 0.0) / max(first[1] - first[0], average)
        filled[len(real) - 1] += max(value - edges[-1], 0.0) / max(last[1] - last[0], average)
    return filled


def piecewise_linear_b(value: float, of: Arrays) -> np.ndarray:
    """w·x + b + W·p(x)."""
    return value * of["gamma"] + of["bias"] + fill(value, of["edges"]) @ of["gamma_bins"]


def plr(value: float, of: Arrays) -> np.ndarray:
    """The rectified linear map of cosines and sines."""
    angles = [2 * np.pi * w * value for w in of["gamma"]]
    waves = np.array([np.cos(angle) for angle in angles] + [np.sin(angle) for angle in angles])
    return np.maximum(waves @ of["gamma_waves"] + of["bias"], 0.0)


def cosine(value: float, of: Arrays) -> np.ndarray:
    """The number, and its scaled and shifted cosines."""
    waves = np.cos(2 * np.pi * (of["gamma"] * value + of["beta"]))
    return np.array([value, *(of["gamma_waves"] * waves + of["beta_waves"])])


def pbld(value: float, of: Arrays) -> np.ndarray:
    """The number, and the linear map of its cosines."""
    waves = np.cos(2 * np.pi * of["gamma"] * value + of["beta"])
    return np.array([value, *(waves @ of["gamma_waves"] + of["bias"])])
