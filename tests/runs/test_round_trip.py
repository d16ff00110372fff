"""What is written is what is read: models bit for bit, histories with their NaNs, runs that are still going on."""

import json
import math
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.builders import encode_new
from tests.runs.conftest import CONFIG, FILES, ROWS

from batchwright.data.dataset import Dataset
from batchwright.data.load import load
from batchwright.errors import RunError
from batchwright.nn import MLP, Variables
from batchwright.nn.uncompiled import call_uncompiled
from batchwright.runs import Setting, create, open_run
from batchwright.runs.manifest import CONFORMAL
from batchwright.runs.model import Blueprint, features_of
from batchwright.tasks import Regression
from batchwright.tasks.conformal import Conformal


def test_model_gives_the_same_bits(
    pristine: Path, dataset: Dataset, blueprint: Blueprint, variables: Variables
) -> None:
    saved = open_run(pristine).load_model()
    assert saved.encoding == dataset.encoding
    assert saved.blueprint.architecture == blueprint.architecture
    for own, read in zip(jax.tree.leaves(variables), jax.tree.leaves(saved.variables), strict=True):
        assert own.dtype == read.dtype
        assert np.asarray(own).tobytes() == np.asarray(read).tobytes()
    new = {"c": [0.5, -2.0], "a": [1.0, 3.0], "b": [None, 0.25]}
    inputs = jax.tree.map(jnp.asarray, encode_new(new, saved.encoding))
    before, _ = blueprint.build().network.apply(variables, inputs, train=False, key=None, present=None)
    after, _ = saved.model.network.apply(saved.variables, inputs, train=False, key=None, present=None)
    assert np.asarray(before).tobytes() == np.asarray(after).tobytes()
    assert saved.model.task.to_json() == blueprint.task.to_json()


def test_regression_model_round_trip(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(40, 2))
    data = load({"a": x[:, 0], "b": x[:, 1], "y": 1e7 + x.sum(axis=1) / 3}, target="y")
    task = Regression("huber", delta=0.1, mean=(data.target.mean,), std=(data.target.std,))
    blueprint = Blueprint(MLP((4,), batch_normalization=False), features_of(data.encoding), task, "bfloat16")
    variables = call_uncompiled(blueprint.build().network.init, jax.random.key(0), dict(data.train.inputs))
    folder = create(tmp_path / "run", "table")
    folder.describe(data, config="", settings={}, plan={})
    folder.save_model(blueprint, variables)
    saved = folder.finish("finished", "").load_model()
    assert saved.blueprint == blueprint
    assert jax.tree.all(jax.tree.map(lambda own, read: bool((own == read).all()), variables, saved.variables))


def test_a_model_that_is_saved_again_leaves_nothing_of_the_one_before(
    tmp_path: Path, dataset: Dataset, blueprint: Blueprint, variables: Variables
) -> None:
    with create(tmp_path / "run", "table.csv") as folder:
        folder.describe(dataset, config=CONFIG, settings={}, plan={})
        folder.save_model(blueprint, variables, Conformal(((0.5,),)))
        assert CONFORMAL in folder.manifest.files
        folder.save_model(blueprint, variables)
        run = folder.finish("finished", "")
    assert CONFORMAL not in run.manifest.files
    assert open_run(tmp_path / "run").load_model().conformal is None


def test_everything_else_round_trips(pristine: Path, dataset: Dataset) -> None:
    run = open_run(pristine)
    files = [str(file.relative_to(pristine)) for file in pristine.rglob("*") if file.is_file()]
    assert sorted(files) == sorted([*FILES, "lock"])
    assert run.config == CONFIG
    assert run.manifest.status == "finished"
    assert run.settings["training.epochs"] == Setting(2, "user")
    assert run.plan == {"updates": 12}
    assert run.manifest.fingerprint == dataset.fingerprint
    assert set(run.manifest.versions) == {"batchwright", "jax", "python"}
    assert run.metrics["test"]["accuracy"] == 0.9
    assert math.isnan(run.metrics["test"]["loss"])
    assert run.history[1] == ROWS[1]
    assert math.isnan(run.history[0]["val_loss"])
    for part in ("train", "validation", "test"):
        np.testing.assert_array_equal(getattr(run.indices(), part), getattr(dataset.indices, part))


def test_history_of_a_run_that_goes_on(tmp_path: Path) -> None:
    folder = create(tmp_path / "run", "line")
    assert open_run(folder.path).history == []
    folder.append(ROWS[1])
    with (folder.path / "history.jsonl").open("ab") as file:
        file.write(b'{"epoch": 2.0, "lo')  # cut off
    assert open_run(folder.path).history == [ROWS[1]]
    assert open_run(folder.path).manifest.status == "running"
    with pytest.raises(RunError, match=r"has no model/model.json|has no schema.json"):
        open_run(folder.path).load_model()


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (ValueError("no luck"), "failed", "ended by an error (ValueError: no luck)"),
        (KeyboardInterrupt(), "interrupted", "ended at once, by Ctrl-C or a second signal (KeyboardInterrupt)"),
    ],
)
def test_error_in_the_block_is_recorded(tmp_path: Path, error: BaseException, status: str, reason: str) -> None:
    def fail() -> None:
        with create(tmp_path / "run", "line") as folder:
            folder.append(ROWS[1])
            raise error

    with pytest.raises(type(error)):
        fail()
    run = open_run(tmp_path / "run")
    assert (run.manifest.status, run.manifest.reason) == (status, reason)
    assert run.history == [ROWS[1]]


def test_finished_run_is_not_recorded_as_failed(tmp_path: Path) -> None:
    def diverge() -> None:
        with create(tmp_path / "run", "line") as folder:
            folder.finish("diverged", "the loss was not finite")
            raise ValueError("later")

    with pytest.raises(ValueError, match="later"):
        diverge()
    assert open_run(tmp_path / "run").manifest.status == "diverged"


def test_non_contiguous_arrays_are_saved_as_they_are(tmp_path: Path) -> None:
    from batchwright.runs.tensors import Expected, dump, load

    arrays = {"transposed": np.arange(6, dtype=np.float32).reshape(2, 3).T, "scalar": np.float32(2.5).reshape(())}
    expected = {name: Expected("float32", array.shape) for name, array in arrays.items()}
    read = load(dump(arrays), expected, tmp_path)
    for name, array in arrays.items():
        np.testing.assert_array_equal(read[name], array, strict=True)


def test_manifest_is_plain_json_that_a_person_can_read(pristine: Path) -> None:
    plain = json.loads((pristine / "manifest.json").read_text())
    assert plain["format"] == 1
    assert plain["settings"]["training.epochs"] == {"value": 2, "origin": "user", "evidence": ""}
    assert plain["metrics"] == {"test": {"accuracy": 0.9, "loss": None}}
