from __future__ import annotations

import polars as pl
import pytest
import sqlalchemy as sa

from data.analytics import NoAnalytics, QueryRefused, query
from data.files import write_parquet
from data.store.tables import runs
from messaging.outcomes import OutcomeStatus, ReceiptStatus
from tests.data.lake.small_world import SmallWorld


@pytest.fixture
def world(tmp_path) -> SmallWorld:
    world = SmallWorld(tmp_path)
    world.freeze()
    world.load()
    return world


def test_before_the_first_run_there_is_one_sentence(tmp_path):
    with pytest.raises(NoAnalytics, match=r"no analytics at .*analytics\.duckdb yet: `tidings demo`"):
        query(tmp_path / "analytics.duckdb", "select 1")


def test_a_question_gets_its_columns_and_rows(world):
    assert query(world.analytics, "select run, run_key, campaign from runs") == (
        ["run", "run_key", "campaign"],
        [(1, "welcome+1", "welcome")],
    )


def test_no_more_rows_than_wanted(world):
    assert query(world.analytics, "select row from messages order by row", limit=2)[1] == [(0,), (1,)]


@pytest.mark.parametrize(
    "question", ["describe messages", "show tables", "summarize runs", "with x as (select 1) from x"]
)
def test_whatever_only_reads_is_answered(world, question):
    assert query(world.analytics, question)[1]


@pytest.mark.parametrize(
    "question",
    [
        "copy (select 1) to '{there}'",
        "copy (select 1) to '{lake_file}' (format parquet, use_tmp_file false)",
        "explain analyze copy (select 1) to '{lake_file}' (format parquet, use_tmp_file false)",
        "copy (pivot messages on status using count(*)) to '{lake_file}' (format parquet, use_tmp_file false)",
        "export database '{there}'",
        "attach '{there}' as mine",
        "create table mine as select 1",
        "create temp table mine as select 1",
        "drop view messages",
        "set enable_external_access = true",
        "install httpfs",
        "call pragma_version()",
        "select 1; copy (select 1) to '{there}'",
        "select * from read_text('/etc/passwd')",
        "from '/etc/passwd'",
        "select * from read_csv('/etc/passwd')",
        "select * from glob('/etc/*')",
        "select * from query('copy (select 1) to ''{there}''')",
        "select no_such_column from messages",
        "selec 1",
        "",
    ],
)
def test_whatever_else_is_refused_in_one_sentence_and_writes_nothing(world, tmp_path, question):
    [lake_file] = (world.lake / "messages").iterdir()
    there = tmp_path / "there"
    before = lake_file.read_bytes()
    with pytest.raises(QueryRefused) as refused:
        query(world.analytics, question.format(there=there, lake_file=lake_file))
    assert "\n" not in str(refused.value)
    assert not there.exists()
    assert lake_file.read_bytes() == before


def test_what_is_wrong_with_a_question_is_said_in_duckdb_s_words(world):
    with pytest.raises(
        QueryRefused, match=r'^DuckDB cannot answer this: Referenced column "statuss" not found'
    ):
        query(world.analytics, "select statuss from messages")


def test_a_damaged_file_is_one_sentence_and_the_next_load_mends_it(world):
    world.analytics.write_bytes(b"not a database, and long enough to be looked at" * 100)
    with pytest.raises(QueryRefused):
        query(world.analytics, "select 1")
    assert world.load().is_swapped
    assert query(world.analytics, "select count(*) from messages")[1] == [(6,)]


def test_every_view_and_what_a_name_does_not_say_is_explained(world):
    views = "select view_name from duckdb_views() where database_name = 'analytics' and not internal and comment is null"
    assert query(world.analytics, views)[1] == []
    explained = dict(
        query(world.analytics, "select column_name, comment from dictionary where view_name = 'messages'")[1]
    )
    for status in OutcomeStatus:
        assert status.name.lower() in str(explained["status"])
    for receipt in ReceiptStatus:
        assert receipt.name.lower() in str(explained["receipt"])


def test_the_file_can_be_opened_by_every_duckdb_since_1_2(world):
    assert world.analytics.read_bytes()[12:16] == (65).to_bytes(4, "little")  # 64: 1.0, 65: 1.2, 69: 2.0


def test_the_views_read_from_anywhere_and_names_with_quotes_do_no_harm(tmp_path, monkeypatch):
    folder = tmp_path / "it's here"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    world = SmallWorld(folder.relative_to(tmp_path))
    world.freeze()
    world.load()
    monkeypatch.chdir("/")
    assert query(folder / "analytics.duckdb", "select count(*) from messages")[1] == [(6,)]


def test_a_message_without_a_receipt_is_waited_for_until_its_validity_is_over(world):
    world.tell("outcomes", {"rows": [0, 1, 2], "status": [1, 1, 2]}, run=1, batch=0)
    world.tell("receipts", {"rows": [1], "status": [21], "part": [0]}, run=1, batch=0)
    world.load()
    funnel = 'select accepted, rejected, "read", waiting, no_receipt, delivery_rate from campaign_funnel'
    assert query(world.analytics, funnel)[1] == [(2, 1, 1, 1, 0, 0.5)]  # the world's clock stands in 2027
    world.do(sa.update(runs).values(validity_s=-3_000_000_000))
    world.tell("run", {"state": "finished"}, run=1)
    world.load()
    assert query(world.analytics, funnel)[1] == [(2, 1, 1, 0, 1, 0.5)]


def test_replies_and_suppressions_are_there_without_texts_and_numbers(world):
    told = {"person_key": "k1", "scope": "", "reason": "opted_out", "source": "reply to sim"}
    world.tell("reply", {"person_key": "k1", "account": "sim", "is_stop": True})
    world.tell("suppression", told)
    world.tell("suppression", told | {"reason": "by hand"})
    world.load()
    assert query(world.analytics, "select account, person_key, is_stop from replies")[1] == [
        ("sim", "k1", True)
    ]
    assert query(world.analytics, "select person_key, scope, reason from suppressions")[1] == [
        ("k1", "", "opted_out")
    ]


def test_a_suppression_tells_the_lists_that_name_the_person_now(world):
    told = {"person_key": "k1", "scope": "", "reason": "opted out"}
    for source in ("a.csv", "a.csv + b.csv", "b.csv"):
        world.tell("suppression", told | {"source": source})
    world.load()
    assert query(world.analytics, "select person_key, reason, source from suppressions")[1] == [
        ("k1", "opted out", "b.csv")
    ]


CONSENTS = ["consent_basis", "consent_source", "consent_at"]
CONSENT_OF_ROW_0 = (
    "select consent_basis, consent_source, epoch(consent_at) from messages where run = 1 and row = 0"
)


def test_a_message_tells_what_it_rests_on(world):
    told = pl.read_parquet(twin := world.lake / "planned" / "run-000001.parquet").with_columns(
        consent_basis=pl.lit("stored"), consent_source=pl.lit("web shop"), consent_at=pl.lit(1_790_000_000.0)
    )
    write_parquet(told, twin)
    world.tell("run", {"state": "sending", "reason": None}, run=1)
    world.load(fold_all=True)
    assert query(world.analytics, CONSENT_OF_ROW_0)[1] == [("stored", "web shop", 1_790_000_000.0)]


def test_files_of_an_earlier_version_say_nothing_of_consents(world):
    """Neither the twin of a plan nor the messages that were folded of it, alone or beside newer ones."""
    for path in [*(world.lake / "planned").iterdir(), *(world.lake / "messages").iterdir()]:
        write_parquet(pl.read_parquet(path).drop(CONSENTS), path)
    assert query(world.analytics, CONSENT_OF_ROW_0)[1] == [(None, None, None)]
    world.freeze(run=2)
    world.load()
    found = query(
        world.analytics, "select run, count(*), count(consent_basis) from messages group by run order by run"
    )[1]
    assert [run for run, _, _ in found] == [1, 2]
    assert query(world.analytics, CONSENT_OF_ROW_0)[1] == [(None, None, None)]
    world.tell("run", {"state": "sending", "reason": None}, run=1)
    world.load(fold_all=True)
    assert query(world.analytics, CONSENT_OF_ROW_0)[1] == [(None, None, None)]
