"""How the site reads docstrings: an example is code, whatever brackets it has."""

import re
from typing import Any

import griffe

EXAMPLE = re.compile(r"(?:^ *>>> .*\n?(?:^ *\S.*\n?)*)+", re.MULTILINE)
"""An example, to the next blank line."""


def with_fences(text: str) -> str:
    r"""A docstring with a fence around each example.

    >>> with_fences("Twice.\n\n>>> twice(2)\n4").splitlines()
    ['Twice.', '', '```pycon', '>>> twice(2)', '4', '```']
    """
    return EXAMPLE.sub(_fenced, text)


def _fenced(found: re.Match[str]) -> str:
    indent = found[0][: len(found[0]) - len(found[0].lstrip(" "))]
    end = "\n" if found[0].endswith("\n") else ""
    return f"{indent}```pycon\n{found[0].rstrip()}\n{indent}```{end}"


class Examples(griffe.Extension):
    """Puts examples into fences as docstrings are collected, and leaves out what says nothing of this package."""

    def on_class_members(self, *, cls: griffe.Class, **kwargs: Any) -> None:
        """Called for every class: the constructor that Python gives protocols is none of theirs."""
        if "__init__" in cls.members and cls.members["__init__"].is_alias:
            cls.del_member("__init__")

    def on_instance(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Called for every module, class, function and attribute."""
        if obj.is_attribute:
            obj.docstring = None  # that of the type of its value, as of str
        elif obj.docstring:
            obj.docstring.value = with_fences(obj.docstring.value)
