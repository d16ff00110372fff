"""Parameters that are frozen stay to the bit, all else is trained as if they were constants: in float64, by hand."""

from dataclasses import replace
from typing import Any

import jax
import numpy as np
import pytest
from tests.population.test_fit import assert_as_alone
from tests.reference.training import Layers, gradients
from tests.training.test_checkpoint import end, events_of, history, make_job
from tests.training.test_training import ROWS, layers_of, make_program, make_rows, start

import batchwright as bw
from batchwright import nn, optim
from batchwright.errors import ConfigError
from batchwright.measure.noise_scale import measure_noise
from batchwright.nn.frozen import with_frozen
from batchwright.nn.layers import name_of_layer
from batchwright.optim.names import is_chosen
from batchwright.population.fit import fit_members
from batchwright.training.order import batches
from batchwright.training.plan import make_plan
from batchwright.training.state import Program

FIRST = "dense_0"


def frozen(program: Program, *patterns: str) -> Program:
    """As `workflow.preparing` makes it."""
    network = with_frozen(program.model.network, lambda name: is_chosen(name, patterns))
    return replace(program, model=replace(program.model, network=network), frozen=patterns)


def test_the_rest_is_that_of_numpy() -> None:
    """Momentum, decay and a clipped norm are those of the second layer alone; the first keeps its bits."""
    rule = optim.SGD(0.1, momentum=0.9, weight_decay=0.2, global_clipnorm=0.3)
    job = make_job(optimizer=rule, epochs=2, frozen=(FIRST,))
    rows = make_rows()
    before = layers_of(start(job.program, rows))
    x, targets = np.asarray(rows.inputs["numeric"], np.float64), np.asarray(rows.targets)
    layers: Layers = before
    velocity = tuple(np.zeros_like(w) for w in layers[1])
    for epoch in range(2):
        for places in batches(make_plan(ROWS, 8, 2), seed=0, epoch=epoch):
            chosen = places[places < ROWS]
            of_second = gradients(layers, x[chosen], targets[chosen], np.ones(len(chosen)))[1][1]
            norm = np.sqrt(sum((g**2).sum() for g in of_second))
            velocity = tuple(0.9 * v + g * min(1.0, 0.3 / norm) for v, g in zip(velocity, of_second, strict=True))
            second = tuple(w - 0.1 * (v + 0.2 * w) for w, v in zip(layers[1], velocity, strict=True))
            layers = [layers[0], second]
    found = layers_of(end(events_of(job)).variables)
    for one, other in zip(before[0], found[0], strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(layers[1], found[1], strict=True):
        np.testing.assert_allclose(other, one, rtol=2e-4, atol=2e-5)


def test_the_rule_keeps_nothing_of_what_is_frozen() -> None:
    state = start(replace(make_program(optim.Adam()), frozen=(FIRST,)), make_rows())
    shapes = {leaf.shape for leaf in jax.tree.leaves(state.opt_state)}
    assert shapes == {(), (8, 3), (3,)}


def test_frozen_batch_normalization_works_in_training_as_in_evaluation() -> None:
    """After a while of training, with everything up to the last layer frozen, a step is that of a linear model."""
    program, rows = make_program(optim.SGD(0.1), batch_normalization=True), make_rows()
    job = make_job(epochs=1)
    trained = end(events_of(replace(job, program=program))).variables
    held = frozen(program, "dense_0", "batch_norm_1")
    begun = start(held, rows)._replace(params=trained.params, state=trained.state)
    plan = make_plan(ROWS, ROWS, 1)
    after = end(events_of(replace(job, program=held, plan=plan, validation=None), _at(begun))).variables

    def array(*path: str, of: Any = trained.params) -> np.ndarray:
        for part in ("body", *path):
            of = of[part]
        return np.asarray(of, np.float64)

    running = {name: array("batch_norm_1", name, of=trained.state) for name in ("mean", "variance")}
    z = np.asarray(rows.inputs["numeric"], np.float64) @ array("dense_0", "kernel")
    z = (z - running["mean"]) / np.sqrt(running["variance"] + 1e-3) * array("batch_norm_1", "gamma")
    hidden = np.maximum(z + array("batch_norm_1", "beta"), 0.0)
    last = [(array("dense_4", "kernel"), array("dense_4", "bias"))]
    [(kernel, bias)] = gradients(last, hidden, np.asarray(rows.targets), np.ones(ROWS))[1]
    np.testing.assert_allclose(array("dense_4", "kernel", of=after.params), last[0][0] - 0.1 * kernel, atol=2e-6)
    np.testing.assert_allclose(array("dense_4", "bias", of=after.params), last[0][1] - 0.1 * bias, atol=2e-6)
    for one, other in zip(jax.tree.leaves(trained.state), jax.tree.leaves(after.state), strict=True):
        np.testing.assert_array_equal(one, other)


def _at(state: Any) -> Any:
    from batchwright.training.checkpoint import first_checkpoint

    return first_checkpoint(state)


def test_batch_normalization_is_found_in_all_layers_that_hold_others() -> None:
    """Where its gamma and beta are frozen, and nowhere else; names stay as they are."""
    inner = nn.Sequential((nn.Dense(4), nn.BatchNorm()))
    projected = nn.Residual(inner, shortcut=nn.Sequential((nn.Dense(4), nn.BatchNorm())))
    part = nn.Sequential((nn.Dense(4), nn.BatchNorm(), nn.Residual(inner), projected))
    network = nn.as_architecture(part).build(nn.Features(numeric=3), 2)
    norms = [
        "body/headed_0/body/batch_norm_1",
        "body/headed_0/body/residual_2/batch_norm_1",
        "body/headed_0/body/residual_3/body/batch_norm_1",
        "body/headed_0/body/residual_3/shortcut/batch_norm_1",
    ]
    for chosen in norms:
        made = with_frozen(network, lambda name, chosen=chosen: name.startswith(f"{chosen}/"))
        assert str(made) == str(network)
        assert [name for name, one in _norms(made.body, "body") if one.frozen] == [chosen]
    only_gamma = with_frozen(network, lambda name: name.endswith("gamma"))
    assert not any(one.frozen for _, one in _norms(only_gamma.body, "body"))


def _norms(layer: Any, name: str) -> list[tuple[str, nn.BatchNorm]]:
    if isinstance(layer, nn.BatchNorm):
        return [(name, layer)]
    if isinstance(layer, nn.Sequential):
        inside = [(f"{name}/{name_of_layer(i, one)}", one) for i, one in enumerate(layer.layers)]
    elif isinstance(layer, nn.Residual):
        named = {"body": layer.body, "shortcut": layer.shortcut} if layer.shortcut else {"": layer.body}
        inside = [(f"{name}/{part}".removesuffix("/"), one) for part, one in named.items()]
    else:
        inside = [(f"{name}/body", layer.body)] if hasattr(layer, "body") else []
    return [found for own, one in inside for found in _norms(one, own)]


def test_members_are_as_alone() -> None:
    example = {name: np.asarray(array) for name, array in make_rows().inputs.items()}
    jobs = [
        replace(make_job(optimizer=optim.SGD(0.1, rates={"bias": factor}), frozen=("dense_0/kernel",)), seed=seed)
        for seed, factor in enumerate((0.5, 2.0))
    ]
    rows, held_out = make_rows(weighted=True), make_rows(1)
    jobs = [replace(job, train=rows, validation=held_out) for job in jobs]
    *_, runs = fit_members(jobs, example)
    for run, job in zip(runs, jobs, strict=True):
        assert_as_alone(run, job)


def test_noise_is_that_of_what_is_trained() -> None:
    rows = make_rows()
    noise = [
        measure_noise(program, start(program, rows), rows, np.arange(48, dtype=np.int32), seed=0, preconditioned=False)
        for program in (make_program(), replace(make_program(), frozen=(FIRST,)))
    ]
    assert list(noise[1].layers) == ["body/dense_3"]
    assert noise[1].overall.trace == pytest.approx(noise[0].layers["body/dense_3"].trace, rel=1e-5)


PLAIN: dict[str, Any] = {"network": bw.nn.MLP((4,)), "batch_size": 16, "epochs": 2}


@pytest.mark.parametrize(
    ("freeze", "message"),
    [
        (["dense_9"], r"training.freeze: no parameter has 'dense_9' in its name; there are body/batch_norm_1/beta, "),
        (["body/x*"], r"training.freeze: no parameter matches 'body/x\*'"),
        (["*"], r"training.freeze: '\*' leaves no parameter to be trained, of body/batch_norm_1/beta, "),
        ([""], "no parameter has '' in its name"),
    ],
)
def test_refused_before_a_folder_is_made(freeze: list[str], message: str, tmp_path: Any) -> None:
    with pytest.raises(ConfigError, match=message):
        bw.fit(bw.load("iris"), **PLAIN, freeze=freeze, run_dir=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_counted_recorded_and_gone_on_with(tmp_path: Any) -> None:
    iris, how = bw.load("iris"), {**PLAIN, "freeze": ["dense_0", "batch_norm_1"], "epochs": 4}
    whole = bw.fit(iris, **how)
    found = whole.prepared.accounting(0)
    assert (found["parameters"], found["frozen_parameters"]) == (4 * 4 + 8 + 4 * 3 + 3, 4 * 4 + 8)
    events = bw.events(iris, **how, run_dir=tmp_path / "run")
    for event in events:
        if getattr(event, "row", {}).get("epoch") == 2:
            break
    iter(events).close()  # type: ignore[attr-defined]
    resumed = bw.resume(tmp_path / "run", iris)
    assert bw.open_run(tmp_path / "run").settings["training.freeze"].value == ["dense_0", "batch_norm_1"]
    assert bw.open_run(tmp_path / "run").plan["frozen_parameters"] == 24
    for one, other in zip(
        jax.tree.leaves(whole.model.variables), jax.tree.leaves(resumed.model.variables), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    assert [row["loss"] for row in resumed.history] == [row["loss"] for row in whole.history]


def test_history_of_a_job_is_the_same_when_everything_is_trained() -> None:
    """A rate of 1 for a part is no other training."""
    plain, rated = (make_job(optimizer=optim.SGD(0.1, rates=rates)) for rates in ({}, {"bias": 1.0}))
    assert history(events_of(plain)) == history(events_of(rated))
