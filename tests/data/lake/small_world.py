"""A store in memory, a lake in a folder, frozen runs, and the real ledger to write histories with."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import sqlalchemy as sa

from data.files import lake_twin_path, write_parquet
from data.ledger.claiming import claim
from data.ledger.deciding import Decision, decide
from data.ledger.leasing import take
from data.ledger.receipts import record_receipts
from data.ledger.reconciling import adopt_found, read_in_doubt
from data.ledger.records import Claim, ClaimRequest, Dedupe, Found, Lease, Recipients, Settlement
from data.ledger.recovering import expire_leases
from data.ledger.resubmitting import resubmit
from data.ledger.rules import Rules
from data.ledger.settling import settle
from data.store.engine import Store, open_store
from data.store.tables import accounts, batches, events, exports, metadata, runs, suppressions
from engine.loading import Loaded, load_lake
from messaging.batches import BatchRef
from messaging.outcomes import ErrorKind, Outcome, OutcomeStatus, ProviderError, Receipt, ReceiptStatus
from messaging.schemas import EXCLUDED_TWIN, PLANNED_TWIN, REJECTS_TWIN
from messaging.sealed import Sealer

SEALER = Sealer(b"a key for the tests")
RULES = Rules()


class SmallWorld:
    """Commits on the store, files under `folder`, and a clock to be set by hand."""

    def __init__(self, folder: Path, store: Store | None = None) -> None:
        one_engine = open_store("sqlite://").write
        self.store = store or Store("sqlite://", one_engine, one_engine)
        self.lake = folder / "lake"
        self.analytics = folder / "analytics.duckdb"
        self.now = 1_800_000_000.0
        metadata.create_all(self.store.write)
        self.do(sa.insert(accounts).values(account="sim", kind="simulator"))

    def do(self, statement: sa.Executable) -> None:
        with self.store.write.begin() as connection:
            connection.execute(statement)

    def rows(self, text: str) -> list[Any]:
        with self.store.read.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(text))]

    def commit(self, fn: Any, *args: Any) -> Any:
        with self.store.write.begin() as connection:
            return fn(connection, *args, self.now)

    def tell(
        self, kind: str, payload: dict[str, Any], *, run: int | None = None, batch: int | None = None
    ) -> None:
        """An event as the ledger writes it."""
        text = orjson.dumps(payload).decode()
        self.do(sa.insert(events).values(run=run, batch=batch, kind=kind, at=self.now, payload=text))

    def load(self, **how: Any) -> Loaded:
        return load_lake(self.store, self.lake, self.analytics, now=self.now, **how)

    def freeze(
        self, run: int = 1, *, batch_sizes: Sequence[int] = (6,), n_excluded: int = 2, n_rejects: int = 1
    ) -> None:
        """A run with its twins, as a plan leaves it."""
        n = sum(batch_sizes)
        self.do(
            sa.insert(runs).values(
                run=run, run_key=f"welcome+{run}", campaign="welcome", state="sending", origin="hand", is_simulated=True,
                account="sim", created_at=self.now, frozen_at=self.now, n_source_rows=n + n_excluded + n_rejects,
                n_rejects=n_rejects, n_contacts=n + n_excluded, n_excluded=n_excluded, n_audience=n, n_messages=n,
                segments=n, cost=n * 0.05, validity_s=3600,
            )
        )  # fmt: skip
        for batch, size in enumerate(batch_sizes):
            self.do(sa.insert(batches).values(run=run, batch=batch, part=0, n_messages=size))
        self._write_twin("planned", run, planned_twin(run, batch_sizes))
        people = [{"run": run, "source_row": 100 + i, "reason": "duplicate"} for i in range(n_excluded)]
        self._write_twin("excluded", run, pl.DataFrame(people, schema=EXCLUDED_TWIN))
        bad = [
            {"run": run, "source_row": 200 + i, "column": "Phone", "rule": "too_short"}
            for i in range(n_rejects)
        ]
        self._write_twin("rejects", run, pl.DataFrame(bad, schema=REJECTS_TWIN))
        self.tell("run", {"state": "sending", "reason": None}, run=run)

    def _write_twin(self, kind: str, run: int, twin: pl.DataFrame) -> None:
        path = lake_twin_path(self.lake, kind, run)
        write_parquet(twin, path)
        file = str(path.relative_to(self.lake))
        self.do(
            sa.insert(exports).values(kind=kind, run=run, file=file, n_rows=twin.height, created_at=self.now)
        )


def planned_twin(run: int, batch_sizes: Sequence[int]) -> pl.DataFrame:
    places = [(batch, row) for batch, size in enumerate(batch_sizes) for row in range(size)]
    return pl.DataFrame(
        [
            {
                "run": run,
                "message_id": run << 32 | ordinal,
                "batch": batch,
                "row": row,
                "source_row": ordinal + 2,
                "person_key": f"person {ordinal}",
                "masked_msisdn": "+4477…123",
                "external_id": str(ordinal),
                "country": "GB",
                "encoding": "gsm7",
                "segments": 1,
                "price": 0.05,
                "currency": "EUR",
            }
            for ordinal, (batch, row) in enumerate(places)
        ],
        schema=PLANNED_TWIN,
    )


class History:
    """One random step of a campaign after another, all by the real ledger: claims, answers, crashes, receipts, stops."""

    def __init__(self, world: SmallWorld, seed: int, *, batch_sizes: Sequence[int]) -> None:
        self.world = world
        self.random = random.Random(seed)
        self.sizes = batch_sizes
        self.leases: dict[int, Lease] = {}
        self.claims: list[Claim] = []
        world.freeze(batch_sizes=batch_sizes)

    def step(self) -> None:
        self.world.now += self.random.choice([0.0, 0.25, 2.0, 40.0])
        steps = [self._take, self._claim, self._settle, self._receive, self._sweep, self._opt_out]
        steps += [self._resubmit, self._look_up, self._decide]
        self.random.choices(steps, weights=[2, 5, 5, 1, 1, 1, 2, 2, 1])[0]()

    def _take(self) -> None:
        batch = self.random.randrange(len(self.sizes))
        lease = self.world.commit(take, BatchRef(1, batch), f"owner {self.random.random()}", RULES)
        if isinstance(lease, Lease):
            self.leases[batch] = lease

    def _claim(self) -> None:
        self._ask_for_claim(claim)

    def _resubmit(self) -> None:
        self._ask_for_claim(resubmit, Dedupe(window_s=3600, by_request=False))

    def _look_up(self) -> None:
        if doubt := self.world.commit(read_in_doubt, 1):
            asked, is_known = self.random.choice(doubt), self.random.random() < 0.5
            receipt = None
            if is_known and self.random.random() < 0.5:
                receipt = Receipt(
                    gateway_message_id=f"g{asked.row}",
                    reference=SEALER.seal(1, asked.batch, asked.row),
                    status=ReceiptStatus.DELIVERED,
                )
            found = Found(
                asked, is_known, f"g{asked.row}" if is_known else None, receipt, proves_absence=True
            )
            self.world.commit(adopt_found, 1, "sim", [found], SEALER)

    def _decide(self) -> None:
        decision = self.random.choice(list(Decision))
        with self.world.store.write.begin() as connection:
            decide(connection, 1, decision, by="Ann", why="asked", rules=RULES, now=self.world.now)

    def _ask_for_claim(self, how: Any, *more: Any) -> None:
        if not self.leases:
            return
        batch = self.random.choice(list(self.leases))
        lease = self.leases[batch]
        n = self.sizes[batch]
        people = Recipients(person_keys=[f"{batch}-{row}" for row in range(n)], sender_ids=[None] * n)
        claim_no = self.world.rows(f"select n_claims from batches where run = 1 and batch = {batch}")[0][0]
        request = ClaimRequest(
            lease=lease, claim_no=claim_no, recipients=people, most=self.random.randint(1, 3), is_bulk=False
        )
        claimed = self.world.commit(how, request, *more, RULES)
        if isinstance(claimed, Claim):
            self.claims.append(claimed)

    def _settle(self) -> None:
        if self.claims:
            claimed = self.random.choice(self.claims)
            rows = self.random.sample(list(claimed.rows), self.random.randint(1, len(claimed.rows)))
            answers = [Settlement(row, self._answer(row)) for row in sorted(rows)]
            self.world.commit(settle, claimed, answers, 0.0, 1.0, RULES)

    def _answer(self, row: int) -> Outcome:
        status = self.random.choice(list(OutcomeStatus)[:4])
        if status == OutcomeStatus.ACCEPTED:
            return Outcome(reference=str(row), status=status, gateway_message_id=f"g{row}")
        error = ProviderError(
            kind=self.random.choice(list(ErrorKind)), permanent=self.random.random() < 0.2, code="42"
        )
        return Outcome(reference=str(row), status=status, error=error)

    def _receive(self) -> None:
        batch = self.random.randrange(len(self.sizes))
        receipts = [
            Receipt(
                gateway_message_id=f"g{row}",
                reference=SEALER.seal(1, batch, row),
                status=self.random.choice(list(ReceiptStatus)),
                code=self.random.choice([None, "000"]),
                done_at=self.random.choice([None, self.world.now - 1]),
                part=self.random.choice([0, 0, 1]),
            )
            for row in self.random.choices(range(self.sizes[batch]), k=self.random.randint(1, 2))
        ]
        with self.world.store.write.begin() as connection:
            record_receipts(connection, "sim", receipts, SEALER, self.world.now)

    def _sweep(self) -> None:
        self.world.commit(expire_leases, RULES)

    def _opt_out(self) -> None:
        batch = self.random.randrange(len(self.sizes))
        key = f"{batch}-{self.random.randrange(self.sizes[batch])}"
        if not self.world.rows(f"select 1 from suppressions where person_key = '{key}'"):
            self.world.do(
                sa.insert(suppressions).values(person_key=key, scope="", reason="stop", source="", at=0)
            )
