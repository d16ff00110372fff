"""The nodes of operations that work on each number."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from batchwright.export.building import Held
from batchwright.export.graph import Value
from batchwright.export.traced import Equation, Nodes, NoFormError, Traced

Emit: TypeAlias = Callable[[Nodes, Equation], Sequence[Held]]
"""What holds each output of an operation, with the nodes that it takes added."""


def _same(op: str) -> Emit:
    """One node with the same inputs."""
    return lambda nodes, equation: [nodes.add(op, *equation.inputs)]


def _compare(op: str, *, negated: bool = False) -> Emit:
    def emit(nodes: Nodes, equation: Equation) -> Sequence[Held]:
        inputs = [_as_number(nodes, one) for one in equation.inputs]
        found = nodes.add(op, *inputs)
        return [nodes.add("Not", found) if negated else found]

    return emit


def _as_number(nodes: Nodes, traced: Traced) -> Traced:
    """The same as an int64 where it is a bool or a byte, which are not compared."""
    if isinstance(traced.held, np.ndarray):
        small = traced.held.dtype.kind in "bu"
        return traced._replace(held=traced.held.astype(np.int64)) if small else traced
    small = traced.held.dtype in ("bool", "uint8")
    return traced._replace(held=nodes.add("Cast", traced, to="int64")) if small else traced


def _logic(op: str) -> Emit:
    def emit(nodes: Nodes, equation: Equation) -> Sequence[Held]:
        if equation.dtypes[0] != "bool":
            raise NoFormError("of the bits of whole numbers")
        return [nodes.add(op, *equation.inputs)]

    return emit


def _exclusive_or(nodes: Nodes, equation: Equation) -> Sequence[Held]:
    return [nodes.add("Not", *_compare("Equal")(nodes, equation))]


def _divide(nodes: Nodes, equation: Equation) -> Sequence[Held]:
    if equation.dtypes[0] == "float32":
        return [nodes.add("Div", *equation.inputs)]
    return [_quotient(nodes, *equation.inputs)]


def _quotient(nodes: Nodes, x: Traced, y: Traced) -> Value:
    """The quotient of whole numbers, rounded towards 0."""
    wide = [nodes.add("Cast", one, to="float64") for one in (x, y)]
    return nodes.add("Cast", nodes.add("Div", *wide), to="int64")


def _remainder(nodes: Nodes, equation: Equation) -> Sequence[Held]:
    x, y = equation.inputs
    if equation.dtypes[0] != "int64":
        raise NoFormError("of fractions")
    return [nodes.add("Sub", x, nodes.add("Mul", _quotient(nodes, x, y), y))]


def _power(nodes: Nodes, equation: Equation) -> Sequence[Held]:
    x, y = equation.inputs
    if not isinstance(y.held, np.ndarray):
        return [nodes.add("Pow", x, nodes.add("Cast", y, to="float32"))]
    return [nodes.add("Pow", x, y._replace(held=y.held.astype(np.float32)))]


def _whole_power(nodes: Nodes, equation: Equation) -> Sequence[Held]:
    x, power = equation.inputs[0], equation.params["y"]
    if power == 2:
        return [nodes.add("Mul", x, x)]
    return [nodes.add("Pow", x, np.array(power, np.float32))]


def _square(nodes: Nodes, equation: Equation) -> Sequence[Held]:
    return [nodes.add("Mul", equation.inputs[0], equation.inputs[0])]


def _inverse_root(nodes: Nodes, equation: Equation) -> Sequence[Held]:
    return [nodes.add("Div", 1.0, nodes.add("Sqrt", *equation.inputs))]


def _cube_root(nodes: Nodes, equation: Equation) -> Sequence[Held]:
    x = equation.inputs[0]
    return [nodes.add("Mul", nodes.add("Sign", x), nodes.add("Pow", nodes.add("Abs", x), 1 / 3))]


def _power_of_two(nodes: Nodes, equation: Equation) -> Sequence[Held]:
    return [nodes.add("Exp", nodes.add("Mul", equation.inputs[0], float(np.log(2))))]


def _log_of_one_plus(nodes: Nodes, equation: Equation) -> Sequence[Held]:
    return [nodes.add("Log", nodes.add("Add", equation.inputs[0], 1.0))]


def _exp_minus_one(nodes: Nodes, equation: Equation) -> Sequence[Held]:
    """e^x − 1 = tanh(x / 2) · (e^x + 1), which keeps its digits near 0."""
    x = equation.inputs[0]
    half = nodes.add("Tanh", nodes.add("Mul", x, 0.5))
    return [nodes.add("Mul", half, nodes.add("Add", nodes.add("Exp", x), 1.0))]


def _one_minus_erf(nodes: Nodes, equation: Equation) -> Sequence[Held]:
    return [nodes.add("Sub", 1.0, nodes.add("Erf", *equation.inputs))]


def _tangent(nodes: Nodes, equation: Equation) -> Sequence[Held]:
    x = equation.inputs[0]
    return [nodes.add("Div", nodes.add("Sin", x), nodes.add("Cos", x))]


def _round(nodes: Nodes, equation: Equation) -> Sequence[Held]:
    x = equation.inputs[0]
    if "EVEN" in str(equation.params["rounding_method"]):
        return [nodes.add("Round", x)]
    away = nodes.add("Floor", nodes.add("Add", nodes.add("Abs", x), 0.5))
    return [nodes.add("Mul", nodes.add("Sign", x), away)]


def _is_finite(nodes: Nodes, equation: Equation) -> Sequence[Held]:
    return [nodes.add("Less", nodes.add("Abs", *equation.inputs), np.array(np.inf, np.float32))]


def _select(nodes: Nodes, equation: Equation) -> Sequence[Held]:
    """The case of each place: with two and a truth, the second where it holds."""
    which, *cases = equation.inputs
    if len(cases) > 2:
        raise NoFormError("of more than two cases")
    if isinstance(which.held, np.ndarray) and (which.held.all() or not which.held.any()):
        return [cases[int(which.held.all())].held]
    return [nodes.add("Where", _as_truth(nodes, which), cases[1], cases[0])]


def _as_truth(nodes: Nodes, which: Traced) -> Traced:
    if isinstance(which.held, np.ndarray):
        return which._replace(held=which.held.astype(bool))
    return which if which.held.dtype == "bool" else which._replace(held=nodes.add("Cast", which, to="bool"))


def _clamp(nodes: Nodes, equation: Equation) -> Sequence[Held]:
    low, x, high = equation.inputs
    return [nodes.add("Min", nodes.add("Max", x, low), high)]


def _convert(nodes: Nodes, equation: Equation) -> Sequence[Held]:
    x, wanted = equation.inputs[0], equation.dtypes[0]
    assert isinstance(x.held, Value)
    return [x.held if x.held.dtype == wanted else nodes.add("Cast", x, to=wanted)]


def _reduce_precision(nodes: Nodes, equation: Equation) -> Sequence[Held]:
    x, bits = equation.inputs[0], (equation.params["exponent_bits"], equation.params["mantissa_bits"])
    if bits == (8, 7):
        return [round_bits(nodes, x)]
    if bits != (8, 23):
        raise NoFormError(f"to {bits[0]} bits of exponent and {bits[1]} of mantissa")
    return [x.held]


def round_bits(nodes: Nodes, x: Traced | Value) -> Value:
    """The numbers rounded to those that bfloat16 has."""
    return nodes.add("Cast", nodes.add("Cast", x, to="bfloat16"), to="float32")


def _unchanged(_: Nodes, equation: Equation) -> Sequence[Held]:
    return [one.held for one in equation.inputs]


ELEMENTWISE: Mapping[str, Emit] = {
    "abs": _same("Abs"),
    "add": _same("Add"),
    "add_any": _same("Add"),
    "and": _logic("And"),
    "cbrt": _cube_root,
    "ceil": _same("Ceil"),
    "clamp": _clamp,
    "convert_element_type": _convert,
    "copy": _unchanged,
    "copy_p": _unchanged,
    "cos": _same("Cos"),
    "div": _divide,
    "eq": _compare("Equal"),
    "erf": _same("Erf"),
    "erfc": _one_minus_erf,
    "exp": _same("Exp"),
    "exp2": _power_of_two,
    "expm1": _exp_minus_one,
    "floor": _same("Floor"),
    "ge": _compare("GreaterOrEqual"),
    "gt": _compare("Greater"),
    "integer_pow": _whole_power,
    "is_finite": _is_finite,
    "le": _compare("LessOrEqual"),
    "log": _same("Log"),
    "log1p": _log_of_one_plus,
    "logistic": _same("Sigmoid"),
    "lt": _compare("Less"),
    "max": _same("Max"),
    "min": _same("Min"),
    "mul": _same("Mul"),
    "ne": _compare("Equal", negated=True),
    "neg": _same("Neg"),
    "not": _logic("Not"),
    "or": _logic("Or"),
    "pow": _power,
    "reduce_precision": _reduce_precision,
    "rem": _remainder,
    "round": _round,
    "rsqrt": _inverse_root,
    "select_n": _select,
    "sign": _same("Sign"),
    "sin": _same("Sin"),
    "sqrt": _same("Sqrt"),
    "square": _square,
    "stop_gradient": _unchanged,
    "sub": _same("Sub"),
    "tan": _tangent,
    "tanh": _same("Tanh"),
    "xor": _exclusive_or,
}
"""What becomes of each operation that works element by element, with broadcasts put off."""

PASSED_ON: Mapping[str, Emit] = {"optimization_barrier": _unchanged, "device_put": _unchanged}
"""Operations that give their inputs as they are."""
