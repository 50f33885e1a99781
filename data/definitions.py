"""Campaign files and import files: found, read, written."""

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
from messaging.definition import Schedule, nearest
from messaging.errors import TidingsError
from messaging.import_file import ImportFileError, ImportRequest, parse_import

CAMPAIGNS = Path(__file__).parent / "campaigns"
IMPORTS = Path(__file__).parent / "imports"


class DefinitionError(TidingsError):
    """A word that means neither a campaign nor an import, or both."""


@dataclass(frozen=True, slots=True)
class LoadedCampaign:
    """A campaign and its file. base: the folder that the files it names are relative to."""

    campaign: Campaign
    path: Path

    @property
    def base(self) -> Path:
        return self.path.parent

    @property
    def schedule(self) -> Schedule:
        return self.campaign.schedule


@dataclass(frozen=True, slots=True)
class LoadedImport:
    """An import and its file. base: the folder that the source it names is relative to."""

    request: ImportRequest
    path: Path

    @property
    def base(self) -> Path:
        return self.path.parent

    @property
    def schedule(self) -> Schedule:
        return self.request.schedule


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a file defines: as people call it, where those with a name lie, what a mistake in one is."""

    word: str
    folders: tuple[Path, ...]
    error: type[TidingsError]

    def files(self) -> list[Path]:
        return [path for folder in self.folders for path in sorted(folder.glob("*.toml"))]

    def named(self, name: str) -> list[Path]:
        """One in each folder at most."""
        paths = [folder / f"{name.removesuffix('.toml')}.toml" for folder in self.folders]
        return [path for path in paths if "/" not in name and path.is_file()]


_CAMPAIGN = _Kind("campaign", (CAMPAIGNS,), CampaignError)
_IMPORT = _Kind("import", (IMPORTS,), ImportFileError)
_EITHER = _Kind("campaign or import", (CAMPAIGNS, IMPORTS), DefinitionError)


def load_campaign(name_or_path: str | Path, *, here: Path | None = None) -> LoadedCampaign:
    """A campaign file by its path, else by its name in data/campaigns/. here: what a path is relative to.

    A campaign without a name bears its file's. Raises CampaignError, which names the file, the key and the next step.
    """
    return _as_campaign(*_load(_CAMPAIGN, name_or_path, here))


def load_import(name_or_path: str | Path, *, here: Path | None = None) -> LoadedImport:
    """An import file by its path, else by its name in data/imports/. here: what a path is relative to.

    An import without a name bears its file's. Raises ImportFileError, which names the file, the key and the next step.
    """
    return _as_import(*_load(_IMPORT, name_or_path, here))


def load_definition(name_or_path: str | Path, *, here: Path | None = None) -> LoadedCampaign | LoadedImport:
    """A campaign or an import, whichever the file is: an import has a [source], a campaign an [audience].

    Raises as the other two do, and DefinitionError when there is neither, or both under one name.
    """
    definition, path = _load(_EITHER, name_or_path, here)
    is_import = "source" in definition and "audience" not in definition
    return _as_import(definition, path) if is_import else _as_campaign(definition, path)


def names_an_import(word: str, *, here: Path | None = None) -> bool:
    """Whether a word of the command line means an import file, by path or name; else it means a source itself."""
    if Path(word).suffix == ".toml":
        return True
    is_there = ((here or Path.cwd()) / Path(word).expanduser()).exists()
    return not is_there and bool(_IMPORT.named(word))


def list_imports() -> list[Path]:
    """The import files of data/imports/, by name."""
    return _IMPORT.files()


def list_campaigns() -> list[Path]:
    """The campaign files of data/campaigns/, by name."""
    return _CAMPAIGN.files()


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


def _as_campaign(definition: dict[str, Any], path: Path) -> LoadedCampaign:
    try:
        return LoadedCampaign(parse_campaign(definition), path)
    except CampaignError as error:
        raise CampaignError(f"{path.name}: {error}") from None


def _as_import(definition: dict[str, Any], path: Path) -> LoadedImport:
    try:
        return LoadedImport(parse_import(definition), path)
    except ImportFileError as error:
        raise ImportFileError(f"{path.name}: {error}") from None


def _load(kind: _Kind, name_or_path: str | Path, here: Path | None) -> tuple[dict[str, Any], Path]:
    """What stands in a file, which bears its file's name when it says none."""
    path = _find(kind, str(name_or_path), here or Path.cwd())
    definition = _read(kind, path)
    definition.setdefault("name", path.stem)
    return definition, path


def _find(kind: _Kind, name: str, here: Path) -> Path:
    path = (here / Path(name).expanduser()).resolve()
    if path.is_file():
        return path
    named = kind.named(name)
    if len(named) > 1:
        raise kind.error(f"{name} is the name of {named[0]} and of {named[1]}; give the one you mean.")
    if named:
        return named[0]
    known = [file.stem for file in kind.files()]
    meant = nearest(Path(name).stem, known)
    hint = f"did you mean {meant}?" if meant else f"known by name: {', '.join(known) or 'none'}."
    folders = " or ".join(map(str, kind.folders))
    raise kind.error(f"there is no {kind.word} file {path}, and none called {name} in {folders}; {hint}")


def _read(kind: _Kind, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise kind.error(
            f"the {kind.word} {path} cannot be read ({error.strerror}); check its permissions."
        ) from None
    except UnicodeDecodeError:
        raise kind.error(f"the {kind.word} {path} is not UTF-8; save it as UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise kind.error(f"{path.name} is no valid TOML: {error}; correct that line.") from None


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
