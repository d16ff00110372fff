"""Networks, losses, metrics, tasks, rules and schedules that a user brings: trained, recorded, resumed, reopened."""

import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from sklearn.metrics import cohen_kappa_score
from tests.children import Children
from tests.cli.conftest import batchwright  # noqa: F401  (a fixture)
from tests.own_parts import Line, Nudge, Two

import batchwright as bw
from batchwright._printed import printed_form
from batchwright.errors import ConfigError, RunError
from batchwright.nn import Activation, Dense, Sequential
from batchwright.optim.schedule import Rates, Schedule, When
from batchwright.tasks import CustomTask, Metric
from batchwright.training.events import EpochDone
from batchwright.training.stopping import EarlyStopping


@dataclass(frozen=True, kw_only=True)
class Halving(Schedule):
    """Half the rate in every epoch."""

    name: ClassVar[str] = "halving"

    def rates_without_warmup(self, learning_rate: float, when: When) -> Rates:
        return learning_rate * 0.9 ** np.floor(when.epoch("epoch"))


class Cosine(CustomTask):
    """One minus the cosine of the angle to the target."""

    name = "cosine"
    outputs = 3
    reported = (Metric("worst", False, lambda answers: float(np.abs(answers.predicted).max())),)

    def __repr__(self) -> str:
        return "Cosine()"

    def losses(self, outputs: Any, targets: Any) -> jax.Array:
        right = jnp.take_along_axis(outputs, targets[:, None], axis=1)[:, 0]
        return 1 - right / jnp.sqrt(1e-6 + jnp.sum(outputs**2, axis=1))


def brier(outputs: jax.Array, targets: jax.Array) -> jax.Array:
    """Squared error of the probabilities."""
    return jnp.sum((jax.nn.softmax(outputs) - jax.nn.one_hot(targets, outputs.shape[1])) ** 2, axis=1)


KAPPA = Metric("kappa", True, lambda a: cohen_kappa_score(a.true, a.predicted, sample_weight=a.weights))
SEQUENTIAL = Sequential((Dense(8), Activation("tanh")))

CASES: dict[str, dict[str, Any]] = {
    "layers, loss and metric": {"network": SEQUENTIAL, "loss": brier, "metrics": (KAPPA,)},
    "network and rule": {"network": Line(), "optimizer": Nudge(learning_rate=0.02)},
    "architecture and schedule": {"network": Two(), "schedule": Halving()},
    "task": {"network": Line(), "task": Cosine()},
    "optax": {"optimizer": bw.optim.FromOptax(optax.chain(optax.clip(1.0), optax.sgd(0.1, momentum=0.9)))},
}
OTHERS: dict[str, dict[str, Any]] = {
    "layers, loss and metric": {"network": Sequential((Dense(9), Activation("tanh")))},
    "network and rule": {"optimizer": Nudge(learning_rate=0.02, size=2.0)},
    "architecture and schedule": {"network": Two(units=7)},
    "task": {"task": type("Other", (Cosine,), {"__repr__": lambda _: "Other()"})()},
    "optax": {"optimizer": bw.optim.FromOptax(optax.adam(0.1))},
}
PLAN: dict[str, Any] = {"epochs": 6, "batch_size": 16, "early_stopping": None}


@pytest.fixture(scope="module")
def iris() -> Any:
    return bw.load("iris")


def arrays(model: Any) -> list[bytes]:
    return [np.asarray(array).tobytes() for array in jax.tree.leaves(model.variables)]


@pytest.mark.parametrize("name", CASES)
def test_each_is_recorded_resumed_to_the_same_bits_and_reopened(name: str, iris: Any, tmp_path: Path) -> None:
    own = CASES[name]
    whole = bw.fit(iris, **own, **PLAN, run_dir=tmp_path / "whole")
    interrupted(iris, own, tmp_path / "broken")
    with pytest.raises(ConfigError, match=r"does not hold|names metrics"):
        bw.resume(tmp_path / "broken", iris)
    with pytest.raises(ConfigError, match=r"the \w+ of this run is .* was given"):
        bw.resume(tmp_path / "broken", iris, **{**own, **OTHERS[name]})
    resumed = bw.resume(tmp_path / "broken", iris, **own)
    assert arrays(resumed.model) == arrays(whole.model)
    assert resumed.metrics == whole.metrics
    run = bw.open_run(tmp_path / "whole")
    kept = {key: part for key, part in own.items() if key in ("network", "task", "loss", "metrics")}
    model = run.load_model(**kept)
    assert arrays(model) == arrays(whole.model)


def interrupted(data: Any, own: dict[str, Any], place: Path) -> None:
    """A run whose events are left after two epochs."""
    events = bw.events(data, **own, **PLAN, checkpoints=bw.Checkpoints(iterations=5), run_dir=place)
    for event in events:
        if isinstance(event, EpochDone) and event.row["epoch"] == 2:
            break
    iter(events).close()  # type: ignore[attr-defined]
    assert bw.open_run(place).status == "interrupted"


def test_what_a_record_only_names_is_said(iris: Any, tmp_path: Path, batchwright: Any) -> None:  # noqa: F811
    place = tmp_path / "run"
    bw.fit(iris, network=SEQUENTIAL, loss=brier, metrics=(KAPPA, "top_2_accuracy"), **PLAN, run_dir=place)
    run = bw.open_run(place)
    values = {key: setting.value for key, setting in run.settings.items()}
    assert values["network.name"] == "custom" and "Dense(units=8" in values["network.form"]
    assert values["task.loss"] == {"custom": "brier"}
    assert values["task.metrics"] == ["top_2_accuracy", {"custom": "kappa"}]
    assert {"val_kappa", "val_top_2_accuracy"} <= run.history[-1].keys() and "kappa" in run.metrics["test"]
    for words in (("train", "--config", place / "config.yaml"), ("check", "--config", place / "config.yaml")):
        assert "is Python code" in batchwright(*words).err
    assert "does not hold its code: give it again, as network=" in batchwright("predict", place, "iris").err
    assert batchwright("report", place).code == 0 and batchwright("runs", tmp_path).code == 0
    with pytest.raises(RunError, match=r"the task of this run is one of batchwright's"):
        run.load_model(network=SEQUENTIAL, task=Cosine())
    with pytest.raises(RunError, match=r"network of this run is .*, and Line\(3\) was given"):
        run.load_model(network=Line())


def test_a_loss_alone_does_not_keep_a_model_from_predicting(iris: Any, tmp_path: Path, batchwright: Any) -> None:  # noqa: F811
    place = tmp_path / "run"
    trained = bw.fit(iris, network=bw.nn.MLP((8,)), loss=brier, **PLAN, run_dir=place)
    answer = batchwright("evaluate", place, "iris")
    assert answer.code == 0 and "does not hold the code of its loss, brier" in answer.out
    again = bw.open_run(place).load_model(loss=brier)
    rows = bw.load("iris").test
    assert rows is not None
    assert again.model.task.metrics(np.eye(3, dtype=np.float32), np.arange(3))["loss"] == pytest.approx(
        trained.model.model.task.metrics(np.eye(3, dtype=np.float32), np.arange(3))["loss"]
    )


PROGRAM = """
import os, signal, sys
import batchwright as bw
sys.path.insert(0, {root!r})
from tests.test_own_parts import CASES, PLAN
from batchwright.runs.folder import RunFolder
save, saved = RunFolder.save_checkpoint, []
def dying(self, *arguments, **named):
    save(self, *arguments, **named)
    self.wait_for_checkpoints()
    saved.append(1)
    if len(saved) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
RunFolder.save_checkpoint = dying
own = CASES["layers, loss and metric"]
bw.fit(bw.load("iris"), **own, **PLAN, checkpoints=bw.Checkpoints(iterations=5), run_dir="run")
"""


def test_killed_and_resumed_in_another_process_to_the_same_bits(iris: Any, tmp_path: Path, children: Children) -> None:
    own = CASES["layers, loss and metric"]
    program = tmp_path / "dies.py"
    program.write_text(PROGRAM.format(root=str(Path(__file__).parent.parent)))
    child = children.fork(program, cwd=tmp_path)
    assert child.ended() == -signal.SIGKILL, child.err
    assert bw.open_run(tmp_path / "run").status == "killed"
    resumed = bw.resume(tmp_path / "run", iris, **own)
    whole = bw.fit(iris, **own, **PLAN, checkpoints=bw.Checkpoints(iterations=5))
    assert arrays(resumed.model) == arrays(whole.model)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"network": Line(4)}, r"the network Line\(4\) gives float32 of shape \[2, 4\] for 2 rows, .* \[2, 3\]"),
        ({"network": Line(3, "int32")}, "gives int32 of shape"),
        ({"network": Sequential((Dense(5),))}, r"ends in Dense\(5\), and the target needs 3 outputs"),
        ({"network": Line(), "precision": "bfloat16"}, "precision bfloat16 is for batchwright's own layers"),
        ({"loss": lambda z, y: jnp.mean(z) + y.mean()}, r"the loss gives float32 of shape \[\]"),
        ({"metrics": (Metric("bad", True, lambda _: 1 / 0),)}, "the metric 'bad' fails on .*ZeroDivisionError"),
        ({"metrics": (Metric("bad", True, lambda _: np.nan),)}, "the metric 'bad' gives NaN"),
        ({"metrics": (Metric("accuracy", True, lambda _: 1.0),)}, "there is a metric 'accuracy' already"),
        ({"metrics": ("acuracy",)}, "did you mean 'accuracy'"),
        ({"task": Cosine(), "loss": brier}, "leave out loss and metrics, or the task"),
        ({"loss": "focal", "label_smoothing": 0.1}, "label_smoothing is for cross_entropy"),
        ({"threshold": 0.3}, "is for two classes, and there are 3"),
        ({"early_stopping": EarlyStopping(monitor="val_kapa"), "metrics": (KAPPA,)}, "did you mean 'val_kappa'"),
    ],
)
def test_what_does_not_fit_is_refused_before_a_folder_is_made(
    iris: Any, tmp_path: Path, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        bw.fit(iris, **{**PLAN, **arguments}, run_dir=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_parts_that_a_run_does_not_name_are_refused(iris: Any, tmp_path: Path) -> None:
    interrupted(iris, {"network": bw.nn.MLP((4,))}, tmp_path / "run")
    for given in ({"network": Line()}, {"loss": brier}, {"metrics": (KAPPA,)}, {"optimizer": Nudge()}):
        with pytest.raises(ConfigError, match=r"leave out|give the same again"):
            bw.resume(tmp_path / "run", iris, **given)
    assert bw.resume(tmp_path / "run", iris).stopped.status == "finished"


def test_early_stopping_goes_by_a_metric_of_ones_own(iris: Any) -> None:
    stopping = EarlyStopping(monitor="val_kappa", patience=3)
    trained = bw.fit(iris, network=SEQUENTIAL, metrics=(KAPPA,), **{**PLAN, "epochs": 40, "early_stopping": stopping})
    kappas = [row["val_kappa"] for row in trained.history]
    assert trained.stopped.epoch == kappas.index(max(kappas)) + 1, "larger is better"


@pytest.mark.parametrize("activation", [None, "relu"])
def test_the_last_layer_is_added_unless_it_is_there(iris: Any, activation: Any) -> None:
    layers = (Dense(5), Activation("relu"), Dense(3), *((Activation(activation),) if activation else ()))
    trained = bw.fit(iris, network=Sequential(layers), **PLAN)
    names = set(trained.model.variables.params["body"]["headed_0"])
    assert names == ({"body", "head"} if activation else {"body"})


def test_events_are_followed_stopped_and_saved_as_asked(iris: Any, tmp_path: Path) -> None:
    events, seen = bw.events(iris, **{**PLAN, "epochs": 50}), []
    for event in events:
        seen.append(type(event).__name__)
        if isinstance(event, EpochDone) and event.row["epoch"] == 3:
            events.stop()
        if isinstance(event, EpochDone) and event.row["epoch"] == 2:
            events.checkpoint()
    assert seen[0] == "Prepared" and seen[-1] == "Trained" and seen.count("EpochDone") == 3
    assert isinstance(event, bw.Trained) and event.stopped.reason == "stopped as asked, in epoch 3 of 50"
    done = [name for name in seen if name in ("EpochDone", "CheckpointTaken")]
    assert done[:3] == ["EpochDone", "EpochDone", "CheckpointTaken"]


def test_a_function_that_follows_the_events_can_stop(iris: Any, tmp_path: Path) -> None:
    def follow(event: Any) -> Any:
        return "stop" if isinstance(event, EpochDone) and event.row["epoch"] == 2 else None

    trained = bw.fit(iris, **{**PLAN, "epochs": 50}, on_event=follow, run_dir=tmp_path / "run")
    assert len(trained.history) == 2 and bw.open_run(tmp_path / "run").status == "finished"
    whole = bw.fit(iris, **{**PLAN, "epochs": 50})
    assert trained.history[-1]["loss"] == whole.history[1]["loss"], "to follow changes nothing"
    with pytest.raises(ConfigError, match="unknown argument 'epoch': did you mean 'epochs'"):
        bw.events(iris, epoch=3)


def test_the_printed_form_names_no_module_and_no_address() -> None:
    class Plain:
        pass

    assert printed_form(Plain()) == Plain.__qualname__
    assert "0x" not in printed_form([brier, Plain()]) and printed_form(brier) == "brier"


def test_only_what_is_custom_is_said_to_be_code(batchwright: Any) -> None:  # noqa: F811
    answer = batchwright("train", "iris", "--set", "task.class_weights={custom: -1, customers: 2}")
    assert answer.code == 2 and "Python code" not in answer.err and "class_weights" in answer.err
    assert "is Python code" in batchwright("train", "iris", "--set", "task.loss={custom: f}").err
