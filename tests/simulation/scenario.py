"""What one seed is about. Most kinds of trouble are left out of most seeds: too much of one hides the others."""

from __future__ import annotations

import random
from dataclasses import dataclass

from data.ledger.rules import Rules
from gateway_clients.base import Capabilities, Idempotency, LookUp

NEVER = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Times in virtual seconds; probabilities are per request, per commit or per receipt."""

    seed: int
    batch_sizes: tuple[int, ...]
    windows: tuple[tuple[float | None, float | None], ...]  # per batch: opens, closes
    rate_mps: float | None
    bulk_size: int
    concurrency: int
    n_workers: int
    skew_s: float  # how wrong workers' own wall clocks are
    chaos_s: float
    crash_every_s: float
    sleep_every_s: float
    drain_every_s: float
    sweep_every_s: float
    p_trouble: float
    p_fault: float
    p_reject: float
    p_lost_commit: float
    p_lost_word: float
    p_receipts: float
    p_strange_receipt: float
    answer_s: float
    n_stops: int
    n_pauses: int
    n_breaks: int
    n_decisions: int
    n_retries: int
    n_reconciles: int
    look_up: LookUp
    look_up_lag_s: float  # until a look-up finds what was taken
    p_look_up_fails: float
    idempotency: Idempotency
    dedupe_window_s: float
    says_duplicate: bool  # to a second copy; else the same as to the first
    has_flight_records: bool
    n_clock_jumps: int
    most_failures_in_a_row: int | None  # then the run stops by itself; None: practically never
    cancel_after_s: float
    rules: Rules

    @property
    def capabilities(self) -> Capabilities:
        """What the gateway's client tells of it."""
        return Capabilities(
            bulk_size=self.bulk_size,
            idempotency=self.idempotency,
            dedupe_window_s=0.0 if self.idempotency is Idempotency.NONE else self.dedupe_window_s,
            look_up=self.look_up,
            look_up_after_s=self.look_up_lag_s,
        )

    @classmethod
    def of(cls, seed: int) -> Scenario:
        draw = random.Random(seed)
        batch_sizes = tuple(draw.randint(1, 24) for _ in range(draw.choice((1, 2, 2, 3))))
        chaos_s = draw.choice((30.0, 80.0))
        return cls(
            seed=seed,
            batch_sizes=batch_sizes,
            windows=tuple(_window(draw, chaos_s) for _ in batch_sizes),
            rate_mps=draw.choice((None, 1.0, 3.0, 10.0)),
            bulk_size=draw.choice((1, 1, 1, 4, 9)),
            concurrency=draw.choice((1, 2, 5)),
            n_workers=draw.choice((1, 2, 2, 3)),
            skew_s=draw.choice((0.0, 0.0, 0.3, 1000.0)),
            chaos_s=chaos_s,
            crash_every_s=draw.choice((2.0, 8.0, NEVER)),
            sleep_every_s=draw.choice((5.0, 15.0, NEVER)),
            drain_every_s=draw.choice((10.0, NEVER, NEVER)),
            sweep_every_s=draw.choice((3.0, 7.0, 30.0)),
            p_trouble=draw.choice((0.0, 0.01, 0.03)),
            p_fault=draw.choice((0.0, 0.2, 0.5)),
            p_reject=draw.choice((0.0, 0.1)),
            p_lost_commit=draw.choice((0.0, 0.05)),
            p_lost_word=draw.choice((0.0, 0.05, 0.2)),
            p_receipts=draw.choice((0.0, 0.4, 1.0)),
            p_strange_receipt=draw.choice((0.0, 0.1)),
            answer_s=draw.choice((0.3, 2.0, 8.0)),
            n_stops=draw.choice((0, 1, 3)),
            n_pauses=draw.choice((0, 0, 1, 2)),
            n_breaks=draw.choice((0, 0, 1)),
            n_decisions=draw.choice((0, 0, 2, 6)),
            n_retries=draw.choice((0, 2)),
            n_reconciles=draw.choice((0, 0, 3, 10)),
            look_up=draw.choice(list(LookUp)),
            look_up_lag_s=draw.choice((0.0, 3.0)),
            p_look_up_fails=draw.choice((0.0, 0.2)),
            idempotency=draw.choice(list(Idempotency)),
            dedupe_window_s=draw.choice((20.0, 60.0, 600.0)),
            says_duplicate=draw.random() < 0.5,
            has_flight_records=draw.random() < 0.5,
            n_clock_jumps=draw.choice((0, 0, 0, 2)),
            most_failures_in_a_row=draw.choice((None, None, 3)),
            cancel_after_s=draw.choice((NEVER, NEVER, NEVER, NEVER, draw.uniform(0, chaos_s))),
            rules=Rules(
                lease_s=draw.choice((4.0, 10.0, 20.0)),
                send_window_s=draw.choice((2.0, 30.0)),
                most_per_claim=5,
                max_attempts=draw.choice((2, 5)),
            ),
        )


def _window(draw: random.Random, chaos_s: float) -> tuple[float | None, float | None]:
    if draw.random() < 0.8:
        return None, None
    opens_s = draw.uniform(0, chaos_s / 2)
    return draw.choice((None, opens_s)), draw.choice((None, opens_s + draw.uniform(1, chaos_s)))
