"""Workbooks written by hand, as Excel and LibreOffice write them."""

import datetime
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

OFFICE = "http://schemas.openxmlformats.org"
RELATIONS = f"{OFFICE}/package/2006/relationships"
DOCUMENT_RELATIONS = f"{OFFICE}/officeDocument/2006/relationships"
CALC = "urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"
MAIN = f"{OFFICE}/spreadsheetml/2006/main"
DAY_0 = datetime.datetime(1899, 12, 30)

Row = Sequence[Any]


class Raw(str):
    """A cell that is written as it is; {ref} stands for its place."""


def write_xlsx(path: Path, sheets: Mapping[str, Sequence[Row]]) -> None:
    """A workbook of Excel: numbers, Booleans, text, datetimes (as styled numbers) and None in the cells."""
    numbers = range(1, len(sheets) + 1)
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    types = "".join(
        f'<Override PartName="/xl/{part}.xml" ContentType="{kind}.{what}+xml"/>'
        for part, what in [("workbook", "sheet.main"), ("styles", "styles")]
        + [(f"worksheets/sheet{number}", "worksheet") for number in numbers]
    )
    relations = "".join(
        f'<Relationship Id="r{number}" Type="{DOCUMENT_RELATIONS}/worksheet" Target="worksheets/sheet{number}.xml"/>'
        for number in numbers
    )
    named = "".join(
        f'<sheet name="{escape(name)}" sheetId="{number}" r:id="r{number}"/>'
        for number, name in zip(numbers, sheets, strict=True)
    )
    files = {
        "[Content_Types].xml": f'<Types xmlns="{OFFICE}/package/2006/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{types}</Types>',
        "_rels/.rels": f'<Relationships xmlns="{RELATIONS}"><Relationship Id="r1" '
        f'Type="{DOCUMENT_RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{RELATIONS}">{relations}<Relationship Id="s" '
        f'Type="{DOCUMENT_RELATIONS}/styles" Target="styles.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{DOCUMENT_RELATIONS}">'
        f"<sheets>{named}</sheets></workbook>",
        "xl/styles.xml": f'<styleSheet xmlns="{MAIN}">'
        '<cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="22"/></cellXfs></styleSheet>',
    }
    for number, rows in zip(numbers, sheets.values(), strict=True):
        body = "".join(
            f'<row r="{row}">{"".join(_excel(cell, column, row) for column, cell in enumerate(cells))}</row>'
            for row, cells in enumerate(rows, start=1)
        )
        files[f"xl/worksheets/sheet{number}.xml"] = (
            f'<worksheet xmlns="{MAIN}"><sheetData>{body}</sheetData></worksheet>'
        )
    _write(path, files)


def _excel(cell: Any, column: int, row: int) -> str:
    ref = f"{chr(65 + column)}{row}"
    match cell:
        case None:
            return ""
        case Raw():
            return cell.format(ref=ref)
        case bool():
            return f'<c r="{ref}" t="b"><v>{int(cell)}</v></c>'
        case str():
            return f'<c r="{ref}" t="inlineStr"><is><t xml:space="preserve">{escape(cell)}</t></is></c>'
        case datetime.datetime():
            return f'<c r="{ref}" s="1"><v>{(cell - DAY_0) / datetime.timedelta(days=1)}</v></c>'
    return f'<c r="{ref}"><v>{cell!r}</v></c>'


def write_ods(path: Path, sheets: Mapping[str, Sequence[Row]]) -> None:
    """A workbook of LibreOffice."""
    uri = "urn:oasis:names:tc:opendocument:xmlns"
    tables = "".join(
        f'<table:table table:name="{escape(name)}">'
        + "".join(f"<table:table-row>{''.join(map(_open_document, row))}</table:table-row>" for row in rows)
        + "</table:table>"
        for name, rows in sheets.items()
    )
    content = (
        f'<office:document-content xmlns:office="{uri}:office:1.0" xmlns:table="{uri}:table:1.0" '
        f'xmlns:text="{uri}:text:1.0" '
        f'xmlns:calcext="{CALC}" office:version="1.2"><office:body><office:spreadsheet>{tables}'
        "</office:spreadsheet></office:body></office:document-content>"
    )
    mimetype = "application/vnd.oasis.opendocument.spreadsheet"
    manifest = (
        f'<manifest:manifest xmlns:manifest="{uri}:manifest:1.0"><manifest:file-entry manifest:full-path="/" '
        f'manifest:media-type="{mimetype}"/></manifest:manifest>'
    )
    _write(path, {"mimetype": mimetype, "META-INF/manifest.xml": manifest, "content.xml": content})


def _open_document(cell: Any) -> str:
    match cell:
        case None:
            return "<table:table-cell/>"
        case Raw():
            return str(cell)
        case bool():
            held = f'office:value-type="boolean" office:boolean-value="{str(cell).lower()}"'
        case str():
            held = 'office:value-type="string"'
        case datetime.datetime():
            held = f'office:value-type="date" office:date-value="{cell.isoformat()}"'
        case _:
            held = f'office:value-type="float" office:value="{cell!r}"'
    shown = escape(str(cell)).replace("\t", "<text:tab/>").replace("  ", " <text:s/>")
    return f"<table:table-cell {held}><text:p>{shown}</text:p></table:table-cell>"


def _write(path: Path, files: Mapping[str, str]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text if name == "mimetype" else f'<?xml version="1.0" encoding="UTF-8"?>{text}')
