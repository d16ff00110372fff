"""What is recorded of each layer: NumPy's figures, the same on resume and in a population, and training unchanged."""

from dataclasses import replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.builders import (
    EVERY_ITERATION,
    ROWS,
    Lines,
    end,
    events_of,
    history,
    make_job,
    make_program,
    make_rows,
    same_bits,
    start,
    taken,
)

from batchwright import nn, optim
from batchwright.measure import inside
from batchwright.measure.inside import divide, layers_of, measure_layers
from batchwright.measure.layers import PREFIX, is_measured, layer_probe
from batchwright.population.fit import fit_members
from batchwright.runs.folder import has_row
from batchwright.runs.reading import numbers, to_plain
from batchwright.training.checkpoint import first_checkpoint
from batchwright.training.feed import OnDisk
from batchwright.training.job import Job
from batchwright.training.plan import Plan
from batchwright.training.state import Program, TrainState, initial_state


def with_probe(job: Job) -> Job:
    return replace(
        job, diagnostics=layer_probe(job, jax.tree.map(np.asarray, make_rows(weighted=job.train.weights is not None)))
    )


def measured(
    program: Program, state: TrainState, *, weighted: bool = False, groups: int = 4, **how: object
) -> dict[str, float]:
    rows = jax.tree.map(lambda array: np.asarray(array)[:48], make_rows(weighted=weighted))
    parts = divide(rows, program.model.task, groups=groups)
    return measure_layers(program, state, parts, **{"seed": 0, "rate": 0.1, "batch_size": 8} | how)


class Layer(NamedTuple):
    kernel: np.ndarray
    bias: np.ndarray


def numpy_gradients(
    first: Layer, last: Layer, x: np.ndarray, y: np.ndarray, shares: np.ndarray
) -> tuple[np.ndarray, ...]:
    """The gradient of the sum of cross-entropies times shares, of relu(x W + b) V + c, in float64."""
    z = x @ first.kernel + first.bias
    h = np.maximum(z, 0.0)
    outputs = h @ last.kernel + last.bias
    p = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    d = (p - np.eye(outputs.shape[1])[y]) * shares[:, None]
    dz = (d @ last.kernel.T) * (z > 0)
    return x.T @ dz, dz.sum(axis=0), h.T @ d, d.sum(axis=0)


def norm(*arrays: np.ndarray) -> float:
    return float(np.sqrt(sum(np.square(array).sum() for array in arrays)))


@pytest.mark.parametrize(("weighted", "few_weights"), [(False, inside.FEW_WEIGHTS), (True, 0)])
def test_figures_are_those_of_numpy(monkeypatch: pytest.MonkeyPatch, *, weighted: bool, few_weights: int) -> None:
    monkeypatch.setattr(inside, "FEW_WEIGHTS", few_weights)
    program = make_program(optim.SGD(0.1, momentum=0.9))
    job = make_job()
    state = [event for event in events_of(job) if hasattr(event, "row")][-1].state  # with a velocity
    found = measured(program, state, weighted=weighted)
    rows = make_rows(weighted=weighted)
    x, y = np.asarray(rows.inputs["numeric"], np.float64)[:48], np.asarray(rows.targets)[:48]
    weights = np.ones(48) if rows.weights is None else np.asarray(rows.weights, np.float64)[:48]
    body = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), state.params["body"])
    first, last = (Layer(body[name]["kernel"], body[name]["bias"]) for name in ("dense_0", "dense_3"))
    shares = weights * 4 / weights.sum()
    of_groups = [
        numpy_gradients(first, last, *(part[12 * i : 12 * i + 12] for part in (x, y, shares))) for i in range(4)
    ]
    mean = [np.mean(leaves, axis=0) for leaves in zip(*of_groups, strict=True)]
    velocity = jax.tree.map(np.asarray, state.opt_state)
    velocities = {name: velocity_of(velocity, name) for name in ("dense_0", "dense_3")}
    for place, (name, layer) in enumerate({"dense_0": first, "dense_3": last}.items()):
        own = slice(2 * place, 2 * place + 2)
        gradient = norm(*mean[own])
        variance = sum(norm(*(g - m for g, m in zip(one[own], mean[own], strict=True))) ** 2 for one in of_groups) / 3
        step = [0.1 * (0.9 * v + g) for v, g in zip(velocities[name], mean[own], strict=True)]
        wanted = {
            "gradient": gradient,
            "gradient_noise": np.sqrt(variance * 12 / 8) / gradient,
            "update_ratio": norm(*step) / norm(*layer),
            "weights": norm(*layer),
        }
        for kind, value in wanted.items():
            assert found[f"body/{name}/{kind}"] == pytest.approx(value, rel=1e-4), (name, kind)
    z = x @ first.kernel + first.bias
    assert found["body/dense_0/mean"] == pytest.approx(z.mean(), abs=1e-5)
    assert found["body/dense_0/deviation"] == pytest.approx(z.std(), rel=1e-4)
    h = np.maximum(z, 0.0)
    assert found["body/activation_1/mean"] == pytest.approx(h.mean(), rel=1e-4)
    assert found["body/activation_1/dead"] == (h.max(axis=0) == 0).mean()


def velocity_of(state: object, name: str) -> tuple[np.ndarray, np.ndarray]:
    leaves = {jax.tree_util.keystr(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(state)}
    (kernel,) = (leaf for path, leaf in leaves.items() if name in path and "kernel" in path)
    (bias,) = (leaf for path, leaf in leaves.items() if name in path and "bias" in path)
    return kernel, bias


def test_dead_units_are_counted() -> None:
    program = make_program()
    state = start(program, make_rows())
    state.params["body"]["dense_0"]["bias"] = jnp.asarray([-1e3] * 3 + [0.0] * 5)
    found = measured(program, state)
    alive = np.asarray(make_rows().inputs["numeric"])[:48] @ np.asarray(state.params["body"]["dense_0"]["kernel"]) > 0
    assert found["body/activation_1/dead"] == pytest.approx((3 + (~alive.any(axis=0))[3:].sum()) / 8)


@pytest.mark.parametrize(
    ("name", "end_of_it"), [("tanh", np.arctanh(np.sqrt(0.98))), ("sigmoid", 2 * np.arctanh(np.sqrt(0.98)))]
)
def test_saturated_outputs_are_counted(name: str, end_of_it: float) -> None:
    program = make_program(activation=name)
    state = start(program, make_rows())
    kernel = 4 * np.asarray(state.params["body"]["dense_0"]["kernel"])
    state.params["body"]["dense_0"]["kernel"] = jnp.asarray(kernel)
    z = np.asarray(make_rows().inputs["numeric"])[:48] @ kernel
    found = measured(program, state)
    assert found["body/activation_1/saturated"] == pytest.approx((np.abs(z) > end_of_it).mean(), abs=1e-6)
    assert 0.05 < found["body/activation_1/saturated"] < 0.95
    assert "body/activation_1/dead" not in found


def test_noise_of_equal_groups_is_none_and_one_group_has_none() -> None:
    program = make_program()
    state = start(program, make_rows())
    rows = jax.tree.map(lambda array: np.tile(np.asarray(array)[:6], (4,) + (1,) * (array.ndim - 1)), make_rows())
    same = measure_layers(program, state, divide(rows, program.model.task, groups=4), seed=0, rate=0.1, batch_size=8)
    assert same["body/dense_0/gradient_noise"] < 1e-3
    assert np.isnan(measured(program, state, groups=1)["body/dense_0/gradient_noise"])


def test_frozen_parameters_have_no_figures() -> None:
    job = make_job(frozen=("dense_0",))
    found = measured(job.program, start(job.program, make_rows()))
    assert {name.rpartition("/")[0] for name in found if name.endswith("/gradient")} == {"body/dense_3"}


def test_what_cannot_be_told_is_nan_and_survives_json() -> None:
    program = make_program()
    state = start(program, make_rows())
    nothing = state._replace(params=jax.tree.map(jnp.zeros_like, state.params))
    found = measured(program, nothing)
    assert np.isnan(found["body/dense_0/update_ratio"])
    assert found["body/activation_1/dead"] == 1.0
    np.testing.assert_equal(numbers(to_plain(found)), found)


class Own:
    def init(self, key: jax.Array, example: nn.Inputs) -> nn.Variables:
        return nn.Variables({"w": jnp.zeros((5, 3)), "c": jnp.zeros(3)}, {})

    def apply(self, variables: nn.Variables, inputs: nn.Inputs, **_: object) -> tuple[jax.Array, nn.protocols.Tree]:
        return inputs["numeric"] @ variables.params["w"] + variables.params["c"][None, :], {}


def test_a_network_of_ones_own_has_no_figures_of_outputs() -> None:
    program = make_program()
    program = replace(program, model=replace(program.model, network=Own()))
    found = measured(program, start(program, make_rows()))
    kinds = ("gradient", "gradient_noise", "update_ratio", "weights")
    assert set(found) == {f"{name}/{kind}" for name in ("w", "c") for kind in kinds}


def test_a_network_of_ones_own_is_named_by_its_arrays() -> None:
    params = {"first": {"kernel": 0.0}, "scale": 0.0}
    assert layers_of(nn.MLP().build(nn.Features(numeric=1), 1), params) == ["first", "scale"]
    assert layers_of(Own(), params) == ["first/kernel", "scale"]


@pytest.mark.parametrize("case", ["momentum", "dropout", "clipped"])
def test_training_has_the_same_bits_and_goes_on_with_the_same_figures(case: str) -> None:
    changes = {
        "momentum": {},
        "dropout": {"network": {"dropout": 0.3, "batch_normalization": True}, "optimizer": optim.Adam(0.01)},
        "clipped": {"optimizer": optim.RMSprop(0.01, global_clipnorm=0.5), "epochs": 2},
    }[case]
    job = make_job(**changes, checkpoints=EVERY_ITERATION)
    whole = events_of(with_probe(job))
    assert same_bits(end(whole).variables, end(events_of(job)).variables)
    assert all(f"{PREFIX}body/dense_0/gradient" in row for row in history(whole))
    for checkpoint in taken(whole)[::8]:
        rest = events_of(with_probe(job), checkpoint)
        np.testing.assert_equal(history(rest), history(whole)[len(checkpoint.history) :])
        np.testing.assert_equal(taken(rest)[-1].last_wrong, taken(whole)[-1].last_wrong)


def test_rows_are_drawn_by_the_seed_and_from_the_disk_as_from_memory() -> None:
    job = make_job()
    rows = jax.tree.map(np.asarray, make_rows())
    probe = layer_probe(job, rows)
    np.testing.assert_equal(probe.groups, layer_probe(replace(job, train=OnDisk(Lines(make_rows()), 16)), rows).groups)
    large = replace(job, train=Lines(jax.tree.map(lambda a: jnp.concatenate([a] * 60), make_rows())).whole)
    one, other = (layer_probe(replace(large, seed=seed), large.train).groups for seed in (0, 1))
    assert not np.array_equal(one[0].targets, other[0].targets)
    assert sum(len(group.targets) for group in one) == ROWS * 60 // 25 // 4 * 4


def test_members_have_the_figures_that_they_have_alone() -> None:
    base = make_job(optimizer=optim.Adam(0.01))
    slower = replace(base, program=replace(base.program, optimizer=optim.Adam(0.003)), seed=1)
    jobs = [with_probe(job) for job in (base, slower)]
    example = jax.tree.map(np.asarray, make_rows().inputs)
    *_, members = fit_members(jobs, example)
    for job, member in zip(jobs, members, strict=True):
        alone = events_of(job, first_checkpoint(initial_state(job.program, example, seed=job.seed)))
        for row, wanted in zip(member.now.history, history(alone), strict=True):
            assert row.keys() - {"seconds"} == wanted.keys()
            for name, value in wanted.items():
                assert row[name] == pytest.approx(value, rel=1e-3, abs=1e-5, nan_ok=True), name
        np.testing.assert_array_equal(member.now.last_wrong, taken(alone)[-1].last_wrong)


@given(st.integers(1, 200_000), st.integers(1, 2_000))
@example(5_000, 12_000)  # where the history file keeps the rows of round epochs only
def test_few_rows_are_measured(training_rows: int, epochs: int) -> None:
    rows = min(max(training_rows // 25, 64), 256, training_rows)
    plan = Plan(training_rows, 64, epochs)
    epochs_measured = [epoch for epoch in range(1, epochs + 1) if is_measured(epoch, plan, rows)]
    assert epochs_measured[0] == 1
    assert len(epochs_measured) >= min(epochs, 6)
    assert len(epochs_measured) <= 201 + 150 * np.log(max(epochs / 200, 1))
    assert all(has_row(epoch) for epoch in epochs_measured)
    late = [epoch for epoch in epochs_measured if epoch > 400]
    assert len(late) * rows <= 0.0101 * training_rows * max(epochs - 400, 1) + rows
    if training_rows >= 64 * 25 and epochs >= 20:
        assert len(epochs_measured) * rows <= 0.02 * training_rows * epochs
