"""A model as a folder that another program or a site knows, which has the model itself in it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from batchwright._files import new_folder
from batchwright.errors import BatchwrightError
from batchwright.export.checking import REFUSED, REPORT, Checked, answers_of_model
from batchwright.export.rows_to_check import rows_to_check
from batchwright.runs.run import Run, open_run


@dataclass(frozen=True)
class Folder:
    """A kind of folder.

    - name: what it is called
    - contents: its files by name, of a run
    - run: the folder in it that is the run; empty where it is the run itself
    """

    name: str
    contents: Callable[[Run], Mapping[str, bytes]]
    run: str = ""


def write_model_folder(kind: Folder, run: Run, path: Path) -> tuple[int, Checked]:
    """Write a folder, and compare the model in it with that of the run; how many bytes it has, and how they compare.

    Raises:
        RunError: the run has no model.
        UsageError: the folder exists, or cannot be written.
        BatchwrightError: the model in it does not answer as the run's; nothing is kept.
    """
    contents = kind.contents(run)
    with new_folder(path) as made:
        for name, content in contents.items():
            (made / name).parent.mkdir(parents=True, exist_ok=True)
            (made / name).write_bytes(content)
        checked = _compare(run, open_run(made / kind.run))
    return sum(map(len, contents.values())), checked


def _compare(run: Run, made: Run) -> Checked:
    """Whether the two models answer with the same bits."""
    model, rows = run.load_model(), rows_to_check(run.load_model(), run)
    wanted, found = (answers_of_model(one, rows.rows).columns for one in (model, made.load_model()))
    for name, answers in wanted.items():
        if not np.array_equal(answers, found[name], equal_nan=answers.dtype.kind == "f"):
            raise BatchwrightError(f"{REFUSED}: {name} differs on the {rows.what}. {REPORT}.")
    return Checked(0.0, rows.rows.rows, rows.what)
