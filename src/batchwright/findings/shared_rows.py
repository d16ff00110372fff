"""Rows of validation and test that are also in training: a model then only repeats what it was told."""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt64

from batchwright.data.dataset import Dataset, Split
from batchwright.data.typed.hashes import count_shared, row_hashes
from batchwright.findings.columns import MOST_ROWS, columns, sample
from batchwright.findings.finding import Finding, Severity
from batchwright.findings.groups import ROWS, find_group
from batchwright.findings.told import NOTHING_TOLD, Told, drawn_parts, group_advice

MANY = 0.05
"""Share of shared rows from which a score may be off by some percent: a warning rather than a note."""

COPY, ALL = 0.5, 0.95
"""Shares from which a part is mostly a copy of training rows, and from which all of it is: an error, if training rows
themselves differ, or in any case."""

EXPLAINED = 0.5
"""Share of the shared rows that few different values have to explain: then they are no copies."""

Hashes = UInt64[np.ndarray, " _"]


def shared_rows(dataset: Dataset, told: Told = NOTHING_TOLD) -> tuple[Finding, ...]:
    """For validation and test, how many rows have the inputs and the target of a training row.

    Rows are compared by 64-bit hashes: all rows if they are in memory; 100,000 of each part if they are on disk, where
    only a share of the equal rows can meet. Tables of few columns with few values share rows by their nature: as
    many as would meet if the columns were independent are only noted. Rows with the inputs of a training row and
    another target are counted beside them.
    """
    most = None if dataset.memory_limit is None else MOST_ROWS
    train = _hashes(dataset.train, most)
    parts = {"validation": dataset.validation, "test": dataset.test}
    shared = {name: (part, _hashes(part, most)) for name, part in parts.items() if part}
    counts = {name: count_shared(train, hashes) for name, (_, hashes) in shared.items()}
    if not any(counts.values()):
        return ()
    inputs = _hashes(dataset.train, most, targets=False)
    alike = {name: count_shared(inputs, _hashes(part, most, targets=False)) for name, (part, _) in shared.items()}
    repeated = 1.0 - len(np.unique(train)) / len(train)
    expected = expected_share(dataset)
    named = find_group(list(columns(dataset, ROWS)))
    group = group_advice(dataset, told, named.name if named else "COLUMN")
    drawn = drawn_parts(dataset)
    return tuple(
        _finding(
            _Shared(name, part.rows, len(hashes), counts[name], alike[name], len(train)),
            repeated=repeated,
            expected=expected,
            advice=_advice(group) if name in drawn else f"leave rows out of {name} that are in the training rows too",
        )
        for name, (part, hashes) in shared.items()
        if counts[name]
    )


def severity(share: float, repeated: float, expected: float = 0.0) -> Severity:
    """The severity if this share of a part's rows is in training, and the share `repeated` of training rows repeats.

    `expected` is the share that would be in training by chance.

    >>> severity(0.01, 0.0), severity(0.1, 0.0), severity(0.9, 0.0), severity(0.9, 0.9), severity(1.0, 0.9)
    ('note', 'warning', 'error', 'warning', 'error')
    >>> severity(1.0, 0.9, expected=0.9)
    'note'
    """
    if share < MANY or expected >= EXPLAINED * share:
        return "note"
    return "error" if share >= ALL or (share >= COPY and repeated < COPY) else "warning"


def expected_share(dataset: Dataset) -> float:
    """The share of rows whose inputs some training row would have too, if all columns were independent.

    Two rows agree in a column with the sum of the squared shares of its values, and in all columns with the product.
    """
    agree, any_column = 1.0, False
    for column in columns(dataset):
        any_column = True
        values = np.stack([*(part.values for part in column.parts), column.missing], axis=1)
        counts = np.unique(row_hashes({"values": values}), return_counts=True)[1]
        agree *= float(np.sum(np.square(counts / counts.sum())))
    return -math.expm1(dataset.train.rows * math.log1p(-min(agree, 1 - 1e-12))) if any_column else 0.0


def _hashes(part: Split, most: int | None, *, targets: bool = True) -> Hashes:
    """A number for each row, with its target included or left out."""
    rows = sample(part.rows, part.rows if most is None else most)
    inputs = {name: values[rows] for name, values in part.inputs.items()}
    return row_hashes(inputs | {"targets": part.targets[rows]} if targets else inputs)


def _advice(group: str) -> str:
    kept = f"; if several rows belong to one person or thing, keep them in one part: {group}" if group else ""
    return f"remove repeated rows before splitting{kept}"


class _Shared(NamedTuple):
    """How many rows of a part are shared with the training rows.

    `looked` rows of its `rows` were looked at; `shared` of them are among the `train` rows with the same target, and
    `alike` with any target.
    """

    name: str
    rows: int
    looked: int
    shared: int
    alike: int
    train: int


def _finding(found: _Shared, *, repeated: float, expected: float, advice: str) -> Finding:
    name, share = found.name, found.shared / found.looked
    among = (
        f" looked at, of {found.rows:,}, are among {found.train:,} training rows"
        if found.looked < found.rows
        else " are training rows too"
    )
    kind = severity(share, repeated, expected)
    said = f"{found.shared:,} of {found.looked:,} {name} rows ({share:.2%}){among}, with the same target"
    if (others := found.alike - found.shared) > 0:
        said += (
            f" ({others:,} more {'has' if others == 1 else 'have'} the inputs of a training row, but not its target)"
        )
    if expected >= EXPLAINED * share:
        return Finding(
            "shared rows",
            kind,
            f"{said}; so few different inputs are possible that {expected:.0%} would meet by chance",
            "nothing has to be done, unless rows were copied by mistake",
        )
    says_nothing = f": the {name} says nothing about new rows" if kind == "error" else ""
    return Finding(
        "shared rows",
        kind,
        f"{said}{says_nothing}; of the training rows {repeated:.2%} repeat another",
        advice,
    )
