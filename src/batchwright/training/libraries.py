"""Which library makes products and sums in compiled programs on the CPU: Eigen or YNNPACK, both within XLA."""

from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

Options: TypeAlias = dict[str, str | bool]
"""Options of XLA's compiler by name."""

LARGE_PRODUCTS = 1_000_000
"""Rows times parameters from which on Eigen is the faster. With 784-128-10 and 100 rows (10 million) an iteration takes
a tenth less with it than with YNNPACK; with 20-64-2 and 32 rows (46,000), a third more (2 cores, jaxlib 0.10.2)."""


def for_large_products() -> Options | None:
    """Eigen for products, and YNNPACK for sums alone; elsewhere than on the CPU, XLA's own choice.

    The sums of batch normalization over images take four times as long without YNNPACK.
    """
    on_cpu = jax.default_backend() == "cpu"
    return {"xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_REDUCE"} if on_cpu else None


def first_product() -> None:
    """Have Eigen look up the sizes of the caches, which takes a virtual machine 50 ms, before the clock of a fit."""
    if jax.default_backend() == "cpu":
        matrix = np.zeros((256, 256), np.float32)
        jax.jit(jnp.dot, compiler_options=for_large_products())(matrix, matrix).block_until_ready()
