"""Classes that are rare are left out or become one; names that differ only in spelling are one, if that is asked."""

import re
from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchwright.data.dataset import Dataset
from batchwright.data.encode.classes import ClassRules, ClassTarget
from batchwright.data.encode.encoders import Category, OneHot, category_encoder
from batchwright.data.encode.encoding import Encoding
from batchwright.data.encode.labels import fit_labels, looks_like_labels
from batchwright.data.encode.spelling import fold, fold_cells, merge_counts
from batchwright.data.encode.targets import fit_target
from batchwright.data.load import load
from batchwright.data.new_rows import encode_labelled
from batchwright.data.typed.table import from_frame
from batchwright.data.whole_rows import read_whole
from batchwright.errors import ConfigError, DataError

SPELLINGS = st.sampled_from(["no", "No", "NO.", " no", "n o", "N  o", "yes", "Yes..", "...", "<=50K", "<=50K."])
RARE = ["burnt", *["cracked"] * 2, *["ok"] * 40, *["worn"] * 30]


def rare_table(labels: list[str] = RARE) -> dict[str, list]:
    return {"x": np.random.default_rng(0).normal(size=len(labels)).tolist(), "y": labels}


def labels_of(data: Dataset) -> Counter[str]:
    return Counter(label for part in data.parts.values() for label in data.target.decode(part.targets))


@given(st.lists(SPELLINGS, min_size=1))
def test_names_are_one_if_they_agree_in_letters_and_inner_blanks(texts: list[str]) -> None:
    expected = {re.sub(r"[.\s]+$", "", text.lower()) or text for text in texts}
    expected = {re.sub(r"\s+", " ", text.strip()) for text in expected}
    assert set(map(fold, texts)) == expected
    assert fold_cells(pl.Series([*texts, None])).to_list() == [*map(fold, texts), None]
    merged = merge_counts(Counter(texts))
    assert sum(merged.values()) == len(texts)
    assert len(merged) == len(expected)
    for name, rows in merged.items():
        alike = [text for text in texts if fold(text) == fold(name)]
        assert (rows, texts.count(name)) == (len(alike), max(map(alike.count, alike)))


def test_the_error_on_single_rows_names_every_way_on() -> None:
    with pytest.raises(DataError, match="'burnt'") as raised:
        load(rare_table(), target="y")
    assert "`rare_classes=drop`" in str(raised.value) and "regression" not in str(raised.value)
    numbers = {"x": list(range(41)), "y": [*range(10), *[10] * 4, *list(range(9)) * 3]}
    with pytest.raises(DataError, match=r"'9'.*`task.name=regression` learns the numbers as values"):
        load(numbers, target="y")


@pytest.mark.parametrize(("test_split", "kept"), [(0.15, {"ok": 40, "worn": 30}), (0.0, None)])
def test_rows_of_rare_classes_are_left_out_and_counted(test_split: float, kept: dict[str, int] | None) -> None:
    data = load(rare_table(), target="y", rare_classes="drop", test_split=test_split)
    assert labels_of(data) == (kept or {"cracked": 2, "ok": 40, "worn": 30})
    dropped = "3 rows of 'burnt' (1), 'cracked' (2) are" if kept else "1 row of 'burnt' (1) is"
    assert f"target 'y': {dropped} left out, as their classes are rare" in data.notes
    assert Encoding.from_json(data.encoding.to_json()) == data.encoding


def test_rare_classes_become_one_which_new_rows_have_too() -> None:
    data = load(rare_table(), target="y", rare_classes="merge")
    assert labels_of(data) == {"ok": 40, "other": 3, "worn": 30}
    assert "target 'y': 3 rows of 'burnt' (1), 'cracked' (2) are of the class 'other'" in data.notes
    encoding = Encoding.from_json(data.encoding.to_json())
    rows = encode_labelled({"x": [1.0, 2.0, 3.0], "y": ["cracked", "ok", "other"]}, encoding).rows
    assert data.target.decode(rows.targets).tolist() == ["other", "ok", "other"]
    with pytest.raises(DataError, match="labels that the training table lacks: new"):
        encode_labelled({"x": [1.0], "y": ["new"]}, encoding)


def test_rare_classes_join_one_that_is_called_other() -> None:
    target = fit_target(from_frame(rare_table([*RARE, *["Other"] * 9])), "y", rules=ClassRules("merge"))
    assert isinstance(target, ClassTarget)
    assert target.classes == ("Other", "ok", "worn")
    assert target.encode(from_frame(rare_table(["burnt", "Other", "ok"]))).tolist() == [0, 0, 1]


def test_numbers_keep_their_order_and_other_comes_last() -> None:
    table = from_frame({"y": [2, 10, 9] * 5 + [100, 101]})
    assert fit_target(table, "y", rules=ClassRules("merge")).classes == ("2", "9", "10", "other")
    assert fit_target(table, "y", rules=ClassRules("drop")).classes == ("2", "9", "10")


def test_one_rare_row_is_no_class_and_one_class_is_too_few() -> None:
    with pytest.raises(DataError, match=r"the only rare class, 'burnt', has one row, too few.*`rare_classes=drop`"):
        load(rare_table(["burnt", *["ok"] * 40, *["worn"] * 30]), target="y", rare_classes="merge")
    with pytest.raises(DataError, match="1 class of 3 rows or more: classification needs two"):
        load(rare_table(["burnt", "cracked", *["ok"] * 70]), target="y", rare_classes="drop")
    with pytest.raises(ConfigError, match="rare_classes is for classes, but numbers are predicted"):
        load("diabetes", rare_classes="drop")


def test_own_test_rows_and_rows_to_evaluate_are_treated_likewise() -> None:
    test = {"x": [1.0, 2.0, 3.0], "y": ["ok", "burnt", "worn"]}
    data = load(rare_table(), target="y", rare_classes="drop", test=test)
    assert data.parts["test"].rows == 2
    found = encode_labelled(test, data.encoding)
    assert found.rows.rows == 2
    assert found.notes == ("1 row is left out, as the model has not learned their classes",)


def test_rare_classes_of_several_targets() -> None:
    rows = len(RARE)
    table = rare_table() | {"z": ["a", "b"] * (rows // 2) + ["rare"] * (rows % 2)}
    data = load(table, target=["y", "z"], rare_classes="drop")
    assert sum(part.rows for part in data.parts.values()) == rows - 3 - rows % 2


def test_classes_and_categories_that_differ_only_in_spelling_are_noted() -> None:
    table = {"x": ["Red", "red", "blue"] * 20, "z": list(range(60)), "y": ["no", "No", "NO.", "yes", "yes"] * 12}
    data = load(table, target="y")
    note = "differ only in case, blanks or a trailing point; `merge_case=true` makes them one"
    assert {f"target 'y': 'NO.' and 'No' and 'no' {note}", f"column 'x': 'Red' and 'red' {note}"} <= set(data.notes)
    assert data.schema.classes == ("NO.", "No", "no", "yes")


def test_spellings_are_merged_in_targets_and_columns_and_new_rows() -> None:
    table = {"x": ["Red", "red", "red", "blue"] * 15, "z": list(range(60)), "y": ["no", "No", "No", "yes"] * 15}
    data = load(table, target="y", merge_case=True)
    assert data.schema.classes == ("No", "yes")
    assert "target 'y': 'no' (15 rows) is taken as 'No'" in data.notes
    assert any(note.startswith("column 'x': 'Red'") for note in data.notes)
    encoding = Encoding.from_json(data.encoding.to_json())
    found = encode_labelled({"x": ["RED ", "red", "green"], "z": [1, 1, 1], "y": ["NO.", "no", "Yes"]}, encoding)
    assert found.rows.targets.tolist() == [0, 0, 1]
    whole = next(read_whole({"x": ["RED ", "red", "green"], "z": [1, 1, 1]}, encoding))
    assert "green" in repr(whole.unfamiliar)
    assert "RED" not in repr(whole.unfamiliar)
    numeric = whole.inputs["numeric"]
    assert numeric[0].tolist() == numeric[1].tolist() != numeric[2].tolist()


@given(st.lists(st.none() | SPELLINGS, min_size=1), st.sampled_from([0, 3]))
def test_merged_categories_are_those_of_folded_cells(cells: list[str | None], one_hot_max: int) -> None:
    column = pl.Series(cells, dtype=pl.String)
    merged = category_encoder("c", column, one_hot_max, merge_case=True)
    folded = pl.Series([None if cell is None else fold(cell) for cell in cells], dtype=pl.String)
    plain = category_encoder("c", folded, one_hot_max)
    assert type(merged) is type(plain)
    assert sorted(map(fold, merged.categories)) == sorted(plain.categories)
    if isinstance(merged, Category) and isinstance(plain, Category):
        known = {fold(name): place for place, name in enumerate(merged.categories, 1)}
        expected = [known.get(fold(cell), 0) if cell is not None else len(known) + 1 for cell in cells]
        assert merged.codes(column).tolist() == expected
    else:
        assert isinstance(merged, OneHot)


def test_saved_encodings_of_earlier_versions_still_open() -> None:
    data = load(rare_table(), target="y", rare_classes="drop")
    plain = load(rare_table(RARE[1:]), target="y").encoding.to_json()
    assert not any(key in repr(plain) for key in ("merge_case", "merged", "dropped"))
    assert Encoding.from_json(plain).target == ClassTarget("y", ("cracked", "ok", "worn"))
    assert "dropped" in repr(data.encoding.to_json())


def test_labels_in_a_cell_are_merged_too() -> None:
    table = from_frame({"y": ["Red|round", "red", "red|Round", "round"] * 3})
    target = fit_labels(table, "y", merge_case=True)
    assert target.classes == ("red", "round")
    assert target.encode(from_frame({"y": ["RED", "ROUND.|red"]})).tolist() == [[1, 0], [1, 1]]
    assert target.strangers(from_frame({"y": ["RED|blue"]})) == ["blue"]


@pytest.mark.parametrize(
    ("classes", "found"),
    [
        (("Old", "Epic", "Old Epic", "Drama"), "Old Epic"),
        (("New York", "New Jersey", "Ohio"), None),
        (("light blue", "blue", "dark blue"), None),
        (("red,round", "red", "round,blue"), "red,round"),
        (("Seattle, WA", "Tacoma, WA", "Austin, TX"), None),
    ],
)
def test_blanks_between_labels_are_seen_only_where_each_part_is_a_class(
    classes: tuple[str, ...], found: str | None
) -> None:
    assert looks_like_labels(classes) == found


def test_classes_of_whole_numbers_are_told_where_they_are_chosen(tmp_path: Path) -> None:
    numbers = {"x": np.random.default_rng(0).normal(size=60), "y": [1, 2, 3] * 20}
    note = "target 'y': 3 classes of whole numbers, 1 to 3; `task.name=regression` learns them as values"
    assert note in load(numbers, target="y").notes
    assert note not in load(numbers, target="y", task="classification").notes
    assert not any("whole numbers" in note for note in load(numbers | {"y": [0, 1] * 30}, target="y").notes)
