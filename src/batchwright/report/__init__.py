"""One offline file about a run: what it is made of, and the page."""

from batchwright.report.blocks import Contents
from batchwright.report.contents import contents
from batchwright.report.page import page
from batchwright.report.write import write_report

__all__ = ["Contents", "contents", "page", "write_report"]
