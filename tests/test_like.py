"""Rows encoded as an earlier training encoded its own, and training that goes on from its parameters on them."""

import re
from pathlib import Path
from typing import Any

import jax
import numpy as np
import polars as pl
import pytest

import batchwright as bw
from batchwright import workflow
from batchwright.config import load_config
from batchwright.data.load_streamed import prepare_streamed
from batchwright.data.new_rows import encode_labelled
from batchwright.data.options import DataOptions
from batchwright.errors import ConfigError, DataError, UsageError
from batchwright.runs.tensors import by_path
from batchwright.training.events import EpochDone

OLD, HEAD = 80, ("params/body/dense_4/bias", "params/body/dense_4/kernel")
HOW: dict[str, Any] = {"network": bw.nn.MLP((6,)), "batch_size": 16, "epochs": 2, "early_stopping": None}


def frame(rows: int, *, seed: int, **more: Any) -> pl.DataFrame:
    draw = np.random.default_rng(seed)
    columns: dict[str, Any] = {
        "height": draw.normal(170.0 + 20 * seed, 10.0, rows),
        "colour": draw.choice(["red", "green"] if seed == 0 else ["green", "blue"], rows),
        "code": draw.integers(0, 40, rows).astype(str),
        "house": draw.integers(0, 9, rows),
    }
    columns["kind"] = np.where(columns["height"] > 170.0 + 20 * seed, "tall", "small")
    return pl.DataFrame(columns | {name: make(columns) for name, make in more.items()})


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A training on other rows: other scales, categories and split."""
    data = bw.load(frame(OLD, seed=0).drop("house"), target="kind")
    return bw.fit(data, **HOW, run_dir=tmp_path_factory.mktemp("runs") / "old")


def arrays(trained: Any) -> dict[str, np.ndarray]:
    return {name: np.asarray(array) for name, array in by_path(trained.model.variables).items()}


def begun(data: Any, initial: Any, **how: Any) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """The arrays that training begins with, and what is said."""
    prepared = next(iter(bw.events(data, **{**HOW, **how}, initial=initial)))
    return {name: np.array(array) for name, array in by_path(prepared.state.variables).items()}, prepared.notes


def test_rows_are_encoded_as_a_prediction_encodes_them(old: Any) -> None:
    """In the old scales and categories, columns found by name; from a model, a run, or what `fit` gave."""
    rows = frame(60, seed=1).select("kind", "code", "house", "colour", "height")
    expected = encode_labelled(rows, old.model.encoding).rows
    for like in (old, old.model, old.run):
        data = bw.load(rows, like=like, seed=3)
        assert data.encoding == old.encoding
        order = np.concatenate([data.indices.train, data.indices.validation, data.indices.test])
        assert sorted(order) == list(range(60))
        for part, chosen in (("train", data.indices.train), ("test", data.indices.test)):
            for name, array in data.parts[part].inputs.items():
                np.testing.assert_array_equal(array, expected.inputs[name][chosen])
            np.testing.assert_array_equal(data.parts[part].targets, expected.targets[chosen])
    assert bw.load(rows, target="kind").encoding != old.encoding


def test_training_goes_on_from_all_parameters(old: Any) -> None:
    found, notes = begun(bw.load(frame(60, seed=1), like=old), old)
    assert notes[-1] == "training begins from the parameters of a trained model"
    for name, array in arrays(old).items():
        np.testing.assert_array_equal(found[name], array)


def test_new_labels_get_a_new_last_layer_and_the_rest_may_be_frozen(old: Any) -> None:
    rows = frame(90, seed=1).with_columns(
        kind=pl.when(pl.int_range(90) % 3 == 0).then(pl.lit("odd")).otherwise(pl.col("kind"))
    )
    data = bw.load(rows, like=old)
    assert data.target.classes == ("odd", "small", "tall")
    assert "labels that the model does not know (odd): its classes are learned from these rows" in data.notes[-1]
    assert data.preprocessing == old.encoding.preprocessing
    found, notes = begun(data, old)
    assert notes[-1].endswith("except body/dense_4/bias, body/dense_4/kernel: the outputs differ, and the last "
                              "layer begins anew")  # fmt: skip
    assert found["params/body/dense_4/kernel"].shape == (6, 3)
    trained = bw.fit(data, **HOW, initial=old, freeze=["dense_0", "batch_norm", "inputs*"][:2])
    for name, array in arrays(old).items():
        if name.startswith("params/body") and name not in HEAD:
            np.testing.assert_array_equal(arrays(trained)[name], array, err_msg=name)
    assert np.any(arrays(trained)["params/body/dense_4/kernel"] != found["params/body/dense_4/kernel"])
    assert set(trained.predict(rows.drop("kind")).answers) <= {"odd", "small", "tall"}


def test_as_many_other_labels_are_other_outputs(old: Any) -> None:
    rows = frame(60, seed=1).with_columns(pl.col("kind").replace({"tall": "yes", "small": "no"}))
    found, notes = begun(bw.load(rows, like=old), old)
    assert "the last layer begins anew" in notes[-1]
    assert np.any(found["params/body/dense_4/kernel"] != arrays(old)["params/body/dense_4/kernel"])


def test_another_target_and_other_roles(old: Any) -> None:
    """A number of another column, which the old rows lacked; groups and weights by columns that they lacked too."""
    rows = frame(80, seed=1, size=lambda c: 2 * c["height"] + 1, weight=lambda c: 1.0 + c["house"]).drop("kind")
    data = bw.load(rows, like=old, target="size", group="house", weights="weight")
    assert any("the target is 'size' (a number), and the model's is 'kind' (2 classes)" in n for n in data.notes)
    sizes = rows["size"].to_numpy()[data.indices.train]
    assert data.target.mean == pytest.approx(sizes.mean())
    houses = rows["house"].to_numpy()
    assert not set(houses[data.indices.train]) & set(houses[data.indices.test])
    expected = (1.0 + houses)[data.indices.train]
    np.testing.assert_allclose(data.train.weights / data.train.weights[0], expected / expected[0], rtol=1e-6)
    assert data.schema.used == old.encoding.schema.used
    trained = bw.fit(data, **HOW, initial=old)
    assert trained.test_metrics["rmse"] > 0
    assert arrays(trained)["params/body/dense_4/kernel"].shape == (6, 1)


def test_what_cannot_be_is_refused(old: Any) -> None:
    rows = frame(60, seed=1)
    cases: list[tuple[type[Exception], str, Any]] = [
        (ConfigError, "scaling: how columns are encoded", lambda: bw.load(rows, like=old, scaling="robust")),
        (ConfigError, "'height' is an input of the model", lambda: bw.load(rows, like=old, target="height")),
        (DataError, "lacks the column 'colour', which", lambda: bw.load(rows.drop("colour"), like=old)),
        (DataError, "unknown column 'kind'", lambda: bw.load(rows.drop("kind"), like=old)),
        (ConfigError, r"load\(..., like=initial\)", lambda: begun(bw.load(rows, target="kind"), old)),
        (
            ConfigError,
            r"initial has float32 \[6\] as params/body/batch_norm_1/beta, and the network float32 \[7\]",
            lambda: begun(bw.load(rows, like=old), old, network=bw.nn.MLP((7,))),
        ),
    ]  # fmt: skip
    for kind, message, call in cases:
        with pytest.raises(kind, match=message):
            call()


class Own:
    """A network of one's own, whose outputs are two whatever the target."""

    def init(self, key: Any, example: Any) -> Any:
        return bw.nn.Variables({"kernel": jax.random.normal(key, (example["numeric"].shape[1], 2))}, {})

    def apply(self, variables: Any, inputs: Any, *, train: bool, key: Any, present: Any) -> Any:
        return inputs["numeric"] @ variables.params["kernel"], {}


def test_the_last_layer_of_ones_own_network_is_known_where_it_is_added() -> None:
    rows = frame(60, seed=0).select("height", "kind")
    other = rows.with_columns(pl.col("kind").replace({"tall": "yes", "small": "no"}))
    layers = bw.nn.Sequential((bw.nn.Dense(5), bw.nn.Activation("tanh")))
    first = bw.fit(bw.load(rows, target="kind"), **{**HOW, "network": layers})
    _, notes = begun(bw.load(other, like=first), first, network=layers)
    assert "except body/headed_0/head/dense_1/bias, body/headed_0/head/dense_1/kernel" in notes[-1]
    own = Own()
    first = bw.fit(bw.load(rows, target="kind"), **{**HOW, "network": own})
    with pytest.raises(ConfigError, match="it is not known which layer of your own network makes the outputs"):
        begun(bw.load(other, like=first), first, network=own)


def test_images_are_brought_to_the_shape_of_the_training() -> None:
    draw = np.random.default_rng(0)
    images, labels = draw.integers(0, 255, (40, 6, 6), dtype=np.uint8), np.arange(40) % 2
    network = bw.nn.CNN(filters=(2,), hidden_layer_sizes=())
    how = {**HOW, "network": network, "epochs": 1}
    first = bw.fit(bw.load((images, labels)), **how)
    again = bw.load((images[:20], labels[:20]), like=first)
    assert again.encoding.preprocessing == first.encoding.preprocessing
    assert again.encoding.target == first.encoding.target
    more = bw.load((images, np.arange(40) % 3), like=first)
    found, notes = begun(more, first, network=network)
    assert "the last layer begins anew" in notes[-1]
    np.testing.assert_array_equal(found["params/body/conv2d_0/kernel"], arrays(first)["params/body/conv2d_0/kernel"])
    with pytest.raises(DataError, match="has images of 5x5x1"):
        bw.load((images[:, :5, :5], labels), like=first)


def test_read_in_pieces_alike(old: Any, tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    frame(60, seed=1).write_csv(path)
    whole = bw.load(str(path), like=old, seed=2)
    streamed = prepare_streamed(path, DataOptions(), seed=2, cache_dir=tmp_path, like=old.encoding)
    assert streamed.encoding == whole.encoding
    part = streamed.train.read(0, streamed.train.rows)
    chosen = np.argsort(whole.indices.train)
    for name, array in part.inputs.items():
        np.testing.assert_array_equal(array, whole.train.inputs[name][chosen])
    np.testing.assert_array_equal(part.targets, whole.train.targets[chosen])


def test_a_recorded_run_goes_on_with_the_encoding_that_it_began_with(old: Any, tmp_path: Path) -> None:
    path, model = tmp_path / "new.csv", old.run.load_model()
    frame(60, seed=1).write_csv(path)
    overrides = {"data.source": str(path), "training.epochs": "4", "training.batch_size": "16"}
    settings = workflow.settings_like(load_config(None, [(*pair, "--set") for pair in overrides.items()]), model)
    assert settings.config.network == bw.nn.MLP((6,))
    assert settings.to_json()["network.hidden_layer_sizes"]["origin"] == "initial"  # nobody has chosen it here

    def events(run: Path) -> Any:
        return workflow.train(settings, run_dir=run, initial=model, parent=str(old.run.path))

    *_, whole = events(tmp_path / "whole")
    left = events(tmp_path / "left")
    for event in left:
        if isinstance(event, EpochDone) and event.row["epoch"] == 2:
            break
    left.close()
    resumed = bw.resume(tmp_path / "left")
    assert resumed.encoding == old.encoding
    for name, array in arrays(whole).items():
        np.testing.assert_array_equal(arrays(resumed)[name], array)
    assert bw.open_run(tmp_path / "left").manifest.begun_from == str(old.run.path)
    more = bw.resume(tmp_path / "left", epochs=5)
    assert [row["epoch"] for row in more.history] == [1, 2, 3, 4, 5]


def test_from_the_command_line(
    old: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from batchwright.cli.main import app

    monkeypatch.chdir(tmp_path)
    frame(60, seed=1).write_csv("new.csv")
    words = ["train", "new.csv", "--from", str(old.run.path), "--epochs", "1", "--run-dir", "run"]
    with pytest.raises(UsageError, match="--seeds trains from random parameters"):
        app([*words, "--seeds", "2"], standalone_mode=False)
    assert not Path("run").exists()
    app([*words, "--freeze", "dense_0,batch_norm"], standalone_mode=False)
    assert "training begins from the parameters of a trained model" in capsys.readouterr().err
    first, found = (
        arrays(old),
        {n: np.asarray(a) for n, a in by_path(bw.open_run("run").load_model().variables).items()},
    )
    np.testing.assert_array_equal(found["params/body/dense_0/kernel"], first["params/body/dense_0/kernel"])
    app(["report", "run"], standalone_mode=False)
    assert re.search(r"network.hidden_layer_sizes +\[6\] +the run it began from", capsys.readouterr().out)
    app(["resume", "run", "--epochs", "2"], standalone_mode=False)
    assert bw.open_run("run").plan["epochs"] == 2


def test_what_follows_from_the_network_is_not_asked_of_rows_that_are_encoded_as_before(tmp_path: Path) -> None:
    def run(network: str, name: str, *more: str) -> Any:
        from batchwright.cli.main import app

        words = ["train", "diabetes", "--network", network, "--epochs", "1", "--run-dir", str(tmp_path / name)]
        app([*words, *more], standalone_mode=False)
        return bw.open_run(tmp_path / name)

    for network in ("linear", "mlp"):  # one has another scaling, neither has differences of columns
        first = run(network, network)
        again = run(network, f"{network}-again", "--from", str(first.path))
        assert again.encoding.preprocessing == first.encoding.preprocessing
