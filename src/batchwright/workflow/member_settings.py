"""The settings of the members of an ensemble: drawn by the seed, or as the configuration gives them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from batchwright.config import Settings
from batchwright.config.changes import changes_between, with_changes
from batchwright.config.sections import AUTO, NUMBERS
from batchwright.errors import ConfigError
from batchwright.workflow.decay import DECAY, EXCLUDE, decay_again
from batchwright.workflow.drawn import Drawn, draw_members, without_members
from batchwright.workflow.linear_rate import RATE, without_rate_of_rows

L2 = "optimizer.l2"
SECTIONS = ("network", "optimizer", "schedule")
OF_TRAINING = ("augment", "average", "batch_size", "early_stopping", "freeze", "remainder", "shuffle")
"""Keys of `training` in which members may differ, besides those of these sections: rows, task, epochs, precision and
seed are those of the ensemble."""


def member_settings(settings: Settings) -> tuple[Drawn, ...]:
    """The settings of each member; those of the training for the first. As many as there are folds share theirs.

    Raises:
        ConfigError: as `given_members`.
    """
    training = settings.config.training
    if training.folds is None:
        return given_members(settings) or draw_members(settings, training.member_count)
    drawn = draw_members(settings, training.member_count // training.folds)
    return tuple(one for one in drawn for _ in range(training.folds))


def given_members(settings: Settings) -> tuple[Drawn, ...]:
    """The settings of each member as the configuration gives them; empty where it does not.

    Raises:
        ConfigError: an unknown key or a wrong value; a key in which members cannot differ; or the first member has
            other settings than the training.
    """
    given, alone, found = settings.config.training.members, without_members(settings), list[Drawn]()
    for number, changes in enumerate(given if isinstance(given, tuple) else ()):
        try:
            found.append(_given_member(alone, changes))
        except ConfigError as error:
            raise ConfigError(f"training.members, member {number + 1}: {error}") from error
    if found and (other := changes_between(alone, found[0].settings)):
        raise ConfigError(
            f"training.members, member 1: the first has the settings of the training, and here another "
            f"{next(iter(other))}: write that in its section, and {{}} here."
        )
    return tuple(found)


def can_differ(key: str) -> bool:
    """Whether members may differ in a key.

    >>> can_differ("optimizer.learning_rate"), can_differ("training.average.decay"), can_differ("task.loss")
    (True, True, False)
    """
    section, _, rest = key.partition(".")
    return section in SECTIONS or (section == "training" and rest.partition(".")[0] in OF_TRAINING)


def _given_member(alone: Settings, changes: Mapping[str, Any]) -> Drawn:
    """The settings of a member; of what follows from the rows, learning rate and weight decay are chosen anew."""
    settings = _with_rate_anew(with_changes(alone, changes), alone, changes)
    settings = _with_decay_anew(settings, alone, changes)
    if common := next((key for key in changes if not can_differ(key)), None):
        raise ConfigError(f"members cannot differ in {common}: leave it out.")
    if changes.get(NUMBERS) == AUTO:
        raise ConfigError(f"{NUMBERS}: auto is tried before a training alone: give a name.")
    return Drawn(replace(settings, evidence={}), changes)


def _with_rate_anew(settings: Settings, alone: Settings, changes: Mapping[str, Any]) -> Settings:
    """The settings of a member with a learning rate that its own network is to choose, where nobody has set one.

    The rate of the training follows from its network and schedule, and here another one may be.
    """
    unset = RATE not in changes and alone.origins.get(RATE) in ("default", "rows")
    return without_rate_of_rows(settings) if unset and changes_between(alone, settings) else settings


def _with_decay_anew(settings: Settings, alone: Settings, changes: Mapping[str, Any]) -> Settings:
    """The settings of a member with the weight decay for its own learning rate and network, where nobody has set one.

    The decay of the training follows from its own, and with ten times the rate would take away ten times as much.
    """
    first, own = alone.config.optimizer, settings.config.optimizer
    unset = not {DECAY, EXCLUDE, L2} & changes.keys() and alone.origins.get(DECAY) == "rows"
    if not unset or type(own) is not type(first):
        return settings
    decay = decay_again(alone.config, settings.config)
    if decay == own.weight_decay:
        return settings
    exclude = () if decay is None and alone.origins.get(EXCLUDE) == "rows" else own.exclude
    rule = replace(own, weight_decay=decay, exclude=exclude)
    return replace(settings, config=replace(settings.config, optimizer=rule))
