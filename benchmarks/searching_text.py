"""What `searching.py` has measured, as Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from ratios import ratio
from report import table, verdict
from spaces import Cost

AT_ONCE, VALIDATED, ALONE, TORCH = "at once", "at once, with validation", "one after another", "PyTorch"
ALONE_VALIDATED = "one after another, with validation"
VALIDATION, EACH_VALIDATION = "the validation of all, at once", "the validation of all, one by one"
SEARCH_AIMS = {"none": 1 / 20, "halving": 1 / 4}
"""The share of the peer's time that a search may take, by its pruning."""
COST = ("ms per configuration and epoch", "the least", "ms of processor", "µs per update")


@dataclass(frozen=True)
class Setup:
    """A network whose learning rate is to be chosen; `aims` are the shares of others' time that "at once" may take.

    `alone` of the `members` are trained one after another, and the peer trains `peer_configurations`: the cost
    of one does not depend on how many there are.
    """

    title: str
    source: Path
    hidden: int
    batch_size: int
    members: int
    epochs: int
    alone: int
    peer_configurations: int
    aims: Mapping[tuple[str, str], float | None]


@dataclass(frozen=True)
class Search:
    """A search: its name, seconds, how many trials were stopped, the best validation loss, and what to say of it."""

    name: str
    seconds: float
    stopped: int
    value: float
    note: str = ""


def costs_text(setup: Setup, found: Mapping[str, Sequence[Cost]], members: int, updates: int, note: str) -> str:
    """The costs and their ratios, as Markdown."""
    each = [(name, *_cost(costs, updates)) for name, costs in found.items()]
    ratios = []
    for (ours, theirs), aim in setup.aims.items():
        clock, processor = (
            ratio([getattr(one, kind) for one in found[ours]], [getattr(one, kind) for one in found[theirs]])
            for kind in ("clock", "processor")
        )
        aimed = "" if aim is None else f"≤ {aim:.3f}: {verdict(clock.of_pairs <= aim)}"
        cells = f"{clock.of_medians:.3f} ({clock.low:.3f} to {clock.high:.3f})", f"{clock.of_pairs:.3f}", aimed
        ratios.append((f"{ours} / {theirs}", *cells, f"{processor.of_pairs:.3f}"))
    pairs = len(next(iter(found.values())))
    title = (
        f"{setup.title}: {members} configurations of the learning rate at once, {min(setup.alone, members)} one after "
        f"another, epochs of ours: {setup.epochs}; {setup.peer_configurations} by PyTorch, 1 epoch; {pairs} rounds. "
        f"{note}."
    )
    by = ("ours / theirs", "of medians (95 % interval)", "of pairs", "aim", "of processor time, of pairs")
    return f"{title}\n\n{table(('', *COST), each)}\n\n{table(by, ratios)}"


def _cost(costs: Sequence[Cost], updates: int) -> Sequence[str]:
    """The cells under `COST`."""
    clock, processor = (median(getattr(cost, kind) for cost in costs) for kind in ("clock", "processor"))
    least = min(cost.clock for cost in costs)
    return f"{clock * 1e3:.2f}", f"{least * 1e3:.2f}", f"{processor * 1e3:.2f}", f"{clock / updates * 1e6:.1f}"


def sizes_text(found: Mapping[str, Sequence[Cost]], updates: int) -> str:
    """The cost of a configuration by how many there are, as Markdown."""
    one = median(cost.clock for cost in next(iter(found.values())))
    rows = [
        (name, *_cost(costs, updates), f"{median(cost.clock for cost in costs) / one:.2f}")
        for name, costs in found.items()
    ]
    header = ("configurations", *COST, "share of the cost of 1")
    note = "The table of (a), without validation; 5 epochs up to 64 configurations, 1 above."
    return f"{note}\n\n{table(header, rows)}"


def searches_text(ours: Sequence[Search], theirs: Sequence[Search], trials: int, epochs: int) -> str:
    """The searches as Markdown; each of ours is compared with the peer's of the same pruning."""
    of = {one.name.rpartition(", ")[2]: one for one in theirs}

    def row(one: Search) -> Sequence[str]:
        pruning = one.name.rpartition(", ")[2]
        other, aim = of[pruning], SEARCH_AIMS[pruning]
        share = one.seconds / other.seconds
        aimed = "" if one is other else f"{share:.3f}; aim ≤ {aim:g}: {verdict(share <= aim)}"
        return one.name, one.note, f"{one.seconds:.1f}", str(one.stopped), f"{one.value:.5f}", aimed

    header = ("", "", "seconds", "stopped early", "best validation loss", "share of the peer's time")
    what = (
        f"{trials} trials of {epochs} epochs on adult: learning rate, momentum and hidden sizes; batch 64. Ours are "
        "whole processes, from reading the file to training the best configuration again and computing the "
        "importances; the seconds of the peer are for `study.optimize` alone."
    )
    return f"{what}\n\n{table(header, [row(one) for one in (*ours, *theirs)])}"
