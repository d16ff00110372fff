"""Modules of other libraries as networks: Flax, Equinox, Keras and PyTorch. Importing this imports none of them."""

from batchwright.nn.foreign.equinox import from_equinox
from batchwright.nn.foreign.flax import from_flax
from batchwright.nn.foreign.keras import from_keras
from batchwright.nn.foreign.torch import from_torch

__all__ = ["from_equinox", "from_flax", "from_keras", "from_torch"]
