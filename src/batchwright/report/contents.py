"""What a report says, in order, of a run, a search or a comparison."""

from typing import TypeAlias

from batchwright.comparison.saved import SavedComparison
from batchwright.report.blocks import Contents
from batchwright.report.comparison_contents import comparison_contents
from batchwright.report.run_contents import run_contents
from batchwright.report.search_contents import search_contents
from batchwright.runs.run import Run
from batchwright.search.saved import SavedSearch

Subject: TypeAlias = Run | SavedSearch | SavedComparison
"""What lies in a folder, and has a report."""


def contents(of: Subject) -> Contents:
    """All that a report says. Nothing in the folder is executed; the rows of a run are read again.

    Where something is not there, such as the rows, or a model, the report says so and why.
    """
    match of:
        case SavedSearch():
            return search_contents(of)
        case SavedComparison():
            return comparison_contents(of)
    return run_contents(of)
