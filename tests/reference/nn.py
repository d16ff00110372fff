"""Layers by their definitions, one window and one row at a time, in float64 NumPy."""

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np

erf = np.vectorize(math.erf)


def softmax(x: np.ndarray) -> np.ndarray:
    exponentials = np.exp(x - x.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def activations(slope: float) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    return {
        "sigmoid": lambda x: 0.5 * (1 + np.tanh(x / 2)),
        "tanh": np.tanh,
        "relu": lambda x: x * (x > 0),
        "leaky_relu": lambda x: np.where(x > 0, x, slope * x),
        "softmax": softmax,
        "gelu": lambda x: x * 0.5 * (1 + erf(x / math.sqrt(2))),
        "silu": lambda x: x * 0.5 * (1 + np.tanh(x / 2)),
        "identity": lambda x: x,
    }


def moments(x: np.ndarray, weights: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of every feature over all axes but the last; every row counts as often as its weight says."""
    cells = np.ones(len(x)) if weights is None else np.asarray(weights, np.float64)
    cells = np.broadcast_to(cells.reshape(-1, *(1,) * (x.ndim - 2)), x.shape[:-1]).reshape(-1)
    flat = x.reshape(-1, x.shape[-1])
    mean = np.average(flat, axis=0, weights=cells)
    return mean, np.average((flat - mean) ** 2, axis=0, weights=cells)


def normalized(x: np.ndarray, mean: np.ndarray, variance: np.ndarray, epsilon: float) -> np.ndarray:
    return (x - mean) / np.sqrt(variance + epsilon)


def margins(length: int, kernel: int, stride: int, padding: str) -> tuple[int, int]:
    """Zeros before and after a side, the odd one after it."""
    if padding == "valid":
        return 0, 0
    missing = max((math.ceil(length / stride) - 1) * stride + kernel - length, 0)
    return missing // 2, missing - missing // 2


def convolve(x: np.ndarray, kernel: np.ndarray, stride: int, padding: str) -> np.ndarray:
    size = len(kernel)
    sides = [margins(length, size, stride, padding) for length in x.shape[1:3]]
    x = np.pad(x, ((0, 0), *sides, (0, 0)))
    h, w = ((length - size) // stride + 1 for length in x.shape[1:3])
    y = np.zeros((len(x), h, w, kernel.shape[-1]))
    for i in range(h):
        for j in range(w):
            window = x[:, stride * i : stride * i + size, stride * j : stride * j + size]
            y[:, i, j] = np.tensordot(window, kernel, 3)
    return y


def convolve_channels(x: np.ndarray, kernel: np.ndarray, stride: int, padding: str) -> np.ndarray:
    """Each channel of x by each of its own kernels [k, k, c, m], one after the other."""
    images = [
        convolve(x[..., c : c + 1], kernel[:, :, c : c + 1, q : q + 1], stride, padding)
        for c in range(kernel.shape[2])
        for q in range(kernel.shape[3])
    ]
    return np.concatenate(images, axis=-1)


def convolve_series(x: np.ndarray, kernel: np.ndarray, stride: int, padding: str) -> np.ndarray:
    """x [n, s, c] by a kernel [k, c, o], one step after the other."""
    x = np.pad(x, ((0, 0), margins(x.shape[1], len(kernel), stride, padding), (0, 0)))
    starts = range(0, x.shape[1] - len(kernel) + 1, stride)
    return np.stack([np.tensordot(x[:, i : i + len(kernel)], kernel, 2) for i in starts], axis=1)


def group_normalized(x: np.ndarray, groups: int, epsilon: float) -> np.ndarray:
    """One row and one group of neighbouring channels after the other."""
    y, size = np.zeros(x.shape), x.shape[-1] // groups
    for row in range(len(x)):
        for first in range(0, x.shape[-1], size):
            part = x[row, ..., first : first + size]
            y[row, ..., first : first + size] = normalized(part, part.mean(), part.var(), epsilon)
    return y


Shares = Callable[[np.ndarray], np.ndarray]


def shares_of_largest(window: np.ndarray) -> np.ndarray:
    winners = window == window.max(axis=(1, 2), keepdims=True)
    return winners / winners.sum(axis=(1, 2), keepdims=True)


def shares_of_mean(window: np.ndarray) -> np.ndarray:
    return np.full(window.shape, 1 / (window.shape[1] * window.shape[2]))


def pool(x: np.ndarray, g: np.ndarray, size: int, stride: int, shares: Shares) -> tuple[np.ndarray, np.ndarray]:
    """The pooled image, and the gradient of sum(g * pooled image); `shares` is what a window's pixels count for."""
    h, w = ((length - size) // stride + 1 for length in x.shape[1:3])
    y, gradient = np.zeros((len(x), h, w, x.shape[-1])), np.zeros(x.shape)
    for i in range(h):
        for j in range(w):
            place = np.s_[:, stride * i : stride * i + size, stride * j : stride * j + size]
            part = shares(x[place])
            y[:, i, j] = (part * x[place]).sum(axis=(1, 2))
            gradient[place] += part * g[:, i : i + 1, j : j + 1]
    return y, gradient


def filled_bins(x: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """How full each bin of one column is: x [n], edges [bins + 1] -> [n, bins]."""
    last = len(edges) - 2
    filled = np.zeros((len(x), last + 1))
    for row, value in enumerate(x):
        for t, (low, high) in enumerate(pairwise(edges)):
            if high > low:
                part = (value - low) / (high - low)
                part = part if t == 0 else max(part, 0.0)
                filled[row, t] = part if t == last else min(part, 1.0)
    return filled


def slopes(function: Callable[[np.ndarray], float], at: np.ndarray, step: float = 1e-5) -> np.ndarray:
    """The gradient of a function of an array, by central differences."""
    found = np.zeros(at.shape)
    for place in np.ndindex(at.shape):
        beside = [at.copy(), at.copy()]
        beside[0][place] -= step
        beside[1][place] += step
        found[place] = (function(beside[1]) - function(beside[0])) / (2 * step)
    return found
