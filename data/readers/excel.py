"""XLSX (and the older XLS) by calamine. Blank rows stand, so that row numbers are those that Excel shows."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from data.readers.grid import Found, Grid, Piece, Told, column_names, filled_cells
from messaging.errors import SourceError

_MARK_OF_ENCRYPTION = "EncryptedPackage".encode("utf-16-le")
_TELL = '--sheet NAME, or [audience] sheet = "…" in a campaign file'


def read_excel(file: Found, told: Told) -> Grid:
    """The sheet that is told, else the first one. Formula cells give the value that Excel has kept for them.

    Raises SourceError for a workbook that is locked, damaged or empty, and for a sheet that is not there.
    """
    import fastexcel

    content = file.content()
    if _MARK_OF_ENCRYPTION in content:
        raise SourceError(f"{file.name}: the workbook is locked with a password. Save a copy without one.")
    try:
        workbook = fastexcel.read_excel(content)
        sheet_name = _choose_sheet(workbook.sheet_names, file.name, told.sheet)
        # skip_rows=0: left out, blank rows at the top would vanish and with them the count.
        sheet = workbook.load_sheet(sheet_name, header_row=None, skip_rows=0, dtypes="string")
        cells = pl.DataFrame(sheet.to_arrow())
    except fastexcel.FastExcelError:
        raise SourceError(
            f"{file.name}: the workbook cannot be opened; it may be damaged or cut off. "
            "Open it in a spreadsheet program and save it again as .xlsx."
        ) from None
    notices = _notice_of_choice(workbook.sheet_names, sheet_name, file.name, told.sheet)
    return _below_header(cells, f"{file.name}, sheet {sheet_name!r}", f"sheet {sheet_name!r}", notices)


def _choose_sheet(names: list[str], file: str, told: str | None) -> str:
    if told is None and names:
        return names[0]
    if told in names:
        return told
    seen = ", ".join(names) or "none"
    raise SourceError(f"{file}: there is no sheet {told!r} (saw: {seen}). Tell another with {_TELL}.")


def _notice_of_choice(names: list[str], chosen: str, file: str, told: str | None) -> list[str]:
    if told is not None or len(names) == 1:
        return []
    return [f"{file} has {len(names)} sheets and {chosen!r} was read; {_TELL} names another."]


def _below_header(cells: pl.DataFrame, where: str, read_as: str, notices: list[str]) -> Grid:
    """The first row with anything in it is the header."""
    is_filled = (
        cells.select(pl.any_horizontal(_is_filled(pl.all()))).to_series() if cells.width else pl.Series([])
    )
    filled = is_filled.arg_true() if len(is_filled) else is_filled
    if not len(filled):
        raise SourceError(f"{where}: there is nothing in it. Name another sheet, or export it again.")
    header = int(filled[0])
    return Grid(
        header=[cell or "" for cell in cells.row(header)],
        pieces=_rows(
            cells.rename(dict(zip(cells.columns, column_names(cells.width), strict=True))), header + 1
        ),
        read_as=f"workbook, {read_as}",
        notices=notices,
    )


def _rows(cells: pl.DataFrame, first: int) -> Iterator[Piece]:
    """Rows count from 1, and the contacts stand below the header."""
    source_row = pl.int_range(first + 1, cells.height + 1, dtype=pl.UInt32, eager=True).alias("source_row")
    yield Piece(cells.slice(first).select(source_row, filled_cells(pl.all())))


def _is_filled(cell: pl.Expr) -> pl.Expr:
    return cell.str.strip_chars() != ""
