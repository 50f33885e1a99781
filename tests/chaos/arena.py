"""What a chaos trial is fought over: a frozen run in a fresh instance, and the sets that must come out of it.

`planned` is read from the run's own files and `received` from the simulator's log; the ledger is asked only for the
sets that it admits to. Sets, never differences of counts: a lost message and a doubled one would cancel out.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import polars as pl
import sqlalchemy as sa

from data.accounts import Account, read_account, save_account
from data.files import run_folder, write_parquet
from data.instance import Instance, open_instance
from data.ledger.audit import audit_run
from data.runs import FrozenBatch, bind_run, freeze_run
from messaging.batches import BATCHES_PER_PART, MAX_ROWS, n_parts, plan_batches
from messaging.outcomes import OutcomeStatus
from messaging.plan_summary import PlanSummary
from messaging.schemas import MESSAGES
from messaging.sealed import Sealer, person_keys


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a trial came to. duplicates counts surplus submissions; lost and hidden are sizes of sets."""

    messages: int
    received: int
    duplicates_by_reference: int
    duplicates_by_number: int
    lost: int
    hidden: int
    unconfirmed: int
    unconfirmed_really_sent: int
    is_balanced: bool


@contextmanager
def instance_in(var_dir: Path, store_url: str | None = None) -> Iterator[Instance]:
    url = store_url or f"sqlite:///{var_dir / 'store.db'}"
    with open_instance(var_dir, url, sealing=None, pseudonym=None, now=time.time()) as instance:
        yield instance


def set_account(instance: Instance, *, rate_mps: float | None, bulk_size: int, concurrency: int) -> None:
    account = Account(
        account="sim",
        kind="simulator",
        settings={"bulk_size": bulk_size},
        rate_mps=rate_mps,
        concurrency=concurrency,
    )
    save_account(instance.store, account, sealing_key=instance.keys.sealing)
    assert read_account(instance.store, "sim", sealing_key=instance.keys.sealing).concurrency == concurrency


def freeze_a_run(instance: Instance, *, n_messages: int, batch_size: int, text: str = "chaos {}") -> int:
    """A run of so many messages to numbers of its own, frozen and sending; its number."""
    run = bind_run(
        instance.store,
        flow_run_id=None,
        run_key=None,
        campaign="chaos",
        account="sim",
        origin="hand",
        is_simulated=True,
        now=time.time(),
    )
    messages = _messages(instance, run.run, n_messages, batch_size, text)
    folder = run_folder(instance.var_dir, run.run)
    for part in range(n_parts(messages["batch"].n_unique())):
        in_part = messages.filter(pl.col("batch") // BATCHES_PER_PART == part)
        write_parquet(in_part, folder.part_file(part), rows_per_group=batch_size)
    sizes = messages.group_by("batch", maintain_order=True).len()
    frozen = freeze_run(
        instance.store,
        run.run,
        run_key=f"chaos-{run.run}",
        summary=_summary(n_messages, batch_size, sizes.height),
        batches=[FrozenBatch(batch, n) for batch, n in sizes.iter_rows()],
        twins=[],
        folder=str(folder.path.relative_to(instance.var_dir)),
        now=time.time(),
    )
    return frozen.run


def _messages(instance: Instance, run: int, n_messages: int, batch_size: int, text: str) -> pl.DataFrame:
    assert batch_size <= MAX_ROWS
    ordinal = pl.Series("ordinal", range(n_messages), dtype=pl.UInt32)
    msisdn = pl.Series("msisdn", [f"+4477{run % 1000:03d}{i:06d}" for i in range(n_messages)])
    frame = plan_batches(pl.DataFrame([ordinal, msisdn]), max_messages=batch_size)
    reference = Sealer(instance.keys.references).seal_column(run, frame["batch"], frame["row"])
    return frame.with_columns(
        reference,
        person_keys(instance.keys.person, msisdn),
        message_id=(run << 32) + pl.col("ordinal").cast(pl.Int64),
        sender_id=pl.lit(None, dtype=pl.String),
        text=pl.format(text, "ordinal"),
        encoding=pl.lit("gsm7"),
        segments=pl.lit(1, dtype=pl.UInt8),
        price=pl.lit(0.0),
        not_before=pl.lit(None, dtype=pl.Float64),
        not_after=pl.lit(None, dtype=pl.Float64),
        region=pl.lit("GB"),
    ).select(*MESSAGES)


def _summary(n_messages: int, batch_size: int, n_batches: int) -> PlanSummary:
    return PlanSummary(
        campaign="chaos",
        source_rows=n_messages,
        rejects={},
        contacts=n_messages,
        excluded={},
        audience=n_messages,
        holdout=0,
        messages=n_messages,
        segments=n_messages,
        cost=0.0,
        currency="EUR",
        encodings={"gsm7": n_messages},
        regions={"GB": n_messages},
        segments_per_message={1: n_messages},
        n_batches=n_batches,
        batch_size=batch_size,
        validity_s=172_800,
        source_fingerprint="chaos",
        text_fingerprint="chaos",
        plan_fingerprint="chaos",
    )


def is_balanced(instance: Instance, run: int) -> bool:
    with instance.store.read.connect() as connection:
        return audit_run(connection, run, now=time.time()).balanced


def n_undecided(instance: Instance, run: int) -> int:
    """Messages that a further start would still send, or that are in a claim nobody has given up yet."""
    with instance.store.read.connect() as connection:
        terms = audit_run(connection, run, now=time.time()).terms
    return terms["in_flight"] + terms["not_yet_claimed"] + terms["unsent"]


def judge(instance: Instance, run: int, simulator_url: str) -> Verdict:
    """Hold the run's files, the simulator's log and the ledger against each other."""
    planned = _planned(instance, run)
    received = _received(simulator_url)
    of_run = {reference: n for reference, n in received.items() if reference in planned}
    admitted = _admitted(instance, run)
    # Not what the ledger calls accepted: that must be in the simulator's log, or somebody was lost.
    accounted = set(of_run).union(
        *(admitted[s] for s in OutcomeStatus if s not in {OutcomeStatus.ACCEPTED, OutcomeStatus.IN_FLIGHT})
    )
    accepted_or_in_doubt = admitted[OutcomeStatus.ACCEPTED] | admitted[OutcomeStatus.UNCONFIRMED]
    numbers = Counter(dict.fromkeys(planned.values(), 0))
    for reference, n in of_run.items():
        numbers[planned[reference]] += n
    return Verdict(
        messages=len(planned),
        received=len(of_run),
        duplicates_by_reference=sum(n - 1 for n in of_run.values()),
        duplicates_by_number=sum(n - 1 for n in numbers.values() if n > 1),
        lost=len(set(planned) - accounted),
        hidden=len(set(of_run) - accepted_or_in_doubt),
        unconfirmed=len(admitted[OutcomeStatus.UNCONFIRMED]),
        unconfirmed_really_sent=len(admitted[OutcomeStatus.UNCONFIRMED] & set(of_run)),
        is_balanced=is_balanced(instance, run),
    )


def _planned(instance: Instance, run: int) -> dict[str, str]:
    """reference → number, of the run's own files."""
    files = sorted((run_folder(instance.var_dir, run).path / "batches").glob("*.parquet"))
    frame = pl.concat([pl.read_parquet(file, columns=["reference", "msisdn"]) for file in files])
    return dict(frame.iter_rows())


def _received(simulator_url: str) -> Counter[str]:
    """reference → how often the simulator took it."""
    answer = httpx.get(f"{simulator_url}/ledger/references", timeout=60, trust_env=False)
    answer.raise_for_status()
    taken: Counter[str] = Counter()
    for line in answer.text.splitlines():
        reference, _, n = line.partition("\t")
        taken[reference] += int(n or 1)
    return taken


def _admitted(instance: Instance, run: int) -> dict[OutcomeStatus, set[str]]:
    sealer = Sealer(instance.keys.references)
    sets: dict[OutcomeStatus, set[str]] = {status: set() for status in OutcomeStatus}
    with instance.store.read.connect() as connection:
        rows = connection.execute(
            sa.text("select batch, row, status from outcomes where run = :run"), {"run": run}
        ).all()
    for (batch, row, status), reference in zip(
        rows, sealer.seal_many(run, [r[0] for r in rows], [r[1] for r in rows]), strict=True
    ):
        del batch, row
        sets[OutcomeStatus(status)].add(reference)
    return sets
