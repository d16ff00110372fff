"""Rules for other batch sizes: against the formulas, and against what they are to keep, which is measured."""

import dataclasses
import math
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.naming import stable

from batchwright._component import component
from batchwright.errors import ConfigError
from batchwright.optim import (
    OPTIMIZERS,
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    AdamW,
    FromOptax,
    Lion,
    Muon,
    Nadam,
    Optimizer,
    RMSprop,
    init,
    update,
)
from batchwright.optim.rule import Scaling
from batchwright.optim.scaling import SQUARE_FLOOR, changes, rescale, scaling_of

RULES = (
    *(rule() for rule in OPTIMIZERS if rule is not Adadelta),
    SGD(0.1, momentum=0.9),
    SGD(0.1, momentum=0.9, nesterov=True),
    RMSprop(momentum=0.9, centered=True),
    Adam(amsgrad=True),
)
NAMED = pytest.mark.parametrize("rule", RULES, ids=stable)


def test_every_rule_but_one_has_a_scaling() -> None:
    assert [rule for rule in OPTIMIZERS if rule().scaling() is None] == [Adadelta]


def test_the_linear_rule() -> None:
    rule = SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.01, l2=0.02, clipvalue=1.0, global_clipnorm=5.0)
    assert rescale(rule, 8.0) == dataclasses.replace(rule, learning_rate=0.8)


@pytest.mark.parametrize("kind", [Adam, AdamW, Nadam])
def test_the_square_root_rule(kind: type[Adam]) -> None:
    rule = kind(0.01, beta_1=0.99, beta_2=0.999, epsilon=1e-6, weight_decay=0.1)
    new = rescale(rule, 9.0)
    assert changes(rule, new) == pytest.approx(
        {"learning_rate": 0.03, "beta_1": 0.91, "beta_2": 0.991, "epsilon": 1e-6 / 3}
    )
    assert new.weight_decay == 0.1


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (RMSprop(0.01, momentum=0.5), {"learning_rate": 0.02, "rho": 0.6, "epsilon": 1e-7 / 4}),
        (Adagrad(0.01), {"initial_accumulator_value": 0.1 / 16, "epsilon": 1e-7 / 16}),
        (Lion(0.01), {"learning_rate": 0.02}),
        (Muon(0.01), {"learning_rate": 0.02, "adam_beta_1": 0.6, "adam_beta_2": 0.996, "epsilon": 5e-8}),
    ],
    ids=stable,
)
def test_the_other_rules(rule: Optimizer, expected: dict[str, float]) -> None:
    assert changes(rule, rescale(rule, 4.0)) == pytest.approx(expected)


@NAMED
def test_the_same_size_changes_nothing(rule: Optimizer) -> None:
    assert rescale(rule, 1.0) == rule and changes(rule, rescale(rule, 1)) == {}


@NAMED
@settings(max_examples=10)
@given(st.floats(0.01, 4.0))
def test_there_and_back_again(rule: Optimizer, factor: float) -> None:
    back = rescale(rescale(rule, factor), 1.0 / factor)
    assert all(math.isclose(value, getattr(rule, name), rel_tol=1e-9) for name, value in changes(rule, back).items())


@NAMED
@settings(max_examples=10)
@given(st.floats(1e-4, 1e6), st.floats(1e-4, 1e6))
def test_larger_batches_never_have_smaller_rates_or_longer_averages(rule: Optimizer, one: float, two: float) -> None:
    small, large = (rescale(rule, factor) for factor in sorted((one, two)))
    assert small.learning_rate <= large.learning_rate
    scaling = scaling_of(rule)
    for name in (*scaling.means, *scaling.squares):
        assert 1.0 >= getattr(small, name) >= getattr(large, name) >= (name in scaling.squares) * SQUARE_FLOOR


def test_averages_stop_at_their_floor() -> None:
    far = rescale(Adam(), 1e4)
    assert (far.beta_1, far.beta_2) == (0.0, SQUARE_FLOOR)
    assert rescale(RMSprop(rho=0.3), 10.0).rho == 0.3


@pytest.mark.parametrize("factor", [0.0, -1.0, math.inf, math.nan])
def test_impossible_factors(factor: float) -> None:
    with pytest.raises(ConfigError, match="factor must hold"):
        rescale(SGD(), factor)


def test_rules_that_are_not_known() -> None:
    with pytest.raises(ConfigError, match=r"'adadelta' depends on the batch size is not known"):
        rescale(Adadelta(), 2.0)
    with pytest.raises(ConfigError, match=r"'optax' depends on the batch size is not known.*sgd"):
        rescale(FromOptax(optax.sgd(0.1)), 2.0)
    with pytest.raises(ConfigError, match="'sgd' and 'adam' are two rules"):
        changes(SGD(), Adam())


@component
class Own(SGD):
    """A rule of a user's own: with numbers of its own, and its own word on the batch size."""

    name: ClassVar[str] = "own"
    keep: float = 0.9
    floor: float = 0.1
    scaled: str = "keep"

    def scaling(self) -> Scaling:
        return Scaling(2.0, means=(self.scaled,), powers={"floor": 1.0})


def test_a_rule_of_a_users_own_says_how_it_follows() -> None:
    assert changes(Own(0.1), rescale(Own(0.1), 2.0)) == pytest.approx({"learning_rate": 0.4, "keep": 0.8, "floor": 0.2})
    with pytest.raises(ConfigError, match="the scaling of 'own': unknown number 'kepe': did you mean 'keep'"):
        rescale(Own(0.1, scaled="kepe"), 2.0)


def test_a_variant_of_a_rule_follows_as_it_does() -> None:
    """A subclass that says nothing has what its base has."""

    @component
    class Louder(Adam):
        name: ClassVar[str] = "louder"

    assert changes(Louder(), rescale(Louder(), 4.0)) == changes(Adam(), rescale(Adam(), 4.0))


SHAPE = (64, 64)


def walk(rule: Optimizer, iterations: int, *, batch: float, curvature: float = 0.0, slope: jax.Array) -> np.ndarray:
    """Independent parameters after a third and all of the iterations; gradient h·w + slope + noise of variance 1/B."""
    start = {"kernel": jnp.zeros(SHAPE)}

    def one(carry: tuple, noise: jax.Array) -> tuple:
        params, state = carry
        gradients = {"kernel": curvature * params["kernel"] + slope + noise}
        after = update(rule, gradients, state, params, rule.learning_rate)
        return after, after[0]["kernel"]

    noise = np.random.default_rng(1).standard_normal((iterations, *SHAPE), np.float32) / np.float32(batch**0.5)
    _, places = jax.jit(lambda noise: jax.lax.scan(one, (start, init(rule, start)), noise))(noise)
    return np.asarray(places)[[iterations // 3 - 1, iterations - 1]]


@pytest.mark.parametrize(
    "rule", [SGD(0.01), SGD(0.001, momentum=0.9), SGD(0.001, momentum=0.9, nesterov=True)], ids=stable
)
def test_sgd_keeps_its_variance_on_a_quadratic(rule: SGD) -> None:
    """To first order it is η/((1 − μ)·2hB), the same for (B, η) and (κB, κη); of plain SGD η/(hB·(2 − ηh)) exactly."""
    batch, factor, level = 8.0, 4.0, jnp.zeros(SHAPE)
    small = walk(rule, 600, batch=batch, curvature=1.0, slope=level)[-1].var()
    large = walk(rescale(rule, factor), 150, batch=factor * batch, curvature=1.0, slope=level)[-1].var()
    kept = walk(rule, 600, batch=factor * batch, curvature=1.0, slope=level)[-1].var()
    assert small == pytest.approx(rule.learning_rate / ((1 - rule.momentum) * 2 * batch), rel=0.08)
    assert large == pytest.approx(small, rel=0.1)
    assert kept == pytest.approx(small / factor, rel=0.1)


def per_row(rule: Optimizer, iterations: int, batch: float) -> tuple[float, float]:
    """How far noise with a slight slope carries parameters, and how far it scatters them, after a third of the way."""
    sign = np.random.default_rng(0).choice([-1.0, 1.0], SHAPE)
    early, late = walk(rule, iterations, batch=batch, slope=jnp.asarray(0.05 * sign, jnp.float32))
    moved = (early - late) * sign
    return float(moved.mean()), float(moved.std())


@pytest.mark.parametrize(
    "rule",
    [
        SGD(0.01),
        SGD(0.001, momentum=0.9),
        Adam(beta_1=0.95),
        Nadam(beta_1=0.95),
        RMSprop(rho=0.99),
        RMSprop(rho=0.99, momentum=0.8, centered=True),
        Adagrad(),
        Lion(beta_1=0.9, beta_2=0.9),
        Muon(weight_decay=None, momentum=0.8),
    ],
    ids=stable,
)
def test_the_same_rows_carry_and_scatter_parameters_as_far(rule: Optimizer) -> None:
    factor = 4
    drift, scatter = per_row(rule, 480, batch=1.0)
    new_drift, new_scatter = per_row(rescale(rule, factor), 480 // factor, batch=float(factor))
    assert new_drift == pytest.approx(drift, rel=0.15)
    assert new_scatter == pytest.approx(scatter, rel=0.12)
