"""How much memory the device still has, and whether a compiled program fits in it."""

import jax

from batchwright.data.disk.budget import available_memory

OF_MEMORY = 0.8
"""The share of the free memory that a program may be predicted to take."""


def free_memory() -> int | None:
    """Bytes that a program may still take on the first device; None where this is unknown."""
    device = jax.devices()[0]
    if device.platform == "cpu":
        return available_memory()
    stats = device.memory_stats() or {}
    if "bytes_limit" not in stats:
        return None
    return int(stats["bytes_limit"]) - int(stats.get("bytes_in_use", 0))


def fits(memory_bytes: int, free: int | None) -> bool:
    """Whether a program that occupies `memory_bytes` may be run; yes where free memory is unknown."""
    return free is None or memory_bytes <= OF_MEMORY * free


def too_large_note(what: str, memory_bytes: int, free: int | None) -> str:
    """One sentence about a program that does not fit."""
    taken, left = (f"{(size or 0) / 1e6:,.0f} MB" for size in (memory_bytes, free))
    return f"{what} takes about {taken}, and {left} are free: take a smaller network, or fewer rows."
