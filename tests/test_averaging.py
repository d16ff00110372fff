"""Tables of some thousand rows are trained at a steady rate, with an average that is kept, unless a user says more."""

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
from batchwright.errors import ConfigError
from batchwright.training.plan import make_plan
from batchwright.workflow.averaging import MOST_UPDATES, averaged_budget, is_averaged
from batchwright.workflow.budget import with_epochs_for_size
from batchwright.workflow.preparing import job_on
from batchwright.workflow.timing import fit_epochs_in_time

CONSTANT, ONE_CYCLE, AVERAGE = bw.optim.Constant(), bw.optim.OneCycle(), bw.Average(decay=0.99)


def line(rows: int, validation: float = 0.2) -> bw.Dataset:
    x = np.linspace(-1, 1, rows)
    return bw.load({"x": x, "y": 2 * x}, target="y", validation_split=validation, test_split=0.0)


@pytest.fixture(scope="module")
def table() -> bw.Dataset:
    return line(2_000)


def said(**values: str) -> Settings:
    return load_config(None, [(key.replace("__", "."), value, key) for key, value in values.items()])


class TestTheRule:
    @given(st.integers(800, 45_714), st.none() | st.integers(1, 5_000))
    def test_more_epochs_than_usual_and_no_more_updates_than_enough(self, rows: int, size: int | None) -> None:
        found = averaged_budget(rows, size)
        enough = size is None or -(-rows // size) * min(60, 960_000 // rows) >= 1_000
        assert (found is not None) == enough
        if found is None:
            return
        assert 20 < found.epochs <= 60
        assert found.batch_size == size if size else found.batch_size in (32, 64)
        usual = make_plan(rows, 64, found.epochs)
        assert usual.updates <= MOST_UPDATES + found.epochs

    def test_epochs_fall_to_the_usual_number_without_a_jump(self) -> None:
        found = [averaged_budget(rows) for rows in range(800, 48_000, 50)]
        epochs = [one.epochs if one else 20 for one in found]
        assert all(0 <= before - after <= 1 for before, after in pairwise(epochs))
        assert (epochs[0], epochs[-1]) == (60, 20)

    @given(st.integers(0, 799) | st.integers(45_715, 10**9))
    def test_neither_few_rows_nor_many(self, rows: int) -> None:
        assert averaged_budget(rows) is None


class TestTheSettings:
    def test_follow_from_the_rows(self, table: bw.Dataset) -> None:
        found = workflow.prepare(load_config(None), table)
        config, origins = found.settings.config, found.settings.origins
        assert (config.schedule, config.training.average, config.optimizer) == (CONSTANT, AVERAGE, bw.optim.Adam())
        assert (found.plan.epochs, found.plan.batch_size, found.job.average) == (60, 32, AVERAGE)
        for key in ("schedule.name", "training.average.name", "training.average.decay", "training.epochs"):
            assert origins[key] == "rows"
        assert "training.average" not in origins
        assert any("1,600 training rows, at a steady learning rate" in note for note in found.notes)

    @pytest.mark.parametrize(
        "chosen",
        [
            {"training__epochs": "20"},
            {"training__epochs": "auto"},
            {"optimizer__learning_rate": "auto"},
            {"schedule__name": "one_cycle"},
            {"schedule__name": "cosine"},
            {"training__average": "{name: late}"},
            {"training__average": "null"},
            {"training__early_stopping": "null"},
            {"training__early_stopping": "{monitor: loss}"},
            {"training__early_stopping": "{restore_best: false}"},
        ],
        ids=str,
    )
    def test_not_beside_what_the_user_says(self, table: bw.Dataset, chosen: dict[str, str]) -> None:
        asked = said(**chosen)
        found = workflow.prepare(asked, table).settings
        assert not is_averaged(found)
        assert (found.config.schedule, found.config.training.average) == (
            asked.config.schedule,
            asked.config.training.average,
        )

    def test_not_without_validation_rows_nor_for_images(self) -> None:
        assert not is_averaged(workflow.prepare(load_config(None), line(2_000, validation=0.0)).settings)
        assert not is_averaged(workflow.prepare(load_config(None), line(900)).settings)
        found = workflow.prepare(load_config(None), bw.load("digits")).settings
        assert (found.config.schedule, found.config.training.average) == (ONE_CYCLE, None)

    def test_a_schedule_given_in_python_holds_even_if_it_is_the_usual_one(self, table: bw.Dataset) -> None:
        given_one = next(bw.events(table, schedule=bw.optim.OneCycle()))
        assert isinstance(given_one, workflow.Prepared)
        assert given_one.settings.config.schedule == ONE_CYCLE
        left_out = next(bw.events(table))
        assert isinstance(left_out, workflow.Prepared)
        assert left_out.settings.config.schedule == CONSTANT

    def test_a_batch_size_and_a_patience_of_the_user_are_kept(self, table: bw.Dataset) -> None:
        asked = said(training__batch_size="80", training__early_stopping="{patience: 3}")
        found = workflow.prepare(asked, table)
        assert is_averaged(found.settings)
        assert found.plan.batch_size == 80
        assert found.job.early_stopping
        assert found.job.early_stopping.patience == 3

    def test_trials_share_them_and_a_schedule_of_their_own_has_time_to_fall(self, table: bw.Dataset) -> None:
        whole = workflow.prepare(load_config(None), table)
        job = job_on(whole, said(optimizer__learning_rate="0.01"))
        assert (job.schedule, job.average, job.plan) == (CONSTANT, AVERAGE, whole.plan)
        other = job_on(whole, said(schedule__name="cosine"))
        assert (other.schedule, other.average, other.plan) == (bw.optim.Cosine(), None, whole.plan)
        assert other.early_stopping
        assert other.early_stopping.patience == 30

    def test_a_measured_batch_size_changes_nothing_else(self, table: bw.Dataset) -> None:
        whole = workflow.prepare(load_config(None), table).settings
        measured = whole.with_measured({"training.batch_size": 48}, {"training.batch_size": {"reason": "measured"}})
        found = with_epochs_for_size(measured, 1_600)
        assert is_averaged(found)
        assert replace(found.config.training, batch_size=32) == whole.config.training

    def test_a_measured_batch_size_too_large_for_it_gives_the_usual_schedule(self) -> None:
        whole = workflow.prepare(load_config(None), line(12_500)).settings
        assert is_averaged(whole)
        measured = whole.with_measured({"training.batch_size": 1_024}, {"training.batch_size": {"reason": "measured"}})
        found = with_epochs_for_size(measured, 10_000)
        chosen = workflow.prepare(said(training__batch_size="1024"), line(12_500)).settings
        assert found.config == chosen.config
        assert (found.config.schedule, found.config.training.average) == (ONE_CYCLE, None)
        assert not is_averaged(found)
        assert "schedule.name" not in found.evidence

    def test_late_and_a_limit_of_time_are_refused(self, table: bw.Dataset) -> None:
        asked = said(training__average="{name: late}", training__max_time="10")
        with pytest.raises(ConfigError, match="late begins at a share of the epochs"):
            workflow.prepare(asked, table)


class TestTraining:
    def test_it_stops_keeps_the_average_and_is_what_is_recorded(self, tmp_path: Path) -> None:
        generator = np.random.default_rng(0)
        x = generator.normal(size=1_200)
        data = bw.load({"x": x, "y": generator.normal(size=1_200)}, target="y", test_split=0.0)
        trained = bw.fit(data, network=bw.nn.MLP((64,)), run_dir=tmp_path / "run", diagnostics=False)
        assert len(trained.history) < 60
        assert "has not improved for 10 epochs" in trained.stopped.reason
        assert len({row["learning_rate"] for row in trained.history}) == 1
        assert trained.run
        again = workflow.prepare(workflow.recorded_settings(trained.run), data)
        assert again.settings.config == trained.prepared.settings.config
        assert again.job.average == AVERAGE


class TestALimitOfTime:
    def test_a_schedule_that_falls_is_planned_for_it(self, table: bw.Dataset) -> None:
        prepared = workflow.prepare(said(schedule__name="cosine", training__max_time="1e-6"), table)
        found = fit_epochs_in_time(prepared)
        assert (found.plan.epochs, found.settings.origins["training.epochs"]) == (1, "measured")
        assert "before the learning rate has fallen" in found.notes[-1]
        assert found.settings.evidence["training.epochs"]["seconds"] > 0

    @pytest.mark.parametrize(
        "chosen",
        [
            {"training__max_time": "1h", "schedule__name": "cosine"},
            {"training__max_time": "1e-6"},
            {"training__max_time": "1e-6", "training__epochs": "7"},
            {"schedule__name": "cosine"},
        ],
        ids=str,
    )
    def test_nothing_changes_otherwise(self, table: bw.Dataset, chosen: dict[str, str]) -> None:
        prepared = workflow.prepare(said(**chosen), table)
        assert fit_epochs_in_time(prepared) is prepared
