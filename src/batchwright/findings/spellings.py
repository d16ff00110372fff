"""Classes and categories that differ only in case, blanks or trailing points."""

from collections.abc import Iterator

from batchwright.data.dataset import Dataset
from batchwright.data.encode.encoders import Category, OneHot
from batchwright.data.encode.preprocessing import Preprocessing
from batchwright.data.encode.several import SeveralTargets
from batchwright.data.encode.spelling import list_spellings, spellings_of
from batchwright.data.encode.targets import ValueTarget
from batchwright.data.typed.cells import first_ten
from batchwright.findings.finding import Finding


def spellings(dataset: Dataset) -> tuple[Finding, ...]:
    """Classes of the target, and categories of columns, that are spelt in several ways; a warning for classes."""
    found = (
        _finding(list(_spelt_classes(dataset)), "warning", "classes"),
        _finding(list(_spelt_categories(dataset)), "note", "categories"),
    )
    return tuple(finding for finding in found if finding)


def _finding(listed: list[str], severity: str, what: str) -> Finding | None:
    if not listed:
        return None
    return Finding(
        "spelling",
        "warning" if severity == "warning" else "note",
        f"{what} differ only in case, blanks or a trailing point: {first_ten(listed)}",
        "if they mean the same, make them one: `merge_case=true`",
    )


def _spelt_classes(dataset: Dataset) -> Iterator[str]:
    target = dataset.target
    for part in target.parts if isinstance(target, SeveralTargets) else (target,):
        if not isinstance(part, ValueTarget) and not part.merge_case and (found := spellings_of(part.classes)):
            yield f"{list_spellings(found)} in the target {part.name!r}"


def _spelt_categories(dataset: Dataset) -> Iterator[str]:
    encoders = dataset.preprocessing.encoders if isinstance(dataset.preprocessing, Preprocessing) else ()
    for encoder in encoders:
        categories = encoder.categories if isinstance(encoder, OneHot | Category) and not encoder.merge_case else ()
        if found := spellings_of(categories):
            yield f"{list_spellings(found)} in {encoder.column!r}"
