"""The cache of compiled programs in the user's cache folder: a second run of the same shapes compiles nothing."""

import os
from pathlib import Path

import jax

VARIABLE = "BATCHWRIGHT_CACHE"
"""Names another folder for the cache; "off" goes without one."""


def use() -> None:
    """Keep compiled programs from now on, unless the user has given JAX a cache of their own."""
    chosen = os.environ.get(VARIABLE)
    if chosen == "off" or jax.config.values["jax_compilation_cache_dir"] is not None:
        return
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    jax.config.update("jax_compilation_cache_dir", chosen or str(base / "batchwright" / "programs"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
