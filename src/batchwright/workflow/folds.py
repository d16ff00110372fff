"""Cross-validation: training and validation rows are divided again, so that each row is held out once."""

from batchwright.population.fit import common_rows
from batchwright.training.job import Job
from batchwright.workflow.dealing import deal
from batchwright.workflow.preparing import Prepared


def folds(prepared: Prepared, count: int) -> tuple[Job, ...]:
    """The job with each of `count` folds of its training and validation rows held out; no fold has test rows.

    Classes are spread evenly over the folds. Preprocessing stays as learned from the training rows of the split.

    Raises:
        ConfigError: fewer than two folds, more than there are rows, or rows that are split by group or time.
    """
    common_rows([prepared.job])
    dealt = deal(prepared.job, prepared.dataset, count)
    return tuple(dealt.job(prepared.job, fold) for fold in range(count))
