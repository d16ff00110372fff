"""Intervals and sets of a model whose weights are rounded: their cutoffs are those of its own answers."""

from dataclasses import replace

from batchwright.errors import DataError, RunError, UsageError
from batchwright.runs.model import SavedModel
from batchwright.runs.run import Run
from batchwright.tasks.conformal import conformal_scores
from batchwright.training.evaluate import answers_of
from batchwright.training.state import to_device
from batchwright.workflow.rows_again import read_rows_again

INSTEAD = "leave `interval` out, or keep the matrices in float32"


def with_own_scores(rounded: SavedModel, run: Run | None) -> SavedModel:
    """The rounded model with the scores of its answers to the validation rows, from which intervals are made.

    Raises:
        UsageError: the rows cannot be had again, or the scores are not of this network's answers.
    """
    if rounded.conformal is None:  # which `cutoffs_of` refuses
        return rounded
    if run is None:
        raise _refused("the validation rows are not at hand, as the model comes without its run")
    if {"folds", "refit"} & set(rounded.conformal.chosen):
        raise _refused("the network has learned all rows, and those that it did not know come from other networks")
    try:
        parts = read_rows_again(run).dataset.parts
    except (RunError, DataError) as error:
        raise _refused(f"the validation rows cannot be read again ({error})") from error
    found = answers_of(rounded.model, rounded.variables, to_device(parts["validation"]))
    scores = conformal_scores(rounded.model.task, *found)
    assert scores is not None  # as there were some
    return replace(rounded, conformal=replace(rounded.conformal, scores=scores))


def _refused(why: str) -> UsageError:
    return UsageError(
        "intervals of rounded weights go by how far off the rounded network is on validation rows, and "
        f"{why}: {INSTEAD}."
    )
