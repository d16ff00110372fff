"""Compiled programs that tests keep: those of the same shapes are not compiled again, in another test or the next time.

A program is found by all that it is compiled from and with, so one that has changed is compiled as before.
"""

from collections.abc import Iterator
from pathlib import Path

import jax
import pytest
from jax.experimental.compilation_cache import compilation_cache

MOST_BYTES = 2_000_000_000
"""What is kept at most; beyond that, most of it is of programs that have changed since."""


def forget_programs(folder: Path) -> None:
    """Empty the folder once it holds too much."""
    kept = list(folder.iterdir())
    if sum(path.stat().st_size for path in kept) > MOST_BYTES:
        for path in kept:
            path.unlink()


def keep_programs(folder: Path) -> None:
    """Keep in this folder what this process compiles; those that it starts have folders of their own."""
    for name, value in _settings(folder).items():
        jax.config.update(name, value)


def _settings(folder: Path) -> dict[str, object]:
    return {
        "jax_compilation_cache_dir": str(folder),
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }


@pytest.fixture(autouse=True, scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Programs compiled in a hurry, and kept at least for the other tests of a file: most train the same shapes."""
    kept = jax.config.values["jax_compilation_cache_dir"]
    settings = _settings(Path(kept or tmp_path_factory.mktemp("programs"))) | {"jax_disable_most_optimizations": True}
    before = {name: jax.config.values[name] for name in settings}
    for name, value in settings.items():
        jax.config.update(name, value)
    yield
    for name, value in before.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()
    jax.clear_caches()  # no other file asks for most of them, and all together would be gigabytes
