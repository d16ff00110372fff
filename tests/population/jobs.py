"""Jobs of members: small networks whose numbers, seeds and schedules differ."""

from dataclasses import replace

import numpy as np
from tests.builders import make_job, make_rows

from batchwright import optim
from batchwright.training.job import Job

ROWS = make_rows(weighted=True)
HELD_OUT = make_rows(1)
EXAMPLE = {name: np.asarray(array) for name, array in ROWS.inputs.items()}


def job(rate: float = 0.05, *, seed: int = 0, epochs: int = 6, dropout: float = 0.2, **changes: object) -> Job:
    made = make_job(
        network={"dropout": dropout, "batch_normalization": True},
        optimizer=optim.SGD(rate, momentum=0.9),
        epochs=epochs,
    )
    return replace(made, train=ROWS, validation=HELD_OUT, seed=seed, **changes)
