"""What is trained: pure layers, and networks made of them from a few numbers."""

from batchwright.nn.activations import Activation
from batchwright.nn.convolution import Conv2D
from batchwright.nn.embeddings import Columns, Embedding, PiecewiseLinear
from batchwright.nn.foreign import from_equinox, from_flax, from_keras, from_torch
from batchwright.nn.layers import Dense, Dropout, Flatten, Residual, Sequential
from batchwright.nn.networks import CNN, MLP, Linear, Tabular
from batchwright.nn.normalization import BatchNorm, LayerNorm
from batchwright.nn.pooling import AvgPool, MaxPool
from batchwright.nn.protocols import Architecture, Features, Inputs, Layer, Network, Variables

ARCHITECTURES: tuple[type[Architecture], ...] = (MLP, CNN, Tabular, Linear)
LAYERS: tuple[type[Layer], ...] = (
    Dense,
    Conv2D,
    BatchNorm,
    LayerNorm,
    Activation,
    Dropout,
    MaxPool,
    AvgPool,
    Flatten,
    Embedding,
    Sequential,
    Residual,
)

__all__ = [
    "ARCHITECTURES",
    "CNN",
    "LAYERS",
    "MLP",
    "Activation",
    "Architecture",
    "AvgPool",
    "BatchNorm",
    "Columns",
    "Conv2D",
    "Dense",
    "Dropout",
    "Embedding",
    "Features",
    "Flatten",
    "Inputs",
    "Layer",
    "LayerNorm",
    "Linear",
    "MaxPool",
    "Network",
    "PiecewiseLinear",
    "Residual",
    "Sequential",
    "Tabular",
    "Variables",
    "from_equinox",
    "from_flax",
    "from_keras",
    "from_torch",
]
