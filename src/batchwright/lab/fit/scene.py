"""The scene of over- and underfitting: one model on a curve with noise, and its losses by epoch."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from batchwright.lab.asked import command_of
from batchwright.lab.descent.plain import rounded, said
from batchwright.lab.fit.ask import fit_python, read_fit
from batchwright.lab.fit.capacities import CAPACITIES
from batchwright.lab.fit.curve_fit import CurveFit, Fitted, fit_curve, places, true_curve
from batchwright.lab.fit.words import describe_fit, fit_formula
from batchwright.lab.network.point_sets import X, Y

NAME = "fit"


@lru_cache(200)
def _fitted(asked: CurveFit) -> Fitted:
    """A page compares capacities one by one, and comes back to what it has asked before."""
    return fit_curve(asked)


def answer(texts: Mapping[str, str]) -> dict[str, Any]:
    """The points, the curves, and the losses by epoch.

    Raises:
        UsageError: a text is wrong.
    """
    asked = read_fit(texts)
    fitted = _fitted(asked.question)
    return {
        "points": [[rounded(part[X]), rounded(part[Y])] for part in asked.question.points],
        "places": rounded(places()),
        "truth": rounded(true_curve(asked.question.data)),
        "curve": rounded(fitted.curve),
        "train": rounded(fitted.train),
        "validation": rounded(fitted.validation),
        "losses": rounded(fitted.losses),
        "best": fitted.best,
        "kept": fitted.kept,
        "noise": asked.question.noise**2,
        "capacities": CAPACITIES[asked.question.model],
        "formula": said([fit_formula(fitted)])[0],
        "words": said(describe_fit(fitted)),
        "command": command_of(NAME, asked),
        "python": fit_python(asked),
    }
