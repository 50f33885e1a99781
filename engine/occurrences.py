"""Whether a start that was due earlier may still be sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data.restores import latest_restore
from data.runs import bound_run

if TYPE_CHECKING:
    from data.store.engine import Store


def lost_in_restore(store: Store, *, due_at: float, flow_run_id: str, run_key: str | None) -> str | None:
    """Why a start from before the latest restore is not sent; None: it is known here, or was due afterwards.

    It may have been sent by the instance that was lost, under a run that this store has never seen. One that was due
    before the backup may have begun after it, so it is no better known.
    """
    with store.read.connect() as connection:
        restore = latest_restore(connection, since=due_at)
    if restore is None or bound_run(store, flow_run_id=flow_run_id, run_key=run_key) is not None:
        return None
    return (
        f"due before this instance was restored, and what was sent {restore.span} is not known here, "
        "so nothing was sent; start it anew by hand if it did not go out"
    )
