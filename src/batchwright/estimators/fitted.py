"""The curves of a training as scikit-learn names them."""

import math
from collections.abc import Sequence
from typing import Any

from batchwright.training.checkpoint import EpochRow


def set_curves(estimator: Any, rows: Sequence[EpochRow], *, going_on: bool, by_score: bool) -> None:
    """Set `loss_`, `loss_curve_`, `best_loss_`, `validation_scores_` and `best_validation_score_`.

    Args:
        estimator: what they are set on.
        rows: of the history, of the epochs that are new.
        going_on: whether they follow those that the estimator knows.
        by_score: whether training goes by rows held out, so that no training loss is the best.
    """
    losses = [float(row["loss"]) for row in rows]
    estimator.loss_curve_ = [*(getattr(estimator, "loss_curve_", []) if going_on else []), *losses]
    estimator.loss_ = estimator.loss_curve_[-1]
    estimator.best_loss_ = None if by_score else min(estimator.loss_curve_)
    before = getattr(estimator, "validation_scores_", None) if going_on else None
    scores = [float(row.get(estimator._kind.score, math.nan)) for row in rows if "val_loss" in row]
    estimator.validation_scores_ = [*(before or []), *scores] or None
    finite = [score for score in estimator.validation_scores_ or [] if math.isfinite(score)]
    estimator.best_validation_score_ = max(finite, default=None)
