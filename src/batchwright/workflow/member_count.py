"""How many members an ensemble has where that is `auto`: by the number of rows, and by the time that there is."""

from batchwright.training.fit import compile_loop
from batchwright.workflow.preparing import Prepared
from batchwright.workflow.timing import time_epoch

USUAL, FEW, MANY_ROWS = 8, 4, 50_000
"""Members up to a number of training rows, and beyond it, where each takes long and differs less from the others."""
LEAST = 2


def choose_count(prepared: Prepared) -> tuple[int, str]:
    """Choose the number of members, and say why: as many as usual, or as the time allows."""
    rows, limit = prepared.plan.training_rows, prepared.settings.config.training.max_time
    usual = USUAL if rows <= MANY_ROWS else FEW
    reason = f"{usual} are usual for {'up to' if rows <= MANY_ROWS else 'more than'} {MANY_ROWS:,} training rows"
    if limit is None:
        return usual, reason
    seconds = prepared.plan.epochs * time_epoch(prepared, compile_loop(prepared.job, prepared.state))
    allowed = max(int(limit / seconds), LEAST)
    if allowed >= usual:
        return usual, reason
    return allowed, f"a member takes up to {seconds:.3g} s, and {limit:g} s are enough for {allowed}, {LEAST} at least"
