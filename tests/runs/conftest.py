"""A small finished run of a real network, and ways to tamper with a copy of it as a stranger could."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from batchwright.data.dataset import Dataset
from batchwright.data.load import load
from batchwright.nn import MLP, Variables
from batchwright.nn.uncompiled import call_uncompiled
from batchwright.runs import Setting, create
from batchwright.runs.manifest import describe_file, read_manifest
from batchwright.runs.model import Blueprint, features_of
from batchwright.tasks import Classification

FILES = (
    "config.yaml",
    "history.jsonl",
    "manifest.json",
    "model/model.json",
    "model/weights.safetensors",
    "schema.json",
    "splits.safetensors",
)
CONFIG = "training: {epochs: 2} # user\n"
ROWS = ({"epoch": 1.0, "loss": 0.7, "val_loss": float("nan")}, {"epoch": 2.0, "loss": 0.1 + 0.2, "val_loss": 1e-300})

Forge = Callable[[Path, str, bytes], None]


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(60, 3))
    return load({"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "y": np.where(x.sum(axis=1) > 0, "yes", "no")}, target="y")


@pytest.fixture(scope="session")
def blueprint(dataset: Dataset) -> Blueprint:
    task = Classification(("no", "yes"), class_weights=jnp.array([0.1, 1 / 3], jnp.float32))
    return Blueprint(MLP(hidden_layer_sizes=(8, 4), dropout=0.1), features_of(dataset.encoding), task)


@pytest.fixture(scope="session")
def variables(dataset: Dataset, blueprint: Blueprint) -> Variables:
    """Arrays full of odd bits, as training leaves them: initialised ones hold many zeros and ones."""
    fresh = call_uncompiled(
        blueprint.build().network.init, jax.random.key(0), {"numeric": dataset.train.inputs["numeric"]}
    )
    draw = np.random.default_rng(1)
    return jax.tree.map(lambda leaf: leaf + jnp.asarray(draw.uniform(0.1, 1, leaf.shape), leaf.dtype), fresh)


@pytest.fixture(scope="session")
def pristine(
    tmp_path_factory: pytest.TempPathFactory, dataset: Dataset, blueprint: Blueprint, variables: Variables
) -> Path:
    path = tmp_path_factory.mktemp("runs") / "pristine"
    with create(path, "table.csv") as folder:
        settings = {"training.epochs": Setting(2, "user"), "network.hidden_layer_sizes": Setting((8, 4), "default")}
        folder.describe(dataset, config=CONFIG, settings=settings, plan={"updates": 12}, device="cpu")
        for row in ROWS:
            folder.append(row)
        folder.save_model(blueprint, variables)
        folder.finish("finished", "all 2 epochs are done", metrics={"test": {"accuracy": 0.9, "loss": float("inf")}})
    return path


@pytest.fixture
def run_path(pristine: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(pristine, tmp_path / "run"))


@pytest.fixture
def forge() -> Forge:
    """Put other content into a file of a run, and make the manifest vouch for it, as only a stranger would."""
    return forged


def forged(path: Path, name: str, content: bytes) -> None:
    (path / name).write_bytes(content)
    manifest = read_manifest(path)
    manifest.files[name] = describe_file(content)
    (path / "manifest.json").write_text(manifest.to_text())


@pytest.fixture
def edit_json(forge: Forge) -> Callable[[Path, str, Callable[[dict], object]], None]:
    def edit(path: Path, name: str, change: Callable[[dict], object]) -> None:
        plain = json.loads((path / name).read_text())
        change(plain)
        forge(path, name, json.dumps(plain).encode())

    return edit
