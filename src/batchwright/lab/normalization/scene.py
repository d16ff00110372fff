"""The scene of batch normalization: a network with it and without, side by side."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from batchwright.lab.asked import command_of
from batchwright.lab.descent.plain import rounded, said
from batchwright.lab.normalization.ask import read_study, study_python
from batchwright.lab.normalization.study import BATCH_SIZES, NormStudy, Studied, Trained, study_normalization
from batchwright.lab.normalization.words import describe_study, normalization_formula

NAME = "normalization"


@lru_cache(200)
def _studied(asked: NormStudy) -> Studied:
    """A page compares batch sizes one by one, and comes back to what it has asked before."""
    return study_normalization(asked)


def answer(texts: Mapping[str, str]) -> dict[str, Any]:
    """What the layers of both networks get, and the losses.

    Raises:
        UsageError: a text is wrong.
    """
    asked = read_study(texts)
    studied = _studied(asked.question)
    return {
        "normal": _plain(studied.normal),
        "plain": _plain(studied.plain),
        "rows": asked.question.rows.dataset.train.rows,
        "batch_sizes": BATCH_SIZES,
        "formula": said([normalization_formula(studied)])[0],
        "words": said(describe_study(studied)),
        "command": command_of(NAME, asked),
        "python": study_python(asked),
    }


def _plain(net: Trained) -> dict[str, Any]:
    return {
        "iterations": net.iterations,
        "train": rounded(net.train),
        "validation": rounded(net.validation),
        "batch_loss": rounded([net.batch_loss])[0],
        "means": rounded(net.means),
        "deviations": rounded(net.deviations),
    }
