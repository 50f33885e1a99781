"""One deployment per campaign: its schedule and its parameters on Prefect's server, and nothing of its content.

The campaign file is read when a run starts, so a new text needs no new deployment. A deploy deletes the runs that lie
ready and can swallow one that falls due meanwhile, so it is done only when what Prefect would keep has changed.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule, RRuleSchedule
from prefect.exceptions import ObjectNotFound
from prefect.utilities.callables import parameter_schema

from flows.send_campaign import send_campaign
from messaging.errors import TidingsError

if TYPE_CHECKING:
    from data.definitions import LoadedCampaign
    from messaging.definition import Schedule

PULL_STEPS: list[dict[str, Any]] = [
    {"prefect.deployments.steps.set_working_directory": {"directory": "{{ $TIDINGS_HOME }}"}}
]
HOUSE = "house"  # the name of the deployments in prefect.yaml
ENTRYPOINT = "flows.send_campaign:send_campaign"
# Intervals are counted from here, so that a deploy does not shift them.
ANCHOR = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Deployed:
    """name: as Prefect knows it. is_new: it was made or changed; False: it stood there already as it should."""

    name: str
    is_new: bool


class NameTaken(TidingsError):
    """A campaign bears the name of the house deployments."""


def deploy_campaign(loaded: LoadedCampaign, *, work_pool: str) -> Deployed:
    """Bring the deployment of a campaign up to its definition. Raises NameTaken."""
    campaign = loaded.campaign
    if campaign.name == HOUSE:
        raise NameTaken(
            f"{loaded.path.name}: a campaign cannot be called {HOUSE}, the deployment that starts any campaign is; "
            "give it another name."
        )
    kept = _kept_by_prefect(loaded, work_pool)
    version = _fingerprint(kept)
    name = f"send-campaign/{campaign.name}"
    with get_client(sync_client=True) as client:
        try:
            if client.read_deployment_by_name(name).version == version:
                return Deployed(name, is_new=False)
        except ObjectNotFound:
            pass
        client.create_deployment(
            flow_id=client.create_flow_from_name("send-campaign"), name=campaign.name, version=version, **kept
        )
    return Deployed(name, is_new=True)


def _kept_by_prefect(loaded: LoadedCampaign, work_pool: str) -> dict[str, Any]:
    campaign = loaded.campaign
    return {
        "description": campaign.description or f"Send {campaign.name}.",
        "entrypoint": ENTRYPOINT,
        "path": "",
        "pull_steps": PULL_STEPS,
        "work_pool_name": work_pool,
        "parameters": {"params": {"campaign": str(loaded.path)}},
        "parameter_openapi_schema": parameter_schema(send_campaign).model_dump_for_openapi(),
        "enforce_parameter_schema": True,
        "schedules": as_prefect_schedules(campaign.schedule),
        "tags": ["tidings", "campaign"],
    }


def _fingerprint(kept: dict[str, Any]) -> str:
    as_json = json.dumps(kept, sort_keys=True, default=lambda schedule: schedule.model_dump(mode="json"))
    return hashlib.sha256(as_json.encode()).hexdigest()[:16]


def as_prefect_schedules(schedule: Schedule) -> list[DeploymentScheduleCreate]:
    """None or one, as Prefect writes it."""
    zone = schedule.time_zone
    match schedule.kind:
        case "cron":
            rule: Any = CronSchedule(cron=str(schedule.cron), timezone=zone)
        case "interval":
            rule = IntervalSchedule(
                interval=timedelta(seconds=schedule.interval_s or 0), anchor_date=ANCHOR, timezone=zone
            )
        case "rrule":
            rule = RRuleSchedule(rrule=str(schedule.rrule), timezone=zone)
        case None:
            return []
    return [DeploymentScheduleCreate(schedule=rule, active=True, slug="campaign")]
