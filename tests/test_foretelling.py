"""What a network takes is told from shapes alone, as the compiler says afterwards; and too much is refused."""

import time
from pathlib import Path

import numpy as np
import pytest
from tests.cli.conftest import Batchwright, batchwright  # noqa: F401

import batchwright as bw
from batchwright.config import Config, Training, settings_of
from batchwright.errors import ConfigError
from batchwright.nn import (
    CNN,
    MLP,
    Activation,
    Architecture,
    Conv1D,
    Dense,
    Features,
    GlobalMaxPool,
    Sequential,
    Series,
    Tabular,
)
from batchwright.nn.embeddings import Columns
from batchwright.nn.networks import FeedForward
from batchwright.optim import SGD, Adam, Optimizer
from batchwright.tasks import Classification
from batchwright.training.fit import compile_loop
from batchwright.training.plan import make_plan
from batchwright.training.state import Model, Program
from batchwright.workflow.foretelling import compile_seconds, foretell, layers_of, slow_compile_notes
from batchwright.workflow.preparing import Prepared, example_of, prepare

HUGE = {
    "one wide layer": (10**9,),
    "three layers": (10**5, 10**5, 10**5),
    "beyond an axis": (10**19,),
    "beyond a float": (10**400,),
}


def prepared(network: Architecture, optimizer: Optimizer = Adam(), batch_size: int = 64) -> Prepared:
    config = Config(network=network, optimizer=optimizer, training=Training(batch_size=batch_size))
    return prepare(settings_of(config, ()), bw.load("digits"))


@pytest.mark.parametrize(
    ("network", "optimizer", "batch_size"),
    [
        (MLP((300, 300)), Adam(), 64),
        (MLP((500,)), SGD(momentum=0.9), 1000),
        (CNN(filters=(8,), hidden_layer_sizes=(16,)), Adam(), 500),
        (Tabular((400, 400)), Adam(), 64),
        (MLP((64, 64), ensemble=32), Adam(), 512),
    ],
    ids=["mlp", "large batch", "cnn", "tabular", "ensemble"],
)
def test_memory_is_foretold_as_the_compiler_says_it(
    network: Architecture, optimizer: Optimizer, batch_size: int
) -> None:
    ready = prepared(network, optimizer, batch_size)
    foretold = foretell(ready.job.program, ready.plan, example_of(ready.dataset))
    assert foretold.parameters == ready.parameters
    assert 0.7 < foretold.memory_bytes / compile_loop(ready.job, ready.state).segment.memory_bytes < 1.4


def test_what_series_take_is_within_the_bound() -> None:
    """Their parameters are few, and used at every step."""
    layers = (Series(), Conv1D(4), Activation(), Conv1D(4), Activation(), GlobalMaxPool(), Dense(2))
    network = FeedForward(Columns(()), Sequential(layers))
    program = Program(Model(network, Classification(("a", "b"))), Adam())
    plan, example = make_plan(1000, 1000, 1), {"numeric": np.zeros((3, 500), np.float32)}
    traced, bound = foretell(program, plan, example), foretell(program, plan, example, enough=lambda _: True)
    assert 1000 * 500 * 4 * 4 < traced.memory_bytes < bound.memory_bytes


def test_what_submodels_take_is_within_the_bound() -> None:
    """With `mini`, their parameters are few, and used by each."""
    network = MLP((8, 8, 8), ensemble=64, ensemble_kind="mini").build(Features(numeric=2), 1)
    program = Program(Model(network, Classification(("a", "b"), "binary_cross_entropy")), Adam())
    plan, example = make_plan(1000, 1000, 1), {"numeric": np.zeros((3, 2), np.float32)}
    traced, bound = foretell(program, plan, example), foretell(program, plan, example, enough=lambda _: True)
    assert 1000 * 64 * 8 * 3 * 4 < traced.memory_bytes < bound.memory_bytes


def test_too_many_submodels_are_refused_at_once() -> None:
    started = time.perf_counter()
    with pytest.raises(ConfigError, match="parameters would take about"):
        prepared(MLP((8,), ensemble=10**9))
    assert time.perf_counter() - started < 10


def test_layers_are_counted() -> None:
    assert layers_of(prepared(MLP((4, 4))).job.program.model.network.body) == 2 * 4 + 1
    assert compile_seconds(prepared(MLP((4, 4, 4))).job.program.model.network) < 5


@pytest.mark.parametrize("sizes", HUGE.values(), ids=HUGE)
def test_what_does_not_fit_is_refused_before_anything_is_allocated(sizes: tuple[int, ...]) -> None:
    began = time.process_time()
    with pytest.raises(ConfigError, match="take smaller layers"):
        bw.fit(bw.load("iris"), network=MLP(sizes))
    assert time.process_time() - began < 60, "nothing was drawn"


def test_hundreds_of_layers_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"1,602 layers .* would take about 3 minutes to compile.*take fewer hidden"):
        bw.fit(bw.load("iris"), network=MLP((4,) * 400))


def test_dozens_of_layers_are_told_of() -> None:
    program = prepared(MLP((4,))).job.program
    assert not list(slow_compile_notes(program))
    many = Program(Model(MLP((4,) * 60).build(Features(numeric=3), 2), program.model.task), program.optimizer)
    assert list(slow_compile_notes(many)) == ["242 layers take about 24 seconds to compile, the first time"]


@pytest.mark.parametrize("verb", ["train", "check", "find-batch-size", "find-learning-rate", "search", "compare"])
def test_every_verb_refuses(verb: str, batchwright: Batchwright) -> None:  # noqa: F811
    answer = batchwright(verb, "iris", "--network", "mlp", "--hidden-layer-sizes", "100000,100000,100000")
    assert answer.code == 2, answer.err
    assert "parameters would take about" in answer.err and "take smaller layers" in answer.err


def test_a_search_refuses_a_choice_that_does_not_fit(batchwright: Batchwright) -> None:  # noqa: F811
    answer = batchwright("search", "iris", "--set", "network.hidden_layer_sizes={choice: [[4], [1000000000]]}")
    assert answer.code == 2, answer.err
    assert "parameters would take about" in answer.err
    assert not Path("runs").exists(), "nothing was written"
