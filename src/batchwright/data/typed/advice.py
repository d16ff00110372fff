"""Settings of single columns, as messages advise them: what a column is, and which of its texts mean missing."""

import json
from collections.abc import Sequence

from batchwright.data.typed.numbers import NumberFormat

NO_NAMES = ("yes", "no", "on", "off", "true", "false", "null")
"""Words that YAML does not read as text unless they are quoted."""


def kind_setting(name: str, kind: str) -> str:
    """The setting that says what a column is.

    >>> print(kind_setting("zip", "categorical"), kind_setting("house number", "identifier"))
    `data.kinds={zip: categorical}` `data.kinds={"house number": identifier}`
    """
    return f"`data.kinds={{{_quote(name)}: {kind}}}`"


def number_setting(name: str, form: NumberFormat) -> str:
    """The setting that says how the numbers of a column are written.

    >>> print(number_setting("pay", NumberFormat(",", ".", after="EUR")))
    `data.columns={pay: {number: {decimal: ",", thousands: ".", after: "EUR"}}}`
    """
    parts = {"decimal": form.decimal, "thousands": form.thousands, "before": form.before, "after": form.after}
    listed = ", ".join(f"{key}: {json.dumps(text, ensure_ascii=False)}" for key, text in parts.items() if text)
    ending = ", minus_after: true" if form.minus_after else ""
    return f"`data.columns={{{_quote(name)}: {{number: {{{listed}{ending}}}}}}}`"


def missing_setting(name: str, texts: Sequence[str]) -> str:
    """The setting that names further texts that mean missing in a column.

    >>> print(missing_setting("pay", ["k.A."]))
    `data.columns={pay: {missing: ["k.A."]}}`
    """
    return f"`data.columns={{{_quote(name)}: {{missing: {json.dumps(list(texts), ensure_ascii=False)}}}}}`"


def order_setting(name: str, order: Sequence[str]) -> str:
    """The setting that gives the order of the categories of a column.

    >>> print(order_setting("cut", ("fair", "good: or so")))
    `data.columns={cut: {order: [fair, "good: or so"]}}`
    """
    return f"`data.columns={{{_quote(name)}: {{order: [{', '.join(map(_quote, order))}]}}}}`"


def no_order_setting(name: str) -> str:
    """The setting that says that the categories of a column have no order.

    >>> print(no_order_setting("cut"))
    `data.columns={cut: {order: none}}`
    """
    return f"`data.columns={{{_quote(name)}: {{order: none}}}}`"


def _quote(name: str) -> str:
    """The name as YAML takes it in a mapping."""
    plain = name.isascii() and name.isidentifier() and name.lower() not in NO_NAMES
    return name if plain else json.dumps(name, ensure_ascii=False)
