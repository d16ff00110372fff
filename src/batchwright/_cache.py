"""The cache of compiled programs in the user's cache folder: a second run of the same shapes compiles nothing."""

import os
import warnings
from pathlib import Path

import jax

VARIABLE = "BATCHWRIGHT_CACHE"
"""Names another folder for the cache; "off" disables it."""


def use() -> None:
    """Keep compiled programs from now on, unless the user has given JAX a cache of their own.

    If the folder cannot be written, for example without a home folder, each process compiles its programs again.
    """
    chosen = os.environ.get(VARIABLE)
    if chosen == "off" or jax.config.values["jax_compilation_cache_dir"] is not None:
        return
    folder = _cache_folder(chosen)
    if folder is None:
        return
    # A disk that fills up later costs only the time to compile again.
    warnings.filterwarnings("ignore", message="Error (writing|reading) persistent compilation cache entry")
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def _cache_folder(chosen: str | None) -> Path | None:
    """The folder of the cache, created if missing; None if it cannot be written."""
    try:
        folder = Path(chosen) if chosen else _users_folder() / "batchwright" / "programs"
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # the latter if there is no home folder
        return None
    return folder if os.access(folder, os.W_OK | os.X_OK) else None


def _users_folder() -> Path:
    """The user's cache folder. Raises RuntimeError if there is no home folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
