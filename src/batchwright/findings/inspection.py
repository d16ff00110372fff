"""All findings of a data set, a plan and a model, the worst first."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from batchwright.data.dataset import Dataset
from batchwright.findings.batches import few_updates, odd_batch_size, single_row, tiny_batches
from batchwright.findings.classes import constant_target, imbalance, missing_classes
from batchwright.findings.contradictions import contradictions
from batchwright.findings.duplicates import duplicate_columns
from batchwright.findings.few_rows import few_rows
from batchwright.findings.finding import Finding, by_severity
from batchwright.findings.groups import group_columns
from batchwright.findings.leaks import leaks
from batchwright.findings.rates import learning_rate
from batchwright.findings.shared_rows import shared_rows
from batchwright.findings.spellings import spellings
from batchwright.findings.time_order import time_order
from batchwright.findings.told import NOTHING_TOLD, Told
from batchwright.findings.unused import constant_columns, doubtful_columns, identifier_columns, missing_columns
from batchwright.nn.protocols import Network
from batchwright.optim.rule import Optimizer
from batchwright.training.plan import Plan

OfData: TypeAlias = Callable[[Dataset], tuple[Finding, ...]]

OfTold: TypeAlias = Callable[[Dataset, Told], tuple[Finding, ...]]

OF_TOLD: tuple[OfTold, ...] = (
    constant_target,
    leaks,
    shared_rows,
    group_columns,
    time_order,
    imbalance,
    missing_classes,
)
"""The checks of the rows whose advice depends on what the training was told."""

OF_DATA: tuple[OfData, ...] = (
    few_rows,
    contradictions,
    spellings,
    missing_columns,
    duplicate_columns,
    constant_columns,
    identifier_columns,
    doubtful_columns,
)
"""The other checks of the rows, each a function of the data set only."""


def inspect(
    dataset: Dataset,
    plan: Plan,
    network: Network,
    optimizer: Optimizer,
    *,
    stable: tuple[float, float] | None = None,
    also: Sequence[OfData] = (),
    told: Told = NOTHING_TOLD,
) -> tuple[Finding, ...]:
    """Everything that can be found before training; nothing is changed, and rows on disk are sampled.

    Args:
        dataset: the rows.
        plan: the batch size and epochs of their training.
        network: the network as built, as in a program.
        optimizer: the update rule.
        stable: the lowest and the highest learning rate that are useful, where they were measured.
        also: what else is looked for in the rows.
        told: the settings of the training, which no advice repeats.

    >>> from batchwright.data.load import load
    >>> from batchwright.nn import MLP
    >>> from batchwright.nn.protocols import Features
    >>> from batchwright.optim import Adam
    >>> from batchwright.training.plan import make_plan
    >>> data = load("breast-cancer")
    >>> network = MLP().build(Features(numeric=30), 2)
    >>> [finding.kind for finding in inspect(data, make_plan(data.train.rows, 16, 20), network, Adam())]
    []
    """
    of_told = (finding for look in OF_TOLD for finding in look(dataset, told))
    of_data = (finding for look in (*OF_DATA, *also) for finding in look(dataset))
    of_plan = (
        *single_row(plan, network),
        *tiny_batches(plan, network, own_network=told.own_network),
        *odd_batch_size(plan),
        *few_updates(plan),
        *learning_rate(optimizer, stable),
    )
    return by_severity((*of_told, *of_data, *of_plan))
