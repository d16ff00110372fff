"""The customary order in which settings matter, and a sentence that compares an order found in trials with it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

CUSTOMARY = (
    ("learning_rate",),
    ("momentum", "beta_1", "batch_size", "hidden_layer_sizes", "hidden_units", "units"),
    ("layers", "hidden_layers", "depth", "decay"),
    ("beta_2", "epsilon"),
)
"""The field's ranking, most important first (Ng, Improving Deep Neural Networks, 2017, "Tuning process").

All settings of a schedule count as decay. That the learning rate is first is also in Bengio, 2012, arXiv 1206.5533.
"""
WITH_ARTICLE = ("learning_rate", "batch_size", "schedule", "optimizer", "network")


@dataclass(frozen=True)
class Share:
    """The share of a hyperparameter: its mean over resampled trials, and a 95 % percentile interval."""

    name: str
    share: float
    low: float
    high: float


def sentence(shares: tuple[Share, ...], figure: str = "the loss") -> str:
    """The order of the shares beside the customary one; only what the intervals tell apart is called an order.

    >>> sentence((Share("optimizer.learning_rate", 0.6, 0.5, 0.7), Share("optimizer.epsilon", 0.1, 0.0, 0.2)))
    'the learning rate mattered most (60 % of the variance of the loss, 50 to 70 %), as is customary'
    """
    first, others = shares[0], shares[1:]
    if not others:
        return f"only {_name_in_words(first)} was searched, so that there is nothing to compare its share with"
    told = [(more, less) for more, less in combinations(shares, 2) if more.low > less.high]
    rivals = [one for one in others if (first, one) not in told]
    notable = [*_unusual_notes(shares, told), *_unranked_notes(shares, told)]
    if rivals:
        names = _list_shares([first, *rivals])
        clauses = [f"which of {names} mattered most is not clear, because their intervals overlap", *notable]
        agreed = not notable and any(_ranks_first(more, [less]) for more, less in told)
        return "; ".join([*clauses, "what can be distinguished is in the customary order"] if agreed else clauses)
    interval = f"{first.low * 100:.0f} to {first.high * 100:.0f} %"
    numbers = f"{first.share * 100:.0f} % of the variance of {figure}, {interval}"
    leader = f"{_name_in_words(first)} mattered most ({numbers})" + (
        ", as is customary" if _ranks_first(first, others) else ""
    )
    alike = len(others) > 1 and all(more is first for more, _ in told)
    return "; ".join([leader, *notable, *(["the order of the others is not clear"] if alike else [])])


def _unusual_notes(shares: Sequence[Share], told: Sequence[tuple[Share, Share]]) -> Iterator[str]:
    """Hyperparameters that are customarily more important than one that they came behind here."""
    for less in shares:
        before = [more for more, other in told if other is less and _ranks_first(less, [more])]
        if before:
            yield f"unusually, {_list_shares(before)} came before {_name_in_words(less)}"


def _unranked_notes(shares: Sequence[Share], told: Sequence[tuple[Share, Share]]) -> Iterator[str]:
    """Hyperparameters missing from the customary ranking that came before one of its first two ranks here."""
    for more in shares:
        after = [less for one, less in told if one is more and _rank(less.name) in (0, 1)]
        if after and _rank(more.name) is None:
            name = _name_in_words(more)
            yield f"{name}, which the customary ranking does not name, came before {_list_shares(after)}"


def _ranks_first(one: Share, others: Sequence[Share]) -> bool:
    """Whether the customary ranking has it and some of the others, and ranks it before all of these."""
    rank, ranks = _rank(one.name), [rank for other in others if (rank := _rank(other.name)) is not None]
    return rank is not None and bool(ranks) and rank < min(ranks)


def _rank(name: str) -> int | None:
    """Its place in the customary ranking; None if it is not in there.

    >>> _rank("optimizer.learning_rate"), _rank("schedule.name"), _rank("network.dropout")
    (0, 2, None)
    """
    section, _, last = name.rpartition(".")
    key = "decay" if "schedule" in (section, last) else last
    return next((rank for rank, names in enumerate(CUSTOMARY) if key in names), None)


def _name_in_words(share: Share) -> str:
    """A hyperparameter in words: the last part of its key, or the section if that part is its name or kind."""
    section, _, last = share.name.rpartition(".")
    key = section if section and last in ("name", "kind") else last
    words = key if key.rpartition("_")[2].isdecimal() else key.replace("_", " ")
    return f"the {words}" if key in WITH_ARTICLE else words


def _list_shares(shares: Sequence[Share]) -> str:
    *others, last = [_name_in_words(share) for share in shares]
    return f"{', '.join(others)} and {last}" if others else last
