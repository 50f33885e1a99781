"""What a person or a schedule hands to a flow: the forms of Prefect's UI. Nothing in here is personal or secret."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from messaging.reruns import InDoubt, Which


class SendCampaign(BaseModel):
    """Which campaign to send, and under which name."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, title="Send a campaign")

    campaign: str = Field(
        title="Campaign",
        description="The name of a campaign in data/campaigns, or the path of a campaign file.",
        min_length=1,
        max_length=4096,
        json_schema_extra={"position": 0},
    )
    run_key: str | None = Field(
        None,
        title="Run key",
        description="A name for this run; one key is sent at most once. Left out, the plan itself is the key. "
        "Runs of a schedule are named after their time, whatever stands here.",
        max_length=200,
        json_schema_extra={"position": 1},
    )
    consent: str | None = Field(
        None,
        title="Consent",
        description="Why these people may be texted, in your words, when the campaign file does not say it. "
        "Name nobody here: it is stored in clear.",
        max_length=400,
        json_schema_extra={"position": 2},
    )
    again: bool = Field(
        False,
        title="Send again",
        description="Send the same text to the same people once more, as a new run.",
        json_schema_extra={"position": 3},
    )


class ImportContacts(BaseModel):
    """Which import file to read into the store of contacts."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, title="Import contacts")

    definition: str = Field(
        title="Import",
        description="The name of an import in data/imports, or the path of an import file.",
        min_length=1,
        max_length=4096,
        json_schema_extra={"position": 0},
    )
    again: bool = Field(
        False,
        title="Import again",
        description="Store the source row by row although it has not changed since its last import, "
        "such as after contacts were deleted or taken off a list.",
        json_schema_extra={"position": 1},
    )


class CollectAndLoad(BaseModel):
    """Whose receipts to wait for."""

    model_config = ConfigDict(extra="forbid", frozen=True, title="Collect receipts and load analytics")

    run: int | None = Field(
        None,
        title="Run",
        description="Collect until this run has all its receipts, or none comes any more. Left out: collect once.",
        ge=1,
        json_schema_extra={"position": 0},
    )


class RerunBatches(BaseModel):
    """Which batches of a run to run again. Only what is left of them is ever sent."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, title="Run batches again"
    )

    run: int = Field(
        title="Run",
        description="The number of the run, as Prefect and `tidings runs` show it.",
        ge=1,
        json_schema_extra={"position": 0},
    )
    which: Which = Field(
        "failed",
        title="Which batches",
        description="failed: those with something left to send. chosen: those named below. "
        "all: every one; finished ones send nothing.",
        json_schema_extra={"position": 1},
    )
    batches: str = Field(
        "",
        title="Batches",
        description="Only for “chosen”: numbers and spans such as 3, 7, 17-20, or batch-3, batch-7 as Prefect shows them.",
        max_length=4096,
        json_schema_extra={"position": 2},
    )
    unconfirmed: InDoubt = Field(
        "leave",
        title="Messages in doubt",
        description="What to do first with all unconfirmed messages of the run. leave: a receipt may still come. "
        "reconcile: ask the gateway, and adopt what is proved. "
        "assume sent: they are never sent again. send again: some of these people may get it twice.",
        json_schema_extra={"position": 3},
    )
    decided_by: str = Field(
        title="Decided by",
        description="Your name, for the audit log.",
        min_length=1,
        max_length=200,
        json_schema_extra={"position": 4},
    )
    why: str = Field(
        "",
        title="Why",
        description="Your reason, for the audit log; needed for a decision on messages in doubt. "
        "Name no recipient here: it is stored in clear.",
        max_length=400,
        json_schema_extra={"position": 5},
    )
