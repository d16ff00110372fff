"""The first part of a network in Keras: columns, words and images as one tensor, and embeddings of numbers.

The inputs are those of the network itself: encoded arrays by name. Letters: n rows, d numbers, t bins, k frequencies,
u features of each number.
"""

from collections.abc import Callable, Mapping
from math import pi
from typing import Any, TypeAlias

import numpy as np

from batchwright.export.keras_building import Building, Part, Tensor, refused
from batchwright.export.keras_layers import add_layer
from batchwright.nn.differences import WithDifferences
from batchwright.nn.embeddings import Columns, PiecewiseLinear, Pixels
from batchwright.nn.foreign.module import OneArray
from batchwright.nn.numeric import PBLD, PLR, Cosine, PiecewiseLinearB, PiecewiseLinearTree

Inputs: TypeAlias = Mapping[str, Tensor]
EmitNumbers: TypeAlias = Callable[[Building, Part, Tensor], Tensor]


def add_encoder(building: Building, part: Part, inputs: Inputs) -> Tensor:
    """What an encoder makes of the inputs.

    Raises:
        UsageError: Keras cannot say it.
    """
    match part.layer:
        case Columns():
            return _columns(building, part, inputs)
        case Pixels():
            return _pixels(building, part, inputs["image"])
        case OneArray():
            return _pixels(building, part, inputs["image"]) if "image" in inputs else inputs["numeric"]
    raise refused(part.layer, part.place)


def _pixels(building: Building, part: Part, image: Tensor) -> Tensor:
    """Bytes as 0 to 1."""
    return building.add("Rescaling", image, f"{part.place}/pixels", settings={"scale": 1 / 255})


def _columns(building: Building, part: Part, inputs: Inputs) -> Tensor:
    parts = [_numbers(building, part, inputs["numeric"])] if "numeric" in inputs else []
    for index, embedding in enumerate(part.layer.embeddings):
        own = part.inside(embedding, f"embedding_{index}")
        parts.append(add_layer(building, own, inputs["categorical"][:, index]))
    start = 0
    for index, (bag, width) in enumerate(zip(part.layer.bags, part.layer.texts, strict=True)):
        own = part.inside(bag, f"embedding_text_{index}")
        parts.append(add_layer(building, own, inputs["text"][:, start : start + width]))
        start += width
    if "image" in inputs:
        parts.append(building.flat(_pixels(building, part, inputs["image"]), f"{part.place}/flat"))
    return building.side_by_side(parts, f"{part.place}/all")


def _numbers(building: Building, part: Part, x: Tensor) -> Tensor:
    """The numbers themselves, or the first feature of each and then the others, number by number."""
    if part.layer.numbers is None:
        return x
    found = add_number_encoder(building, part.inside(part.layer.numbers, "numbers"), x)
    rest = building.flat(found[:, :, 1:], f"{part.place}/numbers_others")
    return building.side_by_side([found[:, :, 0], rest], f"{part.place}/numbers_all")


def add_number_encoder(building: Building, part: Part, x: Tensor) -> Tensor:
    """The features [n, d, u] of each number.

    Raises:
        UsageError: Keras cannot say it.
    """
    emit = NUMBERS.get(type(part.layer))
    if emit is None:
        raise refused(part.layer, part.place)
    return emit(building, part, x)


def _with_differences(building: Building, part: Part, x: Tensor) -> Tensor:
    """The numbers, and differences of some of them, cut at their limits, which are 1 where they are cut."""
    differences, place = part.layer.differences, part.place
    kernel, bias = np.zeros((x.shape[1], len(differences))), np.zeros(len(differences))
    for column, one in enumerate(differences):
        unit = one.scale * one.limit
        kernel[one.first, column] += 1 / unit
        kernel[one.second, column] -= one.slope / unit
        bias[column] = -one.center / unit
    settings = {"units": len(differences)}
    shares = building.add("Dense", x, f"{place}_differences", [kernel, bias], learned=False, settings=settings)
    limits = np.array([one.limit for one in differences])
    cut = building.ops.clip(shares, -1.0, 1.0)
    found = building.product("nd,d->nd", cut, f"{place}_limits", limits, learned=False)
    both = building.side_by_side([x, found], f"{place}_extended")
    return add_number_encoder(building, part._replace(layer=part.layer.numbers), both)


def _bins(
    building: Building, place: str, x: Tensor, edges: np.ndarray, beyond: tuple[np.ndarray, np.ndarray]
) -> Tensor:
    """How full each bin is [n, d, t]; `beyond` is by how much more for each unit below the bin and above it."""
    ops, (below, above) = building.ops, beyond

    def constant(letters: str, y: Tensor, name: str, kernel: np.ndarray, bias: np.ndarray | None = None) -> Tensor:
        return building.product(letters, y, f"{place}_{name}", kernel, bias=bias, learned=False)

    low, high = edges[:, :-1], edges[:, 1:]
    ones, slopes = np.ones_like(low), _inverse(high - low)
    from_low, from_high = (
        constant("nd,dt->ndt", x, name, ones, -edge) for name, edge in (("from_low", low), ("from_high", high))
    )
    inside = ops.clip(constant("ndt,dt->ndt", from_low, "inside", slopes), 0.0, 1.0)
    under = ops.minimum(constant("ndt,dt->ndt", from_low, "under", below), 0.0)
    over = ops.maximum(constant("ndt,dt->ndt", from_high, "over", above), 0.0)
    return building.add("Add", [inside, under, over], f"{place}_bins")


def _inverse(widths: np.ndarray) -> np.ndarray:
    """1 / width, 0 for a bin without any."""
    return np.where(widths > 0, 1 / np.where(widths > 0, widths, 1), 0)


def _piecewise(building: Building, part: Part, x: Tensor) -> Tensor:
    """As `fill_bins`: bins go on outside, with the slope of an average bin at most."""
    params, edges = part.variables.params, np.asarray(part.variables.state["edges"], np.float64)
    low, high = edges[:, :-1], edges[:, 1:]
    width, first, last = high - low, edges[:, :1], edges[:, -1:]
    count = np.maximum((width > 0).sum(axis=1, keepdims=True), 1)
    slack = _inverse(np.where(width > 0, np.maximum(width, (last - first) / count), 0))
    beyond = (np.where(low == first, slack, 0), np.where(high == last, slack, 0))
    filled = _bins(building, part.place, x, edges, beyond)
    straight = building.product("nd,du->ndu", x, f"{part.place}_line", params["gamma"], bias=params["bias"])
    bent = building.product("ndt,dtu->ndu", filled, part.place, params["gamma_bins"])
    return building.add("Add", [straight, bent], f"{part.place}_sum")


def _piecewise_with_relu(building: Building, part: Part, x: Tensor) -> Tensor:
    """As `PiecewiseLinear`: the first bin and the last go on with their own slopes; the number stays beside."""
    params, edges = part.variables.params, np.asarray(part.variables.state["edges"], np.float64)
    slopes, places = _inverse(edges[:, 1:] - edges[:, :-1]), np.arange(edges.shape[1] - 1)
    beyond = (np.where(places == 0, slopes, 0), np.where(places == places[-1], slopes, 0))
    filled = _bins(building, part.place, x, edges, beyond)
    found = building.product("ndt,dtu->ndu", filled, part.place, params["kernel"], bias=params["bias"])
    return _beside(building, part, x, building.ops.relu(found))


def _beside(building: Building, part: Part, x: Tensor, features: Tensor) -> Tensor:
    """Each number before its features."""
    return building.side_by_side([building.ops.expand_dims(x, 2), features], f"{part.place}_all")


def _angles(building: Building, part: Part, x: Tensor, phases: Any = None) -> Tensor:
    """2 pi w x of each frequency w, and a phase."""
    kernel = np.float32(2 * pi) * np.asarray(part.variables.params["gamma"])
    return building.product("nd,dk->ndk", x, f"{part.place}_angles", kernel, bias=phases)


def _plr(building: Building, part: Part, x: Tensor) -> Tensor:
    params, ops, angles = part.variables.params, building.ops, _angles(building, part, x)
    waves = building.side_by_side([ops.cos(angles), ops.sin(angles)], f"{part.place}_waves")
    found = building.product("ndk,dku->ndu", waves, part.place, params["gamma_waves"], bias=params["bias"])
    return ops.relu(found)


def _cosine(building: Building, part: Part, x: Tensor) -> Tensor:
    params = part.variables.params
    turns = building.product("nd,du->ndu", x, f"{part.place}_angles", params["gamma"], bias=params["beta"])
    waves = building.ops.cos(turns * (2 * pi))
    found = building.product("ndu,du->ndu", waves, part.place, params["gamma_waves"], bias=params["beta_waves"])
    return _beside(building, part, x, found)


def _pbld(building: Building, part: Part, x: Tensor) -> Tensor:
    params = part.variables.params
    waves = building.ops.cos(_angles(building, part, x, params["beta"]))
    found = building.product("ndk,dku->ndu", waves, part.place, params["gamma_waves"], bias=params["bias"])
    return _beside(building, part, x, found)


NUMBERS: Mapping[type, EmitNumbers] = {
    Cosine: _cosine,
    PBLD: _pbld,
    PLR: _plr,
    PiecewiseLinear: _piecewise_with_relu,
    PiecewiseLinearB: _piecewise,
    PiecewiseLinearTree: _piecewise,
    WithDifferences: _with_differences,
}
"""How each embedding of numbers is said in Keras."""
