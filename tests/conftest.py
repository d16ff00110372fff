"""Harsh settings for every test: shapes and types are checked at run time, ranks never promoted."""

import gc
import os
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

for threads in ("POLARS_MAX_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(threads, "1")  # those of small tables cost a twentieth of all tests

import jax
import pytest
import typer
from hypothesis import settings
from jaxlib.version import __version_info__ as jaxlib_version
from jaxtyping import install_import_hook
from tests.children import children  # noqa: F401  (a fixture)
from tests.programs import forget_programs, keep_programs
from tests.typechecker import check_quickly

import batchwright

gc.set_threshold(50_000, 20, 20)  # to import and to trace makes many objects, and hardly a cycle
jax.config.update("jax_numpy_rank_promotion", "raise")
os.environ["JAX_NUMPY_RANK_PROMOTION"] = "raise"  # of the processes that tests start
os.environ["BATCHWRIGHT_CACHE"] = "off"
KNOWN_TO_OLD = ("--xla_cpu_use_fusion_emitters=false",) if jaxlib_version < (0, 11, 1) else ()
"""XLA ends a process that is given a flag that it does not know."""
QUICKLY_COMPILED = " ".join(
    ("--xla_backend_optimization_level=0", *KNOWN_TO_OLD, "--xla_cpu_parallel_codegen_split_count=1")
)
os.environ.setdefault("XLA_FLAGS", QUICKLY_COMPILED)
"""The programs of most tests take longer to compile than to run, and so take half as long; `make soak` tries what has
to be exact as users compile it, anew."""

typer.main.get_command = cache(typer.main.get_command)
"""The commands and their options, which a process builds once."""


def _sync(descriptor: int) -> None:
    """Wait for no disk, but take only what can be flushed."""
    os.fstat(descriptor)


os.fsync = _sync
"""No test of this process cuts the power, and waiting for the disk would take a tenth of all tests. Those that count or
fail such calls put in their own, and the processes that are killed flush as those of a user do."""

LIBRARIES = ("optuna.storages", "pandas", "polars", "pydantic", "rich.live", "scipy.stats", "sklearn.ensemble")
for library in LIBRARIES:
    import_module(library)  # where a checked module is the first to ask for it, its byte code is not found

# But for _component: what it does to every tree thousands of times would cost a tenth of all tests.
checked = [f"batchwright.{module.name}" for module in iter_modules(batchwright.__path__) if module.name != "_component"]
check_quickly()
hook = install_import_hook(checked, "tests.typechecker.check")

settings.register_profile("batchwright", deadline=None, max_examples=40)  # the first example of a test may compile
settings.load_profile("batchwright")

LONGEST = (
    *("tests/test_docs.py", "tests/test_estimators.py", "tests/search/test_ensemble.py", "tests/lab/", "tests/search/"),
    *("tests/cli/", "tests/dashboard/", "tests/comparison/", "tests/export/", "tests/measure/", "tests/faults/"),
    *("tests/benchmarks/", "tests/cluster/", "tests/soak/", "tests/sklearn_mlp/"),
)


def pytest_configure(config: pytest.Config) -> None:
    """xdist would begin with the files of most tests, and those that take longest have few. Programs are kept."""
    config.option.loadscopereorder = False
    if os.environ["XLA_FLAGS"] == QUICKLY_COMPILED and config.pluginmanager.hasplugin("cacheprovider"):
        folder = config.cache.mkdir("programs")
        if not hasattr(config, "workerinput"):
            forget_programs(folder)
        keep_programs(folder)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, so that no process is left with one of them when the others have ended."""
    items.sort(
        key=lambda item: next((i for i, name in enumerate(LONGEST) if item.nodeid.startswith(name)), len(LONGEST))
    )


def pytest_collection_finish() -> None:
    """What was imported and collected stays to the end: the garbage collector need not look at it ever again."""
    gc.freeze()
