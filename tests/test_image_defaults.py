"""Which network images get, and at which rate it is trained, where nobody has said; whatever a user says holds."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import batchwright as bw
from batchwright import nn, optim, workflow
from batchwright.config import Settings, load_config
from batchwright.workflow.images import with_image_network, with_image_rate

RESIDUAL = nn.CNN(filters=(16, 32, 64), blocks=1, downsampling="stride", pooling="average", hidden_layer_sizes=())
GREY, COLOUR, DIGIT, SMALL = (21, 29, 1), (21, 21, 3), (28, 28, 1), (20, 64, 3)


def chosen(*overrides: str) -> Settings:
    return load_config(None, [(*text.split("=", 1), text) for text in overrides])  # type: ignore[misc]


def pictures(shape: tuple[int, int, int], rows: int = 40) -> bw.Dataset:
    rng = np.random.default_rng(0)
    return bw.load((rng.integers(0, 256, (rows, *shape), dtype=np.uint8), np.arange(rows) % 2))


@pytest.mark.parametrize(("shape", "name"), [(GREY, "cnn"), (COLOUR, "cnn"), (DIGIT, "tabular"), (SMALL, "tabular")])
def test_large_and_coloured_images_get_a_cnn_by_default(shape: tuple[int, int, int], name: str) -> None:
    found = workflow.prepare(chosen("training.epochs=1"), pictures(shape))
    assert found.settings.config.network.name == name
    said = found.settings.to_json()["network.name"]
    assert said["origin"] == ("rows" if name == "cnn" else "default")
    assert ("evidence" in said) is (name == "cnn")
    told = [note for note in found.notes if note.startswith(("network", "blocks", "learning rate"))]
    sides = " x ".join(map(str, shape))
    high = [
        f"network cnn: convolutions find a thing wherever it is in an image of {sides}",
        "blocks 1: residual blocks learn more of images above 20 pixels in the same time, with fewer parameters",
        "learning rate 0.00206: batch normalization bears it, and the network learns in fewer epochs",
    ]
    assert told == (high if name == "cnn" else [])


def test_what_is_set_of_the_network_holds() -> None:
    features = nn.Features(image=COLOUR)
    for name in ("mlp", "tabular", "linear"):
        settings = chosen(f"network.name={name}")
        assert with_image_network(settings, features) is settings
    numbers = chosen("network.bins=4", "network.dropout=0.1")
    assert with_image_network(numbers, features) is numbers
    found = with_image_network(chosen("network.dropout=0.1", "network.hidden_layer_sizes=[7]"), features)
    assert found.config.network == nn.CNN(dropout=0.1, hidden_layer_sizes=(7,))
    assert found.origins["network.dropout"] == found.origins["network.hidden_layer_sizes"] == "user"
    assert found.origins["network.filters"] == "rows"
    assert with_image_network(found, features).config == found.config


@pytest.mark.parametrize(
    ("image", "stages"),
    [((21, 90, 3), 3), ((32, 32, 3), 3), ((64, 64, 1), 3), ((65, 70, 1), 4), ((224, 224, 3), 5), ((900, 900, 3), 6)],
)
def test_a_cnn_for_large_images_is_residual_with_a_last_image_of_few_pixels(
    image: tuple[int, int, int], stages: int
) -> None:
    features = nn.Features(image=image)
    for settings in (chosen(), chosen("network.name=cnn"), chosen("network.name=cnn", "network.dropout=0.2")):
        found = with_image_network(settings, features)
        network = found.config.network
        assert isinstance(network, nn.CNN)
        assert network.filters == tuple(16 * 2**stage for stage in range(stages))
        assert (network.blocks, network.hidden_layer_sizes) == (1, ())
        assert found.origins["network.blocks"] == found.origins["network.filters"] == "rows"
        assert with_image_network(found, features).config == found.config


def test_layers_that_are_set_and_digits_have_no_blocks() -> None:
    for said in ("filters=[8, 8]", "blocks=0", "pooling=flatten", "hidden_layer_sizes=[9]", "ensemble=2"):
        settings = chosen("network.name=cnn", f"network.{said}")
        assert with_image_network(settings, nn.Features(image=COLOUR)) is settings
    digits = chosen("network.name=cnn")
    assert with_image_network(digits, nn.Features(image=DIGIT)) is digits


@pytest.mark.parametrize("features", [nn.Features(numeric=3), nn.Features(image=COLOUR, text=((5, 2),))])
def test_columns_and_texts_keep_the_default_network(features: nn.Features) -> None:
    settings = chosen()
    assert with_image_network(settings, features) is settings


def rate_of(settings: Settings, image: tuple[int, int, int] | None = DIGIT) -> float:
    found = with_image_rate(settings, nn.Features(image=image))
    assert (found.origins["optimizer.learning_rate"] == "rows") is ("optimizer.learning_rate" in found.evidence)
    return float(found.config.optimizer.learning_rate)


def test_a_cnn_is_trained_at_a_high_rate_which_follows_small_batches() -> None:
    assert rate_of(chosen("network.name=cnn")) == 0.004
    assert rate_of(chosen("network.name=cnn", "training.batch_size=16")) == 0.002
    assert rate_of(chosen("network.name=cnn", "training.batch_size=1000")) == 0.004
    assert rate_of(chosen("network.name=cnn"), image=None) == 0.001


@pytest.mark.parametrize(
    ("said", "rate"),
    [
        ("optimizer.learning_rate=0.002", 0.002),
        ("optimizer.learning_rate=0.001", 0.001),
        ("optimizer.learning_rate=auto", 0.001),
        ("optimizer.name=adamw", 0.001),
        ("optimizer.name=sgd", float(optim.SGD().learning_rate)),
        ("schedule.name=constant", 0.001),
        ("schedule.pct_start=0.1", 0.001),
        ("network.batch_normalization=false", 0.001),
        ("network.ensemble=4", 0.001),
        ("training.freeze=[bias]", 0.001),
        ("training.epochs=auto", 0.001),
        ("network.name=mlp", 0.001),
    ],
)
def test_a_rate_that_was_set_or_does_not_suit_stays(said: str, rate: float) -> None:
    network = () if said.startswith("network.name") else ("network.name=cnn",)
    assert rate_of(chosen(*network, said)) == rate


def test_trials_have_the_network_and_the_rate_of_the_training() -> None:
    settings = chosen("training.epochs=1", "training.batch_size=64")
    prepared = workflow.prepare(settings, pictures(COLOUR))
    job = workflow.preparing.job_on(prepared, chosen("training.epochs=1", "training.batch_size=64", "training.seed=3"))
    assert job.program == prepared.job.program
    assert float(job.program.optimizer.learning_rate) == 0.004
    assert prepared.blueprint.architecture == RESIDUAL


def test_a_recorded_training_stays_as_it_is(tmp_path: Path) -> None:
    images = pictures(COLOUR)
    network = nn.CNN(filters=(2,), hidden_layer_sizes=())
    run = bw.fit(images, network=network, epochs=1, batch_size=64, run_dir=tmp_path / "run").run
    assert run is not None
    settings = workflow.training.recorded_settings(run)
    assert settings.config.optimizer.learning_rate == 0.004
    assert settings.origins["optimizer.learning_rate"] == "rows"
    earlier = load_config(None, [("network.name", "tabular", ""), ("training.epochs", "1", "")])
    origins = {**earlier.origins, "network.name": "default"}
    for recorded, name in ((True, "tabular"), (False, "cnn")):
        found = workflow.prepare(Settings(earlier.config, origins, recorded=recorded), images)
        assert found.settings.config.network.name == name


def test_what_is_given_in_python_holds_though_it_is_the_default() -> None:
    small = {"epochs": 1, "batch_size": 64}
    for given in ({"network": nn.Tabular()}, {"network": nn.CNN(), "optimizer": optim.Adam()}):
        prepared = next(iter(bw.events(pictures(COLOUR), **small, **given)))
        assert prepared.blueprint.architecture == given["network"]
        assert prepared.job.program.optimizer == optim.Adam()
    for given in ({"learning_rate": 0.001}, {"optimizer": optim.Adam(learning_rate=0.001)}):
        by_rate = next(iter(bw.events(pictures(COLOUR), **small, **given)))
        assert by_rate.job.program.optimizer == optim.Adam()
        assert by_rate.blueprint.architecture == RESIDUAL


def test_for_other_networks_a_rule_that_is_given_follows_a_measured_batch_size() -> None:
    given = {"optimizer": optim.Adam(learning_rate=0.001), "batch_size": "auto", "epochs": 1}
    prepared = next(iter(bw.events(bw.load("digits"), **given)))
    assert prepared.settings.origins["optimizer.learning_rate"] == "measured"


def test_a_training_from_a_trained_model_keeps_its_network_and_the_usual_rate() -> None:
    images = pictures(COLOUR)
    small = {"epochs": 1, "batch_size": 64, "diagnostics": False}
    for network in (nn.Tabular(), nn.CNN(filters=(2,), hidden_layer_sizes=())):
        first = bw.fit(images, network=network, optimizer=optim.Adam(0.003), **small)
        again = bw.fit(images, initial=first.model, **small)
        assert again.prepared.blueprint.architecture == network
        assert again.prepared.job.program.optimizer == optim.Adam()


def test_a_folder_of_large_images_is_trained_by_a_cnn(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("dark", "light"):
        (tmp_path / name).mkdir()
        for number in range(20):
            pixels = rng.integers(0, 128, (24, 24, 3), dtype=np.uint8) + (128 if name == "light" else 0)
            Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / name / f"{number}.png")
    trained = bw.fit(bw.load(tmp_path), epochs=3, batch_size=8, diagnostics=False)
    assert isinstance(trained.prepared.blueprint.architecture, nn.CNN)
    assert trained.metrics["train"]["accuracy"] > 0.9


def test_a_rate_that_was_chosen_is_chosen_anew_for_other_settings() -> None:
    features = nn.Features(image=DIGIT)
    found = with_image_rate(chosen("network.name=cnn"), features)
    for key, value, rate in (("training.batch_size", 16, 0.002), ("training.batch_size", 128, 0.004)):
        again = with_image_rate(found.with_measured({key: value}, {}), features)
        assert float(again.config.optimizer.learning_rate) == rate
        assert again.origins["optimizer.learning_rate"] == "rows"
    usual = with_image_rate(found.with_section("schedule", optim.ReduceOnPlateau(), "measured"), features)
    assert float(usual.config.optimizer.learning_rate) == 0.001
    assert usual.origins["optimizer.learning_rate"] == "default"
    assert "optimizer.learning_rate" not in usual.evidence


def test_with_as_many_epochs_as_the_loss_falls_a_cnn_has_the_usual_rate() -> None:
    small = ("network.name=cnn", "network.filters=[2]", "network.hidden_layer_sizes=[]", "data.source=digits")
    settings = chosen(*small, "training.epochs=auto", "training.batch_size=auto")
    prepared = workflow.measuring.measure_auto(workflow.prepare(settings))
    config = prepared.settings.config
    assert config.schedule.name == "reduce_on_plateau"
    size = config.training.batch_size
    assert isinstance(size, int)
    scale = np.sqrt(size / workflow.prepare(chosen(*small)).plan.batch_size)
    assert float(config.optimizer.learning_rate) == pytest.approx(0.001 * scale)


def test_a_batch_size_that_was_measured_has_the_rate_of_one_that_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    small = ("network.name=cnn", "network.filters=[2]", "network.hidden_layer_sizes=[]", "data.source=digits")
    settings = chosen(*small, "training.batch_size=auto", "training.epochs=2")
    found = workflow.measuring.batch_sizes(prepared := workflow.prepare(settings))
    large = replace(found, recommended=128, rescaled={"learning_rate": 0.00566, "beta_1": 0.8})
    monkeypatch.setattr(workflow.measuring, "batch_sizes", lambda _: large)
    config = workflow.measuring.measure_auto(prepared).settings.config
    assert config.training.batch_size == 128
    assert (float(config.optimizer.learning_rate), float(config.optimizer.beta_1)) == (0.004, 0.8)
