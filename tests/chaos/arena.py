"""What a chaos trial is fought over: a frozen run in a fresh instance, and the sets that must come out of it.

`planned` is read from the run's own files and `received` from the simulator's log; the ledger is asked only for the
sets that it admits to. Sets, never differences of counts: a lost message and a doubled one would cancel out.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
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
    unconfirmed_by_kill: int  # of these: no gateway left a code, so a claim was given up
    unconfirmed_by_kill_sent: int
    stale_claims: int  # made under an older fence than a claim before them
    is_balanced: bool

    @property
    def is_kept(self) -> bool:
        broken = self.duplicates_by_reference + self.duplicates_by_number + self.lost + self.hidden
        return self.is_balanced and not broken and not self.stale_claims


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


def judge(instance: Instance, runs: Sequence[int], simulator_url: str) -> Verdict:
    """Hold the runs' files, the log of the simulator that took nothing else, and the ledger against each other."""
    planned = {reference for run in runs for reference in _planned(instance, run)}
    received = received_by(simulator_url)
    admitted = {status: _admitted(instance, runs, status) for status in OutcomeStatus}
    # Not what the ledger calls accepted: that must be in the simulator's log, or somebody was lost.
    accounted = set(received).union(
        *(admitted[s] for s in OutcomeStatus if s not in {OutcomeStatus.ACCEPTED, OutcomeStatus.IN_FLIGHT})
    )
    in_doubt = admitted[OutcomeStatus.UNCONFIRMED]
    by_kill = in_doubt & _admitted(instance, runs, OutcomeStatus.UNCONFIRMED, " and error_kind is null")
    return Verdict(
        messages=len(planned),
        received=len(received),
        duplicates_by_reference=sum(n - 1 for n in received.values()),
        duplicates_by_number=_ask(simulator_url, "/ledger").json()["duplicates_by_number"],
        lost=len(planned - accounted),
        hidden=len(set(received) - (admitted[OutcomeStatus.ACCEPTED] | in_doubt)),
        unconfirmed=len(in_doubt),
        unconfirmed_really_sent=len(in_doubt & set(received)),
        unconfirmed_by_kill=len(by_kill),
        unconfirmed_by_kill_sent=len(by_kill & set(received)),
        stale_claims=sum(_stale_claims(instance, run) for run in runs),
        is_balanced=all(is_balanced(instance, run) for run in runs),
    )


def _planned(instance: Instance, run: int) -> set[str]:
    """The references in the run's own files."""
    files = sorted((run_folder(instance.var_dir, run).path / "batches").glob("*.parquet"))
    return {reference for file in files for reference in pl.read_parquet(file)["reference"]}


def received_by(simulator_url: str) -> Counter[str]:
    """reference → how often the simulator took it."""
    return Counter(_ask(simulator_url, "/ledger/references").text.splitlines())


def _ask(simulator_url: str, path: str) -> httpx.Response:
    answer = httpx.get(simulator_url + path, timeout=60, trust_env=False)
    answer.raise_for_status()
    return answer


def _admitted(
    instance: Instance, runs: Sequence[int], status: OutcomeStatus, condition: str = ""
) -> set[str]:
    """The references that the ledger calls so."""
    query = f"select batch, row from outcomes where run = :run and status = :status{condition}"
    sealer = Sealer(instance.keys.references)
    found: set[str] = set()
    with instance.store.read.connect() as connection:
        for run in runs:
            rows = connection.execute(sa.text(query), {"run": run, "status": int(status)}).all()
            found.update(sealer.seal_many(run, [r.batch for r in rows], [r.row for r in rows]))
    return found


def _stale_claims(instance: Instance, run: int) -> int:
    query = """
        select count(*) from claims as later join claims as earlier
        on earlier.run = later.run and earlier.batch = later.batch and earlier.claim_no < later.claim_no
        where later.run = :run and later.fence < earlier.fence
    """
    with instance.store.read.connect() as connection:
        return int(connection.execute(sa.text(query), {"run": run}).scalar_one())
