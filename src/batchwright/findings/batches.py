"""Findings about a plan: its rows, batch size and epochs."""

import dataclasses
import math

from batchwright.findings.finding import Finding
from batchwright.nn.normalization import BatchNorm
from batchwright.nn.protocols import Network
from batchwright.training.plan import Plan

TINY = 8
"""Rows below which the statistics of a batch are mostly noise: below this, errors with batch normalization rise steeply
(Wu and He 2018, Group Normalization, arXiv 1803.08494, figure 1)."""

UNIT = 8
"""Numbers that vector and matrix units take at once: 8 floats in AVX2, multiples of 8 in tensor cores (NVIDIA, Deep
Learning Performance Guide). Other sizes leave lanes idle."""

FEW_UPDATES = 100
"""Updates below which most rules do not get far: Adam moves a parameter by about η per update, so by 0.1 at most with
its default of 0.001, as much as the initial weights of a layer of 100 units."""


def single_row(plan: Plan, network: Network) -> tuple[Finding, ...]:
    """A last batch of one row."""
    if plan.last_batch_rows != 1 or plan.batch_size == 1:
        return ()
    normalized = has_batch_norm(network)
    what = (
        ": batch normalization gives the same whatever that row is"
        if normalized
        else ", which moves the parameters as much as a full one"
    )
    return (
        Finding(
            "single-row batch",
            "warning" if normalized else "note",
            f"{plan.training_rows:,} rows in batches of {plan.batch_size:,} leave one row for the last batch of each "
            f"epoch{what}",
            f"take `batch_size={even_batch_size(plan)}`, or leave it out: `training.remainder=drop`",
        ),
    )


def tiny_batches(plan: Plan, network: Network, *, own_network: bool = False) -> tuple[Finding, ...]:
    """Batch normalization over fewer than eight rows, in all batches or in the last.

    The user's `own_network` has no setting that leaves it out.
    """
    if (
        not has_batch_norm(network)
        or plan.last_batch_rows >= TINY
        or plan.training_rows < TINY
        or (plan.batch_size >= TINY and plan.last_batch_rows == 1)
    ):
        return ()
    if plan.batch_size < TINY:
        evidence, advice = f"all batches have {plan.batch_size} rows or fewer", f"take `batch_size={TINY}` or more"
    else:
        evidence = f"the last batch of each epoch has {plan.last_batch_rows} rows"
        advice = f"take `batch_size={even_batch_size(plan)}`, or `training.remainder=drop`"
    return (
        Finding(
            "tiny batch",
            "warning" if plan.batch_size < TINY else "note",
            f"batch normalization takes mean and variance from the rows of a batch, and {evidence}",
            advice if own_network else f"{advice}, or `network.batch_normalization=false`",
        ),
    )


def odd_batch_size(plan: Plan) -> tuple[Finding, ...]:
    """A batch size above 32 rows that is not a multiple of eight; smaller batches take next to no time."""
    size = plan.batch_size
    if size <= 4 * UNIT or size % UNIT == 0 or size >= plan.training_rows:
        return ()
    down, up = size // UNIT * UNIT, math.ceil(size / UNIT) * UNIT
    return (
        Finding(
            "batch size not a multiple of 8",
            "note",
            f"batches of {size:,} rows leave parts of vector and matrix units idle",
            f"`batch_size={down}` or {up} takes about as long per update",
        ),
    )


def few_updates(plan: Plan) -> tuple[Finding, ...]:
    """Batches of more than half the rows, and fewer than a hundred updates in all."""
    found = []
    if 2 * plan.batch_size > plan.training_rows + 1 > 2 * UNIT + 1:
        share = plan.batch_size / plan.training_rows
        found.append(
            Finding(
                "large batch",
                "note",
                f"a batch is {share:.0%} of the {plan.training_rows:,} training rows: {plan.iterations_per_epoch} "
                f"{'update' if plan.iterations_per_epoch == 1 else 'updates'} an epoch",
                f"smaller batches make more updates of the same rows: `batch_size={_smaller_batch_size(plan)}`",
            )
        )
    if plan.updates < FEW_UPDATES:
        epochs = math.ceil(FEW_UPDATES / plan.iterations_per_epoch)
        found.append(
            Finding(
                "few updates",
                "warning",
                f"{plan.epochs:,} epochs of {plan.iterations_per_epoch:,} iterations are {plan.updates:,} updates",
                f"`epochs={epochs}` makes {FEW_UPDATES} of them, smaller batches more in the same time",
            )
        )
    return tuple(found)


def even_batch_size(plan: Plan) -> int:
    """The nearest batch size whose last batch is at least half full; a multiple of 8 if there is one.

    >>> even_batch_size(Plan(training_rows=1025, batch_size=64, epochs=1))
    80
    """
    size, rows = plan.batch_size, plan.training_rows

    def cost(other: int) -> tuple[bool, bool, int]:
        last = (rows - 1) % other + 1
        return 2 * last < other, other % UNIT != 0 and size >= UNIT, abs(other - size)

    return min(range(max(2, size // 2), min(2 * size, rows) + 1), key=cost, default=size)


def has_batch_norm(part: object) -> bool:
    """Whether a layer anywhere in a network is a BatchNorm."""
    if isinstance(part, BatchNorm):
        return True
    if isinstance(part, tuple | list):
        return any(map(has_batch_norm, part))
    if dataclasses.is_dataclass(part):
        return any(has_batch_norm(getattr(part, field.name)) for field in dataclasses.fields(part))
    return False


def _smaller_batch_size(plan: Plan) -> int:
    """A tenth of the rows, rounded down to a multiple of 8, between 8 and 64."""
    return min(64, max(8, plan.training_rows // 10 // UNIT * UNIT))
