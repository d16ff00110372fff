"""A remedy with which training gets farther keeps the best epoch, where early stopping was off."""

from dataclasses import replace

import numpy as np

from batchwright.diagnosis.diagnosed import Diagnosis
from batchwright.diagnosis.evidence import Evidence

STOPPING = "training.early_stopping"
FARTHER = ("optimizer.", "schedule.", "training.", "network.", "data.scaling")
"""What the keys begin with whose changes make a network learn more from the same rows."""


def keep_best_epoch(one: Diagnosis, evidence: Evidence) -> Diagnosis:
    """The diagnosis with early stopping in its changes, where a network that learns more may pass its best epoch.

    A training with a fault often ends before the validation loss turns. The same epochs without the fault lead past the
    turn, and the remedy would be judged by an overfitted network.
    """
    off = STOPPING in evidence.settings and evidence.settings[STOPPING] is None
    farther = any(key.startswith(FARTHER) for key in one.changes)
    if not off or not farther or STOPPING in one.changes or np.isnan(evidence.validation).all():
        return one
    advice = f"{one.advice}; and keep the best epoch (`{STOPPING}={{}}`)"
    return replace(one, advice=advice, changes={**one.changes, STOPPING: {}})
