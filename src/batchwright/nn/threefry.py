"""The random numbers of JAX's "threefry2x32" keys, bit by bit the same, in NumPy, which compiles nothing.

Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".
"""

from math import prod

import numpy as np
from jaxtyping import UInt32

from batchwright.nn.random_words import encrypt

Key = UInt32[np.ndarray, "*keys 2"]
"""The data of keys, two words each."""

AT_ONCE = 1 << 14
"""Pairs of words that are made together: few enough to stay in a core's cache."""


def split(key: UInt32[np.ndarray, "2"], shape: tuple[int, ...]) -> Key:
    """Keys of `shape` from one key, as `jax.random.split`."""
    high, low = _counters(0, prod(shape))
    return np.stack(encrypt(key, high, low), axis=-1).reshape(*shape, 2)


def fold_in(key: UInt32[np.ndarray, "2"], number: int) -> Key:
    """A key from a key and a number of 32 bits, as `jax.random.fold_in`."""
    counter = np.array([number], np.uint32)
    return np.concatenate(encrypt(key, np.zeros_like(counter), counter))


def bits(key: UInt32[np.ndarray, "2"], shape: tuple[int, ...]) -> UInt32[np.ndarray, "..."]:
    """Random words of 32 bits, as `jax.random.bits`."""
    made = np.empty(prod(shape), np.uint32)
    for start in range(0, len(made), AT_ONCE):
        x, y = encrypt(key, *_counters(start, min(start + AT_ONCE, len(made))))
        np.bitwise_xor(x, y, out=made[start : start + AT_ONCE])
    return made.reshape(shape)


def _counters(start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
    counted = np.arange(start, stop, dtype=np.uint64)
    return (counted >> np.uint64(32)).astype(np.uint32), counted.astype(np.uint32)
