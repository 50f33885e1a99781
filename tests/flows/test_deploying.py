"""Deployments of campaigns on a real server: made once, changed when they changed, fired by its scheduler."""

from __future__ import annotations

import json
import time

import pytest

from data.definitions import load_campaign, load_import
from data.orchestrator import Orchestrator

pytestmark = pytest.mark.prefect
POOL = "tidings"


@pytest.fixture
def deploy(prefect_server, settings):
    from flows.deploying import deploy_campaign

    Orchestrator(prefect_server.api_url).ensure_work_pool(POOL)
    return lambda path: deploy_campaign(load_campaign(path), work_pool=POOL)


@pytest.fixture
def deploy_nightly(prefect_server, settings, tmp_path):
    """Deploys an import file with this schedule."""
    from flows.deploying import deploy_definition

    Orchestrator(prefect_server.api_url).ensure_work_pool(POOL)

    def deploy(name, schedule="", **sections):
        path = tmp_path / f"{name}.toml"
        lines = [f"{key} = {json.dumps(value)}" for key, value in sections.items()]
        path.write_text("\n".join([*lines, '[source]\nfile = "people.csv"', "[schedule]", schedule]) + "\n")
        return deploy_definition(load_import(path), work_pool=POOL)

    return deploy


def scheduled_runs(deployment):
    """Runs of a deployment that its schedule made and that wait for their time."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId

    with get_client(sync_client=True) as client:
        found = client.read_deployment_by_name(deployment)
        only = DeploymentFilter(id=DeploymentFilterId(any_=[found.id]))
        return [run for run in client.read_flow_runs(deployment_filter=only) if run.state.is_scheduled()]


def wait_for_scheduled_runs(deployment, *, at_least, within_s=30.0):
    give_up_at_s = time.monotonic() + within_s
    while len(found := scheduled_runs(deployment)) < at_least and time.monotonic() < give_up_at_s:
        time.sleep(0.2)
    return found


def test_a_schedule_really_makes_runs(deploy, campaign):
    """With SQLAlchemy 2.1 Prefect's scheduler dies silently: this is what guards our pin."""
    deploy(campaign("hourly", schedule='interval = "1h"'))
    runs = wait_for_scheduled_runs("send-campaign/hourly", at_least=2)
    assert len(runs) >= 2
    assert all(run.auto_scheduled for run in runs)
    assert len({run.expected_start_time for run in runs}) == len(runs)


def test_an_unchanged_campaign_is_not_deployed_again(deploy, campaign):
    path = campaign("steady", schedule='cron = "0 9 * * 1"')
    assert [deploy(path).is_new, deploy(path).is_new] == [True, False]


def test_a_new_text_needs_no_new_deployment(deploy, campaign):
    deploy(campaign("wording", text="Hello"))
    assert not deploy(campaign("wording", text="Good day")).is_new


def test_a_new_schedule_is_deployed_in_place_of_the_old_one(deploy, campaign):
    deploy(campaign("moving", schedule='cron = "0 9 * * 1"'))
    assert deploy(campaign("moving", schedule='cron = "0 10 * * 1"\ntime_zone = "Europe/Berlin"')).is_new
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        (schedule,) = client.read_deployment_by_name("send-campaign/moving").schedules
    assert (schedule.schedule.cron, schedule.schedule.timezone) == ("0 10 * * 1", "Europe/Berlin")


def test_a_campaign_cannot_take_the_name_of_the_house_deployments(deploy, campaign):
    from flows.deploying import NameTaken

    with pytest.raises(NameTaken, match=r"house\.toml: a campaign cannot be called house"):
        deploy(campaign("house"))


@pytest.mark.parametrize(
    ("schedule", "kind"),
    [
        ('cron = "0 9 * * 1"', "CronSchedule"),
        ('interval = "15m"', "IntervalSchedule"),
        ('rrule = "FREQ=MONTHLY;BYMONTHDAY=1;BYHOUR=8"', "RRuleSchedule"),
    ],
)
def test_each_kind_of_schedule_keeps_its_time_zone(campaign, schedule, kind):
    from flows.deploying import as_prefect_schedules

    path = campaign(schedule=f'{schedule}\ntime_zone = "Africa/Nairobi"')
    (made,) = as_prefect_schedules(load_campaign(path).schedule, slug="campaign")
    assert (type(made.schedule).__name__, made.schedule.timezone) == (kind, "Africa/Nairobi")


def test_a_campaign_without_a_schedule_runs_only_when_somebody_starts_it(campaign):
    from flows.deploying import as_prefect_schedules

    assert as_prefect_schedules(load_campaign(campaign()).schedule, slug="campaign") == []


def deployment_of(name):
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        return client.read_deployment_by_name(name)


def test_an_import_is_deployed_with_its_schedule_and_the_path_of_its_file(deploy_nightly, tmp_path):
    deployed = deploy_nightly(
        "crm", 'cron = "0 4 * * *"\ntime_zone = "Europe/Berlin"', description="Every night."
    )
    assert (deployed.name, deployed.is_new) == ("import-contacts/crm", True)
    made = deployment_of("import-contacts/crm")
    assert made.parameters == {"params": {"definition": str(tmp_path / "crm.toml")}}
    assert (made.description, sorted(made.tags)) == ("Every night.", ["import", "tidings"])
    [schedule] = made.schedules
    assert (schedule.schedule.cron, schedule.schedule.timezone) == ("0 4 * * *", "Europe/Berlin")


def test_the_schedule_of_an_import_makes_runs(deploy_nightly):
    deploy_nightly("hourly", 'interval = "1h"')
    runs = wait_for_scheduled_runs("import-contacts/hourly", at_least=2)
    assert len(runs) >= 2
    assert all(run.auto_scheduled for run in runs)


def test_an_unchanged_import_is_not_deployed_again(deploy_nightly):
    assert [deploy_nightly("steady").is_new, deploy_nightly("steady", list="members").is_new] == [True, False]
    assert deploy_nightly("steady", 'interval = "1d"').is_new


def test_an_import_and_a_campaign_of_one_name_stand_side_by_side(deploy, campaign, deploy_nightly):
    assert deploy(campaign("north")).name == "send-campaign/north"
    assert deploy_nightly("north").name == "import-contacts/north"


def test_an_import_cannot_take_the_name_of_the_house_deployments(deploy_nightly):
    from flows.deploying import NameTaken

    with pytest.raises(NameTaken, match=r"house\.toml: an import cannot be called house"):
        deploy_nightly("house")
