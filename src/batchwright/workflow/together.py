"""What several processes that train one network have to have in common, and what they cannot do."""

import hashlib

import jax
import numpy as np

from batchwright import _machine
from batchwright.cluster.membership import current, require_alike
from batchwright.config import Settings
from batchwright.errors import BatchwrightError, ConfigError
from batchwright.training.checkpoint import Checkpoint
from batchwright.training.feed import OnDisk
from batchwright.training.state import TrainState
from batchwright.workflow.preparing import Prepared
from batchwright.workflow.refusals import asks_for_members

PLACES = ("data.source", "data.test", "data.image_dir", "data.cache_dir")
"""Settings that may differ from machine to machine: where the same rows lie."""


def refuse_together(settings: Settings) -> None:
    """Refuse what several processes cannot train together, before rows are read.

    Raises:
        ConfigError: what it is, and what to do.
    """
    if current().count == 1:
        return
    training = settings.config.training
    if settings.to_measure:
        key = settings.to_measure[0]
        raise ConfigError(f"{key}: auto is measured by one process: measure it first, and give all what was found.")
    wrong = {"members": asks_for_members(settings), "refit": training.refit, "max_time": training.max_time is not None}
    if asked := [name for name, is_asked in wrong.items() if is_asked]:
        raise ConfigError(f"`{asked[0]}` does not go with several processes, which train one network: leave it out.")


def require_same_settings(settings: Settings) -> None:
    """Refuse what processes are given otherwise, before rows are read, which may take long.

    Raises:
        UsageError: which processes, and in what they differ.
    """
    if current().count > 1:
        require_alike(current(), _settings_of(settings))


def require_same(prepared: Prepared, start: Checkpoint) -> None:
    """Refuse to train where processes have other rows, settings or versions, or begin with other parameters.

    Raises:
        UsageError: which processes, and in what they differ.
    """
    together = current()
    if together.count == 1:
        return
    job, settings = prepared.job, _settings_of(prepared.settings)
    chunk = f"chunks of {job.train.chunk_rows}" if isinstance(job.train, OnDisk) else "in memory"
    machine = {name: said for name, said in _machine.describe().items() if name != "processor"}
    facts = {"rows": prepared.dataset.fingerprint, "plan": repr(job.plan), "how rows are read": chunk}
    begin = {"history": str(len(start.history)), "first parameters": _digest(start.state)}
    require_alike(together, {**facts, **settings, **machine, **begin})


def require_no_drift(state: TrainState) -> None:
    """End a training whose processes have come to different parameters, as on processors that round otherwise.

    Raises:
        BatchwrightError: they have.
    """
    together = current()
    if together.count > 1 and len(set(together.exchange(_digest(state)))) > 1:
        raise BatchwrightError(
            "the processes have come to different parameters, as where processors round otherwise: train on machines "
            "of one kind. The run is kept up to its last checkpoint."
        )


def _settings_of(settings: Settings) -> dict[str, str]:
    return {key: str(value) for key, value in settings.values.items() if key not in PLACES}


def _digest(state: TrainState) -> str:
    found = hashlib.sha256()
    for leaf in jax.tree.leaves(state):
        found.update(np.ascontiguousarray(leaf).tobytes())
    return found.hexdigest()
