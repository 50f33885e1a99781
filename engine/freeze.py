"""A plan becomes a run: its files first, whole and private, then one commit. After it nobody is added or planned again.

The files are drafted beside their place and moved into it inside the commit's transaction, once the store has agreed.
So two flow runs that plan the same run at a time cannot mix their files, and a plan that is refused leaves none.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import polars as pl

from data.files import RunFolder, lake_twin_path, run_folder, write_csv_for_people, write_parquet
from data.runs import FrozenBatch, FrozenTwin, RunRecord, freeze_run, next_key, read_run
from data.whole_files import make_private_folder, sync_folder, write_text
from engine.plan import GuardStopped
from engine.twins import TwinKind, lake_twins
from messaging.batches import batches_of_part, n_parts
from messaging.runs import RunState, run_key
from messaging.schemas import MESSAGES
from messaging.sealed import Sealer

if TYPE_CHECKING:
    from data.keys import Keys
    from data.store.engine import Store
    from engine.plan import Plan


def freeze(
    plan: Plan,
    run: RunRecord,
    *,
    store: Store,
    keys: Keys,
    var_dir: Path,
    again: bool = False,
    to: RunState = RunState.SENDING,
    now: float,
) -> RunRecord:
    """Freeze a plan as this run and move it to `to`. A run that is frozen already is returned as it is.

    A crash before the commit leaves files that a repeat replaces, and no message that could be claimed.
    again: allow a repetition, under a key of its own. Raises GuardStopped when the campaign does not allow the plan,
    AlreadyPlanned when another run has the key, and RepeatRefused for a start by hand that repeats what went out
    within `repeat_after`.
    """
    if run.is_frozen:
        return run
    if plan.stopped_by is not None:
        raise GuardStopped(plan.stopped_by)
    draft = _Draft(var_dir, run.run, plan.summary.plan_fingerprint)
    try:
        messages = _numbered(plan.messages, run.run, keys)
        _write_run_folder(plan, messages, draft.folder)
        twins = draft.write_twins(lake_twins(plan, messages, run.run))
        return freeze_run(
            store,
            run.run,
            run_key=_key(plan, run, store, again=again),
            summary=plan.summary,
            batches=_batches(messages),
            twins=twins,
            folder=str(draft.place.relative_to(var_dir)),
            publish=draft.move_into_place,
            to=to,
            repeats_since=_repeats_since(plan, run, again=again, now=now),
            now=now,
        )
    except FileNotFoundError:
        # The other start of this run, with the very same plan, has just moved our common draft into its place.
        frozen = read_run(store, run.run)
        if frozen.is_frozen:
            return frozen
        raise
    finally:
        draft.remove()


class _Draft:
    """The files of a plan that is not a run yet. The same plan has the same draft, so a repeat leaves no second one."""

    def __init__(self, var_dir: Path, run: int, plan_fingerprint: str) -> None:
        self.place = run_folder(var_dir, run).path
        self._lake = var_dir / "lake"
        self._run = run
        self._path = self.place.with_name(f".{self.place.name}.{plan_fingerprint[:12]}")
        self._twins: dict[Path, Path] = {}
        make_private_folder(self._path)

    @property
    def folder(self) -> RunFolder:
        return RunFolder(self._path)

    def write_twins(self, frames: Mapping[TwinKind, pl.DataFrame]) -> list[FrozenTwin]:
        twins = []
        for kind, frame in frames.items():
            place = lake_twin_path(self._lake, kind, self._run)
            draft = place.with_name(f".{place.name}.{self._path.suffix[1:]}")
            write_parquet(frame, draft)
            self._twins[draft] = place
            twins.append(FrozenTwin(kind, str(place.relative_to(self._lake)), frame.height))
        return twins

    def move_into_place(self) -> None:
        """Called by the store inside its transaction, so whatever else lies there was never committed: it goes."""
        for stale in (self.place, *self.place.parent.glob(f".{self.place.name}.*")):
            if stale != self._path:
                shutil.rmtree(stale, ignore_errors=True)
        self._path.rename(self.place)
        sync_folder(self.place.parent)
        for draft, place in self._twins.items():
            draft.replace(place)
            for stale in place.parent.glob(f".*{place.name}.*"):
                stale.unlink(missing_ok=True)
            sync_folder(place.parent)

    def remove(self) -> None:
        shutil.rmtree(self._path, ignore_errors=True)
        for draft in self._twins:
            draft.unlink(missing_ok=True)


def _key(plan: Plan, run: RunRecord, store: Store, *, again: bool) -> str:
    if run.run_key is not None:
        return run.run_key
    key = run_key(plan.campaign.name, plan_fingerprint=plan.summary.plan_fingerprint)
    return next_key(store, run, key) if again else key


def _repeats_since(plan: Plan, run: RunRecord, *, again: bool, now: float) -> float | None:
    """None: this run may repeat what went out lately. Only a start by hand to real people may not."""
    if again or run.is_simulated or run.origin == "schedule":
        return None
    return now - plan.campaign.run.repeat_after_s


def _numbered(messages: pl.DataFrame, run: int, keys: Keys) -> pl.DataFrame:
    """MESSAGES: with the ids that the run's number gives."""
    references = Sealer(keys.references).seal_column(run, messages["batch"], messages["row"])
    return messages.with_columns(
        references, message_id=(run << 32) + pl.col("ordinal").cast(pl.Int64)
    ).select(MESSAGES.names())


def _write_run_folder(plan: Plan, messages: pl.DataFrame, folder: RunFolder) -> None:
    write_parquet(plan.rejects, folder.rejects)
    write_csv_for_people(plan.rejects, folder.rejects_csv)
    write_parquet(plan.excluded, folder.excluded)
    write_parquet(plan.audience, folder.audience)
    size, n = plan.summary.batch_size, plan.summary.n_batches
    for part in range(n_parts(n)):
        numbers = batches_of_part(part, n)
        of_part = messages.slice(numbers.start * size, len(numbers) * size)
        write_parquet(of_part, folder.part_file(part), rows_per_group=size)
    # Counts and fingerprints only: the plan is shown in places where nobody's number may stand.
    as_json = orjson.dumps(plan.summary.as_dict(), option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS)
    write_text(as_json.decode() + "\n", folder.plan_json)


def _batches(messages: pl.DataFrame) -> list[FrozenBatch]:
    by_batch = messages.group_by("batch", maintain_order=True).agg(
        pl.len(), pl.col("not_before").min(), pl.col("not_after").max()
    )
    return [FrozenBatch(*row) for row in by_batch.iter_rows()]
