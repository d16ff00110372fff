"""What the answers show: classes that are never answered, rare classes, labels without a connection to the inputs."""

import numpy as np

from batchwright.data.typed.cells import first_ten
from batchwright.diagnosis.chance import UNSURE, agreement, chance_loss, held_out
from batchwright.diagnosis.diagnosed import Diagnosis
from batchwright.diagnosis.evidence import Evidence

FEWEST_ROWS = 30
"""Rows held out that a judgement of their answers needs."""

FEWEST_OF_OTHERS = 10
"""Rows held out of all classes but the commonest that a judgement of their answers needs."""

RANKED = 3.0
"""Standard errors above 0.5 from which the area under the ROC curve is no chance. Where one class has nearly all rows,
all may get its answer, as by chance, however well the model ranks them."""

OF_CLASS = 3
"""Training rows of a class from which it should be answered at times."""

UNEVEN = 10.0
"""Rows of the commonest class per row of a rare one; see `findings/classes.py`."""

POOR = 0.7
"""A rare class's recall, as a share of the recall of all rows, below which it suffers."""

LEARNT = 0.9
"""The training loss as a share of what a constant answer reaches, below which something was learned by heart."""

ON = 0.97
"""The training loss at the end as a share of its value at the lowest validation loss, below which it fell on."""

HARDLY = 0.25
"""Kappa above which answers are of some use, up to which it has to be excluded."""

NOTHING = 0.05
"""R² of held-out rows up to which nothing was learned that holds for them."""

WEIGHTS = {"task.class_weights": "balanced"}


def class_never_answered(evidence: Evidence) -> tuple[Diagnosis, ...]:
    """Classes with training rows that the model answers for no row of any part."""
    train = evidence.confusion.get("train")
    if train is None or len(train) != len(evidence.classes):
        return ()
    answered = np.sum([matrix.sum(axis=0) for matrix in evidence.confusion.values()], axis=0)
    rows = train.sum(axis=1)
    never = np.flatnonzero((answered == 0) & (rows >= OF_CLASS))
    if not len(never):
        return ()
    names = first_ten(repr(evidence.classes[code]) for code in never)
    some = f"{len(never):,} of {len(rows):,} classes, which have" if len(never) > 1 else f"the class {names}, which has"
    listed = f": {names}" if len(never) > 1 else ""
    return (
        Diagnosis(
            "class never answered",
            "warning",
            "sure",
            f"no row is answered with {some} {rows[never].sum():,.0f} of {rows.sum():,.0f} training rows{listed}",
            "weight the classes (`class_weights=balanced`), train longer, or give more rows of them",
            {} if evidence.settings.get("task.class_weights") else WEIGHTS,
        ),
    )


def imbalance(evidence: Evidence) -> tuple[Diagnosis, ...]:
    """A rare class that is recognised far less than the others."""
    train = evidence.confusion.get("train")
    judged = held_out(evidence)
    judged = train if judged is None else judged
    if train is None or judged is None or len(train) != len(evidence.classes) or evidence.settings.get(_WEIGHTED):
        return ()
    rows, tested = train.sum(axis=1), judged.sum(axis=1)
    rare = (rows > 0) & (rows * UNEVEN <= rows.max()) & (tested > 0)
    if not rare.any() or not tested.sum():
        return ()
    recall = np.diag(judged)[rare].sum() / tested[rare].sum()
    overall = np.trace(judged) / tested.sum()
    poor = recall < POOR * overall
    code = int(np.where(rare, rows, np.inf).argmin())
    return (
        Diagnosis(
            "imbalance",
            "warning" if poor else "note",
            "likely" if poor else "possible",
            f"class {evidence.classes[code]!r} has {rows[code]:,.0f} of {rows.sum():,.0f} training rows; {recall:.0%} "
            f"of the rows of rare classes are answered rightly, {overall:.0%} of all rows",
            "weight the classes (`class_weights=balanced`), and look at balanced accuracy",
            WEIGHTS,
        ),
    )


def unconnected_labels(evidence: Evidence) -> tuple[Diagnosis, ...]:
    """Training rows that are learned by heart, and held-out rows that are answered no better than by chance."""
    loss = evidence.loss
    if not evidence.finite() or not _learns_by_heart(evidence):
        return ()
    found = _of_classes(evidence) if evidence.classes else _of_values(evidence)
    if not found:
        return ()
    return (
        Diagnosis(
            "labels shuffled or noisy",
            "error",
            "likely",
            f"{found}, although the training loss fell to {np.nanmin(loss):.3g}",
            f"{_unread_numbers(evidence)}check that each row has its own target: that no column was sorted or joined "
            "apart from the others, and that the inputs can tell anything about the target",
        ),
    )


def _unread_numbers(evidence: Evidence) -> str:
    """The advice to mend columns of numbers that were read as text; empty if there are none."""
    columns = () if evidence.encoding is None else evidence.encoding.schema.columns
    names = [
        column.name for column in columns if any(words in column.note for words in ("stay text", "text, although"))
    ]
    return f"mend first what may be numbers but is read as text: {', '.join(map(repr, names[:5]))}; " if names else ""


_WEIGHTED = "task.class_weights"


def _learns_by_heart(evidence: Evidence) -> bool:
    """Whether the training loss fell below what a constant answer reaches, or on when the validation loss did not."""
    chance, loss, validation = chance_loss(evidence), evidence.loss, evidence.validation
    if float(loss.min()) < LEARNT * (float(loss[0]) if chance is None else chance):
        return True
    best = int(np.argmin(validation)) if np.isfinite(validation).all() else len(loss)
    return best < len(loss) - 3 and float(loss[-1]) < ON * float(loss[best])


def _of_classes(evidence: Evidence) -> str:
    judged = held_out(evidence)
    if judged is None or judged.sum() < FEWEST_ROWS:
        return ""
    commonest = float(judged.sum(axis=1).max())
    others = float(judged.sum()) - commonest
    if others < FEWEST_OF_OTHERS or _ranks(evidence, commonest, others):
        return ""
    kappa, error = agreement(judged)
    if not (kappa <= UNSURE * error and kappa + UNSURE * error < HARDLY):
        return ""
    return (
        f"the answers for {judged.sum():,.0f} rows held out agree with their classes as by chance "
        f"({np.trace(judged) / judged.sum():.1%} right; kappa {kappa:.2f}, standard error {error:.2f})"
    )


def _ranks(evidence: Evidence, commonest: float, others: float) -> bool:
    """Whether held-out rows are ranked better than so many of two kinds would be by chance (Mann and Whitney 1947)."""
    areas = [found["roc_auc"] for part, found in evidence.metrics.items() if part != "train" and "roc_auc" in found]
    error = ((commonest + others + 1) / (12 * commonest * others)) ** 0.5
    return bool(areas) and float(np.mean(areas)) > 0.5 + RANKED * error


def _of_values(evidence: Evidence) -> str:
    figures = {part: found["r2"] for part, found in evidence.metrics.items() if part != "train" and "r2" in found}
    if not figures or not all(value < NOTHING for value in figures.values()):
        return ""
    told = " and ".join(f"{value:.2g} on the {part} rows" for part, value in figures.items())
    return f"R² is {told}: no better than the mean of the target"
