"""A layer for rows that hold an image and other numbers beside it."""

from math import prod

import jax.numpy as jnp
from jax import Array

from batchwright._component import component
from batchwright.nn.protocols import Layer, Tree, Variables


@component
class ImageAndRest:
    """y = [rest, flatten(body(image))]: a layer on the image of each row, the row's other numbers beside its output.

    A row [f + h w channels] begins with f other numbers and ends with the pixels of its image, as `Columns` gives it.

    - image: (h, w, channels), each > 0
    - body: a layer on images [n, h, w, channels]

    >>> from batchwright.nn import Flatten
    >>> layer = ImageAndRest((2, 2, 1), Flatten())
    >>> layer.apply(Variables({}, {}), jnp.ones((5, 7)), train=False, key=None, present=None)[0].shape
    (5, 7)
    """

    image: tuple[int, int, int]
    body: Layer

    def init(self, key: Array, shape: tuple[int, ...]) -> Variables:
        """The body's variables."""
        return self.body.init(key, self.image)

    def apply(
        self, variables: Variables, x: Array, *, train: bool, key: Array | None, present: Array | None
    ) -> tuple[Array, Tree]:
        """[n, f + h w channels] -> [n, f + g], where g is the number of outputs of the body."""
        rest = x.shape[1] - prod(self.image)
        pixels = x[:, rest:].reshape(-1, *self.image)
        made, state = self.body.apply(variables, pixels, train=train, key=key, present=present)
        return jnp.concatenate([x[:, :rest], made.reshape(x.shape[0], -1).astype(x.dtype)], axis=1), state
