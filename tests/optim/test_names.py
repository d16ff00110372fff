"""Names of parameters, the patterns that choose them, and rates by pattern against groups of parameters in float64."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.optim.test_optimizers import GRADIENTS, PARAMS, RATES, TRACED, names, run
from tests.reference import optimizers as reference

from batchwright.config import load_config
from batchwright.errors import ConfigError
from batchwright.optim import OPTIMIZERS, SGD, AdamW, Optimizer, init
from batchwright.optim.names import leave_out_chosen, list_names, matches, names_of, put_back
from batchwright.search.space import load_space


@pytest.mark.parametrize(
    ("pattern", "chosen"),
    [
        ("bias", ["dense/bias"]),
        ("dense", ["dense/bias", "dense/kernel"]),
        ("*/kernel", ["dense/kernel", "filters/kernel"]),
        ("dense*", ["dense/bias", "dense/kernel"]),
        ("kernel*", []),
        ("[de]*_0/*", ["embedding_0/table"]),
        ("embedding_", ["embedding_0/table"]),
        ("Bias", []),
        (".", []),
    ],
)
def test_a_part_of_a_name_or_a_shell_pattern_for_all_of_it(pattern: str, chosen: list[str]) -> None:
    assert [name for name in names_of(PARAMS) if matches(name, pattern)] == chosen


def test_a_number_in_a_part_is_whole() -> None:
    found = [name for name in ("dense_1/kernel", "dense_10/kernel", "dense_21/kernel") if matches(name, "dense_1")]
    assert found == ["dense_1/kernel"]
    assert not matches("dense_21/kernel", "1/kernel")
    assert matches("dense_1/kernel", "1/kernel")


def test_what_is_left_out_is_put_back() -> None:
    some = leave_out_chosen(PARAMS, ("kernel", "embedding*"))
    assert names_of(some) == ["dense/bias"]
    moved = jax.tree.map(lambda leaf: leaf + 1, some)
    whole = put_back(moved, PARAMS)
    assert jax.tree.structure(whole) == jax.tree.structure(PARAMS)
    assert whole["dense"]["kernel"] is PARAMS["dense"]["kernel"]
    np.testing.assert_array_equal(whole["dense"]["bias"], PARAMS["dense"]["bias"] + 1)


def test_long_lists_of_names_are_cut() -> None:
    assert list_names([f"w{i}" for i in range(30)]).endswith("w19 and 10 more")


FACTORS = {"*/kernel": 0.3, "bias": 2.0}


@pytest.mark.parametrize("rule", OPTIMIZERS, ids=lambda rule: rule.name)
def test_each_part_moves_as_if_the_rule_ran_at_its_own_rate(rule: type[Optimizer]) -> None:
    """Whatever the rule, with its decay: a group of parameters with f·η, and all others with η."""
    plain = replace(rule(), weight_decay=0.2)
    rates = jnp.asarray(RATES, jnp.float32)
    found = dict(names(run(replace(plain, rates=FACTORS), PARAMS, GRADIENTS, rates)))
    at = {factor: dict(names(run(plain, PARAMS, GRADIENTS, factor * rates))) for factor in (0.3, 2.0, 1.0)}
    factors = {"dense/kernel": 0.3, "filters/kernel": 0.3, "dense/bias": 2.0, "embedding_0/table": 1.0}
    for name, factor in factors.items():
        np.testing.assert_allclose(found[name], at[factor][name], rtol=1e-5, atol=1e-6, err_msg=name)


def test_groups_of_adamw_in_numpy() -> None:
    """w ← w − f·η·(d + λ·w), as PyTorch's groups, written out in float64."""
    rule = AdamW(weight_decay=0.5, rates=FACTORS)
    found = dict(names(run(rule, PARAMS, GRADIENTS, jnp.asarray(RATES, jnp.float32))))
    gradients = dict(names(GRADIENTS))
    for name, start in names(PARAMS):
        factor = {"kernel": 0.3, "bias": 2.0}.get(name.rpartition("/")[2], 1.0)
        expected = reference.trajectory(
            reference.adam, start, lambda t, _, g=gradients[name]: g[t], factor * RATES, weight_decay=0.5
        )
        np.testing.assert_allclose(found[name], expected, rtol=1e-5, atol=4e-6, err_msg=name)


def test_other_factors_compile_nothing_and_may_differ_between_members() -> None:
    rates = jnp.asarray(RATES, jnp.float32)
    rules = [SGD(momentum=0.9, rates={"kernel": factor}) for factor in (0.5, 0.25)]
    alone = [run(rule, PARAMS, GRADIENTS, rates) for rule in rules[:1]]
    traced = len(TRACED)
    alone.append(run(rules[1], PARAMS, GRADIENTS, rates))
    assert len(TRACED) == traced
    stack = jax.tree.map(lambda *numbers: jnp.array(numbers, jnp.float32), *rules)
    together = jax.vmap(run, in_axes=(0, None, None, None))(stack, PARAMS, GRADIENTS, rates)
    for place, one in enumerate(alone):
        of_member = jax.tree.map(lambda leaf, place=place: leaf[place], together)
        jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-6), one, of_member)


@pytest.mark.parametrize(
    ("rates", "message"),
    [
        ({"biases": 0.1}, r"rates: no parameter has 'biases' in its name; there are dense/bias, "),
        ({"dense": 0.1, "bias": 2.0}, "rates: 'dense' and 'bias' both match dense/bias: let each parameter have one"),
        ({"*bias*x": 0.1}, r"rates: no parameter matches '\*bias\*x'"),
    ],
)
def test_patterns_that_match_nothing_or_twice_are_refused(rates: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        init(SGD(rates=rates), PARAMS)


def test_rates_in_a_configuration_and_in_a_search() -> None:
    read = load_config(None, [("optimizer.rates", '{"body/*": 0.1, bias: 2}', "--set")])
    assert read.config.optimizer.rates == {"body/*": 0.1, "bias": 2.0}
    assert read.values["optimizer.rates"] == {"body/*": 0.1, "bias": 2.0}
    with pytest.raises(ConfigError, match=r"optimizer\.rates: must be a mapping of names, each to a number > 0"):
        load_config(None, [("optimizer.rates", "{bias: 0}", "--set")])
    space = load_space(None, [("optimizer.rates", "{bias: {log: [0.1, 10]}}", "--set")])
    assert space.settings(space.point([0.5])).config.optimizer.rates == {"bias": pytest.approx(1.0)}
