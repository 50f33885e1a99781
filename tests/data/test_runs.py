import dataclasses
import itertools
import json
import threading

import pytest
import sqlalchemy as sa

from data.ledger.audit import audit_run
from data.runs import (
    AlreadyPlanned,
    FrozenBatch,
    FrozenTwin,
    RepeatRefused,
    RunNotPlanned,
    UnknownRun,
    bind_run,
    find_run,
    freeze_run,
    give_way,
    list_runs,
    move_run,
    next_key,
    read_run,
    run_of_flow,
)
from data.store.migrate import prepare_store
from data.store.tables import batches, events, exports
from messaging.plan_summary import PlanSummary
from messaging.runs import TRANSITIONS, RunState

NOW = 1_790_000_000.0

SUMMARY = PlanSummary(
    campaign="welcome",
    source_rows=10,
    rejects={"too_short": 3},
    contacts=7,
    excluded={"duplicate": 3},
    audience=4,
    holdout=0,
    messages=4,
    segments=5,
    cost=0.2,
    currency="EUR",
    encodings={"gsm7": 4},
    regions={"GB": 4},
    segments_per_message={1: 3, 2: 1},
    n_batches=2,
    batch_size=3,
    validity_s=3600,
    source_fingerprint="source",
    text_fingerprint="text",
    plan_fingerprint="plan",
)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def store(request, tmp_path):
    on_sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path}/store.db" if on_sqlite else request.getfixturevalue("postgres_url")
    store = prepare_store(url, now=NOW)
    yield store
    store.close()


def bind(store, *, flow=None, key=None, origin="hand", is_simulated=False, **more):
    fields = {"campaign": "welcome", "account": "sim", "now": NOW, **more}
    return bind_run(store, flow_run_id=flow, run_key=key, origin=origin, is_simulated=is_simulated, **fields)


def frozen(store, run, key="welcome+plan", summary=SUMMARY, **more):
    fields = {
        "run_key": key,
        "batches": [FrozenBatch(0, 3), FrozenBatch(1, 1, NOW, NOW + 60)],
        "twins": [FrozenTwin("planned", f"planned/{run}.parquet", 4)],
        "folder": f"runs/{run:06}",
        "now": NOW,
    }
    return freeze_run(store, run, summary=summary, **{**fields, **more})


def rows(store, table):
    with store.read.connect() as connection:
        return [dict(row) for row in connection.execute(sa.select(table)).mappings()]


def run_events(store):
    return [(e["run"], json.loads(e["payload"])["state"]) for e in rows(store, events) if e["kind"] == "run"]


def test_a_flow_run_finds_its_run_again(store):
    run = bind(store, flow="f1", origin="schedule", scheduled_at=NOW - 5, is_simulated=True)
    assert (run.state, run.origin, run.is_simulated, run.scheduled_at) == (
        RunState.PLANNING,
        "schedule",
        True,
        NOW - 5,
    )
    assert bind(store, flow="f1") == run
    assert bind(store, flow="f2").run != run.run


def test_a_run_key_is_one_run_whoever_starts_it(store):
    first = bind(store, flow="f1", key="k")
    assert bind(store, flow="f2", key="k") == first
    assert len(list_runs(store)) == 1


def test_the_flow_run_is_asked_before_the_key(store):
    mine, other = bind(store, flow="f1"), bind(store, flow="f2", key="k")
    assert bind(store, flow="f1", key="k").run == mine.run != other.run


def test_without_flow_and_key_each_start_is_a_run_of_its_own(store):
    assert [bind(store).run for _ in range(3)] == [1, 2, 3]


def test_many_starts_at_once_under_one_key_are_one_run(store):
    found, start = [], threading.Barrier(6)

    def begin(number):
        start.wait()
        found.append(bind(store, flow=f"f{number}", key="k").run)

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert len(set(found)) == 1


def test_a_run_is_found_by_number_by_key_or_as_the_latest(store):
    bind(store, key="spring")
    second = bind(store, key="1234")
    assert find_run(store).run == second.run
    assert find_run(store, "1").run_key == "spring"
    assert find_run(store, "spring").run == 1
    assert find_run(store, "1234").run == second.run  # a key of digits that is no run's number
    for nonsense in ("nobody", "99", "99999999999999999999", "-1", ""):
        with pytest.raises(UnknownRun, match="tidings runs"):
            find_run(store, nonsense)


def test_an_empty_store_has_no_latest_run(store):
    assert list_runs(store) == []
    with pytest.raises(UnknownRun, match="there is no run yet"):
        find_run(store)
    with pytest.raises(UnknownRun):
        read_run(store, 1)


def test_a_freeze_is_one_commit_of_totals_batches_twins_event_and_state(store):
    run = frozen(store, bind(store).run)
    assert run == read_run(store, 1)
    assert (run.state, run.run_key, run.frozen_at, run.started_at) == (
        RunState.SENDING,
        "welcome+plan",
        NOW,
        NOW,
    )
    assert (run.n_source_rows, run.n_rejects, run.n_contacts, run.n_excluded) == (10, 3, 7, 3)
    assert (run.n_audience, run.n_holdout, run.n_messages, run.n_batches) == (4, 0, 4, 2)
    assert (run.segments, run.cost, run.currency, run.validity_s, run.folder) == (
        5,
        0.2,
        "EUR",
        3600,
        "runs/000001",
    )
    assert [(b["batch"], b["part"], b["n_messages"], b["not_after"]) for b in rows(store, batches)] == [
        (0, 0, 3, None),
        (1, 0, 1, NOW + 60),
    ]
    [twin] = rows(store, exports)
    assert (twin["kind"], twin["run"], twin["file"], twin["n_rows"]) == ("planned", 1, "planned/1.parquet", 4)
    assert run_events(store) == [(1, "sending")]
    with store.read.connect() as connection:
        assert audit_run(connection, 1, now=NOW).balanced


def test_a_frozen_run_is_never_frozen_again(store):
    first = frozen(store, bind(store).run)
    other = dataclasses.replace(SUMMARY, source_rows=9, rejects={"too_short": 2}, plan_fingerprint="other")
    assert frozen(store, 1, key="another", summary=other, publish=lambda: pytest.fail("published")) == first
    assert len(rows(store, batches)) == 2


def test_a_freeze_that_fails_in_the_middle_leaves_nothing(store):
    bind(store)

    def fail():
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        frozen(store, 1, publish=fail)
    assert read_run(store, 1).state is RunState.PLANNING
    assert not rows(store, batches) + rows(store, exports) + run_events(store)
    assert frozen(store, 1).is_frozen


def test_only_a_run_in_planning_can_be_frozen(store):
    bind(store)
    move_run(store, 1, RunState.CANCELLED, now=NOW)
    with pytest.raises(RunNotPlanned, match="run 1 is cancelled"):
        frozen(store, 1)
    with pytest.raises(UnknownRun):
        frozen(store, 2)


def test_a_key_that_another_run_has_is_not_given_twice(store):
    first = frozen(store, bind(store).run)
    second = bind(store)
    with pytest.raises(AlreadyPlanned, match="--again") as raised:
        frozen(store, second.run)
    assert raised.value.run == first
    assert read_run(store, second.run) == second


def test_a_second_plan_under_a_key_gets_the_next_number(store):
    for expected in ("k", "k#2", "k#3"):
        run = bind(store)
        assert next_key(store, run, "k") == expected
        frozen(store, run.run, key=expected)
    assert next_key(store, bind(store), "K") == "K"


@pytest.mark.parametrize(
    ("earlier", "since", "summary", "is_refused"),
    [
        ({}, NOW - 1, SUMMARY, True),
        ({}, NOW, SUMMARY, False),
        ({}, None, SUMMARY, False),
        ({"is_simulated": True}, NOW - 1, SUMMARY, False),
        ({}, NOW - 1, dataclasses.replace(SUMMARY, text_fingerprint="other"), False),
        ({}, NOW - 1, dataclasses.replace(SUMMARY, source_fingerprint="other"), False),
    ],
    ids=["repeated", "long-ago", "not-asked", "simulated", "other-text", "other-source"],
)
def test_the_same_text_to_the_same_source_is_refused_within_its_time(
    store, earlier, since, summary, is_refused
):
    frozen(store, bind(store, **earlier).run, key="one")
    second = bind(store)
    if not is_refused:
        assert frozen(store, second.run, key="two", summary=summary, repeats_since=since).is_frozen
        return
    with pytest.raises(RepeatRefused, match=r"run 1 \(one\)"):
        frozen(store, second.run, key="two", summary=summary, repeats_since=since)


def test_runs_move_as_the_table_of_transitions_says_and_tell_each_move(tmp_path):
    store = prepare_store(f"sqlite:///{tmp_path}/store.db", now=NOW)
    expected = []
    for before, after in itertools.product(RunState, RunState):
        run = bind(store).run
        with store.write.begin() as connection:
            put = sa.text("update runs set state = :state where run = :run")
            connection.execute(put, {"state": before.value, "run": run})
        is_allowed = after in TRANSITIONS[before]
        assert move_run(store, run, after, reason="because", now=NOW) == is_allowed
        moved = read_run(store, run)
        assert moved.state is (after if is_allowed else before)
        if is_allowed:
            assert moved.state_reason == "because"
            assert moved.finished_at == (NOW if after.is_over else None)
            expected.append((run, after.value))
    assert run_events(store) == expected
    store.close()


def test_a_run_that_goes_on_keeps_its_first_start_and_loses_its_end(store):
    frozen(store, bind(store).run)
    move_run(store, 1, RunState.FINISHED_WITH_UNSENT, now=NOW + 10)
    assert read_run(store, 1).finished_at == NOW + 10
    move_run(store, 1, RunState.SENDING, now=NOW + 20)
    run = read_run(store, 1)
    assert (run.started_at, run.finished_at) == (NOW, None)


def test_a_run_knows_since_when_it_stands_in_its_state(store):
    assert bind(store).state_at == NOW
    frozen(store, 1)
    move_run(store, 1, RunState.PAUSED, now=NOW + 30)
    assert not move_run(store, 1, RunState.FINISHED, now=NOW + 40)
    assert read_run(store, 1).state_at == NOW + 30


def test_a_run_whose_plan_is_anothers_points_to_it(store):
    first = frozen(store, bind(store, flow="f1").run)
    second = bind(store, flow="f2")
    give_way(store, second.run, first, now=NOW)
    assert read_run(store, second.run).state is RunState.FAILED_IN_PLANNING
    assert run_of_flow(store, "f1") == run_of_flow(store, "f2") == first
    assert run_of_flow(store, "f3") is None
