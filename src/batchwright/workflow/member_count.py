"""How many members an ensemble has where that is `auto`: by the number of rows, and by the time that there is."""

from batchwright.training.fit import compile_loop
from batchwright.workflow.preparing import Prepared
from batchwright.workflow.timing import time_epoch

USUAL, FEW, MANY_ROWS = 8, 4, 50_000
"""Members up to a number of training rows, and beyond it, where each takes long and differs less from the others."""
LEAST = 2


def choose_count(prepared: Prepared) -> tuple[int, str]:
    """Choose the number of members, and say why: as many as usual, or as the time allows; a multiple of the folds."""
    rows, limit = prepared.plan.training_rows, prepared.settings.config.training.max_time
    folds = prepared.settings.config.training.folds or 1
    usual = USUAL if rows <= MANY_ROWS else FEW
    reason = f"{usual} are usual for {'up to' if rows <= MANY_ROWS else 'more than'} {MANY_ROWS:,} training rows"
    if usual % folds:
        usual, reason = -(-usual // folds) * folds, f"{reason}, and each of {folds} folds has as many"
    if limit is None:
        return usual, reason
    seconds = prepared.plan.epochs * time_epoch(prepared, compile_loop(prepared.job, prepared.state))
    least = max(LEAST, folds)
    allowed = max(int(limit / seconds) // folds * folds, least)
    if allowed >= usual:
        return usual, reason
    return allowed, f"a member takes up to {seconds:.3g} s, and {limit:g} s are enough for {allowed}, {least} at least"
