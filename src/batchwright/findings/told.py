"""What a training was told already, so that no advice repeats it, and none is given that cannot apply."""

from dataclasses import dataclass, field

from batchwright.data.dataset import Dataset
from batchwright.data.options import DataOptions
from batchwright.findings.columns import split_by

SHARES = ("validation", "test")


@dataclass(frozen=True)
class Told:
    """The settings on which advice depends.

    Args:
        data: how rows are read and divided.
        weighs_classes: whether class weights are set, or cannot be, as the loss is the user's own.
        monitor: the figure that early stopping follows; empty if there is no early stopping.
        own_network: whether the network has no setting of batch normalization, as a user's own.
    """

    data: DataOptions = field(default_factory=DataOptions)
    weighs_classes: bool = False
    monitor: str = ""
    own_network: bool = False


NOTHING_TOLD = Told()


def drawn_parts(dataset: Dataset) -> tuple[str, ...]:
    """Which of validation and test are drawn from the source's rows; the others have rows of their own, or none."""
    return tuple(name for name in SHARES if name in dataset.parts and len(getattr(dataset.indices, name)))


def shares_advice(parts: tuple[str, ...]) -> str:
    """The settings of the shares of these parts."""
    return " and ".join(f"`{name}_split`" for name in parts)


def group_advice(dataset: Dataset, told: Told, column: str) -> str:
    """How rows of one value of a column are kept in one part; empty where they cannot be, or already are.

    Images have no columns, and rows that are in two sources are not divided by us.
    """
    if not dataset.schema.columns or not drawn_parts(dataset) or told.data.group is not None:
        return ""
    instead = ", in place of `data.time`" if told.data.method == "time" else ""
    instead = instead or (", in place of `data.split`" if told.data.split == "shuffled" else "")
    return f"{split_by(column)}{instead}"
