"""Which library XLA uses for products and sums in compiled programs on the CPU: Eigen or YNNPACK."""

from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxlib.version import __version_info__ as jaxlib_version

Options: TypeAlias = dict[str, str | bool]
"""Options of XLA's compiler by name."""

PLAIN_FUSION: Options = {"xla_cpu_use_fusion_emitters": False} if jaxlib_version < (0, 11, 1) else {}
"""Compiles in less time; from jaxlib 0.11.1 on, XLA refuses the option."""

LARGE_PRODUCTS = 1_000_000
"""Rows times parameters above which Eigen is faster. With 784-128-10 and 100 rows (10 million) an iteration takes a
tenth less with Eigen than with YNNPACK; with 20-64-2 and 32 rows (46,000), a third more (2 cores, jaxlib 0.10.2)."""


def for_large_products() -> Options | None:
    """Eigen for products and YNNPACK for sums only; on anything but a CPU, XLA's own choice.

    The sums of batch normalization over images take four times as long without YNNPACK.
    """
    on_cpu = jax.default_backend() == "cpu"
    return {"xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_REDUCE"} if on_cpu else None


def quick_to_compile() -> dict[str, str | bool | int] | None:
    """Little optimisation, for programs that run a few times on little; on anything but a CPU, XLA's own choice."""
    on_cpu = for_large_products()
    if on_cpu is None:
        return None
    quick = {"xla_backend_optimization_level": 0, "xla_cpu_parallel_codegen_split_count": 1}
    return {**on_cpu, **PLAIN_FUSION, **quick}


def first_product() -> None:
    """Make Eigen look up the cache sizes before the clock of a fit starts: this takes 50 ms on a virtual machine."""
    if jax.default_backend() == "cpu":
        matrix = np.zeros((256, 256), np.float32)
        jax.jit(jnp.dot, compiler_options=for_large_products())(matrix, matrix).block_until_ready()
