"""What a trained model goes by, on the rows that it was not trained on."""

from batchwright.explanation.correlated import CorrelatedPair
from batchwright.explanation.dependence import Dependence
from batchwright.explanation.explained import Explained, explain, explain_rows
from batchwright.explanation.importance import ColumnImportance
from batchwright.explanation.rows import LabelledRows, rows_of_part, rows_of_run, rows_of_source, rows_to_explain
from batchwright.explanation.segments import Segment
from batchwright.explanation.worst import WorstRow

__all__ = [
    "ColumnImportance",
    "CorrelatedPair",
    "Dependence",
    "Explained",
    "LabelledRows",
    "Segment",
    "WorstRow",
    "explain",
    "explain_rows",
    "rows_of_part",
    "rows_of_run",
    "rows_of_source",
    "rows_to_explain",
]
