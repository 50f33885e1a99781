"""What nobody else does any more: leases of the dead, runs whose flow is gone, plans that were never frozen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import State, flow
from prefect.states import Completed

from data.unattended import Idle
from engine.waking import Way
from flows.artifacts import show_waiting_runs
from flows.clean_stop import end_with_worker
from tasks.keep_house import forget_owed, sweep_ledger, take_up, tidy
from tasks.workplace import open_workplace

if TYPE_CHECKING:
    from engine.housekeeping import Swept


@flow(name="keep-house", flow_run_name="keep house", persist_result=False)
def keep_house() -> State[Any]:
    """Sweep what was left behind, let runs that nobody works on go on, and forget whom an open run still held."""
    end_with_worker()
    with open_workplace() as workplace:
        swept = sweep_ledger()
        taken_up = {idle: take_up(idle) for idle in swept.idle}
        waiting = [idle for idle, way in taken_up.items() if way is Way.NOT_DEPLOYED]
        if waiting:
            show_waiting_runs(workplace.instance.store, waiting)
        n_files = tidy()
        forget_owed()
    return Completed(message=in_words(swept, taken_up, n_files))


def in_words(swept: Swept, taken_up: dict[Idle, Way], n_files: int) -> str:
    """2 leases expired; run 3 closed; run 5: its campaign run in Prefect was retried."""
    said = [
        f"{n} {what}"
        for n, what in (
            (swept.n_expired, "leases expired"),
            (swept.n_leftovers, "messages of cancelled runs stopped"),
            (n_files, "files of nobody removed"),
        )
        if n
    ]
    said += [f"run {run} closed" for run in swept.closed]
    said += [f"run {run} failed in planning" for run in swept.failed_in_planning]
    said += [_of_idle(idle.run, way) for idle, way in taken_up.items()]
    return "; ".join(said) or "nothing to do"


def _of_idle(run: int, way: Way) -> str:
    command = f", `tidings resume {run}` goes on with it" if way is Way.NOT_DEPLOYED else ""
    return f"run {run}: {way.value}{command}"
