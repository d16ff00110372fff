"""Harsh settings for every test: shapes and types are checked at run time, ranks never promoted, no cache kept."""

import os

import tests.typechecker  # noqa: F401  (the hook names it)
from hypothesis import settings
from jaxtyping import install_import_hook

os.environ["JAX_NUMPY_RANK_PROMOTION"] = "raise"
os.environ["BATCHWRIGHT_CACHE"] = "off"

hook = install_import_hook("batchwright", "tests.typechecker.check")

settings.register_profile("batchwright", deadline=None)  # the first example of a test may compile
settings.load_profile("batchwright")
