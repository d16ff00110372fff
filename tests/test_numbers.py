"""Embeddings of numbers as a user has them: trained, resumed, searched, reopened, tried by `auto`, or refused."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.tree import DecisionTreeRegressor
from tests.builders import (
    CLASSES,
    COLUMNS,
    EVERY_ITERATION,
    end,
    events_of,
    history,
    make_job,
    make_rows,
    same_bits,
    taken,
)

import batchwright as bw
from batchwright import nn
from batchwright._component import component
from batchwright.config import load_config
from batchwright.errors import ConfigError
from batchwright.nn.networks import FeedForward
from batchwright.nn.numeric import NumbersName
from batchwright.nn.protocols import TARGETS
from batchwright.nn.sensitivity import sensitivity
from batchwright.nn.uncompiled import call_uncompiled
from batchwright.population.fit import fit_members
from batchwright.runs.model import read_blueprint
from batchwright.training.checkpoint import first_checkpoint
from batchwright.training.job import Job
from batchwright.training.state import initial_state

HOW: dict[str, Any] = {"epochs": 4, "batch_size": 32, "diagnostics": False}


def small(**settings: Any) -> nn.Tabular:
    return nn.Tabular(hidden_layer_sizes=(4,), dropout=0.0, **settings)


@pytest.fixture(scope="module")
def waves() -> bw.Dataset:
    """A number that is a wave of one of two others."""
    x = np.random.default_rng(0).uniform(-2, 2, (300, 2)).astype(np.float32)
    return bw.load((x, np.sin(4 * x[:, 0])), task="regression")


ROWS = make_rows()
EXAMPLE = {**{name: np.asarray(array) for name, array in ROWS.inputs.items()}, TARGETS: np.asarray(ROWS.targets)}


def job_with(seed: int = 0, **settings: Any) -> Job:
    network = small(**settings).build(nn.Features(numeric=COLUMNS), CLASSES)
    job = make_job(epochs=2, seed=seed, checkpoints=EVERY_ITERATION)
    model = replace(job.program.model, network=network)
    return replace(job, program=replace(job.program, model=model), train=ROWS, validation=ROWS)


@pytest.mark.parametrize(
    "settings",
    [({"numbers": "piecewise_linear_tree"},) * 2, tuple({"numbers": "cosine", "frequency_scale": s} for s in (0.2, 2))],
    ids=["tree", "cosine"],
)
def test_alone_is_as_in_a_population_and_as_resumed(settings: tuple[dict[str, Any], ...]) -> None:
    jobs = [job_with(seed, **own) for seed, own in enumerate(settings)]
    *_, runs = fit_members(jobs, EXAMPLE)
    for job, run in zip(jobs, runs, strict=True):
        events = events_of(job, first_checkpoint(initial_state(job.program, EXAMPLE, seed=job.seed)))
        for found, expected in zip(run.now.history, history(events), strict=True):
            assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-4, abs=1e-5)
        for pair in zip(jax.tree.leaves(run.now.kept), jax.tree.leaves(end(events).variables), strict=True):
            np.testing.assert_allclose(*pair, rtol=1e-3, atol=1e-5)
    rest = events_of(jobs[-1], taken(events)[4])
    assert same_bits(end(rest).variables, end(events).variables)


def test_edges_by_targets_are_learned_from_training_rows_and_saved(waves: bw.Dataset, tmp_path: Path) -> None:
    trained = bw.fit(waves, network=small(numbers="piecewise_linear_tree", bins=8), run_dir=tmp_path / "run", **HOW)
    edges = np.asarray(trained.model.variables.state["inputs"]["numbers"]["edges"])
    x, y = waves.train.inputs["numeric"], waves.train.targets
    for column, found in zip(x.T, edges, strict=True):
        tree = DecisionTreeRegressor(max_leaf_nodes=8, min_samples_leaf=max(4, len(x) // 32)).fit(column[:, None], y)
        np.testing.assert_allclose(np.unique(found)[1:-1], np.sort(tree.tree_.threshold[tree.tree_.feature >= 0]), 1e-4)
    again = bw.open_run(tmp_path / "run").load_model()
    assert same_bits(again.variables, trained.model.variables)


@component
class Doubled:
    """An encoder of numbers of a user's own: the number, and twice the number."""

    name: ClassVar[str] = "doubled"

    def init(self, key: jax.Array, example: jax.Array, targets: jax.Array | None) -> nn.Variables:
        assert targets is None, "it does not ask for them"
        return nn.Variables({"factor": jnp.full(example.shape[1], 2.0)}, {})

    def apply(self, variables: nn.Variables, x: jax.Array) -> jax.Array:
        return jnp.stack([x, variables.params["factor"][None, :] * x], axis=2)


@component
class Own:
    """An architecture of a user's own that has it."""

    name: ClassVar[str] = "own"

    def build(self, features: nn.Features, outputs: int, *, dtype: nn.protocols.Dtype = "float32") -> nn.Network:
        return FeedForward(nn.Columns.of(features, Doubled()), nn.Sequential((nn.Dense(outputs),)), dtype)


def test_an_encoder_of_a_users_own_is_trained_and_reopened(waves: bw.Dataset, tmp_path: Path) -> None:
    assert isinstance(Doubled(), nn.NumberEncoder)
    trained = bw.fit(waves, network=Own(), run_dir=tmp_path / "own", **HOW)
    again = bw.open_run(tmp_path / "own").load_model(network=Own())
    assert same_bits(again.variables, trained.model.variables)


@pytest.mark.parametrize("numbers", ["piecewise_linear_b", "cosine"])
def test_sensitivity_is_told_for_each_number(numbers: NumbersName) -> None:
    """With and without the number itself among its features, and other features after them."""
    features = nn.Features(numeric=3, cardinalities=(4,), text=((10, 2),))
    network = small(numbers=numbers, batch_normalization=False).build(features, 1)
    rng = np.random.default_rng(0)
    rows: dict[str, Any] = {
        "numeric": (rng.normal(size=(40, 3)) * [1, 1, 0]).astype(np.float32),
        "categorical": rng.integers(0, 4, (40, 1)).astype(np.int32),
        "text": rng.integers(0, 10, (40, 2)).astype(np.int16),
    }
    variables = call_uncompiled(network.init, jax.random.key(0), rows)
    found = sensitivity(network, variables, rows)
    assert {name: len(figures) for name, figures in found.items()} == {"numeric": 3, "categorical": 1, "text": 1}
    assert found["numeric"][:2].min() > 0
    assert found["numeric"][2] < 1e-3, "a constant column"


def test_auto_takes_what_does_best_on_validation_rows(waves: bw.Dataset, tmp_path: Path) -> None:
    how = HOW | {"epochs": 16, "learning_rate": 0.01}
    trained = bw.fit(waves, network=small(numbers="auto"), run_dir=tmp_path / "auto", **how)
    settings = trained.prepared.settings
    chosen, evidence = settings.values["network.numbers"], settings.evidence["network.numbers"]
    assert settings.origins["network.numbers"] == "measured"
    assert evidence["losses"][chosen] == min(evidence["losses"].values())
    assert evidence["epochs"] == 4
    assert f"numbers {chosen} was chosen by trial" in trained.prepared.notes[-1]
    run = bw.open_run(tmp_path / "auto")
    assert run.settings["network.numbers"].value == chosen
    assert run.load_model().blueprint.architecture == small(numbers=chosen)
    assert load_config(tmp_path / "auto" / "config.yaml").to_measure == ()


def test_auto_tries_only_what_has_the_numbers_that_are_set(waves: bw.Dataset) -> None:
    trained = bw.fit(waves, network=small(numbers="auto", bins=5), **HOW)
    assert list(trained.prepared.settings.evidence["network.numbers"]["losses"]) == ["piecewise_linear_b"]


def test_auto_goes_with_a_number_that_only_waves_have(waves: bw.Dataset) -> None:
    trained = bw.fit(waves, network=small(numbers="auto", frequency_scale=0.2), **HOW)
    assert list(trained.prepared.settings.evidence["network.numbers"]["losses"]) == ["plr"]
    with pytest.raises(ConfigError, match=r"network\.numbers: auto does not go with initial.*of the model, plr"):
        bw.fit(waves, network=small(numbers="auto"), initial=trained, **HOW)


def test_auto_that_cannot_be_tried_is_the_default_and_says_so() -> None:
    x = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
    data = bw.load((x, x[:, 0]), task="regression", validation_split=0)
    trained = bw.fit(data, network=small(numbers="auto"), **HOW)
    said = "numbers piecewise_linear_b is the default, not measured: it takes validation rows"
    assert said in trained.prepared.notes[-1]


def test_a_search_chooses_among_names_and_refuses_auto(waves: bw.Dataset, tmp_path: Path) -> None:
    space = {
        "network.numbers": {"choice": ["plr", "cosine"]},
        "network.hidden_layer_sizes": [4],
        "training.epochs": 2,
        "training.batch_size": 64,
    }
    found = bw.run_search(waves, space, trials=3, run_dir=str(tmp_path / "search"))
    assert {one.chosen["network.numbers"] for one in found.finished} == {"plr", "cosine"}
    for choice in ("auto", {"choice": ["plr", "auto"]}):
        with pytest.raises(ConfigError, match=r"network\.numbers: auto"):
            bw.run_search(waves, space | {"network.numbers": choice, "network.dropout": {"uniform": [0.1, 0.2]}})


def test_a_file_of_an_earlier_version_is_read_as_before(waves: bw.Dataset) -> None:
    made = bw.fit(waves, network=small(numbers="piecewise_linear"), **HOW).model.blueprint
    plain = json.loads(made.to_text())
    assert plain["network"].pop("numbers") == "piecewise_linear"
    assert read_blueprint(json.dumps(plain).encode(), waves.encoding, Path("model.json")) == made


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("plx", "did you mean 'plr'"),
        ("[plr]", "must be one of none, piecewise_linear, .*, or auto"),
    ],
)
def test_a_wrong_name_is_refused_with_the_names_there_are(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load_config(None, [("network.numbers", text, "--set")])


def test_auto_is_no_name_of_an_encoder_that_is_built() -> None:
    with pytest.raises(ConfigError, match="auto is tried as a training begins"):
        nn.Tabular(numbers="auto").build(nn.Features(numeric=1), 1)
