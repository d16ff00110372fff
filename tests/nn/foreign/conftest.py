"""Other libraries promote ranks, and Keras has to be told of JAX before it is imported."""

import os
from collections.abc import Iterator

import jax
import pytest

os.environ.setdefault("KERAS_BACKEND", "jax")


@pytest.fixture(autouse=True)
def ranks_may_be_promoted() -> Iterator[None]:
    with jax.numpy_rank_promotion("allow"):
        yield
