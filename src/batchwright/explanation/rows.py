"""The rows to explain a model on: those of the run itself, or of a source that is given."""

from dataclasses import dataclass, replace

import numpy as np

from batchwright.data.dataset import Split, encode_split, fingerprint
from batchwright.data.disk.budget import limit_to_stream
from batchwright.data.encode.encoding import Encoding
from batchwright.data.formats.source import Source
from batchwright.data.load import read_parts
from batchwright.data.new_rows import encode_labelled
from batchwright.data.splitting import row_hashes
from batchwright.data.typed.rows import Rows
from batchwright.errors import RunError
from batchwright.runs.run import Run
from batchwright.workflow.training import recorded_settings

PARTS = ("test", "validation", "train")
"""The parts of a run's rows; the first that there is, is explained."""


@dataclass(frozen=True)
class LabelledRows:
    """Rows as they were read, and the same encoded, with their targets.

    `part` is what they are called, `positions` are their numbers in the source from 0, and None where they have not
    been drawn from it.
    """

    part: str
    rows: Rows
    split: Split
    positions: np.ndarray | None = None
    notes: tuple[str, ...] = ()


def rows_of_run(run: Run) -> LabelledRows:
    """The test rows of a run; the validation rows, where it has none, or else the training rows.

    Raises:
        RunError: the rows cannot be read again, or are no longer those that the run was trained on.
    """
    settings = recorded_settings(run)
    data = settings.config.data
    if data.source is None:
        raise RunError(f"{run.path} was trained on rows from Python, which it does not keep: name a source of rows.")
    if limit_to_stream(data.source, data.memory_limit, image_size=data.image_size, image_dir=data.image_dir):
        raise RunError(f"the rows of {run.path} do not fit in memory: name a smaller source of rows.")
    like = run.encoding if run.manifest.begun_from else None
    parted = read_parts(data.source, settings.config.data_options, seed=settings.config.training.seed, like=like)
    parts = {name: encode_split(part, parted.encoding, weights=parted.weights) for name, part in parted.rows.items()}
    hashes = {name: row_hashes(part.inputs) for name, part in parts.items()}
    if fingerprint(parts, hashes, parted.encoding) != run.manifest.fingerprint:
        raise RunError(
            f"the rows of {run.manifest.source} are no longer those that {run.path} was trained on: put those back, or "
            "name a source of rows."
        )
    part = next(name for name in PARTS if name in parts)
    return LabelledRows(part, parted.rows[part], parts[part], parted.positions.get(part))


def rows_of_source(source: Source, encoding: Encoding) -> LabelledRows:
    """The rows of another source, with their targets.

    Raises:
        DataError: they are not of the kind that the model was trained on, or have no targets.
    """
    found = encode_labelled(source, encoding, options=replace(encoding.reading, on_bad_rows="stop"))
    return LabelledRows(str(source), found.source, found.rows, notes=found.notes)
