"""Members begin with the bits of `initial_state`, whatever the network, its weights and the update rule."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.builders import make_program

from batchwright import nn, optim
from batchwright.nn.initializers import INITIALIZERS
from batchwright.population.members import begin
from batchwright.tasks import Classification
from batchwright.training.state import Model, Program, initial_state

SEEDS = (7, 2**31 + 5, 7)
GENERATOR = np.random.default_rng(0)
EXAMPLE = {
    "numeric": GENERATOR.normal(size=(40, 3)).astype(np.float32),
    "categorical": GENERATOR.integers(0, 4, (40, 2)).astype(np.int32),
    "image": GENERATOR.integers(0, 255, (40, 8, 8, 1), dtype=np.uint8),
}
COLUMNS, IMAGE = nn.Features(numeric=3, cardinalities=(4, 9)), nn.Features(image=(8, 8, 1))
NETWORKS = {
    "embeddings": (nn.MLP(hidden_layer_sizes=(9, 5)), COLUMNS),
    "bins": (nn.Tabular(hidden_layer_sizes=(7,)), COLUMNS),
    "convolutions": (nn.CNN(filters=(3, 5), hidden_layer_sizes=(7,)), IMAGE),
}
RULES = (optim.SGD(0.1, momentum=0.9), optim.Adam(0.01), optim.Adagrad(0.1), optim.Muon(0.01))


def assert_begins_as_alone(programs: list[Program], example: dict[str, np.ndarray]) -> None:
    members = begin(programs, SEEDS, example)
    for which, (program, seed) in enumerate(zip(programs, SEEDS, strict=True)):
        alone = initial_state(program, example, seed=seed)
        assert jax.tree.structure(alone) == jax.tree.structure(members.states)
        for one, all_of_them in zip(jax.tree.leaves(alone), jax.tree.leaves(members.states), strict=True):
            np.testing.assert_array_equal(one, all_of_them[which])
            assert jnp.result_type(one) == all_of_them.dtype
    assert members.orders.tolist() == [0, 1, 0]


@pytest.mark.parametrize("kind", NETWORKS)
def test_networks_begin_as_alone(kind: str) -> None:
    architecture, features = NETWORKS[kind]
    names = ("image",) if features is IMAGE else ("numeric", "categorical")
    model = Model(architecture.build(features, 2), Classification(("a", "b")))
    programs = [Program(model, optim.SGD(0.1, momentum=0.5 + which / 2**33)) for which in SEEDS]
    assert_begins_as_alone(programs, {name: EXAMPLE[name] for name in names})


@pytest.mark.parametrize("initializer", INITIALIZERS)
def test_weights_begin_as_alone(initializer: str) -> None:
    program = make_program(initializer=initializer, hidden_layer_sizes=(17, 6))
    assert_begins_as_alone([program] * 3, {"numeric": np.ones((4, 5), np.float32)})


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
def test_states_of_update_rules_begin_as_alone(rule: optim.Optimizer) -> None:
    assert_begins_as_alone([make_program(rule)] * 3, {"numeric": np.ones((4, 5), np.float32)})
