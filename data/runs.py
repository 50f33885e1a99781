"""Runs in the store: bound to a flow run before planning, frozen by one commit, moved by compare-and-set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import orjson
import sqlalchemy as sa

from data.former_names import identities, read_renames
from data.ledger.locking import lock_ledger
from data.restores import refuse_unknown_repeat, why_nobody_sends
from data.sql import sql
from messaging.batches import part_of
from messaging.errors import TidingsError
from messaging.plan_summary import PlanSummary
from messaging.runs import RunState, states_before

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from data.store.engine import Store

Origin = Literal["hand", "schedule"]


class UnknownRun(TidingsError):
    """There is no run 7; `tidings runs` lists them."""


class RunNotPlanned(TidingsError):
    """A run can be frozen only while it is being planned."""


class AlreadyPlanned(TidingsError):
    """Another run has this run key: it is sent once, so whoever wanted it goes on with that run."""

    def __init__(self, run: RunRecord) -> None:
        super().__init__(
            f"run {run.run} ({run.run_key}) is this very plan and {run.state.in_words} already; "
            "nothing more is sent. Use --again to send it once more, as a new run."
        )
        self.run = run


class RepeatRefused(TidingsError):
    """The same text went to the same source a moment ago, by hand, and nobody said --again."""

    def __init__(self, run: RunRecord) -> None:
        super().__init__(
            f"run {run.run} ({run.run_key}) sent the same text to the same source a short while ago; "
            "nothing was sent. Use --again if these people are to get it once more."
        )
        self.run = run


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One row of `runs`. Instants are seconds since 1970, UTC; folder is relative to the var folder.

    state_at: since when it stands in its state. purpose: of the consents that its messages rest on.
    """

    run: int
    run_key: str | None
    campaign: str
    flow_run_id: str | None
    state: RunState
    state_reason: str | None
    state_at: float
    origin: Origin
    is_simulated: bool
    account: str
    created_at: float
    scheduled_at: float | None
    frozen_at: float | None
    started_at: float | None
    finished_at: float | None
    source_fingerprint: str | None
    text_fingerprint: str | None
    plan_fingerprint: str | None
    n_source_rows: int
    n_rejects: int
    n_contacts: int
    n_excluded: int
    n_audience: int
    n_holdout: int
    n_messages: int
    n_batches: int
    batch_size: int
    segments: int
    cost: float
    currency: str
    validity_s: int
    folder: str | None
    same_plan_as: int | None
    purpose: str

    @property
    def is_frozen(self) -> bool:
        return self.frozen_at is not None


@dataclass(frozen=True, slots=True)
class FrozenBatch:
    """One batch of a plan; its window in seconds since 1970, None where it is open."""

    batch: int
    n_messages: int
    not_before: float | None = None
    not_after: float | None = None


@dataclass(frozen=True, slots=True)
class FrozenTwin:
    """A file that the freeze wrote into the lake. file: relative to the lake."""

    kind: Literal["planned", "excluded", "rejects"]
    file: str
    n_rows: int


def bind_run(
    store: Store,
    *,
    flow_run_id: str | None,
    run_key: str | None,
    campaign: str,
    account: str,
    origin: Origin,
    is_simulated: bool,
    scheduled_at: float | None = None,
    now: float,
) -> RunRecord:
    """The run of a flow run: the one bound to it, else the one with its key, else a new one in planning.

    So a Retry finds its run again, and a second start under the same key finds the first one's. Asking again changes
    nothing. run_key None: the freeze gives it one, from its plan.
    """
    fields = {
        "flow_run_id": flow_run_id,
        "run_key": run_key,
        "campaign": campaign,
        "account": account,
        "origin": origin,
        "is_simulated": is_simulated,
        "scheduled_at": scheduled_at,
        "now": now,
    }
    with store.write.begin() as connection:
        bound = _bound(connection, flow_run_id, run_key)
        if bound is not None:
            return bound
        made = connection.execute(_statement("bind"), fields).rowcount
        if made and flow_run_id is None and run_key is None:
            return _select(connection)[
                0
            ]  # nothing names it but that it is the latest, in our own transaction
        bound = _bound(connection, flow_run_id, run_key)
        assert bound is not None, "a run that could not be inserted is bound already"
        return bound


def bound_run(store: Store, *, flow_run_id: str | None, run_key: str | None) -> RunRecord | None:
    """The run that `bind_run` would find; None: it would make a new one."""
    with store.read.connect() as connection:
        return _bound(connection, flow_run_id, run_key)


def read_run(store: Store, run: int) -> RunRecord:
    """Raises UnknownRun."""
    with store.read.connect() as connection:
        return read_within(connection, run)


def find_run(store: Store, text: str | None = None) -> RunRecord:
    """A run by its number or its key, as a person writes them; None: the latest. Raises UnknownRun."""
    with store.read.connect() as connection:
        found: list[RunRecord] = []
        if text is None:
            found = _select(connection)
        elif text.isascii() and text.isdigit() and len(text) < 10:
            found = _select(connection, run=int(text))
        if text is not None:
            found = found or _select(connection, run_key=text)
    if found:
        return found[0]
    if text is None:
        raise UnknownRun("there is no run yet; `tidings demo` makes one.")
    raise UnknownRun(f"there is no run {text}; `tidings runs` lists the latest.")


def list_runs(store: Store, limit: int = 20) -> list[RunRecord]:
    """The latest runs, the newest first."""
    with store.read.connect() as connection:
        return _select(connection, most=limit)


def give_way(store: Store, run: int, earlier: RunRecord, *, now: float) -> None:
    """A run whose plan another run was frozen as already: it ends, and points to that one."""
    reason = f"the same plan as run {earlier.run}: nothing is sent twice"
    with store.write.begin() as connection:
        lock_ledger(connection)
        if move_within(connection, run, RunState.FAILED_IN_PLANNING, reason, now):
            connection.execute(_statement("give_way"), {"run": run, "earlier": earlier.run})


def run_of_flow(store: Store, flow_run_id: str) -> RunRecord | None:
    """The run that a flow run sends: the one bound to it, or the earlier one with the same plan. None: it bound none."""
    with store.read.connect() as connection:
        bound = _bound(connection, flow_run_id, None)
        if bound is None or bound.same_plan_as is None:
            return bound
        return read_within(connection, bound.same_plan_as)


def accounts_of_runs(store: Store, run: int | None = None) -> list[str]:
    """The gateway accounts that runs were frozen for, by name: of one run, or of all."""
    with store.read.connect() as connection:
        return list(connection.execute(_statement("accounts"), {"run": run}).scalars())


def move_run(store: Store, run: int, to: RunState, *, reason: str | None = None, now: float) -> bool:
    """Move a run to another state if the table of transitions allows it from where it stands, and tell the events.

    False: it stands where no move leads there, or somebody was faster, or nobody may send yet after a restore; nothing
    was changed. reason: one sentence.
    """
    with store.write.begin() as connection:
        lock_ledger(connection)  # before the run's own row, as everybody does
        return move_within(connection, run, to, reason, now)


def next_key(store: Store, run: RunRecord, key: str) -> str:
    """`key`, or the first of key#2, key#3, … that no other run has."""
    with store.read.connect() as connection:
        taken = set(connection.execute(_statement("keys_like"), {"run_key": key, "run": run.run}).scalars())
    number, free = 1, key
    while free in taken:
        number += 1
        free = f"{key}#{number}"
    return free


def freeze_run(
    store: Store,
    run: int,
    *,
    run_key: str,
    summary: PlanSummary,
    batches: Sequence[FrozenBatch],
    twins: Sequence[FrozenTwin],
    folder: str,
    publish: Callable[[], None] | None = None,
    to: RunState = RunState.SENDING,
    repeats_since: float | None = None,
    now: float,
) -> RunRecord:
    """Keep a plan whose files are written: totals, batches, lake twins, event and new state, in one commit.

    publish: moves the files into their place; called when nothing speaks against the plan any more, while no other
    transaction can freeze this run. repeats_since: refuse when the same text went to the same source after this
    instant, or may have gone while this store knew nothing (None: do not ask).
    A run that is frozen already is returned as it is; one that nobody may send yet after a restore starts paused.
    Raises AlreadyPlanned, RepeatRefused, RepeatUnknown and RunNotPlanned.
    """
    with store.write.begin() as connection:
        lock_ledger(connection)
        before = read_within(connection, run)
        if before.is_frozen:
            return before
        _refuse_taken_key(connection, run, run_key)
        if repeats_since is not None:
            _refuse_repeat(connection, before, summary, repeats_since)
        reason = why_nobody_sends(connection)
        start = to if reason is None else RunState.PAUSED
        _freeze_row(connection, run, run_key, summary, folder, start, reason, now)
        _insert_batches(connection, run, batches)
        _insert_twins(connection, run, twins, now)
        _write_event(connection, run, start, reason, now)
        if publish is not None:
            publish()
        return read_within(connection, run)


def _refuse_taken_key(connection: Connection, run: int, run_key: str) -> None:
    for other in _select(connection, run_key=run_key):
        if other.run != run:
            raise AlreadyPlanned(other)


def _refuse_repeat(connection: Connection, run: RunRecord, summary: PlanSummary, since: float) -> None:
    earlier = _repeated(connection, run, summary, since)
    if earlier is not None:
        raise RepeatRefused(earlier)
    refuse_unknown_repeat(connection, since)


def _freeze_row(
    connection: Connection,
    run: int,
    run_key: str,
    summary: PlanSummary,
    folder: str,
    to: RunState,
    reason: str | None,
    now: float,
) -> None:
    frozen = connection.execute(
        _statement("freeze"),
        {
            "run": run,
            "run_key": run_key,
            "to": to.value,
            "reason": reason,
            "now": now,
            "folder": folder,
            "source_fingerprint": summary.source_fingerprint,
            "text_fingerprint": summary.text_fingerprint,
            "plan_fingerprint": summary.plan_fingerprint,
            "source_rows": summary.source_rows,
            "n_rejects": summary.n_rejects,
            "contacts": summary.contacts,
            "n_excluded": summary.n_excluded,
            "audience": summary.audience,
            "holdout": summary.holdout,
            "messages": summary.messages,
            "n_batches": summary.n_batches,
            "batch_size": summary.batch_size,
            "segments": summary.segments,
            "cost": summary.cost,
            "currency": summary.currency,
            "validity_s": summary.validity_s,
            "purpose": summary.purpose,
            "guards": orjson.dumps(asdict(summary.failure_guards)).decode(),
        },
    ).rowcount
    if not frozen:
        state = read_within(connection, run).state.in_words
        raise RunNotPlanned(
            f"run {run} is {state} and cannot be frozen; start the campaign again as a new run."
        )


def _insert_batches(connection: Connection, run: int, batches: Sequence[FrozenBatch]) -> None:
    rows = [
        {
            "run": run,
            "batch": batch.batch,
            "part": part_of(batch.batch),
            "n_messages": batch.n_messages,
            "not_before": batch.not_before,
            "not_after": batch.not_after,
        }
        for batch in batches
    ]
    if rows:
        connection.execute(_statement("insert_batch"), rows)


def _insert_twins(connection: Connection, run: int, twins: Sequence[FrozenTwin], now: float) -> None:
    rows = [
        {"kind": twin.kind, "run": run, "file": twin.file, "n_rows": twin.n_rows, "now": now}
        for twin in twins
    ]
    if rows:
        connection.execute(_statement("insert_export"), rows)


def move_within(connection: Connection, run: int, to: RunState, reason: str | None, now: float) -> bool:
    """`move_run` in a transaction of the caller, who holds the ledger's lock."""
    moved = connection.execute(
        _statement("move"),
        {
            "run": run,
            "to": to.value,
            "reason": reason,
            "now": now,
            "is_over": to.is_over,
            "states": [state.value for state in states_before(to)],
        },
    ).rowcount
    if moved:
        _write_event(connection, run, to, reason, now)
    return bool(moved)


def _write_event(connection: Connection, run: int, state: RunState, reason: str | None, now: float) -> None:
    connection.execute(
        sa.text(sql("ledger/write_event")),
        {
            "run": run,
            "batch": None,
            "kind": "run",
            "claim_no": None,
            "at": now,
            "payload": orjson.dumps({"state": state.value, "reason": reason}).decode(),
        },
    )


def _bound(connection: Connection, flow_run_id: str | None, run_key: str | None) -> RunRecord | None:
    for found in (
        _select(connection, flow_run_id=flow_run_id) if flow_run_id else [],
        _select(connection, run_key=run_key) if run_key else [],
    ):
        if found:
            return found[0]
    return None


def _repeated(connection: Connection, run: RunRecord, summary: PlanSummary, since: float) -> RunRecord | None:
    """The latest real run that sent this text to this source, whatever the source is called by now."""
    asked = {"run": run.run, "text_fingerprint": summary.text_fingerprint, "since": since}
    earlier = connection.execute(_statement("repeated"), asked).all()
    if not earlier:
        return None
    renames = read_renames(connection)
    wanted = identities(renames, summary.source_fingerprint, run.created_at)
    for row in earlier:
        if not wanted.isdisjoint(identities(renames, row.source_fingerprint, row.created_at)):
            return read_within(connection, row.run)
    return None


def read_within(connection: Connection, run: int) -> RunRecord:
    """`read_run` in a transaction of the caller. Raises UnknownRun."""
    found = _select(connection, run=run)
    if not found:
        raise UnknownRun(f"there is no run {run}; `tidings runs` lists the latest.")
    return found[0]


def _select(
    connection: Connection,
    *,
    run: int | None = None,
    run_key: str | None = None,
    flow_run_id: str | None = None,
    most: int = 1,
) -> list[RunRecord]:
    rows = connection.execute(
        _statement("select"), {"run": run, "run_key": run_key, "flow_run_id": flow_run_id, "most": most}
    ).mappings()
    return [_record(dict(row)) for row in rows]


def _record(row: dict[str, Any]) -> RunRecord:
    row["state"] = RunState(row["state"])
    row["is_simulated"] = bool(row["is_simulated"])
    return RunRecord(**row)


@cache
def _statement(name: str) -> sa.TextClause:
    text = sa.text(sql(f"runs/{name}"))
    return text.bindparams(sa.bindparam("states", expanding=True)) if name == "move" else text
