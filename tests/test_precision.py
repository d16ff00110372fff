"""`precision: auto`: what is measured decides, is recorded, and is not measured again; and how bfloat16 is compiled."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from tests.builders import make_program, random_rows
from tests.own_parts import Line
from tests.test_workflow import big, streamed  # noqa: F401

import batchwright as bw
from batchwright import nn, workflow
from batchwright.config import Settings, load_config
from batchwright.errors import ConfigError, InterruptedRunError
from batchwright.measure.precision import Precisions
from batchwright.nn.members import MembersNetwork
from batchwright.training import evaluate, libraries, segment
from batchwright.training.feed import OnDisk
from batchwright.training.plan import make_plan
from batchwright.training.state import initial_state
from batchwright.workflow import measuring

SET = ("data.source=iris", "network.name=mlp", "network.hidden_layer_sizes=[8]", "training.precision=auto")
PRECISION = "training.precision"


def settings_of(*more: str) -> Settings:
    chosen = (*SET, "training.epochs=3", "training.batch_size=16", "training.checkpoints.iterations=1", *more)
    return load_config(None, [(*item.split("=", 1), item) for item in chosen])


@pytest.fixture
def times(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], list[Any]]:
    """Pretend that an iteration takes 1 s in float32 and this many in bfloat16; gives all that was measured."""

    def pretend(bfloat16: float) -> list[Any]:
        asked = list[Any]()

        def compare(programs: Any, *_: Any, **__: Any) -> Precisions:
            asked.append(tuple(program.model.network.dtype for program in programs))
            return Precisions((1.0,) * 3, (bfloat16,) * 3)

        monkeypatch.setattr(measuring, "compare_precisions", compare)
        return asked

    return pretend


def train(run: Path, settings: Settings, *, until: int = 99) -> None:
    """Train, and interrupt after `until` looks."""
    asked = iter([False] * until + [True] * 9999)
    for _ in workflow.train(settings, run_dir=run, interrupted=lambda: next(asked)):
        pass


def arrays(trained: Any) -> list[np.ndarray]:
    return [np.asarray(leaf) for leaf in jax.tree.leaves(trained.model.variables)]


@pytest.mark.parametrize(("seconds", "chosen"), [(0.5, "bfloat16"), (0.95, "float32"), (2.0, "float32")])
def test_auto_takes_what_is_faster_and_keeps_the_evidence(
    times: Callable[[float], list[Any]], tmp_path: Path, seconds: float, chosen: str
) -> None:
    asked = times(seconds)
    train(tmp_path / "run", settings_of())
    assert asked == [("float32", "bfloat16")]
    run = bw.open_run(tmp_path / "run")
    assert (run.settings[PRECISION].value, run.settings[PRECISION].origin) == (chosen, "measured")
    evidence = run.evidence[PRECISION]
    assert evidence["seconds_per_iteration"] == {"float32": [1.0] * 3, "bfloat16": [seconds] * 3}
    assert "1e+03 ms in float32" in evidence["reason"]
    assert run.load_model().model.network.dtype == chosen
    assert load_config(tmp_path / "run" / "config.yaml").to_measure == ()


def test_a_run_goes_on_to_the_bit_without_measuring_again(times: Callable[[float], list[Any]], tmp_path: Path) -> None:
    asked = times(0.5)
    train(tmp_path / "whole", settings_of())
    with pytest.raises(InterruptedRunError):
        train(tmp_path / "pieces", settings_of(), until=3)
    times(2.0)
    resumed = bw.resume(tmp_path / "pieces", progress=False)
    assert len(asked) == 2
    assert resumed.prepared.settings.config.training.precision == "bfloat16"
    whole = bw.open_run(tmp_path / "whole").load_model()
    for one, other in zip(arrays(resumed), jax.tree.leaves(whole.variables), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("how", [{"refit": True}, {"members": 2}, {"folds": 2}], ids=str)
def test_all_networks_of_a_training_have_the_same_precision(
    times: Callable[[float], list[Any]], how: dict[str, Any]
) -> None:
    asked = times(0.5)
    trained = bw.fit(bw.load("iris"), network=nn.MLP((8,)), epochs=2, precision="auto", progress=False, **how)
    network = trained.model.model.network
    assert len(asked) == 1
    assert {one.dtype for one in getattr(network, "networks", (network,))} == {"bfloat16"}
    assert network.dtype == "bfloat16"


def test_a_network_of_ones_own_stays_in_float32_and_a_note_says_why(times: Callable[[float], list[Any]]) -> None:
    asked = times(0.5)
    trained = bw.fit(bw.load("iris"), network=Line(), epochs=1, precision="auto", progress=False)
    assert asked == []
    settings = trained.prepared.settings
    assert settings.config.training.precision == "float32"
    said = "precision float32 is the default, not measured: precision bfloat16 is for batchwright's own layers"
    assert any(said in note for note in trained.prepared.notes)
    assert said in settings.evidence[PRECISION]["reason"]


def test_what_is_no_precision_is_refused_with_all_that_are() -> None:
    with pytest.raises(ConfigError, match=r"unknown precision 'half'\. Allowed: float32, bfloat16, auto\."):
        settings_of("training.precision=half")


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_only_programs_in_float32_have_eigen_for_products(monkeypatch: pytest.MonkeyPatch, dtype: str) -> None:
    large, optimised = list[bool](), libraries.optimised

    def noted(*, large_products: bool, quickly: bool) -> Any:
        large.append(large_products)
        return optimised(large_products=large_products, quickly=quickly)

    for place in (segment, libraries):
        monkeypatch.setattr(place, "optimised", noted)
    evaluate._compile.cache_clear()
    program, rows = make_program(hidden_layer_sizes=(300, 300), dtype=dtype), random_rows(64)
    state = initial_state(program, rows.inputs, seed=0)
    segment.compile_segment(program, state, rows, make_plan(rows.length, 32, 1))
    evaluate.outputs(program.model, state.variables, rows.inputs)
    evaluate._compile.cache_clear()
    assert large == [dtype == "float32"] * 2
    assert not libraries.pays_for(program.model.network, libraries.LARGE_PRODUCTS - 1)


def test_members_are_in_bfloat16_if_their_networks_are() -> None:
    half, full = (make_program(dtype=dtype).model.network for dtype in ("bfloat16", "float32"))
    assert MembersNetwork((half, half), (1, 2)).dtype == "bfloat16"
    assert MembersNetwork((full, full), (1, 2)).dtype == "float32"


def test_rows_on_the_disk_are_measured_on_a_sample(big: Path, tmp_path: Path) -> None:  # noqa: F811
    trained = streamed(big, tmp_path / "run", **{PRECISION: "auto", "training.epochs": "1"})
    assert isinstance(trained.prepared.job.train, OnDisk)
    assert trained.prepared.settings.origins[PRECISION] == "measured"
