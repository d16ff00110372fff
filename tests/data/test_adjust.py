"""Rows that come after others, encoded by what those have taught; other validation rows, another target."""

import numpy as np
import pytest

import batchwright as bw
from batchwright.data.adjust import with_target, with_validation
from batchwright.data.encode.targets import ClassTarget, ValueTarget
from batchwright.data.load import prepare
from batchwright.data.new_rows import encode_labelled
from batchwright.data.options import DataOptions
from batchwright.errors import DataError

RNG = np.random.default_rng(0)
TABLE = {"size": RNG.normal(5.0, 2.0, 40), "colour": ["red", "blue"] * 20, "kind": ["a", "b", "b", "b"] * 10}
LEARNED = bw.load(TABLE, target="kind", scaling="standard", validation_split=0.0, test_split=0.0)


def test_nothing_is_learned_anew() -> None:
    later = {"size": [100.0, np.nan], "colour": ["green", "red"], "kind": ["b", "a"]}
    found = encode_labelled(later, LEARNED.encoding).rows
    size = TABLE["size"]
    expected = [[(100.0 - size.mean()) / size.std(), 0.0, 0.0], [0.0, 0.0, 1.0]]
    np.testing.assert_allclose(found.inputs["numeric"], expected, rtol=1e-6)
    assert found.targets.tolist() == [1, 0]
    with pytest.raises(DataError, match="labels that the training table lacks: c"):
        encode_labelled(later | {"kind": ["c", "a"]}, LEARNED.encoding)
    with pytest.raises(DataError, match="lacks the column"):
        encode_labelled({"size": [1.0], "kind": ["a"]}, LEARNED.encoding)


def test_the_same_rows_and_seed_are_split_as_by_load() -> None:
    whole = bw.load(TABLE, target="kind", validation_split=0.25, test_split=0.0, seed=3)
    options = DataOptions(validation_split=0.25, test_split=0.0)
    again = prepare(TABLE, options, seed=3, like=whole.encoding)
    assert again.validation is not None and whole.validation is not None
    assert again.fingerprint == whole.fingerprint
    assert (again.indices.validation == whole.indices.validation).all()


def test_weights_are_of_the_later_rows_and_weightless_ones_are_left_out() -> None:
    weights = np.arange(40) % 4
    found = encode_labelled(TABLE | {"w": weights}, LEARNED.encoding, weights="w").rows
    counting = weights > 0
    assert found.rows == 30 and (found.targets == LEARNED.train.targets[counting]).all()
    assert found.weights is not None
    np.testing.assert_allclose(found.weights / found.weights.sum(), weights[counting] / weights.sum(), rtol=1e-6)
    part = found.take(np.array([2, 0]))
    assert part.weights is not None and part.weights.tolist() == [0.75, 0.25], "of their own mean, 2"
    assert (part.inputs["numeric"] == found.inputs["numeric"][[2, 0]]).all()


def test_validation_rows_of_another_source() -> None:
    held_out = {name: cells[:5] for name, cells in TABLE.items()}
    found = with_validation(LEARNED, held_out)
    assert found.validation is not None and found.train is LEARNED.train
    assert (found.validation.inputs["numeric"] == LEARNED.train.inputs["numeric"][:5]).all()
    assert found.fingerprint != LEARNED.fingerprint


def test_a_target_of_more_classes_or_another_unit() -> None:
    found = with_target(LEARNED, ClassTarget("kind", ("0", "a", "b")), np.array(TABLE["kind"]))
    assert (found.train.targets == LEARNED.train.targets + 1).all() and found.schema.classes == ("0", "a", "b")
    sizes = bw.load(TABLE, target="size", task="regression", validation_split=0.25, test_split=0.0)
    raw = with_target(sizes, ValueTarget("size", 0.0, 1.0), TABLE["size"])
    for name, part in raw.parts.items():
        np.testing.assert_allclose(part.targets, TABLE["size"][getattr(raw.indices, name)], rtol=1e-6)
