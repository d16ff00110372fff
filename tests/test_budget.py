"""How long few rows are trained where nobody has said, and that whatever a user says holds."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import batchwright as bw
from batchwright import workflow
from batchwright.config import Settings, load_config
from batchwright.config.sections import Training
from batchwright.findings.batches import few_updates, odd_batch_size, single_row, tiny_batches
from batchwright.training.plan import make_plan
from batchwright.workflow.budget import (
    FEW_ROWS,
    LEAST_UPDATES,
    PATIENCE,
    VERY_FEW_ROWS,
    budget,
    budget_notes,
    class_decay_strength,
    decay_strength,
    with_budget,
    with_epochs_for_size,
)
from batchwright.workflow.decay import DECAY, EXCLUDE

EPOCHS, SIZE = "training.epochs", "training.batch_size"
QUICK = {"network": bw.nn.Linear(), "seed": 1}


def line(rows: int) -> bw.Dataset:
    x = np.linspace(-1, 1, rows)
    return bw.load({"x": x, "y": 2 * x}, target="y", validation_split=0.2, test_split=0.0)


def prepared(settings: Settings, rows: int) -> workflow.Prepared:
    return workflow.prepare(settings, line(rows))


def chosen(**overrides: str) -> Settings:
    return load_config(None, [(f"training.{key}", value, key) for key, value in overrides.items()])


class TestTheRule:
    @given(st.integers(1, FEW_ROWS - 1), st.none() | st.integers(1, 2_000))
    def test_few_rows_get_enough_updates(self, rows: int, size: int | None) -> None:
        found = budget(rows, size)
        plan = make_plan(rows, found.batch_size, found.epochs)
        assert found.few
        assert plan.updates >= LEAST_UPDATES
        assert found.epochs == 20 or plan.updates - plan.iterations_per_epoch < LEAST_UPDATES
        assert found.batch_size == size if size else found.batch_size <= max(32, rows // 32)

    @given(st.integers(1, FEW_ROWS - 1))
    def test_no_batch_is_much_smaller_than_the_others(self, rows: int) -> None:
        plan = make_plan(rows, budget(rows).batch_size, 1)
        assert rows > VERY_FEW_ROWS or 2 * plan.last_batch_rows >= plan.batch_size
        assert plan.last_batch_rows >= min(rows, 8) - 1

    @given(st.integers(8, FEW_ROWS - 1))
    def test_its_batches_are_not_found_fault_with(self, rows: int) -> None:
        plan, network = (
            make_plan(rows, budget(rows).batch_size, 20),
            bw.nn.MLP((8,)).build(bw.nn.Features(numeric=3), 2),
        )
        found = (*odd_batch_size(plan), *tiny_batches(plan, network), *single_row(plan, network), *few_updates(plan))
        assert rows < 17 or {one.kind for one in found} <= {"few updates"}

    def test_a_cnn_has_ten_epochs_of_many_images_and_the_usual_ones_of_few(self) -> None:
        cnn = load_config(None, [("network.name", "cnn", "--network cnn")])
        expected = {100: 250, 3_200: 20, 24_000: 20, 32_000: 15, 60_000: 10}
        found = {rows: with_budget(cnn, rows, decays=False).config.training for rows in expected}
        assert {rows: one.epochs for rows, one in found.items()} == expected
        assert {one.batch_size for rows, one in found.items() if rows > 100} == {64}
        assert with_budget(chosen(epochs="33"), 60_000, decays=False).config.training.epochs == 33

    def test_ends_without_a_jump(self) -> None:
        below, above = budget(FEW_ROWS - 1), budget(FEW_ROWS)
        assert (below.epochs, below.batch_size, below.patience) == (above.epochs, above.batch_size, above.patience)
        assert decay_strength(FEW_ROWS - 1) < 0.001
        epochs = [budget(rows).epochs for rows in range(900, 4_000)]
        assert all(abs(after - before) <= 9 for before, after in pairwise(epochs))

    @given(st.integers(FEW_ROWS, 10**9))
    def test_many_rows_are_trained_as_ever(self, rows: int) -> None:
        found = budget(rows)
        assert (found.epochs, found.batch_size, found.patience, found.few) == (20, 64, 10, False)


class TestTheSettings:
    def test_of_few_rows_say_why(self) -> None:
        settings = prepared(load_config(None), 100).settings
        training = settings.config.training
        assert (training.epochs, training.batch_size) == (250, 20)
        assert training.early_stopping
        assert training.early_stopping.patience == 125
        for key in (EPOCHS, SIZE, PATIENCE):
            assert settings.origins[key] == "rows"
            reason = "80 training rows make 4 iterations an epoch; at least 1,000 updates"
            assert settings.evidence[key]["reason"] == reason

    def test_with_epochs_of_the_user_no_number_of_updates_is_promised(self) -> None:
        few, many = (prepared(load_config(None, [(EPOCHS, str(epochs), EPOCHS)]), 100).settings for epochs in (3, 300))
        assert tuple(budget_notes(few)) == ("batch size 20 for few rows: 80 training rows make 4 iterations an epoch",)
        (said,) = budget_notes(many)
        assert said.startswith("batch size 20, patience 125 for few rows: 80 training rows make 4 iterations an epoch;")
        assert said.endswith("the patience is half of the 250 epochs that 1,000 updates take, and 10 at least")

    def test_of_many_rows_are_defaults(self) -> None:
        settings = prepared(load_config(None), 60_000).settings
        assert {settings.origins[key] for key in (EPOCHS, SIZE, PATIENCE)} == {"default"}
        assert settings.config.training.epochs == 20
        assert settings.evidence == {}

    @pytest.mark.parametrize("rows", [100, 5_000])
    def test_what_the_user_says_holds(self, rows: int) -> None:
        said = chosen(epochs="20", batch_size="64", early_stopping="{patience: 10}")
        settings = prepared(said, rows).settings
        assert settings.config == said.config
        assert {settings.origins[key] for key in (EPOCHS, SIZE, PATIENCE)} == {"user"}

    def test_epochs_follow_the_batch_size_of_the_user(self) -> None:
        assert prepared(chosen(batch_size="full"), 100).plan.epochs == 1_000
        assert prepared(chosen(batch_size="8"), 100).plan.epochs == 100
        assert prepared(chosen(batch_size="{adaptive: {start: 16}}"), 100).plan.epochs == 200

    @pytest.mark.parametrize(("network", "sizes", "decay"), [("tabular", "[256, 128]", 10.0), ("mlp", "[16]", 1.25)])
    def test_few_rows_get_a_decay_of_kernels(self, network: str, sizes: str, decay: float) -> None:
        said = load_config(None, [("network.name", network, "-"), ("network.hidden_layer_sizes", sizes, "-")])
        found = prepared(said, 100)
        rule = found.settings.config.optimizer
        assert (rule.weight_decay, rule.exclude) == (decay, ("bias", "gamma", "beta"))
        assert found.job.program.optimizer == rule
        assert found.settings.origins[DECAY] == found.settings.origins[EXCLUDE] == "rows"
        assert any(f"weight decay {decay}" in note for note in found.notes)

    def test_an_empty_exclude_of_the_user_stays(self) -> None:
        settings = prepared(load_config(None, [("optimizer.exclude", "[]", "-")]), 100).settings
        assert (settings.config.optimizer.weight_decay, settings.config.optimizer.exclude) == (10.0, ())
        assert (settings.origins[DECAY], settings.origins[EXCLUDE]) == ("rows", "user")
        assert EXCLUDE not in settings.evidence

    def test_classes_have_no_decay(self) -> None:
        settings = workflow.prepare(load_config(None), bw.load("iris")).settings
        assert settings.config.training.epochs == 250
        assert settings.config.optimizer == bw.optim.Adam()

    def test_the_decay_of_an_update_does_not_depend_on_the_rate(self) -> None:
        said = load_config(None, [("optimizer.learning_rate", "0.02", "-")])
        assert prepared(said, 100).settings.config.optimizer.weight_decay == 0.5

    def test_the_decay_is_less_for_more_rows(self) -> None:
        said = load_config(None, [("schedule.name", "one_cycle", "-")])
        rule = prepared(said, 2_625).settings.config.optimizer  # 2,100 of them are training rows
        assert rule.weight_decay == 5.0

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("training.epochs", "250"),
            ("training.epochs", "auto"),
            ("training.freeze", "[dense_4]"),
            ("optimizer.weight_decay", "0"),
            ("optimizer.l2", "0.1"),
            ("optimizer.name", "sgd"),
            ("network.name", "linear"),
            ("network.hidden_layer_sizes", "[]"),
            ("network.batch_normalization", "false"),
        ],
    )
    def test_no_decay_beside_what_the_user_says(self, key: str, value: str) -> None:
        said = load_config(None, [(key, value, key)])
        found = prepared(said, 100).settings
        names = ("weight_decay", "l2", "exclude")
        rules = (found.config.optimizer, said.config.optimizer)
        assert len({tuple(getattr(rule, name) for name in names) for rule in rules}) == 1
        assert DECAY not in found.evidence

    def test_a_trial_has_the_decay_for_its_own_rate(self) -> None:
        whole = prepared(load_config(None), 100)
        job = workflow.preparing.job_on(whole, load_config(None, [("optimizer.learning_rate", "0.01", "-")]))
        assert job.program.optimizer.weight_decay == 1.0
        assert workflow.preparing.job_on(whole, chosen(epochs="9")).program.optimizer.weight_decay is None

    def test_a_trained_model_to_begin_with_is_not_decayed(self) -> None:
        data, network = line(100), bw.nn.MLP((16,))
        first = bw.fit(data, network=network, epochs=1)
        events = bw.events(data, network=network, initial=first)
        found = next(events)
        assert isinstance(found, workflow.Prepared)
        assert found.job.program.optimizer == found.settings.config.optimizer == bw.optim.Adam()
        assert not any("weight decay" in note for note in found.notes)
        assert any("epochs 250" in note for note in found.notes)

    def test_without_early_stopping_there_is_no_patience(self) -> None:
        found = prepared(chosen(early_stopping="null"), 100)
        assert found.settings.config.training.early_stopping is None
        assert found.job.early_stopping is None

    def test_of_a_trial_are_those_of_the_rows(self) -> None:
        whole = prepared(load_config(None), 100)
        job = workflow.preparing.job_on(whole, chosen(batch_size="8"))
        assert (job.plan.batch_size, job.plan.epochs) == (8, 250)
        assert job.early_stopping == whole.job.early_stopping

    def test_a_measured_batch_size_changes_the_epochs(self) -> None:
        whole = prepared(load_config(None), 100).settings
        measured = whole.with_measured({SIZE: 10}, {SIZE: {"reason": "measured"}})
        found = workflow.budget.with_epochs_for_size(measured, 80).config.training
        assert (found.epochs, found.batch_size) == (125, 10)


class TestTraining:
    def test_python_and_estimators_agree(self) -> None:
        data = line(100)
        assert bw.fit(data, **QUICK, early_stopping=None).prepared.plan.epochs == 250
        assert bw.fit(data, **QUICK, epochs=20, batch_size=64).prepared.plan == make_plan(80, 64, 20)
        x = np.linspace(-1, 1, 80)[:, None]
        regressor = bw.Regressor((16,), random_state=0).fit(x, 2 * x[:, 0])
        assert regressor.n_iter_ == 250
        assert regressor.score(x, 2 * x[:, 0]) > 0.99

    def test_the_default_learns_a_line(self) -> None:
        x = np.linspace(-1, 1, 30)
        trained = bw.fit(bw.load({"x": x, "y": 2 * x}, target="y", test_split=0.0), diagnostics=False)
        assert trained.prepared.settings.config.optimizer.weight_decay == 10.0
        answers = np.asarray(trained.predict({"x": x}).answers)
        assert np.mean((answers - 2 * x) ** 2) < 0.03 * np.var(2 * x)

    def test_a_recorded_run_keeps_its_numbers(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        data = line(100)
        run = tmp_path / "run"
        trained = bw.fit(data, **QUICK, run_dir=run)
        assert trained.run
        assert trained.run.settings[EPOCHS].origin == "rows"
        assert trained.run.settings[EPOCHS].value == 250
        monkeypatch.setattr("batchwright.workflow.budget.LEAST_UPDATES", 10)
        again = workflow.prepare(workflow.recorded_settings(trained.run), data)
        assert again.plan == trained.prepared.plan
        assert replace(Training(), epochs=250, batch_size=20).epochs == again.settings.config.training.epochs


class TestDecayOfClasses:
    """Classes at a steady learning rate have some weight decay; numbers there have none."""

    @staticmethod
    def table(rows: int, kind: str) -> bw.Dataset:
        rng = np.random.default_rng(0)
        columns = {name: rng.normal(size=rows) for name in ("a", "b")}
        code = rng.integers(3, size=rows)
        columns["class"] = np.array(["red", "green", "blue"])[code]
        columns["labels"] = np.array(["x", "x|y", "y"])[code]
        target = {"class": "class", "number": "b", "labels": "labels", "both": ("b", "class")}[kind]
        more = {"task": "multilabel", "label_separator": "|"} if kind == "labels" else {}
        return bw.load(columns, target=target, **more)

    @pytest.mark.parametrize(("kind", "decay"), [("class", 3.0), ("labels", 3.0), ("number", None), ("both", None)])
    def test_by_what_is_predicted(self, kind: str, decay: float | None) -> None:
        found = workflow.prepare(load_config(None), self.table(1_500, kind))
        rule = found.settings.config.optimizer
        assert (rule.weight_decay, rule.exclude) == (decay, () if decay is None else ("bias", "gamma", "beta"))
        assert any("weight decay 3" in note for note in found.notes) == (decay is not None)

    def test_by_the_rows(self) -> None:
        strengths = [class_decay_strength(rows) for rows in (1_000, 10_000, 17_500, 25_000, 40_000)]
        np.testing.assert_allclose(strengths, [0.3, 0.3, 0.15, 0, 0])

    def test_another_configuration_on_the_same_rows_has_it_for_its_own_rate(self) -> None:
        whole = workflow.prepare(load_config(None), self.table(1_500, "class"))
        other = load_config(None, [("optimizer.learning_rate", "0.01", "-")])
        assert workflow.preparing.job_on(whole, other).program.optimizer.weight_decay == 0.3

    def test_large_batches_that_bring_the_usual_schedule_bring_no_decay(self) -> None:
        whole = workflow.prepare(load_config(None), self.table(1_500, "class")).settings
        training = replace(whole.config.training, batch_size=1_000)
        found = with_epochs_for_size(replace(whole, config=replace(whole.config, training=training)), 1_050)
        assert found.config.schedule == bw.optim.OneCycle()
        assert found.config.optimizer.weight_decay is None
