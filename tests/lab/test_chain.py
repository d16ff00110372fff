"""The numbers of one iteration against float64 NumPy, and against what training then does."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from batchwright.errors import UsageError
from batchwright.lab import RULES, Chain, Live, SmallNetwork, chain, choose_points, draw_points
from batchwright.nn import MLP
from batchwright.optim import SGD

ROWS = {name: choose_points(draw_points(name, rows=40)) for name in ("moons", "sine")}
SLOPES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "tanh": lambda z: 1 - np.tanh(z) ** 2,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)) * (1 - 1 / (1 + np.exp(-z))),
    "relu": lambda z: (z > 0).astype(np.float64),
}
VALUES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "tanh": np.tanh,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "relu": lambda z: np.maximum(z, 0),
}


def make(name: str = "moons", **values: object) -> Live:
    network = MLP((3, 2), activation="tanh", batch_normalization=False)
    return Live(replace(SmallNetwork(ROWS[name], network, SGD(learning_rate=0.2), 4), **values))  # type: ignore[arg-type]


def last_slope(one: Chain, outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The loss of each row and ∂L/∂outputs, from closed forms: p − y for classes, 2·(o − y) for numbers, over B."""
    if outputs.shape[1] == 1:
        errors = outputs - one.targets[:, None]
        return errors[:, 0] ** 2, 2 * errors / len(outputs)
    shares = np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True)
    right = np.eye(2)[one.targets.astype(int)]
    return -np.log((shares * right).sum(axis=1)), (shares - right) / len(outputs)


@pytest.mark.parametrize("activation", SLOPES)
@pytest.mark.parametrize("name", ROWS)
def test_each_number_is_the_one_of_numpy(name: str, activation: str) -> None:
    live = make(name, network=MLP((3, 2), activation=activation, batch_normalization=False))  # type: ignore[arg-type]
    live.advance(11)
    one = chain(live)
    a = np.asarray(ROWS[name].dataset.train.inputs["numeric"], np.float64)[one.rows]
    close = {"rtol": 2e-4, "atol": 2e-6}
    for link in one.links:
        np.testing.assert_allclose(link.inputs, a, **close)
        weights = {name: learned.before for name, learned in link.parameters.items()}
        a = a @ weights["kernel"] + weights["bias"] if weights else VALUES[activation](a)
        np.testing.assert_allclose(link.outputs, a, **close)
    losses, slope = last_slope(one, a)
    np.testing.assert_allclose(one.losses, losses, **close)
    assert one.loss == pytest.approx(losses.mean(), rel=1e-5)
    for link in reversed(one.links):
        np.testing.assert_allclose(link.slopes_out, slope, **close)
        if link.parameters:
            kernel, bias = link.parameters["kernel"], link.parameters["bias"]
            np.testing.assert_allclose(kernel.gradient, link.inputs.T @ slope, **close)
            np.testing.assert_allclose(bias.gradient, slope.sum(axis=0), **close)
            np.testing.assert_allclose(kernel.after, kernel.before - 0.2 * kernel.gradient, **close)
            slope = slope @ kernel.before.T
        else:
            slope = slope * SLOPES[activation](link.inputs)
        np.testing.assert_allclose(link.slopes_in, slope, **close)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    ("normal", "dropout"),
    [pytest.param(False, 0.0, marks=pytest.mark.soak), (True, 0.4)],
    ids=["plain", "normalized with dropout"],
)
def test_training_then_does_what_the_chain_says(rule: str, normal: bool, dropout: float) -> None:
    network = MLP((3, 2), activation="tanh", batch_normalization=normal, dropout=dropout)
    live = make(network=network, optimizer=replace(RULES[rule], learning_rate=0.05), batch_size=7)
    for done in (3, 1, 3):  # to a full batch, to the last one, which has two rows, and on
        live.advance(done)
        one = chain(live)
        batch, losses = live.next_batch(), live.advance(1)
        assert one.rows.tolist() == batch.tolist()
        assert one.iteration == live.iteration
        assert losses[0] == pytest.approx(one.loss, rel=1e-5)
        for link in one.links:
            for leaf, learned in link.parameters.items():
                now = np.asarray(live.state.params["body"][link.name][leaf])
                np.testing.assert_allclose(learned.after, now, rtol=1e-4, atol=1e-5, err_msg=f"{link.name}/{leaf}")


def test_the_chain_leaves_the_training_where_it_is() -> None:
    one, other = make(), make()
    one.advance(5)
    chain(one)
    one.advance(5)
    other.advance(10)
    kernels = [np.asarray(live.state.params["body"]["dense_0"]["kernel"]) for live in (one, other)]
    assert np.array_equal(*kernels)


def test_normalization_and_dropout_are_links_where_they_act() -> None:
    network = MLP((3,), activation="relu", batch_normalization=True, dropout=0.5)
    kinds = [link.kind for link in chain(make(network=network)).links]
    assert kinds == ["dense", "batch_norm", "relu", "dropout", "dense"]
    assert [link.kind for link in chain(make(network=MLP((), batch_normalization=False))).links] == ["dense"]


def test_a_training_that_diverged_has_no_next_iteration() -> None:
    live = make("sine", optimizer=SGD(learning_rate=1e9), network=MLP((3,), "relu", batch_normalization=False))
    losses = live.advance(200)
    assert live.diverged
    assert len(losses) == live.iteration < 200
    assert not np.isfinite(losses[-1]) and np.isfinite(losses[:-1]).all()
    assert len(live.advance(10)) == 0
    with pytest.raises(UsageError, match="smaller learning rate"):
        chain(live)
