"""A plan becomes a run: its files first, whole and private, then one commit. After it nobody is added or planned again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import polars as pl

from data.files import RunFolder, lake_twin_path, run_folder, write_csv_for_people, write_parquet
from data.runs import FrozenBatch, FrozenTwin, RunRecord, freeze_run, next_key
from data.whole_files import write_text
from messaging.batches import batches_of_part, n_parts
from messaging.masking import mask_expr
from messaging.runs import RunState, run_key
from messaging.schemas import EXCLUDED_TWIN, MESSAGES, PLANNED_TWIN, REJECTS_TWIN
from messaging.sealed import Sealer

if TYPE_CHECKING:
    from data.keys import Keys
    from data.store.engine import Store
    from engine.plan import Plan


def freeze(
    plan: Plan, run: RunRecord, *, store: Store, keys: Keys, var_dir: Path, again: bool = False, now: float
) -> RunRecord:
    """Freeze a plan as this run and set it to sending. A run that is frozen already is returned as it is.

    A crash before the commit leaves files that a repeat overwrites and no message that could be claimed.
    again: allow a repetition, under a key of its own. Raises AlreadyPlanned when another run has the key, and
    RepeatRefused for a start by hand that repeats what went out within `repeat_after`.
    """
    if run.is_frozen:
        return run
    key = run.run_key or run_key(plan.campaign.name, plan_fingerprint=plan.summary.plan_fingerprint)
    if again and run.run_key is None:
        key = next_key(store, run, key)
    folder = run_folder(var_dir, run.run)
    messages = _numbered(plan.messages, run.run, keys)
    _write_run_folder(plan, messages, folder)
    twins = _write_twins(plan, messages, run.run, var_dir / "lake")
    is_by_hand = run.origin == "hand" and not run.is_simulated
    return freeze_run(
        store,
        run.run,
        run_key=key,
        summary=plan.summary,
        batches=_batches(messages),
        twins=twins,
        folder=str(folder.path.relative_to(var_dir)),
        to=RunState.SENDING,
        repeats_since=now - plan.campaign.run.repeat_after_s if is_by_hand and not again else None,
        now=now,
    )


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


def _write_twins(plan: Plan, messages: pl.DataFrame, run: int, lake: Path) -> list[FrozenTwin]:
    """What analysts may see of a plan, beside the lake's events: no number, name, text or raw value in clear."""
    frames = {
        "planned": _planned_twin(plan, messages, run),
        "excluded": plan.excluded.select(
            run=pl.lit(run, dtype=pl.Int64),
            source_row="source_row",
            person_key="person_key",
            masked_msisdn=mask_expr(pl.col("msisdn")),
            external_id="external_id",
            country="region",
            reason="reason",
        ).select(EXCLUDED_TWIN.names()),
        "rejects": plan.rejects.select(
            run=pl.lit(run, dtype=pl.Int64), source_row="source_row", column="column", rule="rule"
        ).select(REJECTS_TWIN.names()),
    }
    twins = []
    for kind, frame in frames.items():
        path = lake_twin_path(lake, kind, run)
        write_parquet(frame, path)
        twins.append(FrozenTwin(kind, str(path.relative_to(lake)), frame.height))  # type: ignore[arg-type]
    return twins


def _planned_twin(plan: Plan, messages: pl.DataFrame, run: int) -> pl.DataFrame:
    people = plan.audience.select("ordinal", "source_row", "external_id")
    return (
        messages.join(people, on="ordinal", how="left", maintain_order="left", validate="1:1")
        .select(
            pl.lit(run, dtype=pl.Int64).alias("run"),
            "message_id",
            "batch",
            "row",
            "source_row",
            "person_key",
            mask_expr(pl.col("msisdn")).alias("masked_msisdn"),
            "external_id",
            pl.col("region").alias("country"),
            "sender_id",
            "encoding",
            "segments",
            "price",
            pl.lit(plan.summary.currency).alias("currency"),
            pl.lit(None, dtype=pl.String).alias("variant"),
            "not_before",
            "not_after",
        )
        .cast(PLANNED_TWIN)
        .select(PLANNED_TWIN.names())
    )
