"""The public names, and what it costs to ask for them."""

import subprocess
import sys

import pytest

import batchwright

HEAVY = ("jax", "polars", "sklearn", "pydantic", "numpy")
MODULES = ("nn", "optim", "tasks", "config", "runs")
SEES_HELP = "import sys; from batchwright.cli.main import app; app(['--help'], standalone_mode=False)"


def test_all_is_what_there_is() -> None:
    assert dir(batchwright) == sorted(batchwright.__all__)
    assert len(set(batchwright.__all__)) == len(batchwright.__all__)
    assert {"load", "fit", "open_run", "Classifier", "Regressor", "nn", "optim", "tasks"} <= set(batchwright.__all__)


@pytest.mark.parametrize("name", batchwright.__all__)
def test_every_name_resolves(name: str) -> None:
    assert getattr(batchwright, name) is not None
    if name not in ("nn", "optim", "tasks", "errors"):
        assert getattr(batchwright, name).__doc__, "a public name says what it is"


@pytest.mark.parametrize("module", MODULES)
def test_every_name_of_a_package_resolves(module: str) -> None:
    package = __import__(f"batchwright.{module}", fromlist=["__all__"])
    assert [name for name in package.__all__ if not hasattr(package, name)] == []


def test_other_names_are_refused() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'trian'"):
        batchwright.trian  # noqa: B018


@pytest.mark.parametrize("statements", ["import batchwright; batchwright.__all__", SEES_HELP], ids=["import", "help"])
def test_nothing_heavy_is_loaded(statements: str) -> None:
    code = f"{statements}; import sys; print('loaded:', *sorted(set({HEAVY!r}) & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.splitlines()[-1].strip() == "loaded:"


def test_names_are_loaded_one_by_one() -> None:
    """Asking for the errors, which need nothing, does not load what trains."""
    code = f"import sys, batchwright; batchwright.errors; print(*(set({HEAVY!r}) & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""
