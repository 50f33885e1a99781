"""A million contacts into the store, and the same file again.

    .venv/bin/python -m benchmarks.contacts_import [--rows 1000000] [--store URL]

Four imports, each in a process of its own: `first` into an empty store; `known` of the same file, which its fingerprint
tells; `again` of the same file, row by row; `changed` of a file of which every tenth row is another one. Beside `first`
a second process writes one row ten times a second, as a sending run does, and tells how long it waited for the store.
The file has 8 columns and a consent column, is put onto a list, and is as messy as benchmarks/contacts_data.py makes it.
Files go to a temporary folder; writes var/bench/contacts_import.json.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Self

CHECKOUT = Path(__file__).resolve().parent.parent
KEY = b"b" * 32
BARS_S = {"first": 60.0, "known": 10.0, "again": 10.0}  # of a million rows into SQLite
MOST_ROWS_COMPARED = 1_000_000


def measure_import(n_rows: int = 1_000_000, *, store_url: str | None = None) -> dict[str, dict[str, float]]:
    """What each of the four took, by name: wall_s, cpu_s, peak_mb, the five counts; waits of the other writer in ms."""
    from benchmarks.contacts_data import write_contacts

    with tempfile.TemporaryDirectory(prefix="tidings-bench-") as name:
        folder = Path(name)
        url = store_url or f"sqlite:///{folder / 'store.db'}"
        write_contacts(folder / "people.csv", n_rows)
        _change_every_tenth(folder / "people.csv", folder / "changed.csv")
        return {
            "first": _measured(folder, url, "people.csv", beside=True),
            "known": _measured(folder, url, "people.csv"),
            "again": _measured(folder, url, "people.csv", again=True),
            "changed": _measured(folder, url, "changed.csv"),
        }


def _change_every_tenth(source: Path, target: Path) -> None:
    with source.open(encoding="utf-8") as rows, target.open("w", encoding="utf-8") as file:
        for number, row in enumerate(rows):
            file.write(row.replace(",basic,", ",gold,") if number % 10 == 0 else row)


def _measured(
    folder: Path, url: str, file: str, *, again: bool = False, beside: bool = False
) -> dict[str, float]:
    line = [sys.executable, "-m", "benchmarks.contacts_import", "--import", url, str(folder / file)]
    line += ["--again"] * again + ["--beside"] * beside
    done = subprocess.run(line, cwd=CHECKOUT, capture_output=True, text=True, check=True, timeout=900)
    found: dict[str, float] = json.loads(done.stdout)
    return {**found, "load": os.getloadavg()[0]}


def _import(url: str, file: Path, *, again: bool, beside: bool) -> int:
    """One import, told as JSON."""
    from data.keys import Keys
    from data.store.migrate import prepare_store
    from engine.importing import import_contacts
    from messaging.import_file import parse_import

    store = prepare_store(url, now=1.0)
    request = parse_import(
        {"name": "bench", "source": {"file": str(file), "region": "GB"}, "list": "Members"}
    )
    started, cpu_before = time.perf_counter(), time.process_time()
    with _Beside(url, is_wanted=beside) as other:
        report = import_contacts(
            request,
            base=file.parent,
            store=store,
            keys=Keys(KEY, KEY, KEY),
            var_dir=file.parent,
            now=time.time,
            again=again,
        )
    told = {
        "wall_s": time.perf_counter() - started,
        "cpu_s": time.process_time() - cpu_before,
        "peak_mb": _peak_mb(),
        "rows": report.n_rows,
        "new": report.n_new,
        "changed": report.n_changed,
        "same": report.n_same,
        "double": report.n_double,
        "rejects": report.n_rejects,
        **other.waits_ms(),
    }
    print(json.dumps(told))
    return 0


class _Beside:
    """A process that writes a row to the store ten times a second, as a sending run does."""

    def __init__(self, url: str, *, is_wanted: bool) -> None:
        self._url = url
        self._is_wanted = is_wanted
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        if self._is_wanted:
            line = [sys.executable, "-m", "benchmarks.contacts_import", "--write", self._url]
            self._process = subprocess.Popen(
                line, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            assert self._process.stdout is not None
            self._process.stdout.readline()  # it has begun
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._told, _ = self._process.communicate("")  # its input ends: so does it

    def waits_ms(self) -> dict[str, Any]:
        return {} if self._process is None else json.loads(self._told)


def _write_beside(url: str) -> int:
    import sqlalchemy as sa

    from data.store.engine import open_store

    store = open_store(url)
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    waits: list[float] = []
    print("begun", flush=True)
    while not ended.wait(0.1):
        asked = time.perf_counter()
        with store.write.begin() as connection:
            connection.execute(
                sa.text("update accounts set next_free_at = next_free_at + 1 where account = 'sim'")
            )
        waits.append(1000 * (time.perf_counter() - asked))
    waits.sort()
    print(
        json.dumps(
            {
                "writes": len(waits),
                "wait_p50_ms": waits[len(waits) // 2],
                "wait_p99_ms": waits[len(waits) * 99 // 100],
                "wait_max_ms": waits[-1],
            }
        )
    )
    return 0


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        1 << (20 if sys.platform == "darwin" else 10)
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--store", help="the URL of an empty database; else an SQLite file")
    parser.add_argument("--out", type=Path, default=CHECKOUT / "var" / "bench")
    parser.add_argument("--import", nargs=2, dest="one", help=argparse.SUPPRESS)
    parser.add_argument("--again", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--beside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--write", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.write:
        return _write_beside(chosen.write)
    if chosen.one:
        url, file = chosen.one
        return _import(url, Path(file), again=chosen.again, beside=chosen.beside)
    found = measure_import(chosen.rows, store_url=chosen.store)
    chosen.out.mkdir(parents=True, exist_ok=True, mode=0o700)
    (chosen.out / "contacts_import.json").write_text(json.dumps(found, indent=2) + "\n")
    return _report(found, n_rows=chosen.rows)


def _report(found: dict[str, dict[str, float]], *, n_rows: int) -> int:
    names = ("new", "changed", "same", "double", "rejects")
    print(
        f"{'':9}{'wall s':>8}{'CPU s':>8}{'peak MB':>9}"
        + "".join(f"{name:>11}" for name in names)
        + "   load"
    )
    for name, one in found.items():
        counts = "".join(f"{one[count]:>11,.0f}" for count in names)
        print(
            f"{name:9}{one['wall_s']:>8.1f}{one['cpu_s']:>8.1f}{one['peak_mb']:>9.0f}{counts}{one['load']:>7.1f}"
        )
    first = found["first"]
    print(
        f"another writer beside it, {first['writes']:,.0f} times: waited {first['wait_p50_ms']:.0f} ms (median), "
        f"{first['wait_p99_ms']:.0f} (99 %), {first['wait_max_ms']:.0f} (longest)"
    )
    if n_rows != MOST_ROWS_COMPARED:
        return 0
    missed = [name for name, bar in BARS_S.items() if found[name]["wall_s"] >= bar]
    for name, bar in BARS_S.items():
        print(f"{'MISSED' if name in missed else 'passed'}  {name} under {bar:.0f} s")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
