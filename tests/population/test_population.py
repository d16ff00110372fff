"""A member gets what it would get alone, whoever its neighbours are."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.builders import make_program, make_rows

from batchwright import nn, optim
from batchwright.errors import ConfigError
from batchwright.population import segment
from batchwright.population.evaluate import mean_losses
from batchwright.population.members import Population, begin, choose_members, shapes_of, stack_programs
from batchwright.population.segment import (
    Orders,
    _segment,
    compile_population,
    group_of,
    operations,
    orders_of,
    pays_together,
)
from batchwright.tasks import Classification
from batchwright.training.evaluate import evaluate
from batchwright.training.order import batches
from batchwright.training.plan import make_plan
from batchwright.training.segment import Epoch, compile_segment, no_losses
from batchwright.training.state import RUNNING, Model, Program, Rows, initial_state

ROWS, ITERATIONS = make_rows(), 9
EXAMPLE = {name: np.asarray(array) for name, array in ROWS.inputs.items()}
PLAN = make_plan(ROWS.length, 8, 5)
NETWORKS = {
    "plain": {},
    "dropout and batch norm": {"dropout": 0.3, "batch_normalization": True},
    "submodels with shared weights": {"dropout": 0.1, "ensemble": 3},
}
SEEDS = (3, 3, 4, 5)
RATES = (0.01, 0.1, 0.05, 0.02)


def make_programs(network: dict[str, object]) -> list[Program]:
    """The same network under momentum of four strengths."""
    program = make_program(**network)
    return [replace(program, optimizer=optim.SGD(0.1, momentum=m)) for m in (0.9, 0.5, 0.8, 0.7)]


def trained(programs: list[Program], seeds: tuple[int, ...], rates: tuple[float, ...], *, together: bool) -> Population:
    members = begin(programs, seeds, EXAMPLE)
    distinct = tuple(dict.fromkeys(seeds))
    run = compile_population(members, ROWS, PLAN, orders=len(distinct), iterations=ITERATIONS, together=together)
    of_rates = np.repeat(np.float32(rates)[:, None], ITERATIONS, axis=1)
    members, losses = run(members, ROWS, Orders(orders_of(PLAN, distinct, ITERATIONS), of_rates), ITERATIONS)
    assert losses.mean.shape == losses.weight.shape == (len(seeds), ITERATIONS)
    return members


def alone(program: Program, seed: int, rate: float) -> list[np.ndarray]:
    """The parameters after the same iterations by the segment of a single run."""
    state = initial_state(program, EXAMPLE, seed=seed)
    order = np.concatenate([batches(PLAN, seed=seed, epoch=epoch) for epoch in (0, 1)])[:ITERATIONS]
    alone = compile_segment(program, state, ROWS, PLAN, iterations=ITERATIONS)
    epoch = Epoch(order, np.full(ITERATIONS, rate, np.float32))
    state, _ = alone(program, (state, no_losses(ITERATIONS)), ROWS, epoch, (0, ITERATIONS))
    return [np.asarray(leaf) for leaf in jax.tree.leaves(state.variables)]


def variables(members: Population, which: int) -> list[np.ndarray]:
    one = choose_members(members, [which])
    return [np.asarray(leaf[0]) for leaf in jax.tree.leaves((one.states.params, one.states.state))]


def assert_close(one: list[np.ndarray], other: list[np.ndarray]) -> None:
    for pair in zip(one, other, strict=True):
        np.testing.assert_allclose(*pair, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("together", [True, False], ids=["together", "in turn"])
@pytest.mark.parametrize("network", NETWORKS)
def test_a_member_is_trained_as_alone(network: str, together: bool) -> None:
    programs = make_programs(NETWORKS[network])
    members = trained(programs, SEEDS, RATES, together=together)
    for which, (program, seed, rate) in enumerate(zip(programs, SEEDS, RATES, strict=True)):
        assert_close(variables(members, which), alone(program, seed, rate))


@pytest.mark.parametrize("together", [True, False], ids=["together", "in turn"])
def test_neighbours_do_not_matter_nor_their_order_nor_whether_they_diverge(together: bool) -> None:
    programs = make_programs(NETWORKS["dropout and batch norm"])
    usual = trained(programs, SEEDS, RATES, together=together)
    turned = trained(programs[::-1], SEEDS[::-1], RATES[::-1], together=together)
    wild = trained(programs, SEEDS, (0.01, 1e30, 0.05, 1e30), together=together)
    assert [int(status) == RUNNING for status in wild.states.status] == [True, False, True, False]
    for which in (0, 2):
        assert_close(variables(turned, 3 - which), variables(usual, which))
        assert_close(variables(wild, which), variables(usual, which))


def test_groups_do_not_matter_nor_what_is_left_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eleven members eight at a time, and one at a time; three are left over."""
    monkeypatch.setattr(segment, "GROUP", 8)
    assert group_of(11, together=True) == 8
    programs, seeds, rates = make_programs(NETWORKS["dropout and batch norm"]), tuple(range(11)), (0.1,) * 11
    programs = [programs[number % 4] for number in seeds]
    in_groups, in_turn = (trained(programs, seeds, rates, together=together) for together in (True, False))
    for which in seeds:
        assert_close(variables(in_groups, which), variables(in_turn, which))


def test_few_programs_whatever_the_number_of_members() -> None:
    assert {group_of(members, together=True) for members in range(1, 300)} == {1, 4, 16}
    assert {group_of(members, together=False) for members in range(1, 300)} == {1}


@pytest.mark.parametrize("kind", ["perceptron", "convolution", "embedding"])
def test_what_a_network_computes_is_counted_not_how_large_it_is(kind: str) -> None:
    """Two operations for each product, counted by hand, and less than a fifth more for all else."""
    mlp = nn.MLP(hidden_layer_sizes=(64,), batch_normalization=False)
    cnn = nn.CNN(filters=(8,), hidden_layer_sizes=(16,), batch_normalization=False)
    network, example, products = {
        "perceptron": (mlp.build(nn.Features(numeric=20), 2), {"numeric": np.ones((9, 20), np.float32)}, 22 * 64),
        "convolution": (
            cnn.build(nn.Features(image=(8, 8, 1)), 2),
            {"image": np.ones((9, 8, 8, 1), np.uint8)},
            8 * 8 * 9 * 8 + 4 * 4 * 8 * 16 + 16 * 2,
        ),
        "embedding": (
            mlp.build(nn.Features(numeric=3, cardinalities=(5000,)), 2),
            {"numeric": np.ones((9, 3), np.float32), "categorical": np.ones((9, 1), np.int32)},
            (3 + 50 + 2) * 64,
        ),
    }[kind]
    program = Program(Model(network, Classification(("a", "b"))), optim.SGD(0.1))
    rows = Rows({name: jnp.asarray(array) for name, array in example.items()}, jnp.zeros(9, jnp.int32), None)
    plan = make_plan(9, 8, 1)
    found = operations(plan, begin([program] * 2, (0, 1), example), rows)
    assert found / (2 * plan.part_rows * products) == pytest.approx(1.0, abs=0.2)


@pytest.mark.parametrize(
    ("architecture", "features", "batch", "together"),
    [
        (nn.MLP(hidden_layer_sizes=(64,), batch_normalization=False), nn.Features(numeric=20), 32, True),
        (nn.MLP(hidden_layer_sizes=(64,), batch_normalization=False), nn.Features(numeric=20), 512, False),
        (nn.MLP(hidden_layer_sizes=(32,)), nn.Features(cardinalities=(5000,)), 32, False),
        (nn.Tabular(hidden_layer_sizes=(32,), numbers="piecewise_linear"), nn.Features(numeric=8), 32, True),
        (nn.CNN(filters=(8,), hidden_layer_sizes=()), nn.Features(image=(28, 28, 1)), 32, False),
    ],
    ids=["small", "large batch", "large table", "bins", "filters"],
)
def test_members_go_together_where_that_was_measured_to_be_faster(
    architecture: nn.Architecture, features: nn.Features, batch: int, together: bool
) -> None:
    """The filters of the last have 80 weights, each of them used at 784 pixels."""
    kinds = {"numeric": (features.numeric, np.float32), "categorical": (len(features.cardinalities), np.int32)}
    inputs = {name: jnp.zeros((600, width), dtype) for name, (width, dtype) in kinds.items() if width}
    if features.image is not None:
        inputs = {"image": jnp.zeros((600, *features.image), jnp.uint8)}
    program = Program(Model(architecture.build(features, 2), Classification(("a", "b"))), optim.SGD(0.1))
    members = shapes_of(program, inputs, members=64)
    rows = Rows(inputs, jnp.zeros(600, jnp.int32), None)
    assert pays_together(make_plan(600, batch, 1), members, rows) == together


def test_other_numbers_compile_nothing() -> None:
    programs = make_programs({})
    trained(programs, SEEDS, RATES, together=True)
    before = _segment._cache_size()
    others = [replace(program, optimizer=optim.SGD(0.2, momentum=0.3)) for program in programs]
    members, texts = begin(others, SEEDS, EXAMPLE), []
    for population in (begin(programs, SEEDS, EXAMPLE), members):
        run = compile_population(population, ROWS, PLAN, orders=3, iterations=2, together=True)
        texts.append(run.run.as_text())
    assert texts[0] == texts[1]
    assert _segment._cache_size() == before


def test_what_differs_in_more_than_numbers_is_refused() -> None:
    with pytest.raises(ConfigError, match="differ in numbers alone"):
        stack_programs([make_program(), make_program(optim.Adam())])


@pytest.mark.parametrize("together", [True, False], ids=["together", "in turn"])
def test_mean_losses_are_those_of_evaluation(together: bool) -> None:
    programs = make_programs({})
    members = trained(programs, SEEDS, RATES, together=together)
    held_out = make_rows(1, weighted=True)
    found = mean_losses(members, held_out, together=together)
    for which, program in enumerate(programs):
        one = jax.tree.map(lambda leaf, which=which: jnp.asarray(leaf[which]), members.states)
        expected = evaluate(program.model, one.variables, held_out)["loss"]
        assert found[which] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("together", [True, False], ids=["together", "in turn"])
def test_after_a_loss_that_was_not_finite_a_member_has_none(together: bool) -> None:
    """One row makes one batch of each epoch diverge: the others would have finite losses still."""
    spoilt = np.array(ROWS.inputs["numeric"])
    spoilt[7] = np.inf
    rows = ROWS._replace(inputs={"numeric": jnp.asarray(spoilt)})
    program = make_programs({})[0]
    members = begin([program, program], (3, 4), EXAMPLE)
    run = compile_population(members, rows, PLAN, orders=2, iterations=ITERATIONS, together=together)
    rates = np.full((2, ITERATIONS), 0.01, np.float32)
    after, losses = run(members, rows, Orders(orders_of(PLAN, (3, 4), ITERATIONS), rates), ITERATIONS)
    for status, of_member in zip(np.asarray(after.states.status), losses.mean, strict=True):
        assert np.isfinite(of_member[:status]).all()
        assert np.isnan(of_member[status:]).all()
