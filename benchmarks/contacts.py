"""From a messy file of contacts to an audience: validated, deduplicated, suppressed; beside Python's own loop.

    make bench-contacts        (.venv/bin/python -m benchmarks.contacts [--rounds 3] [--plan] [--audience-only])

Each measurement is a process of its own: `choose` reads a CSV, weighs every row, looks 200,000 opt-outs up and writes
audience, excluded and rejects as Parquet, as planning does it; `loop` is benchmarks/contacts_loop.py on the same numbers.
The clock starts when imports are done and the store is open. CPU counts all threads. --plan measures the whole plan of
5M rows too: texts, segments, prices, fingerprint. Then what becomes of a million contacts in the store: imported, and
once more (benchmarks/contacts_import.py: `known` by the file's fingerprint, `again` row by row), and how long a segment
takes to be counted: one of list, attribute, texts and clicks, and the slowest of all in benchmarks/segments.py. Files go
to a temporary folder; writes var/bench/contacts.json.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parent.parent
N_SUPPRESSED = 200_000
KEY = b"b" * 32
REGION = "GB"
STORED = 1_000_000
CAMPAIGNS_BEFORE = 3  # that each texted every stored contact
SEGMENT_ROUNDS = 3
LOOP_ROWS = 200_000  # of the first of the file: the loop's speed does not change after


def choose(source: Path, folder: Path) -> int:
    """The audience of a file, as Parquet. Returns its size."""
    import polars as pl

    from data.files import write_parquet_chunks
    from data.given_consents import GivenConsents
    from data.prices import load_prices
    from data.readers import open_source
    from data.spool import Spool
    from data.suppressions import SuppressedPeople
    from engine.candidates import gather_candidates
    from engine.consent import RestingOn
    from engine.parting import PartedSource
    from messaging.campaign import Consent
    from messaging.columns import choose_columns
    from messaging.purposes import MARKETING
    from messaging.schemas import CONSENT_OF_A_MESSAGE, CONTACTS, EXCLUDED, REJECTS

    store = _store(folder)
    started = _clocks()
    with open_source(source, folder=folder) as read:
        columns = choose_columns(read.headers)
        candidates = gather_candidates(
            PartedSource(read, columns, region=REGION, key=KEY, folder=folder),
            resting=RestingOn(
                Consent(basis="recorded"), row_source=read.name, given=GivenConsents(store, MARKETING)
            ),
            suppressed=SuppressedPeople(store),
            folder=folder,
        )
    excluded = Spool(folder)

    def audience() -> Iterator[pl.DataFrame]:
        for people, others in candidates.chosen(priced_regions=load_prices().per_segment.keys()):
            excluded.append(others)
            yield people.select(list(own))

    texts = dict.fromkeys(["person_key", *read.headers, *columns.fields], pl.String())
    own = {**CONTACTS, **CONSENT_OF_A_MESSAGE, **texts}
    n_people = write_parquet_chunks(audience(), pl.Schema(own), folder / "audience.parquet")
    schema = pl.Schema({**EXCLUDED, "person_key": pl.String()})
    n_others = write_parquet_chunks(excluded, schema, folder / "excluded.parquet")
    n_rejects = write_parquet_chunks(candidates.rejects, REJECTS, folder / "rejects.parquet")
    assert n_people + n_others + n_rejects == read.n_rows, "every row is in one place"
    return _told(started, read.n_rows, audience=n_people)


def plan(source: Path, folder: Path) -> int:
    """The whole plan of a file."""
    from data.keys import Keys
    from engine.plan import make_plan
    from messaging.campaign import parse_campaign

    store = _store(folder)
    campaign = parse_campaign(
        {
            "name": "bench",
            "audience": {"file": str(source), "region": REGION},
            "message": {"text": "Hi {{ first_name }}, see you in {{ city|default('town') }}!"},
            "consent": {"basis": "recorded"},
        }
    )
    started = _clocks()
    made = make_plan(campaign, base=folder, store=store, keys=Keys(KEY, KEY, KEY), folder=folder)
    return _told(started, made.summary.source_rows, audience=made.summary.audience)


def loop(source: Path, _folder: Path) -> int:
    import polars as pl

    from benchmarks.contacts_loop import loop as python_loop

    numbers = pl.read_csv(source, columns=["phone"], infer_schema=False, n_rows=LOOP_ROWS)["phone"].to_list()
    started = _clocks()
    python_loop(numbers, REGION)
    return _told(started, len(numbers))


def opt_outs(_source: Path, folder: Path) -> int:
    """The store that `choose` and `plan` look people up in."""
    started = _clocks()
    _store(folder).close()
    return _told(started, N_SUPPRESSED)


def members(path: Path, _folder: Path) -> int:
    """The store whose segments are counted."""
    from benchmarks.segments import make_store

    started = _clocks()
    make_store(path, STORED, CAMPAIGNS_BEFORE)
    return _told(started, STORED)


def segments(path: Path, _folder: Path) -> int:
    """A segment as one thinks of it first, and the slowest of many, by the medians of their counts."""
    from benchmarks.segments import FILTERS, measure
    from data.store.engine import open_store
    from messaging.segment_filter import parse_filter
    from messaging.segment_words import in_words

    store = open_store(f"sqlite:///{path}")
    asked = [parse_filter(definition) for definition in FILTERS]
    counted = [(_medians(measure(store, one, SEGMENT_ROUNDS)[1]), in_words(one)) for one in asked]
    told = {
        name: {"rows": STORED, "wall_s": wall, "cpu_s": cpu, "peak_mb": _peak_mb(), "filter": filter_in_words}
        for name, ((wall, cpu), filter_in_words) in (("segment", counted[0]), ("slowest", max(counted)))
    }
    print(json.dumps(told))
    return 0


def _medians(rounds: list[tuple[float, float]]) -> tuple[float, float]:
    return statistics.median(wall for wall, _ in rounds), statistics.median(cpu for _, cpu in rounds)


# Of contacts.json: its name, the bar in words, whether a value meets it.
BARS: tuple[tuple[str, str, Callable[[Any], bool]], ...] = (
    ("ratio_to_loop", "10 times the loop's wall", lambda ratio: ratio >= 10),
    ("rows_per_cpu_s", "350,000 rows per CPU second", lambda rows: rows >= 350_000),
    ("peak_mb_5m", "5M rows under 700 MB", lambda peak: peak < 700),
    ("peak_mb_5m_plan", "the whole plan of 5M rows under 700 MB", lambda peak: peak < 700),
    (
        "cpu_per_row_5m_to_500k",
        "CPU per row at 5M within 1.25 of that at 500k",
        lambda growth: growth <= 1.25,
    ),
    ("import_1m_s", "1M contacts imported under 60 s", lambda wall: wall < 60),
    ("reimport_known_1m_s", "the unchanged file again under 10 s", lambda wall: wall < 10),
    ("reimport_1m_s", "and though every row is looked at", lambda wall: wall < 10),
    ("segment_count_1m_s", "a segment of 1M contacts counted under 1 s", lambda wall: wall < 1),
)

MEASURES: dict[str, Callable[[Path, Path], int]] = {
    "choose": choose,
    "plan": plan,
    "loop": loop,
    "opt_outs": opt_outs,
    "members": members,
    "segments": segments,
}


def _store(folder: Path) -> Any:
    """A store with the opt-outs, made by the first who asks."""
    import polars as pl

    from benchmarks.contacts_data import suppressed_mobiles
    from data.store.migrate import prepare_store
    from data.suppressions import Suppression, suppress
    from messaging.sealed import person_keys

    place = folder / "store.db"
    is_new = not place.exists()
    store = prepare_store(f"sqlite:///{place}", now=1.0)
    if is_new:
        numbers = pl.Series(suppressed_mobiles(N_SUPPRESSED))
        entries = (
            Suppression(person_key=person, msisdn=msisdn, reason="STOP", source="bench")
            for person, msisdn in zip(person_keys(KEY, numbers), numbers, strict=True)
        )
        suppress(store, entries, 1.0)
    return store


def _clocks() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _told(started: tuple[float, float], n_rows: int, **more: int) -> int:
    wall, cpu = (now - then for now, then in zip(_clocks(), started, strict=True))
    print(json.dumps({"rows": n_rows, "wall_s": wall, "cpu_s": cpu, "peak_mb": _peak_mb(), **more}))
    return 0


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        1 << (20 if sys.platform == "darwin" else 10)
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--plan", action="store_true", help="measure the whole plan of 5M rows as well")
    parser.add_argument(
        "--audience-only", action="store_true", help="leave out the store: imports and segments"
    )
    parser.add_argument("--measure", choices=MEASURES, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=CHECKOUT / "var" / "bench")
    parser.add_argument("paths", nargs="*", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.measure:
        return MEASURES[chosen.measure](*chosen.paths)
    chosen.out.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(prefix="tidings-bench-") as folder:
        found = _rounds(Path(folder), chosen.rounds, whole_plan=chosen.plan)
        if not chosen.audience_only:
            found |= _stored(Path(folder))
        return _report(found, chosen.out / "contacts.json")


def _rounds(folder: Path, n_rounds: int, *, whole_plan: bool) -> dict[str, list[dict[str, Any]]]:
    from benchmarks.contacts_data import write_contacts

    files = {name: folder / f"{name}.csv" for name in ("500k", "1M", "5M")}
    for (_, path), n_rows in zip(files.items(), (500_000, 1_000_000, 5_000_000), strict=True):
        write_contacts(path, n_rows)
    # Here and below in a process of its own: the peak of a child is never told lower than that of its parent.
    _measured("opt_outs", files["1M"], folder)
    found: dict[str, list[dict[str, Any]]] = {}
    for _ in range(n_rounds):  # in turn, so that a busy minute of the machine meets all alike
        for name, measure, file in (
            ("loop", "loop", "1M"),
            ("1M", "choose", "1M"),
            ("500k", "choose", "500k"),
        ):
            found.setdefault(name, []).append(_measured(measure, files[file], folder))
        # Once a round too: what is compared with 500k must have met the same load.
        found.setdefault("5M", []).append(_measured("choose", files["5M"], folder))
    if whole_plan:
        found["5M, plan"] = [_measured("plan", files["5M"], folder)]
    return found


def _stored(folder: Path) -> dict[str, list[dict[str, Any]]]:
    from benchmarks.contacts_import import measure_import

    imports = {f"import, {name}": [one] for name, one in measure_import(STORED).items()}
    store = folder / "segments.db"
    _measured("members", store, folder)
    counted = _measured("segments", store, folder)
    return {
        **imports,
        "segment": [counted["segment"] | {"load": counted["load"]}],
        "slowest segment": [counted["slowest"] | {"load": counted["load"]}],
    }


def _measured(measure: str, source: Path, folder: Path) -> dict[str, Any]:
    line = [sys.executable, "-m", "benchmarks.contacts", "--measure", measure, str(source), str(folder)]
    done = subprocess.run(line, cwd=CHECKOUT, capture_output=True, text=True, check=True, timeout=900)
    return {**json.loads(done.stdout), "load": os.getloadavg()[0]}


def _report(found: dict[str, list[dict[str, Any]]], path: Path) -> int:
    def median(name: str, of: Callable[[dict[str, float]], float]) -> float:
        return statistics.median(of(one) for one in found[name])

    print(f"{'':16}{'wall s':>9}{'CPU s':>9}{'rows/s':>12}{'rows/CPU s':>12}{'peak MB':>9}{'audience':>11}")
    for name in found:
        audience = round(median(name, lambda one: one.get("audience", 0)))
        print(
            f"{name:16}{median(name, lambda one: one['wall_s']):>9.2f}{median(name, lambda one: one['cpu_s']):>9.2f}"
            f"{median(name, _per_wall):>12,.0f}{median(name, _per_cpu):>12,.0f}"
            f"{median(name, lambda one: one['peak_mb']):>9.0f}{f'{audience:,}' if audience else '':>11}"
        )

    def ratio(of: Callable[[dict[str, float]], float], name: str, other: str) -> float:
        return statistics.median(
            of(one) / of(two) for one, two in zip(found[name], found[other], strict=True)
        )

    def wall(name: str) -> float | None:
        return round(found[name][0]["wall_s"], 2) if name in found else None

    to_loop, growth = ratio(_per_wall, "1M", "loop"), ratio(_per_cpu, "500k", "5M")
    loads = [one["load"] for many in found.values() for one in many]
    content = {
        "rows_per_cpu_s": round(median("1M", _per_cpu)),
        "ratio_to_loop": round(to_loop, 1),
        "peak_mb_5m": round(max(one["peak_mb"] for one in found["5M"])),
        "peak_mb_5m_plan": round(found["5M, plan"][0]["peak_mb"]) if "5M, plan" in found else None,
        "import_1m_s": wall("import, first"),
        "reimport_1m_s": wall("import, again"),
        "reimport_known_1m_s": wall("import, known"),
        "segment_count_1m_s": wall("segment"),
        "slowest_segment_1m_s": wall("slowest segment"),
        "slowest_segment": found["slowest segment"][0]["filter"] if "slowest segment" in found else None,
        "cpu_per_row_5m_to_500k": round(growth, 2),
        "cpu_ratio_to_loop": round(ratio(_per_cpu, "1M", "loop"), 1),
        "rounds": len(found["1M"]),
        "cores": os.cpu_count(),
        "load": [round(min(loads), 1), round(max(loads), 1)],
    }
    print(
        f"{to_loop:.1f} × the loop (wall), {content['cpu_ratio_to_loop']} × (CPU); "
        f"CPU per row at 5M: {growth:.2f} × that at 500k; load {min(loads):.1f} to {max(loads):.1f}"
    )
    if content["slowest_segment"] is not None:
        print(
            f"slowest of all segments: {content['slowest_segment']}, {content['slowest_segment_1m_s']:.2f} s"
        )
    passed = [
        _is_passed(bar, content[name], is_met) for name, bar, is_met in BARS if content[name] is not None
    ]
    path.write_text(json.dumps(content, indent=2) + "\n")
    return 0 if all(passed) else 1


def _is_passed(bar: str, value: Any, is_met: Callable[[Any], bool]) -> bool:
    print(f"{'passed' if is_met(value) else 'MISSED'}  {bar}: {value:,}")
    return is_met(value)


def _per_wall(one: dict[str, float]) -> float:
    return one["rows"] / one["wall_s"]


def _per_cpu(one: dict[str, float]) -> float:
    return one["rows"] / one["cpu_s"]


if __name__ == "__main__":
    raise SystemExit(main())
