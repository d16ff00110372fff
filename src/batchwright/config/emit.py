"""Plain values as YAML text that `document` reads as the same values."""

import json
import re
from collections.abc import Mapping
from typing import Any

from batchwright.config.document import resolve_scalar

_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_SHOWN = 60
_LONGEST_LIST = 80


def flow(value: Any) -> str:
    """A value on one line.

    >>> flow({"kinds": ["no", "null", "a b"], "rate": 1e-7})
    '{kinds: [no, "null", "a b"], rate: 1e-07}'
    """
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_text(str(key))}: {flow(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, float) and value in (float("inf"), -float("inf")):
        return ".inf" if value > 0 else "-.inf"
    return {"None": "null", "True": "true", "False": "false", "nan": ".nan"}.get(str(value), repr(value))


def shorten(value: Any) -> str:
    """A value as messages show it: on one line, and shortened if long.

    >>> shorten("x" * 100)
    'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...'
    """
    text = flow(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def brief(value: Any) -> str:
    """A value on one line, as tables show it: of a number that is not whole, three digits.

    >>> brief(0.00123456), brief([64, 32])
    ('0.00123', '[64, 32]')
    """
    return f"{value:.3g}" if isinstance(value, float) else flow(value)


def block(values: Mapping[str, Any], comments: Mapping[str, str], *, prefix: str = "") -> str:
    """Nested values, one per line, and so the mappings of a long list.

    `comments` has a key for each leaf, its dotted path, with the comment after it.

    >>> print(block({"a": {"b": 1, "c": []}}, {"a.b": "one", "a.c": ""}), end="")
    a:
      b: 1  # one
      c: []
    """
    lines, indent = [], "  " * prefix.count(".")
    for key, value in values.items():
        path = prefix + key
        if path in comments:
            comment = f"  # {comments[path]}" if comments[path] else ""
            if _is_long_list(value):
                lines.append(f"{indent}{_text(key)}:{comment}\n")
                lines += [f"{indent}  - {flow(entry)}\n" for entry in value]
            else:
                lines.append(f"{indent}{_text(key)}: {flow(value)}{comment}\n")
        else:
            lines.append(f"{indent}{_text(key)}:\n{block(value, comments, prefix=path + '.')}")
    return "".join(lines)


def _is_long_list(value: Any) -> bool:
    """Whether a value is a list of mappings that is too long for a line."""
    mappings = isinstance(value, list | tuple) and all(isinstance(entry, Mapping) for entry in value)
    return mappings and len(flow(value)) > _LONGEST_LIST


def _text(text: str) -> str:
    """Text, in quotation marks where it could be read as something else."""
    if _BARE.fullmatch(text) and isinstance(resolve_scalar(text), str):
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(char if char.isprintable() and char != "\ufeff" else f"\\U{ord(char):08x}" for char in quoted)
