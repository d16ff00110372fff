"""Augmentation: images that are changed at random in each iteration, so that no image is seen twice as it is.

Pure functions of a key and of images uint8 [n, h, w, channels], which keep shape and dtype. They run inside the
compiled step, and in training alone. Letters: n rows, h x w pixels.
"""

from typing import Annotated

import jax
import jax.numpy as jnp
from annotated_types import Ge, Le, Lt
from jax import Array

from batchwright._component import component

AUGMENT = 0x6175676D
"""Folded into the key of an iteration, for augmentation to draw other numbers than dropout does."""

NEARLY = 1e-4
"""A share of a side may miss a whole number of pixels by this part of one."""


@component
class Augment:
    """How images are changed at random in training; 0 or False leaves out a change.

    - shift: in [0, 1), as a share of each side: an image is moved by up to so many whole pixels, up or down and to a
      side, which is what padding and cropping does
    - flip: whether half of the images are mirrored, left to right
    - rotation: in [0, 180], degrees: an image is turned about its centre by up to so many, to either side
    - erase: in [0, 1), as a share of each side: a rectangle of this size, somewhere in the image, gets its mean colour
    - mixup: α >= 0: each image is mixed with another of its batch, λ·x + (1 − λ)·x', with λ from Beta(α, α) for each
      batch; its loss is λ·loss(target) + (1 − λ)·loss(target')
    - test_time: whether the outputs of a trained network are means over several `Views` of an image; the validation of
      each epoch looks at it as it is

    Where a moved or turned image has no pixels, those at its edge are repeated. A turned image is interpolated between
    pixels and rounded.

    >>> images = jnp.arange(2 * 28 * 28, dtype=jnp.uint8).reshape(2, 28, 28, 1)
    >>> Augment(shift=0.1, flip=True).images(jax.random.key(0), images).shape
    (2, 28, 28, 1)

    References:
        DeVries and Taylor 2017, Improved Regularization of Convolutional Neural Networks with Cutout, arXiv 1708.04552.
        Zhang et al. 2017, mixup: Beyond Empirical Risk Minimization, arXiv 1710.09412.
    """

    shift: Annotated[float, Ge(0), Lt(1)] = 0.0
    flip: bool = False
    rotation: Annotated[float, Ge(0), Le(180)] = 0.0
    erase: Annotated[float, Ge(0), Lt(1)] = 0.0
    mixup: Annotated[float, Ge(0)] = 0.0
    test_time: bool = False

    @property
    def views(self) -> "Views | None":
        """The views that outputs are means over; None for the image as it is."""
        return Views(flip=self.flip, shift=not _is_zero(self.shift)) if self.test_time else None

    @property
    def mixes(self) -> bool:
        """Whether images are mixed."""
        return not _is_zero(self.mixup)

    def images(self, key: Array, images: Array) -> Array:
        """The images, each changed on its own; `mix` is apart."""
        moving, turning, erasing = jax.random.split(key, 3)
        if not _is_zero(self.rotation):
            rows, columns = self._places(moving, images.shape)
            images = _turn(images, rows, columns, self._angles(turning, len(images)))
        elif self.flip or not _is_zero(self.shift):
            images = _pick(images, *self._places(moving, images.shape))
        return images if _is_zero(self.erase) else _erase(erasing, images, self.erase)

    def _places(self, key: Array, shape: tuple[int, ...]) -> tuple[Array, Array]:
        """The row [n, h] and the column [n, w] that each row and column of an image is taken from."""
        n, h, w, _ = shape
        down, beside, mirrored = jax.random.split(key, 3)
        rows, columns = (jnp.broadcast_to(jnp.arange(side)[None, :], (n, side)) for side in (h, w))
        if not _is_zero(self.shift):
            rows = rows + _steps(down, n, self.shift, h)[:, None]
            columns = columns + _steps(beside, n, self.shift, w)[:, None]
        if self.flip:
            columns = jnp.where(jax.random.bernoulli(mirrored, shape=(n,))[:, None], w - 1 - columns, columns)
        return rows, columns

    def _angles(self, key: Array, n: int) -> Array:
        """The angle of each image [n], in radians."""
        return jnp.deg2rad(self.rotation) * jax.random.uniform(key, (n,), minval=-1.0)


@component
class Views:
    """Several looks at an image, whose outputs are averaged: test-time augmentation.

    - flip: as it is, and mirrored
    - shift: as it is, moved up and left by a pixel, and down and right by one; with `flip`, each of these mirrored too
    """

    flip: bool = False
    shift: bool = False

    def of(self, images: Array) -> list[Array]:
        """The images [n, h, w, channels] in each view, first as they are."""
        mirrored = [images, images[:, :, ::-1]] if self.flip else [images]
        return [_move(image, pixels) for image in mirrored for pixels in ((0, 1, -1) if self.shift else (0,))]


def _move(images: Array, pixels: int) -> Array:
    """The images moved up and left, with their edges repeated."""
    n, h, w, _ = images.shape
    rows, columns = (jnp.broadcast_to(jnp.arange(side)[None, :] + pixels, (n, side)) for side in (h, w))
    return _pick(images, rows, columns) if pixels else images


def _is_zero(number: object) -> bool:
    """Whether a number is switched off, which shapes the program."""
    return isinstance(number, float) and number == 0.0


def _steps(key: Array, n: int, share: Array | float, side: int) -> Array:
    """Whole numbers of pixels [n], from -m to m alike, m being the share of the side, rounded down."""
    most = jnp.floor(jnp.float32(share) * side + NEARLY)
    drawn = jnp.floor(jax.random.uniform(key, (n,)) * (2 * most + 1))
    return (jnp.minimum(drawn, 2 * most) - most).astype(jnp.int32)


def _pick(images: Array, rows: Array, columns: Array) -> Array:
    """Pixel (i, j) of each image from row `rows[i]` and column `columns[j]`, or from the nearest that there is."""
    n, h, w, _ = images.shape
    number = jnp.arange(n)[:, None, None]
    rows, columns = (jnp.clip(places, 0, side - 1) for places, side in ((rows, h), (columns, w)))
    return images.at[number, rows[:, :, None], columns[:, None, :]].get(mode="promise_in_bounds")


def _turn(images: Array, rows: Array, columns: Array, angles: Array) -> Array:
    """The images turned about their centre, then picked as by `_pick`; linear between the four nearest pixels."""
    n, h, w, _ = images.shape
    y, x = rows[:, :, None] - (h - 1) / 2, columns[:, None, :] - (w - 1) / 2
    cosine, sine = (f(angles)[:, None, None] for f in (jnp.cos, jnp.sin))
    y, x = cosine * y + sine * x + (h - 1) / 2, cosine * x - sine * y + (w - 1) / 2
    top, left = jnp.floor(y), jnp.floor(x)
    number = jnp.arange(n)[:, None, None]

    def weighed(down: int, beside: int) -> Array:
        at = (jnp.clip(c.astype(jnp.int32) + d, 0, side - 1) for c, d, side in ((top, down, h), (left, beside, w)))
        share = jnp.abs(1 - down - (y - top)) * jnp.abs(1 - beside - (x - left))
        return share[..., None] * images.at[(number, *at)].get(mode="promise_in_bounds").astype(jnp.float32)

    total = weighed(0, 0) + weighed(0, 1) + weighed(1, 0) + weighed(1, 1)
    return jnp.round(total).astype(images.dtype)


def _erase(key: Array, images: Array, share: Array | float) -> Array:
    """The images with a rectangle in their mean colour, whose centre may be anywhere, so that a part may be outside."""
    n, *sides, _ = images.shape
    inside = jnp.ones((n, 1, 1), bool)
    for axis, (side, drawn) in enumerate(zip(sides, jax.random.split(key), strict=True)):
        centres = jax.random.uniform(drawn, (n,)) * side
        near = jnp.abs(jnp.arange(side)[None, :] + 0.5 - centres[:, None]) <= jnp.float32(share) * side / 2
        inside = inside & jnp.expand_dims(near, 2 - axis)
    mean = jnp.round(jnp.mean(images.astype(jnp.float32), axis=(1, 2), keepdims=True)).astype(images.dtype)
    return jnp.where(inside[..., None], mean, images)


def mix(key: Array, alpha: Array | float, images: Array, count: Array | int) -> tuple[Array, Array, Array]:
    """Images mixed with others of their batch, as mixup does.

    Args:
        key: what chance goes by.
        alpha: α > 0 of Beta(α, α).
        images: [n, h, w, channels].
        count: how many of them are there; they come first.

    Returns:
        The images; for each the place of the other [n], each place once among those that are there; λ.
    """
    drawing, choosing = jax.random.split(key)
    share = jax.random.beta(drawing, jnp.float32(alpha), jnp.float32(alpha))
    count = jnp.maximum(jnp.asarray(count, jnp.int32), 1)
    away = jax.random.randint(choosing, (), 1, jnp.maximum(count, 2))
    places = jnp.arange(len(images))
    others = jnp.where(places < count, (places + away) % count, places)
    mixed = share * images.astype(jnp.float32) + (1 - share) * images[others].astype(jnp.float32)
    return jnp.round(mixed).astype(images.dtype), others, share
