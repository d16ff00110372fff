"""How programs are compiled on the CPU: which library has products and sums, and how much they are optimised."""

import os
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxlib.version import __version_info__ as jaxlib_version

from batchwright.nn.protocols import Network, is_in_bfloat16

Options: TypeAlias = dict[str, Any]
"""Options of XLA's compiler by name."""

PLAIN_FUSION: Options = {"xla_cpu_use_fusion_emitters": False} if jaxlib_version < (0, 11, 1) else {}
"""Compiles in less time; from jaxlib 0.11.1 on, XLA refuses the option."""

QUICKLY: Options = {
    **PLAIN_FUSION,
    "xla_backend_optimization_level": 1,
    "xla_cpu_parallel_codegen_split_count": 1,
}
"""Less optimisation, for programs that run for less time than the rest would take. The segments of wine and diabetes
(13 and 10 columns -> 256 -> 128, batches of 31) take 38 % of the time to compile, and their iterations 115 to 144 %.
Without any optimisation that is 14 %, and 315 % (2 busy cores, jaxlib 0.10.2)."""

LARGE_PRODUCTS = 1_000_000
"""Rows times parameters above which Eigen is faster. With 784-128-10 and 100 rows (10 million) an iteration takes a
tenth less with Eigen than with YNNPACK; with 20-64-2 and 32 rows (46,000), a third more (2 cores, jaxlib 0.10.2)."""


def for_large_products() -> Options | None:
    """Eigen for products and YNNPACK for sums only; on anything but a CPU, XLA's own choice.

    The sums of batch normalization over images take four times as long without YNNPACK.
    """
    on_cpu = jax.default_backend() == "cpu"
    return {"xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_REDUCE"} if on_cpu else None


def pays_for(network: Network, products: int) -> bool:
    """Whether `for_large_products` is for a network whose program has `products` products: not if in bfloat16.

    YNNPACK multiplies bfloat16 as it is, and Eigen turns it into float32 first. The product of 512 x 784 and 784 x 512
    takes 1.7 ms by YNNPACK, 2.8 by Eigen, and 3.6 in float32 (2 cores with AVX-512 BF16, jaxlib 0.10.2).
    """
    return products >= LARGE_PRODUCTS and not is_in_bfloat16(network)


def optimised(*, large_products: bool, quickly: bool) -> Options | None:
    """The options for a program: `for_large_products` where it has any, and less optimisation if `quickly`.

    What XLA_FLAGS says of optimisation stays.
    """
    if jax.default_backend() != "cpu":
        return None
    libraries = (for_large_products() or {}) if large_products else {}
    given = os.environ.get("XLA_FLAGS", "")
    less = {name: value for name, value in QUICKLY.items() if f"--{name}=" not in given} if quickly else {}
    return {**libraries, **less} or None


def for_many_rows(*, bfloat16: bool, quickly: bool = False) -> Options | None:
    """The options for a program of so many rows that products are large, whatever the network."""
    return optimised(large_products=not bfloat16, quickly=quickly)


def quick_to_compile() -> Options | None:
    """Little optimisation, for programs that run a few times on little; on anything but a CPU, XLA's own choice."""
    on_cpu = for_large_products()
    if on_cpu is None:
        return None
    return {**on_cpu, **QUICKLY, "xla_backend_optimization_level": 0}


def first_product() -> None:
    """Make Eigen look up the cache sizes before the clock of a fit starts: this takes 50 ms on a virtual machine."""
    if jax.default_backend() == "cpu":
        matrix = np.zeros((256, 256), np.float32)
        jax.jit(jnp.dot, compiler_options=for_large_products())(matrix, matrix).block_until_ready()
