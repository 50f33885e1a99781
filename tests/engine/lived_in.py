"""An instance in which one person has left traces wherever there can be any."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import sqlalchemy as sa

from data.accounts import Account, save_account
from data.consents import ConsentEntry, record_consents
from data.contacts.lists import add_members, make_list
from data.instance import Instance, open_instance
from data.ledger.audit import audit_run
from data.runs import RunRecord, bind_run, read_run
from data.store.tables import contact_changes, contacts, imports
from engine.closing import close_run
from engine.freeze import freeze
from engine.loading import load_lake
from engine.parting import write_rejects
from engine.plan import make_plan
from engine.receipts import Collected, collect_once
from engine.sender.process import SendingProcess
from gateway_clients.registry import make_client
from messaging.batches import BatchRef
from messaging.campaign import parse_campaign
from messaging.sealed import person_key
from tests.conftest import Simulator

ANN = "+447400123001"
# Whatever of these is found anywhere after she was forgotten is hers.
HERS = ("7400123001", "7400 123001", "Zebulonia", "Quirk", "CUST-8812", "please call me", "Ann form 77")
PEOPLE = """phone,first_name,last_name,customer id,note
07400 123001,Zebulonia,Quirk,CUST-8812,vip
07400 123002,Bob,Bright,CUST-1,x
07400 123003,Cy,Cole,CUST-2,x
07400 123001,Zebulonia,Quirk,CUST-8812,again
020 7946 0018,Dan,Dour,CUST-3,x
07400 123001 or 07400 123009,Zebulonia,Quirk,,two of them
07400 12,Zebulonia,Quirk,CUST-8812,a digit short
nobody,Eve,Else,CUST-9,x
"""


@dataclass(frozen=True)
class LivedIn:
    """The var folder, and the simulator that its messages go to."""

    base: Path
    simulator: Simulator
    store_url: str

    @property
    def var_dir(self) -> Path:
        return self.base / "var"

    @contextmanager
    def opened(self, var_dir: Path | None = None) -> Iterator[Instance]:
        with open_instance(
            var_dir or self.var_dir, self.store_url, sealing=None, pseudonym=None, now=time.time()
        ) as instance:
            yield instance

    def plan_run(self, instance: Instance, text: str = "Hi {{ first_name }}") -> RunRecord:
        """A frozen run over PEOPLE, ready to be sent."""
        (self.base / "people.csv").write_text(PEOPLE, encoding="utf-8")
        definition = {
            "name": "spring",
            "audience": {"file": "people.csv", "region": "GB"},
            "message": {"text": text, "sender_id": "Tidings"},
            "consent": {"basis": "attested", "note": "members"},
        }
        campaign = parse_campaign(definition)
        plan = make_plan(campaign, base=self.base, store=instance.store, keys=instance.keys)
        run = bind_run(
            instance.store, flow_run_id=None, run_key=None, campaign="spring", account="sim", origin="hand",
            is_simulated=True, now=time.time(),
        )  # fmt: skip
        frozen = freeze(
            plan, run, store=instance.store, keys=instance.keys, var_dir=instance.var_dir, now=time.time()
        )
        write_rejects(plan, instance.var_dir / "imports" / "000001" / "rejects.csv")
        return frozen

    def send(self, instance: Instance, run: int) -> None:
        sending = SendingProcess(
            instance.store, var_dir=instance.var_dir, keys=instance.keys, drain_s=5, client_for=_client
        )
        try:
            sending.submit_batch(BatchRef(run, 0), f"task {time.monotonic()}")
        finally:
            sending.close()
        close_run(instance.store, run, now=time.time())

    def collect(self, instance: Instance) -> Collected:
        account = self.account()
        return collect_once(
            instance.store,
            lambda: _client(account),
            "sim",
            instance.keys,
            var_dir=instance.var_dir,
            clock=time.time,
        )

    def account(self) -> Account:
        return Account(account="sim", kind="simulator", settings={"url": self.simulator.url, "bulk_size": 1})

    def load(self, instance: Instance) -> None:
        load_lake(instance.store, instance.lake, instance.analytics, now=time.time(), fold_all=True)

    def live(self, instance: Instance) -> int:
        """All of it: a run that is over, replies, receipts, a contact with everything. Returns the run."""
        save_account(instance.store, self.account(), sealing_key=instance.keys.sealing)
        self.keep_contact(instance)
        run = self.plan_run(instance)
        self.send(instance, run.run)
        self.simulator.reply(ANN, "please call me, Zebulonia")
        self.simulator.reply("+447400123002", "thank you")
        time.sleep(0.3)
        self.collect(instance)
        self.load(instance)
        assert read_run(instance.store, run.run).state.is_over
        return run.run

    def keep_contact(self, instance: Instance) -> None:
        key = person_key(instance.keys.person, ANN)
        with instance.store.write.begin() as connection:
            connection.execute(
                sa.insert(contacts).values(
                    person_key=key, msisdn=ANN, region="GB", number_type="mobile", external_id="CUST-8812",
                    first_name="Zebulonia", last_name="Quirk", attributes='{"note":"Quirk"}', created_at=1.0,
                    changed_at=1.0, changed_by="import 1",
                )
            )  # fmt: skip
            contact = connection.execute(sa.select(contacts.c.contact)).scalar_one()
            members = make_list(connection, "list", "members", 1.0)
            add_members(connection, members, [contact], at=1.0, by="import 1")
            connection.execute(
                sa.insert(contact_changes).values(
                    person_key=key,
                    at=1.0,
                    by="import 1",
                    kind="added",
                    fields='{"first_name":[null,"Zebulonia"]}',
                )
            )
            yes = ConsentEntry(
                person_key=key, msisdn=ANN, purpose="marketing", is_given=True, at=5.0, source="form",
                evidence="Ann form 77", by="import 1",
            )  # fmt: skip
            no = ConsentEntry(
                person_key=key, msisdn=ANN, purpose="news", is_given=False, at=5.0, source="form",
                evidence="Ann form 77", by="import 1",
            )  # fmt: skip
            record_consents(connection, [yes, no], now=10.0)
            connection.execute(
                sa.insert(imports).values(
                    name="members",
                    source="people.csv",
                    fingerprint="x",
                    state="finished",
                    started_at=1.0,
                    by="x",
                )
            )

    def balanced(self, instance: Instance, run: int) -> bool:
        with instance.store.read.connect() as connection:
            return audit_run(connection, run, now=time.time()).balanced

    def found(self, words: tuple[str, ...] = HERS) -> dict[str, set[str]]:
        """Every file under var/ in which one of these stands, Parquet uncompressed: file → words."""
        found: dict[str, set[str]] = {}
        for path in sorted(self.var_dir.rglob("*")):
            if path.is_file() and "backups" not in path.parts:
                raw = path.read_bytes()
                if path.suffix == ".parquet":
                    raw += pl.read_parquet(path).write_ndjson().encode()
                hits = {word for word in words if word.encode() in raw}
                if hits:
                    found[path.relative_to(self.var_dir).as_posix()] = hits
        return found


def _client(account: Account) -> Any:
    return make_client(account.kind, account.settings, account.credentials, concurrency=account.concurrency)
