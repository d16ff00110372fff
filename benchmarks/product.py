"""The rate of a large matrix product in XLA: float32, 2048 x 2048 by 2048 x 2048, the best of many. Prints GFLOP/s."""

import time

import jax
import jax.numpy as jnp

SIZE = 2048
REPEATS = 30


def main() -> None:
    """Measure and print one number."""
    left, right = jax.random.normal(jax.random.key(0), (2, SIZE, SIZE), jnp.float32)
    product = jax.jit(jnp.matmul)
    product(left, right).block_until_ready()
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        product(left, right).block_until_ready()
        seconds.append(time.perf_counter() - started)
    print(2 * SIZE**3 / min(seconds) / 1e9)


if __name__ == "__main__":
    main()
