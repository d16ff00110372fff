"""Devices compute with their own rows alone where it is known what all parts of a network do with a batch."""

from dataclasses import dataclass

import jax
import pytest

from batchwright import nn, optim
from batchwright.nn.divided import axis_of_devices, on_each_device, rows_are_apart
from batchwright.nn.protocols import Tree, Variables
from batchwright.tasks import Classification, Regression
from batchwright.training.placement import AXIS, LOCAL, Placement
from batchwright.training.plan import Plan
from batchwright.training.shared import can_share
from batchwright.training.state import Model, Program

FEATURES = nn.Features(numeric=4, cardinalities=(3,), text=((50, 8),))
IMAGES = nn.Features(image=(8, 8, 1))
KNOWN = {
    "mlp": nn.MLP((8,)).build(FEATURES, 2),
    "normalized": nn.MLP((8, 8), batch_normalization=True).build(FEATURES, 2),
    "linear": nn.Linear().build(FEATURES, 2),
    "tabular": nn.Tabular(dropout=0.0).build(FEATURES, 2),
    "submodels": nn.MLP((8,), ensemble=4, dropout=0.0).build(FEATURES, 2),
    "images": nn.CNN(filters=(4,), hidden_layer_sizes=(6,)).build(IMAGES, 2),
}


@dataclass(frozen=True)
class Centred:
    """A layer of a user's own, which takes the mean over the batch."""

    def init(self, key: jax.Array, shape: tuple[int, ...]) -> Variables:
        return Variables({}, {})

    def apply(self, variables: Variables, x: jax.Array, **_: object) -> tuple[jax.Array, Tree]:
        return x - x.mean(axis=0, keepdims=True), {}


class Subclass(nn.Dense):
    """A layer of ours that somebody has changed."""


UNKNOWN = {
    "dropout": nn.MLP((8,), dropout=0.1).build(FEATURES, 2),
    "own": nn.Sequential((nn.Dense(4), Centred())),
    "subclass": nn.Sequential((Subclass(4),)),
}


@pytest.mark.parametrize("name", KNOWN)
def test_rows_of_our_networks_meet_in_batch_normalization_alone(name: str) -> None:
    assert rows_are_apart(KNOWN[name])


@pytest.mark.parametrize("name", UNKNOWN)
def test_nothing_is_assumed_of_what_others_wrote_or_what_draws_for_the_whole_batch(name: str) -> None:
    assert not rows_are_apart(UNKNOWN[name])


def test_devices_share_what_they_can() -> None:
    two = Placement(tuple(jax.devices()[:1] * 2))
    even, odd = Plan(100, 8, 1, devices=2), Plan(100, 7, 1, devices=2)

    def program(task: object, name: str = "mlp", **changes: object) -> Program:
        return Program(Model(KNOWN[name], task), optim.SGD(0.1), **changes)

    classes = Classification(("a", "b"))
    assert can_share(program(classes), two, even)
    assert can_share(program(Regression()), two, even)
    assert not can_share(program(classes), LOCAL, even)
    assert not can_share(program(classes), two, odd)
    assert not can_share(program(classes, augment=nn.augment.Augment(flip=True)), two, even)
    assert not can_share(program(Classification(("a", "b"), loss=own_loss)), two, even)


def own_loss(outputs: jax.Array, targets: jax.Array) -> jax.Array:
    """A loss of a user's own, which looks at the whole batch."""
    return outputs.mean() - outputs[:, 0]


def test_layers_know_of_the_devices_only_while_these_compute() -> None:
    assert axis_of_devices() is None
    with on_each_device(AXIS):
        assert axis_of_devices() == AXIS
    assert axis_of_devices() is None
