"""What is trained: three jobs, each the same for every contestant. Standard library only, as both sides import it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

PEERS: Mapping[str, str] = {
    "torch": "PyTorch, loop over tensors",
    "torch-dataloader": "PyTorch, DataLoader",
    "keras": "Keras on JAX",
    "sklearn": "scikit-learn",
}
"""Names on the command line of peers.py, and in print."""


@dataclass(frozen=True)
class Job:
    """A network to train by gradient descent with momentum at a constant learning rate.

    `hidden` is the width of the one hidden dense layer. `aims` names the peers that can do the job, and for each the
    share of its seconds in fit that ours are to stay within (None: measured only). `peak_aim_mb` is a limit on our
    memory (MiB); `product_aim` the least share of the machine's matrix-product rate, for which `layers` are counted.
    """

    key: str
    title: str
    source: Literal["mnist", "table"]
    network: Literal["mlp", "cnn"]
    hidden: int
    batch_size: int
    epochs: int
    learning_rate: float
    aims: Mapping[str, float | None]
    momentum: float = 0.9
    peak_aim_mb: float | None = None
    product_aim: float | None = None
    layers: tuple[int, ...] = ()

    @property
    def flops_per_update(self) -> int:
        """Floating-point operations in the matrix products of an update on a whole batch; 0 where `layers` is ().

        A product of [n, i] with [i, o] is 2·n·i·o. Forward and weight gradient take one each per layer, the gradient
        of the input one for every layer but the first, whose input is data.

        >>> MNIST.flops_per_update
        40908800
        """
        products = [i * o for i, o in zip(self.layers, self.layers[1:], strict=False)]
        return 2 * self.batch_size * (2 * sum(products) + sum(products[1:]))


MNIST = Job(
    key="a",
    title="MNIST, 784-128-10, batch 100, 10 epochs",
    source="mnist",
    network="mlp",
    hidden=128,
    batch_size=100,
    epochs=10,
    learning_rate=0.1,
    aims={"torch": 1 / 3, "torch-dataloader": 1 / 4.5, "keras": 1 / 2.4, "sklearn": 1 / 3},
    peak_aim_mb=500,
    product_aim=0.6,
    layers=(784, 128, 10),
)
TABLE = Job(
    key="b",
    title="table of 10,000 rows, 20-64-2, batch 32, 50 epochs",
    source="table",
    network="mlp",
    hidden=64,
    batch_size=32,
    epochs=50,
    learning_rate=0.02,
    aims={"torch": 1 / 6, "torch-dataloader": None, "keras": None, "sklearn": None},
)
IMAGES = Job(
    key="c",
    title="MNIST, two convolutions with batch normalization, batch 128, 1 epoch",
    source="mnist",
    network="cnn",
    hidden=128,
    batch_size=128,
    epochs=1,
    learning_rate=0.02,
    aims={"torch": 1.0, "torch-dataloader": 1.0, "keras": None},
)
JOBS: Mapping[str, Job] = {job.key: job for job in (MNIST, TABLE, IMAGES)}
FILTERS = (32, 64)
"""3x3 filters of the two convolutions in (c), each with batch normalization, relu and a 2x2 max pool."""
