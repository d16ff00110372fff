"""Which inputs of a network come from which column of the table."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from jaxtyping import Int64

from batchwright.data.encode.encoders import Category, Wide
from batchwright.data.encode.encoding import ImagePreprocessing
from batchwright.data.encode.preprocessing import Preprocessing

NOTHING = range(0)

Arrays: TypeAlias = Mapping[str, np.ndarray]
"""The inputs of a network by name, each [rows, ...]."""


@dataclass(frozen=True)
class InputPlaces:
    """The positions that a column has in each input of the network; `image`: it is all of the image."""

    numeric: range = NOTHING
    categorical: range = NOTHING
    text: range = NOTHING
    image: bool = False

    def by_input(self) -> dict[str, range]:
        """The positions by the name of the input, where there are some; an image has none, as it is whole."""
        named = {"numeric": self.numeric, "categorical": self.categorical, "text": self.text}
        return {name: places for name, places in named.items() if places}


def places_of(preprocessing: Preprocessing | ImagePreprocessing) -> dict[str, InputPlaces]:
    """The places of each column that the network gets, in the order of the table; images of a folder have no columns.

    >>> from batchwright.data.load import load
    >>> places_of(load("iris").preprocessing)["petal width (cm)"].numeric
    range(3, 4)
    """
    if isinstance(preprocessing, ImagePreprocessing):
        return {}
    found, numbers, categories, words = dict[str, InputPlaces](), 0, 0, 0
    for encoder in preprocessing.encoders:
        if isinstance(encoder, Wide):
            found[encoder.column] = InputPlaces(numeric=range(numbers, numbers := numbers + len(encoder.features)))
        elif isinstance(encoder, Category):
            found[encoder.column] = InputPlaces(categorical=range(categories, categories := categories + 1))
        else:
            found[encoder.column] = InputPlaces(text=range(words, words := words + encoder.width))
    if preprocessing.image is not None:
        found[preprocessing.image.column] = InputPlaces(image=True)
    return found


def take_from(inputs: Arrays, others: Arrays, places: InputPlaces) -> dict[str, np.ndarray]:
    """The inputs, with those at the places taken from `others`, which have as many rows."""
    mixed = dict(inputs)
    for name, chosen in places.by_input().items():
        mixed[name] = inputs[name].copy()
        mixed[name][:, chosen.start : chosen.stop] = others[name][:, chosen.start : chosen.stop]
    if places.image:
        mixed["image"] = others["image"]
    return mixed


def permute(
    inputs: Arrays, places: tuple[InputPlaces, ...], order: Int64[np.ndarray, " rows"]
) -> dict[str, np.ndarray]:
    """The inputs, with some columns as the rows in another order have them: all by the same order."""
    mixed = dict(inputs)
    for of_column in places:
        names = {*of_column.by_input(), *(("image",) if of_column.image else ())}
        mixed = take_from(mixed, {name: inputs[name][order] for name in names}, of_column)
    return mixed
