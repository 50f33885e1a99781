"""Campaign files: found, read, written."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.whole_files import write_text
from messaging.campaign import Campaign, CampaignError, parse_campaign
from messaging.definition import nearest

CAMPAIGNS = Path(__file__).parent / "campaigns"


@dataclass(frozen=True, slots=True)
class LoadedCampaign:
    """A campaign and its file. base: the folder that the files it names are relative to."""

    campaign: Campaign
    path: Path

    @property
    def base(self) -> Path:
        return self.path.parent


def load_campaign(name_or_path: str | Path, *, here: Path | None = None) -> LoadedCampaign:
    """A campaign file by its path, else by its name in data/campaigns/. here: what a path is relative to.

    A campaign without a name bears its file's. Raises CampaignError, which names the file, the key and the next step.
    """
    path = _find(str(name_or_path), here or Path.cwd())
    definition = _read(path)
    definition.setdefault("name", path.stem)
    try:
        return LoadedCampaign(parse_campaign(definition), path)
    except CampaignError as error:
        raise CampaignError(f"{path.name}: {error}") from None


def list_campaigns() -> list[Path]:
    """The campaign files of data/campaigns/, by name."""
    return sorted(CAMPAIGNS.glob("*.toml"))


def write_campaign(campaign: Campaign, path: Path) -> LoadedCampaign:
    """Write a definition that `load_campaign` reads back as the same campaign; only its owner may read it."""
    lines: list[str] = []
    _write_table(campaign.model_dump(mode="json", exclude_none=True), (), lines)
    write_text("\n".join(lines) + "\n", path)
    return LoadedCampaign(campaign, path)


def read_template(campaign: Campaign, base: Path) -> str:
    """The source of a campaign's template: written in it, or in the file it names. Raises CampaignError."""
    if campaign.message.text is not None:
        return campaign.message.text
    path = base / str(campaign.message.template)
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise CampaignError(
            f"the template {path} cannot be read ({error.strerror}); correct message.template."
        ) from None
    except UnicodeDecodeError:
        raise CampaignError(f"the template {path} is not UTF-8; save it as UTF-8.") from None


def _find(name: str, here: Path) -> Path:
    path = (here / Path(name).expanduser()).resolve()
    if path.is_file():
        return path
    by_name = CAMPAIGNS / f"{name.removesuffix('.toml')}.toml"
    if "/" not in name and by_name.is_file():
        return by_name
    known = [file.stem for file in list_campaigns()]
    meant = nearest(Path(name).stem, known)
    hint = f"did you mean {meant}?" if meant else f"known by name: {', '.join(known) or 'none'}."
    raise CampaignError(f"there is no campaign file {path}, nor a campaign {name} in {CAMPAIGNS}; {hint}")


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise CampaignError(
            f"the campaign {path} cannot be read ({error.strerror}); check its permissions."
        ) from None
    except UnicodeDecodeError:
        raise CampaignError(f"the campaign {path} is not UTF-8; save it as UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise CampaignError(f"{path.name} is no valid TOML: {error}; correct that line.") from None


def _write_table(
    table: Mapping[str, Any], names: tuple[str, ...], lines: list[str], *, heading: str = "[{}]"
) -> None:
    """Values before tables, as TOML wants it; a list of tables is a table for each."""
    if names:
        lines += ["", heading.format(".".join(names))]
    for key, value in table.items():
        if not isinstance(value, dict) and not _are_tables(value):
            lines.append(f"{_key(key)} = {_written(value)}")
    for key, value in table.items():
        if isinstance(value, dict):
            _write_table(value, (*names, _key(key)), lines)
        elif _are_tables(value):
            for one in value:
                _write_table(one, (*names, _key(key)), lines, heading="[[{}]]")


def _are_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _key(name: str) -> str:
    """A column's name may be anything."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _written(name)


def _written(value: str | float | bool | list[Any]) -> str:
    """JSON's texts, numbers and lists are TOML's too, but for one character that TOML wants escaped."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
