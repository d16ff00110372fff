"""Too few epochs, too many, or a learning rate that was lowered while there was more to learn."""

from typing import Any

import numpy as np

from batchwright.diagnosis.diagnosed import Diagnosis
from batchwright.diagnosis.evidence import Evidence
from batchwright.diagnosis.remedy import Remedy, advice_of, changes_of, open_remedies
from batchwright.diagnosis.verdict import FEWEST, verdict

STILL = 0.05
"""The share of a loss by which it falls in a last epoch that was not meant to be the last."""

FEW_UPDATES = 100
"""Updates with which most rules do not get far; see `findings/batches.py`."""

SOME_DROPOUT = 0.2
"""Dropout that is advised where there is less."""

OFF, LONG, MOST_OF = 0.01, 1 / 3, 2 / 3
"""Below this share of its peak a learning rate changes nothing; the share of the epochs that may pass so, if the loss
was falling before, and in any case."""


def too_few_epochs(evidence: Evidence) -> tuple[Diagnosis, ...]:
    """A loss that was still falling; with too few epochs for a trend, one that fell notably in the last epoch."""
    if not evidence.finite() or len(evidence.history) < 2 or "early" in evidence.reason:
        return ()
    epochs = len(evidence.history)
    if epochs >= FEWEST:
        said = verdict(evidence.history)
        found = said.reason if said.kind == "underfitting" and _ran_out(evidence) else ""
    else:
        found = _short_fall(evidence)
    if not found:
        return ()
    advice, changes = _go_on_longer(evidence)
    return (
        Diagnosis(
            "too few epochs",
            "warning",
            "likely",
            found,
            advice,
            changes,
            "loss" if np.isnan(evidence.validation).all() else "val_loss",
        ),
    )


def overfitting(evidence: Evidence) -> tuple[Diagnosis, ...]:
    """A validation loss that rose again, by `verdict`; a note where the best epoch's parameters were kept."""
    said = verdict(evidence.history)
    if said.kind != "overfitting":
        return ()
    stopping, kept = "training.early_stopping", evidence.best_kept
    also = "; the parameters of the best epoch were kept" if kept else ""
    left = open_remedies(evidence, Remedy("more rows"), _dropout(evidence), _weight_decay(evidence))
    return (
        Diagnosis(
            "overfitting",
            "note" if kept else "warning",
            "sure",
            f"{said.reason}{also}",
            f"{advice_of(left)} may lower the validation loss"
            + ("" if kept else "; stop early (`training.early_stopping={}`), which keeps the best epoch"),
            changes_of(left) if kept else {stopping: {}},
            "val_loss",
        ),
    )


def _dropout(evidence: Evidence) -> Remedy:
    share = evidence.settings.get("network.dropout")
    is_set = isinstance(share, int | float) and share >= SOME_DROPOUT
    return Remedy(f"dropout (`network.dropout={SOME_DROPOUT}`)", {"network.dropout": SOME_DROPOUT}, is_set=is_set)


def _weight_decay(evidence: Evidence) -> Remedy:
    return Remedy("weight decay", is_set=bool(evidence.settings.get("optimizer.weight_decay")))


def decayed_too_early(evidence: Evidence) -> tuple[Diagnosis, ...]:
    """A rate near 0 for a third of the epochs, in which nothing changed, after a loss that was falling until then."""
    rates, loss = evidence.rates, evidence.loss
    if not evidence.finite() or len(loss) < FEWEST or np.isnan(rates).any() or not rates.max() > 0:
        return ()
    off = rates < OFF * rates.max()
    first = len(rates) - int(np.argmin(off[::-1])) if not off.all() else 0
    if len(rates) - first < LONG * len(rates) or first < 2:
        return ()
    high = int(np.flatnonzero(rates > 0.1 * rates.max())[-1])
    middle = (first + len(loss)) // 2
    before, after, last = float(loss[max(high - 1, 0)]), float(loss[first:middle].mean()), float(loss[middle:].mean())
    fell, then = 1 - float(loss[min(high + 1, first - 1)]) / before, 1 - last / after
    if (fell < STILL and len(rates) - first < MOST_OF * len(rates)) or then > max(fell, STILL):
        return ()
    return (
        Diagnosis(
            "decayed too early",
            "warning",
            "likely" if fell >= STILL else "possible",
            f"the learning rate was below {OFF:.0%} of its peak from epoch {evidence.epochs[first]} of "
            f"{evidence.epochs[-1]} on; the training loss fell by {fell:.0%} while it was being lowered, and "
            f"{after:.3g} then became {last:.3g}",
            "lower the rate over the whole training: `schedule.name=cosine`",
            {"schedule.name": "cosine"},
            "learning_rate",
        ),
    )


def _go_on_longer(evidence: Evidence) -> tuple[str, dict[str, Any]]:
    """What lets the training go on: more time where the time ended it, else more epochs."""
    limit = evidence.settings.get("training.max_time")
    if limit is not None and not _ran_out(evidence):
        return f"give it more time: `max_time={2 * limit:g}`", {"training.max_time": 2 * limit}
    per_epoch = max(int(evidence.plan.get("iterations_per_epoch", 1)), 1)
    more = max(2 * len(evidence.history), -(-FEW_UPDATES // per_epoch))
    return f"train longer: `epochs={more}`", {"training.epochs": more}


def _ran_out(evidence: Evidence) -> bool:
    """Whether training ended because its epochs were done."""
    planned = evidence.plan.get("epochs")
    return planned is None or evidence.epochs[-1] >= planned


def _short_fall(evidence: Evidence) -> str:
    """A sentence, if both losses fell in the last of a few epochs, and one of them notably."""
    curves = [curve for curve in (evidence.loss, evidence.validation) if np.isfinite(curve).all()]
    falls = [1 - float(curve[-1]) / float(curve[-2]) for curve in curves if curve[-2] > 0]
    updates = int(evidence.history[-1].get("iteration", evidence.plan.get("updates", FEW_UPDATES)))
    if not falls or min(falls) <= 0 or (max(falls) < STILL and updates >= FEW_UPDATES):
        return ""
    return (
        f"the loss still fell by {max(falls):.0%} in the last of {len(evidence.history)} epochs, after "
        f"{updates:,} updates"
    )
