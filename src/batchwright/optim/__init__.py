"""How parameters are updated: update rules, and learning-rate schedules."""

from typing import TYPE_CHECKING, Any

from batchwright.optim.optimizers import (
    OPTIMIZERS,
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    AdamW,
    FromOptax,
    Lion,
    Muon,
    Nadam,
    Optimizer,
    RMSprop,
    init,
    update,
)
from batchwright.optim.schedules import (
    SCHEDULES,
    Constant,
    Cosine,
    CosineRestarts,
    Exponential,
    InverseSqrt,
    InverseTime,
    OneCycle,
    Piecewise,
    Polynomial,
    ReduceOnPlateau,
    Schedule,
    Staircase,
    Warmup,
)

if TYPE_CHECKING:
    from batchwright.figures.sketch import sketch

__all__ = [
    "OPTIMIZERS",
    "SCHEDULES",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Constant",
    "Cosine",
    "CosineRestarts",
    "Exponential",
    "FromOptax",
    "InverseSqrt",
    "InverseTime",
    "Lion",
    "Muon",
    "Nadam",
    "OneCycle",
    "Optimizer",
    "Piecewise",
    "Polynomial",
    "RMSprop",
    "ReduceOnPlateau",
    "Schedule",
    "Staircase",
    "Warmup",
    "init",
    "sketch",
    "update",
]


def __getattr__(name: str) -> Any:
    """Load `sketch` on its first use, as it brings all figures with it, which a training does not need."""
    if name != "sketch":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from batchwright.figures.sketch import sketch

    return sketch
