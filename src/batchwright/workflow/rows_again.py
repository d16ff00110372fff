"""Read the rows of a run again, to look for what its folder does not show."""

from batchwright.data.dataset import Dataset
from batchwright.data.disk.budget import limit_to_stream
from batchwright.data.load import prepare
from batchwright.errors import RunError
from batchwright.runs.run import Run
from batchwright.workflow.training import recorded_settings


def read_rows_again(run: Run) -> Dataset:
    """The rows of a run, read and encoded as for its training.

    Raises:
        RunError: they were given in Python, do not fit in memory, or are no longer those that it was trained on.
        DataError: they cannot be read.
    """
    settings = recorded_settings(run)
    data = settings.config.data
    if data.source is None:
        raise RunError(f"{run.path} was trained on rows from Python, which it does not keep.")
    if limit_to_stream(data.source, data.memory_limit, image_size=data.image_size, image_dir=data.image_dir):
        raise RunError(f"the rows of {run.path} do not fit in memory.")
    like = run.encoding if run.manifest.begun_from else None
    dataset = prepare(data.source, settings.config.data_options, seed=settings.config.training.seed, like=like)
    if dataset.fingerprint != run.manifest.fingerprint:
        raise RunError(f"the rows of {run.manifest.source} are no longer those that {run.path} was trained on.")
    return dataset
