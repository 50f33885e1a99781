"""The smallest XLSX that a spreadsheet program writes: tests need no library for it."""

import io
import zipfile
from xml.sax.saxutils import escape

OFFICE = "http://schemas.openxmlformats.org"
MAIN = f"{OFFICE}/spreadsheetml/2006/main"
RELATIONS = f"{OFFICE}/officeDocument/2006/relationships"
TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml"


def workbook(rows, *, sheets=("Sheet1",)):
    """Bytes of an XLSX. A cell is a text, a number, None, or (formula, kept value). Every sheet has the same rows."""
    content = io.BytesIO()
    numbers = range(1, len(sheets) + 1)
    with zipfile.ZipFile(content, "w") as file:
        parts = [
            f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{TYPES}.worksheet+xml"/>'
            for n in numbers
        ]
        file.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{OFFICE}/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/>'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{TYPES}.sheet.main+xml"/>{"".join(parts)}</Types>',
        )
        file.writestr("_rels/.rels", _relations({"rId1": ("officeDocument", "xl/workbook.xml")}))
        names = [
            f'<sheet name="{escape(name)}" sheetId="{n}" r:id="rId{n}"/>'
            for n, name in zip(numbers, sheets, strict=True)
        ]
        file.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}"><sheets>{"".join(names)}</sheets></workbook>',
        )
        file.writestr(
            "xl/_rels/workbook.xml.rels",
            _relations({f"rId{n}": ("worksheet", f"worksheets/sheet{n}.xml") for n in numbers}),
        )
        data = "".join(_row(number, cells) for number, cells in enumerate(rows, start=1) if cells)
        for n in numbers:
            file.writestr(
                f"xl/worksheets/sheet{n}.xml",
                f'<worksheet xmlns="{MAIN}"><sheetData>{data}</sheetData></worksheet>',
            )
    return content.getvalue()


def _relations(targets):
    items = [
        f'<Relationship Id="{key}" Type="{RELATIONS}/{kind}" Target="{target}"/>'
        for key, (kind, target) in targets.items()
    ]
    return f'<Relationships xmlns="{OFFICE}/package/2006/relationships">{"".join(items)}</Relationships>'


def _row(number, cells):
    return f'<row r="{number}">{"".join(_cell(f"{chr(65 + k)}{number}", cell) for k, cell in enumerate(cells))}</row>'


def _cell(place, value):
    if value is None:
        return ""
    if isinstance(value, tuple):
        return f'<c r="{place}" t="str"><f>{escape(value[0])}</f><v>{escape(value[1])}</v></c>'
    if isinstance(value, str):
        return f'<c r="{place}" t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'
    return f'<c r="{place}"><v>{value!r}</v></c>'
