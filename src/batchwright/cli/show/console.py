"""A console that prints characters as they are, and obeys none of them."""

from typing import Any

from rich.console import Console
from rich.text import Text

from batchwright.cli.output import printable


class PlainConsole(Console):
    """A console on which control characters in texts are shown as escapes; its own colours and movements work."""

    def render_str(self, text: str, **given: Any) -> Text:
        """The text as it is printed."""
        return super().render_str(printable(text), **given)
