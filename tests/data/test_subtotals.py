"""Rows that are sums of others are found by their label and by what they hold; a category of that name is none."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.data.test_layout import both_ways

from batchwright.data.typed.table import from_frame

GENERATOR = np.random.default_rng(0)


def with_sums(label: str, *, second: bool, sums: bool = True) -> pd.DataFrame:
    """Five towns of four rows, each followed by a row of sums, made by pandas."""
    parts = list[pd.DataFrame]()
    for town in ("Bern", "Basel", "Zug", "Chur", "Genf"):
        rows = pd.DataFrame({"town": town, "kind": list("abcd"), "pay": GENERATOR.integers(1, 90, 4) / 4})
        last = {"town": label.format(town), "kind": None if second else "a", "pay": rows["pay"].sum() if sums else 3.0}
        parts += [rows, pd.DataFrame([last])]
    return pd.concat(parts).astype({"kind": "string"})


@pytest.mark.parametrize("label", ["Total", "Subtotal", "Summe {}", "{} Total", "Zwischensumme:", "合计", "Итого"])
@pytest.mark.parametrize(("second", "sums"), [(True, False), (False, True)])
def test_rows_of_sums_are_found_by_their_label_and_what_they_hold(
    tmp_path: Path, label: str, second: bool, sums: bool
) -> None:
    table = both_ways(tmp_path, with_sums(label, second=second, sums=sums).to_csv(index=False) + "Bern,a,2\nZug,b,1\n")
    said = f"5 rows look like sums of the rows above, as column 'town' says {label.format('Bern')!r}: "
    where = "lines 6, 11, 16, 21, 26; delete them from the file, as they count other rows twice"
    assert [note for note in table.notes if "sum" in note] == [said + where]


def test_a_total_of_all_rows_among_them_is_found(tmp_path: Path) -> None:
    table = both_ways(tmp_path, "a,n\nx,1\ny,2\nz,4\nTotal,7\nu,3\nv,1\n")
    assert "1 row looks like a sum of the rows above, as column 'a' says 'Total': line 5" in table.notes[-1]


@pytest.mark.parametrize("name", ["Total", "Total Bern", "Summe"])
def test_a_category_of_that_name_is_none(tmp_path: Path, name: str) -> None:
    rows = pd.DataFrame(
        {"brand": [name, "Shell", "Esso"] * 10, "kind": list("abcde") * 6, "pay": GENERATOR.normal(size=30)}
    )
    assert both_ways(tmp_path, rows.to_csv(index=False)).notes == ()
    some = pd.DataFrame({"film": ["Total Recall", *map(str, "abcdefghi")], "stars": GENERATOR.normal(size=10)})
    assert not any("sum" in note for note in from_frame(some).notes)
