"""The arguments that several commands share, written once so that `plan` takes whatever `send` takes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

CampaignName = Annotated[
    str | None,
    typer.Argument(
        metavar="CAMPAIGN", help="A campaign file, or the name of one in data/campaigns/.", show_default=False
    ),
]
DefinitionName = Annotated[
    str | None,
    typer.Argument(
        metavar="NAME",
        help="A campaign or import file, or the name of one in data/campaigns/ or data/imports/.",
        show_default=False,
    ),
]
SourceFile = Annotated[
    Path | None,
    typer.Option(
        "--file",
        help="Contacts: CSV, XLSX, Parquet or JSON lines.",
        show_default=False,
        rich_help_panel="In one line",
    ),
]
ListName = Annotated[
    str | None,
    typer.Option(
        "--list",
        metavar="NAME",
        help="Everybody in a list of the stored contacts, instead of --file.",
        show_default=False,
        rich_help_panel="In one line",
    ),
]
TagName = Annotated[
    str | None,
    typer.Option(
        "--tag",
        metavar="NAME",
        help="Everybody who bears a tag.",
        show_default=False,
        rich_help_panel="In one line",
    ),
]
SegmentName = Annotated[
    str | None,
    typer.Option(
        "--segment",
        metavar="NAME",
        help="Everybody who is in a segment now.",
        show_default=False,
        rich_help_panel="In one line",
    ),
]
Text = Annotated[
    str | None,
    typer.Option(
        help="The text, with merge tags: 'Hi {{ first_name }}, …'.",
        show_default=False,
        rich_help_panel="In one line",
    ),
]
Template = Annotated[
    Path | None,
    typer.Option(
        help="A file with the text, instead of --text.", show_default=False, rich_help_panel="In one line"
    ),
]
Region = Annotated[
    str | None,
    typer.Option(
        help="Country of numbers written without one, as two letters: GB.",
        show_default=False,
        rich_help_panel="In one line",
    ),
]
Phone = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="The column with the numbers, when its name does not say so.",
        show_default=False,
        rich_help_panel="In one line",
    ),
]
Separator = Annotated[
    str | None,
    typer.Option(
        metavar="CHARACTER",
        help="What separates the values of a CSV, when it is not found.",
        show_default=False,
        rich_help_panel="In one line",
    ),
]
Encoding = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="The encoding of a text file, such as cp1252.",
        show_default=False,
        rich_help_panel="In one line",
    ),
]
Sheet = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="The sheet of a workbook; else the first.",
        show_default=False,
        rich_help_panel="In one line",
    ),
]
Sender = Annotated[
    str | None,
    typer.Option(help="The sender ID that people see.", show_default=False, rich_help_panel="In one line"),
]
GatewayAccount = Annotated[
    str | None,
    typer.Option(
        "--gateway", metavar="ACCOUNT", help="The gateway account to send through.", show_default="sim"
    ),
]
ConsentNote = Annotated[
    str | None,
    typer.Option(
        "--consent",
        metavar="NOTE",
        help="Why these people may be texted, in your words (not needed for the simulator).",
        show_default=False,
    ),
]
RunKey = Annotated[
    str | None,
    typer.Option(
        "--run-key",
        metavar="KEY",
        help="Your name for this run; a key is sent at most once.",
        show_default=False,
    ),
]
Again = Annotated[
    bool, typer.Option("--again", help="Send once more what went to the same people lately, as a new run.")
]
At = Annotated[
    str | None,
    typer.Option(
        "--at",
        metavar="TIME",
        help="Send later: 2026-12-01T09:00, in the campaign's time zone.",
        show_default=False,
    ),
]
RejectsFile = Annotated[
    Path | None,
    typer.Option(
        "--rejects", help="Write the rows that cannot be used there, to be mended.", show_default=False
    ),
]
ByRows = Annotated[
    bool,
    typer.Option(
        "--quality", help="Have Great Expectations judge the contacts, as a run does; seconds more."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON with stable keys instead.")]
RunName = Annotated[
    str | None,
    typer.Argument(
        metavar="RUN", help="A run's number or key; the latest when left out.", show_default=False
    ),
]
ConnectionName = Annotated[
    str, typer.Argument(metavar="NAME", help="What campaign files call it.", show_default=False)
]
OneRun = Annotated[str, typer.Argument(metavar="RUN", help="A run's number or key.", show_default=False)]


class Unconfirmed(StrEnum):
    """What to do with messages that were perhaps sent."""

    ASSUME_SENT = "assume-sent"
    SEND_AGAIN = "send-again"


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatToSend:
    """What the line says is to be sent: a campaign by name, or one made of the line's own words."""

    campaign: str | None = None
    file: Path | None = None
    list_name: str | None = None
    tag: str | None = None
    segment: str | None = None
    text: str | None = None
    template: Path | None = None
    region: str | None = None
    phone: str | None = None
    separator: str | None = None
    encoding: str | None = None
    sheet: str | None = None
    sender: str | None = None
    gateway: str | None = None
    consent: str | None = None
    run_key: str | None = None
    again: bool = False
    at: str | None = None
