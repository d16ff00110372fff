"""Members that hold out folds: each row is answered by members that were not trained on it; these answers choose."""

import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest
from tests.cli.conftest import Batchwright, assert_same, batchwright  # noqa: F401

import batchwright as bw
from batchwright import workflow
from batchwright.cli.main import main
from batchwright.config import load_config
from batchwright.data.dataset import Dataset
from batchwright.errors import ConfigError
from batchwright.lab.own_run.retrace import retrace
from batchwright.nn import MLP
from batchwright.population import threads
from batchwright.runs.run import Run, open_run
from batchwright.training.evaluate import outputs
from batchwright.training.feed import OnDisk
from batchwright.training.state import Model
from batchwright.workflow import ensemble, member_jobs
from batchwright.workflow.dealing import deal
from batchwright.workflow.events import MembersDone

ROWS, FOLDS = 203, 3
SMALL = {"network": MLP((4,)), "epochs": 3, "diagnostics": False, "progress": False}


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
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("bagging")
    table().write_csv(folder / "rows.csv")
    words = ["train", str(folder / "rows.csv"), "--target", "price", "--set", "data.kinds.kind=identifier"]
    words += ["--network", "mlp", "--hidden-layer-sizes", "8", "--epochs", "3"]
    words += ["--ensemble", "6", "--folds", str(FOLDS)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["batchwright", *words, "--run-dir", str(folder / "run")])
        with pytest.raises(SystemExit) as left:
            main()
    assert not left.value.code
    return open_run(folder / "run")


@pytest.fixture(scope="module")
def data() -> Dataset:
    return bw.load(table().drop("kind"), target="price")


@pytest.fixture(scope="module")
def trained(data: Dataset) -> bw.Trained:
    return bw.fit(data, folds=FOLDS, **SMALL)


def place_in_arrays(data: Dataset) -> dict[int, tuple[str, int]]:
    """By row number of the source, from 1, the part and the place in its arrays."""
    return {int(row) + 1: (part, place) for part, rows in data.positions.items() for place, row in enumerate(rows)}


def test_each_row_is_answered_by_the_member_that_holds_it_out(trained: bw.Trained, data: Dataset) -> None:
    found, record, model = trained.out_of_fold, trained.members, trained.model
    assert found is not None and record is not None
    assert [member.fold for member in record.members] == [1, 2, 3]
    assert sorted(found["row"]) == sorted(np.concatenate([data.positions["train"], data.positions["validation"]]) + 1)
    counts = np.bincount(found["fold"].to_numpy())[1:]
    assert len(counts) == FOLDS and counts.max() - counts.min() <= 1
    places = place_in_arrays(data)
    for place, member in enumerate(record.answering):
        alone = bw.nn.Variables(*(tree[f"member_{place}"] for tree in model.variables))
        one = Model(MLP((4,)).build(model.blueprint.features, 1), model.model.task)
        own = found.filter(pl.col("fold") == member.fold)
        rows = np.stack([data.parts[part].inputs["numeric"][at] for part, at in map(places.get, own["row"])])  # type: ignore[misc]
        expected = model.model.task.decode(outputs(one, alone, {"numeric": jnp.asarray(rows)}))
        np.testing.assert_allclose(own["predicted_price"], expected, rtol=1e-4)


def test_a_member_has_not_seen_the_targets_of_its_fold(trained: bw.Trained, data: Dataset) -> None:
    found = trained.out_of_fold
    assert found is not None
    places, parts = place_in_arrays(data), {"train": data.train, "validation": data.validation}
    targets = {name: part.targets.copy() for name, part in parts.items() if part}
    for row in found.filter(pl.col("fold") == 2)["row"]:
        part, place = places[row]
        targets[part][place] += row % 5
    train, validation = (replace(parts[name], targets=targets[name]) for name in targets)  # type: ignore[type-var]
    other = replace(data, train=train, validation=validation)
    how = {**SMALL, "network": bw.nn.Tabular((4,), numbers="piecewise_linear_tree", bins=4), "early_stopping": None}
    first, second = (bw.fit(one, folds=FOLDS, **how).model for one in (data, other))
    same = []
    for place in range(FOLDS):
        trees = [[tree[f"member_{place}"] for tree in one.variables] for one in (first, second)]
        pairs = zip(*map(bw.nn.networks.jax.tree.leaves, trees), strict=True)
        same.append(all(np.array_equal(*pair) for pair in pairs))
    assert same == [False, True, False]


def test_validation_figures_are_those_of_the_answers_out_of_fold(run: Run) -> None:
    found = pl.read_csv(run.file("out_of_fold.csv"))
    true = table()["price"].to_numpy()[found["row"].to_numpy() - 1]
    errors = found["predicted_price"].to_numpy() - true
    assert run.metrics["validation"]["rmse"] == pytest.approx(np.sqrt((errors**2).mean()), rel=1e-4)
    indices = run.indices()
    assert len(found) == len(indices.train) + len(indices.validation)
    assert any("out of fold" in remark for remark in run.manifest.remarks)


def test_settings_are_chosen_with_a_member_of_each_fold(run: Run) -> None:
    record = run.members
    assert record is not None
    counts = {member.number: member.count for member in record.members}
    assert len(counts) == 6
    for first in (1, 4):
        assert len({counts[number] for number in range(first, first + FOLDS)}) == 1
    drawn = {member.number: member.settings for member in record.members}
    assert drawn[1] == drawn[2] == drawn[3] == {} and drawn[4] == drawn[5] == drawn[6] != {}
    last = record.answering[-1].together
    assert last is not None and last["loss"] == pytest.approx(run.metrics["validation"]["loss"], rel=1e-5)
    first = next(member for member in record.members if member.number == 1)
    assert first.validation["loss"] == pytest.approx(run.history[first.epoch - 1]["val_loss"], rel=1e-5)


@pytest.mark.parametrize("stop_at", [1, 8])
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
    newest = max((tmp_path / "broken/members").glob("*/checkpoints/*"))
    shutil.rmtree(newest)  # as if the process had been killed before it was written
    answer = batchwright("resume", "broken")
    assert answer.code == 0, answer.err
    assert_same(tmp_path / "broken", run.path)
    assert open_run(tmp_path / "broken").members == run.members
    assert (tmp_path / "broken/out_of_fold.csv").read_bytes() == run.file("out_of_fold.csv").read_bytes()


@pytest.mark.parametrize("cores", [1, 3])
def test_folds_come_to_the_same_bits_side_by_side_and_one_after_the_other(
    run: Run, cores: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(member_jobs, "cores", lambda: cores)
    monkeypatch.setattr(threads, "cores", lambda: cores)
    events = list(workflow.train(workflow.recorded_settings(run), run_dir=tmp_path / "again"))
    assert_same(tmp_path / "again", run.path)
    told = [event for event in events if isinstance(event, MembersDone)]
    assert len({event.members for event in told[:FOLDS]}) == cores
    assert sorted(event.share for event in told) == [event.share for event in told]
    assert (told[-1].share, told[-1].loss) == (1.0, min(event.loss for event in told if event.loss is not None))


def test_where_time_ends_first_all_that_were_trained_answer_alike(data: Dataset) -> None:
    found = bw.fit(data, folds=FOLDS, max_time=1e-3, **{**SMALL, "epochs": None})
    assert found.members is not None and found.out_of_fold is not None
    trained = len(found.members.members)
    assert 1 <= trained < FOLDS and found.members.way == "all alike"
    assert set(found.out_of_fold["fold"]) == set(range(1, trained + 1))
    assert "no setting has a member of each fold" in found.members.reason
    assert any("whose folds have no member that answers" in remark for remark in found.remarks)
    assert np.isfinite(found.metrics["validation"]["rmse"])


def test_classes_and_weights_and_several_targets() -> None:
    frame = table().with_columns(weight=pl.Series(np.arange(ROWS) + 1.0))
    data = bw.load(frame, target=["price", "kind"], weights="weight")
    found = bw.fit(data, folds=FOLDS, **SMALL).out_of_fold
    assert found is not None
    named = ["row", "fold", "predicted_price", "predicted_kind", "probability_kind_minus", "probability_kind_plus"]
    assert found.columns == named


def test_auto_members_are_a_multiple_of_the_folds(data: Dataset) -> None:
    found = bw.fit(data, members="auto", folds=5, max_time=0.01, **{**SMALL, "epochs": None})
    assert found.prepared.settings.config.training.members == 5
    alone = workflow.prepare(found.prepared.settings, data)
    assert workflow.refusals.asks_for_members(alone.settings)


def test_in_the_terminal(run: Run, batchwright: Batchwright) -> None:  # noqa: F811
    shown = batchwright("report", run.path)
    assert shown.code == 0 and "fold" in shown.out.split("weight")[0], shown.out
    assert batchwright("report", run.path, "--html", "page.html").code == 0
    assert "Each holds out a fold" in Path("page.html").read_text()
    plain = json.loads(batchwright("report", run.path, "--json").out)
    assert [one["fold"] for one in sorted(plain["members"]["members"], key=lambda one: one["number"])] == [1, 2, 3] * 2
    answer = batchwright("predict", run.path, run.path.parent / "rows.csv", "--interval", "0.8")
    assert "without a guarantee" in answer.err
    answer = batchwright("evaluate", run.path, run.path.parent / "rows.csv")
    assert "it was trained on 85% of them" in answer.err + answer.out


def test_the_way_of_the_first_member_is_gone_again(run: Run) -> None:
    trace = retrace(run, moments=3)
    assert trace.exact and trace.prepared.dataset.train.rows == trace.job.plan.training_rows


def test_without_test_rows_the_rows_that_were_learned_are_not_called_held_out(
    run: Run,
    batchwright: Batchwright,  # noqa: F811
) -> None:
    rows = run.path.parent / "rows.csv"
    words = ["train", rows, "--target", "price", "--folds", 2, "--epochs", 1, "--test-split", 0]
    words += ["--network", "linear", "--run-dir", "run"]
    assert batchwright(*words).code == 0
    assert json.loads(batchwright("explain", "run", "--json").out)["part"] == "train"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--folds", 1], "must be a whole number >= 2"),
        (["--folds", 3, "--ensemble", 4], "4 members do not go with 3 folds"),
        (["--folds", 3, "--ensemble", 2], "take 3 members"),
        (["--folds", 3, "--seeds", 2], "--seeds trains one network with each seed, and --folds several"),
        (["--folds", 3, "--validation-split", 0], "--folds goes by validation rows"),
        (["--folds", 3, "--refit"], "with --folds, members learn all rows between them: leave out --refit."),
        (["--folds", 3, "--batch-size", "{adaptive: {}}"], "a batch size that stays as it is"),
        (["--folds", 3, "--group", "a"], "rows that are split by group, which would be torn apart"),
        (["--folds", 3, "--time", "b"], "rows that are split by time, which would be torn apart"),
    ],
)
def test_what_cannot_be_is_refused(more: list[object], said: str, run: Run, batchwright: Batchwright) -> None:  # noqa: F811
    answer = batchwright("train", run.path.parent / "rows.csv", "--target", "price", *more, "--run-dir", "run")
    assert answer.code == 2 and said in answer.err, answer.err
    assert not Path("run").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["search", "iris", "--set", "training.folds=3", "--run-dir", "run"],
        ["search", "iris", "--set", "training.folds={choice: [3, 4]}", "--run-dir", "run"],
        ["compare", "iris", "--vary", "seed", "--set", "training.folds=3"],
        ["compare", "iris", "--vary", "training.folds=[3, 4]"],
    ],
)
def test_where_networks_are_compared_the_folds_of_a_search_are_named(
    words: list[object],
    batchwright: Batchwright,  # noqa: F811
) -> None:
    answer = batchwright(*words)
    assert answer.code == 2 and "A search has folds of its own" in answer.err, answer.err
    assert not Path("run").exists()


def test_more_folds_than_rows_are_refused() -> None:
    with pytest.raises(ConfigError, match="2 to 18, as many as there are training and validation rows, but is 30"):
        bw.fit(bw.load(table().head(20).drop("kind"), target="price", validation_split=0.2, test_split=0.1), folds=30)


def test_rows_that_are_read_in_chunks_are_refused(data: Dataset) -> None:
    job = workflow.prepare(load_config(None, [("training.epochs", "1", "")]), data).job
    with pytest.raises(ConfigError, match="needs the rows in memory"):
        deal(replace(job, train=tuple.__new__(OnDisk, (None, 1))), data, 3)


def test_weights_of_training_and_validation_rows_have_one_unit() -> None:
    frame = table().drop("kind").with_columns(weight=pl.Series(np.arange(ROWS) + 1.0), day=pl.Series(np.arange(ROWS)))
    found = bw.load(frame, target="price", weights="weight", time="day")
    units = [
        (found.positions[name] + 1) / part.weights
        for name, part in (("train", found.train), ("validation", found.validation))
    ]
    assert found.validation.weights.mean() > 1  # its own unit would make this less
    assert len(set(np.concatenate(units).tolist())) == 1


def test_rows_that_come_in_groups_from_python_are_refused() -> None:
    data = bw.load(table(), target="price", group="kind", validation_split=0.3, test_split=0)
    with pytest.raises(ConfigError, match="split by group"):
        bw.fit(data, folds=3)


def test_rows_are_numbered_as_in_the_source_where_targets_are_missing(tmp_path: Path) -> None:
    a = np.random.default_rng(3).normal(size=ROWS)
    lines = [f"{value},{'' if row % 7 == 0 else 1000 * value}" for row, value in enumerate(a)]
    (tmp_path / "rows.csv").write_text("\n".join(["a,price", *lines]) + "\n")
    data = bw.load(tmp_path / "rows.csv", target="price", on_bad_rows="drop")
    trained = bw.fit(data, folds=FOLDS, **{**SMALL, "epochs": 30, "learning_rate": 0.04})
    found = trained.out_of_fold
    assert found is not None
    rows = found["row"].to_numpy() - 1
    assert not (rows % 7 == 0).any()
    assert np.corrcoef(a[rows], found["predicted_price"])[0, 1] > 0.95
    assert any("without those that were left out as their cells do not fit" in remark for remark in trained.remarks)
