"""Harsh settings for every test: shapes and types are checked at run time, ranks never promoted, the cache untouched."""

import os

os.environ["JAX_NUMPY_RANK_PROMOTION"] = "raise"
os.environ["BATCHWRIGHT_CACHE"] = "off"

from jaxtyping import install_import_hook

hook = install_import_hook("batchwright", "beartype.beartype")

from hypothesis import settings

settings.register_profile("batchwright", deadline=None)  # the first example of a test may compile
settings.load_profile("batchwright")
