"""What a diagnosis could not look at, because a run does not have it."""

from collections.abc import Iterator

import numpy as np

from batchwright.diagnosis.evidence import LAYERS, Evidence
from batchwright.diagnosis.verdict import FEWEST


def unseen(evidence: Evidence) -> tuple[str, ...]:
    """A sentence for everything that was not looked for, and why.

    >>> unseen(Evidence(history=[]))[0]
    'no epoch was finished, so there are no curves'
    """
    return tuple(_sentences(evidence))


def _sentences(evidence: Evidence) -> Iterator[str]:
    history = evidence.history
    if not history:
        yield "no epoch was finished, so there are no curves"
        return
    if evidence.has_members:
        yield "the history is that of the first member of an ensemble: the trainings of the others are not judged"
    if len(history) < FEWEST:
        epochs = "epoch is" if len(history) == 1 else "epochs are"
        yield f"{len(history)} {epochs} too few for a trend: it takes {FEWEST}"
    if np.isnan(evidence.validation).all():
        yield "there are no validation rows: overfitting cannot be seen"
    elif not evidence.finite():
        yield "a loss is not finite: the curves are not judged"
    if not any(key.startswith(LAYERS) for row in history for key in row):
        yield (
            "the history has no figures of layers (`training.diagnostics=true` records them): the size of updates, "
            "dead units, gradients and the noise of batches are not judged"
        )
    if not evidence.confusion and evidence.classes:
        yield "no confusion matrix was kept: the answers for each class are not judged"
    if evidence.dataset is None:
        yield "the rows are not at hand: a leak, and validation rows unlike training rows, are hardly seen without them"
