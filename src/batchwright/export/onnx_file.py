"""A graph as an ONNX file: nearly one node for one node, in the oldest version of the operators that has them all."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from batchwright.errors import UsageError
from batchwright.export.graph import Graph, Node, Value
from batchwright.export.onnx_texts import LABELS, needs_expressions, write_category_codes, write_held_values
from batchwright.export.onnx_writer import Writer
from batchwright.export.rounding import Precision, along, as_half, as_whole

OLDEST, NEWEST = 13, 21
"""The versions of ONNX's operators that can be written: below, sums take their axes otherwise."""
OF_TEXTS = 20
"""The version that knows regular expressions and how texts are joined and split."""
AXES_AS_INPUT = 18
"""The version from which the largest and the smallest number take their axes as an input."""
LABELS_VERSION = 2
"""The version of the domain that knows the codes of texts."""
ROWS = "rows"
"""The name of the axis of rows."""

TYPES: Mapping[str, str] = {
    "bfloat16": "BFLOAT16",
    "bool": "BOOL",
    "float16": "FLOAT16",
    "float32": "FLOAT",
    "float64": "DOUBLE",
    "int8": "INT8",
    "int32": "INT32",
    "int64": "INT64",
    "string": "STRING",
    "uint8": "UINT8",
}
"""ONNX's name of each dtype."""


def require_onnx() -> None:
    """Raise a UsageError unless the packages that write and run ONNX files are installed."""
    try:
        import onnx
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise UsageError(
            f"an ONNX file is written and checked by the packages onnx and onnxruntime, and {error.name} is not "
            "installed: pip install 'batchwright[onnx]'."
        ) from error
    assert onnx


Write: TypeAlias = Callable[[Writer, Node], object]


def to_onnx(
    graph: Graph,
    *,
    opset: int | None = None,
    about: Mapping[str, str] | None = None,
    precision: Precision = "float32",
) -> bytes:
    """The content of an ONNX file.

    Args:
        graph: what it is to do.
        opset: the version of ONNX's operators; None: the oldest that has all that are needed.
        about: what the file says of itself, by name.
        precision: how matrices are kept whose numbers it has (`rounding`).

    Raises:
        UsageError: the packages are not installed; the version is too old for this graph, or not known; or the graph
            has an operator that ONNX does not have.
    """
    require_onnx()
    import onnx
    from onnx import helper

    _refuse_words(graph)
    version = _version(graph, opset)
    writer = Writer(graph, version)
    PACKED[precision](writer)
    for node in graph.nodes:
        WRITTEN.get(node.op, _as_it_is)(writer, node)
    made = helper.make_graph(
        writer.nodes,
        "batchwright",
        [_describe(value) for value in graph.inputs],
        [_describe(value) for value in graph.outputs],
        initializer=[_tensor(name, array) for name, array in writer.constants.items()],
    )
    versions = [helper.make_opsetid("", version)]
    if any(node.domain == LABELS for node in writer.nodes):
        versions.append(helper.make_opsetid(LABELS, LABELS_VERSION))
    model = helper.make_model(made, opset_imports=versions, producer_name="batchwright")
    model.ir_version = helper.find_min_ir_version_for(versions)
    helper.set_model_props(model, {"opset": str(version), **(about or {})})
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def lowest_opset(graph: Graph) -> int:
    """The oldest version of ONNX's operators that has all that the graph needs."""
    return OF_TEXTS if any(_needs_texts(node) for node in graph.nodes) else OLDEST


def _needs_texts(node: Node) -> bool:
    """Whether a node needs operators on texts that came late."""
    if node.op == "CategoryCodes":
        return needs_expressions(node)
    return node.op in ("HeldValues", "StringConcat")


def _version(graph: Graph, wanted: int | None) -> int:
    lowest = lowest_opset(graph)
    if wanted is None:
        return lowest
    if wanted > NEWEST:
        raise UsageError(f"opset {wanted} is newer than what this version writes: take {lowest} to {NEWEST}.")
    if wanted < lowest:
        raise UsageError(f"opset {wanted} is too old for this model: take {lowest} to {NEWEST}.")
    return wanted


def _refuse_words(graph: Graph) -> None:
    """Refuse columns of free text, whose words are hashed in a way that ONNX cannot say."""
    sources = {node.output.name: node.inputs[0] for node in graph.nodes if node.op == "Reshape"}
    columns = [sources.get(node.inputs[0], "") for node in graph.nodes if node.op == "HashedWords"]
    if columns:
        named = ", ".join(map(repr, columns))
        raise UsageError(
            f"the column {named} holds free text, whose words ONNX has no operator to hash: `format=numpy` and "
            "`format=html` take such columns, and so does a model that was trained without them."
        )


def _describe(value: Value) -> Any:
    from onnx import TensorProto, helper

    shape = [ROWS if size is None else size for size in value.shape]
    return helper.make_tensor_value_info(value.name, getattr(TensorProto, TYPES[value.dtype]), shape)


def _tensor(name: str, array: np.ndarray) -> Any:
    from onnx import numpy_helper

    return numpy_helper.from_array(array.astype(object) if array.dtype.kind == "U" else array, name)


def _as_it_is(writer: Writer, node: Node) -> None:
    writer.add(node.op, node.inputs, node.output.name, **dict[str, Any](node.attributes))


def _pack_half(writer: Writer) -> None:
    """Keep matrices in float16, whose numbers become float32 where the file is run."""
    from onnx import TensorProto

    for name, array in list(writer.constants.items()):
        half = as_half(array)
        if half is not None:
            del writer.constants[name]
            writer.add("Cast", [half], name, to=TensorProto.FLOAT)


def _pack_whole(writer: Writer) -> None:
    """Keep matrices as int8 with scales, whose products become float32 where the file is run.

    `DequantizeLinear` would say the same, but runtimes take it as leave to round the other factor of a product too.
    """
    from onnx import TensorProto

    for name, array in list(writer.constants.items()):
        found = as_whole(array)
        if found is not None:
            del writer.constants[name]
            wide = writer.add("Cast", [found.whole], to=TensorProto.FLOAT)
            writer.add("Mul", [wide, along(found.scales, found.axis, found.whole.ndim)], name)


PACKED: Mapping[Precision, Callable[[Writer], None]] = {
    "float32": lambda _: None,
    "float16": _pack_half,
    "int8": _pack_whole,
}
"""How matrices are kept."""


def _cast(writer: Writer, node: Node) -> None:
    from onnx import TensorProto

    to = getattr(TensorProto, TYPES[str(node.attributes["to"])])
    writer.add("Cast", node.inputs, node.output.name, to=to)


def _with_numbers(*names: str) -> Write:
    """With attributes that ONNX takes as inputs, in its order."""

    def write(writer: Writer, node: Node) -> None:
        given = [np.array(node.attributes[name], np.int64) for name in names]
        rest: dict[str, Any] = {name: value for name, value in node.attributes.items() if name not in names}
        writer.add(node.op, [*node.inputs, *given], node.output.name, **rest)

    return write


def _extreme(writer: Writer, node: Node) -> None:
    if writer.opset < AXES_AS_INPUT:
        _as_it_is(writer, node)
    else:
        _with_numbers("axes")(writer, node)


def _pad(writer: Writer, node: Node) -> None:
    value = np.array(node.attributes["value"], np.dtype(node.output.dtype))
    pads = np.array(node.attributes["pads"], np.int64)
    writer.add("Pad", [*node.inputs, pads, value], node.output.name)


def _expand(writer: Writer, node: Node) -> None:
    sizes: Any = node.attributes["shape"]
    if not any(size < 0 for size in sizes):
        writer.add("Expand", [*node.inputs, np.array(sizes, np.int64)], node.output.name)
        return
    each = [
        np.array([size], np.int64)
        if size >= 0
        else writer.rows()
        if size == -1
        else writer.add("Mul", [writer.rows(), np.array([-size], np.int64)])
        for size in sizes
    ]
    shape = writer.add("Concat", each, axis=0)
    writer.add("Expand", [*node.inputs, shape], node.output.name)


WRITTEN: Mapping[str, Write] = {
    "Cast": _cast,
    "CategoryCodes": write_category_codes,
    "CumSum": _with_numbers("axis"),
    "Expand": _expand,
    "HeldValues": write_held_values,
    "Pad": _pad,
    "ReduceMax": _extreme,
    "ReduceMin": _extreme,
    "ReduceSum": _with_numbers("axes"),
    "Reshape": _with_numbers("shape"),
    "Slice": _with_numbers("starts", "ends", "axes", "steps"),
}
"""How operators are written that are not written as they are."""
