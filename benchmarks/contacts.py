"""From a messy file of contacts to an audience: validated, deduplicated, suppressed; beside Python's own loop.

    make bench-contacts        (.venv/bin/python -m benchmarks.contacts [--rounds 3] [--plan])

Each measurement is a process of its own: `choose` reads a CSV, weighs every row, looks 200,000 opt-outs up and writes
audience, excluded and rejects as Parquet, as planning does it; `loop` is benchmarks/contacts_loop.py on the same numbers.
The clock starts when imports are done and the store is open. CPU counts all threads. --plan measures the whole plan of
5M rows too: texts, segments, prices, fingerprint. Files go to a temporary folder; writes var/bench/contacts.json.
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


MEASURES: dict[str, Callable[[Path, Path], int]] = {"choose": choose, "plan": plan, "loop": loop}


def _store(folder: Path) -> Any:
    """A store with the opt-outs, made by the first who asks."""
    from benchmarks.contacts_data import suppressed_mobiles
    from data.store.migrate import prepare_store
    from data.suppressions import Suppression, suppress
    from messaging.sealed import person_key

    place = folder / "store.db"
    is_new = not place.exists()
    store = prepare_store(f"sqlite:///{place}", now=1.0)
    if is_new:
        entries = (
            Suppression(person_key=person_key(KEY, msisdn), msisdn=msisdn, reason="STOP", source="bench")
            for msisdn in suppressed_mobiles(N_SUPPRESSED)
        )
        suppress(store, entries, 1.0)
    return store


def _clocks() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _told(started: tuple[float, float], n_rows: int, **more: int) -> int:
    wall, cpu = (now - then for now, then in zip(_clocks(), started, strict=True))
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        1 << (20 if sys.platform == "darwin" else 10)
    )
    print(json.dumps({"rows": n_rows, "wall_s": wall, "cpu_s": cpu, "peak_mb": peak_mb, **more}))
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--plan", action="store_true", help="measure the whole plan of 5M rows as well")
    parser.add_argument("--measure", choices=MEASURES, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=CHECKOUT / "var" / "bench")
    parser.add_argument("paths", nargs="*", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.measure:
        return MEASURES[chosen.measure](*chosen.paths)
    chosen.out.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(prefix="tidings-bench-") as folder:
        return _report(
            _rounds(Path(folder), chosen.rounds, whole_plan=chosen.plan), chosen.out / "contacts.json"
        )


def _rounds(folder: Path, n_rounds: int, *, whole_plan: bool) -> dict[str, list[dict[str, float]]]:
    from benchmarks.contacts_data import write_contacts

    files = {name: folder / f"{name}.csv" for name in ("500k", "1M", "5M")}
    for (_, path), n_rows in zip(files.items(), (500_000, 1_000_000, 5_000_000), strict=True):
        write_contacts(path, n_rows)
    _store(folder).close()
    found: dict[str, list[dict[str, float]]] = {}
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


def _measured(measure: str, source: Path, folder: Path) -> dict[str, float]:
    line = [sys.executable, "-m", "benchmarks.contacts", "--measure", measure, str(source), str(folder)]
    done = subprocess.run(line, cwd=CHECKOUT, capture_output=True, text=True, check=True, timeout=300)
    return {**json.loads(done.stdout), "load": os.getloadavg()[0]}


def _report(found: dict[str, list[dict[str, float]]], path: Path) -> int:
    def median(name: str, of: Callable[[dict[str, float]], float]) -> float:
        return statistics.median(of(one) for one in found[name])

    print(f"{'':10}{'wall s':>9}{'CPU s':>9}{'rows/s':>12}{'rows/CPU s':>12}{'peak MB':>9}{'audience':>11}")
    for name in found:
        audience = round(median(name, lambda one: one.get("audience", 0)))
        print(
            f"{name:10}{median(name, lambda one: one['wall_s']):>9.2f}{median(name, lambda one: one['cpu_s']):>9.2f}"
            f"{median(name, _per_wall):>12,.0f}{median(name, _per_cpu):>12,.0f}"
            f"{median(name, lambda one: one['peak_mb']):>9.0f}{f'{audience:,}' if audience else '':>11}"
        )
    ratio = statistics.median(
        _per_wall(one) / _per_wall(other) for one, other in zip(found["1M"], found["loop"], strict=True)
    )
    growth = statistics.median(
        _per_cpu(small) / _per_cpu(large) for small, large in zip(found["500k"], found["5M"], strict=True)
    )
    loads = [one["load"] for many in found.values() for one in many]
    content = {
        "rows_per_cpu_s": round(median("1M", _per_cpu)),
        "ratio_to_loop": round(ratio, 1),
        "peak_mb_5m": round(max(one["peak_mb"] for one in found["5M"])),
        "import_1m_s": None,
        "cpu_per_row_5m_to_500k": round(growth, 2),
        "rounds": len(found["1M"]),
        "cores": os.cpu_count(),
        "load": [min(loads), max(loads)],
    }
    bars = {
        "10 times the loop's wall": ratio >= 10,
        "350,000 rows per CPU second": content["rows_per_cpu_s"] >= 350_000,
        "700 MB at 5M rows": content["peak_mb_5m"] < 700,
        "CPU per row at 5M within 1.25 of 500k": growth <= 1.25,
    }
    print(
        f"{ratio:.1f} × the loop (wall); CPU per row at 5M: {growth:.2f} × that at 500k; load {min(loads):.1f} to {max(loads):.1f}"
    )
    for bar, is_passed in bars.items():
        print(f"{'passed' if is_passed else 'MISSED'}  {bar}")
    path.write_text(json.dumps(content, indent=2) + "\n")
    return 0 if all(bars.values()) else 1


def _per_wall(one: dict[str, float]) -> float:
    return one["rows"] / one["wall_s"]


def _per_cpu(one: dict[str, float]) -> float:
    return one["rows"] / one["cpu_s"]


if __name__ == "__main__":
    raise SystemExit(main())
