"""Python files and pages as `export` writes them: checked against the model, refused where they differ."""

import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.cli.conftest import batchwright  # noqa: F401  (a fixture)
from tests.export.models import Example, cells, targets, write_csv

import batchwright as bw
from batchwright.cli import export as verb
from batchwright.cli.main import main
from batchwright.data.encode.encoders import Number
from batchwright.data.encode.encoding import Encoding
from batchwright.data.encode.preprocessing import Preprocessing
from batchwright.data.encode.targets import ValueTarget
from batchwright.data.typed.schema import Column, Schema
from batchwright.errors import BatchwrightError
from batchwright.export import exporting, html_format, numpy_format, rounding
from batchwright.export.exporting import export_model
from batchwright.export.facts import WORDS, Fact
from batchwright.export.formats import Format, Options
from batchwright.export.graph import Graph, Node, Value
from batchwright.export.numpy_file import RUNTIME, numpy_file
from batchwright.export.page import page
from batchwright.export.parts import Parts
from batchwright.export.rows_to_check import made_rows

FORMATS = (numpy_format.NUMPY, html_format.HTML)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on a file that can be read again."""
    folder = tmp_path_factory.mktemp("run")
    found = cells(200, 0)
    columns = {name: found[name] for name in ("number", "day", "colour")} | {"kind": targets(found, 1)["kind"]}
    rows = write_csv(folder / "rows.csv", columns)
    words = ("train", rows, "--target", "kind", "--epochs", 1, "--set", "network.hidden_layer_sizes=[4]")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["batchwright", *map(str, words), "--run-dir", str(folder / "run")])
        with pytest.raises(SystemExit, match="0"):
            main()
    return folder / "run"


@pytest.mark.parametrize("name", ["model.py", "model.html"])
def test_it_is_compared_with_the_model_on_the_test_rows(name: str, run: Path, tmp_path: Path) -> None:
    made = export_model(bw.open_run(run), tmp_path / name)
    assert made.checked.difference < numpy_format.TOLERANCE
    assert made.checked.what == "test rows" and made.checked.rows > 1
    text = made.file.read_text(encoding="utf-8")
    assert "from the run run." in text or '"run": "run"' in text
    assert "On its test rows: loss " in text or '"metrics_test", "given": {"listed": "loss ' in text


def test_the_command_line_writes_them(run: Path, batchwright: Any) -> None:  # noqa: F811
    for name in ("model.py", "model.html"):
        said = batchwright("export", run, name)
        assert said.code == 0 and "answers as the model does on" in said.out
        assert batchwright("export", run, name).code == 2
    assert batchwright("export", run, "model.txt", "--format", "numpy").code == 0
    refused = batchwright("export", run, "other.py", "--opset", "15")
    assert refused.code == 2 and not Path("other.py").exists()


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: one.name)
@pytest.mark.parametrize("name", ["dates, order and embedding", "words", "image", "labels"])
def test_rows_made_up_are_answered_too(name: str, chosen: Format, example: Any) -> None:
    model: Example = example(name)
    content = chosen.write(model.model, Options(about={"batchwright": "0"}))
    found = chosen.check(content, model.model, made_rows(model.model.encoding), Options())
    assert found.difference < numpy_format.TOLERANCE and found.rows == 501


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: one.name)
def test_a_file_that_differs_is_refused(
    chosen: Format, run: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As if a weight had been lost on the way into the file."""
    module, name = (html_format, "graph_of") if chosen.name == "html" else (numpy_format, "parts_of")
    whole = getattr(module, name)

    def spoiled(*given: Any, **asked: Any) -> Any:
        found = whole(*given, **asked)
        graph = found.network if chosen.name == "numpy" else found
        kernel = next(name for name, array in graph.constants.items() if array.dtype == np.float32 and array.ndim == 2)
        graph.constants[kernel].flags.writeable = True
        graph.constants[kernel][0, 0] += 0.01
        return found

    monkeypatch.setattr(module, name, spoiled)
    with pytest.raises(BatchwrightError, match="does not answer as the model does"):
        export_model(bw.open_run(run), tmp_path / f"model{chosen.suffix}")
    assert list(tmp_path.iterdir()) == []


def odd_graph() -> tuple[Graph, Encoding]:
    """A graph of odd names and settings: a number, less a margin of infinity, and a text of its own."""
    column, target = 'a"""\n</script><!--\\', "<b>"
    wide = Value("wide", "float64", (None, 1))
    padded, number = Value("padded", "float64", (None, 2)), Value(f"predicted_{target}", "float64", (None,))
    nodes = (
        Node("Reshape", (column,), wide, {"shape": (-1, 1)}),
        Node("Pad", ("wide",), padded, {"pads": (0, 0, 0, 1), "value": -np.inf}),
        Node("ReduceMax", ("padded",), number, {"axes": (1,), "keepdims": 0}),
    )
    graph = Graph((Value(column, "float64", (None,)),), {}, nodes, (number,))
    columns = (Column(column, "numeric"), Column(target, "numeric", used=False))
    made = Preprocessing((Number(column, 0.0, 1.0, indicator=False),))
    return graph, Encoding(Schema(columns, target, "regression"), made, ValueTarget(target, 0.0, 1.0))


def in_parts(graph: Graph) -> Parts:
    """The graph as one that encodes, and two that pass on what it gives."""
    (value,) = graph.outputs
    between = [value._replace(name=name) for name in (value.name, "outputs", value.name)]
    passing = [Node("Reshape", (one.name,), other, {"shape": (-1,)}) for one, other in pairwise(between)]
    further = (Graph((node_in,), {}, (node,), (node.output,)) for node_in, node in zip(between, passing, strict=False))
    return Parts(graph, *further)


def test_names_are_never_code() -> None:
    graph, encoding = odd_graph()
    name = graph.inputs[0].name
    found = numpy_format.PythonModel(numpy_file(in_parts(graph), encoding, [name]).encode())
    given = {name: np.array([1.5, -2.0])}
    assert found.answers(given)["predicted_<b>"].tolist() == [1.5, -2.0]
    text = page(graph, encoding, [Fact("made_from", {"version": "1", "run": name})])
    assert text.count("</script>") == 2 and "<!--" not in text and "<b>" not in text.split('id="model"')[0]
    assert html_format.PageModel(text.encode()).answers(given)["predicted_<b>"].tolist() == [1.5, -2.0]


HOSTILE = (
    '"""\nboom = 1\n"""',
    "'''\nboom = 1\n",
    "\\",
    '"""',
    "</script><script>boom = 1</script>",
    "<!--<script>",
    "\r\nboom = 1\r\n",
)


def test_texts_of_a_run_stay_texts(tmp_path: Path) -> None:
    """Names of columns, categories and classes that look like code are not run, neither in the file nor in the page."""
    names = {f"a{text}": [text, "plain"] * 20 for text in HOSTILE}
    frame = pl.DataFrame(names | {'y"""\nboom = 1\n': [HOSTILE[0], HOSTILE[4]] * 20})
    data = bw.load(frame, target='y"""\nboom = 1\n', validation_split=0.2, test_split=0)
    model = bw.fit(data, network=bw.nn.Linear(), epochs=1, batch_size=8, progress=False).model
    written = {name: export_model(model, tmp_path / name).file for name in ("model.py", "model.html")}
    python = numpy_format.PythonModel(written["model.py"].read_bytes())
    assert "boom" not in python._names
    answers = python.call("predict", frame.drop(frame.columns[-1]).to_dicts())
    expected = bw.predict(model, frame).answers
    assert list(next(iter(answers.values()))) == list(expected)
    page = written["model.html"].read_text(encoding="utf-8")
    assert page.count("</script>") == 2 and "<!--" not in page  # a script ends where it is to end


def test_facts_have_the_same_words_in_the_page() -> None:
    words = (RUNTIME / "words.js").read_text(encoding="utf-8")
    assert all(f'{key}: "{sentence}"' in words for key, sentence in WORDS.items())


def test_a_shell_completes_all_formats() -> None:
    assert [one.name for one in (*exporting.FORMATS, *exporting.FOLDERS)] == list(verb.FORMATS)
    assert rounding.PRECISIONS == verb.PRECISIONS
