"""What looks wrong in the rows of a run and in its plan, the worst first."""

from batchwright.errors import BatchwrightError
from batchwright.figures.text import clean
from batchwright.report.blocks import Grid, Section, Words
from batchwright.report.gathered import Gathered
from batchwright.workflow.checking import inspect_run

NAME, TITLE = "findings", "What looks wrong before training"
LONGEST = 600


def findings_section(found: Gathered) -> Section:
    """The findings of `check` on the rows as they were read again, or why there are none."""
    if found.dataset is None or found.model is None:
        words = "It takes the rows and the model to say what looks wrong in them, and one of them is not there."
        return Section(NAME, TITLE, (Words(words),))
    try:
        told = inspect_run(found.run, found.dataset, found.model.model.network)
    except BatchwrightError as error:
        return Section(NAME, TITLE, (Words(f"What looks wrong cannot be told: {clean(str(error))}"),))
    if not told:
        return Section(NAME, TITLE, (Words("Nothing looks wrong in the rows and the plan."),))
    rows = tuple((one.severity, one.kind, clean(one.evidence)[:LONGEST], clean(one.advice)[:LONGEST]) for one in told)
    grid = Grid("Findings in the rows and the plan", ("how bad", "what", "evidence", "what to do"), rows)
    return Section(NAME, TITLE, (grid,))
