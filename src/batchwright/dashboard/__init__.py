"""The dashboard: the runs, searches and comparisons below a folder, in a page of this machine.

It reads folders and opens nothing else; neither JAX nor the rest of the product is loaded for it. What needs a model is
done by a process of its own, when it is asked for.
"""

from typing import TYPE_CHECKING

from batchwright._on_use import load_on_use

if TYPE_CHECKING:
    from batchwright.dashboard.app import make_app

__all__ = ["make_app"]

__getattr__ = load_on_use(__name__, {"app": ("make_app",)})
