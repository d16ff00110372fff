"""A model as one Python file that needs NumPy alone."""

import base64
import math
import re
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from pprint import pformat
from textwrap import fill
from typing import Any

import numpy as np

from batchwright.data.encode.encoding import Encoding
from batchwright.export.cells import Reader, for_python, readers_of
from batchwright.export.description import fields_of, list_some
from batchwright.export.familiar import known_text
from batchwright.export.graph import Attribute, Graph, Node
from batchwright.export.parts import OUTPUTS, Parts

RUNTIME = Path(__file__).parent / "runtime"
MODULES = ("written", "dates", "cells", "texts", "operators", "graph", "unlike", "answering")
"""The modules that are copied, each after those that it imports."""
OURS = re.compile(r"^from batchwright\.\S+ import (?:\([^)]*\)|[^\n]*)\n", re.MULTILINE)
IMPORT = re.compile(r"^(?:import|from) [^\n]+\n", re.MULTILINE)
DOCSTRING = re.compile(r'\A"""(.*?)"""\n', re.DOTALL)
WIDTH = 118


def numpy_file(parts: Parts, encoding: Encoding, facts: Sequence[str]) -> str:
    """The text of the file.

    Args:
        parts: the model.
        encoding: how its columns are read.
        facts: where the model is from and how good it is, a sentence each.
    """
    sources = [(RUNTIME / f"{name}.py").read_text(encoding="utf-8") for name in MODULES]
    texts = [
        _header(whole_way(parts), encoding, facts),
        imports_of(sources),
        readers_text(encoding),
        known_text(encoding),
        *map(body_of, sources),
        *(graph_text(graph, f"{name.upper()}_") for name, graph in parts._asdict().items()),
        _ending(parts, encoding),
    ]
    return "\n\n".join(text.strip("\n") for text in texts) + "\n"


def whole_way(parts: Parts) -> Graph:
    """What goes in and what comes out of a model, without what is between."""
    return Graph(parts.encoding.inputs, {}, (), parts.answers.outputs)


def _header(graph: Graph, encoding: Encoding, facts: Sequence[str]) -> str:
    """What the file is, what it predicts, and how it is used."""
    images = len(graph.inputs) == 1 and len(graph.inputs[0].shape) == 4
    example = "images" if images else f"[{{{graph.inputs[0].name!r}: ..., ...}}]"
    used = [
        "It needs Python 3.11 or newer, and NumPy. On the command line:",
        "",
        f"    python model.py {'images.npy' if images else 'rows.csv'} > answers.csv",
        "",
        "In Python, with rows as a list of dicts, as columns by name, as a data frame, or with an array of images:",
        "",
        "    from model import predict",
        "",
        f"    answers = predict({example})",
        "",
        "`notes` says what is unlike the training in such rows. Where the network itself is elsewhere, as in a file of",
        "Keras, `encode` gives its inputs for rows, and `decode` the answers that its outputs mean.",
    ]
    return docstring_of(f"Predict {encoding.target.name} with NumPy alone.", graph, encoding, facts=facts, used=used)


def docstring_of(title: str, graph: Graph, encoding: Encoding, *, facts: Sequence[str], used: Sequence[str]) -> str:
    """The top of a file: its title, facts, how it is `used`, its columns and its answers."""
    lines = [
        title,
        "",
        *(fill(fact, WIDTH) for fact in facts),
        "",
        *used,
        "",
        "Columns that it takes:",
        "",
        *(fill(f"- {one.sentence}", WIDTH, subsequent_indent="  ") for one in fields_of(graph, encoding)),
        "",
        fill(f"Answers: {list_some([one.name for one in graph.outputs], 20)}", WIDTH),
    ]
    text = "\n".join(lines).replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    return f'"""{text}\n"""'


def imports_of(sources: Sequence[str]) -> str:
    """The imports of all modules, each once."""
    found = {line.strip() for source in sources for line in IMPORT.findall(OURS.sub("", source))}
    by_module: dict[str, set[str]] = {}
    for line in found:
        if line.startswith("from "):
            module, names = line.removeprefix("from ").split(" import ")
            by_module.setdefault(module, set()).update(names.split(", "))
    whole = sorted(line for line in found if line.startswith("import ") and "numpy" not in line)
    parts = sorted(f"from {module} import {', '.join(sorted(names))}" for module, names in by_module.items())
    return "\n".join([*whole, *parts, "", "import numpy as np"])


def body_of(source: str) -> str:
    """A module without its imports, and its docstring as a comment."""
    title = (found := DOCSTRING.match(source)) and found[1].strip().splitlines()[0]
    body = IMPORT.sub("", OURS.sub("", DOCSTRING.sub("", source, count=1)))
    return f"# {title}\n\n{body.strip()}\n"


def readers_text(encoding: Encoding) -> str:
    """What the cells of each column look like."""
    listed = "".join(f"    {{\n{_lines(for_python(one))}    }},\n" for one in readers_of(encoding))
    return f'READERS = [\n{listed}]\n"""How the cells of each column are read."""\n'


def _lines(reader: Reader) -> str:
    return "".join(f"        {name!r}: {value!r},\n" for name, value in reader.items())


def graph_text(graph: Graph, prefix: str = "") -> str:
    """A graph as the names INPUTS, NODES, TABLE, TEXTS and PACKED, with something before each."""
    inputs = [(one.name, one.dtype, tuple(one.shape[1:])) for one in graph.inputs]
    nodes = "\n".join(f"    {_node(node)}," for node in graph.nodes)
    return (
        f"{prefix}INPUTS = {pformat(inputs, width=WIDTH)}\n"
        '"""Name, type and shape of what is computed from."""\n\n'
        f"{prefix}NODES = [\n{nodes}\n]\n"
        '"""What is computed, in this order: operator (of ONNX, or of cells), inputs, output, settings."""\n\n'
        f"{_constants(graph.constants, prefix)}"
    )


def _node(node: Node) -> str:
    settings = ", ".join(f"{name!r}: {_setting(one)}" for name, one in node.attributes.items())
    return f"({node.op!r}, {list(node.inputs)!r}, {node.output.name!r}, {{{settings}}})"


def _setting(setting: Attribute) -> str:
    """A setting as Python writes it."""
    is_odd = isinstance(setting, float) and not math.isfinite(setting)
    return f"float({str(setting)!r})" if is_odd else repr(setting)


def pack(constants: Mapping[str, np.ndarray]) -> tuple[dict[str, tuple[str, list[int], int]], dict[str, Any], str]:
    """The place of each array of numbers among the packed bytes, the texts, and the bytes compressed as base64."""
    table, texts, data = dict[str, tuple[str, list[int], int]](), dict[str, Any](), bytearray()
    for name, array in constants.items():
        if array.dtype.kind in "UOT":
            texts[name] = array.tolist()
            continue
        data += bytes(-len(data) % 8)
        table[name] = (array.dtype.name, list(array.shape), len(data))
        data += np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
    return table, texts, base64.b64encode(zlib.compress(bytes(data), 9)).decode()


def _constants(constants: Mapping[str, np.ndarray], prefix: str) -> str:
    table, texts, packed = pack(constants)
    lines = "\n".join(packed[start : start + WIDTH] for start in range(0, len(packed), WIDTH))
    return (
        f"{prefix}TABLE = {pformat(table, width=WIDTH, compact=True, sort_dicts=False)}\n"
        '"""Type and shape of each array of numbers, and where it begins in the packed bytes."""\n\n'
        f"{prefix}TEXTS = {pformat(texts, width=WIDTH, compact=True, sort_dicts=False)}\n"
        '"""The arrays of texts."""\n\n'
        f'{prefix}PACKED = """\n{lines}\n"""\n'
        '"""The numbers, compressed."""\n'
    )


ENCODING = """ENCODING = Model(
    READERS,
    ENCODING_INPUTS,
    unpack(ENCODING_TABLE, ENCODING_TEXTS, ENCODING_PACKED),
    ENCODING_NODES,
    {encoded!r},
    header={header!r},
    known=KNOWN,
)
"""
"""The way from rows to the inputs of the network, which other files have too."""

ENDING = (
    ENCODING
    + '''NETWORK = Model(
    (), NETWORK_INPUTS, unpack(NETWORK_TABLE, NETWORK_TEXTS, NETWORK_PACKED), NETWORK_NODES, {network!r}
)
ANSWERS = Model(
    (), ANSWERS_INPUTS, unpack(ANSWERS_TABLE, ANSWERS_TEXTS, ANSWERS_PACKED), ANSWERS_NODES, {answers!r}
)
MODELS = (ENCODING, NETWORK, ANSWERS)
USAGE = "python model.py FILE: answers for the rows of a CSV file (-: standard input), or images in .npy"


def predict(rows):
    """The answers for rows, as arrays by name; see the top of this file."""
    return answer(MODELS, rows)


def notes(rows):
    """What is unlike the training in rows, a sentence each; empty if nothing is."""
    return notes_of(ENCODING, rows)


def encode(rows):
    """The inputs of the network for rows, as arrays by name."""
    return answer((ENCODING,), rows)


def decode(outputs):
    """The answers that outputs of the network mean, as arrays by name."""
    return run_graphs((ANSWERS,), {{{outputs!r}: np.asarray(outputs)}})


if __name__ == "__main__":
    sys.exit(main(MODELS, sys.argv[1:], USAGE))
'''
)
"""The model as a whole, and what is called from outside."""


def _ending(parts: Parts, encoding: Encoding) -> str:
    encoded, network, answers = ([one.name for one in graph.outputs] for graph in parts)
    header = encoding.reading.header
    return ENDING.format(encoded=encoded, network=network, answers=answers, header=header, outputs=OUTPUTS)
