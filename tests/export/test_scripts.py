"""The scripts of the page predict what the model predicts, and their parts are right for themselves."""

from collections.abc import Callable
from hashlib import blake2b

import numpy as np
import polars as pl
import pytest
from tests.export.models import MODELS, TEXTS, Example
from tests.export.reading import TOLERANCE, compare
from tests.export.scripts import needs_node, plain, run_script

from batchwright.data.encode.spelling import fold
from batchwright.export.model_graph import graph_of
from batchwright.export.page import folds, page_model
from batchwright.runs.predictions import predict

pytestmark = needs_node
ANSWERS = """
  const model = await loadModel(given.model);
  const found = given.images ? {answers: await answerTyped(model, {[model.fields[0].name]: take(given.images)})}
    : await answerAll(model, given.columns, given.pictures);
  return found.bad ?? Object.entries(found.answers).map(([name, values]) => [name, values.map(String)]);
  async function answerAll(model, columns, pictures) {
    if (!pictures) return answerCells(model, columns);
    const read = (reader) => [reader.column, readColumn(reader, columns[reader.column])[0]];
    const typed = Object.fromEntries(model.readers.map(read));
    for (const [name, pixels] of Object.entries(pictures)) typed[name] = take(pixels);
    return {answers: await answerTyped(model, typed)};
  }
"""


@pytest.mark.parametrize("name", [*MODELS, *TEXTS])
def test_they_predict_what_the_model_predicts(name: str, example: Callable[[str], Example]) -> None:
    model, source, columns = example(name)
    pictures = {key: plain(cells) for key, cells in columns.items() if isinstance(cells, np.ndarray)}
    given = {
        "model": page_model(graph_of(model), model.encoding, []),
        "columns": {key: cells for key, cells in columns.items() if key not in pictures},
        "images": pictures.get("image"),
        "pictures": pictures or None,
    }
    wanted = predict(model, source).frame()
    found = dict(run_script(ANSWERS, given))
    answers = {
        key: cells if wanted[key].dtype == pl.String else np.array(cells, np.float64) for key, cells in found.items()
    }
    assert compare(answers, wanted) < TOLERANCE


def test_words_are_hashed_as_the_standard_library_does() -> None:
    words = ["", "a", "Größe", "漢", "x" * 128, "y" * 129, "z" * 300]
    found = run_script("return given.map((word) => blake2b8(word).toString())", words)
    wanted = [int.from_bytes(blake2b(word.encode(), digest_size=8).digest(), "little") for word in words]
    assert list(map(int, found)) == wanted


def test_case_is_left_out_as_python_does() -> None:
    texts = ["Straße", "ΑΣ", "ﬁne", "İ", " A  b. ", "...", "Ǆ", "ẞ"]
    given = {"texts": texts, "folds": folds(merge_case=True)}
    assert run_script("return given.texts.map((text) => fold(text, given.folds))", given) == list(map(fold, texts))
