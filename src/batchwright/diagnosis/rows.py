"""What only the rows show: a column that reveals the target, and validation rows that are unlike the training rows."""

import math

import numpy as np
from jaxtyping import Float32

from batchwright.data.dataset import Split
from batchwright.data.options import DataOptions
from batchwright.diagnosis.chance import held_out
from batchwright.diagnosis.diagnosed import Diagnosis
from batchwright.diagnosis.evidence import Evidence
from batchwright.findings.leaks import leaks
from batchwright.findings.told import Told

MOST = 2_000
"""Rows of each part that are compared, at most."""

FEWEST = 30
TOLD_APART = 0.65
"""The area under the ROC curve above which rows of two parts are unlike; rows drawn at random have 0.5."""

WORSE = 1.25
"""The validation loss as a multiple of the training loss, from which it is asked why."""

TOO_GOOD = 0.99
"""The lower end of an interval for the share of right answers, or R², from which a result is hardly to be believed."""

Z = 1.96


def leak(evidence: Evidence) -> tuple[Diagnosis, ...]:
    """A column that tells the target by itself; without rows, held-out rows that are answered without mistakes."""
    if evidence.dataset is None:
        return _too_good(evidence)
    told = Told(DataOptions(kinds=evidence.settings.get("data.kinds", {})))
    return tuple(
        Diagnosis("leak", "warning", "likely", finding.evidence, finding.advice, finding.changes)
        for finding in leaks(evidence.dataset, told)
    )


def validation_unlike_training(evidence: Evidence) -> tuple[Diagnosis, ...]:
    """Validation rows that a linear model tells from training rows, and that are answered worse."""
    dataset, (train, validation) = evidence.dataset, _losses(evidence)
    if dataset is None or dataset.validation is None or not validation > WORSE * train:
        return ()
    found = _told_apart(dataset.train, dataset.validation)
    if found is None or found[1] <= TOLD_APART:
        return ()
    area, low, high = found
    return (
        Diagnosis(
            "validation unlike training",
            "warning",
            "likely",
            f"a linear model tells validation rows from training rows with a ROC area of {area:.2f} ({low:.2f} to "
            f"{high:.2f}), where rows alike give 0.5; their loss is {validation:.3g}, and {train:.3g} on training rows",
            "rows to come may differ as much: train on rows of the same kind, leave out columns that drift, or, if "
            "order does not matter, draw the rows at random (`data.split=shuffled`)",
            {},
            "val_loss",
        ),
    )


def _losses(evidence: Evidence) -> tuple[float, float]:
    """The loss of training and of validation rows: of the kept parameters, or at the end if these differ more."""
    train, validation = (evidence.metrics.get(part, {}).get("loss", math.nan) for part in ("train", "validation"))
    last = (float(evidence.loss[-1]), float(evidence.validation[-1])) if len(evidence.loss) else (train, validation)
    return last if last[1] - last[0] > validation - train or math.isnan(validation) else (train, validation)


def _told_apart(train: Split, validation: Split) -> tuple[float, float, float] | None:
    """The area under the ROC curve of a linear model on rows that it has not seen, with its interval of 95 %."""
    first, second = (_numbers(part) for part in (train, validation))
    if first is None or second is None or min(len(first), len(second)) < FEWEST:
        return None
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    rows = np.concatenate([first, second]).astype(np.float64)
    spread = rows.std(axis=0)
    rows = (rows - rows.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    part = np.repeat([0, 1], [len(first), len(second)])
    half = np.random.default_rng(0).permutation(len(rows)) % 2 == 0
    areas = []
    for learned in (half, ~half):
        model = LogisticRegression(C=0.1, max_iter=200, class_weight="balanced").fit(rows[learned], part[learned])
        areas.append(float(roc_auc_score(part[~learned], model.decision_function(rows[~learned]))))
    area = float(np.mean(areas))
    error = _area_error(area, len(first), len(second))
    return area, area - Z * error, area + Z * error


def _area_error(area: float, negative: int, positive: int) -> float:
    """The standard error of an area under the ROC curve (Hanley and McNeil 1982)."""
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    spread = area * (1 - area) + (positive - 1) * (q1 - area**2) + (negative - 1) * (q2 - area**2)
    return math.sqrt(max(spread, 0.0) / (negative * positive))


def _numbers(part: Split) -> Float32[np.ndarray, "rows columns"] | None:
    """The numeric inputs of up to `MOST` rows of a part, evenly spaced."""
    numbers = part.inputs.get("numeric")
    if numbers is None or not numbers.shape[1]:
        return None
    return np.asarray(numbers[:: max(1, math.ceil(len(numbers) / MOST))], np.float32)


def _too_good(evidence: Evidence) -> tuple[Diagnosis, ...]:
    judged = held_out(evidence)
    if judged is not None and judged.sum() > 0:
        rows, right = float(judged.sum()), float(np.trace(judged))
        low, told = _wilson_low(right, rows), f"{right:,.0f} of {rows:,.0f} rows held out are answered rightly"
    else:
        figures = [found["r2"] for part, found in evidence.metrics.items() if part != "train" and "r2" in found]
        low, told = min(figures, default=0.0), f"R² is {min(figures, default=0.0):.4f} on rows held out"
    if low < TOO_GOOD:
        return ()
    return (
        Diagnosis(
            "leak",
            "note",
            "possible",
            f"{told}, which is seldom so good unless a column reveals the target",
            "look which columns matter (`batchwright explain RUN`), and leave out what is not known when a prediction "
            "is asked for",
        ),
    )


def _wilson_low(right: float, rows: float) -> float:
    """The lower end of Wilson's interval of 95 % for a share."""
    share, part = right / rows, Z**2 / rows
    middle = share + part / 2 - Z * math.sqrt(share * (1 - share) / rows + part / (4 * rows))
    return middle / (1 + part)
