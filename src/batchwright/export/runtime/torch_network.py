"""A network as a module of PyTorch: its weights are parameters, its operators are those of the graph."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.nn import functional

TORCH_DTYPES = {
    "float32": torch.float32,
    "float64": torch.float64,
    "int8": torch.int8,
    "uint8": torch.uint8,
    "int32": torch.int32,
    "int64": torch.int64,
    "bool": torch.bool,
    "bfloat16": torch.bfloat16,
}


class Network(torch.nn.Module):
    """The network: from encoded inputs by name to its outputs [rows, outputs].

    Constants of one or more numbers that are floats are parameters, all else are buffers; names of layers are kept.
    """

    def __init__(
        self,
        nodes: Sequence[tuple[str, Sequence[str], str, Mapping[str, Any]]],
        constants: Mapping[str, Any],
        output: str,
    ) -> None:
        super().__init__()
        self.nodes, self.output, self.places = nodes, output, {name: _place(name) for name in constants}
        for name, array in constants.items():
            tensor = torch.as_tensor(np.array(array))
            if tensor.is_floating_point() and "/" in name:
                self.register_parameter(_place(name), torch.nn.Parameter(tensor))
            else:
                self.register_buffer(_place(name), tensor)

    def forward(self, **inputs: torch.Tensor) -> torch.Tensor:
        """The outputs for inputs such as `numeric` float32 [rows, columns] and `categorical` int64 [rows, columns]."""
        values = dict(inputs)
        rows = len(next(iter(inputs.values())))
        for op, given, output, settings in self.nodes:
            arrays = [getattr(self, self.places[name]) if name in self.places else values[name] for name in given]
            values[output] = apply_torch(op, arrays, settings, rows)
        return values[self.output]


def _place(name: str) -> str:
    """A name as PyTorch takes it."""
    return name.replace(".", "_").replace("/", "__")


def apply_torch(op: str, inputs: Sequence[Any], settings: Mapping[str, Any], rows: int) -> torch.Tensor:
    """The output of an operator."""
    if op == "Expand":
        shape = [rows * -one if one < 0 else one for one in settings["shape"]]
        return inputs[0].expand(torch.broadcast_shapes(inputs[0].shape, tuple(shape)))
    found: torch.Tensor = TORCH_FUNCTIONS[op](*inputs, **settings)
    return found


def _slice(x: Any, starts: Sequence[int], ends: Sequence[int], axes: Sequence[int], steps: Sequence[int]) -> Any:
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        places = range(*slice(start, None if step < 0 and end < -x.shape[axis] else end, step).indices(x.shape[axis]))
        x = x.index_select(axis, torch.tensor(list(places), dtype=torch.int64, device=x.device))
    return x


def _gather(table: Any, places: Any, axis: int) -> Any:
    axis = axis % table.ndim
    found = table.index_select(axis, places.reshape(-1).long())
    return found.reshape(*table.shape[:axis], *places.shape, *table.shape[axis + 1 :])


def _pad(x: Any, pads: Sequence[int], value: float) -> Any:
    both = [side for axis in reversed(range(x.ndim)) for side in (pads[axis], pads[axis + x.ndim])]
    return functional.pad(x, both, value=value)


def _with_margin(x: Any, pads: Sequence[int], value: float) -> Any:
    spatial = x.ndim - 2
    return _pad(x, [0, 0, *pads[:spatial], 0, 0, *pads[spatial:]], value)


def _conv(x: Any, kernel: Any, group: int, strides: Any, pads: Any, dilations: Any) -> Any:
    convolve = functional.conv1d if x.ndim == 3 else functional.conv2d
    return convolve(_with_margin(x, pads, 0.0), kernel, stride=strides, dilation=dilations, groups=group)


def _max_pool(x: Any, kernel_shape: Any, strides: Any, pads: Any) -> Any:
    pool = functional.max_pool1d if x.ndim == 3 else functional.max_pool2d
    return pool(_with_margin(x, pads, -math.inf), kernel_shape, strides)


def _average_pool(x: Any, kernel_shape: Any, strides: Any, pads: Any, count_include_pad: int) -> Any:
    assert count_include_pad
    pool = functional.avg_pool1d if x.ndim == 3 else functional.avg_pool2d
    return pool(_with_margin(x, pads, 0.0), kernel_shape, strides)


TORCH_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "Abs": torch.abs,
    "Ceil": torch.ceil,
    "Cos": torch.cos,
    "Erf": torch.erf,
    "Exp": torch.exp,
    "Floor": torch.floor,
    "Log": torch.log,
    "Neg": torch.neg,
    "Not": torch.logical_not,
    "Round": torch.round,
    "Sigmoid": torch.sigmoid,
    "Sign": torch.sign,
    "Sin": torch.sin,
    "Sqrt": torch.sqrt,
    "Tanh": torch.tanh,
    "IsNaN": torch.isnan,
    "Add": torch.add,
    "Sub": torch.sub,
    "Mul": torch.mul,
    "Div": torch.div,
    "Max": torch.maximum,
    "Min": torch.minimum,
    "Pow": torch.pow,
    "Mod": torch.remainder,
    "Equal": torch.eq,
    "Less": torch.lt,
    "LessOrEqual": torch.le,
    "Greater": torch.gt,
    "GreaterOrEqual": torch.ge,
    "And": torch.logical_and,
    "Or": torch.logical_or,
    "Where": torch.where,
    "MatMul": torch.matmul,
    "Cast": lambda x, to: x.to(TORCH_DTYPES[to]),
    "Concat": lambda *arrays, axis: torch.cat(arrays, dim=axis),
    "Reshape": lambda x, shape: x.reshape(tuple(shape)),
    "Transpose": lambda x, perm: x.permute(tuple(perm)),
    "Slice": _slice,
    "Gather": _gather,
    "Pad": _pad,
    "ReduceSum": lambda x, axes, keepdims: x.sum(dim=tuple(axes), keepdim=bool(keepdims), dtype=x.dtype),
    "ReduceMax": lambda x, axes, keepdims: x.amax(dim=tuple(axes), keepdim=bool(keepdims)),
    "ReduceMin": lambda x, axes, keepdims: x.amin(dim=tuple(axes), keepdim=bool(keepdims)),
    "ArgMax": lambda x, axis, keepdims: x.argmax(dim=axis, keepdim=bool(keepdims)),
    "CumSum": lambda x, axis: x.cumsum(dim=axis, dtype=x.dtype),
    "Conv": _conv,
    "MaxPool": _max_pool,
    "AveragePool": _average_pool,
}
"""The operators of networks by name; `Expand` needs the rows too."""
