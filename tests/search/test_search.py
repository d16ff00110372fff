"""A search in process: how many trials it counts, what it keeps when it is interrupted, and what its best is."""

import json
from itertools import count

import numpy as np
import pytest

import batchwright as bw
from batchwright.config import load_config
from batchwright.errors import ConfigError, InterruptedRunError, RunError
from batchwright.runs.run import open_run
from batchwright.runs.searches import reopen_search
from batchwright.search.events import Progress, Searched, SearchOptions
from batchwright.search.search import go_on, search
from batchwright.search.space import load_space
from batchwright.workflow.held_out import with_validation_rows
from batchwright.workflow.preparing import prepare

VALUES = {
    "data.source": "iris",
    "network.name": "mlp",
    "network.hidden_layer_sizes": "[6]",
    "network.batch_normalization": "false",
    "optimizer.learning_rate": "{log: [1e-3, 1]}",
    "training.epochs": "3",
    "training.batch_size": "32",
}


def _space(**others):
    texts = {key: text for key, text in {**VALUES, **others}.items() if text is not None}
    return load_space(None, [(key, text, key) for key, text in texts.items()])


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("searches") / "found"
    *_, last = search(_space(), SearchOptions(trials=10, seeds=2, pruning="none"), run_dir=folder)
    assert isinstance(last, Searched)
    return last


def test_as_many_trials_as_asked_for_are_kept_each_with_its_curve(found):
    lines = [json.loads(line) for line in (found.folder / "trials.jsonl").read_text().splitlines()]
    assert len(lines) == len(found.finished) == 10
    assert len({line["number"] for line in lines}) == 10
    assert all(0 < line["value"] <= min(line["curve"]) and len(line["curve"]) == 3 for line in lines)
    assert min(line["value"] for line in lines) == found.best.outcome.value


def test_the_best_is_trained_anew_with_its_settings_and_seeds(found):
    run = open_run(found.folder / "best")
    assert run.settings["optimizer.learning_rate"].value == found.best.chosen["optimizer.learning_rate"]
    assert run.settings["optimizer.learning_rate"].origin == "searched"
    assert len(found.repeated.runs) == 2 and found.repeated.runs[0].metrics == found.trained.metrics
    losses = [one.metrics["validation"]["loss"] for one in found.repeated.runs]
    assert np.mean(losses) == pytest.approx(found.best.outcome.value, rel=1e-3)  # as in its trial


def test_the_share_of_the_seed_is_told_where_there_are_several(found):
    assert 0 <= found.importance.seeds <= 1
    assert all(len(one.outcome.by_seed) == 2 for one in found.finished)


def test_the_configuration_of_the_best_is_one_to_train_with(found):
    settings = load_config(found.folder / "best.yaml")
    assert settings.config.optimizer.learning_rate == found.best.chosen["optimizer.learning_rate"]
    assert settings.config.data.source == "iris"


def test_a_finished_search_trains_no_trial_again(found):
    events = list(go_on(reopen_search(found.folder)))
    assert not [event for event in events if isinstance(event, Progress)]
    assert [one.number for one in events[-1].finished] == [one.number for one in found.finished]


def test_interrupted_it_goes_on_to_exactly_as_many_trials(tmp_path):
    asked = count()
    with pytest.raises(InterruptedRunError, match="batchwright resume") as error:
        list(search(_space(), SearchOptions(trials=12), run_dir=tmp_path / "s", interrupted=lambda: next(asked) > 3))
    assert "of 12 trials" in str(error.value)
    *_, last = go_on(reopen_search(tmp_path / "s"))
    assert len(last.finished) == 12 and len({one.number for one in last.finished}) == 12
    chosen = [tuple(one.chosen.values()) for one in last.finished]
    assert len(set(chosen)) == 12  # none was trained twice


def test_other_rows_are_not_gone_on_with(tmp_path, found, monkeypatch):
    table = tmp_path / "rows.csv"
    table.write_text("a,b,y\n" + "".join(f"{n},{n % 7},{'pq'[n % 2]}\n" for n in range(120)))
    space = _space(**{"data.source": str(table), "data.target": "y"})
    events = search(space, SearchOptions(trials=4), run_dir=tmp_path / "s")
    next(events)
    events.close()
    table.write_text(table.read_text().replace("7,0,q", "7,1,q"))
    with pytest.raises(RunError, match="differ from the rows of the search"):
        list(go_on(reopen_search(tmp_path / "s")))


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ({"data.validation_split": "0"}, "validation_split"),
        ({"training.epochs": "auto"}, "auto is measured before a single training"),
        ({"training.batch_size": "{adaptive: {}}"}, "stays as it is"),
    ],
)
def test_what_cannot_be_searched_is_refused_before_anything_is_written(tmp_path, others, said):
    with pytest.raises(ConfigError, match=said):
        list(search(_space(**others), SearchOptions(trials=4), run_dir=tmp_path / "s"))
    assert not (tmp_path / "s").exists()


def test_all_trials_are_judged_by_a_loss_that_the_search_does_not_change(tmp_path):
    space = _space(**{"task.label_smoothing": "{uniform: [0.01, 0.3]}", "training.early_stopping": "null"})
    *_, last = search(space, SearchOptions(trials=4, pruning="none"), run_dir=tmp_path / "s")
    assert last.best.outcome.curve[-1] == pytest.approx(last.trained.history[-1]["val_log_loss"], rel=1e-3)


def test_few_rows_are_trained_for_as_many_updates_with_a_batch_size_that_was_measured(tmp_path):
    free = {key: text for key, text in VALUES.items() if not key.startswith("training")}
    free["training.early_stopping.patience"] = "1"
    space = load_space(None, [(key, text, key) for key, text in free.items()])
    *_, last = search(space, SearchOptions(trials=2), run_dir=tmp_path / "s")
    plan = last.trained.prepared.plan
    assert (plan.epochs - 1) * plan.iterations_per_epoch < 1_000 <= plan.epochs * plan.iterations_per_epoch


def test_with_many_trials_more_is_searched_and_what_the_user_chose_is_not():
    from batchwright.search.defaults import default_dimensions

    settings = load_config(None, [("optimizer.name", "sgd", "--set"), ("network.dropout", "0.1", "--set")])
    few, some, many = ({one.key for one in default_dimensions(settings, trials)} for trials in (8, 16, 200))
    assert few == {"optimizer.learning_rate"}
    assert some == {*few, "optimizer.momentum", "network.hidden_layer_sizes"}
    assert some < many and "schedule.name" in many
    assert "network.dropout" not in many and "optimizer.beta_1" not in many


def test_where_the_rows_give_an_average_the_default_search_keeps_it(tmp_path):
    from batchwright.search.search import _plan_search
    from batchwright.workflow.averaging import is_averaged

    x = np.linspace(-1, 1, 1_500)
    data = bw.load({"x": x, "y": 2 * x}, target="y", test_split=0.0)
    small = load_space(None, [("network.name", "mlp", ""), ("network.hidden_layer_sizes", "[4]", "")])
    space, prepared, _, _ = _plan_search(small, SearchOptions(trials=40), data)
    assert is_averaged(prepared.settings)
    assert {"optimizer.learning_rate", "network.dropout"} <= {one.key for one in space.dimensions}
    assert "schedule.name" not in {one.key for one in space.dimensions}


@pytest.mark.parametrize(
    ("network", "epochs", "ends"),
    [("linear", 1, (0.0032, 1.0)), ("linear", 200, (0.00032, 0.32)), ("mlp", 1, (3.2e-5, 0.032))],
)
def test_rates_around_that_of_the_network_are_searched(network, epochs, ends):
    from batchwright.search.search import _plan_search

    x = np.linspace(-1, 1, 100)
    data = bw.load({"x": x, "y": 2 * x}, target="y", test_split=0.0)
    values = {"network.name": network, "training.epochs": str(epochs), "training.batch_size": "8"}
    space, _, _, _ = _plan_search(
        load_space(None, [(k, v, k) for k, v in values.items()]), SearchOptions(trials=2), data
    )
    assert [(one.key, one.values) for one in space.dimensions] == [("optimizer.learning_rate", ends)]


def test_linear_networks_and_others_have_rows_that_any_of_them_reads_again(tmp_path):
    drawn = np.random.default_rng(0)
    skewed = drawn.lognormal(0, 3, 120)
    lines = [f"{x},{y}" for x, y in zip(skewed, np.where(skewed > 1, "high", "low"), strict=True)]
    (tmp_path / "skewed.csv").write_text("\n".join(["x,y", *lines]))
    others = {
        "data.source": str(tmp_path / "skewed.csv"),
        "data.target": "y",
        "network.name": "{choice: [linear, mlp]}",
        "network.hidden_layer_sizes": None,
        "network.batch_normalization": None,
        "training.epochs": "1",
    }
    space = _space(**others)
    scalings = {name: space.settings({"network.name": name}).config.data_options.scaling for name in ("linear", "mlp")}
    assert scalings == {"linear": "standard", "mlp": "auto"}  # what each has where it is trained alone
    began, *_ = search(space, SearchOptions(trials=2), run_dir=tmp_path / "found")
    assert any(note.startswith("data.scaling is standard") for note in began.notes)
    folder = tmp_path / "found"
    kept, fingerprint = load_space(folder / "space.yaml"), reopen_search(folder).plan.fingerprint
    for name in ("linear", "mlp"):
        settings = kept.settings({"network.name": name})
        assert prepare(with_validation_rows(settings)).dataset.fingerprint == fingerprint
    assert load_config(folder / "best.yaml").config.data_options.scaling == "standard"
