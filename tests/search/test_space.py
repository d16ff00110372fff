"""Spaces in a configuration: what is chosen when, what a trial's settings are, and what is refused, with the line."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchwright.config import load_config
from batchwright.errors import ConfigError
from batchwright.search.space import load_space

WHOLE = """\
data: {source: iris}
optimizer:
  name: {choice: [sgd, adam]}
  learning_rate: {log: [1e-4, 1]}
  momentum: {one_minus_log: [0.5, 0.999]}
  beta_1: {one_minus_log: [0.5, 0.99]}
network:
  hidden_layer_sizes: {choice: [[64], [128, 64]]}
  dropout: {uniform: [0.1, 0.5], when: {network.hidden_layer_sizes: [[128, 64]]}}
training:
  batch_size: {log: [16, 256]}
  early_stopping: {patience: {uniform: [2, 9]}}
  epochs: 3
"""


@pytest.fixture(scope="module")
def space(tmp_path_factory):
    return load_space(_written(tmp_path_factory.mktemp("space"), WHOLE))


def _written(folder, text):
    path = folder / "space.yaml"
    path.write_text(text)
    return path


def _refusal(folder, text):
    with pytest.raises(ConfigError) as error:
        load_space(_written(folder, text))
    return str(error.value)


@settings(max_examples=15, deadline=None)
@given(shares=st.lists(st.floats(0, 1, exclude_max=True), min_size=8, max_size=8))
def test_every_point_gives_settings_that_hold_what_was_chosen(space, shares):
    chosen = space.point(shares)
    found = space.settings(chosen)
    assert {key: found.values[key] for key in chosen} == chosen
    assert {key for key, origin in found.origins.items() if origin == "searched"} == set(chosen)
    assert found.config.training.epochs == 3 and found.origins["training.epochs"] == "user"


def test_a_kind_is_given_only_the_keys_that_it_has(space):
    keys = [dimension.key for dimension in space.dimensions]
    assert keys[0] == "optimizer.name"
    sgd, adam = space.point([0.0] * 8), space.point([0.9] * 8)
    assert "optimizer.momentum" in sgd and "optimizer.beta_1" not in sgd
    assert "optimizer.beta_1" in adam and "optimizer.momentum" not in adam


def test_a_condition_decides_whether_a_key_is_chosen(space):
    place = [dimension.key for dimension in space.dimensions].index("network.hidden_layer_sizes")
    for share, chosen in ((0.0, False), (0.9, True)):
        shares = [0.5] * 8
        shares[place] = share
        assert ("network.dropout" in space.point(shares)) is chosen


def test_whole_numbers_where_the_key_takes_no_others(space):
    chosen = space.point([0.37] * 8)
    assert isinstance(chosen["training.batch_size"], int)
    assert isinstance(chosen["training.early_stopping.patience"], int)


def test_text_of_a_space_is_read_as_the_same_space(space, tmp_path):
    again = load_space(_written(tmp_path, space.to_text()))
    assert again.to_text() == space.to_text()
    assert again.point([0.3] * 8) == space.point([0.3] * 8)
    assert [(one.key, one.scale, one.values) for one in again.dimensions] == [
        (one.key, one.scale, one.values) for one in space.dimensions
    ]


def test_overrides_make_and_replace_spaces(tmp_path):
    path = _written(tmp_path, WHOLE)
    space = load_space(path, [("optimizer.learning_rate", "0.1", "--learning-rate 0.1")])
    assert "optimizer.learning_rate" not in {dimension.key for dimension in space.dimensions}
    assert space.settings(space.point([0.1] * 7)).config.optimizer.learning_rate == 0.1


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("optimizer:\n  learning_rate: {log: [0, 1]}", 2, "has to stay above 0"),
        ("optimizer:\n  learning_rate: {log: [1, 0.1]}", 2, "is inverted"),
        ("optimizer:\n  learning_rate: {log: [1, 1]}", 2, "is empty"),
        ("optimizer:\n  learning_rate: {log: 3}", 2, "takes a list"),
        ("optimizer:\n  learning_rate: {log: [0.1, .nan]}", 2, "two numbers"),
        ("optimizer:\n  learning_rate: {lgo: [0.1, 1]}", 2, "did you mean log?"),
        ("optimizer:\n  learning_rate: {log: [0.1, 1], uniform: [0, 1]}", 2, "is not a space"),
        ("optimizer:\n  learning_rat: {log: [0.1, 1]}", 2, "did you mean optimizer.learning_rate?"),
        ("optimizer:\n  beta_1: {uniform: [0.5, 1.5]}", 2, "must be a number >= 0 and < 1, but is 1.5"),
        ("optimizer:\n  beta_1: {one_minus_log: [0.5, 1]}", 2, "has to stay below 1"),
        ("optimizer:\n  beta_1: {choice: []}", 2, "two values or more"),
        ("optimizer:\n  beta_1: {choice: [0.5, 0.5]}", 2, "twice"),
        ("optimizer:\n  beta_1: {choice: [0.5, high]}", 2, "but is high"),
        ("optimizer:\n  name: {choice: [adam, sgdd]}", 2, "did you mean 'sgd'?"),
        ("optimizer:\n  momentum: {uniform: [0.5, 0.9]}", 2, "it is one of sgd"),
        ("optimizer:\n  name: {choice: [adam, sgd]}\n  momentun: 0.9", 3, "did you mean optimizer.momentum?"),
        ("network:\n  bins: {uniform: [2.5, 8]}", 2, "takes whole numbers"),
        ("optimizer:\n  beta_1: {uniform: [0.5, 0.9], when: {optimizer.name: sgd}}", 2, "can never hold"),
        ("optimizer:\n  beta_1: {uniform: [0.5, 0.9], when: 3}", 2, "when takes keys"),
        (
            """optimizer:
  beta_1: {uniform: [0.5, 0.9], when: {optimizer.learning_rate: 1}}
  learning_rate: {log: [0.1, 1]}""",
            2,
            "is a range; a condition goes by a choice",
        ),
        (
            """optimizer:
  beta_1: {choice: [0.5, 0.9], when: {optimizer.beta_2: 0.9}}
  beta_2: {choice: [0.9, 0.99], when: {optimizer.beta_1: 0.5}}""",
            2,
            "depend on each other",
        ),
        ("data:\n  validation_split: {uniform: [0.1, 0.2]}", 2, "cannot be searched: all trials share the rows"),
        ("training:\n  seed: {uniform: [0, 9]}", 2, "`seeds` says with how many"),
        ("training:\n  epochs: {uniform: [1, 9]}", 2, "as many epochs"),
        ("training:\n  epochs: 0\noptimizer:\n  learning_rate: {log: [0.1, 1]}", 2, "but is 0"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path, text, line, said):
    refusal = _refusal(tmp_path, text)
    assert f"space.yaml:{line}: " in refusal and said in refusal


def test_all_problems_are_told_at_once(tmp_path):
    refusal = _refusal(tmp_path, "optimizer:\n  learning_rate: {log: [0, 1]}\n  beta_1: {choice: []}\n")
    assert len(refusal.splitlines()) == 2


def test_training_refuses_a_space(tmp_path):
    with pytest.raises(ConfigError, match="must be a number"):
        load_config(_written(tmp_path, WHOLE))
