"""What a report says, in order, of a run, a search or a comparison."""

from typing import TYPE_CHECKING, TypeAlias, Union

from batchwright.report.blocks import Contents
from batchwright.report.run_contents import run_contents
from batchwright.runs.run import Run

if TYPE_CHECKING:
    from batchwright.comparison.saved import SavedComparison
    from batchwright.search.saved import SavedSearch

Subject: TypeAlias = Union[Run, "SavedSearch", "SavedComparison"]
"""What lies in a folder, and has a report."""


def contents(of: Subject) -> Contents:
    """All that a report says. Nothing in the folder is executed; the rows of a run are read again.

    Where something is not there, such as the rows, or a model, the report says so and why.
    """
    if isinstance(of, Run):  # without the libraries of searches, which take a second to load
        return run_contents(of)
    from batchwright.report.comparison_contents import comparison_contents
    from batchwright.report.search_contents import search_contents
    from batchwright.search.saved import SavedSearch

    return search_contents(of) if isinstance(of, SavedSearch) else comparison_contents(of)
