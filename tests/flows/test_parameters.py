"""The forms of Prefect's UI, as it draws them."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module")
def form():
    """The fields of a flow's form in the order in which they stand."""
    from prefect.utilities.callables import parameter_schema

    from flows import import_contacts, rerun_batches, send_campaign

    flows = {
        "SendCampaign": send_campaign.send_campaign,
        "ImportContacts": import_contacts.import_contacts,
        "RerunBatches": rerun_batches.rerun_batches,
    }

    def fields_of(name):
        schema = parameter_schema(flows[name]).model_dump_for_openapi()
        return sorted(schema["definitions"][name]["properties"].values(), key=lambda field: field["position"])

    return fields_of


@pytest.mark.parametrize(
    ("name", "titles"),
    [
        ("SendCampaign", ["Campaign", "Run key", "Consent", "Send again"]),
        ("ImportContacts", ["Import", "Import again"]),
        ("RerunBatches", ["Run", "Which batches", "Batches", "Messages in doubt", "Decided by", "Why"]),
    ],
)
def test_the_fields_of_a_form_are_titled_and_ordered_for_people_and_say_what_they_are_for(form, name, titles):
    assert [field["title"] for field in form(name)] == titles
    assert [field["position"] for field in form(name)] == list(range(len(titles)))
    assert all(field["description"].endswith(".") for field in form(name))


def test_what_can_be_chosen_in_the_form_of_a_rerun_stands_there(form):
    choices = {field["title"]: field["enum"] for field in form("RerunBatches") if "enum" in field}
    assert choices == {
        "Which batches": ["failed", "chosen", "all"],
        "Messages in doubt": ["leave", "reconcile", "assume sent", "send again"],
    }


def test_a_rerun_has_to_say_which_run_and_who_asks():
    from flows.parameters import RerunBatches

    required = [name for name, field in RerunBatches.model_fields.items() if field.is_required()]
    assert required == ["run", "decided_by"]


def test_only_the_import_has_to_be_filled_in():
    from flows.parameters import ImportContacts

    required = [name for name, field in ImportContacts.model_fields.items() if field.is_required()]
    assert required == ["definition"]


def test_only_the_campaign_has_to_be_filled_in():
    from flows.parameters import SendCampaign

    required = [name for name, field in SendCampaign.model_fields.items() if field.is_required()]
    assert required == ["campaign"]
