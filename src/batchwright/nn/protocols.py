"""The interfaces of layers, networks and architectures: pure functions of their variables.

Letters: n rows of a batch, d numeric columns, c categorical columns, h x w pixels of an image, f features, o outputs,
k submodels of an ensemble (`ensembles`).
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, runtime_checkable

from jax import Array

Tree = dict[str, Any]  # nested dicts whose leaves are arrays
Inputs = dict[str, Array]
"""Arrays by name: "numeric" float32 [n, d], "categorical" int32 [n, c], "image" uint8 [n, h, w, channels], "text" int16
or int32 [n, t], the words of all texts side by side, 0 where there is none."""
Dtype = Literal["float32", "bfloat16"]


class Variables(NamedTuple):
    """All arrays of a layer or network: `params` are learned, `state` is carried along (running statistics)."""

    params: Tree
    state: Tree

    def __repr__(self) -> str:
        """The number of arrays of each."""
        return f"<Variables: {_arrays(self.params)} arrays of parameters, {_arrays(self.state)} of state>"


def _arrays(tree: Any) -> int:
    return sum(map(_arrays, tree.values())) if isinstance(tree, dict) else 1


class Difference(NamedTuple):
    """(x[first] − slope · x[second] − center) / scale of the numeric columns x, cut at ±limit."""

    first: int
    second: int
    slope: float
    center: float
    scale: float
    limit: float


class Features(NamedTuple):
    """The inputs of a network: numeric columns, categories per categorical column, (h, w, channels) of images.

    For each column of text: how many different words it may have, 0 for none among them, and how many a row has.
    `differences` are those of the numeric columns that tell of the target; they are no inputs, but made of these.
    """

    numeric: int = 0
    cardinalities: tuple[int, ...] = ()
    image: tuple[int, int, int] | None = None
    text: tuple[tuple[int, int], ...] = ()
    differences: tuple[Difference, ...] = ()


@runtime_checkable
class Layer(Protocol):
    """Maps one array to one array.

    `present`, bool [n], says which places of a batch hold a row; None: all do. Other places must not influence
    anything. The weights of rows in the loss do not concern a layer.
    """

    def init(self, key: Array, shape: tuple[int, ...]) -> Variables:
        """Fresh variables for inputs of `shape`, without the batch axis."""

    def apply(
        self, variables: Variables, x: Array, *, train: bool, key: Array | None, present: Array | None
    ) -> tuple[Array, Tree]:
        """Outputs and the new state. `key` may be None if no layer draws random numbers."""


@runtime_checkable
class Network(Protocol):
    """Maps inputs to outputs float32 [n, o], or [n, k, o]; anything with these two methods can be trained."""

    def init(self, key: Array, example: Inputs) -> Variables:
        """Fresh variables; `example` holds training rows: their shapes matter, to some networks their quantiles too."""

    def apply(
        self, variables: Variables, inputs: Inputs, *, train: bool, key: Array | None, present: Array | None
    ) -> tuple[Array, Tree]:
        """Outputs and the new state. In training, batch statistics are means over those `present`."""


def is_in_bfloat16(network: Network) -> bool:
    """Whether a network's products take bfloat16 operands: its `dtype` says so, where it has one."""
    return str(getattr(network, "dtype", "float32")) == "bfloat16"


TARGETS = "targets"
"""The name of the targets in an example: float32 [n, o], numbers as they are and a column of 0 and 1 for each class."""


def learns_from_targets(part: Any) -> bool:
    """Whether a network, or a part of one, is shown the targets of the example's rows when it is made."""
    return bool(getattr(part, "learns_from_targets", False))


def example_for(network: Network, example: Mapping[str, Any]) -> dict[str, Any]:
    """What a network is shown of an example: the inputs, and the targets if it learns from them."""
    shown = learns_from_targets(network)
    return {name: array for name, array in example.items() if shown or name != TARGETS}


@runtime_checkable
class NumberEncoder(Protocol):
    """Turns each number of a row into features, which are learned for its column."""

    name: ClassVar[str]

    def init(self, key: Array, example: Array, targets: Array | None) -> Variables:
        """Fresh variables for columns like those of the example [n, d].

        `targets` [n, o] are those of the same rows, if the encoder has an attribute `learns_from_targets` that is true,
        and if they are known: shapes must not depend on it.
        """

    def apply(self, variables: Variables, x: Array) -> Array:
        """The features of each number: float32 [n, d] -> [n, d, k]."""


@runtime_checkable
class Architecture(Protocol):
    """A few numbers from which a network is built for given inputs and outputs."""

    name: ClassVar[str]

    def build(self, features: Features, outputs: int, *, dtype: Dtype = "float32") -> Network:
        """The network; with "bfloat16", its products take bfloat16 and add up in float32; parameters stay float32."""
