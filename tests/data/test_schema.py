"""A saved schema comes back as it was, or not at all."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchwright.data.typed.schema import KINDS, TASKS, Column, Schema, Task
from batchwright.errors import DataError

COLUMNS = st.tuples(st.text(), st.sampled_from(KINDS), st.booleans(), st.text(), st.text())
PLAIN: dict[str, Any] = {"columns": [{"name": "a", "kind": "numeric"}], "target": None, "task": "regression"}


@given(
    columns=st.lists(COLUMNS),
    target=st.none() | st.text(),
    task=st.sampled_from(TASKS),
    classes=st.lists(st.text()),
)
def test_a_schema_survives_json(columns: list[Any], target: str | None, task: Task, classes: list[str]) -> None:
    schema = Schema(tuple(Column(*column) for column in columns), target, task, tuple(classes))
    assert Schema.from_json(json.loads(json.dumps(schema.to_json()))) == schema


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"extra": 1}, "extra: Unexpected"),
        ({"task": "clustering"}, "task: Input should be"),
        ({"target": 3}, r"target\.str: Input should be a valid string"),
        ({"columns": [{"name": "a", "kind": "number"}]}, r"columns\.0\.kind: Input should be"),
        ({"columns": [{"kind": "numeric"}]}, r"columns\.0\.name: Field required"),
        ({"classes": [float("nan")]}, "not a saved Schema"),
    ],
)
def test_what_is_not_a_schema_is_refused_with_the_place(change: dict[str, Any], message: str) -> None:
    assert Schema.from_json(PLAIN).columns == (Column("a", "numeric"),)
    with pytest.raises(DataError, match=message):
        Schema.from_json({**PLAIN, **change})
