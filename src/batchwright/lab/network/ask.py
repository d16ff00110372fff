"""What someone asks of the small network, from texts: options of the command line, and the address of a page."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from batchwright.data.formats.source import Source
from batchwright.errors import UsageError, unknown
from batchwright.lab.descent.request import LONGEST, check_own, number, own_numbers, positive, unknown_setting, whole
from batchwright.lab.descent.rules import RULES, rule_of
from batchwright.lab.network.chosen_rows import ChosenRows, choose_columns, choose_points
from batchwright.lab.network.live import MOST_LAYERS, MOST_UNITS, SmallNetwork
from batchwright.lab.network.point_sets import USUAL_NOISE, draw_points
from batchwright.nn import MLP
from batchwright.nn.activations import ACTIVATIONS
from batchwright.training.plan import BatchSize

NETWORK_DEFAULTS = {
    "data": "moons",
    "noise": "",
    "rows": "200",
    "points_seed": "0",
    "inputs": "",
    "target": "",
    "layers": "4,2",
    "activation": "tanh",
    "batch_normalization": "false",
    "dropout": "0",
    "rule": "adam",
    "learning_rate": "0.03",
    "batch_size": "10",
    "seed": "0",
    "steps": "0",
}
TABLE = "table"
"""The name of the user's own table among the sets of points."""
MOST_STEPS = 1_000_000
ROWS = ("data", "noise", "rows", "points_seed", "inputs", "target")
"""The keys that choose the rows."""


@dataclass(frozen=True)
class AskedNetwork:
    """A small network, how many iterations it has been trained for, and the texts that say so.

    Args:
        small: the network and what it learns.
        steps: iterations, 0 to 1,000,000.
        texts: what was asked, without what is as by default.
    """

    small: SmallNetwork
    steps: int
    texts: Mapping[str, str] = field(default_factory=dict)


def read_network(texts: Mapping[str, str], table: Source = None, rows: ChosenRows | None = None) -> AskedNetwork:
    """What these texts ask for.

    Args:
        texts: by key, of `NETWORK_DEFAULTS`; numbers of the rule are as optimizer.momentum.
        table: what the data called "table" is.
        rows: the rows that the texts choose, if they have been read before.

    Raises:
        UsageError: an unknown key, a value that is no such number or word, or one that is out of range.
        DataError: the table cannot be read.

    >>> read_network({"layers": "3", "rule": "sgd"}).small.network.hidden_layer_sizes
    (3,)
    """
    for key, value in texts.items():
        if key not in NETWORK_DEFAULTS and not key.startswith("optimizer."):
            raise UsageError(unknown_setting(key, NETWORK_DEFAULTS))
        if len(value) > LONGEST:
            raise UsageError(f"{key} has {len(value):,} characters; at most {LONGEST:,} are read.")
    changed = {key: value for key, value in texts.items() if value != NETWORK_DEFAULTS.get(key, "")}
    chosen = {**NETWORK_DEFAULTS, **{key: value for key, value in changed.items() if value != "" or key == "layers"}}
    steps = whole("steps", chosen["steps"])
    if not 0 <= steps <= MOST_STEPS:
        raise UsageError(f"steps is {steps:,}; it must be 0 to {MOST_STEPS:,}.")
    small = SmallNetwork(
        read_rows(chosen, table) if rows is None else rows,
        _network(chosen),
        rule_of(chosen["rule"], _numbers_of_rule(chosen)),
        _batch_size(chosen["batch_size"]),
        whole("seed", chosen["seed"]),
    )
    return AskedNetwork(small, steps, changed)


def read_rows(texts: Mapping[str, str], table: Source = None) -> ChosenRows:
    """The rows that these texts choose.

    Raises:
        UsageError: a value that is no such number or word, or columns that do not do.
        DataError: the table cannot be read.
    """
    chosen = {**NETWORK_DEFAULTS, **{key: value for key, value in texts.items() if value != ""}}
    name, seed = chosen["data"], whole("points_seed", chosen["points_seed"])
    for key in ("noise", "rows") if name == TABLE else ("inputs", "target"):
        if chosen[key] != NETWORK_DEFAULTS[key]:
            has = "a table has its own" if name == TABLE else f"the points {name[:60]!r} have their own"
            raise UsageError(f"{key} is {chosen[key][:60]!r}, but {has}: leave it out.")
    if name == TABLE:
        if table is None:
            raise UsageError("there is no table: name one, as in `batchwright lab --table FILE`.")
        return choose_columns(table, split_names(chosen["inputs"]), chosen["target"] or None, seed=seed)
    noise = number("noise", chosen["noise"]) if chosen["noise"] else USUAL_NOISE.get(name)
    return choose_points(draw_points(name, rows=whole("rows", chosen["rows"]), noise=noise, seed=seed), seed=seed)


def split_names(text: str) -> tuple[str, ...]:
    """Names of columns with commas between them, or as a list in JSON, as names may have any character.

    >>> split_names("a,b"), split_names('["a,b"]')
    (('a', 'b'), ('a,b',))
    """
    if not text.startswith("["):
        return tuple(name for name in text.split(",") if name)
    try:
        names = json.loads(text)
    except (ValueError, RecursionError):
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UsageError(f'inputs is {text[:60]!r}, which is no list of names, as ["a", "b"].')
    return tuple(names)


def _network(chosen: Mapping[str, str]) -> MLP:
    if chosen["activation"] not in ACTIVATIONS:
        raise UsageError(unknown("activation", chosen["activation"][:60], ACTIVATIONS))
    sizes = tuple(whole("layers", size) for size in chosen["layers"].split(",") if size.strip())
    if any(not 1 <= size <= MOST_UNITS for size in sizes) or len(sizes) > MOST_LAYERS:
        raise UsageError(
            f"layers is {chosen['layers'][:60]!r}; it must be at most {MOST_LAYERS} numbers with commas, each of 1 to "
            f"{MOST_UNITS} units, or '' for no hidden layer."
        )
    normal = chosen["batch_normalization"]
    if normal not in ("true", "false"):
        raise UsageError(f"batch_normalization is {normal[:60]!r}; it must be true or false.")
    dropout = number("dropout", chosen["dropout"])
    if not 0 <= dropout < 1:
        raise UsageError(f"dropout is {dropout}; it must be 0 or more, and below 1.")
    return MLP(
        sizes,
        activation=chosen["activation"],
        batch_normalization=normal == "true",
        dropout=dropout,
    )


def _numbers_of_rule(chosen: Mapping[str, str]) -> dict[str, Any]:
    own = own_numbers("optimizer", chosen)
    if chosen["rule"] in RULES:
        check_own("optimizer", chosen["rule"], vars(RULES[chosen["rule"]]), own)
    return {**own, "learning_rate": positive("learning_rate", chosen["learning_rate"])}


def _batch_size(text: str) -> BatchSize:
    return "full" if text == "full" else whole("batch_size", text)
