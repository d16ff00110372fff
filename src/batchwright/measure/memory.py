"""How much memory the device still has."""

import jax

from batchwright.data.memory import available_memory


def free_memory() -> int | None:
    """Bytes that a program may still take on the first device; None where nobody knows."""
    device = jax.devices()[0]
    if device.platform == "cpu":
        return available_memory()
    stats = device.memory_stats() or {}
    if "bytes_limit" not in stats:
        return None
    return int(stats["bytes_limit"]) - int(stats.get("bytes_in_use", 0))
