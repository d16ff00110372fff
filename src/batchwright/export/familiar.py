"""What training knew of each column, as plain data by which other programs note cells that are unlike it."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from batchwright.data.encode.encoders import Category, Encoder, Number, OneHot, Ordinal, Quantile
from batchwright.data.encode.encoding import Encoding, ImagePreprocessing
from batchwright.data.encode.tags import Tags
from batchwright.data.encode.unfamiliar import knows_missing, least_rows, taken_as

Known: TypeAlias = Mapping[str, Any]
"""Plain data: the `column`; what missing cells are `taken_as`, empty where training had some; and of categories those
that are `known`, whether they are told apart by case (`merge_case`), what separates several in a cell (`separator`) and
the training rows of a known one (`least`); of numbers `lowest` and `highest`."""


def known_of(encoding: Encoding) -> tuple[Known, ...]:
    """What is known of the columns of a model; nothing of images."""
    made = encoding.preprocessing
    if isinstance(made, ImagePreprocessing):
        return ()
    return tuple(
        {"column": one.column, "taken_as": "" if knows_missing(one) else taken_as(made, one)} | _known(one)
        for one in made.encoders
    )


def _known(encoder: Encoder) -> dict[str, Any]:
    match encoder:
        case OneHot() | Category() | Ordinal():
            names = encoder.order if isinstance(encoder, Ordinal) else encoder.categories
            merging = bool(encoder.merge_case)
            return {"known": list(names), "merge_case": merging, "separator": "", "least": least_rows(encoder)}
        case Tags():
            least = least_rows(encoder)
            return {"known": list(encoder.values), "separator": encoder.separator, "least": least}
        case Number() | Quantile() if encoder.lowest is not None and encoder.highest is not None:
            return {"lowest": encoder.lowest, "highest": encoder.highest}
    return {}


def known_text(encoding: Encoding) -> str:
    """The same as the name KNOWN of a Python file."""
    listed = "".join(f"    {one!r},\n" for one in known_of(encoding))
    return f'KNOWN = [\n{listed}]\n"""What the training rows had in each column."""\n'
