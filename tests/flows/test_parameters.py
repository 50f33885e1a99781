"""The forms of Prefect's UI, as it draws them."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module")
def form():
    """The fields of the send-campaign form in the order in which they stand."""
    from prefect.utilities.callables import parameter_schema

    from flows.send_campaign import send_campaign

    schema = parameter_schema(send_campaign).model_dump_for_openapi()
    fields = schema["definitions"]["SendCampaign"]["properties"]
    return sorted(fields.values(), key=lambda field: field["position"])


def test_the_fields_of_the_form_are_titled_and_ordered_for_people(form):
    assert [field["title"] for field in form] == ["Campaign", "Run key", "Consent", "Send again"]
    assert [field["position"] for field in form] == [0, 1, 2, 3]


def test_every_field_of_the_form_says_what_it_is_for(form):
    assert all(field["description"].endswith(".") for field in form)


def test_only_the_campaign_has_to_be_filled_in():
    from flows.parameters import SendCampaign

    required = [name for name, field in SendCampaign.model_fields.items() if field.is_required()]
    assert required == ["campaign"]
