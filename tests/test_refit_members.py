"""The members that answer are trained anew on all rows, for as many epochs as were best, and chosen as before."""

from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
import pytest
from tests.cli.conftest import assert_same
from tests.test_refit import joined, table

import batchwright as bw
from batchwright import workflow
from batchwright.config import Settings, load_config
from batchwright.data.dataset import Dataset
from batchwright.nn import MLP
from batchwright.optim import SGD, Constant
from batchwright.runs.run import Run, open_run
from batchwright.workflow import ensemble, refitting_members
from batchwright.workflow.events import MembersDone

RATES = (0.1, 0.02)
HOW = {"network": MLP((8,)), "batch_size": 32, "diagnostics": False, "progress": False, "schedule": Constant()}
MEMBERS = [{}, {"optimizer.learning_rate": RATES[1]}]
VALUES = {
    "training.members": f"[{{}}, {{optimizer.learning_rate: {RATES[1]}}}]",
    "network.name": "mlp",
    "network.hidden_layer_sizes": "[8]",
    "optimizer.name": "sgd",
    "optimizer.learning_rate": f"{RATES[0]}",
    "schedule.name": "constant",
    "training.batch_size": "32",
    "training.epochs": "4",
    "training.early_stopping": "null",
    "training.refit": "true",
}


@pytest.fixture(scope="module", autouse=True)
def saved_after_each_epoch() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ensemble, "BETWEEN_EPOCHS", 0.0)
        patch.setattr(refitting_members, "BETWEEN_EPOCHS", 0.0)
        yield


@pytest.fixture(scope="module")
def data() -> Dataset:
    return bw.load(table(), target="price")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    path = tmp_path_factory.mktemp("rows") / "rows.csv"
    table().write_csv(path)
    values = {"data.source": str(path), "data.target": "price", **VALUES}
    return load_config(None, [(key, text, key) for key, text in values.items()])


@pytest.fixture(scope="module")
def run(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Run:
    *_, last = workflow.train(settings, run_dir=tmp_path_factory.mktemp("whole") / "run")
    assert isinstance(last, bw.Trained) and last.run is not None
    return last.run


def test_each_is_the_training_of_all_rows_for_its_best_number_of_epochs(data: Dataset) -> None:
    how = {**HOW, "epochs": 12, "optimizer": SGD(learning_rate=RATES[0])}
    stopping = bw.EarlyStopping(patience=3)
    first = bw.fit(data, members=MEMBERS, early_stopping=stopping, **how)
    found = bw.fit(data, members=MEMBERS, early_stopping=stopping, refit=True, **how)
    assert found.members is not None and found.members.members == first.members.members  # type: ignore[union-attr]
    assert found.metrics["validation"] == first.metrics["validation"]
    assert found.metrics["test"] != first.metrics["test"]
    answering = found.members.answering
    assert len(found.refit) == answering[0].epoch
    for place, member in enumerate(answering):
        own = {**how, "epochs": member.epoch, "optimizer": SGD(learning_rate=RATES[member.number - 1])}
        direct = bw.fit(joined(data), early_stopping=None, seed=member.number - 1, **own)
        trees = found.model.variables
        params = trees.params if len(answering) == 1 else trees.params[f"member_{place}"]
        for one, other in zip(jax.tree.leaves(params), jax.tree.leaves(direct.model.variables.params), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_the_run_tells_of_it(run: Run) -> None:
    (remark,) = (one for one in run.manifest.remarks if "trained anew" in one)
    assert "of the first training, training and test figures of this model" in remark
    assert "trained anew on 255 rows" in run.reason and run.has_learned_validation
    assert (run.path / "refit.jsonl").exists()
    assert not (run.path / "refit").exists() and not (run.path / "members").exists()


@pytest.mark.parametrize(("anew", "count"), [(False, 2), (True, 2)])
def test_it_goes_on_after_a_break_with_the_same_bits(
    run: Run, settings: Settings, anew: bool, count: int, tmp_path: Path
) -> None:
    events, seen = workflow.train(settings, run_dir=tmp_path / "broken"), 0
    while seen < count:
        event = next(events)
        seen += isinstance(event, MembersDone) and (event.loss is None) == anew
    events.close()  # type: ignore[attr-defined]
    assert open_run(tmp_path / "broken").status == "interrupted"
    for _ in workflow.resume(tmp_path / "broken"):
        pass
    assert_same(tmp_path / "broken", run.path)


def stops(*, anew: bool) -> dict[str, object]:
    def ask(event: object) -> str | None:
        return "stop" if isinstance(event, MembersDone) and (event.loss is None) == anew and event.epoch == 2 else None

    return {"on_event": ask}


def test_members_that_were_stopped_stay_so_after_a_break(data: Dataset, tmp_path: Path) -> None:
    how = {**HOW, "epochs": 5, "members": MEMBERS, "refit": True, **stops(anew=False)}
    whole = bw.fit(data, run_dir=tmp_path / "whole", **how)  # type: ignore[arg-type]
    assert whole.members is not None and {one.epochs for one in whole.members.members} == {3}, "stopped in time"
    events = bw.events(data, run_dir=tmp_path / "broken", **how)
    assert any(isinstance(event, MembersDone) and event.loss is None for event in events)
    iter(events).close()  # type: ignore[attr-defined]
    resumed = bw.resume(tmp_path / "broken", data, progress=False)
    assert resumed.members is not None and resumed.members.members == whole.members.members
    for one, other in zip(*(jax.tree.leaves(each.model.variables) for each in (whole, resumed)), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_refit_that_is_stopped_leaves_the_model_of_the_first_training(data: Dataset) -> None:
    how = {**HOW, "epochs": 5, "members": MEMBERS, "early_stopping": None}
    found, first = bw.fit(data, refit=True, **how, **stops(anew=True)), bw.fit(data, **how)  # type: ignore[arg-type]
    assert "stopped as asked of the refit; the model is that of the first training" in found.stopped.reason
    for one, other in zip(*(jax.tree.leaves(each.model.variables) for each in (found, first)), strict=True):
        np.testing.assert_array_equal(one, other)
    assert found.metrics == first.metrics and not found.refit
