"""What becomes of each layer of a network in Keras."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from batchwright.export.keras_building import Building, Part, Tensor, refused
from batchwright.nn.activations import Activation
from batchwright.nn.convolution import Conv2D
from batchwright.nn.depthwise import DepthwiseConv2D
from batchwright.nn.embeddings import Embedding, EmbeddingBag
from batchwright.nn.ensembles import EachSubmodel, EnsembleDense, EnsembleHead
from batchwright.nn.foreign.module import Foreign
from batchwright.nn.layers import Dense, Dropout, Flatten, Residual, Sequential, name_of_layer
from batchwright.nn.mixed import ImageAndRest
from batchwright.nn.normalization import BatchNorm, GroupNorm, LayerNorm, RMSNorm
from batchwright.nn.pooling import AvgPool, GlobalAveragePool, GlobalMaxPool, MaxPool
from batchwright.nn.series import Conv1D, Series

Emit: TypeAlias = Callable[[Building, Part, Tensor], Tensor]
LAST = {"data_format": "channels_last"}


def add_layer(building: Building, part: Part, x: Tensor) -> Tensor:
    """What a layer makes of x.

    Raises:
        UsageError: Keras has no such layer.
    """
    emit = LAYERS.get(type(part.layer))
    if emit is None:
        raise refused(part.layer, part.place)
    return emit(building, part, x)


def _weights(part: Part, *names: str) -> list[Any]:
    """The arrays of these names, as far as the layer has them."""
    both = part.variables.state | part.variables.params
    return [both[name] for name in names if name in both]


def _sequential(building: Building, part: Part, x: Tensor) -> Tensor:
    for index, layer in enumerate(part.layer.layers):
        x = add_layer(building, part.inside(layer, name_of_layer(index, layer)), x)
    return x


def _residual(building: Building, part: Part, x: Tensor) -> Tensor:
    body, shortcut = part.layer.body, part.layer.shortcut
    if shortcut is None:
        made, beside = add_layer(building, part._replace(layer=body), x), x
    else:
        made, beside = (
            add_layer(building, part.inside(layer, name), x) for layer, name in ((body, "body"), (shortcut, "shortcut"))
        )
    return building.add("Add", [made, beside], f"{part.place}_sum")


def _dense(building: Building, part: Part, x: Tensor) -> Tensor:
    settings = {"units": part.layer.units, "use_bias": part.layer.use_bias}
    return building.add("Dense", x, part.place, _weights(part, "kernel", "bias"), settings=settings)


def _dropout(building: Building, part: Part, x: Tensor) -> Tensor:
    rate = float(part.layer.rate)
    return building.add("Dropout", x, part.place, settings={"rate": rate}) if rate else x


def _flatten(building: Building, part: Part, x: Tensor) -> Tensor:
    return building.flat(x, part.place)


def _activation(building: Building, part: Part, x: Tensor) -> Tensor:
    name = part.layer.name
    if name == "identity":
        return x
    if name == "leaky_relu":
        return building.add("LeakyReLU", x, part.place, settings={"negative_slope": float(part.layer.slope)})
    return building.add("Activation", x, part.place, settings={"activation": name})


def _batch_norm(building: Building, part: Part, x: Tensor) -> Tensor:
    settings = {"momentum": float(part.layer.momentum), "epsilon": float(part.layer.epsilon)}
    arrays = _weights(part, "gamma", "beta", "mean", "variance")
    return building.add("BatchNormalization", x, part.place, arrays, learned=not part.layer.frozen, settings=settings)


def _normalization(kind: str, **settings: Any) -> Emit:
    """A normalization within each row."""

    def emit(building: Building, part: Part, x: Tensor) -> Tensor:
        groups = {"groups": part.layer.groups} if kind == "GroupNormalization" else {}
        given = {"epsilon": float(part.layer.epsilon)} | groups | settings
        return building.add(kind, x, part.place, _weights(part, "gamma", "beta"), settings=given)

    return emit


def _convolution(kind: str) -> Emit:
    def emit(building: Building, part: Part, x: Tensor) -> Tensor:
        names = ("kernel_size", "strides", "padding", "use_bias", *(("filters",) if kind != "DepthwiseConv2D" else ()))
        settings = {name: getattr(part.layer, name) for name in names} | LAST
        if kind == "DepthwiseConv2D":
            settings["depth_multiplier"] = part.layer.depth_multiplier
        return building.add(kind, x, part.place, _weights(part, "kernel", "bias"), settings=settings)

    return emit


def _pool(kind: str) -> Emit:
    """A pool along an image or a series."""

    def emit(building: Building, part: Part, x: Tensor) -> Tensor:
        sides = len(x.shape) - 2
        settings = {"pool_size": part.layer.pool_size, "strides": part.layer.strides, "padding": "valid"} | LAST
        return building.add(f"{kind}Pooling{sides}D", x, part.place, settings=settings)

    return emit


def _global_pool(kind: str) -> Emit:
    def emit(building: Building, part: Part, x: Tensor) -> Tensor:
        return building.add(f"Global{kind}Pooling{len(x.shape) - 2}D", x, part.place, settings=LAST)

    return emit


def _embedding(building: Building, part: Part, x: Tensor) -> Tensor:
    """A vector for each number; one outside the table takes the nearest."""
    layer = part.layer
    codes = building.ops.clip(building.ops.cast(x, "int32"), 0, layer.categories - 1)
    settings = {"input_dim": layer.categories, "output_dim": layer.units}
    return building.add("Embedding", codes, part.place, [part.variables.params["table"]], settings=settings)


def _embedding_bag(building: Building, part: Part, x: Tensor) -> Tensor:
    """The mean of the vectors of the numbers above 0."""
    ops = building.ops
    there = ops.cast(ops.greater(x, 0), "float32")
    total = ops.sum(_embedding(building, part, x) * ops.expand_dims(there, 2), axis=1)
    return total / ops.maximum(ops.sum(there, axis=1, keepdims=True), 1.0)


def _series(building: Building, part: Part, x: Tensor) -> Tensor:
    channels = part.layer.channels
    return building.reshaped(x, (x.shape[1] // channels, channels), part.place)


def _image_and_rest(building: Building, part: Part, x: Tensor) -> Tensor:
    height, width, channels = part.layer.image
    rest = x.shape[1] - height * width * channels
    image = building.reshaped(x[:, rest:], part.layer.image, f"{part.place}_image")
    made = add_layer(building, part._replace(layer=part.layer.body), image)
    return building.side_by_side([x[:, :rest], building.flat(made, f"{part.place}_flat")], f"{part.place}_both")


def _ensemble_dense(building: Building, part: Part, x: Tensor) -> Tensor:
    """Scales of the inputs, one kernel for all submodels, scales of the outputs."""
    layer, params, place = part.layer, part.variables.params, part.place
    letters = "nf,kf->nkf" if len(x.shape) == 2 else "nkf,kf->nkf"
    x = building.product(letters, x, f"{place}_inputs", params["input_scale"][0])
    bias = params["bias"][0] if layer.use_bias else None
    if not layer.own_outputs:
        arrays = [params["kernel"], *([] if bias is None else [bias[0]])]
        return building.add("Dense", x, place, arrays, settings={"units": layer.units, "use_bias": layer.use_bias})
    x = building.add("Dense", x, place, [params["kernel"]], settings={"units": layer.units, "use_bias": False})
    return building.product("nku,ku->nku", x, f"{place}_outputs", params["output_scale"][0], bias=bias)


def _ensemble_head(building: Building, part: Part, x: Tensor) -> Tensor:
    params, letters = part.variables.params, "nf,kfu->nku" if len(x.shape) == 2 else "nkf,kfu->nku"
    return building.product(letters, x, part.place, params["kernel"], bias=params["bias"][0])


def _each_submodel(building: Building, part: Part, x: Tensor) -> Tensor:
    shape = x.shape[1:]
    wide = building.reshaped(x, (shape[0] * shape[1],), f"{part.place}_together")
    made = add_layer(building, part._replace(layer=part.layer.body), wide)
    return building.reshaped(made, shape, f"{part.place}_apart")


def _foreign(_: Building, part: Part, x: Tensor) -> Tensor:
    """A model of Keras that was trained here; modules of other libraries have no place in it."""
    if part.layer.module.library != "Keras":
        raise refused(part.layer.module, part.place)
    return part.layer.module.copy(part.variables)(x)


LAYERS: Mapping[type, Emit] = {
    Activation: _activation,
    AvgPool: _pool("Average"),
    BatchNorm: _batch_norm,
    Conv1D: _convolution("Conv1D"),
    Conv2D: _convolution("Conv2D"),
    Dense: _dense,
    DepthwiseConv2D: _convolution("DepthwiseConv2D"),
    Dropout: _dropout,
    EachSubmodel: _each_submodel,
    Embedding: _embedding,
    EmbeddingBag: _embedding_bag,
    EnsembleDense: _ensemble_dense,
    EnsembleHead: _ensemble_head,
    Flatten: _flatten,
    Foreign: _foreign,
    GlobalAveragePool: _global_pool("Average"),
    GlobalMaxPool: _global_pool("Max"),
    GroupNorm: _normalization("GroupNormalization", axis=-1),
    ImageAndRest: _image_and_rest,
    LayerNorm: _normalization("LayerNormalization"),
    MaxPool: _pool("Max"),
    RMSNorm: _normalization("RMSNormalization"),
    Residual: _residual,
    Sequential: _sequential,
    Series: _series,
}
"""How each layer is said in Keras."""
