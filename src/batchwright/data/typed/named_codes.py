"""Whole numbers that name things although nothing in their digits says so: postal codes, telephones and the like."""

import re

import polars as pl

from batchwright.data.typed.advice import kind_setting

NAMED_SO = re.compile(
    r"(?:^|[\W_])(?:zip|zip_?code|post(?:al)?[ _]?code|plz|postleitzahl|code[ _]?postal|codigo[ _]?postal|cep|pincode|"
    r"(?:tele)?phone(?:[ _]?(?:no|nr|number))?|telefon(?:nummer)?|tel|mobile|fax|iban|isbn|ean|gtin|upc|ssn|fips)$|"
    r"邮编|郵便番号|电话|電話|手机",
    re.IGNORECASE,
)


def code_note(column: pl.Series) -> str:
    """A note that whole numbers are taken as quantities although the column's name says codes; else empty.

    >>> code_note(pl.Series("zip", [94305, 10115]))
    'numbers, although the name says codes; `data.kinds={zip: categorical}` takes them as names'
    """
    if not NAMED_SO.search(column.name) or not column.dtype.is_numeric():
        return ""
    if column.dtype.is_float() and not (column == column.round()).all():
        return ""
    return f"numbers, although the name says codes; {kind_setting(column.name, 'categorical')} takes them as names"
