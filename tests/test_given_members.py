"""An ensemble whose members have settings that are given: trained, recorded, gone on with, and refused."""

from dataclasses import replace
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from tests.cli.conftest import assert_same

import batchwright as bw
from batchwright import workflow
from batchwright.config import Settings, load_config
from batchwright.errors import ConfigError
from batchwright.population.fit import fit_members
from batchwright.runs.run import Run, open_run
from batchwright.training.evaluate import outputs
from batchwright.training.state import Model
from batchwright.workflow.events import MembersDone
from batchwright.workflow.member_settings import member_settings
from batchwright.workflow.preparing import job_on
from batchwright.workflow.trained import Trained

GIVEN = """[{}, {optimizer.learning_rate: 0.05},
  {network.name: linear, optimizer.name: sgd, optimizer.learning_rate: 0.05, training.batch_size: 16},
  {network.hidden_layer_sizes: [5], training.average: {name: exponential, decay: 0.9}}]"""
VALUES = {
    "data.source": "diabetes",
    "network.name": "mlp",
    "network.hidden_layer_sizes": "[6]",
    "training.epochs": "3",
    "training.members": GIVEN,
}


def _settings(**others: str) -> Settings:
    return load_config(None, [(key, text, key) for key, text in {**VALUES, **others}.items()])


def _train(folder: Path, **others: str) -> Trained:
    *_, last = workflow.train(_settings(**others), run_dir=folder)
    assert isinstance(last, Trained)
    return last


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return _train(tmp_path_factory.mktemp("given") / "run")


@pytest.fixture(scope="module")
def run(trained: Trained) -> Run:
    assert trained.run is not None
    return open_run(trained.run.path)


@pytest.mark.parametrize(
    ("change", "times"),
    [
        ({"optimizer.learning_rate": 0.01}, 0.1),
        ({"network.hidden_layer_sizes": [64]}, 0.5),
        ({"network.dropout": 0.1}, 1.0),
        ({"optimizer.learning_rate": 0.01, "optimizer.weight_decay": 0.3}, None),
    ],
)
def test_the_decay_of_a_member_follows_from_its_own_rate_and_network(
    change: dict[str, object], times: float | None
) -> None:
    values = {"data.source": "diabetes", "network.hidden_layer_sizes": "[256]"}
    settings = workflow.prepare(load_config(None, [(key, text, key) for key, text in values.items()])).settings
    assert settings.origins["optimizer.weight_decay"] == "rows"
    first = settings.config.optimizer.weight_decay
    training = replace(settings.config.training, members=({}, change))
    _, member = member_settings(replace(settings, config=replace(settings.config, training=training)))
    expected = change.get("optimizer.weight_decay") if times is None else first * times  # type: ignore[operator]
    assert member.settings.config.optimizer.weight_decay == pytest.approx(expected, rel=0.01)


def test_each_member_has_the_settings_that_are_given(run: Run) -> None:
    assert run.members is not None
    found = {one.number: one.settings for one in run.members.members}
    assert [found[number] for number in range(1, 5)] == run.settings["training.members"].value
    assert found[2] == {"optimizer.learning_rate": 0.05}


def test_a_member_is_trained_as_alone_with_its_settings_and_another_seed(run: Run) -> None:
    overrides = {
        "network.name": "linear",
        "optimizer.name": "sgd",
        "optimizer.learning_rate": "0.05",
        "training.batch_size": "16",
    }
    rest = {key: text for key, text in VALUES.items() if not key.startswith("network") and "members" not in key}
    settings = load_config(None, [(key, text, key) for key, text in {**rest, **overrides}.items()])
    prepared = workflow.prepare(_settings())
    alone = workflow.preparing.job_on(prepared, settings)
    *_, last = fit_members([replace(alone, seed=2)], workflow.preparing.example_of(prepared.dataset))
    assert run.members is not None
    member = next(one for one in run.members.members if one.number == 3)
    assert member.validation["loss"] == pytest.approx(last[0].now.history[member.epoch - 1]["val_loss"], rel=1e-4)


def test_the_answer_is_the_weighted_mean_of_the_members(trained: Trained) -> None:
    model, record = trained.model, trained.members
    assert record is not None
    answering = [one for one in record.members if one.count]
    assert len(answering) > 1
    rows = {"numeric": jnp.asarray(np.random.default_rng(0).normal(size=(9, 10)), jnp.float32)}
    alone = []
    for place, network in enumerate(model.blueprint.architecture.members):  # type: ignore[attr-defined]
        own = bw.nn.Variables(*(tree[f"member_{place}"] for tree in model.variables))
        alone.append(outputs(Model(network.build(model.blueprint.features, 1), model.model.task), own, rows))
    mean = np.average(np.asarray(alone, np.float64), axis=0, weights=[one.count for one in answering])
    np.testing.assert_allclose(outputs(model.model, model.variables, rows), mean, rtol=1e-4, atol=1e-5)


def test_the_record_has_the_figures_of_the_first_member_alone(trained: Trained, run: Run) -> None:
    *_, alone = workflow.train(_settings(**{"training.members": "null"}), record=False)
    assert isinstance(alone, Trained) and trained.members is not None
    assert trained.members.first.keys() == {"validation", "test"}
    for part, figures in trained.members.first.items():
        assert figures == pytest.approx(alone.metrics[part], rel=1e-3)
    assert run.members == trained.members


def test_the_configuration_of_the_run_gives_the_same_bits(run: Run, tmp_path: Path) -> None:
    list(workflow.train(load_config(run.path / "config.yaml"), run_dir=tmp_path / "again"))
    assert_same(tmp_path / "again", run.path)


def test_it_goes_on_after_a_break_with_the_same_bits(run: Run, tmp_path: Path) -> None:
    events = workflow.train(_settings(), run_dir=tmp_path / "broken")
    seen = 0
    while seen < 2:
        seen += isinstance(next(events), MembersDone)
    events.close()  # type: ignore[attr-defined]
    list(workflow.resume(tmp_path / "broken"))
    assert_same(tmp_path / "broken", run.path)


def test_from_python_as_from_a_file(trained: Trained) -> None:
    given = [{}, {"optimizer.learning_rate": np.float64(0.05)}]
    how = {"network": bw.nn.MLP((6,)), "epochs": 3, "diagnostics": False}
    found = bw.fit(bw.load("diabetes"), members=given, **how)  # type: ignore[arg-type]
    assert found.members is not None and trained.members is not None
    losses = {one.number: one.validation["loss"] for one in found.members.members}
    known = {one.number: one.validation["loss"] for one in trained.members.members}
    assert losses == pytest.approx({number: known[number] for number in (1, 2)}, rel=1e-4)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("[{}, {optimizer.rate: 1}]", "training.members, member 2: optimizer.rate: unknown key"),
        ("[{}, {task.loss: huber}]", "member 2: members cannot differ in task.loss"),
        ("[{}, {training.epochs: 9}]", "members cannot differ in training.epochs"),
        ("[{}, {network.numbers: auto, network.name: tabular}]", "network.numbers: auto is tried before"),
        ("[{optimizer.learning_rate: 0.5}, {}]", "member 1: the first has the settings of the training"),
        ("[{}, {'training.batch_size': {adaptive: {}}}]", "a batch size that stays as it is"),
        ("[{}]", "a list, each entry a mapping of names, each to a value .2 to 64 of them"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything_is_written(given: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=said):
        list(workflow.train(_settings(**{"training.members": given}), run_dir=tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_members_that_look_at_other_views_are_refused() -> None:
    members = "[{}, {training.augment: {flip: true, test_time: true}}]"
    overrides = {"data.source": "digits", "network.name": "cnn", "training.augment": "{flip: true}"}
    settings = load_config(None, [*((k, v, k) for k, v in overrides.items()), ("training.members", members, "")])
    with pytest.raises(ConfigError, match="members answer to the same views of an image"):
        next(workflow.train(settings, record=False))


def _rates(*overrides: tuple[str, str]) -> list[float]:
    """The learning rate of each member."""
    values = {"training.epochs": "2", "training.batch_size": "64", **dict(overrides)}
    prepared = workflow.prepare(load_config(None, [(key, text, key) for key, text in values.items()]))
    jobs = [job_on(prepared, one.settings) for one in member_settings(prepared.settings)]
    return [float(job.program.optimizer.learning_rate) for job in jobs]


@pytest.mark.parametrize(
    ("source", "network", "members", "rates"),
    [
        ("diabetes", "linear", "[{}, {network.name: tabular}]", [0.1, 0.001]),
        ("diabetes", "linear", "[{}, {network.name: tabular, optimizer.beta_1: 0.8}]", [0.1, 0.001]),
        ("diabetes", "linear", "[{}, {network.name: tabular, optimizer.learning_rate: 0.1}]", [0.1, 0.1]),
        ("diabetes", "mlp", "[{}, {network.name: linear, optimizer.beta_1: 0.8}]", [0.001, 0.1]),
        ("diabetes", "mlp", "[{}, {network.hidden_layer_sizes: []}, {optimizer.name: sgd}]", [0.001, 0.1, 0.1]),
        ("digits", "cnn", "[{}, {network.name: mlp}, {schedule.name: constant}]", [0.004, 0.001, 0.001]),
        ("digits", "cnn", "[{network.kernel_size: 3}, {network.dropout: 0.1}]", [0.004, 0.004]),
        (
            "digits",
            "mlp",
            "[{}, {network.name: cnn}, {network.name: cnn, training.batch_size: 16}]",
            [0.001, 0.004, 0.002],
        ),
    ],
)
def test_a_rate_that_nobody_has_set_is_that_of_the_members_own_network(
    source: str, network: str, members: str, rates: list[float]
) -> None:
    found = _rates(("data.source", source), ("network.name", network), ("training.members", members))
    assert found == pytest.approx(rates)


@pytest.mark.parametrize(
    "values",
    [
        {
            "data.source": "digits",
            "network.hidden_layer_sizes": "[4]",
            "training.members": "[{}, {network.name: cnn, network.filters: [2]}]",
        },
        {"network.name": "linear", "training.members": "3"},
    ],
)
def test_interrupted_its_members_keep_their_rates(values: dict[str, str], tmp_path: Path) -> None:
    values = {"data.source": "iris", "network.name": "mlp", "training.epochs": "2", **values}
    settings = load_config(None, [(key, text, key) for key, text in values.items()])
    list(workflow.train(settings, run_dir=tmp_path / "whole"))
    events = workflow.train(settings, run_dir=tmp_path / "broken")
    while not isinstance(next(events), MembersDone):
        pass
    events.close()  # type: ignore[attr-defined]
    list(workflow.resume(tmp_path / "broken"))
    assert_same(tmp_path / "broken", tmp_path / "whole")
    assert open_run(tmp_path / "broken").members == open_run(tmp_path / "whole").members


def test_drawn_members_of_a_linear_network_are_trained_at_the_rates_that_were_drawn() -> None:
    values = (("data.source", "diabetes"), ("network.name", "linear"), ("training.members", "3"))
    first, *others = _rates(*values)
    assert first == pytest.approx(0.1)
    assert len({first, *others}) == 3
