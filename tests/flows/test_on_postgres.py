"""A whole campaign with PostgreSQL as its store."""

from __future__ import annotations

import pytest

from config.settings import load_settings
from data.instance import open_instance
from data.ledger.audit import audit_run
from data.runs import find_run
from messaging.runs import RunState

pytestmark = pytest.mark.prefect


def test_a_campaign_goes_from_its_source_to_its_account_on_postgres_too(
    settings, postgres_url, campaign, simulator, monkeypatch
):
    from flows.parameters import SendCampaign
    from flows.send_campaign import send_campaign

    monkeypatch.setenv("TIDINGS_STORE_URL", postgres_url)
    params = SendCampaign(campaign=str(campaign(n_people=25, batch_size=10)), run_key="spring")
    for _ in range(2):  # a second start under the same key sends nothing
        assert send_campaign(params, return_state=True).is_completed()

    on_postgres = load_settings()
    with open_instance(
        on_postgres.var_dir, on_postgres.store_url, sealing=None, pseudonym=None, now=1.0
    ) as instance:
        run = find_run(instance.store, "spring")
        assert run.state is RunState.FINISHED
        with instance.store.read.connect() as connection:
            audit = audit_run(connection, run.run)
    assert audit.balanced
    assert audit.terms["delivered"] == 25
    assert (simulator.ledger()["messages"], simulator.ledger()["duplicates_by_reference"]) == (25, 0)
    assert not (on_postgres.var_dir / "store.db").exists()
