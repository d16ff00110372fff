"""The nodes of an ONNX graph, as they are added."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from batchwright.export.graph import Graph


class Writer:
    """Nodes and constants, each under a name of its own."""

    def __init__(self, graph: Graph, opset: int) -> None:
        self.rows_of, self.opset = graph.inputs[0].name, opset
        self.nodes: list[Any] = []
        self.constants = dict(graph.constants)
        self._names = {value.name for value in graph.inputs} | {node.output.name for node in graph.nodes}
        self._rows = ""

    def add(
        self, op: str, inputs: Sequence[str | np.ndarray], output: str = "", *, domain: str = "", **attributes: Any
    ) -> str:
        """Add a node, whose inputs are names or arrays that are known, and give the name of what it makes first."""
        from onnx import helper

        output = output or self.fresh(op)
        outputs = [output, self.fresh("counts")] if op == "StringSplit" else [output]
        names = [one if isinstance(one, str) else self.constant(one) for one in inputs]
        self.nodes.append(helper.make_node(op, names, outputs, name=output, domain=domain, **attributes))
        return output

    def constant(self, array: np.ndarray) -> str:
        """The name of an array that is known."""
        name = self.fresh("constant")
        self.constants[name] = array
        return name

    def fresh(self, name: str) -> str:
        """A name that nothing has."""
        count = 0
        while name in self._names or name in self.constants:
            count += 1
            name = f"{name.rsplit('#', 1)[0]}#{count}"
        self._names.add(name)
        return name

    def rows(self) -> str:
        """The number of rows, int64 [1]."""
        if not self._rows:
            shape = self.add("Shape", [self.rows_of])
            self._rows = self.add("Gather", [shape, np.array([0])], axis=0)
        return self._rows
