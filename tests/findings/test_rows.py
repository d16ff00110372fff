"""Rows that parts share, and classes that are rare or absent."""

import dataclasses
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.findings.planted import ROWS, clean, loaded, told

from batchwright.data.dataset import Dataset, Split
from batchwright.data.load import load
from batchwright.findings.classes import constant_target, imbalance, missing_classes
from batchwright.findings.columns import MOST_ROWS
from batchwright.findings.contradictions import contradictions, count_outvoted
from batchwright.findings.few_rows import few_rows
from batchwright.findings.groups import group_columns
from batchwright.findings.shared_rows import expected_share, severity, shared_rows
from batchwright.findings.spellings import spellings
from batchwright.findings.unused import doubtful_columns, identifier_columns

TABLE = clean()


def with_copies(count: int, *, targets: bool = True) -> Dataset:
    """A data set whose first `count` test rows are training rows; without targets, of the other class."""
    data = loaded(TABLE)
    test = data.parts["test"]
    inputs = {
        name: np.concatenate([data.train.inputs[name][:count], values[count:]]) for name, values in test.inputs.items()
    }
    own = data.train.targets[:count] if targets else 1 - data.train.targets[:count]
    return dataclasses.replace(data, test=Split(inputs, np.concatenate([own, test.targets[count:]])))


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (0, []),
        (1, [("shared rows", "note")]),
        (10, [("shared rows", "warning")]),
        (80, [("shared rows", "error")]),
    ],
)
def test_shared_rows_are_counted(count: int, expected: list[tuple[str, str]]) -> None:
    found = shared_rows(with_copies(count))
    assert told(found) == expected
    assert all(f"{count} of 90 test rows ({count / 90:.2%})" in finding.evidence for finding in found)


def test_the_same_inputs_with_another_target_are_not_shared() -> None:
    assert shared_rows(with_copies(50, targets=False)) == ()


def test_tables_of_few_distinct_rows_share_them_by_their_nature() -> None:
    rng = np.random.default_rng(0)
    flags = {name: rng.integers(0, 2, ROWS).astype(bool) for name in "abc"}
    found = shared_rows(loaded(flags | {"y": rng.choice(["yes", "no"], ROWS)}))
    assert told(found) == [("shared rows", "note")] * 2
    assert "(100.00%)" in found[0].evidence and "100% would meet by chance" in found[0].evidence


def test_the_share_expected_by_chance_is_that_of_independent_columns() -> None:
    rng = np.random.default_rng(0)
    table = {"a": rng.integers(0, 20, 4000), "b": rng.choice(list("pqrst"), 4000), "c": rng.integers(0, 40, 4000)}
    data = load(table | {"y": rng.normal(size=4000)}, target="y")
    train, test = ({tuple(row) for row in part.inputs["numeric"].tolist()} for part in (data.train, data.parts["test"]))
    seen = [tuple(row) in train for row in data.parts["test"].inputs["numeric"].tolist()]
    assert len(test) > 300
    assert expected_share(data) == pytest.approx(np.mean(seen), abs=0.05)


def test_a_part_of_copies_only_is_an_error_that_names_the_group() -> None:
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(60), 5)
    table = {
        "who": np.char.add("P", person.astype(str)),
        "age": rng.integers(20, 90, 60)[person],
        "pulse": rng.integers(40, 180, 60)[person],
        "y": rng.choice(["yes", "no"], 60)[person],
    }
    found = shared_rows(loaded(table))
    assert told(found) == [("shared rows", "error")] * 2
    assert all("says nothing about new rows" in one.evidence and "`data.group=who`" in one.advice for one in found)
    grouped = group_columns(loaded(table))
    assert told(grouped) == [("group column", "warning")]
    assert "'who'" in grouped[0].evidence and "all other columns are the same" in grouped[0].evidence
    split = loaded(table, group="who")
    assert (shared_rows(split), group_columns(split)) == ((), ())


def test_whoever_is_measured_several_times_is_a_group_too() -> None:
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(40), 10)
    table = {
        "user_id": 1000 + rng.permutation(40)[person],
        "age": rng.integers(20, 90, 40)[person],
        "sex": rng.choice(["f", "m"], 40)[person],
        "pulse": rng.normal(80, 10, 400),
        "y": rng.choice(["yes", "no"], 400),
    }
    found = group_columns(loaded(table))
    assert told(found) == [("group column", "note")]
    assert "'user_id' has 40 values" in found[0].evidence and "2 of 3 other columns" in found[0].evidence
    assert group_columns(loaded(table | {"sex": rng.choice(["f", "m"], 400)})) == ()


@pytest.mark.parametrize("name", ["iris", "wine", "breast-cancer", "diabetes", "moons"])
def test_examples_have_no_group(name: str) -> None:
    assert group_columns(load(name)) == ()


def test_columns_left_out_and_doubtful_ones_are_listed_with_cells_and_what_to_do() -> None:
    rng = np.random.default_rng(0)
    marked = np.where(np.arange(ROWS) % 20 == 0, -200, rng.uniform(600, 2000, ROWS))
    data = loaded(TABLE | {"row_no": np.arange(ROWS), "co": marked, "key": rng.permutation(ROWS * 2)[:ROWS]})
    (left_out,) = identifier_columns(data)
    assert left_out.evidence == "'row_no' (it counts the rows (0, 1, 2, ...)): not used"
    first, second = doubtful_columns(data)
    assert first.evidence.startswith("'co': -200 in 30 rows stands apart")
    assert first.advice == 'if it marks missing cells, `data.columns={"co": {missing: ["-200"]}}` says so'
    assert second.evidence == "'key': all 600 whole numbers differ"
    assert doubtful_columns(loaded(TABLE)) == ()


def test_names_that_differ_only_in_spelling_are_found() -> None:
    answers = np.array(["Yes", "yes", "no"] * 200)
    found = spellings(loaded(TABLE | {"y": answers, "colour": np.array(["Red", "red.", "blue"] * 200)}))
    assert told(found) == [("spelling", "warning"), ("spelling", "note")]
    assert "'Yes' and 'yes' in the target 'y'" in found[0].evidence
    assert "'Red' and 'red.' in 'colour'" in found[1].evidence
    assert spellings(loaded(TABLE | {"y": answers}, merge_case=True)) == ()
    assert spellings(loaded(TABLE)) == ()


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_more_shared_rows_are_never_less_severe(one: float, two: float, repeated: float) -> None:
    order = ["note", "warning", "error"]
    low, high = sorted((one, two))
    assert order.index(severity(low, repeated)) <= order.index(severity(high, repeated))


@pytest.mark.parametrize("name", ["iris", "wine", "digits", "breast-cancer", "diabetes", "moons", "line"])
@pytest.mark.parametrize("seed", range(5))
def test_examples_share_a_row_at_most(name: str, seed: int) -> None:
    assert all(severity == "note" for _, severity in told(shared_rows(load(name, seed=seed))))


def test_images_are_compared_too() -> None:
    data = load("digits")
    copied = dataclasses.replace(data, validation=data.train)
    assert told(shared_rows(copied)) == [("shared rows", "error")]


def test_a_million_rows_take_seconds() -> None:
    data, rows = loaded(TABLE), 1_000_000
    numeric = np.random.default_rng(0).standard_normal((rows, 20), np.float32)
    targets = np.zeros(rows, np.int32)
    large, small = (Split({"numeric": numeric[:count]}, targets[:count]) for count in (rows, rows // 10))
    started = time.process_time()
    found = shared_rows(dataclasses.replace(data, train=large, validation=None, test=small))
    assert time.process_time() - started < 60  # seconds of a processor; 1.4 were measured, all pairs take days
    assert told(found) == [("shared rows", "error")]


def test_of_rows_on_the_disk_a_sample_is_compared_and_it_is_said(tmp_path: Path) -> None:
    rows = 3 * MOST_ROWS
    np.save(tmp_path / "numeric.npy", np.random.default_rng(0).standard_normal((rows, 5), np.float32))
    mapped = np.load(tmp_path / "numeric.npy", mmap_mode="r")
    part = Split({"numeric": mapped}, np.zeros(rows, np.int32))
    data = dataclasses.replace(loaded(TABLE), train=part, validation=None, test=part, memory_limit=1)
    found = shared_rows(data)
    assert f"of {MOST_ROWS:,} test rows (100.00%) looked at, of {rows:,}" in found[0].evidence


def labels(*counts: int) -> dict[str, np.ndarray]:
    y = np.repeat([f"class {place}" for place in range(len(counts))], counts)
    return {"x": np.random.default_rng(0).normal(size=len(y)), "y": y}


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ((500, 400, 300), []),
        ((1000, 50), [("class imbalance", "note")]),
        ((3000, 40, 20), [("class imbalance", "warning")]),
    ],
    ids=str,
)
def test_rare_classes(counts: tuple[int, ...], expected: list[tuple[str, str]]) -> None:
    found = imbalance(loaded(labels(*counts)))
    assert told(found) == expected
    if found:
        assert f"class 'class {len(counts) - 1}' has" in found[0].evidence
        assert f"always answering 'class 0' is right for {counts[0] / sum(counts):.0%}"[:-2] in found[0].evidence


def test_classes_that_a_part_lacks() -> None:
    table = labels(300, 2, 100)
    assert told(missing_classes(loaded(table))) == [("missing class", "note")] * 2
    late = labels(100, 100, 40) | {"day": np.arange(240)}
    found = missing_classes(loaded(late, time="day"))
    assert ("missing class", "warning") in told(found)
    assert "no train row is of 1 of the 3 classes: 'class 2'" in found[0].evidence


def test_a_constant_target() -> None:
    late = labels(200, 100) | {"day": np.arange(300)}
    found = constant_target(loaded(late, time="day", test_split=0.2, validation_split=0.2))
    assert told(found) == [("constant target", "error")] and "is class 0 in all 180 training rows" in found[0].evidence
    data = load("diabetes")
    level = dataclasses.replace(data.train, targets=np.zeros_like(data.train.targets))
    assert told(constant_target(dataclasses.replace(data, train=level))) == [("constant target", "error")]


@pytest.mark.parametrize("name", ["iris", "wine", "digits", "breast-cancer", "diabetes"])
def test_examples_have_all_classes_in_every_part(name: str) -> None:
    data = load(name)
    assert constant_target(data) == imbalance(data) == missing_classes(data) == ()


def test_rows_that_contradict_each_other_are_counted() -> None:
    """A third of the rows is there again with the other class: one of each such pair is outvoted, or as frequent."""
    columns = clean()
    again = np.arange(200)
    doubled = {name: np.concatenate([values, values[again]]) for name, values in columns.items()}
    doubled["y"][600:] = np.where(columns["y"][again] == "yes", "no", "yes")
    found = contradictions(loaded(doubled, validation_split=0.0, test_split=0.0))
    assert told(found) == [("contradicting rows", "warning")]
    assert "200 of 800 training rows" in found[0].evidence
    assert contradictions(loaded(clean())) == ()


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2)), min_size=1, max_size=60))
def test_outvoted_rows_are_those_that_a_majority_vote_gets_wrong(rows: list[tuple[int, int]]) -> None:
    inputs, classes = np.array(rows).T
    groups = [[label for x, label in rows if x == which] for which in set(inputs)]
    wrong = sum(len(group) - max(map(group.count, group)) for group in groups)
    assert count_outvoted(inputs.astype(np.uint64), classes) == wrong


def test_parts_with_few_rows_are_told() -> None:
    assert few_rows(loaded(clean())) == ()
    assert told(few_rows(loaded(clean(100)))) == [("few rows", "note")] * 2
    assert told(few_rows(loaded(clean(20)))) == [("few rows", "error")], "no rows are held back"
