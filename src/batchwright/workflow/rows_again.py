"""Read the rows of a run again, for what its folder does not hold."""

from typing import NamedTuple

from batchwright.data.dataset import Dataset
from batchwright.data.disk.budget import limit_to_stream
from batchwright.data.load import Parted, encode_parts, read_parts
from batchwright.errors import RunError
from batchwright.runs.run import Run
from batchwright.workflow.training import recorded_settings


class RowsAgain(NamedTuple):
    """The rows of each part of a run as they were read, and the same encoded as for its training.

    `held_out` are the parts that its model has not learned.
    """

    parted: Parted
    dataset: Dataset
    held_out: tuple[str, ...] = ("test", "validation")


def read_rows_again(run: Run, *, instead: str = "") -> RowsAgain:
    """The rows of a run.

    Args:
        run: the run.
        instead: what to do where they cannot be had, such as "name a source of rows".

    Raises:
        RunError: they were given in Python, do not fit in memory, or are no longer those that it was trained on.
        DataError: they cannot be read.
    """
    advice = f": {instead}" if instead else ""
    settings = recorded_settings(run)
    data = settings.config.data
    if data.source is None:
        raise RunError(f"{run.path} was trained on rows from Python, which it does not keep{advice}.")
    if limit_to_stream(data.source, data.memory_limit, image_size=data.image_size, image_dir=data.image_dir):
        raise RunError(f"the rows of {run.path} do not fit in memory{advice}.")
    like = run.encoding if run.manifest.begun_from else None
    options = settings.config.data_options if like is None else settings.config.told_data_options
    parted = read_parts(data.source, options, seed=settings.config.training.seed, like=like)
    dataset = encode_parts(parted)
    if dataset.fingerprint != run.manifest.fingerprint:
        raise RunError(
            f"the rows of {run.manifest.source} are no longer those that {run.path} was trained on, or are read "
            f"otherwise by this version{advice}."
        )
    return RowsAgain(parted, dataset, ("test",) if run.has_learned_validation else ("test", "validation"))
