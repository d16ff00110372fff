"""What is trained: pure layers, and networks made of them from a few numbers."""

from batchwright.nn.activations import Activation
from batchwright.nn.augment import Augment
from batchwright.nn.convolution import Conv2D
from batchwright.nn.custom import Custom, as_architecture
from batchwright.nn.depthwise import DepthwiseConv2D
from batchwright.nn.embeddings import Columns, Embedding, EmbeddingBag, PiecewiseLinear
from batchwright.nn.ensembles import EachSubmodel, EnsembleDense, EnsembleHead
from batchwright.nn.foreign import from_equinox, from_flax, from_keras, from_torch
from batchwright.nn.layers import Dense, Dropout, Flatten, Residual, Sequential
from batchwright.nn.mixed import ImageAndRest
from batchwright.nn.networks import CNN, MLP, Linear, Tabular
from batchwright.nn.normalization import BatchNorm, GroupNorm, LayerNorm, RMSNorm
from batchwright.nn.numeric import NUMBER_ENCODERS, PBLD, PLR, Cosine, PiecewiseLinearB, PiecewiseLinearTree
from batchwright.nn.pooling import AvgPool, GlobalAveragePool, GlobalMaxPool, MaxPool
from batchwright.nn.protocols import Architecture, Features, Inputs, Layer, Network, NumberEncoder, Variables
from batchwright.nn.series import Conv1D, Series

ARCHITECTURES: tuple[type[Architecture], ...] = (MLP, CNN, Tabular, Linear)
LAYERS: tuple[type[Layer], ...] = (
    Dense,
    Conv2D,
    DepthwiseConv2D,
    Conv1D,
    Series,
    BatchNorm,
    LayerNorm,
    RMSNorm,
    GroupNorm,
    Activation,
    Dropout,
    MaxPool,
    AvgPool,
    GlobalAveragePool,
    GlobalMaxPool,
    Flatten,
    Embedding,
    EmbeddingBag,
    Sequential,
    Residual,
    ImageAndRest,
    EnsembleDense,
    EnsembleHead,
    EachSubmodel,
)

__all__ = [
    "ARCHITECTURES",
    "CNN",
    "LAYERS",
    "MLP",
    "NUMBER_ENCODERS",
    "PBLD",
    "PLR",
    "Activation",
    "Architecture",
    "Augment",
    "AvgPool",
    "BatchNorm",
    "Columns",
    "Conv1D",
    "Conv2D",
    "Cosine",
    "Custom",
    "Dense",
    "DepthwiseConv2D",
    "Dropout",
    "EachSubmodel",
    "Embedding",
    "EmbeddingBag",
    "EnsembleDense",
    "EnsembleHead",
    "Features",
    "Flatten",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "GroupNorm",
    "ImageAndRest",
    "Inputs",
    "Layer",
    "LayerNorm",
    "Linear",
    "MaxPool",
    "Network",
    "NumberEncoder",
    "PiecewiseLinear",
    "PiecewiseLinearB",
    "PiecewiseLinearTree",
    "RMSNorm",
    "Residual",
    "Sequential",
    "Series",
    "Tabular",
    "Variables",
    "as_architecture",
    "from_equinox",
    "from_flax",
    "from_keras",
    "from_torch",
]
