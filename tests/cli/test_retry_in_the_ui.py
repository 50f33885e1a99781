"""Retry as a person asks for it: a click in Prefect's UI, in a real browser."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass

import pytest

from tests.cli.browser import CHROMIUM, chromium, open_page
from tests.cli.conftest import wait_for

pytestmark = [
    pytest.mark.slow,
    pytest.mark.prefect,
    pytest.mark.timeout(600),
    pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc"),
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here"),
    pytest.mark.skipif(not os.environ.get("LONG_TESTS"), reason="takes minutes: LONG_TESTS=1 runs it"),
]

# Somebody else holds these three batches, as long as a lease can be held without a renewal.
HOLD = """
create trigger held after insert on batches when new.batch in (3, 7, 17) begin
    update batches set owner = 'somebody else', expires_at = unixepoch() + 85
    where run = new.run and batch = new.batch;
end;
"""
LET_GO = """
drop trigger if exists held;
update batches set owner = null where owner = 'somebody else';
"""


@dataclass(frozen=True)
class Ui:
    """One of the two UIs of Prefect: where a run's page is, what leads to Retry, and how it asks whether one is sure."""

    path: str
    clicks: tuple[str, ...]
    question: str


FIRST = Ui("/runs/flow-run/", ("Retry",), "This will retry flow run")
SECOND = Ui("/v2/runs/flow-run/", ("Open menu", "Retry"), "Retry the flow run")


@pytest.mark.parametrize("ui", [pytest.param(FIRST, id="v1"), pytest.param(SECOND, id="v2")])
def test_retry_clicked_in_the_ui_sends_what_three_failed_batches_left(instance, simulator, tmp_path, ui):
    instance.ready()
    run_key = f"clicked at {ui.path}"
    instance.tell(HOLD)
    try:
        flow_run = instance.send(tmp_path, run_key, n_people=60, batch_size=3)
        failed = instance.end_of(flow_run)
    finally:
        instance.tell(LET_GO)
    assert "3 of 20 batches failed: batch-3, batch-7, batch-17" in failed.message
    assert simulator.ledger()["messages"] == 51

    with chromium(tmp_path) as port:
        address = f"http://127.0.0.1:{instance.prefect_port}{ui.path}{flow_run}"
        pictures = asyncio.run(click_retry(port, address, ui))
        wait_for(lambda: instance.server.state_of(flow_run).type in {"COMPLETED", "CRASHED"}, within_s=240)
        pictures["sent"] = asyncio.run(picture_of(port, address, "Completed"))
    for name, picture in pictures.items():
        (tmp_path / f"{name}.png").write_bytes(picture)
    assert instance.end_of(flow_run).type == "COMPLETED"
    assert instance.run_of(run_key, "state") == "finished"
    assert (simulator.ledger()["messages"], simulator.ledger()["duplicates_by_reference"]) == (60, 0)


async def click_retry(port, address, ui):
    """Click Retry on the page of a flow run, and say that one is sure."""
    async with open_page(port) as page:
        await page.go(address)
        assert await page.shows("3 of 20 batches failed")
        pictures = {"failed": await page.screenshot()}
        for words in ui.clicks:
            await page.click(words)
        assert await page.shows(ui.question)
        pictures["sure"] = await page.screenshot()
        await page.click("Retry", kinds="button")
        return pictures


async def picture_of(port, address, words):
    async with open_page(port) as page:
        await page.go(address)
        assert await page.shows(words)
        await asyncio.sleep(2)  # until the timeline is drawn
        return await page.screenshot()
