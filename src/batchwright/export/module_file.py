"""Python files whose network is a module of PyTorch or Flax: encoding, network and answers, one after the other."""

from collections.abc import Sequence
from typing import NamedTuple

from batchwright.data.encode.encoding import Encoding
from batchwright.export.description import fields_of
from batchwright.export.familiar import known_text
from batchwright.export.graph import Graph
from batchwright.export.numpy_file import (
    ENCODING,
    MODULES,
    RUNTIME,
    body_of,
    docstring_of,
    graph_text,
    imports_of,
    readers_text,
    whole_way,
)
from batchwright.export.parts import OUTPUTS, Parts


class Library(NamedTuple):
    """How a library is named, and how its modules are used.

    - name: of the library
    - module: of the directory `runtime`, with the class `Network`
    - kind: the class of which the network is one
    - needs: the packages that the file imports
    - network: an expression for the network, of `{made}`
    - tensor, array: expressions for an array as the library has it, and back, of `{one}`
    - predict: the body of the function that answers rows
    """

    name: str
    module: str
    kind: str
    needs: str
    network: str
    tensor: str
    array: str
    predict: str


PYTORCH = Library(
    "PyTorch",
    "torch_network",
    "torch.nn.Module",
    "PyTorch and NumPy",
    "{made}.eval()",
    "torch.as_tensor({one})",
    "{one}.detach().cpu().numpy()",
    "with torch.no_grad():\n        return decode(make_network()(**encode(rows)))",
)
FLAX = Library(
    "Flax",
    "flax_network",
    "flax.nnx.Module",
    "Flax 0.12 or newer, JAX and NumPy",
    "{made}",
    "jnp.asarray({one})",
    "np.asarray({one})",
    "return decode(nnx.jit(lambda network, inputs: network(**inputs))(make_network(), encode(rows)))",
)

ENDING = (
    ENCODING
    + '''ANSWERS = Model(
    (), ANSWERS_INPUTS, unpack(ANSWERS_TABLE, ANSWERS_TEXTS, ANSWERS_PACKED), ANSWERS_NODES, {answers!r}
)


def make_network():
    """The network with the weights of the model, as in evaluation."""
    return {network}


def encode(rows):
    """The inputs of the network for rows, as arrays of {name} by name; see the top of this file."""
    return {{name: {tensor} for name, array in answer((ENCODING,), rows).items()}}


def decode(outputs):
    """The answers that outputs of the network mean, as arrays by name."""
    return run_graphs((ANSWERS,), {{{outputs!r}: {array}}})


def predict(rows):
    """The answers for rows, as arrays by name."""
    {predict}


def notes(rows):
    """What is unlike the training in rows, a sentence each; empty if nothing is."""
    return notes_of(ENCODING, rows)
'''
)
"""What is called from outside."""


def module_file(parts: Parts, encoding: Encoding, facts: Sequence[str], library: Library) -> str:
    """The text of the file; other arguments as `numpy_file`."""
    sources = [(RUNTIME / f"{name}.py").read_text(encoding="utf-8") for name in (*MODULES, library.module)]
    encoded, answers = ([one.name for one in graph.outputs] for graph in (parts.encoding, parts.answers))
    made = f"Network(NETWORK_NODES, unpack(NETWORK_TABLE, {{}}, NETWORK_PACKED), {OUTPUTS!r})"
    texts = [
        _header(parts, encoding, facts, library),
        imports_of(sources),
        readers_text(encoding),
        known_text(encoding),
        *map(body_of, sources),
        graph_text(parts.encoding, "ENCODING_"),
        graph_text(parts.network, "NETWORK_"),
        graph_text(parts.answers, "ANSWERS_"),
        ENDING.format(
            encoded=encoded,
            answers=answers,
            header=encoding.reading.header,
            name=library.name,
            network=library.network.format(made=made),
            tensor=library.tensor.format(one="array"),
            array=library.array.format(one="outputs"),
            outputs=OUTPUTS,
            predict=library.predict,
        ),
    ]
    return "\n\n".join(text.strip("\n") for text in texts) + "\n"


def _header(parts: Parts, encoding: Encoding, facts: Sequence[str], library: Library) -> str:
    """What the file is and how it is used."""
    images = len(parts.encoding.inputs) == 1 and fields_of(parts.encoding, encoding)[0].kind == "image"
    rows = "images" if images else f"[{{{parts.encoding.inputs[0].name!r}: ..., ...}}]"
    used = [
        f"It needs Python 3.11 or newer, {library.needs}.",
        "",
        "    import model",
        "",
        f"    answers = model.predict({rows})",
        f"    network = model.make_network()  # a {library.kind} with the weights as parameters",
        f"    outputs = network(**model.encode({rows}))",
        "    answers = model.decode(outputs)",
        "",
        f"The network takes {_inputs(parts.network)}.",
        "It is that of evaluation: no dropout, batch normalization with the statistics of the training.",
    ]
    title = f"Predict {encoding.target.name} with {library.name}."
    return docstring_of(title, whole_way(parts), encoding, facts=facts, used=used)


def _inputs(network: Graph) -> str:
    return ", ".join(
        f"{one.name} {one.dtype} [{', '.join('rows' if size is None else str(size) for size in one.shape)}]"
        for one in network.inputs
    )
