"""Parts of a user's own are searched and compared as all others: trained, recorded, gone on with, or refused first."""

import inspect
from itertools import count
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.own_parts import Line, Nudge, Two

import batchwright as bw
from batchwright._printed import printed_form
from batchwright.config import Given
from batchwright.errors import ConfigError, InterruptedRunError
from batchwright.runs.searches import reopen_search
from batchwright.search.brought import Parts, space_of
from batchwright.search.events import Searched, SearchOptions
from batchwright.search.search import go_on, search
from batchwright.search.space import load_space
from batchwright.tasks import CustomTask, Metric

RATE = "optimizer.learning_rate"
SHORT: dict[str, Any] = {"training.epochs": 3, "training.batch_size": 26, "network.name": "linear"}


class Cosine(CustomTask):
    """One minus the cosine of the angle to the target."""

    outputs = 3
    reported = (Metric("spread", True, lambda answers: float(np.ptp(answers.predicted))),)

    def __repr__(self) -> str:
        return "Cosine()"

    def losses(self, outputs: Any, targets: Any) -> jax.Array:
        right = jnp.take_along_axis(outputs, targets[:, None], axis=1)[:, 0]
        return 1 - right / jnp.sqrt(1e-6 + jnp.sum(outputs**2, axis=1))


def brier(outputs: jax.Array, targets: jax.Array) -> jax.Array:
    """Squared error of the probabilities."""
    return jnp.sum((jax.nn.softmax(outputs) - jax.nn.one_hot(targets, outputs.shape[1])) ** 2, axis=1)


@pytest.fixture(scope="module")
def iris() -> bw.Dataset:
    return bw.load("iris")


CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "rule and loss": (
        {"optimizer": Nudge(learning_rate=0.02), "loss": brier},
        {**SHORT, RATE: {"log": [1e-3, 0.1]}, "optimizer.size": {"uniform": [0.5, 2]}},
    ),
    "network and task": (
        {"network": Line(), "task": Cosine()},
        {"training.epochs": 3, "training.batch_size": 26, RATE: {"log": [1e-3, 0.1]}},
    ),
    "architecture": (
        {"network": Two(), "optimizer": bw.optim.SGD(momentum=0.9)},
        {"training.epochs": 3, "training.batch_size": 26, "network.units": {"choice": [2, 8]}},
    ),
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.soak) if name == "architecture" else name for name in CASES]
)
def test_it_is_searched_recorded_and_gone_on_with_to_the_same_best(name: str, iris: bw.Dataset, tmp_path: Path) -> None:
    parts, space = CASES[name]
    whole = bw.run_search(iris, space, **parts, trials=4, run_dir=tmp_path / "whole")
    assert set(whole.best.chosen) == {key for key, value in space.items() if isinstance(value, dict)}
    asked = count()
    own_space = space_of(space, Parts(**parts))
    with pytest.raises(InterruptedRunError):
        list(
            search(own_space, SearchOptions(4), iris, run_dir=tmp_path / "broken", interrupted=lambda: next(asked) > 0)
        )
    with pytest.raises(ConfigError, match=r"the search names its \w+, .*, and does not hold its code: give it again"):
        bw.resume_search(tmp_path / "broken", iris)
    own = {key: part for key, part in parts.items() if not isinstance(part, bw.optim.SGD)}
    *_, last = go_on(reopen_search(tmp_path / "broken"), iris, given=Parts(**own).given())
    assert isinstance(last, Searched)
    assert last.best.chosen == whole.best.chosen
    assert last.trained.metrics == whole.trained.metrics
    text = (tmp_path / "whole" / "best" / "config.yaml").read_text()
    assert "custom" in text


def test_a_space_is_recorded_with_what_is_custom_in_it_and_read_again(tmp_path: Path) -> None:
    parts = Parts(optimizer=Nudge(), loss=brier, metrics=["top_2_accuracy", Cosine.reported[0]])
    space = space_of({RATE: {"log": [1e-3, 0.1]}, "network.name": "linear"}, parts)
    text = space.to_text()
    lines = [
        "optimizer:",
        "  name: custom",
        f'  form: "{printed_form(Nudge())}"',
        "  learning_rate: {log: [0.001, 0.1]}",
        "task:",
        "  loss: {custom: brier}",
        "  metrics: [top_2_accuracy, {custom: spread}]",
        "network:",
        "  name: linear",
    ]
    assert text.splitlines() == lines
    given = Given(optimizer=Nudge(), loss=brier, metrics=(Cosine.reported[0],))
    (tmp_path / "space.yaml").write_text(text)
    again = load_space(tmp_path / "space.yaml", given=given)
    assert again.to_text() == text and again.dimensions[0].values == (1e-3, 0.1)
    plain = space_of({RATE: {"log": [1e-3, 0.1]}, "network.name": "linear"}, Parts())
    assert plain.to_text() == "network:\n  name: linear\noptimizer:\n  learning_rate: {log: [0.001, 0.1]}\n"


def test_numbers_that_are_chosen_reach_the_part(iris: bw.Dataset, tmp_path: Path) -> None:
    parts, space = CASES["rule and loss"]
    found = bw.run_search(iris, space, **parts, trials=3, run_dir=tmp_path / "search")
    rule = found.trained.prepared.job.program.optimizer
    assert rule == Nudge(learning_rate=found.best.chosen[RATE], size=found.best.chosen["optimizer.size"])
    alone = bw.fit(
        iris, network=bw.nn.Linear(), optimizer=rule, loss=brier, epochs=3, batch_size=26, early_stopping=None
    )
    assert min(row["val_loss"] for row in alone.history) == pytest.approx(found.best.outcome.value, rel=1e-3)


def test_without_a_space_the_rate_of_a_rule_is_searched_around_its_own(iris: bw.Dataset, tmp_path: Path) -> None:
    found = bw.run_search(iris, SHORT, optimizer=Nudge(size=0.5), trials=3, run_dir=tmp_path / "search")
    assert list(found.best.chosen) == [RATE]
    rates = [one.chosen[RATE] for one in found.finished]
    assert 0.01 / 32 < min(rates) < max(rates) < 0.01 * 32
    rule = found.trained.prepared.job.program.optimizer
    assert isinstance(rule, Nudge) and rule.size == 0.5


@pytest.mark.parametrize(
    ("parts", "space", "said"),
    [
        ({"optimizer": Nudge}, {}, r"optimizer=Nudge is a class: make one of it, as Nudge\(\)"),
        ({"optimizer": Nudge(learning_rate=-1.0)}, {}, "Nudge.learning_rate: must be a number > 0"),
        ({"optimizer": Nudge()}, {"optimizer.name": "sgd"}, "optimizer.name is in the space, and optimizer is given"),
        ({"optimizer": Nudge()}, {"optimizer.momentum": {"uniform": [0, 0.9]}}, "optimizer.momentum: .* has no such"),
        ({"optimizer": Nudge()}, {RATE: {"uniform": [-1, 1]}}, "Nudge.learning_rate: must be a number > 0"),
        ({"network": Line()}, {"network.units": 3}, r"network.units: Line\(3\) has no such number. It has: none"),
        ({"loss": brier}, {"task.loss": "focal"}, "task.loss is in the space, and loss is given"),
        ({"loss": lambda *_: 1.0}, {}, "the loss gives 1.0 for"),
        ({"loss": "crossentropy"}, {}, "did you mean"),
        ({"metrics": [3]}, {}, "but 3 is neither"),
        ({"schedule": "cosine"}, {}, "schedule takes one that is made as"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_written(
    iris: bw.Dataset, tmp_path: Path, parts: dict[str, Any], space: dict[str, Any], said: str
) -> None:
    run_search: Any = inspect.unwrap(bw.run_search)
    with pytest.raises(ConfigError, match=said):
        run_search(iris, {"training.batch_size": 26, **space}, **parts, run_dir=tmp_path / "search")
    assert not (tmp_path / "search").exists()


def test_a_rule_of_ones_own_is_compared_with_the_others(iris: bw.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    from batchwright.comparison import variants

    monkeypatch.setattr(variants, "OPTIMIZERS", (bw.optim.Adam,))
    found = bw.compare(iris, SHORT, optimizer=Nudge(), loss=brier, trials=2, seeds=2)
    rows = {row.name: row for row in found.rows}
    assert set(rows) == {"nudge", "adam"}
    assert set(rows["nudge"].settings) == {RATE, "optimizer.size"}
    assert 0.5 <= rows["nudge"].settings["optimizer.size"] <= 2.0
    assert "optimizer.size" not in rows["adam"].settings


def test_numbers_of_ones_own_rule_are_compared(iris: bw.Dataset) -> None:
    found = bw.compare(iris, SHORT, vary="optimizer.size=0.5,1.5", optimizer=Nudge(), trials=1, seeds=1)
    assert {row.name for row in found.rows} == {"0.5", "1.5"}
    with pytest.raises(ConfigError, match=r"sise"):
        bw.compare(iris, SHORT, vary="optimizer.sise=0.5,1.5", optimizer=Nudge())
    with pytest.raises(ConfigError, match="trials has to be a whole number from 1 on, but is 0"):
        bw.compare(iris, SHORT, trials=0)
