"""What is trained: pure layers, and networks made of them from a few numbers."""

from batchwright.nn.networks import MLP
from batchwright.nn.protocols import Architecture, Features, Inputs, Layer, Network, Variables

__all__ = ["MLP", "Architecture", "Features", "Inputs", "Layer", "Network", "Variables"]

ARCHITECTURES = (MLP,)
