"""The campaign that a command line means: one by name or file, or one made of the line's own words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.arguments import WhatToSend
from messaging.errors import TidingsError
from messaging.purposes import MARKETING

if TYPE_CHECKING:
    from data.definitions import LoadedCampaign
    from messaging.campaign import Campaign


class UnclearLine(TidingsError):
    """The command line does not say what to send, or says it twice."""


def load_what(what: WhatToSend, *, var_dir: Path) -> LoadedCampaign:
    """The campaign to plan or send, checked.

    One made of the line's words, or changed by them, is kept in var/campaigns under the fingerprint of its content:
    Prefect is handed a path and never a text, and the same line means the same campaign.
    """
    from data.definitions import load_campaign

    if what.campaign is None:
        return _kept(_campaign_of_the_line(what), var_dir)
    if what.file or _stored(what) or what.text or what.template:
        raise UnclearLine(
            f"{what.campaign} is a whole campaign: name it alone, or give --file, --list, --tag or --segment with "
            "--text or --template instead."
        )
    loaded = load_campaign(what.campaign, here=Path.cwd())
    changes = _changes(loaded.campaign, what)
    if not changes:
        return loaded
    return _kept({**_with_absolute_files(loaded), **changes}, var_dir)


def name_of(file: Path) -> str:
    """What is made of a file on the line is called like it."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", file.stem).strip("-._")[:48] or "line"


def _campaign_of_the_line(what: WhatToSend) -> dict[str, Any]:
    source = _source(what)
    if (what.text is None) == (what.template is None):
        raise UnclearLine(
            f"give the text for {what.file or next(iter(source.values()))} either with --text '…' or with --template FILE."
        )
    message = {
        "text": what.text,
        "template": _absolute(what.template),
        "sender_id": what.sender,
    }
    meant = what.file.stem if what.file is not None else next(iter(source.values()))
    return {
        "name": re.sub(r"[^A-Za-z0-9._-]+", "-", meant).strip("-._")[:48] or "line",
        "audience": _said({**source, **_reading(what)}),
        "message": _said(message),
        "gateway": {"account": what.gateway or "sim"},
        **_consent(what),
    }


def _source(what: WhatToSend) -> dict[str, str]:
    """The one source that the line names, as [audience] names it."""
    sources = {**_said({"file": _absolute(what.file)}), **_stored(what)}
    if not sources:
        raise UnclearLine(
            "say what to send: a campaign (tidings send welcome), or --file contacts.csv (or --list, --tag, --segment) "
            "with --text 'Hi …'."
        )
    if len(sources) > 1:
        raise UnclearLine(f"give only one of {' and '.join(f'--{name}' for name in sources)}.")
    return sources


def _stored(what: WhatToSend) -> dict[str, str]:
    return _said({"list": what.list_name, "tag": what.tag, "segment": what.segment})


def _changes(campaign: Campaign, what: WhatToSend) -> dict[str, Any]:
    """What the line says besides the name of a campaign, as sections of it."""
    audience = _said(_reading(what))
    sender = _said({"sender_id": what.sender})
    gateway = _said({"account": what.gateway})
    sections = {"audience": audience, "message": sender, "gateway": gateway}
    changed = {
        name: {**_said(getattr(campaign, name).model_dump(mode="json")), **said}
        for name, said in sections.items()
        if any(getattr(getattr(campaign, name), key) != value for key, value in said.items())
    }
    return {**changed, **_consent(what, purpose=campaign.purpose)}


def _reading(what: WhatToSend) -> dict[str, Any]:
    """How the source is to be read."""
    return {
        "region": what.region,
        "phone": what.phone,
        "separator": what.separator,
        "encoding": what.encoding,
        "sheet": what.sheet,
    }


def _with_absolute_files(loaded: LoadedCampaign) -> dict[str, Any]:
    """The definition as a file elsewhere would have to write it."""
    definition = loaded.campaign.model_dump(mode="json", exclude_none=True)
    for section, key in (("audience", "file"), ("message", "template"), ("gateway", "prices")):
        if key in definition[section]:
            definition[section][key] = str((loaded.base / definition[section][key]).resolve())
    return definition


def _kept(definition: dict[str, Any], var_dir: Path) -> LoadedCampaign:
    from data.definitions import load_campaign, write_campaign
    from messaging.campaign import fingerprint, parse_campaign

    campaign = parse_campaign(definition)
    path = var_dir / "campaigns" / f"{campaign.name}-{fingerprint(campaign)[:12]}.toml"
    write_campaign(campaign, path)
    return load_campaign(str(path), here=Path.cwd())


def _consent(what: WhatToSend, *, purpose: str = MARKETING) -> dict[str, Any]:
    if not what.consent:
        return {}
    return {"consent": {"basis": "attested", "note": what.consent, "purpose": purpose}}


def _absolute(path: Path | None) -> str | None:
    return None if path is None else str(path.expanduser().absolute())


def _said(section: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in section.items() if value is not None}
