"""All diagnoses of a training, what is surest first, and what follows from something else last."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from batchwright.data.dataset import Dataset
from batchwright.diagnosis.answers import class_never_answered, imbalance, unconnected_labels
from batchwright.diagnosis.capacity import too_little_capacity
from batchwright.diagnosis.diagnosed import Diagnosis, rank
from batchwright.diagnosis.evidence import Evidence, evidence_of
from batchwright.diagnosis.inputs import inputs_not_scaled
from batchwright.diagnosis.keeping import keep_best_epoch
from batchwright.diagnosis.length import decayed_too_early, overfitting, too_few_epochs
from batchwright.diagnosis.noise import batch_too_large, batch_too_small, small_batch_normalization
from batchwright.diagnosis.order import rows_not_shuffled
from batchwright.diagnosis.rows import leak, validation_unlike_training
from batchwright.diagnosis.steps import diverged, learning_rate_too_high, learning_rate_too_low, oscillating
from batchwright.diagnosis.structure import too_much_dropout, unfit_activation
from batchwright.diagnosis.units import bad_start, dead_units, exploding_gradients, saturation, vanishing_gradients

if TYPE_CHECKING:
    from batchwright.runs.run import Run

Check: TypeAlias = Callable[[Evidence], tuple[Diagnosis, ...]]

CHECKS: tuple[Check, ...] = (
    leak,
    validation_unlike_training,
    unconnected_labels,
    rows_not_shuffled,
    inputs_not_scaled,
    unfit_activation,
    small_batch_normalization,
    batch_too_small,
    vanishing_gradients,
    exploding_gradients,
    diverged,
    learning_rate_too_high,
    learning_rate_too_low,
    decayed_too_early,
    too_little_capacity,
    too_much_dropout,
    overfitting,
    too_few_epochs,
    batch_too_large,
    dead_units,
    saturation,
    bad_start,
    oscillating,
    class_never_answered,
    imbalance,
)
"""Each looks for one kind of fault. Of equally sure diagnoses, those of earlier checks come first: causes first."""

OF_ROWS = ("leak", "validation unlike training", "rows not shuffled", "class never answered", "imbalance")
"""Kinds that are seen in the rows or in the final answers, and not in the history: of an ensemble, they are no
member's."""

UNLEARNED = ("class never answered", "imbalance", "too little capacity", "labels shuffled or noisy", "too few epochs")
UNSTEADY = ("oscillating", "overfitting", "dead units", "saturation", "exploding gradients", "bad start")

FOLLOWS = {
    "leak": ("overfitting", "labels shuffled or noisy"),
    "validation unlike training": ("overfitting", "labels shuffled or noisy", "oscillating"),
    "labels shuffled or noisy": ("overfitting", "class never answered", "imbalance"),
    "rows not shuffled": (*UNLEARNED, *UNSTEADY, "learning rate too high", "batch too small"),
    "inputs not scaled": (
        *(*UNLEARNED, *UNSTEADY),
        *("diverged", "learning rate too high", "learning rate too low", "vanishing gradients", "batch too small"),
    ),
    "unfit activation": (*UNLEARNED, *UNSTEADY, "vanishing gradients"),
    "too much dropout": (*UNLEARNED, "oscillating", "dead units"),
    "batch normalization with small batches": ("batch too small", *UNSTEADY, *UNLEARNED),
    "batch too small": (*UNSTEADY, "too few epochs"),
    "vanishing gradients": ("saturation", "learning rate too low", *UNLEARNED),
    "diverged": UNSTEADY,
    "learning rate too high": (*UNLEARNED, *UNSTEADY),
    "learning rate too low": UNLEARNED,
    "decayed too early": UNLEARNED,
    "too little capacity": ("class never answered", "imbalance", "too few epochs", "dead units"),
    "batch too large": ("too few epochs",),
    "too few epochs": ("class never answered", "imbalance"),
    "class never answered": ("imbalance",),
}
"""What may follow from each kind, and is then told below it."""


def diagnose(of: "Run | Evidence | Path | str", dataset: Dataset | None = None) -> tuple[Diagnosis, ...]:
    """What seems to be wrong with a training: causes first, each with evidence, advice and the settings to change.

    It judges by the curves' own noise, by figures of the layers where they were recorded, by metrics and answers. It
    cannot see what the run does not record: some kinds need the figures of layers, some the rows.

    Args:
        of: a run, its folder, or the evidence of a training in memory.
        dataset: the rows of the run, where they are at hand: they show leaks, and validation rows unlike the others.

    Raises:
        UsageError: neither a run, nor a path, nor evidence.
        RunError: there is no readable run.
    """
    from batchwright.runs.run import Run, open_run

    run = of if isinstance(of, Evidence | Run) else open_run(of)
    evidence = run if isinstance(run, Evidence) else evidence_of(run, dataset)
    seen = [_with_known_keys(diagnosis, evidence) for check in CHECKS for diagnosis in check(evidence)]
    found = [keep_best_epoch(diagnosis, evidence) for diagnosis in seen]
    return tuple(sorted(map(_place_below(found), found), key=lambda one: (bool(one.follows), *rank(one))))


def _with_known_keys(one: Diagnosis, evidence: Evidence) -> Diagnosis:
    """The diagnosis without changes of settings that the run does not have, as of a network of a user's own."""
    known = {*evidence.settings, "training.early_stopping"}
    if not evidence.settings or one.changes.keys() <= known:
        return one
    return replace(one, changes={key: value for key, value in one.changes.items() if key in known})


def _place_below(found: list[Diagnosis]) -> Callable[[Diagnosis], Diagnosis]:
    """Names the cause of a diagnosis that follows from another one."""
    causes = [one.kind for one in found if one.severity != "note" and one.sure != "possible"]

    def place(one: Diagnosis) -> Diagnosis:
        cause = next((kind for kind in causes if one.kind in FOLLOWS.get(kind, ())), "")
        return replace(one, follows=cause)

    return place
