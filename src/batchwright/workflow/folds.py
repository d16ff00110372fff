"""Cross-validation: training and validation rows are divided again, so that each row is held out once."""

from batchwright.population.fit import common_rows
from batchwright.training.job import Job
from batchwright.workflow.dealing import deal
from batchwright.workflow.held_out import refuse_without_validation
from batchwright.workflow.preparing import Prepared


def folds(prepared: Prepared, count: int) -> tuple[Job, ...]:
    """The job with each of `count` folds of its training and validation rows held out; no fold has test rows.

    Classes are spread evenly over the folds. Preprocessing stays as learned from the training rows of the split.

    Raises:
        ConfigError: fewer than two folds, more than there are rows, rows that are split by group or time, or no
            validation rows.
    """
    common_rows([prepared.job])
    refuse_without_validation(prepared.settings, prepared.dataset, "`folds` goes by validation rows", "leave it out")
    dealt = deal(prepared.job, prepared.dataset, count)
    return tuple(dealt.job(prepared.job, fold) for fold in range(count))
