"""Layers of Keras, added one after the other for the parts of a network; each is named after its place in it."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from batchwright.errors import UsageError
from batchwright.nn.protocols import Variables

Tensor: TypeAlias = Any
"""What Keras calls a symbolic tensor: an array that is known by its shape and dtype alone."""
ELSEWHERE = "`format=torch` and `format=flax` take it, and so do the other formats"
"""What to do with what Keras has no layer for."""


class Part(NamedTuple):
    """A part of a network, its variables, and its place among the others, such as body/dense_0."""

    layer: Any
    variables: Variables
    place: str

    def inside(self, layer: Any, name: str, *, place: str = "") -> "Part":
        """A part of this part, whose variables have this name in it."""
        own = Variables(*(tree.get(name, {}) for tree in self.variables))
        return Part(layer, own, f"{self.place}/{place or name}".strip("/"))


class Building:
    """Adds layers of Keras."""

    def __init__(self, keras: Any) -> None:
        self.keras = keras
        self.ops = keras.ops
        self._counts: dict[str, int] = {}

    def add(
        self,
        kind: str,
        x: Tensor,
        place: str,
        arrays: Sequence[Any] = (),
        *,
        learned: bool = True,
        settings: Mapping[str, Any] | None = None,
    ) -> Tensor:
        """What a layer makes of x.

        Args:
            kind: the name of its class.
            x: a tensor, or several.
            place: what it is called.
            arrays: its weights, in Keras's order.
            learned: whether it can be trained on.
            settings: of the class.
        """
        settings = {"name": self._fresh(place), "dtype": "float32", **(settings or {})}
        layer = getattr(self.keras.layers, kind)(**settings)
        y = layer(x)
        if arrays:
            layer.set_weights([np.asarray(array, np.float32) for array in arrays])
        layer.trainable = learned
        return y

    def _fresh(self, place: str) -> str:
        """A name that no layer has: the place as Keras takes it, with a number where there are several."""
        name = place.replace("/", "_")
        self._counts[name] = count = self._counts.get(name, -1) + 1
        return f"{name}_again_{count}" if count else name

    def product(
        self,
        letters: str,
        x: Tensor,
        place: str,
        kernel: Any,
        *,
        bias: Any = None,
        learned: bool = True,
    ) -> Tensor:
        """The sum of products that the letters name, as in `einsum`, and a bias for the last axes of the output."""
        kernel, sizes = np.asarray(kernel), dict[str, int]()
        given, own, made = letters.replace("->", ",").split(",")
        sizes = dict(zip(given[1:], x.shape[1:], strict=True)) | dict(zip(own, kernel.shape, strict=True))
        settings = {"equation": letters, "output_shape": tuple(sizes[letter] for letter in made[1:])}
        arrays = [kernel]
        if bias is not None:
            settings["bias_axes"] = made[-np.ndim(bias) :]
            arrays.append(np.asarray(bias))
        return self.add("EinsumDense", x, place, arrays, learned=learned, settings=settings)

    def side_by_side(self, parts: Sequence[Tensor], place: str) -> Tensor:
        """Tensors along their last axis; one alone stays as it is."""
        return parts[0] if len(parts) == 1 else self.add("Concatenate", list(parts), place)

    def flat(self, x: Tensor, place: str) -> Tensor:
        """All axes of a row in one."""
        return x if len(x.shape) == 2 else self.add("Flatten", x, place)

    def reshaped(self, x: Tensor, shape: Sequence[int], place: str) -> Tensor:
        """A row in another shape."""
        return self.add("Reshape", x, place, settings={"target_shape": tuple(shape)})


def refused(what: object, place: str) -> UsageError:
    """The error that Keras has no layer for a part of a network."""
    where = f" ({place})" if place else ""
    return UsageError(
        f"a .keras file consists of Keras's own layers, and {type(what).__name__} of this network{where} cannot be "
        f"said in them: {ELSEWHERE}."
    )
