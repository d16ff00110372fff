"""A study loses no trial and counts none twice, whoever is killed; and refuses to be mixed with another."""

import pytest

from batchwright.errors import RunError, UsageError
from batchwright.search import storage
from batchwright.search.space import load_space
from batchwright.search.study import Outcome, open_study

SPACE = [
    ("optimizer.name", "{choice: [sgd, adam]}", "--set"),
    ("optimizer.learning_rate", "{log: [1e-4, 1]}", "--set"),
    ("optimizer.momentum", "{one_minus_log: [0.5, 0.99]}", "--set"),
    ("network.hidden_layer_sizes", "{choice: [[8], [16, 8]]}", "--set"),
]
IDENTITY = {"rows": "a" * 64, "space": "b" * 64}


@pytest.fixture(scope="module")
def space():
    return load_space(None, SPACE)


def _opened(space, folder, identity=IDENTITY):
    return open_study(space, folder / "study.journal", name="s", identity=identity, seed=0)


def _outcome(value):
    return Outcome("finished", value, (value + 1, value))


def test_what_is_told_is_what_is_known_afterwards(space, tmp_path):
    study = _opened(space, tmp_path)
    study.begin(4, seed=0)
    asked = study.ask(4, space)
    outcomes = [
        _outcome(0.5),
        Outcome("stopped", 0.75, (0.75,)),
        Outcome("diverged", float("inf"), (1.0, float("inf"))),
        _outcome(0.25),
    ]
    for one, outcome in zip(asked, outcomes, strict=True):
        study.tell(one.number, outcome)
        study.tell(one.number, _outcome(99.0))  # what was told stays
    study.close()
    found = _opened(space, tmp_path).finished_trials()
    assert [one.outcome for one in found] == outcomes
    assert [dict(one.chosen) for one in found] == [dict(one.chosen) for one in asked]


def test_first_trials_are_points_of_the_space(space, tmp_path):
    study = _opened(space, tmp_path)
    study.begin(8, seed=0)
    asked = study.ask(8, space)
    study.close()
    names = [one.chosen["optimizer.name"] for one in asked]
    assert sorted(names) == ["adam"] * 4 + ["sgd"] * 4
    assert all(("optimizer.momentum" in one.chosen) == (one.chosen["optimizer.name"] == "sgd") for one in asked)
    assert all(space.settings(one.chosen).values["network.hidden_layer_sizes"] in ([8], [16, 8]) for one in asked)


def test_what_a_killed_process_was_training_is_trained_again(space, tmp_path):
    killed = _opened(space, tmp_path)
    killed.begin(4, seed=0)
    first = killed.ask(4, space)
    killed.tell(first[0].number, _outcome(0.5))
    study = _opened(space, tmp_path)  # nothing was given back, as by a process that was killed
    study.reclaim()
    again = study.ask(3, space)
    assert sorted(str(dict(one.chosen)) for one in again) == sorted(str(dict(one.chosen)) for one in first[1:])
    for one in again:
        study.tell(one.number, _outcome(0.75))
    study.close()
    assert len(study.finished_trials()) == 4


def test_what_is_given_back_is_asked_for_again(space, tmp_path):
    study = _opened(space, tmp_path)
    study.begin(2, seed=0)
    first = study.ask(2, space)
    study.close()
    assert study.count_running() == 0
    again = _opened(space, tmp_path).ask(2, space)
    assert [dict(one.chosen) for one in again] == [dict(one.chosen) for one in first]


@pytest.mark.parametrize("changed", ["rows", "space"])
def test_a_study_of_something_else_is_refused(space, tmp_path, changed):
    _opened(space, tmp_path).close()
    with pytest.raises(RunError, match=changed):
        _opened(space, tmp_path, {**IDENTITY, changed: "c" * 64})


def test_beyond_the_first_trials_better_regions_are_asked_for(tmp_path):
    space = load_space(None, [("optimizer.learning_rate", "{log: [1e-4, 1]}", "--set")])
    study = _opened(space, tmp_path)
    study.begin(16, seed=0)
    for one in study.ask(16, space):
        study.tell(one.number, _outcome(abs(space.dimensions[0].share(one.chosen["optimizer.learning_rate"]) - 0.8)))
    later = [space.dimensions[0].share(one.chosen["optimizer.learning_rate"]) for one in study.ask(16, space)]
    study.close()
    assert sum(abs(share - 0.8) < 0.25 for share in later) > 10  # by chance it would be 7


def test_first_trials_are_put_in_line_once_though_that_was_interrupted(space, tmp_path):
    class Killed(Exception):
        pass

    study, put = _opened(space, tmp_path), []

    def enqueue(*given, **options):
        if len(put) == 3:
            raise Killed
        put.append(type(study.optuna).enqueue_trial(study.optuna, *given, **options))

    study.optuna.enqueue_trial = enqueue
    with pytest.raises(Killed):
        study.begin(8, seed=0)
    again = _opened(space, tmp_path)
    again.begin(8, seed=0)
    assert len(again.optuna.get_trials()) == 8
    asked = [tuple(one.chosen.items()) for one in again.ask(8, space)]
    again.close()
    assert len(set(map(str, asked))) == 8


def test_a_trial_for_which_nothing_was_chosen_before_its_process_died_is_put_in_line_again(
    space, tmp_path, monkeypatch
):
    url = f"sqlite:///{tmp_path / 'studies.db'}"
    dead = open_study(space, url, name="s", identity={"rows": "a"}, seed=0)
    dead.begin(2, seed=0)
    with storage.silence_warnings():
        dead.optuna.ask()
    other = open_study(space, url, name="s", identity={"rows": "a"}, seed=0)
    other.reclaim()
    assert other.count_running() == 1, "it may be chosen for right now"
    monkeypatch.setattr(storage, "GRACE", -1)  # as if so long had passed
    other.reclaim()
    assert other.count_running() == 0
    first, second = other.ask(2, space)
    other.close()
    dead.close()
    assert dict(first.chosen) != dict(second.chosen)


def test_first_trials_that_two_processes_put_in_line_at_once_are_each_trained_once(space, tmp_path):
    url = f"sqlite:///{tmp_path / 'studies.db'}"
    one, other = (open_study(space, url, name="s", identity={"rows": "a"}, seed=0) for _ in range(2))
    one.begin(4, seed=0)
    one.optuna.set_user_attr("begun", False)
    there, other._trials = other._trials, list  # it has looked before the first had put any in line
    other.begin(4, seed=0)
    other._trials = there
    assert len(one.optuna.get_trials()) == 8
    asked = [*one.ask(2, space), *other.ask(2, space), *one.ask(2, space)]
    one.close()
    other.close()
    assert len({str(dict(trial.chosen)) for trial in asked}) == 6


def test_first_trials_are_as_many_as_asked_for_where_there_are_few_choices(tmp_path):
    few = load_space(None, [("optimizer.name", "{choice: [sgd, adam]}", "")])
    study = open_study(few, tmp_path / "study.journal", name="few", identity={"rows": "a"}, seed=0)
    study.begin(8, seed=0)
    names = [one.chosen["optimizer.name"] for one in study.ask(8, few)]
    study.close()
    assert sorted(names) == ["adam"] * 4 + ["sgd"] * 4, "evenly"


def test_a_study_that_cannot_be_written_is_said_and_what_was_told_is_kept(space, tmp_path):
    resource = pytest.importorskip("resource")
    study = _opened(space, tmp_path)
    study.begin(2, seed=0)
    first, second = study.ask(2, space)
    study.tell(first.number, _outcome(0.5))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((tmp_path / "study.journal").stat().st_size + 10, limits[1]))
    try:
        with pytest.raises(UsageError, match="cannot be read or written"):
            study.tell(second.number, _outcome(0.25))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    again = _opened(space, tmp_path)
    again.reclaim()
    assert [one.outcome.value for one in again.finished_trials()] == [0.5]
    assert [dict(one.chosen) for one in again.ask(1, space)] == [dict(second.chosen)]
    again.close()


def test_trials_are_comparable_after_as_many_epochs(space, tmp_path):
    study = _opened(space, tmp_path)
    study.begin(3, seed=0)
    asked = study.ask(3, space)
    study.tell(asked[0].number, Outcome("finished", 0.1, (0.9, 0.5, 0.1)))
    study.tell(asked[1].number, Outcome("stopped", 0.6, (0.8, 0.6)))
    study.tell(asked[2].number, Outcome("diverged", float("inf"), (0.7, float("inf"))))
    copy = study.comparable_copy().trials
    values = [trial.value for trial in copy]
    study.close()
    assert [set(trial.params) for trial in copy] == [set(one.chosen) for one in asked]
    assert values == [0.5, 0.6, float("inf")]
