"""Log a training to experiment trackers while it goes on: TensorBoard, MLflow, Trackio, Weights & Biases, a CSV file.

A tracker is told how a training begins, each of its epochs, and how it ends. It works in a thread of its own: it never
ends a training, and never holds one up for more than a few seconds.
"""

from typing import TYPE_CHECKING

from batchwright._on_use import load_on_use

if TYPE_CHECKING:
    from batchwright.tracking.identities import read_identities
    from batchwright.tracking.places import Place, places_of
    from batchwright.tracking.training import log_training

__all__ = ["Place", "log_training", "places_of", "read_identities"]

__getattr__ = load_on_use(
    __name__, {"identities": ("read_identities",), "places": ("Place", "places_of"), "training": ("log_training",)}
)
