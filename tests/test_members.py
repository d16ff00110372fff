"""An ensemble of members: trained together, chosen, recorded, opened, and gone on with after a break."""

import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest
from tests.cli.conftest import Batchwright, assert_same, batchwright  # noqa: F401

import batchwright as bw
from batchwright import workflow
from batchwright.cli.main import main
from batchwright.config import load_config
from batchwright.errors import ConfigError, RunError
from batchwright.nn import MLP, Features, Tabular
from batchwright.nn.ensembles import submodels_of
from batchwright.nn.members import Members
from batchwright.nn.uncompiled import call_uncompiled
from batchwright.population.groups import group_jobs
from batchwright.runs.run import Run, open_run
from batchwright.runs.sealed import seal
from batchwright.training.evaluate import outputs
from batchwright.training.feed import OnDisk
from batchwright.training.state import Model
from batchwright.workflow import ensemble, member_jobs
from batchwright.workflow.drawn import MOST_FORMS, draw_members
from batchwright.workflow.events import MembersDone

ROWS, COUNT = 300, 4
SMALL = ("--network", "mlp", "--hidden-layer-sizes", "8", "--epochs", "3", "--ensemble", str(COUNT))


def table() -> pl.DataFrame:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=ROWS), rng.normal(size=ROWS)
    kind = np.where(a + 0.3 * rng.normal(size=ROWS) > 0, "plus", "minus")
    return pl.DataFrame({"a": a, "b": b, "price": 50 + 10 * a * b + rng.normal(size=ROWS), "kind": kind})


@pytest.fixture(scope="module", autouse=True)
def saved_after_each_epoch() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ensemble, "BETWEEN_EPOCHS", 0.0)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("members")
    table().write_csv(folder / "rows.csv")
    return folder


@pytest.fixture(scope="module")
def words(folder: Path) -> tuple[str, ...]:
    return ("train", str(folder / "rows.csv"), "--target", "price", "--set", "data.kinds.kind=identifier", *SMALL)


@pytest.fixture(scope="module")
def run(folder: Path, words: tuple[str, ...]) -> Run:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["batchwright", *words, "--run-dir", str(folder / "run")])
        with pytest.raises(SystemExit) as left:
            main()
    assert not left.value.code
    return open_run(folder / "run")


def test_a_network_of_members_gives_the_outputs_of_each_as_often_as_it_counts() -> None:
    members, features = (MLP((4,)), Tabular((3, 3), numbers="plr")), Features(numeric=2)
    network, rows = Members(members, (1, 3)).build(features, 1), {"numeric": jnp.ones((5, 2))}
    variables = call_uncompiled(network.init, jax.random.key(0), rows)
    found, _ = network.apply(variables, rows, train=False, key=None, present=None)
    assert found.shape == (5, 4, 1) and submodels_of(network) == 4
    for place, columns in ((0, [0]), (1, [1, 2, 3])):
        own = bw.nn.Variables(*(tree[f"member_{place}"] for tree in variables))
        alone, _ = members[place].build(features, 1).apply(own, rows, train=False, key=None, present=None)
        for column in columns:
            np.testing.assert_array_equal(found[:, column], alone)


def test_what_is_drawn_follows_from_the_seed_and_leaves_what_a_user_has_chosen() -> None:
    settings = load_config()
    drawn = draw_members(settings, 8)
    assert [one.changes for one in drawn] == [one.changes for one in draw_members(settings, 8)]
    assert not drawn[0].changes and drawn[0].settings.config.network == settings.config.network
    assert len({str(one.changes) for one in drawn}) == 8
    assert len({(one.settings.config.network.hidden_layer_sizes) for one in drawn}) > 2  # type: ignore[union-attr]
    rates = [one.settings.config.optimizer.learning_rate for one in drawn]
    assert all(0.001 / 2.51 <= rate <= 0.001 * 2.51 for rate in rates)
    chosen = load_config(None, [("optimizer.learning_rate", "0.01", ""), ("network.numbers", "pbld", "")])
    for one in draw_members(chosen, 8):
        assert one.settings.config.optimizer.learning_rate == 0.01
        assert one.settings.config.network.numbers == "pbld"
        assert one.settings.config.training.members is None


def test_an_empty_exclude_of_the_user_stays() -> None:
    overrides = (("network.batch_normalization", "true", ""), ("optimizer.exclude", "[]", ""))
    excluded = (
        {one.settings.config.optimizer.exclude for one in draw_members(load_config(None, overrides[:count]), 8)}
        for count in (1, 2)
    )
    assert list(excluded) == [{(), ("bias", "gamma", "beta")}, {()}]


def test_few_programs_train_them_all() -> None:
    prepared = workflow.prepare(load_config(None, [("data.source", "iris", "")]))
    for count, most in ((2, 2), (8, MOST_FORMS), (24, MOST_FORMS)):
        jobs = [workflow.preparing.job_on(prepared, one.settings) for one in draw_members(prepared.settings, count)]
        assert len(group_jobs(jobs)) == most


def test_one_folder_answers_with_the_weighted_mean_of_its_members(run: Run) -> None:
    record, model = run.members, run.load_model()
    assert record is not None and len(record.members) == COUNT
    counts = [member.count for member in record.answering]
    rows = {"numeric": jnp.asarray(np.random.default_rng(1).normal(size=(20, 2)), jnp.float32)}
    architecture = model.blueprint.architecture
    assert isinstance(architecture, Members) and list(architecture.counts) == counts
    alone = []
    for place, member in enumerate(architecture.members):
        own = bw.nn.Variables(*(tree[f"member_{place}"] for tree in model.variables))
        one = Model(member.build(model.blueprint.features, 1), model.model.task)
        alone.append(outputs(one, own, rows))
    mean = np.average(alone, axis=0, weights=counts)
    np.testing.assert_allclose(outputs(model.model, model.variables, rows), mean, rtol=1e-4, atol=1e-5)
    answers = bw.predict(run, table(), uncertainty=True)
    assert answers.uncertainty is not None and (answers.uncertainty > 0).any()


def test_its_record_says_what_each_adds(run: Run) -> None:
    record = run.members
    assert record is not None
    assert [member.number for member in record.members if not member.settings] == [1]
    last = record.answering[-1].together
    assert last is not None
    assert last["loss"] == pytest.approx(run.metrics["validation"]["loss"], rel=1e-5)
    assert sum(map(record.share, record.members)) == pytest.approx(1.0)
    first = next(member for member in record.members if member.number == 1)
    assert first.epochs == len(run.history)
    assert first.validation["loss"] == pytest.approx(run.history[first.epoch - 1]["val_loss"], rel=1e-5)
    assert not (run.path / "members").exists()


def test_its_record_has_the_metrics_of_the_finished_task() -> None:
    frame = table().with_columns((pl.col("a") + pl.col("price") / 20).exp().alias("price"))
    data = bw.load(frame, target="price", target_transform="log")
    trained = bw.fit(data, network=MLP((4,)), members=2, epochs=3, diagnostics=False)
    assert trained.members is not None
    last = trained.members.answering[-1].together
    assert last is not None and last["rmse"] == pytest.approx(trained.metrics["validation"]["rmse"], rel=1e-5)


def test_its_first_member_is_trained_as_alone(run: Run, words: tuple[str, ...], batchwright: Batchwright) -> None:  # noqa: F811
    assert batchwright(*words[:-2], "--run-dir", "alone").code == 0
    alone = open_run("alone")
    assert alone.members is None
    for one, other in zip(run.history, alone.history, strict=True):
        assert one["val_loss"] == pytest.approx(other["val_loss"], rel=1e-3)


@pytest.mark.parametrize("stop_at", [1, 4])
def test_it_goes_on_after_a_break_with_the_same_bits(
    run: Run,
    stop_at: int,
    tmp_path: Path,
    batchwright: Batchwright,  # noqa: F811
) -> None:
    events = workflow.train(workflow.recorded_settings(run), run_dir=tmp_path / "broken")
    seen = 0
    while seen < stop_at:
        seen += isinstance(next(events), MembersDone)
    events.close()  # type: ignore[attr-defined]
    broken = tmp_path / "broken"
    assert open_run(broken).status == "interrupted"
    states = sorted((broken / "members").glob("*/checkpoints/*"))
    newest = [path for path in states if path.parts[-3] == states[-1].parts[-3]]
    if len(newest) > 1:  # as if the process had been killed before the last one was written
        shutil.rmtree(newest[-1])
    answer = batchwright("resume", "broken")
    assert answer.code == 0, answer.err
    assert "the run goes on from the last checkpoints of its members" in answer.err
    assert_same(broken, run.path)
    assert open_run(broken).members == run.members


def test_a_member_that_ended_while_others_were_not_saved_goes_on_with_them(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = workflow.train(workflow.recorded_settings(run), run_dir=tmp_path / "broken")
    seen = list(islice((event for event in events if isinstance(event, MembersDone)), 2))
    events.close()  # type: ignore[attr-defined]
    ended, *others = (tmp_path / "broken/members" / f"{number - 1:03d}" for number in seen[0].members)
    assert others
    for place in others:
        shutil.rmtree(max((place / "checkpoints").iterdir()))
    (ended / "end.json").write_text(seal({"status": "finished", "reason": "it was over", "format": 1}))
    monkeypatch.setattr(member_jobs, "free_memory", lambda: 1)  # none fit together now
    on = [event for event in workflow.resume(tmp_path / "broken") if isinstance(event, MembersDone)]
    assert on[0].members == seen[0].members and on[0].epoch == seen[1].epoch
    assert_same(tmp_path / "broken", run.path)


def test_in_the_terminal(run: Run, folder: Path, batchwright: Batchwright) -> None:  # noqa: F811
    source = folder / "rows.csv"
    answer = batchwright("predict", run.path, source, "--uncertainty")
    assert answer.out.splitlines()[0] == "predicted_price,uncertainty_price"
    shown = batchwright("report", run.path)
    assert "nothing: the settings as they are" in shown.out and "on validation rows that did not choose" in shown.out
    assert batchwright("report", run.path, "--html", "page.html").code == 0
    assert "What each member adds" in Path("page.html").read_text()
    for words in (["evaluate", run.path, source], ["explain", run.path], ["diagnose", run.path]):
        assert batchwright(*words).code == 0
    assert len(json.loads(batchwright("report", run.path, "--json").out)["members"]["members"]) == COUNT


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--ensemble", 1], "must be a whole number >= 2 and <= 64"),
        (["--ensemble", 0], "must be a whole number >= 2 and <= 64"),
        (["--ensemble", 2, "--validation-split", 0], "members are chosen by the validation rows"),
        (["--ensemble", "auto", "--batch-size", "{adaptive: {}}"], "a batch size that stays as it is"),
    ],
)
def test_what_has_no_members_is_refused(more: list[object], said: str, batchwright: Batchwright) -> None:  # noqa: F811
    trained = batchwright("train", "iris", *more, "--run-dir", "run")
    assert trained.code == 2 and said in trained.err, trained.err
    assert not Path("run").exists()
    checked = batchwright("check", "iris", *more)
    assert (checked.code, checked.err) == (2, trained.err)


def test_seeds_and_members_do_not_go_together(batchwright: Batchwright) -> None:  # noqa: F811
    answer = batchwright("train", "iris", "--ensemble", 2, "--seeds", 2)
    assert answer.code == 2 and "--seeds trains one network with each seed" in answer.err


@pytest.mark.parametrize("members", [1, 65])
def test_in_python_the_argument_is_named(members: int) -> None:
    said = r'^members: must be a whole number >= 2 and <= 64, or a list.*, or None, or "auto", but'
    with pytest.raises(ConfigError, match=said):
        bw.fit(bw.load("iris"), members=members)
    with pytest.raises(ConfigError, match=r"^members are chosen by the validation rows.*leave out `members`"):
        bw.fit(bw.load("iris", validation_split=0), members=2)


def test_rows_that_are_read_in_chunks_are_refused() -> None:
    settings = load_config(None, [("data.source", "iris", ""), ("training.members", "2", "")])
    prepared = workflow.prepare(settings)
    on_disk = tuple.__new__(OnDisk, (None, 1))
    with pytest.raises(ConfigError, match="members need their rows in memory"):
        ensemble.refuse_ensemble(replace(prepared, job=replace(prepared.job, train=on_disk)))


def test_other_verbs_say_that_they_train_one_network(run: Run, batchwright: Batchwright) -> None:  # noqa: F811
    for words in (
        ["compare", "iris", "--vary", "seed", "--ensemble", "auto"],
        ["find-learning-rate", "iris", "--ensemble", "auto"],
        ["find-batch-size", "iris", "--ensemble", 2],
    ):
        answer = batchwright(*words)
        assert answer.code == 2 and "leave out --ensemble" in answer.err, answer.err
    answer = batchwright("resume", run.path, "--verify")
    assert answer.code == 2 and "only the training of one network is checked" in answer.err
    answer = batchwright("resume", run.path, "--epochs", 9)
    assert answer.code == 2 and "members of an ensemble are not trained for more epochs" in answer.err
    answer = batchwright("train", run.path.parent / "rows.csv", "--target", "price", "--from", run.path)
    assert answer.code == 2 and "is an ensemble of members" in answer.err


def test_a_limit_of_time_is_shared() -> None:
    data = bw.load(table(), target="price")
    trained = bw.fit(data, network=MLP((4,)), members=4, max_time=1e-3, diagnostics=False)
    assert trained.members is not None
    assert trained.stopped.reason.startswith("2 of 4 members were trained")
    assert [one.epochs for one in trained.members.members] == [1, 1]


def test_auto_says_how_many() -> None:
    trained = bw.fit(bw.load(table(), target="price"), network=MLP((4,)), members="auto", max_time=0.01)
    assert trained.prepared.settings.config.training.members == 2
    assert any("2 members: a member takes up to" in note for note in trained.prepared.notes)


def test_several_targets_and_classes() -> None:
    data = bw.load(table(), target=["price", "kind"])
    trained = bw.fit(data, network=MLP((4,)), members=2, epochs=2, diagnostics=False)
    assert trained.predict(table()).frame().columns[:2] == ["predicted_price", "predicted_kind"]


def test_all_that_diverge_leave_a_run(folder: Path, words: tuple[str, ...], batchwright: Batchwright) -> None:  # noqa: F811
    more = ("--optimizer", "sgd", "--learning-rate", "1e30", "--run-dir", "run")
    answer = batchwright(*words, *more)
    assert answer.code == 3, answer.err
    assert open_run("run").status == "diverged"


def test_a_network_of_your_own_is_refused() -> None:
    data = bw.load(table(), target="price")
    with pytest.raises(ConfigError, match="members have drawn settings of batchwright's networks"):
        bw.fit(data, network=bw.nn.Sequential((bw.nn.Activation("relu"),)), members=2)


@pytest.mark.parametrize("counts", [[], [0, 1, 1, 1], [1], [True] * 4, [10**9] * 4])
def test_a_strange_model_is_refused(run: Run, counts: list[int]) -> None:
    from batchwright.runs.model import read_blueprint

    plain = json.loads(run.read("model/model.json"))
    plain["network"]["counts"] = counts
    with pytest.raises(RunError, match="there is no ensemble of"):
        read_blueprint(json.dumps(plain).encode(), run.encoding, Path("model.json"))


def test_nothing_is_left_of_the_states_of_members_that_have_diverged(
    words: tuple[str, ...],
    batchwright: Batchwright,  # noqa: F811
) -> None:
    answer = batchwright(*words, "--learning-rate", "1e30", "--epochs", "2", "--run-dir", "wild")
    assert answer.code != 0
    assert open_run("wild").status == "diverged"
    assert not Path("wild/members").exists()
