import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchwright.nn.random_words import random_words


@given(st.integers(0, 2**32 - 1), st.integers(1, 3000))
@settings(max_examples=20, deadline=None)
def test_words_are_those_of_jax_to_the_bit(seed, count):
    key = jax.random.key(seed)
    np.testing.assert_array_equal(random_words(key, count), jax.random.bits(key, (count,), jnp.uint32))


@pytest.mark.parametrize("key", [jax.random.PRNGKey(3), jax.random.key(3, impl="rbg")], ids=["raw", "rbg"])
def test_keys_of_other_kinds_draw_what_jax_draws(key):
    np.testing.assert_array_equal(random_words(key, 7), jax.random.bits(key, (7,), jnp.uint32))


def test_members_draw_as_they_would_alone():
    keys = jax.random.split(jax.random.key(1), 4)
    together = jax.jit(jax.vmap(lambda key: random_words(key, 33)))(keys)
    np.testing.assert_array_equal(together, [jax.random.bits(key, (33,), jnp.uint32) for key in keys])
