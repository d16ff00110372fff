"""Settings with changes: what differs between two configurations makes the second of the first."""

import pytest

from batchwright.config import Settings, load_config
from batchwright.config.changes import changes_between, with_changes
from batchwright.errors import ConfigError

OTHERS = (
    {},
    {"optimizer.learning_rate": "0.3", "network.dropout": "0.2"},
    {"network.name": "mlp", "network.hidden_layer_sizes": "[7, 5]", "network.activation": "tanh"},
    {"network.name": "linear", "optimizer.name": "sgd", "optimizer.nesterov": "true", "optimizer.momentum": "0.5"},
    {"schedule.name": "piecewise", "schedule.points": "[[0, 1], [3, 0.1]]"},
    {"training.average": "{name: exponential, decay: 0.9}", "training.early_stopping": "null"},
    {"training.batch_size": "full", "training.augment": "{shift: 0.1, flip: true}", "training.freeze": "[bias]"},
)


def _settings(values: dict[str, str]) -> Settings:
    return load_config(None, [(key, text, key) for key, text in values.items()])


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("base", OTHERS)
def test_what_differs_makes_the_second_of_the_first(base: dict[str, str], other: dict[str, str]) -> None:
    first, second = _settings(base), _settings(other)
    changes = changes_between(first, second)
    assert with_changes(first, changes).config == second.config
    assert not changes_between(second, second)
    assert bool(changes) == (base != other)


def test_another_kind_has_its_own_defaults_and_the_same_kind_keeps_its_values() -> None:
    base = _settings({"optimizer.name": "sgd", "optimizer.learning_rate": "0.7"})
    same = with_changes(base, {"optimizer.name": "sgd", "optimizer.momentum": 0.5})
    assert (same.config.optimizer.learning_rate, same.config.optimizer.momentum) == (0.7, 0.5)  # type: ignore[union-attr]
    adam = with_changes(base, {"optimizer.name": "adam"})
    assert adam.config.optimizer == load_config().config.optimizer


def test_the_evidence_of_what_changes_is_gone() -> None:
    base = load_config().with_measured({"training.batch_size": 32}, {"training.batch_size": {"reason": "measured"}})
    assert with_changes(base, {"network.dropout": 0.1}).evidence
    assert not with_changes(base, {"training.shuffle": False}).evidence


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"optimizer.rate": 1}, "optimizer.rate: unknown key; did you mean"),
        ({"learning_rate": 1}, "it belongs under optimizer"),
        ({"network": {"dropout": 0.1}}, "network: is a section: write the keys that differ"),
        ({"optimizer.name": "sgd", "optimizer.momentum": 2}, "optimizer.momentum: must be a number >= 0 and < 1"),
        ({"optimizer.name": "sdg"}, "did you mean 'sgd'"),
    ],
)
def test_what_is_wrong_is_said(changes: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        with_changes(load_config(), changes)
