"""Runs with modules of other libraries: recorded, resumed to the same bits, and reopened from the module."""

from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

import batchwright as bw
from batchwright.errors import ConfigError, RunError
from batchwright.training.events import EpochDone


def flax() -> Any:
    nnx = pytest.importorskip("flax.nnx")
    rngs = nnx.Rngs(0)
    return bw.nn.from_flax(nnx.Sequential(nnx.Linear(4, 8, rngs=rngs), jax.nn.relu, nnx.Linear(8, 3, rngs=rngs)))


def equinox() -> Any:
    eqx = pytest.importorskip("equinox")
    return bw.nn.from_equinox(eqx.nn.MLP(4, 3, 8, 1, key=jax.random.key(0)))


def keras() -> Any:
    library = pytest.importorskip("keras")
    kinds, first = library.layers, library.initializers.GlorotUniform(seed=0)
    layers = [
        kinds.Input((4,)),
        kinds.Dense(8, activation="relu", kernel_initializer=first),
        kinds.Dropout(0.2),
        kinds.Dense(3, kernel_initializer=first),
    ]
    return bw.nn.from_keras(library.Sequential(layers))


PLAN: dict[str, Any] = {"epochs": 4, "batch_size": 16, "early_stopping": None}


@pytest.mark.parametrize("made", [flax, equinox, keras], ids=lambda made: made.__name__)
def test_recorded_resumed_to_the_same_bits_and_reopened(made: Any, tmp_path: Path) -> None:
    iris = bw.load("iris")
    whole = bw.fit(iris, network=made(), **PLAN)
    events = bw.events(iris, network=made(), **PLAN, checkpoints=bw.Checkpoints(iterations=5), run_dir=tmp_path / "run")
    for event in events:
        if isinstance(event, EpochDone) and event.row["epoch"] == 2:
            break
    iter(events).close()  # type: ignore[attr-defined]
    with pytest.raises(ConfigError, match=r" of (Flax|Equinox|Keras)>.*give it again, as network="):
        bw.resume(tmp_path / "run", iris)
    resumed = bw.resume(tmp_path / "run", iris, network=made())
    reopened = bw.open_run(tmp_path / "run").load_model(network=made())
    for variables in (resumed.model.variables, reopened.variables):
        for found, expected in zip(jax.tree.leaves(variables), jax.tree.leaves(whole.model.variables), strict=True):
            assert np.asarray(found).tobytes() == np.asarray(expected).tobytes()


def test_a_module_of_other_sizes_does_not_open_a_run(tmp_path: Path) -> None:
    eqx = pytest.importorskip("equinox")
    bw.fit(bw.load("iris"), network=equinox(), **PLAN, run_dir=tmp_path / "run")
    other = bw.nn.from_equinox(eqx.nn.MLP(4, 3, 9, 1, key=jax.random.key(0)))
    with pytest.raises(RunError, match="weights"):
        bw.open_run(tmp_path / "run").load_model(network=other)


def test_a_module_itself_is_answered_with_the_function_that_takes_it() -> None:
    nnx = pytest.importorskip("flax.nnx")
    with pytest.raises(ConfigError, match=r"module of another library, Linear: give nn.from_flax\(module\)"):
        bw.nn.as_architecture(nnx.Linear(4, 3, rngs=nnx.Rngs(0)))
