"""Filters of segments in files: TOML, or JSON."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

from messaging.segment_filter import BadFilter, SegmentFilter, parse_filter

LARGEST = 1_000_000  # bytes; a filter of two hundred conditions has a hundredth of it


def load_filter(path: Path) -> SegmentFilter:
    """Raises BadFilter, which names the file and the first thing that is wrong."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise BadFilter(f"{path.name}: is no filter: it has more than {LARGEST:,} bytes.")
        text = content.decode("utf-8-sig")
        definition = json.loads(text) if text.lstrip().startswith("{") else tomllib.loads(text)
    except OSError as error:
        raise BadFilter(
            f"{path}: {(error.strerror or 'cannot be read').lower()}; look at the path."
        ) from None
    except UnicodeDecodeError:
        raise BadFilter(f"{path.name}: is not UTF-8; save it as such.") from None
    except (tomllib.TOMLDecodeError, json.JSONDecodeError) as error:
        raise BadFilter(f"{path.name}: is neither TOML nor JSON ({error}).") from None
    except RecursionError:
        raise BadFilter(f"{path.name}: goes too deep.") from None
    try:
        return parse_filter(definition)
    except BadFilter as error:
        raise BadFilter(f"{path.name}: {error}") from None
