from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import pytest
import sqlalchemy as sa

from data.analytics import query
from data.lake import manifest
from data.lake.files import only_loader
from data.store.tables import runs
from engine import loading
from engine.loading import GRACE_S, Loaded, StillLoading, load_all_news, tidy_lake
from tests.data.lake.small_world import SmallWorld


class Crash(Exception):
    pass


@pytest.fixture
def world(tmp_path) -> SmallWorld:
    world = SmallWorld(tmp_path)
    world.freeze()
    return world


def tell_outcomes(world: SmallWorld, *rows: int, run: int = 1) -> None:
    world.tell("outcomes", {"rows": rows, "status": [1] * len(rows)}, run=run, batch=0)


def ask(world: SmallWorld, question: str) -> list[tuple[object, ...]]:
    return query(world.analytics, question)[1]


def events_in_lake(world: SmallWorld) -> list[object]:
    return [event for (event,) in ask(world, "select event from events order by event")]


def events_in_store(world: SmallWorld) -> list[object]:
    """One number per event and message."""
    return [event for event, n in world.rows(PER_MESSAGE) for _ in range(n)]


PER_MESSAGE = """
    select event, case when kind = 'run' then 1 else json_array_length(payload, '$.rows') end
    from events order by event
"""


def test_a_load_of_nothing_makes_views_that_are_empty(tmp_path):
    world = SmallWorld(tmp_path)
    assert world.load() == Loaded(is_swapped=True)
    for view in (
        "runs",
        "messages",
        "receipts",
        "events",
        "excluded",
        "rejects",
        "replies",
        "suppressions",
        "campaign_funnel",
    ):
        assert ask(world, f"select * from {view}") == []


def test_a_frozen_run_is_there_before_anything_of_it_was_claimed(world):
    world.load()
    assert ask(world, "select status, count(*) from messages group by 1") == [("not_yet_claimed", 6)]
    funnel = "select source_rows, rejects, contacts, excluded, audience, messages, not_yet_claimed from campaign_funnel"
    assert ask(world, funnel) == [(9, 1, 8, 2, 6, 6, 6)]
    assert ask(world, "select reason, count(*) from excluded group by 1") == [("duplicate", 2)]
    assert ask(world, 'select campaign, "column", rule from rejects') == [("welcome", "Phone", "too_short")]


def test_a_load_without_news_changes_nothing(world):
    tell_outcomes(world, 0, 1)
    assert world.load().n_events == 2
    before = world.analytics.stat().st_mtime_ns, sorted(world.lake.rglob("*"))
    assert world.load() == Loaded()
    assert (world.analytics.stat().st_mtime_ns, sorted(world.lake.rglob("*"))) == before


@pytest.mark.parametrize(
    "step",
    [
        "claim_events",
        "claimed_events",
        "name_events",
        "name_in_place_of",
        "owed_folds",
        "read_runs",
        "forget_exports",
    ],
)
def test_each_event_is_in_the_lake_once_wherever_a_load_dies(world, monkeypatch, step):
    monkeypatch.setattr(loading, "MOST_SMALL_FILES", 2)
    tell_outcomes(world, 0, 1)
    world.load()
    tell_outcomes(world, 2, 3, 4)
    world.now += GRACE_S + 1

    def die(*args: object, **kwargs: object) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(manifest, step, die)
        with pytest.raises(Crash):
            world.load()
    tell_outcomes(world, 5)
    world.load()
    world.load()
    assert events_in_lake(world) == events_in_store(world)
    assert ask(world, "select status, count(*) from messages group by 1") == [("accepted", 6)]


def test_a_repeat_overwrites_the_file_that_a_crash_left_without_a_name(world, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(manifest, "name_events", lambda *args, **kwargs: (_ for _ in ()).throw(Crash))
        with pytest.raises(Crash):
            world.load()
    left = list((world.lake / "events").iterdir())
    assert len(left) == 1
    world.load()
    assert list((world.lake / "events").iterdir()) == left
    assert events_in_lake(world) == events_in_store(world)


def test_an_export_has_no_more_events_than_allowed_and_none_is_left_behind(world, monkeypatch):
    monkeypatch.setattr(loading, "EVENTS_PER_EXPORT", 3)
    monkeypatch.setattr(manifest, "EVENTS_PER_CLAIM", 2)
    monkeypatch.setattr(manifest, "EVENTS_PER_PAGE", 2)
    for row in range(6):
        tell_outcomes(world, row)
    assert world.load().n_events == 7
    assert world.rows("select count(*) from events group by export order by export") == [(3,), (3,), (1,)]
    assert events_in_lake(world) == events_in_store(world)


def test_small_files_are_merged_and_nothing_is_counted_twice(world, monkeypatch):
    monkeypatch.setattr(loading, "MOST_SMALL_FILES", 3)
    for row in range(3):
        tell_outcomes(world, row)
        world.load()
    assert len([f for f in manifest.named_files(world.store) if f.kind == "events"]) == 1
    assert events_in_lake(world) == events_in_store(world)


def test_superseded_files_stay_for_their_readers_and_go_after_the_grace(world):
    tell_outcomes(world, 0)
    world.load()
    [first] = (world.lake / "messages").iterdir()
    tell_outcomes(world, 1)
    world.now += 1
    world.load()
    assert first.exists()
    world.now += GRACE_S + 1
    assert world.load().n_files_removed == 2  # the run's messages, and the runs
    assert not first.exists()
    assert ask(world, "select count(*) from messages where status = 'accepted'") == [(2,)]


def test_a_file_that_nobody_names_is_removed_once_it_is_old(world):
    world.load()
    stranger = world.lake / "planned" / "run-000099.parquet"
    stranger.write_bytes(b"of a plan that was never frozen")
    before = set(world.lake.rglob("*.parquet")) - {stranger}
    os.utime(stranger, (world.now, world.now))
    assert tidy_lake(world.store, world.lake, now=world.now + 1) == []
    os.utime(stranger, (world.now - GRACE_S - 1,) * 2)
    assert tidy_lake(world.store, world.lake, now=world.now) == ["planned/run-000099.parquet"]
    assert set(world.lake.rglob("*.parquet")) == before


def test_only_one_loads_at_a_time(world):
    with only_loader(world.lake) as is_mine:
        assert is_mine
        assert world.load() == Loaded(is_busy=True)
        assert tidy_lake(world.store, world.lake, now=world.now) == []
    assert world.load().n_events == 1


def news_of(world: SmallWorld, *, patience_s: float) -> Loaded:
    return load_all_news(world.store, world.lake, world.analytics, patience_s=patience_s)


def test_who_needs_all_news_waits_for_another_loader_and_loads_what_that_one_had_not_seen(world):
    with ThreadPoolExecutor(1) as pool:
        with only_loader(world.lake):
            waiting = pool.submit(news_of, world, patience_s=60)
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.5)
        assert waiting.result(timeout=60).n_events == 1


def test_who_needs_all_news_says_so_when_another_loader_takes_too_long(world):
    with only_loader(world.lake), pytest.raises(StillLoading, match="Nothing was planned"):
        news_of(world, patience_s=0)


def test_a_large_run_is_folded_now_and_then_and_in_the_end(world):
    world.do(sa.update(runs).values(n_messages=1_000_000))
    world.load()
    tell_outcomes(world, 0)
    world.now += 50
    assert world.load().n_runs_waiting == 1
    assert ask(world, "select count(*) from messages where status = 'accepted'") == [(0,)]
    world.now += 41
    assert world.load().n_folded == 1
    assert ask(world, "select count(*) from messages where status = 'accepted'") == [(1,)]
    tell_outcomes(world, 1)
    assert world.load(fold_all=True).n_folded == 1
    assert ask(world, "select count(*) from messages where status = 'accepted'") == [(2,)]


def test_a_run_that_is_not_frozen_yet_is_folded_after_its_freeze(world):
    world.tell("run", {"state": "planning"}, run=2)
    world.load()
    assert ask(world, "select distinct run from messages") == [(1,)]
    world.freeze(run=2, batch_sizes=(3,))
    world.load()
    assert ask(world, "select run, count(*) from messages group by 1 order by 1") == [(1, 6), (2, 3)]


def test_an_analyst_who_holds_the_analytics_open_blocks_no_load_and_keeps_what_was_there(world, tmp_path):
    tell_outcomes(world, 0)
    world.load()
    accepted = "select count(*) from messages where status = 'accepted'"
    with duckdb.connect(str(world.analytics), read_only=True) as held:
        assert held.execute(accepted).fetchall() == [(1,)]
        for row in (1, 2):
            tell_outcomes(world, row)
            assert world.load().is_swapped
            assert held.execute(accepted).fetchall() == [(1,)]
            assert ask(world, accepted) == [(row + 1,)]


def test_the_lake_is_for_its_owner_only(world):
    world.load()
    assert {path.stat().st_mode & 0o077 for path in files_under(world.lake)} == {0}
    assert world.analytics.stat().st_mode & 0o077 == 0


def files_under(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.suffix == ".parquet" or path.is_dir()]
