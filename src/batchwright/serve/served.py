"""A run's model ready to answer: each size of a batch that is ever used is compiled, so that no request compiles."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jax import Array

from batchwright import _cache
from batchwright.data.encode.texts import text_dtype
from batchwright.errors import UsageError
from batchwright.nn.ensembles import submodels_of
from batchwright.nn.protocols import Features
from batchwright.runs.intervals import cutoffs_of, promise_notes
from batchwright.runs.manifest import WEIGHTS
from batchwright.runs.model import SavedModel, features_of
from batchwright.runs.predictions import Predictions, predictions_of, require_submodels
from batchwright.runs.run import Run
from batchwright.serve.asked import Options
from batchwright.serve.media import OF_BOTH, OF_IMAGES, OF_TABLES
from batchwright.serve.pictures import ImageInput, image_input, prepare_decoding
from batchwright.serve.refusals import RefusedError
from batchwright.serve.usual import Usual, usual_of
from batchwright.training.evaluate import compile_outputs

Programs = Mapping[int, Callable[[Mapping[str, np.ndarray]], Array]]
"""The compiled network by the number of rows that it takes."""


@dataclass(frozen=True, eq=False)
class Served:
    """A model, its programs, the quick way for its rows, if there is one, and the images that it takes, if any.

    `version` is the beginning of the hash of its weights; `each` are the programs that give the outputs of submodels.
    """

    path: Path
    version: str
    model: SavedModel
    programs: Programs
    each: Programs
    usual: Usual | None
    image: ImageInput | None

    @property
    def takes(self) -> tuple[str, ...]:
        """The types in which rows are taken."""
        return OF_TABLES if self.image is None else OF_IMAGES if self.image.alone else OF_BOTH

    def predict(self, inputs: Mapping[str, np.ndarray], options: Options) -> Predictions:
        """The predictions for encoded rows.

        Raises:
            RefusedError: the options ask for what this model does not have.
        """
        cutoffs = self.cutoffs(options)
        outputs = self._outputs(self.programs, inputs)
        each = self._outputs(self.each, inputs) if options.uncertainty else None
        task, target = self.model.model.task, self.model.encoding.target.name
        return predictions_of(task, target, outputs, of_submodels=each, cutoffs=cutoffs)

    def cutoffs(self, options: Options) -> tuple[float, ...] | None:
        """The cutoffs of the intervals asked for.

        Raises:
            RefusedError: the options ask for what this model does not have.
        """
        try:
            if options.uncertainty:
                require_submodels(self.model)
            return cutoffs_of(self.model, options.interval)
        except UsageError as error:
            raise RefusedError(400, str(error)) from error

    def promises(self, options: Options) -> tuple[str, ...]:
        """What keeps intervals from holding what their level promises."""
        return promise_notes(self.model, options.interval)

    def _outputs(self, programs: Programs, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """The outputs for all rows, in pieces of at most the largest size; each is filled up to the next size."""
        rows, largest = len(next(iter(inputs.values()))), max(programs)
        pieces = []
        for start in range(0, rows, largest):
            count = min(largest, rows - start)
            size = 1 << (count - 1).bit_length()
            piece = {name: _filled(array[start : start + count], size) for name, array in inputs.items()}
            pieces.append(np.asarray(programs[size](piece))[:count])
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)


def _filled(array: np.ndarray, size: int) -> np.ndarray:
    """The rows, with rows of zeros behind them if there are fewer than `size`."""
    if len(array) == size:
        return array
    filled = np.zeros((size, *array.shape[1:]), array.dtype)
    filled[: len(array)] = array
    return filled


def serve_run(run: Run, largest: int) -> Served:
    """The model of a run, with a program for each power of two up to `largest` rows.

    Raises:
        RunError: the run has no model, or is damaged.
    """
    _cache.use()
    model = run.load_model()
    image = image_input(model.encoding)
    if image is not None:
        prepare_decoding()
    sizes = [1 << power for power in range(largest.bit_length())]
    each = sizes if submodels_of(model.model.network) > 1 else []
    return Served(
        path=run.path,
        version=run.manifest.files[WEIGHTS].sha256[:12],
        model=model,
        programs=_compile(model, sizes, of_submodels=False),
        each=_compile(model, each, of_submodels=True),
        usual=usual_of(model.encoding),
        image=image,
    )


def _compile(model: SavedModel, sizes: list[int], *, of_submodels: bool) -> Programs:
    features = features_of(model.encoding)
    return {
        size: compile_outputs(model.model, model.variables, _empty(features, size), of_submodels=of_submodels)
        for size in sizes
    }


def _empty(features: Features, rows: int) -> dict[str, np.ndarray]:
    """Inputs of zeros."""
    inputs = {}
    if features.numeric:
        inputs["numeric"] = np.zeros((rows, features.numeric), np.float32)
    if features.cardinalities:
        inputs["categorical"] = np.zeros((rows, len(features.cardinalities)), np.int32)
    if features.text:
        inputs["text"] = np.zeros((rows, sum(width for _, width in features.text)), text_dtype(features.text))
    if features.image:
        inputs["image"] = np.zeros((rows, *features.image), np.uint8)
    return inputs
