"""An instance with a frozen run in it, small enough to be backed up in a moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from data.files import lake_twin_path, run_folder, write_parquet
from data.instance import Instance, open_instance
from data.ledger.audit import audit_run
from data.runs import FrozenBatch, FrozenTwin, RunRecord, bind_run, freeze_run
from data.whole_files import write_text
from messaging.plan_summary import PlanSummary
from messaging.runs import RunState
from messaging.schemas import PLANNED_TWIN

NOW = 1_790_000_000.0


@dataclass(frozen=True)
class House:
    """A var folder and the address of its store."""

    var_dir: Path
    store_url: str

    @contextmanager
    def opened(self, now: float = NOW) -> Iterator[Instance]:
        with open_instance(self.var_dir, self.store_url, sealing=None, pseudonym=None, now=now) as instance:
            yield instance

    def files(self) -> dict[str, bytes]:
        """What lies in the folders of runs and of the lake, by path relative to the var folder."""
        return {
            str(path.relative_to(self.var_dir)): path.read_bytes()
            for folder in ("runs", "lake")
            for path in sorted((self.var_dir / folder).rglob("*"))
            if path.is_file()
        }


def house_in(var_dir: Path) -> House:
    return House(var_dir, f"sqlite:///{var_dir / 'store.db'}")


def bind(instance: Instance, *, run_key: str | None = None, flow_run_id: str | None = None) -> RunRecord:
    """A run in planning."""
    return bind_run(
        instance.store,
        flow_run_id=flow_run_id,
        run_key=run_key,
        campaign="spring",
        account="sim",
        origin="hand",
        is_simulated=False,
        now=NOW,
    )


def freeze(
    instance: Instance, run: RunRecord, *, n: int = 10, key: str = "", now: float = NOW, **how: Any
) -> RunRecord:
    """Freeze a run of n messages in one batch; its files hold no more than their names, and nobody."""
    folder, twin = run_folder(instance.var_dir, run.run), lake_twin_path(instance.lake, "planned", run.run)
    for path in (folder.part_file(0), folder.audience, folder.plan_json):
        write_text(path.name, path)
    write_parquet(PLANNED_TWIN.to_frame(), twin)
    return freeze_run(
        instance.store,
        run.run,
        run_key=run.run_key or key or f"spring-{run.run}",
        summary=summary(n),
        batches=[FrozenBatch(0, n)],
        twins=[FrozenTwin("planned", str(twin.relative_to(instance.lake)), n)],
        folder=str(folder.path.relative_to(instance.var_dir)),
        now=now,
        **how,
    )


def terms(instance: Instance, run: int) -> dict[str, int]:
    """The terms of the messages that are not zero; the audit balances."""
    with instance.store.read.connect() as connection:
        audit = audit_run(connection, run)
    assert audit.balanced, audit.equations
    names = ("accepted", "rejected", "unsent", "unconfirmed", "in_flight", "not_yet_claimed", "stopped")
    return {name: audit.terms[name] for name in names if audit.terms[name]}


def set_state(instance: Instance, run: int, state: RunState) -> None:
    with instance.store.write.begin() as connection:
        connection.execute(
            sa.text("update runs set state = :state where run = :run"), {"state": state.value, "run": run}
        )


def rows(instance: Instance, query: str) -> list[Any]:
    with instance.store.read.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query))]


def summary(n: int) -> PlanSummary:
    return PlanSummary(
        campaign="spring",
        source_rows=n,
        rejects={},
        contacts=n,
        excluded={},
        audience=n,
        holdout=0,
        messages=n,
        segments=n,
        cost=0.0,
        currency="EUR",
        encodings={"gsm7": n},
        regions={"GB": n},
        segments_per_message={1: n},
        n_batches=1,
        batch_size=n,
        validity_s=172_800,
        source_fingerprint="source",
        text_fingerprint="text",
        plan_fingerprint="plan",
    )
