"""Kill the sender at every instant of a message's life, start it again, and count: `make chaos`.

    python -m tests.chaos.harness [--kills 160] [--seconds 480] [--json var/chaos.json]

Each trial is one campaign in a fresh instance against a fresh simulator. Its sender is killed again and again until
nothing is left to send, and after every death the audit must balance. Nobody twice, nobody lost, nobody hidden.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.chaos.arena import (
    Verdict,
    freeze_a_run,
    instance_in,
    is_balanced,
    judge,
    n_undecided,
    set_account,
)
from tests.chaos.victim import Phase

CHECKOUT = Path(__file__).parents[2]
LEASE_S = 1.0
VICTIM_TIMEOUT_S = 60.0
MOST_STARTS = 60  # of one trial; each makes progress unless something is badly wrong

FAULTS = {
    kind: {"share": share}
    for kind, share in (
        ("drop_before_reading", 0.01),
        ("drop_after_reading", 0.01),
        ("drop_after_accepting", 0.01),
        ("half_answer", 0.01),
        ("error_500_taken", 0.005),
        ("error_500_not_taken", 0.005),
        ("unavailable", 0.01),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """How the messages of a trial are sent, and how the gateway behaves."""

    name: str
    bulk_size: int
    n_messages: int
    batch_size: int
    settings: dict[str, Any] = field(default_factory=dict)
    n_racing: int = 1  # senders on the same batches at the same time


MODES = (
    Mode(name="one by one", bulk_size=1, n_messages=800, batch_size=200, settings={"latency_ms": 5}),
    Mode(name="bulk of 50", bulk_size=50, n_messages=4000, batch_size=500, settings={"latency_ms": 10}),
    Mode(
        name="one by one, faults",
        bulk_size=1,
        n_messages=800,
        batch_size=200,
        settings={"latency_ms": 5, "faults": FAULTS, "retry_after_s": 0.05},
    ),
    Mode(
        name="bulk of 50, faults",
        bulk_size=50,
        n_messages=4000,
        batch_size=500,
        settings={"latency_ms": 10, "faults": FAULTS, "retry_after_s": 0.05},
    ),
    Mode(
        name="two racing",
        bulk_size=1,
        n_messages=1200,
        batch_size=200,
        settings={"latency_ms": 5},
        n_racing=2,
    ),
)


@dataclass(slots=True)
class Report:
    """What all trials came to."""

    kills_by_phase: Counter[str] = field(default_factory=Counter)
    by_mode: dict[str, Counter[str]] = field(default_factory=dict)
    audits: int = 0
    audits_balanced: int = 0

    def add(self, mode: Mode, kills: int, verdict: Verdict) -> None:
        counts = self.by_mode.setdefault(mode.name, Counter())
        counts.update(
            kills=kills,
            messages=verdict.messages,
            duplicates_by_reference=verdict.duplicates_by_reference,
            duplicates_by_number=verdict.duplicates_by_number,
            lost=verdict.lost,
            hidden=verdict.hidden,
            unconfirmed=verdict.unconfirmed,
            unconfirmed_really_sent=verdict.unconfirmed_really_sent,
        )
        self.count_audit(is_balanced=verdict.is_balanced)

    def count_audit(self, *, is_balanced: bool) -> None:
        self.audits += 1
        self.audits_balanced += is_balanced

    def as_json(self) -> dict[str, Any]:
        total: Counter[str] = Counter()
        for counts in self.by_mode.values():
            total.update(counts)
        return {
            "kills": total["kills"],
            "kills_by_phase": {phase.value: self.kills_by_phase[phase.value] for phase in Phase},
            "messages": total["messages"],
            "duplicates": total["duplicates_by_reference"] + total["duplicates_by_number"],
            "duplicates_by_reference": total["duplicates_by_reference"],
            "duplicates_by_number": total["duplicates_by_number"],
            "lost": total["lost"],
            "hidden": total["hidden"],
            "unconfirmed": total["unconfirmed"],
            "unconfirmed_really_sent": total["unconfirmed_really_sent"],
            "audits": self.audits,
            "audits_balanced": self.audits_balanced,
            "by_mode": {name: dict(counts) for name, counts in self.by_mode.items()},
        }

    def is_kept(self) -> bool:
        found = self.as_json()
        broken = found["duplicates"] + found["lost"] + found["hidden"]
        return not broken and self.audits == self.audits_balanced


def run_trials(kills: int, *, seconds: float, seed: int = 1) -> Report:
    """Trials in all modes, in turn, until there were so many kills in every phase, or the time is over."""
    report, rng = Report(), random.Random(seed)
    ends_at_s = time.monotonic() + seconds
    per_phase = max(1, kills // 20) if kills < 160 else 15
    wanted = [phase for phase in Phase for _ in range(per_phase)]
    wanted += [rng.choice(list(Phase)) for _ in range(max(0, kills - len(wanted)))]
    rng.shuffle(wanted)
    number = 0
    while wanted and time.monotonic() < ends_at_s:
        mode = MODES[number % len(MODES)]
        with trial_folder() as var_dir, simulator(mode) as url:
            run_trial(mode, var_dir, url, wanted, report, rng)
        number += 1
    return report


def run_trial(
    mode: Mode, var_dir: Path, url: str, wanted: list[Phase], report: Report, rng: random.Random
) -> None:
    """One campaign, killed in the wanted phases as long as there are any, then left to finish."""
    with instance_in(var_dir) as instance:
        set_account(instance, rate_mps=None, bulk_size=mode.bulk_size, concurrency=20)
        run = freeze_a_run(instance, n_messages=mode.n_messages, batch_size=mode.batch_size)
        kills = 0
        for start in range(MOST_STARTS):
            if start and not n_undecided(instance, run):
                break
            # The late half of a campaign must be killed too, so a victim may live through many passages first.
            doomed: list[Phase | None] = [wanted.pop() for _ in range(min(mode.n_racing, len(wanted)))]
            doomed += [None] * (mode.n_racing - len(doomed))
            victims = [
                start_victim(
                    var_dir, run, url, phase, at=rng.choice((1, 2, 5, 12)), seed=rng.randrange(1 << 30)
                )
                for phase in doomed
            ]
            for victim, phase in zip(victims, doomed, strict=True):
                if victim.wait(VICTIM_TIMEOUT_S) == -9 and phase is not None:
                    kills += 1
                    report.kills_by_phase[phase.value] += 1
                elif phase is not None and n_undecided(instance, run):
                    wanted.insert(0, phase)  # it lived; the next one tries again
            report.count_audit(is_balanced=is_balanced(instance, run))
            time.sleep(LEASE_S / 2)  # less than a lease: some of the next ones find it still held
        report.add(mode, kills, judge(instance, run, url))


def start_victim(
    var_dir: Path, run: int, url: str, phase: Phase | None, *, at: int, seed: int
) -> subprocess.Popen[bytes]:
    dying = [] if phase is None else ["--die-in", phase.value, "--at", str(at)]
    command = [sys.executable, "-m", "tests.chaos.victim", "--var", str(var_dir), "--run", str(run)]
    command += ["--simulator", url, "--seed", str(seed), "--lease", str(LEASE_S), *dying]
    with (var_dir / "victims.log").open("ab") as log:
        return subprocess.Popen(command, cwd=CHECKOUT, stdout=log, stderr=log)


@contextmanager
def trial_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="tidings-chaos-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def simulator(mode: Mode) -> Iterator[str]:
    command = [sys.executable, "-m", "gateway_clients.simulator.server", "--port", "0", "--plain"]
    process = subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().decode().strip()
        httpx.post(f"{url}/control/settings", json=mode.settings, trust_env=False).raise_for_status()
        yield url
    finally:
        process.terminate()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=160)
    parser.add_argument("--seconds", type=float, default=480)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, default=CHECKOUT / "var" / "chaos.json")
    asked = parser.parse_args()
    began_s = time.monotonic()
    report = run_trials(asked.kills, seconds=asked.seconds, seed=asked.seed)
    found = {**report.as_json(), "seconds": round(time.monotonic() - began_s, 1)}
    asked.json.parent.mkdir(parents=True, exist_ok=True)
    asked.json.write_text(json.dumps(found, indent=2) + "\n")
    for name, counts in found.pop("by_mode").items():
        print(f"{name:22}", "  ".join(f"{key}={n}" for key, n in counts.items()))
    print(json.dumps(found, indent=2))
    least = 15 if asked.kills >= 160 else max(1, asked.kills // 20)
    is_covered = found["kills"] >= asked.kills and min(found["kills_by_phase"].values()) >= least
    if not is_covered:
        print(
            f"too few kills: {asked.kills} in all and {least} in each phase were asked for", file=sys.stderr
        )
    return 0 if is_covered and report.is_kept() else 1


if __name__ == "__main__":
    raise SystemExit(main())
