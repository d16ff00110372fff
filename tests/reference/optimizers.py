"""Update rules in float64, each direction written out from all gradients so far: sums in place of running averages.

A direction takes the gradients g₁ ... gₜ as [t, ...] and gives d; `trajectory` moves the parameters by it.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Direction = Callable[[Float], Float]


def trajectory(
    direction: Direction,
    start: Float,
    gradient: Callable[[int, Float], Float],
    rates: Float,
    weight_decay: float = 0.0,
) -> Float:
    """The parameters after each iteration [iterations, ...]; `gradient` gives that of iteration t at w."""
    w, gradients, path = start.astype(np.float64), [], []
    for t, rate in enumerate(rates):
        gradients.append(gradient(t, w))
        w = w - rate * direction(np.array(gradients)) - rate * weight_decay * w
        path.append(w)
    return np.array(path)


def _fading_sum(terms: Float, keep: float) -> Float:
    """Σᵢ keepᵗ⁻ⁱ·termᵢ."""
    return np.tensordot(keep ** np.arange(len(terms))[::-1], terms, axes=1)


def sgd(g: Float, *, momentum: float = 0.0, nesterov: bool = False) -> Float:
    velocity = _fading_sum(g, momentum) if momentum else g[-1]
    return g[-1] + momentum * velocity if nesterov else velocity


def adagrad(g: Float, *, initial: float = 0.1, epsilon: float = 1e-7) -> Float:
    return g[-1] / np.sqrt(initial + (g**2).sum(axis=0) + epsilon)


def adadelta(g: Float, *, rho: float = 0.95, epsilon: float = 1e-7) -> Float:
    steps = [np.zeros_like(g[0])]
    for t in range(1, len(g) + 1):
        rms_step = np.sqrt((1 - rho) * _fading_sum(np.array(steps) ** 2, rho) + epsilon)
        rms_gradient = np.sqrt((1 - rho) * _fading_sum(g[:t] ** 2, rho) + epsilon)
        steps.append(rms_step / rms_gradient * g[t - 1])
    return steps[-1]


def rmsprop(
    g: Float, *, rho: float = 0.9, momentum: float = 0.0, epsilon: float = 1e-7, centered: bool = False
) -> Float:
    scaled = []
    for t in range(1, len(g) + 1):
        variance = (1 - rho) * _fading_sum(g[:t] ** 2, rho)
        if centered:
            variance = variance - ((1 - rho) * _fading_sum(g[:t], rho)) ** 2
        scaled.append(g[t - 1] / np.sqrt(variance + epsilon))
    return _fading_sum(np.array(scaled), momentum) if momentum else scaled[-1]


def adam(
    g: Float, *, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-7, amsgrad: bool = False
) -> Float:
    def unbiased_mean(values: Float, beta: float) -> Float:
        return (1 - beta) * _fading_sum(values, beta) / (1 - beta ** len(values))

    squares = unbiased_mean(g**2, beta_2)
    if amsgrad:
        largest = np.max([_fading_sum(g[:t] ** 2, beta_2) for t in range(1, len(g) + 1)], axis=0)
        squares = (1 - beta_2) * largest / (1 - beta_2 ** len(g))
    return unbiased_mean(g, beta_1) / (np.sqrt(squares) + epsilon)


def nadam(g: Float, *, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-7) -> Float:
    t = len(g)
    mu = [beta_1 * (1 - 0.5 * 0.96 ** (i / 250)) for i in range(1, t + 2)]
    mean = (1 - beta_1) * _fading_sum(g, beta_1)
    ahead = mu[t] * mean / (1 - np.prod(mu)) + (1 - mu[t - 1]) * g[-1] / (1 - np.prod(mu[:t]))
    return ahead / (np.sqrt((1 - beta_2) * _fading_sum(g**2, beta_2) / (1 - beta_2**t)) + epsilon)


def lion(g: Float, *, beta_1: float = 0.9, beta_2: float = 0.99) -> Float:
    before = (1 - beta_2) * _fading_sum(g[:-1], beta_2) if len(g) > 1 else np.zeros_like(g[0])
    return np.sign(beta_1 * before + (1 - beta_1) * g[-1])


def muon(g: Float, *, momentum: float = 0.95, nesterov: bool = True, steps: int = 5, rms_rate: float = 0.2) -> Float:
    """By the singular value decomposition: the iteration maps each singular value by the same odd polynomial."""
    matrices = g.reshape(len(g), -1, g.shape[-1])
    velocity = _fading_sum(matrices, momentum)
    u, s, vt = np.linalg.svd(matrices[-1] + momentum * velocity if nesterov else velocity, full_matrices=False)
    s = s / (np.sqrt((s**2).sum()) + 1e-7)
    for _ in range(steps):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    direction = rms_rate * np.sqrt(max(matrices.shape[1:])) * (u * s) @ vt
    return direction.reshape(g.shape[1:])
