"""Typed rows, whatever holds them."""

from typing import TypeAlias

from batchwright.data.typed.images import Images
from batchwright.data.typed.table import RowSource, Table

Rows: TypeAlias = Table | Images
"""Rows in memory."""

AnyRows: TypeAlias = RowSource | Images
"""Rows in memory or on the disk; images on the disk are memory maps."""
