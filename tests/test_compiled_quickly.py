"""Short trainings are compiled with less optimisation: the plan decides, and the record says so for whoever goes on."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.builders import same_bits
from tools import golden

from batchwright import nn, workflow
from batchwright.config import Settings, load_config
from batchwright.errors import InterruptedRunError
from batchwright.runs.manifest import read_manifest
from batchwright.runs.run import open_run
from batchwright.training import fit as fitting
from batchwright.training import libraries
from batchwright.training.evaluate import LITTLE_WORK as LITTLE_EVALUATION
from batchwright.training.evaluate import _is_little_work
from batchwright.training.plan import Plan
from batchwright.workflow import foretelling
from batchwright.workflow.foretelling import is_little_work
from batchwright.workflow.preparing import job_on
from batchwright.workflow.training import recorded_settings

SET = ("data.source=iris", "network.name=linear", "training.batch_size=16", "training.epochs=4")


def settings_of(*more: str) -> Settings:
    return load_config(None, [(*item.split("=", 1), item) for item in (*SET, "training.diagnostics=false", *more)])


def train(run: Path, settings: Settings, *, until: int | None = None) -> Any:
    """The last event; with `until`, it is interrupted after so many epochs."""
    done, last = list[object](), None

    def interrupted() -> bool:
        return until is not None and len(done) >= until

    try:
        for last in workflow.train(settings, run_dir=run, interrupted=interrupted):
            done += [last] if hasattr(last, "row") else []
    except InterruptedRunError:
        assert until is not None
    return last


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each loop was compiled quickly."""
    found, compile_segment = list[bool](), fitting.compile_segment

    def noted(*given: Any, quickly: bool = False, **named: Any) -> Any:
        found.append(quickly)
        return compile_segment(*given, quickly=quickly, **named)

    monkeypatch.setattr(fitting, "compile_segment", noted)
    return found


def test_the_plan_decides() -> None:
    network = nn.MLP((8,)).build(nn.Features(numeric=3), 2)
    example = {"numeric": np.zeros((2, 3), np.float32)}
    plan = Plan(training_rows=1_000, batch_size=10, epochs=100)

    def decides(parameters: int, plan: Plan) -> bool:
        return is_little_work(network, parameters, plan, example)

    assert decides(40_000, plan)
    assert not decides(40_001, plan)
    assert not decides(40_000, replace(plan, epochs=101))
    assert decides(40_000, replace(plan, batch_size=100))
    pixels = {"image": np.zeros((2, 4, 4, 1), np.uint8)}
    assert is_little_work(network, 2_500, plan, pixels) and not is_little_work(network, 2_501, plan, pixels)


def test_evaluations_of_few_rows_are_compiled_quickly_but_not_of_images() -> None:
    variables = nn.Variables({"kernel": np.zeros(1_000, np.float32)}, {})
    most = LITTLE_EVALUATION // 1_000

    def decides(rows: int, name: str = "numeric") -> bool:
        return _is_little_work(variables, {name: jnp.zeros((rows, 3))})

    assert decides(most) and not decides(most + 1) and not decides(1, "image") and not decides(1, "text")


def test_xla_takes_the_options_and_flags_that_are_given_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    quickly = libraries.optimised(large_products=True, quickly=True)
    assert quickly is not None and quickly["xla_backend_optimization_level"] == 1
    one = np.ones((4, 4), np.float32)
    np.testing.assert_array_equal(jax.jit(lambda x: x @ x, compiler_options=quickly)(one), one @ one)
    monkeypatch.setenv("XLA_FLAGS", "--xla_backend_optimization_level=3")
    given = libraries.optimised(large_products=True, quickly=True)
    assert given is not None and "xla_backend_optimization_level" not in given
    assert libraries.optimised(large_products=False, quickly=False) is None


@pytest.mark.parametrize("quickly", [True, False], ids=["quickly", "fully"])
def test_a_run_goes_on_as_it_was_compiled_whatever_the_plan_says_by_then(
    tmp_path: Path, compiled: list[bool], monkeypatch: pytest.MonkeyPatch, quickly: bool
) -> None:
    """The same bits as without a break, also where it would have been compiled otherwise."""
    monkeypatch.setattr(foretelling, "LITTLE_WORK", 5e9 if quickly else 0)
    whole = train(tmp_path / "whole", settings_of())
    train(tmp_path / "broken", settings_of(), until=2)
    said = "quickly" if quickly else "fully"
    assert [open_run(tmp_path / name).plan["compiled"] for name in ("whole", "broken")] == [said] * 2
    monkeypatch.setattr(foretelling, "LITTLE_WORK", 0 if quickly else 5e9)
    *_, last = workflow.resume(tmp_path / "broken")
    assert compiled == [quickly] * 3
    assert len(last.history) == 4
    assert same_bits(last.model.variables, whole.model.variables)
    assert open_run(tmp_path / "broken").plan["compiled"] == said
    *_, extended = workflow.resume(tmp_path / "broken", epochs=6)
    assert compiled == [quickly] * 4
    assert len(extended.history) == 6


def test_a_run_from_before_is_compiled_as_it_was(tmp_path: Path, compiled: list[bool]) -> None:
    old = Path(shutil.copytree(golden.GOLDEN / "0.1.0" / "values", tmp_path / "values"))
    assert "compiled" not in read_manifest(old).plan
    assert recorded_settings(open_run(old)).quickly is False


def test_a_search_decides_for_each_trial_by_its_plan(compiled: list[bool]) -> None:
    prepared = workflow.prepare(settings_of())
    jobs = [job_on(prepared, settings_of(*more)) for more in ((), ("training.epochs=9999999",))]
    assert [prepared.job.quickly, *(job.quickly for job in jobs)] == [True, True, False]
