"""One deployment per campaign or import: its schedule and its parameters on Prefect's server, and nothing of its content.

The file is read when a run starts, so a new text needs no new deployment. A deploy deletes the runs that lie
ready and can swallow one that falls due meanwhile, so it is done only when what Prefect would keep has changed.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule, RRuleSchedule
from prefect.exceptions import ObjectNotFound
from prefect.utilities.callables import parameter_schema

from data.definitions import LoadedCampaign, LoadedImport
from flows.import_contacts import import_contacts
from flows.send_campaign import send_campaign
from messaging.errors import TidingsError

if TYPE_CHECKING:
    from prefect import Flow

    from messaging.definition import Schedule

PULL_STEPS: list[dict[str, Any]] = [
    {"prefect.deployments.steps.set_working_directory": {"directory": "{{ $TIDINGS_HOME }}"}}
]
HOUSE = "house"  # the name of the deployments in prefect.yaml
# Intervals are counted from here, so that a deploy does not shift them.
ANCHOR = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Deployed:
    """name: as Prefect knows it. is_new: it was made or changed; False: it stood there already as it should."""

    name: str
    is_new: bool


class NameTaken(TidingsError):
    """A campaign or an import bears the name of the house deployments."""


def deploy_definition(loaded: LoadedCampaign | LoadedImport, *, work_pool: str) -> Deployed:
    """Bring a deployment up to its definition. Raises NameTaken."""
    if isinstance(loaded, LoadedImport):
        return deploy_import(loaded, work_pool=work_pool)
    return deploy_campaign(loaded, work_pool=work_pool)


def deploy_campaign(loaded: LoadedCampaign, *, work_pool: str) -> Deployed:
    """Bring the deployment of a campaign up to its definition. Raises NameTaken."""
    campaign = loaded.campaign
    _refuse_house(campaign.name, loaded.path, "a campaign")
    kept = {
        "description": campaign.description or f"Send {campaign.name}.",
        "parameters": {"params": {"campaign": str(loaded.path)}},
        "schedules": as_prefect_schedules(campaign.schedule, slug="campaign"),
        "tags": ["tidings", "campaign"],
    }
    return _deploy(send_campaign, campaign.name, kept, work_pool)


def deploy_import(loaded: LoadedImport, *, work_pool: str) -> Deployed:
    """Bring the deployment of an import up to its definition. Raises NameTaken."""
    request = loaded.request
    _refuse_house(request.name, loaded.path, "an import")
    kept = {
        "description": request.description or f"Import {request.name} into the store of contacts.",
        "parameters": {"params": {"definition": str(loaded.path)}},
        "schedules": as_prefect_schedules(request.schedule, slug="import"),
        "tags": ["tidings", "import"],
    }
    return _deploy(import_contacts, request.name, kept, work_pool)


def _refuse_house(name: str, path: Path, what: str) -> None:
    if name == HOUSE:
        raise NameTaken(
            f"{path.name}: {what} cannot be called {HOUSE}, the deployment that starts any of them is; "
            "give it another name."
        )


def _deploy(flow: Flow[..., Any], name: str, of_definition: dict[str, Any], work_pool: str) -> Deployed:
    kept = {
        **of_definition,
        "entrypoint": f"{flow.fn.__module__}:{flow.fn.__name__}",
        "path": "",
        "pull_steps": PULL_STEPS,
        "work_pool_name": work_pool,
        "parameter_openapi_schema": parameter_schema(flow).model_dump_for_openapi(),
        "enforce_parameter_schema": True,
    }
    version = _fingerprint(kept)
    full_name = f"{flow.name}/{name}"
    with get_client(sync_client=True) as client:
        try:
            if client.read_deployment_by_name(full_name).version == version:
                return Deployed(full_name, is_new=False)
        except ObjectNotFound:
            pass
        flow_id = client.create_flow_from_name(flow.name)
        client.create_deployment(flow_id=flow_id, name=name, version=version, **kept)
    return Deployed(full_name, is_new=True)


def _fingerprint(kept: dict[str, Any]) -> str:
    as_json = json.dumps(kept, sort_keys=True, default=lambda schedule: schedule.model_dump(mode="json"))
    return hashlib.sha256(as_json.encode()).hexdigest()[:16]


def as_prefect_schedules(schedule: Schedule, *, slug: str) -> list[DeploymentScheduleCreate]:
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
    return [DeploymentScheduleCreate(schedule=rule, active=True, slug=slug)]
