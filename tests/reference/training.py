"""Mini-batch gradient descent of a ReLU network with softmax cross-entropy, by hand, in float64 NumPy."""

import numpy as np

Layers = list[tuple[np.ndarray, np.ndarray]]


def forward(layers: Layers, x: np.ndarray) -> list[np.ndarray]:
    """The input and the output of every layer; all but the last go through max(0, .)."""
    values = [x]
    for number, (kernel, bias) in enumerate(layers):
        z = values[-1] @ kernel + bias
        values.append(z if number == len(layers) - 1 else np.maximum(z, 0.0))
    return values


def losses(outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    shifted = outputs - outputs.max(axis=1, keepdims=True)
    return np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(targets)), targets]


def gradients(layers: Layers, x: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> tuple[float, Layers]:
    """The weighted mean loss and its gradient, by the chain rule."""
    values = forward(layers, x)
    share = weights / weights.sum()
    exponentials = np.exp(values[-1] - values[-1].max(axis=1, keepdims=True))
    delta = exponentials / exponentials.sum(axis=1, keepdims=True)
    delta[np.arange(len(targets)), targets] -= 1.0
    delta *= share[:, None]
    found: Layers = []
    for number in reversed(range(len(layers))):
        found.append((values[number].T @ delta, delta.sum(axis=0)))
        delta = (delta @ layers[number][0].T) * (values[number] > 0)
    return float(losses(values[-1], targets) @ share), found[::-1]


def descend(
    layers: Layers,
    data: tuple[np.ndarray, np.ndarray, np.ndarray],
    batches: list[np.ndarray],
    rates: np.ndarray,
    momentum: float,
) -> tuple[Layers, list[float]]:
    """The layers after one update per batch, v ← momentum·v + g, w ← w − rate·v; and each batch's loss before it."""
    x, targets, weights = data
    velocity = [(np.zeros_like(kernel), np.zeros_like(bias)) for kernel, bias in layers]
    means = []
    for rows, rate in zip(batches, rates, strict=True):
        mean, gradient = gradients(layers, x[rows], targets[rows], weights[rows])
        velocity = [
            tuple(momentum * v + g for v, g in zip(old, new, strict=True))
            for old, new in zip(velocity, gradient, strict=True)
        ]
        layers = [
            tuple(w - rate * v for w, v in zip(at, by, strict=True)) for at, by in zip(layers, velocity, strict=True)
        ]
        means.append(mean)
    return layers, means
