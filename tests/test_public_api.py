"""The public names, and what it costs to ask for them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import batchwright

HEAVY = ("jax", "polars", "sklearn", "pydantic", "numpy", "rich", "yaml", "starlette")
UNUSED = ("scipy", "sklearn", "optuna", "optax", "sqlalchemy", "starlette", "uvicorn", "PIL", "pandas", "pyarrow")
"""Libraries that neither a training nor a prediction of a table or of arrays needs."""
ROOMS = ("comparison", "dashboard.app", "export", "figures", "lab", "population", "report", "search", "tracking.places")
"""Rooms that neither needs."""
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


def test_a_command_ends_without_a_last_look_at_all_objects() -> None:
    """What is registered first is called last: then nothing is left for the collector to look at."""
    code = """import atexit, gc, sys
atexit.register(lambda: print(len(gc.get_objects()), gc.get_freeze_count()))
from batchwright.cli.main import main
sys.argv = ["batchwright", "--version"]
main()"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seen, frozen = map(int, found.stdout.splitlines()[-1].split())
    assert seen < 1000 < frozen


@pytest.mark.slow
def test_a_verb_loads_what_it_uses(tmp_path: Path) -> None:
    """What no verb may load is looked for after each, in a process of their own."""
    columns = [f"{number},{number % 7},{'ab'[number % 2]}" for number in range(60)]
    (tmp_path / "table.csv").write_text("\n".join(["x,z,y", *columns]))
    np.savez(tmp_path / "images.npz", x=np.zeros((60, 4, 4, 1), np.uint8), y=np.arange(60) % 2)
    verbs = [
        verb
        for name, *words in (("table.csv", "--target", "y"), ("images.npz",))
        for verb in (
            ["train", name, *words, "--epochs", "1", "--run-dir", f"of-{name}"],
            ["predict", f"of-{name}", name],
        )
    ]
    code = f"""import sys; from batchwright.cli.main import app
rooms = {{f"batchwright.{{room}}" for room in {ROOMS!r}}}
for verb in {verbs!r}:
    app(verb, standalone_mode=False)
    print("loaded by", verb[0], *sorted((set({UNUSED!r}) | rooms) & set(sys.modules)))"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    told = [line for line in found.stdout.splitlines() if line.startswith("loaded by")]
    assert told == [f"loaded by {verb[0]}" for verb in verbs]


@pytest.mark.parametrize("room", ["workflow", "tracking", "findings", "dashboard"])
def test_rooms_that_load_on_use_name_where_each_name_is(room: str) -> None:
    package = __import__(f"batchwright.{room}", fromlist=["__all__"])
    for name in package.__all__:
        assert getattr(package, name) is not None
        assert not (Path(package.__path__[0]) / f"{name}.py").exists(), "the name would be the module"
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        package.nothing  # noqa: B018
