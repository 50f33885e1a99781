"""Where the results of a gate rest, and what stands in them."""

from __future__ import annotations

import json
import re
import stat
from dataclasses import replace

import pytest

from data.expectations.keeping import last_run, note_quality, render, write_quality
from data.expectations.suite import LastRun
from data.files import RunFolder
from data.runs import bind_run
from data.store.migrate import prepare_store
from messaging.judgements import Judgement, QualityReport, Verdict
from tests.engine.planning import NOW

REPORT = QualityReport(
    campaign="spring",
    judge="Great Expectations 1.24.1",
    source_rows=2_000_000,
    contacts=1_900_000,
    n_judged_rows=100_000,
    last_run=7,
    judgements=[
        Judgement(
            name="complete",
            words='contacts with a <script>alert("1")</script>',
            wanted="at least 95 %",
            observed="91.2 % (1,732,800 of 1,900,000)",
            severity="error",
            verdict=Verdict.FAILED,
            basis="an exact rate of the whole source",
        )
    ],
)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def store(request, tmp_path):
    is_embedded = request.param == "sqlite"
    url = f"sqlite:///{tmp_path}/store.db" if is_embedded else request.getfixturevalue("postgres_url")
    opened = prepare_store(url, now=NOW)
    yield opened
    opened.close()


def test_the_page_opens_without_a_network_and_names_nothing_outside_itself():
    page = render(REPORT)
    assert re.findall(r"https?:|//|src=|href=|url\(|@import|<link|<iframe|<img", page) == []
    assert page.startswith("<!doctype html>")


def test_what_a_campaign_or_a_file_calls_its_columns_is_text_on_the_page():
    page = render(REPORT)
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_the_page_says_what_stopped_the_run_and_on_what_it_was_judged():
    page = render(REPORT)
    for said in ("Nothing was sent.", "at least 95 %", "91.2 % (1,732,800 of 1,900,000)", "stops the run", "a sample of 100,000"):  # fmt: skip
        assert said in page
    warned = replace(REPORT, judgements=[replace(REPORT.judgements[0], severity="warn")], last_run=None)
    assert "The run may go on." in render(warned)
    assert "no earlier run to compare with" in render(warned)


def test_the_files_are_for_their_owner(tmp_path):
    folder = RunFolder(tmp_path / "runs" / "000001")
    write_quality(REPORT, folder)
    assert json.loads(folder.quality_json.read_text()) == REPORT.as_dict()
    assert folder.quality_html.read_text() == render(REPORT)
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.path.iterdir()} == {0o600}


def bound(store, campaign="spring", *, frozen=None):
    run = bind_run(
        store,
        flow_run_id=None,
        run_key=None,
        campaign=campaign,
        account="sim",
        origin="hand",
        is_simulated=True,
        now=NOW,
    ).run
    if frozen is not None:
        with store.write.begin() as connection:
            connection.exec_driver_sql(
                f"update runs set frozen_at = {NOW}, n_source_rows = {frozen[0]}, n_contacts = {frozen[1]} where run = {run}"
            )
    return run


def test_a_run_is_compared_with_the_last_one_of_its_campaign_that_was_frozen(store):
    assert last_run(store, "spring") is None
    bound(store, frozen=(10, 9))
    second = bound(store, frozen=(20, 18))
    bound(store, "autumn", frozen=(30, 27))
    bound(store)
    assert last_run(store, "spring") == LastRun(second, 20, 18)
    assert last_run(store, "spring", but=second) == LastRun(second - 1, 10, 9)


def test_what_was_found_is_kept_with_the_run_and_the_latest_counts(store):
    run = bound(store)
    note_quality(store, run, REPORT)
    latest = replace(REPORT, judgements=())
    note_quality(store, run, latest)
    with store.read.connect() as connection:
        kept = connection.exec_driver_sql(f"select quality from runs where run = {run}").scalar_one()
    assert json.loads(kept) == latest.as_dict() | {"judgements": []}
