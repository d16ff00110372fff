"""One offline file about a run, a search, a comparison or a measurement: what it is made of, and the page."""

from batchwright.report.blocks import Contents
from batchwright.report.contents import contents
from batchwright.report.measured_contents import batch_size_contents, learning_rate_contents
from batchwright.report.page import page
from batchwright.report.write import require_report_place, write_page, write_report

__all__ = [
    "Contents",
    "batch_size_contents",
    "contents",
    "learning_rate_contents",
    "page",
    "require_report_place",
    "write_page",
    "write_report",
]
