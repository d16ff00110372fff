"""Names that differ only in case, blanks or trailing points, such as No, no and NO., and how they become one."""

from collections.abc import Iterable, Mapping

import polars as pl


def fold(text: str) -> str:
    """The text without differences of case, blanks and trailing points; text of points alone stays.

    >>> fold(" <=50K. "), fold("New  York"), fold("...")
    ('<=50k', 'new york', '...')
    """
    plain = " ".join(text.casefold().split())
    return plain.rstrip(". ") or plain


def fold_cells(texts: pl.Series) -> pl.Series:
    """Every cell folded; a missing cell stays missing."""
    distinct = texts.drop_nulls().unique()
    folded = pl.Series([fold(text) for text in distinct], dtype=pl.String)
    return texts.replace_strict(distinct, folded, default=None, return_dtype=pl.String)


def merge_counts(counts: Mapping[str, int]) -> dict[str, int]:
    """The rows of each name, with all its spellings; its name is the most frequent one, of several the first as text.

    >>> merge_counts({"no": 2, "No": 3, "NO.": 3, "yes": 1})
    {'NO.': 8, 'yes': 1}
    """
    return {
        min(spellings, key=lambda text: (-counts[text], text)): sum(counts[text] for text in spellings)
        for spellings in _by_name(counts).values()
    }


def spellings_of(texts: Iterable[str]) -> list[tuple[str, ...]]:
    """The texts of each name that is spelt in several ways, in order.

    >>> spellings_of(["no", "No", "yes"])
    [('No', 'no')]
    """
    return sorted(tuple(sorted(spellings)) for spellings in _by_name(texts).values() if len(spellings) > 1)


def spelling_note(counts: Mapping[str, int], *, merge_case: bool) -> str:
    """A sentence on names that are spelt in several ways, given how many rows each text has; empty if there are none.

    >>> spelling_note({"no": 2, "No": 3}, merge_case=True)
    "'no' (2 rows) is taken as 'No'"
    """
    found = spellings_of(counts)
    if not found:
        return ""
    if not merge_case:
        listed = list_spellings(found)
        return f"{listed} differ only in case, blanks or a trailing point; `merge_case=true` makes them one"
    names = {fold(name): name for name in merge_counts(counts)}
    others = [(text, names[fold(text)]) for spellings in found for text in spellings if text not in names.values()]
    listed = ", ".join(f"{text!r} ({counts[text]:,} rows) is taken as {name!r}" for text, name in others[:5])
    return listed + (f" and {len(others) - 5:,} more" if len(others) > 5 else "")


def list_spellings(found: list[tuple[str, ...]]) -> str:
    """The spellings of the first three names, and how many more there are.

    >>> list_spellings([("No", "no"), ("YES", "Yes", "yes")])
    "'No' and 'no', 'YES' and 'Yes' and 'yes'"
    """
    listed = ", ".join(" and ".join(map(repr, spellings[:5])) for spellings in found[:3])
    return listed + (f" and {len(found) - 3:,} names more" if len(found) > 3 else "")


def _by_name(texts: Iterable[str]) -> dict[str, list[str]]:
    """The texts of each name."""
    found: dict[str, list[str]] = {}
    for text in texts:
        found.setdefault(fold(text), []).append(text)
    return found
