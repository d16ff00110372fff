"""The best trials of a search as members of an ensemble: which they are, what they answer, and that nothing is lost."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest
from tests.cli.conftest import Batchwright, assert_same, batchwright  # noqa: F401
from tests.own_parts import Line, Nudge

import batchwright as bw
from batchwright import workflow
from batchwright.config import load_config
from batchwright.data.disk import budget
from batchwright.errors import ConfigError, InterruptedRunError, RunError
from batchwright.runs.model import SavedModel
from batchwright.runs.run import open_run
from batchwright.runs.searches import read_plan, reopen_search
from batchwright.search.alike import networks_of, scale_alike
from batchwright.search.brought import Parts, space_of
from batchwright.search.ensemble import choose_trials, settings_of_members
from batchwright.search.events import MembersChosen, Searched, SearchEvent, SearchOptions
from batchwright.search.objective import LOSS, Objective
from batchwright.search.search import go_on, search
from batchwright.search.session import Session, study_of
from batchwright.search.space import Space, load_space
from batchwright.search.study import Ending, Finished, Outcome
from batchwright.training.evaluate import outputs
from batchwright.training.state import Model
from batchwright.workflow import ensemble
from batchwright.workflow.events import MembersDone
from batchwright.workflow.member_settings import given_members
from batchwright.workflow.preparing import job_on

TRIALS, COUNT, EPOCHS = 8, 4, 4
VALUES = {
    "data.source": "diabetes",
    "network.name": "{choice: [mlp, linear]}",
    "network.hidden_layer_sizes": "[6]",
    "network.dropout": "{uniform: [0.05, 0.3], when: {network.name: [mlp]}}",
    "optimizer.learning_rate": "{log: [1e-3, 0.3]}",
    "training.epochs": str(EPOCHS),
    "training.batch_size": "{choice: [32, 64]}",
    "training.members": str(COUNT),
}


@pytest.fixture(scope="module", autouse=True)
def saved_after_each_epoch() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ensemble, "BETWEEN_EPOCHS", 0.0)
        yield


def _space(**others: str) -> Space:
    return load_space(None, [(key, text, key) for key, text in {**VALUES, **others}.items()])


def _last(events: Iterator[SearchEvent]) -> Searched:
    *_, last = events
    assert isinstance(last, Searched)
    return last


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Searched:
    folder = tmp_path_factory.mktemp("searches") / "found"
    return _last(search(_space(), SearchOptions(trials=TRIALS, pruning="none"), run_dir=folder))


def _trial(number: int, value: float, rate: float, ending: Ending = "finished") -> Finished:
    return Finished(number, {"optimizer.learning_rate": rate}, Outcome(ending, value, (value,)))


def test_the_best_complete_trials_with_other_settings_become_members() -> None:
    trials = [
        _trial(0, 0.5, 0.1),
        _trial(1, 0.3, 0.20001),
        _trial(2, 0.31, 0.20002),  # as the one before, to three digits
        _trial(3, 0.2, 0.3),
        _trial(4, 0.25, 0.4, "stopped"),
        _trial(5, float("inf"), 0.5, "diverged"),
        _trial(6, 0.9, 0.6),
    ]
    best = trials[3]
    chosen, notes = choose_trials(trials, best, 3, LOSS)
    assert [one.number for one in chosen] == [3, 1, 0] and not notes
    chosen, notes = choose_trials(trials, best, 6, LOSS)
    assert [one.number for one in chosen] == [3, 1, 0, 6]
    assert notes == ("4 of 6 members: no more trials with other settings were trained to their end",)
    chosen, notes = choose_trials([best, trials[4]], best, 2, LOSS)
    assert [one.number for one in chosen] == [3] and "the best trial is trained alone" in notes[0]
    chosen, _ = choose_trials(trials[:3] + trials[4:5], trials[4], 2, LOSS)
    assert [one.number for one in chosen] == [4, 1], "the winner is the first, however it ended"


def test_by_a_metric_that_is_larger_where_it_is_better() -> None:
    trials = [_trial(0, 0.5, 0.1), _trial(1, 0.9, 0.2), _trial(2, 0.7, 0.3)]
    chosen, _ = choose_trials(trials, trials[1], 2, Objective("val_accuracy", True))
    assert [one.number for one in chosen] == [1, 2]


def test_the_members_are_the_best_trials_of_the_search(found: Searched) -> None:
    ranked = sorted(found.finished, key=lambda one: one.outcome.value)
    assert [one.number for one in found.members] == [one.number for one in ranked[:COUNT]]
    assert found.best == ranked[0] == found.members[0]
    assert found.trained.members is not None and len(found.trained.members.members) == COUNT
    assert read_plan(found.folder).members == COUNT
    for member in found.trained.members.members:
        chosen = found.members[member.number - 1].chosen
        assert {key: member.settings[key] for key in chosen} == chosen


def test_a_member_has_the_job_of_its_trial_with_another_seed(found: Searched) -> None:
    folder = reopen_search(found.folder)
    with folder:
        known = [("data.source", "diabetes", ""), ("training.epochs", str(EPOCHS), "")]
        prepared = workflow.prepare(load_config(None, known))
        session = Session(_space().without_value("training.members"), SearchOptions(), prepared, folder, (), bool)
        settings = settings_of_members(session, found.members)
        assert settings.values["training.members"] == found.settings.values["training.members"]
        trials = [job_on(prepared, session.settings(one.chosen)) for one in found.members]
    members = [job_on(prepared, one.settings) for one in given_members(settings)]
    assert len({str(jax.tree.structure(job.program)) for job in members}) > 1, "several forms"
    for one, other in zip(trials, members, strict=True):
        assert jax.tree.structure(one.program) == jax.tree.structure(other.program)
        assert jax.tree.leaves(one.program) == jax.tree.leaves(other.program)
        assert (one.plan, one.schedule, one.early_stopping) == (other.plan, other.schedule, other.early_stopping)


def _answers_of_each(model: SavedModel, rows: Mapping[str, jax.Array]) -> list[np.ndarray]:
    """The outputs of each member that answers, by its own network and variables."""
    found = []
    for place, network in enumerate(model.blueprint.architecture.members):  # type: ignore[attr-defined]
        own = bw.nn.Variables(*(tree[f"member_{place}"] for tree in model.variables))
        found.append(outputs(Model(network.build(model.blueprint.features, 1), model.model.task), own, rows))
    return [np.asarray(one, np.float64) for one in found]


def test_the_answer_is_the_weighted_mean_of_the_members(found: Searched) -> None:
    model, record = open_run(found.folder).load_model(), open_run(found.folder).members
    assert record is not None and record == found.trained.members
    rows = {"numeric": jnp.asarray(np.random.default_rng(0).normal(size=(9, 10)), jnp.float32)}
    mean = np.average(_answers_of_each(model, rows), axis=0, weights=[one.count for one in record.answering])
    np.testing.assert_allclose(outputs(model.model, model.variables, rows), mean, rtol=1e-4, atol=1e-5)


def test_the_weights_are_those_of_a_greedy_choice_in_numpy(tmp_path: Path) -> None:
    generator = np.random.default_rng(6)
    x = generator.normal(size=(600, 4)).astype(np.float32)
    y = np.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2] + 0.1 * generator.normal(size=600)
    data = bw.load((x, y), validation_split=0.4, test_split=0.1)
    space = {"network.name": "mlp", "network.hidden_layer_sizes": [4], "network.dropout": {"uniform": [0.0, 0.3]}}
    space |= {"training.epochs": 8, "training.batch_size": 32}
    space |= {"optimizer.learning_rate": {"log": [3e-3, 0.1]}}
    found = bw.run_search(data, space, trials=6, pruning="none", members=5, run_dir=tmp_path / "s")
    record, rows = found.trained.members, data.validation
    assert record is not None and rows is not None and record.way == "greedy", record
    assert 1 < len(record.answering) < 5
    answering = _answers_of_each(found.trained.model, {"numeric": jnp.asarray(rows.inputs["numeric"])})
    picks = _pick(answering, np.asarray(rows.targets, np.float64), most=2 * len(record.members))
    counts = np.bincount(picks, minlength=len(answering))
    assert list(counts // np.gcd.reduce(counts)) == [one.count for one in record.answering]


def _pick(answers: list[np.ndarray], targets: np.ndarray, most: int) -> list[int]:
    """Caruana's greedy selection with replacement by the squared error, up to where it is least."""

    def loss(picks: list[int]) -> float:
        mean = np.mean([answers[pick] for pick in picks], axis=0)
        return float(np.mean((mean.squeeze() - targets.squeeze()) ** 2))

    picks, best = list[int](), list[int]()
    for _ in range(most):
        picks = min(([*picks, number] for number in range(len(answers))), key=loss)
        best = picks if not best or loss(picks) < loss(best) else best
    return best


def test_the_best_trial_alone_is_told_beside_the_ensemble(found: Searched) -> None:
    settings = found.settings
    alone = replace(settings, config=replace(settings.config, training=replace(settings.config.training, members=None)))
    *_, single = workflow.train(alone, record=False)
    assert found.trained.members is not None
    for part, figures in found.trained.members.first.items():
        assert figures == pytest.approx(single.metrics[part], rel=1e-3)  # type: ignore[union-attr]


def test_the_configuration_trains_the_ensemble_again(found: Searched, tmp_path: Path) -> None:
    list(workflow.train(load_config(found.folder / "best.yaml"), run_dir=tmp_path / "again"))
    assert_same(tmp_path / "again", found.folder / "best")


def _broken(folder: Path, seen: int) -> Iterator[SearchEvent]:
    """The events of a search up to some epochs of its members."""
    events = search(_space(), SearchOptions(trials=TRIALS, pruning="none"), run_dir=folder)
    for event in events:
        seen -= isinstance(event, MembersDone)
        if not seen:
            return events
    raise AssertionError("it has fewer epochs")


@pytest.mark.parametrize("seen", [1, pytest.param(5, marks=pytest.mark.soak)])
def test_killed_while_members_train_it_goes_on_to_the_same_bits(found: Searched, tmp_path: Path, seen: int) -> None:
    events = _broken(tmp_path / "first", seen)
    shutil.copytree(tmp_path / "first", tmp_path / "killed")  # nobody has written how it ended
    events.close()  # type: ignore[attr-defined]
    assert open_run(tmp_path / "killed" / "best").status == "killed"
    told = list(go_on(reopen_search(tmp_path / "killed")))
    assert any("goes on from the last checkpoints of its members" in note for note in _notes(told))
    assert_same(tmp_path / "killed" / "best", found.folder / "best")
    assert (tmp_path / "killed" / "best.yaml").read_bytes() == (found.folder / "best.yaml").read_bytes()


def _notes(events: list[SearchEvent]) -> tuple[str, ...]:
    return next(event.notes for event in events if isinstance(event, workflow.Prepared))


@pytest.mark.soak
def test_interrupted_while_it_searches_it_goes_on_to_the_members(found: Searched, tmp_path: Path) -> None:
    asked = count()
    options = SearchOptions(trials=TRIALS, pruning="none")
    with pytest.raises(InterruptedRunError, match="of 8 trials"):
        list(search(_space(), options, run_dir=tmp_path / "s", interrupted=lambda: next(asked) > 2))
    told = list(go_on(reopen_search(tmp_path / "s")))
    assert [one.number for one in next(e for e in told if isinstance(e, MembersChosen)).trials] == [
        one.number for one in found.members
    ]
    assert_same(tmp_path / "s" / "best", found.folder / "best")


def test_interrupted_while_members_train_it_says_how_to_go_on(tmp_path: Path) -> None:
    trained = False
    options = SearchOptions(trials=2, pruning="none")
    events = search(_space(**{"training.members": "2"}), options, run_dir=tmp_path / "s", interrupted=lambda: trained)
    while not trained:
        trained = isinstance(next(events), MembersDone)
    with pytest.raises(InterruptedRunError, match="while the members were trained anew; `batchwright resume"):
        list(events)
    assert _last(go_on(reopen_search(tmp_path / "s"))).trained.stopped.status == "finished"


def test_other_members_than_before_are_trained_from_the_beginning(found: Searched, tmp_path: Path) -> None:
    shutil.copytree(found.folder, tmp_path / "s")
    shutil.rmtree(tmp_path / "s" / "best")
    training = found.settings.config.training
    fewer = replace(training, members=training.members[:2])  # type: ignore[index]
    settings = replace(found.settings, config=replace(found.settings.config, training=fewer))
    with pytest.raises(InterruptedRunError):
        list(workflow.train(settings, run_dir=tmp_path / "s" / "best", interrupted=lambda: True))
    list(go_on(reopen_search(tmp_path / "s")))
    assert_same(tmp_path / "s" / "best", found.folder / "best")


def test_with_one_complete_trial_the_best_is_trained_alone(tmp_path: Path) -> None:
    space = _space(
        **{
            "training.members": "2",
            "optimizer.learning_rate": "{choice: [0.01, 1e30]}",
            "network.name": "mlp",
            "network.hidden_layer_sizes": "[4]",
            "network.dropout": "0",
            "training.batch_size": "32",
        }
    )
    told = list(search(space, SearchOptions(trials=3, pruning="none"), run_dir=tmp_path / "s"))
    chosen, last = next(event for event in told if isinstance(event, MembersChosen)), told[-1]
    assert isinstance(last, Searched)
    assert len(chosen.trials) == 1 and "the best trial is trained alone" in chosen.notes[0]
    assert last.trained.members is None and not last.members
    assert "members: null" in (tmp_path / "s" / "best.yaml").read_text()
    assert bw.open_run(tmp_path / "s").members is None


def test_from_python_with_a_rule_of_your_own_and_seeds(tmp_path: Path) -> None:
    space = {
        "network.name": "linear",
        "training.epochs": 3,
        "training.batch_size": 26,
        "optimizer.learning_rate": {"log": [1e-3, 0.1]},
        "optimizer.size": {"uniform": [0.5, 2.0]},
    }
    data, rule = bw.load("iris"), Nudge(learning_rate=0.02)
    found = bw.run_search(data, space, optimizer=rule, trials=4, seeds=2, members=2, run_dir=tmp_path / "s")
    assert found.repeated is None and found.trained.members is not None and len(found.members) == 2
    sizes = [one.settings["optimizer.size"] for one in found.trained.members.members]
    assert sorted(sizes) == sorted(one.chosen["optimizer.size"] for one in found.members)
    again = bw.resume_search(tmp_path / "s", data, optimizer=rule)
    assert again.trained.metrics == found.trained.metrics
    with pytest.raises(ConfigError, match=r"training.members is in the space, and members is given as well"):
        bw.run_search(data, {**space, "training.members": 2}, optimizer=rule, trials=4, members=2)


def test_members_with_a_rule_of_your_own_go_on(tmp_path: Path) -> None:
    space = {"network.name": "linear", "training.epochs": 3, "training.batch_size": 26, "training.members": 2}
    space |= {"optimizer.learning_rate": {"log": [1e-3, 0.1]}}
    parts, data, trained = Parts(optimizer=Nudge(learning_rate=0.02)), bw.load("iris"), False
    options = SearchOptions(trials=3)
    events = search(space_of(space, parts), options, data, run_dir=tmp_path / "s", interrupted=lambda: trained)
    with suppress(InterruptedRunError):
        for event in events:
            trained = trained or isinstance(event, MembersDone)
    assert bw.open_run(tmp_path / "s" / "best").status == "interrupted"
    told = list(go_on(reopen_search(tmp_path / "s"), data, given=parts.given()))
    assert any("goes on from the last checkpoints" in note for note in _notes(told))
    assert bw.open_run(tmp_path / "s").status == "finished"


def test_auto_takes_as_many_as_are_usual_and_there_are(tmp_path: Path) -> None:
    told = list(
        search(
            _space(**{"training.members": "auto", "training.epochs": "1"}),
            SearchOptions(trials=3),
            run_dir=tmp_path / "s",
        )
    )
    chosen = next(event for event in told if isinstance(event, MembersChosen))
    assert len(chosen.trials) == 3
    assert chosen.notes[0].startswith("8 members at most: 8 are usual for up to 50,000 training rows")
    assert read_plan(tmp_path / "s").members == "auto"


def test_a_study_is_the_same_with_and_without_members(found: Searched, tmp_path: Path) -> None:
    prepared = workflow.prepare(load_config(None, [("data.source", "diabetes", "")]))
    without = _space(**{"training.members": "null"}).without_value("training.members")
    alone, _ = scale_alike(without, networks_of(without))
    spaces = (load_space(found.folder / "space.yaml"), alone)
    studies = [study_of(space, SearchOptions(), prepared, LOSS, place=tmp_path / "study") for space in spaces]
    with pytest.raises(RunError):
        study_of(_space(**{"training.epochs": "7"}), SearchOptions(), prepared, LOSS, place=tmp_path / "study")
    for study in studies:
        study.close()


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ({"training.members": "0"}, "must be a whole number >= 2 and <= 64"),
        ({"training.members": "65"}, "must be a whole number >= 2 and <= 64"),
        ({"training.members": "1"}, "must be a whole number >= 2 and <= 64"),
        ({"training.members": "9"}, "9 members are different trials, and `trials` is 8: take more"),
        ({"training.members": "[{}, {}]"}, "the members of a search are its best trials: say how many"),
        ({"training.members": "{choice: [2, 4]}"}, "the best trials become members: say how many, or auto"),
        ({"task.loss": "{choice: [huber, mean_squared_error]}"}, "cannot differ in task.loss, which is searched"),
        ({"training.precision": "{choice: [float32, bfloat16]}"}, "cannot differ in training.precision"),
        ({"data.validation_split": "0"}, "a search compares trials on the validation rows"),
    ],
)
def test_what_cannot_be_an_ensemble_is_refused_before_anything_is_written(
    tmp_path: Path, others: dict[str, str], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        list(search(_space(**others), SearchOptions(trials=TRIALS), run_dir=tmp_path / "s"))
    assert not (tmp_path / "s").exists()


def test_a_network_of_your_own_is_refused(tmp_path: Path) -> None:
    space = {"optimizer.learning_rate": {"log": [1e-3, 0.1]}, "training.epochs": 2}
    with pytest.raises(ConfigError, match="this network is your own"):
        bw.run_search(bw.load("iris"), space, network=Line(), trials=4, members=2, run_dir=tmp_path / "s")
    assert not (tmp_path / "s").exists()


def test_rows_that_are_read_in_chunks_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "RUNTIME_BYTES", 10**13)  # so that the rows count as ones that do not fit
    rows = np.random.default_rng(0).normal(size=(900, 2))
    pl.DataFrame({"a": rows[:, 0], "y": rows[:, 1]}).write_parquet(tmp_path / "rows.parquet")
    streamed = {"data.source": str(tmp_path / "rows.parquet"), "data.target": "y", "data.memory_limit": "1000GB"}
    with pytest.raises(ConfigError, match="needs its rows in memory"):
        list(search(_space(**streamed), SearchOptions(trials=TRIALS), run_dir=tmp_path / "s"))
    assert not (tmp_path / "s").exists()


def test_in_the_terminal(tmp_path: Path, batchwright: Batchwright) -> None:  # noqa: F811
    words = ("search", "iris", "--epochs", 3, "--trials", 4, "--ensemble", 3, "--batch-size", 26, "--network", "linear")
    answer = batchwright(*words, "--pruning", "none", "--run-dir", "s")
    assert answer.code == 0, answer.err
    assert "members: the best trials, " in answer.err and "ensemble of trial" in answer.out
    best = bw.open_search("s").finished
    number = min(best, key=lambda one: one.outcome.value).number
    assert f"validation, trial {number} alone" in answer.out and f"test, trial {number} alone" in answer.out
    shown = batchwright("report", "s")
    assert shown.code == 0 and "the best trials, trained anew as members:" in shown.out
    assert batchwright("report", "s", "--html", "page.html").code == 0
    page = Path("page.html").read_text()
    assert "The best 3 trials were trained anew, as members of an ensemble" in page and "--ensemble 3" in page
    assert batchwright("predict", "s", "iris").out.startswith("predicted_species,")
    assert batchwright("explain", "s").code == 0
    told = json.loads(batchwright("resume", "s", "--json").out)
    assert told["best"]["number"] == number and told["best"].keys() >= {"validation", "test"}
    assert len(told["ensemble"]["trials"]) == len(told["ensemble"]["members"]) == 3
    assert told["ensemble"]["test"] == pytest.approx(open_run("s").metrics["test"])
    assert told["best"]["test"] == pytest.approx(told["ensemble"]["first"]["test"])
    refused = batchwright(*words[:6], "--ensemble", 8, "--run-dir", "other")
    assert refused.code == 2 and "--trials is 4" in refused.err and not Path("other").exists()


@pytest.mark.parametrize("members", [0, 1, -3, 65, True])
def test_a_number_of_members_that_cannot_be_names_the_argument(members: int) -> None:
    with pytest.raises(ConfigError, match=r"^members takes 2 to 64 trials, 'auto', or None, but is "):
        bw.run_search(bw.load("iris"), {"network.dropout": {"uniform": [0, 0.5]}}, trials=1, members=members)
