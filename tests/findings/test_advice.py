"""No finding advises what is set already, or what cannot apply to the source: each advised setting is tried."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml
from PIL import Image

from batchwright.data.dataset import Dataset
from batchwright.data.load import prepare
from batchwright.data.options import DataOptions
from batchwright.findings import Finding, Told
from batchwright.findings.inspection import OF_DATA, OF_TOLD

ROWS = 90
RNG = np.random.default_rng(0)
WHOM = np.repeat(np.arange(ROWS // 3), 3)
TABLE = pl.DataFrame(
    {
        "person": [f"p{whom}" for whom in WHOM],
        "age": WHOM % 7,
        "height": WHOM % 11 + 0.5,
        "day": np.arange(ROWS),
        "Colour": RNG.choice(["red", "Red", "blue"], ROWS),
        "y": ["rare", "rare", "last", *np.where(WHOM[3:-6] % 2, "a", "b"), *["last"] * 6],
    }
)
"""A table about which most things can be found: groups, shared rows, rare classes, classes of late rows only."""
SPLITS: list[dict[str, Any]] = [{}, {"split": "shuffled"}, {"group": "person"}, {"time": "day"}]


def findings(data: Dataset, told: Told) -> list[Finding]:
    return [finding for look in OF_TOLD for finding in look(data, told)] + [
        finding for look in OF_DATA for finding in look(data)
    ]


def advised(finding: Finding) -> list[tuple[str, str | None]]:
    """The settings in backquotes, without their section; those after "in place of" are to be left out."""
    kept = re.sub(r"in place of `[^`]*`|leave out `[^`]*`", "", finding.advice)
    found = re.findall(r"`([a-z_.]+)(?:=([^`]*))?`", kept)
    return [(name.removeprefix("data."), value or None) for name, value in found]


def without(finding: Finding, options: dict[str, Any]) -> dict[str, Any]:
    """The options, without those that the advice says are to be left out."""
    gone = re.findall(r"(?:in place of|leave out) `(?:data\.)?([a-z]+)`", finding.advice)
    return {name: value for name, value in options.items() if name not in gone}


def check_advice(source: Any, options: dict[str, Any], told: Told, data: Dataset) -> list[str]:
    """Check that each advised option differs from what is set, and loads; the kinds of findings."""
    for finding in findings(data, told):
        for name, value in advised(finding):
            if name not in DataOptions.__dataclass_fields__:
                assert value is None or not finding.advice.count(told.monitor or "no monitor"), finding
                continue
            if value is None:  # the name of a share, which a part that is drawn has
                assert name.endswith("_split") and len(getattr(data.indices, name.removesuffix("_split"))), finding
                continue
            wanted = {name: "person" if value == "COLUMN" else yaml.safe_load(value)}
            assert getattr(told.data, name) != wanted[name], finding
            prepare(source, DataOptions(**without(finding, options) | wanted))
    return [finding.kind for finding in findings(data, told)]


@pytest.mark.parametrize("rare", [None, "merge", "drop"])
@pytest.mark.parametrize("split", SPLITS, ids=str)
def test_of_a_table_every_advice_can_be_followed(tmp_path: Path, split: dict[str, Any], rare: str | None) -> None:
    TABLE.write_csv(tmp_path / "t.csv")
    options: dict[str, Any] = {"target": "y", "rare_classes": rare} | split
    told = Told(DataOptions(**options))
    kinds = check_advice(tmp_path / "t.csv", options, told, prepare(tmp_path / "t.csv", told.data))
    assert "few rows" in kinds and ("group column" in kinds) == ("group" not in split)


@pytest.mark.parametrize("split", SPLITS, ids=str)
def test_with_test_rows_of_their_own_no_share_of_them_is_advised(tmp_path: Path, split: dict[str, Any]) -> None:
    TABLE.write_csv(tmp_path / "t.csv")
    TABLE.filter(pl.col("y") != "last").head(20).write_csv(tmp_path / "new.csv")
    options: dict[str, Any] = {"target": "y", "test": str(tmp_path / "new.csv")} | split
    told = Told(DataOptions(**options))
    found = findings(prepare(tmp_path / "t.csv", told.data), told)
    of_test = [one for one in found if re.match(r"test has|no test row", one.evidence)]
    assert [one.kind for one in of_test] == ["missing class", "few rows"]
    assert all("not drawn from the training rows" in one.advice and "`" not in one.advice for one in of_test)
    shared = next(one for one in found if one.kind == "shared rows" and "test rows" in one.evidence)
    assert shared.advice == "leave rows out of test that are in the training rows too"


def test_of_images_in_folders_no_column_and_no_share_is_advised(tmp_path: Path) -> None:
    counts = {"train/a": 12, "train/b": 12, "train/c": 2, "validation/a": 4}
    for name, count in counts.items():
        (tmp_path / name).mkdir(parents=True)
        for number in range(count):
            Image.new("L", (4, 4), number * 9).save(tmp_path / name / f"{number}.png")
    told = Told(DataOptions())
    data = prepare(tmp_path, told.data)
    found = findings(data, told)
    assert {"few rows", "missing class", "shared rows"} <= {one.kind for one in found}
    assert not any("data.group" in one.advice or "_split`" in one.advice for one in found)
    assert not any("stratified" in one.advice for one in found)


@pytest.mark.parametrize(
    ("told", "parts", "advised"),
    [
        (Told(), {}, {"training.early_stopping.monitor", "class_weights"}),
        (Told(weighs_classes=True), {}, {"training.early_stopping.monitor"}),
        (Told(monitor="val_balanced_accuracy"), {}, {"class_weights"}),
        (Told(monitor="val_loss"), {"validation_split": 0.0}, {"class_weights"}),
        (Told(weighs_classes=True, monitor="val_balanced_accuracy"), {}, set()),
    ],
)
def test_of_uneven_classes_nothing_is_advised_that_is_set(told: Told, parts: dict[str, float], advised) -> None:
    columns = {"x": RNG.normal(size=600), "y": ["a", "b"] * 25 + ["b"] * 550}
    data = prepare(columns, DataOptions(target="y", **parts))
    (found,) = [one for one in findings(data, told) if one.kind == "class imbalance"]
    assert set(re.findall(r"`([a-z_.]+)=", found.advice)) == advised


def test_split_by_class_is_advised_only_where_it_is_not_so_and_merging_only_where_classes_are_rare() -> None:
    shown = {}
    for split in SPLITS:
        told = Told(DataOptions(target="y", **split))
        data = prepare(TABLE.to_dict(as_series=False), told.data)
        shown[str(split)] = [one.advice for one in findings(data, told) if one.kind == "missing class"]
    assert not any("stratified" in one for split, said in shown.items() for one in said if "shuffled" not in split)
    assert any("data.split=stratified" in one for one in shown[str({"split": "shuffled"})])
    assert all("rare_classes=merge" in one for one in shown[str({})])  # "rare" has two rows


def test_the_counts_of_shared_rows_in_notes_and_findings_agree() -> None:
    rng = np.random.default_rng(1)
    columns = {"x": rng.integers(0, 60, 400), "z": rng.integers(0, 8, 400), "y": rng.choice(["a", "b"], 400)}
    data = prepare(columns, DataOptions(target="y"))
    said = " ".join(data.notes)
    noted = re.findall(r"(\d+) of \d+ (\w+) rows have the same inputs as a row of train", said)
    found = [one.evidence for one in findings(data, Told()) if one.kind == "shared rows"]
    counts = {}
    for said in found:
        same, part = re.match(r"(\d+) of \d+ (\w+) rows", said).groups()
        other = re.search(r"\((\d+) more ha", said)
        counts[part] = int(same) + (int(other[1]) if other else 0)
    assert counts == {part: int(count) for count, part in noted} and len(counts) == 2
    train = set(map(tuple, data.train.inputs["numeric"].tolist()))
    assert counts["test"] == sum(tuple(row) in train for row in data.test.inputs["numeric"].tolist())
