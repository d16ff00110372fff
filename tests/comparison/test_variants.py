"""What is compared: the update rules, or a key's values, each with the ranges that are tuned; and what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from batchwright._component import component
from batchwright.comparison import variants as module
from batchwright.comparison.variants import rules, values_of
from batchwright.config import Config
from batchwright.errors import ConfigError
from batchwright.optim import OPTIMIZERS, SGD
from batchwright.optim.rule import Form, Range
from batchwright.search.defaults import default_dimensions
from batchwright.search.space import load_space

RATE = "optimizer.learning_rate"
NAME, SIZE = "optimizer.name", "training.batch_size"
MOMENTUM = ("optimizer.momentum", 0.5, 0.99)
BETA = ("optimizer.beta_1", 0.5, 0.99)
RHO = ("optimizer.rho", 0.5, 0.999)


def _space(**changed):
    values = {"data.source": "iris", "network.name": "mlp", "network.hidden_layer_sizes": "[6]"} | changed
    return load_space(None, [(key, text, key) for key, text in values.items()])


@pytest.fixture(scope="module")
def space():
    return _space()


@pytest.fixture(scope="module")
def settings(space):
    return space.settings({})


def _ranges(variant):
    return [(one.key, *one.values) for one in variant.dimensions]


@pytest.mark.parametrize(
    ("name", "values", "rate", "second"),
    [
        ("batch gradient descent", {NAME: "sgd", SIZE: "full"}, 0.1, []),
        (
            "stochastic gradient descent",
            {NAME: "sgd", SIZE: 1, "network.batch_normalization": False},
            0.1,
            [],
        ),
        ("mini-batch gradient descent", {NAME: "sgd"}, 0.1, []),
        ("momentum", {NAME: "sgd"}, 0.1, [MOMENTUM]),
        ("nesterov", {NAME: "sgd", "optimizer.nesterov": True}, 0.1, [MOMENTUM]),
        ("adagrad", {NAME: "adagrad"}, 0.01, []),
        ("adadelta", {NAME: "adadelta"}, 1.0, [RHO]),
        ("rmsprop", {NAME: "rmsprop"}, 0.001, [RHO]),
        ("adam", {NAME: "adam"}, 0.001, [BETA]),
        ("nadam", {NAME: "nadam"}, 0.001, [BETA]),
        ("lion", {NAME: "lion"}, 0.001, [BETA]),
        ("muon", {NAME: "muon"}, 0.001, []),
    ],
)
def test_each_rule_has_its_values_and_two_decades_to_either_side_of_its_usual_rate(
    space, settings, name, values, rate, second
):
    variant = next(one for one in rules(settings.config, 104)[0] if one.name == name)
    assert dict(variant.values) == values and variant.rows == 1.0
    (key, low, high), *others = _ranges(variant)
    assert key == RATE and others == second
    np.testing.assert_allclose([low, high], [rate / 100, rate * 100], rtol=1e-12)
    middle = variant.settings(space, [0.5] * len(variant.dimensions))
    assert middle.config.optimizer.learning_rate == pytest.approx(rate)
    assert {key: middle.values[key] for key in values} == values
    for second_key, low, high in second:
        for share, end in ((0.0, low), (1 - 2**-40, high)):
            at_end = variant.settings(space, [0.5, share]).values[second_key]
            assert at_end == pytest.approx(end)


def test_rules_are_those_that_people_name_and_none_twice(settings):
    found = [variant.name for variant in rules(settings.config, 104)[0]]
    assert len(found) == len(set(found)) == 12


@component
class Signed(SGD):
    """A rule with all that it may say of itself."""

    name = "signed"
    usual_rate = 0.02
    keep: float = 0.9

    @classmethod
    def forms(cls):
        return (
            Form("signed", tuned=Range("keep", 0.2, 0.8)),
            Form("signed, all rows", {"keep": 0.5}, batch_size="full"),
        )


def test_an_entry_in_the_table_is_all_that_a_new_rule_takes(settings, monkeypatch):
    monkeypatch.setattr(module, "OPTIMIZERS", (*OPTIMIZERS, Signed))
    *known, tuned, whole = rules(settings.config, 104)[0]
    assert len(known) == 12
    assert (tuned.name, dict(tuned.values)) == ("signed", {NAME: "signed"})
    assert _ranges(tuned) == [(RATE, pytest.approx(2e-4), pytest.approx(2.0)), ("optimizer.keep", 0.2, 0.8)]
    assert dict(whole.values) == {NAME: "signed", "optimizer.keep": 0.5, SIZE: "full"}


def test_what_a_rule_tunes_is_searched_too_with_many_trials(settings):
    own = replace(
        settings, config=Config(optimizer=Signed()), origins={**settings.origins, "optimizer.keep": "default"}
    )
    found = {one.key: (one.scale, one.values) for one in default_dimensions(own, 120)}
    assert found["optimizer.keep"] == ("one_minus_log", (0.2, 0.8))
    assert "optimizer.keep" not in {one.key for one in default_dimensions(own, 119)}


@pytest.mark.parametrize(("rows", "left_out"), [(5_000, False), (5_001, True)])
def test_one_row_at_a_time_is_left_out_where_an_epoch_would_have_too_many_iterations(settings, rows, left_out):
    variants, notes = rules(settings.config, rows)
    assert ("stochastic gradient descent" in [one.name for one in variants]) is not left_out
    assert len(variants) == 12 - left_out
    (said,) = notes
    if left_out:
        assert said == "stochastic gradient descent is left out: with one row at a time, an epoch has 5,001 iterations"
    else:
        assert said == "stochastic gradient descent is without batch normalization: one row has no variance"


def test_a_network_without_batch_normalization_is_left_as_it_is():
    config = load_space(None, [("data.source", "iris", ""), ("network.name", "linear", "")]).settings({}).config
    variants, notes = rules(config, 104)
    assert dict(variants[1].values) == {NAME: "sgd", SIZE: 1} and notes == ()


@pytest.mark.parametrize(
    ("vary", "values", "names"),
    [
        ("network.activation=relu,tanh", ["relu", "tanh"], ["relu", "tanh"]),
        ("network.activation=[relu, tanh]", ["relu", "tanh"], ["relu", "tanh"]),
        ("network.batch_normalization", [False, True], ["false", "true"]),
        ("network.batch_normalization=true,false", [True, False], ["true", "false"]),
        ("network.hidden_layer_sizes=[[8], [16, 8]]", [[8], [16, 8]], ["[8]", "[16, 8]"]),
        ("training.batch_size", [16, 32, 64], ["16", "32", "64"]),
        ("training.batch_size=8,full", [8, "full"], ["8", "full"]),
        ("training.remainder", ["keep", "drop"], ["keep", "drop"]),
        ("network.dropout=0.1,0.5", [0.1, 0.5], ["0.1", "0.5"]),
        ("schedule.name=constant,cosine", ["constant", "cosine"], ["constant", "cosine"]),
    ],
)
def test_a_key_has_a_variant_for_each_value_with_the_rate_tuned_alike(space, settings, vary, values, names):
    found, key = values_of(vary, settings, 104), vary.partition("=")[0]
    assert [one.name for one in found] == names
    assert [dict(one.values) for one in found] == [{key: value} for value in values]
    for variant, value in zip(found, values, strict=True):
        ((tuned, low, high),) = _ranges(variant)
        assert tuned == RATE and (low, high) == pytest.approx((1e-5, 0.1))  # Adam's 0.001
        made = variant.settings(space, [0.5])
        assert made.values[key] == value and made.config.optimizer.learning_rate == pytest.approx(0.001)


@pytest.mark.parametrize(("rows", "largest"), [(32, 32), (600, 512), (60_000, 1024)])
def test_usual_batch_sizes_are_doubled_as_far_as_there_are_rows(settings, rows, largest):
    sizes = [one.values[SIZE] for one in values_of(SIZE, settings, rows)]
    assert sizes == [2**power for power in range(4, largest.bit_length())]


def test_each_named_rule_has_the_range_of_its_own_rate(settings):
    found = {one.name: _ranges(one)[0] for one in values_of("optimizer.name=sgd,adadelta,adam", settings, 104)}
    for name, usual in (("sgd", 0.1), ("adadelta", 1.0), ("adam", 0.001)):
        assert found[name] == (RATE, pytest.approx(usual / 100), pytest.approx(usual * 100))


def test_a_key_that_chooses_a_kind_is_compared_with_all_kinds(settings):
    found = values_of(NAME, settings, 104)
    rules = {"sgd", "adagrad", "adadelta", "rmsprop", "adam", "adamw", "nadam", "lion", "muon"}
    assert {one.name for one in found} == rules and len(found) == len(rules)


def test_all_activations_are_compared_where_none_is_named(space, settings):
    found = values_of("network.activation", settings, 104)
    assert {"sigmoid", "tanh", "relu", "gelu"} <= {one.name for one in found}
    for one in found:
        assert one.settings(space, [0.5]).config.network.activation == one.name


def test_rates_that_are_compared_are_not_tuned(space, settings):
    found = values_of(f"{RATE}=0.1,0.01", settings, 104)
    assert [one.dimensions for one in found] == [(), ()]
    assert [one.settings(space, []).config.optimizer.learning_rate for one in found] == [0.1, 0.01]


@pytest.mark.parametrize(
    ("vary", "shares", "names"),
    [
        ("training.rows", [0.1, 0.2, 0.4, 0.7, 1.0], ["10%", "20%", "40%", "70%", "100%"]),
        ("training.rows=1,0.25", [0.25, 1.0], ["25%", "100%"]),
    ],
)
def test_shares_of_the_rows_are_compared_the_smallest_first(space, settings, vary, shares, names):
    found = values_of(vary, settings, 104)
    assert [one.rows for one in found] == shares
    assert [one.name for one in found] == [f"{name} of the rows" for name in names]
    assert all(dict(one.values) == {} and [key for key, *_ in _ranges(one)] == [RATE] for one in found)


@pytest.mark.parametrize(
    ("vary", "said"),
    [
        ("network.activaton=relu,tanh", "did you mean network.activation"),
        ("activation=relu,tanh", "it belongs under network"),
        ("optimizer.lerning_rate", "did you mean optimizer.learning_rate?"),
        ("data.scaling=standard,robust", "would change the rows, the loss or the seeds"),
        ("data.test_split=0.1,0.2", "would change the rows, the loss or the seeds"),
        ("task.loss", "would change the rows, the loss or the seeds"),
        ("task", "would change the rows, the loss or the seeds"),
        ("network.activation=relu", "takes two values or more"),
        ("network.activation=", "takes two values or more"),
        ("network.activation=[]", "takes two values or more"),
        ("network.activation=[relu", "network.activation=[relu"),
        ("optimizer.learning_rate", "give its values, as in `vary=optimizer.learning_rate=[VALUE, VALUE, ...]`"),
        ("network.hidden_layer_sizes", "give its values"),
        ("training.rows=0.5", "takes two values or more"),
        ("training.rows=0,1", "shares of the training rows in (0, 1]"),
        ("training.rows=0.5,1.5", "shares of the training rows in (0, 1]"),
        ("training.rows=half,1", "shares of the training rows in (0, 1]"),
    ],
)
def test_what_cannot_be_compared_is_refused(settings, vary, said):
    with pytest.raises(ConfigError) as error:
        values_of(vary, settings, 104)
    assert str(error.value).startswith(("`vary", "vary ")) and said in str(error.value)


@pytest.mark.parametrize(
    ("vary", "said"),
    [
        ("network.activation=relu,relv", "did you mean 'relu'?"),
        ("network.dropout=0.1,1.5", "but is 1.5"),
        ("training.batch_size=16,many", "but is many"),
        ("optimizer.momentum=0.5,0.9", "it is one of sgd"),
    ],
)
def test_a_value_that_its_key_does_not_take_is_refused_by_the_settings(space, settings, vary, said):
    with pytest.raises(ConfigError) as error:
        [variant.settings(space, [0.5]) for variant in values_of(vary, settings, 104)]
    assert said in str(error.value)


@pytest.mark.parametrize("vary", ["optimizer", "network=mlp,linear", "training"])
def test_a_section_is_no_key(settings, vary):
    with pytest.raises(ConfigError, match="`vary"):
        values_of(vary, settings, 104)


@pytest.mark.parametrize("rows", [10, 20])
def test_too_few_rows_for_two_of_the_usual_batch_sizes_are_told(settings, rows):
    with pytest.raises(ConfigError, match="give its values"):
        values_of(SIZE, settings, rows)


def test_two_shares_never_have_one_name(settings):
    names = [one.name for one in values_of("training.rows=0.004,0.005,1", settings, 10_000)]
    assert len(set(names)) == 3
