"""Trials are compared by any metric: larger is better where the table says so, in all that a search does and keeps."""

import inspect
import json
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.storages.journal import JournalFileBackend, JournalStorage
from optuna.trial import create_trial
from sklearn.metrics import cohen_kappa_score

import batchwright as bw
from batchwright.config import Given
from batchwright.errors import BatchwrightError, ConfigError, InterruptedRunError, RunError
from batchwright.runs.searches import reopen_search
from batchwright.search import importance as module
from batchwright.search.brought import Parts, space_of
from batchwright.search.events import RoundDone, Searched, SearchOptions
from batchwright.search.importance import importance
from batchwright.search.narrowing import narrow_space
from batchwright.search.objective import LOSS, Objective, objective_of
from batchwright.search.parameters import propose
from batchwright.search.search import go_on, search
from batchwright.search.space import load_space
from batchwright.search.study import Finished, Outcome, open_study
from batchwright.search.trials import Standing, Trial, _trials_behind
from batchwright.tasks import Classification, Metric, Regression

RATE = "optimizer.learning_rate"
SPACE: dict[str, Any] = {
    RATE: {"log": [1e-4, 1.0]},
    "network.name": "mlp",
    "network.hidden_layer_sizes": [4],
    "training.epochs": 3,
    "training.batch_size": 26,
}
ACCURACY = Objective("val_accuracy", True)
KAPPA = Metric("kappa", True, lambda a: cohen_kappa_score(a.true, a.predicted, sample_weight=a.weights))


@pytest.fixture(scope="module")
def iris() -> bw.Dataset:
    return bw.load("iris")


@pytest.fixture(scope="module")
def found(iris: bw.Dataset, tmp_path_factory: pytest.TempPathFactory) -> Searched:
    folder = tmp_path_factory.mktemp("searches") / "accuracy"
    return bw.run_search(iris, SPACE, trials=12, objective="accuracy", run_dir=folder)


def _study(folder: Path) -> optuna.Study:
    """The study as Optuna itself reads it."""
    storage = JournalStorage(JournalFileBackend(str(folder / "study.journal")))
    (summary,) = optuna.get_all_study_summaries(storage)
    return optuna.load_study(study_name=summary.study_name, storage=storage)


def test_the_largest_is_the_best_and_is_what_the_run_has(found: Searched) -> None:
    values = [one.outcome.value for one in found.finished]
    assert found.best.outcome.value == max(values) and min(values) < max(values) <= 1.0
    assert found.objective == ACCURACY
    assert found.trained.metrics["validation"]["accuracy"] == pytest.approx(max(values), abs=0.05)
    kept = [one for one in found.finished if one.outcome.ending == "finished"]
    assert all(one.outcome.value in one.outcome.curve for one in kept)


def test_optuna_has_it_maximised(found: Searched) -> None:
    study = _study(found.folder)
    assert study.direction == optuna.study.StudyDirection.MAXIMIZE
    complete = [one.outcome.value for one in found.finished if one.outcome.ending == "finished"]
    assert study.best_value == max(complete)


def test_trials_behind_at_the_rungs_are_the_less_accurate(found: Searched) -> None:
    lines = [json.loads(line) for line in (found.folder / "trials.jsonl").read_text().splitlines()]
    assert {line["ending"] for line in lines} <= {"finished", "stopped", "diverged"}
    assert max(line["value"] for line in lines) == found.best.outcome.value


@pytest.mark.soak
def test_interrupted_it_goes_on_by_the_same_metric_to_the_same_best(
    iris: bw.Dataset, found: Searched, tmp_path: Path
) -> None:
    asked = count()
    texts = [(key, json.dumps(value), "") for key, value in SPACE.items()]
    options, folder = SearchOptions(trials=12, objective="accuracy"), tmp_path / "search"
    with pytest.raises(InterruptedRunError):
        list(search(load_space(None, texts), options, iris, run_dir=folder, interrupted=lambda: next(asked) > 3))
    *_, last = go_on(reopen_search(folder), iris)
    assert isinstance(last, Searched)
    assert last.objective == ACCURACY
    assert [dict(one.chosen) for one in last.finished] == [dict(one.chosen) for one in found.finished]
    assert last.best.chosen == found.best.chosen


def test_metrics_of_ones_own_and_those_that_are_asked_for(iris: bw.Dataset, tmp_path: Path) -> None:
    own = bw.run_search(
        iris, SPACE, trials=4, metrics=[KAPPA, "top_2_accuracy"], objective="val_kappa", run_dir=tmp_path / "own"
    )
    assert own.objective == Objective("val_kappa", True)
    assert own.best.outcome.value == max(one.outcome.value for one in own.finished)
    space = {**SPACE, "task.metrics": ["top_2_accuracy"]}
    named = bw.run_search(iris, space, trials=3, objective="top_2_accuracy", run_dir=tmp_path / "named")
    assert named.objective == Objective("val_top_2_accuracy", True)


@pytest.mark.parametrize(
    ("objective", "space", "said"),
    [
        ("acuracy", {}, "unknown objective 'acuracy': did you mean 'accuracy'"),
        ("rmse", {}, "unknown objective 'rmse'. Allowed: loss, accuracy"),
        ("top_2_accuracy", {}, r"is reported only where it is asked for: add `task.metrics=\[top_2_accuracy\]`"),
        ("loss", {"task.label_smoothing": {"uniform": [0.0, 0.2]}}, "the trials have different losses"),
        (3, {}, "objective takes text or None, but is 3"),
    ],
)
def test_what_cannot_be_the_objective_is_refused_before_anything_is_written(
    iris: bw.Dataset, tmp_path: Path, objective: Any, space: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        inspect.unwrap(bw.run_search)(iris, {**SPACE, **space}, objective=objective, run_dir=tmp_path / "search")
    assert not (tmp_path / "search").exists()


def test_without_one_it_is_the_loss_or_what_no_trial_changes() -> None:
    classes, values = Classification(("a", "b")), Regression()
    assert objective_of(None, classes, [RATE]) == LOSS == objective_of("val_loss", classes, [])
    assert objective_of(None, classes, ["task.loss"]) == Objective("val_log_loss", False)
    assert objective_of(None, values, ["task.delta"]) == Objective("val_rmse", False)
    assert objective_of("r2", values, ["task.delta"]) == Objective("val_r2", True)


def test_a_metric_that_no_trial_has_ends_the_search_after_its_first_round(iris: bw.Dataset, tmp_path: Path) -> None:
    nothing = Metric("nothing", True, lambda _: None)
    with pytest.raises(BatchwrightError, match="val_nothing is not a finite number in any of the 10 trials"):
        bw.run_search(iris, SPACE, trials=20, metrics=[nothing], objective="nothing", run_dir=tmp_path / "search")
    assert len(_study(tmp_path / "search").trials) == 10


def test_a_trial_without_the_metric_is_the_worst_and_that_is_said(iris: bw.Dataset, tmp_path: Path) -> None:
    """Defined only for answers of all three classes, which tiny learning rates do not give."""
    varied = Metric("varied", True, lambda a: float(np.mean(a.true == a.predicted)) if a.answered.all() else None)
    space = space_of(SPACE, Parts(metrics=[varied]))
    options = SearchOptions(trials=8, objective="varied", pruning="none")
    events = list(search(space, options, iris, run_dir=tmp_path / "search"))
    last = events[-1]
    assert isinstance(last, Searched)
    without = [one for one in last.finished if one.outcome.ending == "undefined"]
    assert 0 < len(without) < 8
    assert all(one.outcome.value == -np.inf for one in without)
    (note,) = [note for event in events if isinstance(event, RoundDone) for note in event.notes]
    assert f"{len(without)} trial" in note and "no finite val_varied" in note
    assert np.isfinite(last.best.outcome.value)
    again = list(go_on(reopen_search(tmp_path / "search"), iris, given=Given(metrics=(varied,))))[-1]
    assert isinstance(again, Searched)
    assert [one.outcome for one in again.finished] == [one.outcome for one in last.finished]


class TestTheSameTurnedAround:
    """To maximise f is to minimise -f: halving, narrowing, proposals and importance agree."""

    def test_rungs(self) -> None:
        figures = np.random.default_rng(0).permutation(9).astype(float)
        trials = [Trial(number, (), (1,)) for number in range(9)]
        for objective, sign in ((LOSS, 1.0), (ACCURACY, -1.0)):
            standings = {n: Standing(n, (sign * figure,), None, objective) for n, figure in enumerate(figures)}
            left = set(_trials_behind(trials, standings, 1))
            assert left == set(np.flatnonzero(figures >= 3))

    def test_narrowing(self) -> None:
        space = load_space(None, [(RATE, "{log: [1e-4, 1]}", "")])
        rates = 10 ** np.random.default_rng(1).uniform(-4, 0, 30)
        costs = np.abs(np.log10(rates) + 2)
        spaces = []
        for objective, sign in ((LOSS, 1.0), (ACCURACY, -1.0)):
            tried = [
                Finished(n, {RATE: float(rate)}, Outcome("finished", sign * cost, (sign * cost,)))
                for n, (rate, cost) in enumerate(zip(rates, costs, strict=True))
            ]
            spaces.append(narrow_space(space, tried, objective)[0].dimensions[0].values)
        assert spaces[0] == spaces[1] != (1e-4, 1.0)

    def test_proposals(self) -> None:
        space = load_space(None, [(RATE, "{log: [1e-4, 1]}", "")])
        of = {RATE: FloatDistribution(1e-4, 1.0, log=True)}
        rates = 10 ** np.random.default_rng(2).uniform(-4, 0, 20)

        def before(sign: float) -> list[Any]:
            return [
                create_trial(params={RATE: rate}, distributions=of, value=sign * abs(np.log10(rate) + 1))
                for rate in rates
            ]

        least = propose(3, space, before(1.0), seed=0)
        assert propose(3, space, before(-1.0), seed=0, direction="maximize") == least

    def test_importance(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "RESAMPLES", 4)
        found = []
        of = {"x": FloatDistribution(0, 1), "y": FloatDistribution(0, 1)}
        points = np.random.default_rng(3).uniform(size=(24, 2))
        for direction, sign in (("minimize", 1.0), ("maximize", -1.0)):
            study = optuna.create_study(direction=direction)
            values = [sign * (2 * x + y - 9) for x, y in points]
            study.add_trials(
                create_trial(params={"x": x, "y": y}, distributions=of, value=value)
                for (x, y), value in zip(points, values, strict=True)
            )
            found.append(importance(study, figure="val_f1"))
        assert found[0] == found[1] is not None
        assert found[0] is not None and "the variance of val_f1" in found[0].sentence

    def test_a_study_by_another_metric_is_not_gone_on_with(self, tmp_path: Path) -> None:
        space = load_space(None, [(RATE, "{log: [1e-4, 1]}", "")])
        path = tmp_path / "study.journal"
        by = {"rows": "a", "objective": "maximize val_accuracy"}
        study = open_study(space, path, name="s", identity=by, seed=0, objective=ACCURACY)
        asked = study.ask(2, space)
        outcomes = [Outcome("diverged", -np.inf, (0.3, -np.inf)), Outcome("finished", 0.9, (0.8, 0.9))]
        for one, outcome in zip(asked, outcomes, strict=True):
            study.tell(one.number, outcome)
        study.close()
        again = open_study(space, path, name="s", identity=by, seed=0, objective=ACCURACY)
        assert [one.outcome for one in again.finished_trials()] == outcomes
        assert [trial.value for trial in again.comparable_copy().trials] == [-np.inf, 0.9]
        again.close()
        with pytest.raises(RunError, match="is for another search: objective"):
            open_study(space, path, name="s", identity={"rows": "a", "objective": None}, seed=0)
