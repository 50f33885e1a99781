"""The sweep as Prefect runs it."""

from __future__ import annotations

import time

import pytest
import sqlalchemy as sa

from data.runs import find_run
from data.store.tables import runs
from messaging.runs import RunState

pytestmark = pytest.mark.prefect


@pytest.fixture
def keep_house(settings):
    from flows.keep_house import keep_house

    return lambda: keep_house(return_state=True)


@pytest.fixture
def interrupted(settings, campaign, instance):
    """A run of two batches that stopped before anything was sent, ten minutes ago; bound to that flow run."""
    from flows.parameters import SendCampaign
    from flows.send_campaign import send_campaign

    send_campaign(SendCampaign(campaign=str(campaign(n_people=3)), run_key="left"), return_state=True)

    def leave(**fields):
        with instance.store.write.begin() as connection:
            connection.execute(sa.text("delete from outcomes"))
            connection.execute(sa.text("delete from claims"))
            connection.execute(
                sa.text("update batches set next_row = 0, n_claims = 0, owner = null, expires_at = 0")
            )
            connection.execute(sa.update(runs).values(state="sending", state_at=time.time() - 600, **fields))

    return leave


def test_with_nothing_to_do_it_says_so(keep_house):
    assert keep_house().message == "nothing to do"


def test_a_run_without_a_deployment_is_shown_with_the_command_that_goes_on_with_it(
    keep_house, interrupted, instance
):
    interrupted()
    state = keep_house()
    assert state.message == "run 1: it was started without a worker, `tidings resume 1` goes on with it"
    assert '"what goes on with it": "tidings resume 1"' in artifact("runs-that-wait")
    assert find_run(instance.store, "left").state is RunState.SENDING


def artifact(key):
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

    with get_client(sync_client=True) as client:
        (found,) = client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])))
        return found.data


def test_words_for_each_thing_that_was_done():
    from data.unattended import Idle
    from engine.housekeeping import Swept
    from engine.waking import Way
    from flows.keep_house import in_words

    swept = Swept(n_expired=2, n_leftovers=3, closed=(4,), failed_in_planning=(5,))
    assert in_words(swept, {Idle(6, 0.0): Way.RETRIED}, 1) == (
        "2 leases expired; 3 messages of cancelled runs stopped; 1 files of nobody removed; run 4 closed; "
        "run 5 failed in planning; run 6: its campaign run in Prefect was retried"
    )
