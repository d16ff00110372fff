"""What is trained: pure layers, and networks made of them from a few numbers."""

from batchwright.nn.networks import MLP, Linear, Tabular
from batchwright.nn.protocols import Architecture, Features, Inputs, Layer, Network, Variables

ARCHITECTURES: tuple[type[Architecture], ...] = (MLP, Tabular, Linear)

__all__ = ["ARCHITECTURES", "MLP", "Architecture", "Features", "Inputs", "Layer", "Linear", "Network", "Tabular", "Variables"]
