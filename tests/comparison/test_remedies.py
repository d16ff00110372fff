"""Remedies are tried with seeds beside an unchanged twin, as the run was trained; only clear ones are said to help."""

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

import batchwright as bw
from batchwright.comparison.changed import changed_settings
from batchwright.comparison.contenders import Contender, Trying, train_contenders
from batchwright.comparison.remedies import Begun, try_remedies
from batchwright.comparison.run import _remedy
from batchwright.comparison.setups import changed_setup, prepare_base
from batchwright.comparison.tried import Remedy, Tried
from batchwright.config import NONE_GIVEN, load_config
from batchwright.data.disk import budget
from batchwright.errors import ConfigError, DivergedError, InterruptedRunError, RunError
from batchwright.runs.run import open_run
from batchwright.training.checkpoint import first_checkpoint
from batchwright.training.events import EpochDone
from batchwright.training.fit import fit
from batchwright.training.state import initial_state
from batchwright.workflow import train

RATE, EPOCHS = "optimizer.learning_rate", 12
SOUND = {
    "data.source": "iris",
    "network.name": "mlp",
    "network.hidden_layer_sizes": [16],
    "network.batch_normalization": False,
    "optimizer.name": "sgd",
    RATE: 0.1,
    "schedule.name": "constant",
    "training.early_stopping": None,
    "training.epochs": EPOCHS,
    "training.batch_size": 16,
}


def run_of(folder, **changed):
    values = SOUND | {name.replace("__", "."): value for name, value in changed.items()}
    settings = load_config(None, [(key, json.dumps(value), key) for key, value in values.items()])
    try:
        for _ in train(settings, run_dir=folder):
            pass
    except DivergedError:
        pass
    return open_run(folder)


@pytest.fixture(scope="module")
def too_high(tmp_path_factory):
    """A rate sixty times too high."""
    return run_of(tmp_path_factory.mktemp("planted") / "high", **{RATE: 6.0})


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return run_of(tmp_path_factory.mktemp("planted") / "sound", training__epochs=3)


def outcome(run, *changes, kind="a fault", **options):
    events = list(try_remedies(run, [Remedy(kind, one) for one in changes], **options))
    assert isinstance(events[0], Begun)
    assert all(isinstance(event, Trying) for event in events[1:-1])
    return events[-1]


def test_the_remedy_of_a_planted_fault_helps_and_the_fault_itself_makes_no_difference(too_high):
    found = outcome(too_high, {RATE: 6.0}, {RATE: 0.1}, {RATE: 6.0})
    assert isinstance(found, Tried)
    best, same = found.rows
    assert (best.remedy.changes, best.effect, same.effect) == ({RATE: 0.1}, "helps", "no difference shown")
    assert found.best is best
    assert best.difference.high < 0 < best.headline_difference.mean
    assert same.difference == replace(same.difference, mean=0.0, low=0.0, high=0.0)
    assert same.figures.by_seed == found.unchanged.by_seed
    assert found.seeds == (1, 2, 3, 4, 5), "seeds other than the run's own"
    assert f"{best.verdict}" in found.verdict
    assert found.verdict.startswith("optimizer.learning_rate=0.1 helps: validation loss")
    json.dumps(found.to_json(), allow_nan=False)


def test_each_training_is_that_of_its_seed_alone(too_high):
    base = prepare_base(too_high, {}, None, NONE_GIVEN)
    setup = changed_setup(base, {RATE: 0.1, "network.activation": "tanh"}, {})
    found = outcome(too_high, {RATE: 0.1, "network.activation": "tanh"}, {RATE: 1.0}, seeds=2).rows
    row = next(row for row in found if "network.activation" in row.remedy.changes)
    for seed, loss in zip((1, 2), row.figures.by_seed, strict=True):
        job = replace(setup.contender.job, seed=seed)
        start = first_checkpoint(initial_state(job.program, setup.contender.example, seed=seed))
        alone = [event.row["val_loss"] for event in fit(job, start) if isinstance(event, EpochDone)]
        assert loss == pytest.approx(alone[-1], rel=1e-3)


def test_what_cannot_go_on_at_once_is_trained_alone_and_comes_to_the_same(sound):
    base = prepare_base(sound, {}, None, NONE_GIVEN)
    job, example = base.prepared.job, changed_setup(base, {}, {}).contender.example
    alone = replace(job, max_time=1e6)
    ended = _last(train_contenders([Contender(job, example), Contender(alone, example)]))
    assert ended[0].kept["val_loss"] == pytest.approx(ended[1].kept["val_loss"], rel=1e-3)


def _last(steps):
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def test_changes_of_the_rows_reload_them_and_keep_the_split(sound):
    found = outcome(sound, {"data.scaling": "none"}, seeds=2).rows[0]
    assert found.judged_by.monitor == "val_loss"
    assert found.figures.by_seed != found.unchanged.by_seed


def test_another_loss_is_judged_by_a_metric_that_it_does_not_change(sound):
    smooth, weighted = {"task.label_smoothing": 0.3}, {"task.class_weights": "balanced"}
    rows = outcome(sound, smooth, weighted, seeds=2).rows
    judged = {next(iter(row.remedy.changes)): row.judged_by.monitor for row in rows}
    assert judged == {"task.label_smoothing": "val_log_loss", "task.class_weights": "val_balanced_accuracy"}


def test_the_rows_of_memory_and_of_the_disk_come_to_the_same(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(900, 3))
    frame = pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "y": np.where(x[:, 0] > x[:, 1], "yes", "no")})
    frame.write_parquet(tmp_path / "rows.parquet")
    monkeypatch.setattr(budget, "RUNTIME_BYTES", 10**13)  # so that the rows count as ones that do not fit
    same = {"data__source": str(tmp_path / "rows.parquet"), "data__target": "y", "training__epochs": 2}
    found = [
        outcome(run_of(tmp_path / limit, data__memory_limit=limit, **same), {RATE: 1e-4}, {"data.scaling": "none"})
        for limit in ("none", "1000GB")
    ]
    rows = [{next(iter(row.remedy.changes)): row.figures.by_seed for row in one.rows} for one in found]
    for key in (RATE, "data.scaling"):
        np.testing.assert_allclose(rows[0][key], rows[1][key], rtol=0.05)  # each chunk is shuffled by itself
    assert [{row.effect for row in one.rows if RATE in row.remedy.changes} for one in found] == [{"worse"}] * 2


def test_a_twin_that_diverges_is_worse_than_a_remedy_that_does_not(tmp_path):
    run = run_of(tmp_path / "diverged", data__source="diabetes", **{RATE: 1e6})
    assert run.status == "diverged"
    found = outcome(run, {RATE: 0.01}, {RATE: 1e7})
    good, bad = found.rows
    assert (good.effect, bad.effect) == ("helps", "no difference shown")
    assert found.unchanged.diverged == bad.figures.diverged == 5
    assert "diverged with 0 of 5 seeds, unchanged with 5" in good.verdict
    assert outcome(run_of(tmp_path / "sound", data__source="diabetes"), {RATE: 1e6}, seeds=2).rows[0].effect == "worse"


def test_a_leak_is_not_judged_by_the_loss(sound):
    found = outcome(sound, {"data.scaling": "none"}, kind="leak", seeds=2)
    assert (found.rows[0].effect, found.best) == ("not judged", None)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"optimizer.learning_rte": 0.1}, "did you mean"),
        ({RATE: "fast"}, "cannot be tried: optimizer.learning_rate"),
        ({RATE: -1}, "cannot be tried: optimizer.learning_rate"),
        ({"optimizer.name": "adm"}, "did you mean 'adam'"),
        ({"training.seed": 3}, "training.seed is no remedy"),
        ({"data.validation_split": 0.3}, "its validation rows are others"),
        ({"data.source": "../../etc/passwd"}, "cannot be tried"),
        ({"network.hidden_layer_sizes": [10**9, 10**9]}, "smaller"),
        ({"network.hidden_layer_sizes": "__import__('os')"}, "cannot be tried"),
        ({"task.metrics": ["nothing"]}, "cannot be tried"),
    ],
)
def test_impossible_changes_give_one_clear_error(sound, changes, said):
    with pytest.raises(ConfigError) as told:
        outcome(sound, changes)
    assert said in str(told.value)
    assert len(str(told.value)) < 600


def test_impossible_changes_do_not_keep_others_from_being_tried(sound):
    found = outcome(sound, {"optimizer.learning_rte": 0.1}, {RATE: 0.2}, seeds=2)
    assert [row.figures is None for row in sorted(found.rows, key=lambda row: row.figures is None)] == [False, True]


def test_nothing_to_try_too_few_seeds_and_no_validation_rows_are_refused(sound, tmp_path):
    with pytest.raises(ConfigError, match="nothing to try"):
        outcome(sound, {})
    with pytest.raises(ConfigError, match="from 2 on"):
        outcome(sound, {RATE: 0.2}, seeds=1)
    without = run_of(tmp_path / "without", data__validation_split=0, training__epochs=1)
    with pytest.raises(ConfigError, match="no validation rows"):
        outcome(without, {RATE: 0.2})


def test_a_number_that_follows_from_the_rows_is_chosen(sound):
    base = prepare_base(sound, {}, None, NONE_GIVEN)
    stopping = changed_setup(base, {"training.early_stopping": {}}, {}).contender.job.early_stopping
    assert isinstance(stopping.patience, int)


def test_it_can_be_interrupted(sound):
    with pytest.raises(InterruptedRunError):
        outcome(sound, {RATE: 0.2}, seeds=2, interrupted=lambda: True)


def test_epochs_are_of_all_but_remedies_that_change_them(sound):
    found = list(try_remedies(sound, [Remedy("short", {"training.epochs": 4})], seeds=2, epochs=1))
    assert max(event.epochs for event in found if isinstance(event, Trying)) == 2 * (1 + 4)


def test_another_kind_takes_its_own_defaults_where_nobody_has_chosen(tmp_path):
    run = run_of(tmp_path / "run", training__epochs=1)
    settings = changed_settings(run, {"optimizer.name": "adam"})
    assert settings.config.optimizer == bw.optim.Adam(learning_rate=0.1), "the user has chosen the rate"
    assert settings.origins["optimizer.name"] == "user"
    assert settings.config.training == changed_settings(run, {}).config.training
    stopping = changed_settings(run, {"training.early_stopping": {}})
    assert stopping.origins["training.early_stopping.patience"] == "user"


def test_runs_of_rows_from_python_are_tried_with_these(tmp_path):
    data = bw.load("iris")
    trained = bw.fit(data, network=bw.nn.Linear(), epochs=1, run_dir=tmp_path / "run")
    with pytest.raises(RunError, match="rows from Python"):
        bw.try_remedies(trained.run, [{RATE: 0.01}], seeds=2)
    found = bw.try_remedies(trained.run, [{RATE: 0.01}, {"data.scaling": "none"}], data, seeds=2)
    assert {row.figures is None for row in found.rows} == {False, True}
    with pytest.raises(RunError, match="not those"):
        bw.try_remedies(trained.run, [{RATE: 0.01}], bw.load("iris", seed=5), seeds=2)


def test_a_network_of_ones_own_is_given_again_and_a_run_that_began_from_a_model_is_refused(tmp_path):
    data, network = bw.load("iris"), bw.nn.Sequential((bw.nn.Dense(8), bw.nn.Dense(3)))
    own = bw.fit(data, network=network, epochs=1, run_dir=tmp_path / "own")
    with pytest.raises(ConfigError, match="names its network"):
        bw.try_remedies(own.run, [{RATE: 0.01}], data, seeds=2)
    assert bw.try_remedies(own.run, [{RATE: 0.01}], data, seeds=2, network=network).rows
    later = bw.fit(data, network=network, initial=own.model, epochs=1, run_dir=tmp_path / "later")
    with pytest.raises(RunError, match="began from the parameters"):
        bw.try_remedies(later.run, [{RATE: 0.01}], data, seeds=2, network=network)


def test_a_diagnosis_is_made_where_none_is_given(too_high):
    assert bw.try_remedies(too_high.path, seeds=2).rows


def test_what_is_neither_a_diagnosis_nor_settings_is_refused():
    with pytest.raises(ConfigError, match="takes diagnoses"):
        _remedy("faster")
