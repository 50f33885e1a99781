"""How long it takes to count a segment of a million stored contacts: one line a filter.

    .venv/bin/python -m benchmarks.segments [--contacts 1000000] [--runs 5] [--rounds 5] [--keep FOLDER]

The store is a SQLite file with that many contacts of six attributes each, half of them in a list and a tenth tagged,
consent of four in five, and what came of `--runs` campaigns that each texted everybody (five: 5,000,000 rows of
behaviour), the latest of them three days ago. A count is all of `data.segments.count_segment`: look-ups, compiling and
the query, in an open store. Printed: the median and the slowest of the rounds, and the load of the machine. --keep
leaves the store in a folder, where the next run finds it.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from data.segments import count_segment
from data.store.engine import Store, open_store
from data.store.migrate import prepare_store
from messaging.segment_filter import SegmentFilter, parse_filter
from messaging.segment_words import in_words

CHECKOUT = Path(__file__).resolve().parent.parent
NOW = 1_790_000_000.0
DAY_S = 86_400.0
REGIONS = ("north", "south", "east", "west")

FILTERS: tuple[dict[str, Any], ...] = (
    {"all": [{"list": "A"}, {"field": "region", "is": "north"}, {"texted": {"not_within": "14d"}}, {"clicked": {"run": "last"}}]},
    {"all": [{"list": "A"}]},
    {"all": [{"not_in_list": "A"}]},
    {"all": [{"tag": "vip"}]},
    {"all": [{"field": "region", "is": "north"}]},
    {"all": [{"field": "region", "is_not": "north"}]},
    {"all": [{"field": "city", "one_of": [f"city {n}" for n in range(20)]}]},
    {"all": [{"field": "city", "contains": "9"}]},
    {"all": [{"field": "age", "at_least": 30, "at_most": 39}]},
    {"all": [{"field": "due", "at_least": "2026-06-01"}]},
    {"all": [{"field": "first_name", "starts_with": "An"}]},
    {"all": [{"country": ["GB", "IE"]}, {"language": "de"}]},
    {"all": [{"created": {"within": "30d"}}]},
    {"all": [{"consent": "given"}]},
    {"all": [{"consent": "unknown"}]},
    {"all": [{"texted": {"within": "14d"}}]},
    {"all": [{"texted": {"not_within": "14d"}}]},
    {"all": [{"texted": "ever"}]},
    {"all": [{"replied": "ever"}]},
    {"all": [{"delivered": {"campaign": "spring", "run": "last"}}]},
    {"all": [{"list": "A"}, {"field": "region", "is": "north"}, {"texted": {"not_within": "14d"}}]},
    {
        "any": [{"tag": "vip"}, {"field": "age", "at_least": 60}],
        "all": [{"consent": "given"}, {"replied": "never"}],
        "not": [{"field": "region", "is": "south"}],
    },
)  # fmt: skip


def make_store(path: Path, n: int, n_runs: int) -> None:
    """Fill a new store by the shortest way; the same people each time."""
    prepare_store(f"sqlite:///{path}", now=NOW).close()
    chance = random.Random(7)
    keys = [hashlib.blake2b(str(i).encode(), digest_size=16).hexdigest() for i in range(n)]
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("pragma synchronous = off")
        db.executemany(
            "insert into contacts (contact, person_key, msisdn, region, number_type, external_id, first_name, last_name, "
            "language, time_zone, attributes, created_at, changed_at, changed_by) values (?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            _contacts(keys, chance),
        )
        db.execute(
            "insert into lists (list, kind, name, created_at) values (1, 'list', 'A', 0), (2, 'tag', 'vip', 0)"
        )
        members = "insert into list_members (list, contact, added_at, added_by) values (?, ?, 0, 'bench')"
        db.executemany(members, ((1, i + 1) for i in range(n) if i % 2))
        db.executemany(members, ((2, i + 1) for i in range(n) if i % 10 == 3))
        db.executemany(
            "insert into consents (person_key, purpose, is_given, at, source, recorded_at, recorded_by, is_current) "
            "values (?, 'marketing', ?, 0, 'bench', 0, 'bench', 1)",
            ((key, i % 50 != 0) for i, key in enumerate(keys) if i % 5),
        )
        db.executemany(
            "insert into runs (run, campaign, state, origin, is_simulated, account, created_at, started_at) "
            "values (?, 'spring', 'finished', 'hand', 0, 'sim', 0, ?)",
            ((run + 1, _started(run, n_runs)) for run in range(n_runs)),
        )
        db.executemany(
            "insert into behaviour (person_key, run, texted_at, delivered_at, failed_at, replied_at, clicked_at) "
            "values (?, ?, ?, ?, ?, ?, ?)",
            _behaviour(sorted(keys), n_runs, chance),
        )


def _contacts(keys: list[str], chance: random.Random) -> Iterator[tuple[Any, ...]]:
    for i, key in enumerate(keys):
        attributes = {
            "region": chance.choice(REGIONS),
            "city": f"city {chance.randrange(500)}",
            "age": str(chance.randrange(18, 90)),
            "due": f"2026-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}",
            "plan": chance.choice(("basic", "plus", "pro")),
            "balance": f"{chance.random() * 1000:.2f}",
        }
        created = NOW - chance.random() * 365 * DAY_S
        yield (
            i + 1, key, f"+4477{i:08}", chance.choice(("GB", "GB", "DE", "FR")), "MOBILE", str(i),
            chance.choice(("Anna", "Ben", "Cem", "Dora", "Änne")), f"Name {i % 9999}", chance.choice(("en", "de", "de-AT", None)),
            "Europe/London", orjson.dumps(attributes).decode(), created, created, "bench",
        )  # fmt: skip


def _behaviour(keys: list[str], n_runs: int, chance: random.Random) -> Iterator[tuple[Any, ...]]:
    for key in keys:
        for run in range(n_runs):
            at = _started(run, n_runs) + chance.random() * 3600
            arrived = chance.random() < 0.93
            replied, clicked = (at + 60 if chance.random() < rate else None for rate in (0.02, 0.08))
            yield key, run + 1, at, at + 9 if arrived else None, None if arrived else at + 9, replied, clicked


def _started(run: int, n_runs: int) -> float:
    """A run every ten days; the last one three days ago."""
    return NOW - 3 * DAY_S - (n_runs - 1 - run) * 10 * DAY_S


def measure(store: Store, segment: SegmentFilter, rounds: int) -> tuple[int, list[tuple[float, float]]]:
    """The count, and the seconds of each round: on the clock, and of the processor."""
    took = []
    n = 0
    for _ in range(rounds):
        started, worked = time.perf_counter(), time.process_time()
        n = count_segment(store, segment, NOW)
        took.append((time.perf_counter() - started, time.process_time() - worked))
    return n, took


def main() -> None:
    arguments = argparse.ArgumentParser(description="Count segments of a million contacts.")
    arguments.add_argument("--contacts", type=int, default=1_000_000)
    arguments.add_argument("--runs", type=int, default=5)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--keep", type=Path)
    told = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="tidings-segments-") as temporary:
        path = (told.keep or Path(temporary)) / f"segments-{told.contacts}-{told.runs}.db"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            make_store(path, told.contacts, told.runs)
        store = open_store(f"sqlite:///{path}")
        rows = []
        for definition in FILTERS:
            segment = parse_filter(definition)
            n, took = measure(store, segment, told.rounds)
            words = in_words(segment)
            wall, cpu = ([1000 * pair[i] for pair in took] for i in (0, 1))
            row = {
                "filter": words,
                "n": n,
                "ms": statistics.median(wall),
                "ms_slowest": max(wall),
                "cpu_ms": statistics.median(cpu),
            }
            rows.append(row)
            print(
                f"{row['ms']:6.0f} ms  {row['ms_slowest']:6.0f} at worst  {row['cpu_ms']:6.0f} of processor  {n:>9,}  {words}",
                flush=True,
            )
        store.close()
    load = os.getloadavg()[0]
    print(f"{told.contacts:,} contacts, {told.contacts * told.runs:,} rows of behaviour; load {load:.1f}")
    folder = CHECKOUT / "var" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    found = {"contacts": told.contacts, "runs": told.runs, "load": load, "filters": rows}
    (folder / "segments.json").write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
