"""The compiled loop against the same descent written out in float64 NumPy, and its invariants."""

from dataclasses import replace
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.builders import CLASSES, COLUMNS, ROWS, make_program, make_rows, same_bits, start
from tests.reference.training import Layers, descend

from batchwright import nn, optim
from batchwright.nn.uncompiled import call_uncompiled
from batchwright.optim.schedules import Constant
from batchwright.tasks import Classification
from batchwright.training import evaluate
from batchwright.training.checkpoint import first_checkpoint
from batchwright.training.evaluate import outputs, size_of_pieces
from batchwright.training.events import CheckpointTaken, Compiled, EpochDone, Event, SegmentDone, Stopped
from batchwright.training.fit import fit
from batchwright.training.job import Job
from batchwright.training.order import batches
from batchwright.training.plan import Plan, make_plan
from batchwright.training.segment import Epoch, _segment, compile_segment, no_losses
from batchwright.training.state import RUNNING, Model, Program, Rows, TrainState
from batchwright.training.stopping import EarlyStopping


def run_epoch(program: Program, rows: Rows, plan: Plan, cuts: tuple[int, ...] = (), rate: float = 0.1) -> TrainState:
    """One epoch in segments that end at the cuts."""
    state = start(program, rows)
    segment = compile_segment(program, state, rows, plan)
    iterations = plan.iterations_per_epoch
    epoch = Epoch(batches(plan, seed=0, epoch=0), np.full(iterations, rate, np.float32))
    carry = (state, no_losses(iterations))
    ends = (0, *cuts, iterations)
    for span in pairwise(ends):
        carry = segment(program, carry, rows, epoch, span)
    return carry[0]


def layers_of(state: TrainState) -> Layers:
    """Kernels and biases in the order of the layers, in float64."""
    leaves = jax.tree_util.tree_flatten_with_path(state.params)[0]
    named = {jax.tree_util.keystr(path): np.asarray(leaf, np.float64) for path, leaf in leaves}
    kernels = [leaf for name, leaf in named.items() if "kernel" in name]
    biases = [leaf for name, leaf in named.items() if "bias" in name]
    return list(zip(kernels, biases, strict=True))


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("size", [1, 10, 53])
@pytest.mark.parametrize("rows_at_once", [4, 1000], ids=["in parts", "at once"])
def test_an_epoch_is_that_of_numpy(weighted: bool, size: int, rows_at_once: int) -> None:
    rows, program, plan = make_rows(weighted=weighted), make_program(), Plan(ROWS, size, 1, rows_at_once=rows_at_once)
    weights = np.ones(ROWS) if rows.weights is None else np.asarray(rows.weights, np.float64)
    order = [batch[batch < ROWS] for batch in batches(plan, seed=0, epoch=0)]
    data = (np.asarray(rows.inputs["numeric"], np.float64), np.asarray(rows.targets), weights)
    expected, _ = descend(layers_of(start(program, rows)), data, order, np.full(len(order), 0.1), 0.9)
    found = layers_of(run_epoch(program, rows, plan))
    for pair in zip(expected, found, strict=True):
        for one, other in zip(*pair, strict=True):
            np.testing.assert_allclose(other, one, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("network", [{}, {"batch_normalization": True, "dropout": 0.3}], ids=["plain", "bn+dropout"])
def test_the_length_of_segments_does_not_change_a_bit(network: dict[str, object]) -> None:
    rows, program, plan = make_rows(), make_program(**network), make_plan(ROWS, 8, 1)
    whole, cut = run_epoch(program, rows, plan), run_epoch(program, rows, plan, cuts=(1, 2, 5))
    assert same_bits(whole.variables, cut.variables)
    assert int(cut.step) == 7


def test_other_numbers_compile_nothing() -> None:
    rows, texts = make_rows(), []
    for program in (make_program(optim.SGD(0.1, momentum=0.9)), make_program(optim.SGD(0.5, momentum=0.3))):
        state, epoch = start(program, rows), Epoch(jnp.zeros((7, 1, 8), jnp.int32), jnp.zeros(7))
        span = (jnp.int32(0), jnp.int32(7))
        texts.append(_segment.lower(program, state, no_losses(7), rows, epoch, span, padded=True).as_text())
    assert texts[0] == texts[1]


def test_batch_norm_sees_the_rows_of_a_partial_batch_only() -> None:
    """A last batch of 5 rows, filled up to 8, gives what a batch of these 5 alone gives."""
    rows, program = make_rows(), make_program(optim.SGD(0.1), batch_normalization=True)
    state, chosen = start(program, rows), np.arange(5, dtype=np.int32)
    filled = np.concatenate([chosen, np.full(3, ROWS, np.int32)])
    found = []
    for batch, padded in ((chosen, False), (filled, True)):
        epoch = Epoch(jnp.asarray(batch.reshape(1, 1, -1)), jnp.full(1, 0.1))
        losses = no_losses(1)
        copy = jax.tree.map(jnp.copy, state)
        found.append(_segment(program, copy, losses, rows, epoch, (jnp.int32(0), jnp.int32(1)), padded=padded)[0])
    for one, other in zip(jax.tree.leaves(found[0].params), jax.tree.leaves(found[1].params), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("rows_at_once", [4, 1000], ids=["in parts", "at once"])
def test_weights_of_rows_and_classes_do_not_reach_batch_statistics(rows_at_once: int) -> None:
    """At a rate of 0, so that the parameters are the same."""
    plain, weighted, states = make_rows(), make_rows(weighted=True), []
    for rows, class_weights in ((plain, None), (weighted, jnp.array([0.1, 1.0, 50.0]))):
        program = make_program(batch_normalization=True)
        task = replace(program.model.task, class_weights=class_weights)
        program = replace(program, model=replace(program.model, task=task))
        plan = Plan(ROWS, 10, 1, rows_at_once=rows_at_once)
        states.append(run_epoch(program, rows, plan, rate=0.0).state)
    for one, other in zip(jax.tree.leaves(states[0]), jax.tree.leaves(states[1]), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_a_loss_that_is_not_finite_stops_the_updates_at_its_iteration() -> None:
    rows, program, plan = make_rows(), make_program(optim.SGD(0.1)), make_plan(ROWS, 8, 1)
    state = start(program, rows)
    segment = compile_segment(program, state, rows, plan)
    order, rates = batches(plan, seed=0, epoch=0), np.full(7, 0.1, np.float32)
    rates[2] = np.inf  # parameters that are not finite after update 3 give such a loss in iteration 4
    before = segment(
        program,
        (jax.tree.map(jnp.copy, state), no_losses(7)),
        rows,
        Epoch(order, rates),
        (0, 3),
    )[0]
    kept = jax.tree.map(np.asarray, before.params)
    after, losses = segment(program, (state, no_losses(7)), rows, Epoch(order, rates), (0, 7))
    assert int(after.status) == 3
    assert int(after.step) == 3
    assert np.isfinite(losses.mean[:3]).all()
    for one, other in zip(jax.tree.leaves(kept), jax.tree.leaves(after.params), strict=True):
        np.testing.assert_array_equal(one, other)


def events_of(**changes: object) -> list[Event]:
    rows = make_rows()
    program = make_program(changes.pop("optimizer", None))
    plan = make_plan(ROWS, 8, changes.pop("epochs", 3))
    interrupted = changes.pop("interrupted", lambda: False)
    job = Job(program, rows, make_rows(1), plan, Constant(), **changes)
    return list(fit(job, first_checkpoint(start(program, rows)), interrupted=interrupted))


def test_a_fit_says_what_happens() -> None:
    events = events_of()
    assert isinstance(events[0], Compiled)
    assert events[0].memory_bytes > 0
    rows = [event.row for event in events if isinstance(event, EpochDone)]
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert [row["iteration"] for row in rows] == [7, 14, 21]
    assert rows[-1]["loss"] < rows[0]["loss"]
    assert {"val_loss", "val_accuracy", "learning_rate", "seconds"} <= set(rows[0])
    assert isinstance(events[-1], Stopped)
    assert events[-1].status == "finished"


def test_the_same_job_gives_the_same_bits_and_another_seed_does_not() -> None:
    ends = [events_of(seed=seed)[-1] for seed in (0, 0, 1)]
    assert same_bits(ends[0].variables, ends[1].variables)
    assert not same_bits(ends[0].variables, ends[2].variables)


def test_divergence_is_told_with_epoch_iteration_and_learning_rate() -> None:
    end = events_of(optimizer=optim.SGD(1e30), epochs=5)[-1]
    assert isinstance(end, Stopped)
    assert end.status == "diverged"
    assert "iteration" in end.reason
    assert "(epoch 1)" in end.reason
    assert "1e+30" in end.reason


def test_the_best_epoch_is_kept_unless_it_is_not_to_be() -> None:
    """The validation rows follow another rule than the training rows, so that their loss soon rises."""
    patient = EarlyStopping(patience=100)
    events = events_of(epochs=6, early_stopping=patient)
    rows = [event.row for event in events if isinstance(event, EpochDone)]
    best = min(rows, key=lambda row: row["val_loss"])["epoch"]
    assert events[-1].epoch == best
    last = events_of(epochs=6, early_stopping=EarlyStopping(patience=100, restore_best=False))
    assert last[-1].epoch == 6
    assert best != 6, "the case has to tell the two apart"


def test_training_stops_when_patience_time_or_the_user_ends_it() -> None:
    stopped = events_of(optimizer=optim.SGD(1e-12), epochs=50, early_stopping=EarlyStopping(patience=2, min_delta=0.1))
    assert sum(isinstance(event, EpochDone) for event in stopped) == 3
    timed = events_of(epochs=1000, max_time=1e-9)
    assert sum(isinstance(event, EpochDone) for event in timed) == 1
    assert timed[-1].status == "finished"
    interrupted = events_of(epochs=1000, interrupted=lambda: True)
    assert interrupted[-1].status == "interrupted"
    assert sum(isinstance(event, SegmentDone) for event in interrupted) == 1
    assert isinstance(interrupted[-2], CheckpointTaken)


@pytest.mark.parametrize("rows_at_once", [1, 7, 16, 53, 4096])
def test_outputs_do_not_depend_on_how_many_rows_go_at_once(rows_at_once: int) -> None:
    rows, program = make_rows(), make_program(batch_normalization=True)
    variables = start(program, rows).variables
    whole = program.model.network.apply(variables, rows.inputs, train=False, key=None, present=None)[0]
    found = outputs(program.model, variables, rows.inputs, rows_at_once=rows_at_once)
    np.testing.assert_allclose(found, whole, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("side", "rows"), [(8, 512), (32, 256), (96, 16), (1024, 1)])
def test_pieces_of_large_images_have_fewer_rows(side: int, rows: int) -> None:
    assert size_of_pieces({"image": jnp.zeros((1, side, side, 3), jnp.uint8)}, 512) == rows


def test_outputs_for_images_do_not_depend_on_the_size_of_the_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    images = {"image": jnp.asarray(np.random.default_rng(0).integers(0, 256, (13, 6, 6, 2)), jnp.uint8)}
    network = nn.CNN(filters=(4,), hidden_layer_sizes=(5,)).build(nn.Features(image=(6, 6, 2)), CLASSES)
    model, variables = (
        Model(network, Classification(tuple("abc"))),
        call_uncompiled(network.init, jax.random.key(0), images),
    )
    whole = network.apply(variables, images, train=False, key=None, present=None)[0]
    monkeypatch.setattr(evaluate, "PIXELS_AT_ONCE", 4 * 36)
    assert size_of_pieces(images, 13) == 4
    np.testing.assert_allclose(outputs(model, variables, images), whole, rtol=1e-5, atol=1e-6)


def test_half_precision_stays_close_and_keeps_parameters_in_float32() -> None:
    rows, plan = make_rows(), make_plan(ROWS, 8, 1)
    built = nn.MLP((8,), batch_normalization=False).build(nn.Features(numeric=COLUMNS), CLASSES, dtype="bfloat16")
    program = Program(Model(built, Classification(tuple("abc"))), optim.SGD(0.1, momentum=0.9))
    half, full = run_epoch(program, rows, plan), run_epoch(make_program(), rows, plan)
    assert {leaf.dtype for leaf in jax.tree.leaves(half.params)} == {jnp.dtype("float32")}
    assert int(half.status) == RUNNING
    for one, other in zip(jax.tree.leaves(half.params), jax.tree.leaves(full.params), strict=True):
        np.testing.assert_allclose(one, other, atol=0.05)
