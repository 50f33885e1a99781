"""A plan becomes a run: its files first, whole and private, then one commit. After it nobody is added or planned again.

The files are drafted beside their place and moved into it inside the commit's transaction, once the store has agreed.
So two flow runs that plan the same run at a time cannot mix their files, and a plan that is refused leaves none.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import polars as pl

from data.erasing import KEPT_OF_EXCLUDED
from data.expectations.keeping import write_quality
from data.files import (
    RunFolder,
    lake_twin_path,
    run_folder,
    write_batches,
    write_parquet_chunks,
)
from data.fingerprints import file_fingerprints
from data.forgotten import forgotten_people
from data.runs import FrozenBatch, FrozenTwin, RunRecord, freeze_run, next_key, read_run
from data.spool import Spool
from data.whole_files import make_private_folder, sync_folder, write_text
from engine.parting import write_rejects
from engine.plan import GuardStopped
from engine.twins import TwinKind, lake_twins, message_ids
from messaging.runs import RunState, run_key
from messaging.schemas import AUDIENCE, CONTACTS, EXCLUDED, MESSAGES, REJECTS, attributes
from messaging.sealed import Sealer

if TYPE_CHECKING:
    from data.keys import Keys
    from data.store.engine import Store
    from engine.plan import Plan
    from messaging.judgements import QualityReport


def freeze(
    plan: Plan,
    run: RunRecord,
    *,
    store: Store,
    keys: Keys,
    var_dir: Path,
    quality: QualityReport | None = None,
    again: bool = False,
    to: RunState = RunState.SENDING,
    now: float,
) -> RunRecord:
    """Freeze a plan as this run and move it to `to`. A run that is frozen already is returned as it is.

    A crash before the commit leaves files that a repeat replaces, and no message that could be claimed.
    quality: what the gate found, to be kept with the plan. again: allow a repetition, under a key of its own.
    Raises GuardStopped when the campaign does not allow the plan, AlreadyPlanned when another run has the key, and
    RepeatRefused for a start by hand that repeats what went out within `repeat_after`.
    """
    if run.is_frozen:
        return run
    if plan.stopped_by is not None:
        raise GuardStopped(plan.stopped_by)
    draft = _Draft(var_dir, run.run, plan.summary.plan_fingerprint)
    plan = _without_forgotten(plan, forgotten_people(store), var_dir)
    try:
        _write_run_folder(plan, run.run, keys, draft.folder, quality)
        twins = draft.write_twins(lake_twins(plan, run.run))
        return freeze_run(
            store,
            run.run,
            run_key=_key(plan, run, store, again=again),
            summary=plan.summary,
            batches=_batches(plan.messages),
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

    def write_twins(
        self, frames: Mapping[TwinKind, tuple[pl.Schema, Iterable[pl.DataFrame]]]
    ) -> list[FrozenTwin]:
        twins = []
        for kind, (schema, chunks) in frames.items():
            place = lake_twin_path(self._lake, kind, self._run)
            draft = place.with_name(f".{place.name}.{self._path.suffix[1:]}")
            n_rows = write_parquet_chunks(chunks, schema, draft)
            self._twins[draft] = place
            twins.append(FrozenTwin(kind, str(place.relative_to(self._lake)), n_rows))
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


def _without_forgotten(plan: Plan, people: list[str], var_dir: Path) -> Plan:
    """Who asked to be forgotten is left out as a row that names nobody, for as long as a source still has them."""
    if not people:
        return plan
    is_theirs = (
        pl.col("person_key").is_in(pl.Series(people, dtype=pl.String).implode()).fill_null(value=False)
    )
    excluded = Spool(var_dir, schema=EXCLUDED)
    for chunk in plan.excluded:
        told = [name for name in chunk.columns if name not in KEPT_OF_EXCLUDED]
        excluded.append(chunk.with_columns(pl.when(~is_theirs).then(pl.col(told))))
    return replace(plan, excluded=excluded)


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


def _write_run_folder(
    plan: Plan, run: int, keys: Keys, folder: RunFolder, quality: QualityReport | None
) -> None:
    write_parquet_chunks(plan.rejects, REJECTS, folder.rejects)
    write_rejects(plan, folder.rejects_csv)
    write_parquet_chunks(plan.excluded, pl.Schema({**EXCLUDED, "person_key": pl.String()}), folder.excluded)
    write_parquet_chunks(plan.audience, _audience_schema(plan), folder.audience)
    write_batches(_numbered(plan.messages, run, keys), MESSAGES, folder, size=plan.summary.batch_size)
    if quality is not None:
        write_quality(quality, folder)
    # Counts and fingerprints only: the plan is shown in places where nobody's number may stand.
    manifest = {
        **plan.summary.as_dict(),
        "quality": None if quality is None else quality.as_dict(),
        "files": file_fingerprints(folder.path),
    }
    as_json = orjson.dumps(manifest, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS)
    write_text(as_json.decode() + "\n", folder.plan_json)


def _audience_schema(plan: Plan) -> pl.Schema:
    """Of the contact everything; the source's own columns come last."""
    own = dict.fromkeys([*attributes(plan.headers), *plan.fields], pl.String())
    return pl.Schema(
        {**AUDIENCE, **{name: kind for name, kind in CONTACTS.items() if name not in AUDIENCE}, **own}
    )


def _numbered(chunks: Iterable[pl.DataFrame], run: int, keys: Keys) -> Iterator[pl.DataFrame]:
    """MESSAGES: with the ids that the run's number gives."""
    sealer = Sealer(keys.references)
    for messages in chunks:
        references = sealer.seal_column(run, messages["batch"], messages["row"])
        yield messages.with_columns(references, message_id=message_ids(run)).select(MESSAGES.names())


def _batches(chunks: Iterable[pl.DataFrame]) -> list[FrozenBatch]:
    """A batch may stand in two chunks."""
    parts = [
        messages.group_by("batch", maintain_order=True).agg(
            n=pl.len(), not_before=pl.col("not_before").min(), not_after=pl.col("not_after").max()
        )
        for messages in chunks
    ]
    by_batch = (
        pl.concat(parts)
        .group_by("batch", maintain_order=True)
        .agg(pl.col("n").sum(), pl.col("not_before").min(), pl.col("not_after").max())
    )
    return [FrozenBatch(*row) for row in by_batch.iter_rows()]
