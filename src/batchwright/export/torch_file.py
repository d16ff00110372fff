"""A model as one Python file whose network is a module of PyTorch."""

from collections.abc import Sequence

from batchwright.data.encode.encoding import Encoding
from batchwright.export.description import fields_of
from batchwright.export.graph import Graph
from batchwright.export.numpy_file import (
    MODULES,
    RUNTIME,
    body_of,
    docstring_of,
    graph_text,
    imports_of,
    readers_text,
)
from batchwright.export.parts import ENCODED, OUTPUTS, Parts

ENDING = f'''ENCODING = Model(
    READERS,
    ENCODING_INPUTS,
    unpack(ENCODING_TABLE, ENCODING_TEXTS, ENCODING_PACKED),
    ENCODING_NODES,
    {{encoded!r}},
    header={{header!r}},
)
ANSWERS = Model(
    (), ANSWERS_INPUTS, unpack(ANSWERS_TABLE, ANSWERS_TEXTS, ANSWERS_PACKED), ANSWERS_NODES, {{answers!r}}
)


def make_network():
    """The network with the weights of the model, in evaluation mode."""
    return Network(NETWORK_NODES, unpack(NETWORK_TABLE, {{{{}}}}, NETWORK_PACKED), {OUTPUTS!r}).eval()


def encode(rows):
    """The inputs of the network for rows, as tensors by name; see the top of this file."""
    found = answer(ENCODING, rows)
    return {{{{name.removeprefix({ENCODED!r}): torch.as_tensor(array) for name, array in found.items()}}}}


def decode(outputs):
    """The answers that outputs of the network mean, as arrays by name."""
    return run_graph(ANSWERS, {{{{{OUTPUTS!r}: outputs.detach().cpu().numpy()}}}})


def predict(rows):
    """The answers for rows, as arrays by name."""
    with torch.no_grad():
        return decode(make_network()(**encode(rows)))
'''
"""What is called from outside."""


def torch_file(parts: Parts, encoding: Encoding, facts: Sequence[str]) -> str:
    """The text of the file; arguments as `numpy_file`."""
    sources = [(RUNTIME / f"{name}.py").read_text(encoding="utf-8") for name in (*MODULES, "torch_network")]
    encoded, answers = ([one.name for one in graph.outputs] for graph in (parts.encoding, parts.answers))
    texts = [
        _header(parts, encoding, facts),
        imports_of(sources),
        readers_text(encoding),
        *map(body_of, sources),
        graph_text(parts.encoding, "ENCODING_"),
        graph_text(parts.network, "NETWORK_"),
        graph_text(parts.answers, "ANSWERS_"),
        ENDING.format(encoded=encoded, answers=answers, header=encoding.reading.header),
    ]
    return "\n\n".join(text.strip("\n") for text in texts) + "\n"


def _header(parts: Parts, encoding: Encoding, facts: Sequence[str]) -> str:
    """What the file is and how it is used."""
    images = len(parts.encoding.inputs) == 1 and fields_of(parts.encoding, encoding)[0].kind == "image"
    rows = "images" if images else f"[{{{parts.encoding.inputs[0].name!r}: ..., ...}}]"
    used = [
        "It needs Python 3.11 or newer, PyTorch and NumPy.",
        "",
        "    import model",
        "",
        f"    answers = model.predict({rows})",
        "    network = model.make_network()  # a torch.nn.Module with the weights as parameters",
        f"    outputs = network(**model.encode({rows}))",
        "    answers = model.decode(outputs)",
        "",
        f"The network takes {_inputs(parts.network)}.",
        "It is that of evaluation: no dropout, batch normalization with the statistics of the training.",
    ]
    whole = Graph(parts.encoding.inputs, {}, (), parts.answers.outputs)
    return docstring_of(f"Predict {encoding.target.name} with PyTorch.", whole, encoding, facts=facts, used=used)


def _inputs(network: Graph) -> str:
    return ", ".join(
        f"{one.name} {one.dtype} [{', '.join('rows' if size is None else str(size) for size in one.shape)}]"
        for one in network.inputs
    )
