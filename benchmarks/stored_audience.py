"""A stored list planned beside a file of the same size: CPU per row.

    .venv/bin/python -m benchmarks.stored_audience [--rows 1000000] [--rounds 3]

The list's people have four fields, three attributes and, nine of ten, a recorded consent. Each measurement is a process of its own
and makes the whole plan: texts, segments, prices, fingerprint. Files go to a temporary folder; nothing is kept.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.contacts import CHECKOUT, KEY, REGION, _clocks, _told

AT = 1_790_000_000.0
NAMES = ("Ann", "Bob", "Zoë", "李雷", "Élodie")
ROWS_AT_ONCE = 100_000
MEASURES = {
    "a file": {},
    "a list, attested": {"basis": "attested", "note": "members"},
    "a list, recorded": {"basis": "recorded"},
}


def measure(name: str, folder: Path) -> int:
    from data.keys import Keys
    from data.store.migrate import prepare_store
    from engine.plan import make_plan
    from messaging.campaign import parse_campaign

    is_file = name == "a file"
    store = prepare_store(f"sqlite:///{folder / 'store.db'}", now=AT)
    campaign = parse_campaign(
        {
            "name": "bench",
            "audience": {"file": "contacts.csv", "region": REGION} if is_file else {"list": "customers"},
            "message": {"text": "Hi {{ first_name }}, see you in {{ city|default('town') }}!"},
            "consent": MEASURES[name] or {"basis": "recorded"},
        }
    )
    started = _clocks()
    made = make_plan(campaign, base=folder, store=store, keys=Keys(KEY, KEY, KEY), folder=folder)
    return _told(started, made.summary.source_rows, audience=made.summary.audience)


def write_people(folder: Path, n: int) -> None:
    """The file, and a store with as many contacts in it."""
    import orjson
    import polars as pl
    import sqlalchemy as sa

    from benchmarks.contacts_data import write_contacts
    from data.contacts.lists import make_list
    from data.store.migrate import prepare_store
    from data.store.tables import attributes, consents, contacts, list_members
    from messaging.sealed import person_keys

    write_contacts(folder / "contacts.csv", n)
    store = prepare_store(f"sqlite:///{folder / 'store.db'}", now=AT)
    with store.write.begin() as connection:
        number = make_list(connection, "list", "customers", AT)
        own = [{"attribute": name, "header": name.title()} for name in ("city", "due", "plan")]
        connection.execute(sa.insert(attributes), own)
    for first in range(0, n, ROWS_AT_ONCE):
        places = range(first, min(first + ROWS_AT_ONCE, n))
        msisdns = [f"+4474{20_000_000 + place:08}" for place in places]
        keys = person_keys(KEY, pl.Series(msisdns)).to_list()
        by = {"created_at": AT, "changed_at": AT, "changed_by": "import 1"}
        people = [
            {
                **by,
                "contact": place + 1,
                "person_key": key,
                "msisdn": msisdn,
                "region": "GB",
                "number_type": "mobile",
                "external_id": f"c{place}",
                "first_name": NAMES[place % len(NAMES)],
                "last_name": f"Name{place % 5000}",
                "language": "en",
                "attributes": orjson.dumps(
                    {"city": f"Town {place % 300}", "due": f"2026-12-{place % 28 + 1:02}", "plan": "basic"}
                ).decode(),
            }
            for place, key, msisdn in zip(places, keys, msisdns, strict=True)
        ]
        members = [
            {"list": number, "contact": place + 1, "added_at": AT, "added_by": "import 1"} for place in places
        ]
        said = [
            {
                "person_key": key,
                "purpose": "marketing",
                "is_given": True,
                "at": AT + place,
                "source": "web shop form",
                "evidence": "yes",
                "recorded_at": AT,
                "recorded_by": "import 1",
            }
            for place, key in zip(places, keys, strict=True)
            if place % 10
        ]
        with store.write.begin() as connection:
            connection.execute(sa.insert(contacts), people)
            connection.execute(sa.insert(list_members), members)
            connection.execute(sa.insert(consents), said)
    store.close()


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measure", choices=MEASURES, help=argparse.SUPPRESS)
    parser.add_argument("folder", nargs="?", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.measure:
        return measure(chosen.measure, chosen.folder)
    with tempfile.TemporaryDirectory(prefix="tidings-bench-") as folder:
        write_people(Path(folder), chosen.rows)
        found: dict[str, list[dict[str, float]]] = {}
        for _ in range(chosen.rounds):  # in turn, so that a busy minute of the machine meets all alike
            for name in MEASURES:
                found.setdefault(name, []).append(_measured(name, folder))
    _report(found)
    return 0


def _measured(name: str, folder: str) -> dict[str, float]:
    line = [sys.executable, "-m", "benchmarks.stored_audience", "--measure", name, folder]
    done = subprocess.run(line, cwd=CHECKOUT, capture_output=True, text=True, check=True, timeout=600)
    told: dict[str, float] = json.loads(done.stdout)
    return {**told, "load": os.getloadavg()[0]}


def _report(found: dict[str, list[dict[str, float]]]) -> None:
    print(f"{'':20}{'CPU s':>8}{'rows/CPU s':>12}{'of a file':>11}{'peak MB':>9}{'audience':>11}")
    for name, rounds in found.items():
        ratios = [one["cpu_s"] / file["cpu_s"] for one, file in zip(rounds, found["a file"], strict=True)]
        cpu_s = statistics.median(one["cpu_s"] for one in rounds)
        print(
            f"{name:20}{cpu_s:>8.2f}{rounds[0]['rows'] / cpu_s:>12,.0f}{statistics.median(ratios):>10.2f}×"
            f"{max(one['peak_mb'] for one in rounds):>9.0f}{rounds[0]['audience']:>11,.0f}"
        )
    loads = [one["load"] for rounds in found.values() for one in rounds]
    print(f"load {min(loads):.1f} to {max(loads):.1f}")


if __name__ == "__main__":
    raise SystemExit(main())
