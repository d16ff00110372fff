"""Each operator means in NumPy and in the scripts what onnxruntime takes it to mean."""

from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.export.scripts import NODE, array_of, plain, run_script

from batchwright.export.graph import CELL_OPERATORS, OPERATORS, Graph, Node, Value
from batchwright.export.onnx_file import to_onnx
from batchwright.export.runtime.operators import FUNCTIONS, apply

ort = pytest.importorskip("onnxruntime")

RNG = np.random.default_rng(0)
ODD = np.array([[0.0, -0.0, 0.5, 1.5, 2.5, -2.5], [np.nan, np.inf, -np.inf, 1e30, -1e-30, 7.0]])


class Case(NamedTuple):
    """An operator, its inputs and attributes."""

    op: str
    inputs: tuple[np.ndarray, ...]
    attributes: dict[str, Any]
    to: str | None = None

    @property
    def name(self) -> str:
        shapes = "-".join("x".join(map(str, one.shape)) + one.dtype.kind for one in self.inputs)
        return f"{self.op}-{shapes}-{'-'.join(map(str, self.attributes.values()))}"


def real(*shape: int, dtype: str = "float32") -> np.ndarray:
    return RNG.normal(size=shape).astype(dtype)


def texts(*rows: str) -> np.ndarray:
    return np.array(rows, object)


def _each() -> list[Case]:
    usual = (
        "Abs",
        "Ceil",
        "Cos",
        "Erf",
        "Exp",
        "Floor",
        "IsNaN",
        "Neg",
        "Round",
        "Sigmoid",
        "Sign",
        "Sin",
        "Sqrt",
        "Tanh",
        "Log",
    )
    found = [Case(op, (x,), {}) for op in usual for x in (ODD.astype(np.float32), real(0, 3))]
    found += [Case(op, (real(3, 4, dtype="float64"),), {}) for op in ("Exp", "Neg", "IsNaN", "Tanh")]
    return [*found, Case("Not", (np.array([True, False]),), {})]


def _pairs() -> list[Case]:
    shapes = [((3, 4), (3, 4)), ((3, 4), (4,)), ((3, 1), (1, 4)), ((3, 4), ()), ((2, 3, 1), (1, 4)), ((0, 4), (1, 4))]
    pairs = [(real(*one), real(*other)) for one, other in shapes]
    ops = ("Add", "Sub", "Mul", "Div", "Max", "Min", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Equal")
    found = [Case(op, pair, {}) for op in ops for pair in pairs]
    found += [Case(op, (ODD, ODD[:, ::-1].copy()), {}) for op in ops]
    found += [
        Case("Pow", (np.abs(real(3, 4)), np.array(2.5, np.float32)), {}),
        Case("Pow", (real(3, 4), np.array(3.0, np.float32)), {}),
    ]
    whole = np.arange(-6, 6).reshape(3, 4)
    found += [
        Case("Mod", (whole, np.array(5)), {}),
        Case("Mod", (whole * 86_400_000_001, np.array(86_400_000_000)), {}),
    ]
    found += [
        Case(op, (whole, whole.T.reshape(3, 4).copy()), {}) for op in ("Add", "Mul", "Sub", "Equal", "Less", "Max")
    ]
    flags = np.array([[True, False], [True, True]])
    found += [Case(op, (flags, flags[:1].T.copy()), {}) for op in ("And", "Or")]
    return [*found, Case("StringConcat", (texts("a", "b", ""), texts("漢")), {})]


def _choices() -> list[Case]:
    condition = np.array([[True], [False], [True]])
    found = [
        Case("Where", (condition, real(3, 4), real(1, 4)), {}),
        Case("Where", (condition, ODD[:1], np.array(1.0)), {}),
    ]
    found += [Case("Where", (condition[:, 0], texts("a"), texts("b", "c", "d")), {})]
    casts = [
        ("float32", "int64"),
        ("float64", "float32"),
        ("int64", "float32"),
        ("uint8", "float32"),
        ("float32", "bool"),
        ("bool", "float32"),
        ("int64", "bool"),
    ]
    for start, to in casts:
        x = np.array([[-2.7, -0.5, 0.0], [0.4, 1.5, 2.5]]) * (1 if start != "uint8" else 0) + (start == "uint8")
        found.append(Case("Cast", (x.astype(start),), {"to": to}, to))
    return found


def _shapes() -> list[Case]:
    x, empty = real(3, 4, 2), real(0, 4, 2)
    found = [Case("Concat", (x, real(3, 1, 2)), {"axis": axis}) for axis in (1, -2)]
    found += [Case("Concat", (texts("a"), texts("b", "c")), {"axis": 0})]
    found += [Case("Reshape", (one,), {"shape": shape}) for one in (x, empty) for shape in ((-1, 8), (-1, 2, 2, 2))]
    found += [Case("Transpose", (one,), {"perm": perm}) for one in (x, empty) for perm in ((2, 0, 1), (1, 0, 2))]
    found += [
        Case("Expand", (real(3, 1),), {"shape": shape}) for shape in ((3, 4), (2, 3, 1), (-1, 2), (2, -1, 1), (1, 1))
    ]
    found += [Case("Expand", (real(3, 1, 2),), {"shape": (-2, 3, 1, 2)})]
    slices = [
        ((1,), (3,), (0,), (1,)),
        ((0,), (2**31,), (1,), (2,)),
        ((-1,), (-(2**31),), (1,), (-1,)),
        ((-3, 0), (-1, 1), (1, 2), (1, 1)),
    ]
    names = ("starts", "ends", "axes", "steps")
    found += [Case("Slice", (x,), dict(zip(names, one, strict=True))) for one in slices]
    found += [Case("Slice", (x,), {"starts": (-9,), "ends": (9,), "axes": (-2,), "steps": (3,)})]
    found += [
        Case("Gather", (x, np.array(places)), {"axis": axis})
        for places in (1, [2, 0], [[0, 1], [1, 0]])
        for axis in (0, 1)
    ]
    found += [
        Case("Gather", (texts("a", "b"), np.array([1, 0, 1])), {"axis": 0}),
        Case("Gather", (empty, np.array([3])), {"axis": -2}),
    ]
    found += [
        Case("Pad", (real(2, 3),), {"pads": pads, "value": value})
        for pads, value in (((0, 1, 2, 0), 0.0), ((1, 0, 0, 2), -1.5))
    ]
    return found


def _folds() -> list[Case]:
    x = real(3, 4, 2)
    ops = ("ReduceSum", "ReduceMax", "ReduceMin")
    found = [
        Case(op, (x,), {"axes": axes, "keepdims": keep})
        for op in ops
        for axes in ((1,), (-1,), (1, 2))
        for keep in (0, 1)
    ]
    found += [Case(op, (real(0, 4),), {"axes": (1,), "keepdims": 1}) for op in ops]
    found += [Case(op, (np.arange(6).reshape(2, 3),), {"axes": (1,), "keepdims": 0}) for op in ops]
    ties = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 1.0]])
    found += [
        Case("ArgMax", (one,), {"axis": axis, "keepdims": keep})
        for one in (ties, x)
        for axis in (1, -1)
        for keep in (0, 1)
    ]
    found += [Case("CumSum", (one,), {"axis": axis}) for one in (x, np.arange(6).reshape(2, 3)) for axis in (0, 1)]
    return found


def _products() -> list[Case]:
    shapes = [
        ((3, 4), (4, 2)),
        ((2, 3, 4), (2, 4, 5)),
        ((2, 3, 4), (4, 5)),
        ((1, 3, 4), (6, 4, 1)),
        ((2, 1, 3, 4), (5, 4, 2)),
        ((0, 4), (4, 2)),
    ]
    found = [Case("MatMul", (real(*one), real(*other)), {}) for one, other in shapes]
    for image, kernel, group, strides, pads, dilations in (
        ((2, 3, 7, 6), (4, 3, 3, 2), 1, (1, 1), (0, 0, 0, 0), (1, 1)),
        ((2, 4, 7, 6), (6, 2, 3, 3), 2, (2, 1), (1, 0, 1, 2), (1, 1)),
        ((1, 4, 9, 9), (4, 1, 3, 3), 4, (1, 2), (2, 2, 2, 2), (2, 1)),
        ((2, 3, 8), (4, 3, 3), 1, (2,), (1, 0), (2,)),
    ):
        settings = {"group": group, "strides": strides, "pads": pads, "dilations": dilations}
        found.append(Case("Conv", (real(*image), real(*kernel)), settings))
    for image, size, strides, pads in (
        ((2, 3, 7, 6), (2, 3), (2, 1), (0, 1, 1, 0)),
        ((2, 3, 8), (3,), (2,), (1, 1)),
        ((1, 1, 6, 6), (2, 2), (2, 2), (0, 0, 0, 0)),
    ):
        settings = {"kernel_shape": size, "strides": strides, "pads": pads}
        found += [
            Case("MaxPool", (real(*image),), settings),
            Case("AveragePool", (real(*image),), settings | {"count_include_pad": 1}),
        ]
    return found


CASES = [*_each(), *_pairs(), *_choices(), *_shapes(), *_folds(), *_products()]
ASKING = ("And", "Equal", "Greater", "GreaterOrEqual", "IsNaN", "Less", "LessOrEqual", "Not", "Or")


def dtype_of(array: np.ndarray) -> Any:
    return "string" if array.dtype == object else array.dtype.name


def by_onnxruntime(case: Case) -> np.ndarray:
    """The output of a graph of one node."""
    inputs = tuple(Value(f"x{place}", dtype_of(one), (None,) * one.ndim) for place, one in enumerate(case.inputs))
    to = case.to or ("bool" if case.op in ASKING else "int64" if case.op == "ArgMax" else dtype_of(case.inputs[-1]))
    to = dtype_of(case.inputs[0]) if case.op == "Gather" else to
    output = Value("y", to, (None,) * len(expected_shape(case)))
    names = tuple(one.name for one in inputs)
    if case.op == "Conv":
        names, inputs = ("x0", "kernel"), inputs[:1]
    constants = {"kernel": case.inputs[1]} if case.op == "Conv" else {}
    graph = Graph(inputs, constants, (Node(case.op, names, output, case.attributes),), (output,))
    session = ort.InferenceSession(to_onnx(graph), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {one.name: case.inputs[place] for place, one in enumerate(inputs)})[0])


def expected_shape(case: Case) -> tuple[int, ...]:
    return by_numpy(case).shape


def by_numpy(case: Case) -> np.ndarray:
    with np.errstate(all="ignore"):
        return apply(case.op, case.inputs, case.attributes, len(np.atleast_1d(case.inputs[0])))


@cache
def by_scripts() -> list[np.ndarray]:
    """The output of each case, in one process."""
    body = (
        "return given.map(({op, inputs, attributes}) => "
        "give(OPERATORS[op](inputs.map(take), attributes, inputs[0].shape[0])))"
    )
    cases = [{"op": one.op, "inputs": [plain(x) for x in one.inputs], "attributes": one.attributes} for one in CASES]
    return [array_of(found) for found in run_script(body, cases)]


def agree(found: np.ndarray, wanted: np.ndarray) -> None:
    assert found.shape == wanted.shape
    if wanted.dtype.kind in "OU":
        assert found.tolist() == wanted.tolist()
    else:
        assert found.dtype == wanted.dtype
        np.testing.assert_allclose(found, wanted, rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_means_in_numpy_what_onnx_says(case: Case) -> None:
    agree(by_numpy(case), by_onnxruntime(case))


@pytest.mark.skipif(NODE is None, reason="there is no Node on this machine")
@pytest.mark.parametrize("place", range(len(CASES)), ids=lambda place: CASES[place].name)
def test_it_means_in_the_scripts_what_it_means_in_numpy(place: int) -> None:
    agree(by_scripts()[place], by_numpy(CASES[place]))


def test_it_means_in_flax_what_it_means_in_numpy() -> None:
    """Texts aside, which networks do not have; with numbers of 64 bits, as dates are."""
    pytest.importorskip("flax")
    network = import_module("batchwright.export.runtime.flax_network")
    tried = [case for case in CASES if not any(one.dtype == object for one in case.inputs)]

    def all_of_them(inputs: list[tuple[jax.Array, ...]]) -> list[jax.Array]:
        return [
            network.apply_flax(case.op, own, case.attributes, len(np.atleast_1d(case.inputs[0]))).astype("float32")
            for case, own in zip(tried, inputs, strict=True)
        ]

    with jax.numpy_rank_promotion("allow"), jax.enable_x64(True):
        found = jax.device_get(jax.jit(all_of_them)([case.inputs for case in tried]))
    for case, one in zip(tried, found, strict=True):
        wanted = by_numpy(case).astype("float32")
        np.testing.assert_allclose(one, wanted, rtol=1e-5, atol=2e-6, err_msg=case.name)
    assert {case.op for case in tried} == set(network.FLAX_FUNCTIONS) | {"Expand"}


def test_every_operator_is_tried() -> None:
    assert {one.op for one in CASES} == set(OPERATORS)
    assert {*FUNCTIONS, "Expand"} == set(OPERATORS)


@pytest.mark.skipif(NODE is None, reason="there is no Node on this machine")
def test_the_scripts_have_every_operator() -> None:
    found = run_script("return [Object.keys(OPERATORS), Object.keys(CELL_OPERATORS)]", None)
    assert set(found[0]) == set(OPERATORS)
    assert set(found[1]) == set(CELL_OPERATORS)


def test_rounding_to_eight_bits_is_to_even() -> None:

    x = np.concatenate([real(1000), ODD.ravel().astype(np.float32), np.float32([1.00390625, 1.01171875])])
    wanted = np.asarray(jnp.asarray(x).astype(jnp.bfloat16).astype(jnp.float32))
    np.testing.assert_array_equal(apply("Cast", (x,), {"to": "bfloat16"}, 1), wanted)
    if NODE is not None:
        found = run_script('return give(OPERATORS.Cast([take(given)], {to: "bfloat16"}))', plain(x))
        np.testing.assert_array_equal(np.array(found["data"], np.float64), wanted.astype(np.float64))
