"""What Python gives to a search or a comparison in place of settings: named parts, and parts of the user's own."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from batchwright.config import Config, Given, flow, settings_of, validate_component
from batchwright.config.custom import Brought, check_kinds, metric_names
from batchwright.config.sections import SECTIONS, Own
from batchwright.errors import ConfigError
from batchwright.nn import Custom, as_architecture
from batchwright.search.space import Space, load_space
from batchwright.tasks import Metric

EXAMPLE = "a mapping by key, as {'optimizer.learning_rate': {'log': [1e-3, 1e-1]}}"


@dataclass(frozen=True)
class Parts:
    """The arguments of `fit` that may be of the user's own, as they were given: nothing of them is checked yet."""

    network: Any = None
    optimizer: Any = None
    schedule: Any = None
    loss: Any = None
    metrics: Any = ()
    task: Any = None

    def given(self) -> Given:
        """Those that are of the user's own.

        Raises:
            ConfigError: one is a class, or not of its kind, or has numbers that are out of range.
        """
        network = None if self.network is None else as_architecture(self.network)
        parts = {"network": network, "optimizer": self.optimizer, "schedule": self.schedule}
        check_kinds(**parts, optional=True)
        for part in parts.values():
            if part is not None and not isinstance(part, Custom):
                validate_component(part)
        metric_names(self.metrics)
        tagged = {section.name: section for section in SECTIONS if section.tag}
        own: dict[str, Any] = {
            name: part for name, part in parts.items() if part is not None and tagged[name].is_custom(part)
        }
        loss = self.loss if callable(self.loss) else None
        metrics = tuple(one for one in self.metrics if isinstance(one, Metric))
        return Given(**own, loss=loss, metrics=metrics, task=self.task)

    def settings(self) -> Iterator[tuple[str, Any]]:
        """The settings of the named parts, by key; a part of the user's own is only marked as such."""
        given = self.given()
        parts = {name: getattr(given, name) for name in ("network", "optimizer", "schedule")}
        own = Own(given.loss, given.metrics, given.task)
        brought = Brought({name: part for name, part in parts.items() if part is not None}, own).plain()
        for name, part in (("network", self.network), ("optimizer", self.optimizer), ("schedule", self.schedule)):
            if part is not None and name not in brought:
                named = settings_of(Config(**{name: part}))
                yield from ((key, named.values[key]) for key, origin in named.origins.items() if origin == "user")
        task = brought.pop("task", {})
        if self.loss is not None and not callable(self.loss):
            task["loss"] = self.loss
        if names := metric_names(self.metrics):
            task["metrics"] = [*names, *task.get("metrics", [])]
        for name, said in (brought | ({"task": task} if task else {})).items():
            yield from ((f"{name}.{key}", value) for key, value in said.items())

    def taken_keys(self) -> Iterator[str]:
        """The keys that these arguments say, so that a space does not say them too."""
        tags = {section.name: section.tag for section in SECTIONS}
        for name in ("network", "optimizer", "schedule"):
            if getattr(self, name) is not None:
                yield f"{name}.{tags[name]}"
        keys = {"loss": self.loss, "metrics": self.metrics or None, "name": self.task}
        yield from (f"task.{key}" for key, value in keys.items() if value is not None)


def space_of(space: object, parts: Parts) -> Space:
    """The space that a mapping by key and the other arguments make; what the space says of a number counts.

    Raises:
        ConfigError: what is wrong with either, or what both say.
    """
    if not isinstance(space, Mapping | None):
        raise ConfigError(f"space takes {EXAMPLE}, but is {space!r:.60}.")
    if wrong := [key for key in space or {} if not isinstance(key, str)]:
        raise ConfigError(f"space names settings by text, as {EXAMPLE}, but has the key {wrong[0]!r:.60}.")
    plain = _plain(space or {})
    if twice := next((key for key in parts.taken_keys() if key in plain), None):
        argument = twice.partition(".")[2] if twice.startswith("task.") else twice.partition(".")[0]
        argument = "task" if argument == "name" else argument
        raise ConfigError(f"{twice} is in the space, and {argument} is given as well: leave one of them out.")
    overrides = [(key, flow(value), key.partition(".")[0]) for key, value in parts.settings()]
    overrides += [(key, flow(value), "space") for key, value in plain.items()]
    return load_space(None, overrides, given=parts.given())


def _plain(value: Any) -> Any:
    """A value without NumPy's arrays and numbers.

    >>> _plain({"log": [np.float64(0.1), 1], "choice": np.arange(3)})
    {'log': [0.1, 1], 'choice': [0, 1, 2]}
    """
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value
