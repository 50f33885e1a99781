"""The doorways' schemas, and what may not pass them."""

from __future__ import annotations

import polars as pl
import pytest

from messaging import schemas
from messaging.schemas import RESERVED, attributes

TWINS = [schemas.PLANNED_TWIN, schemas.EXCLUDED_TWIN, schemas.REJECTS_TWIN]


@pytest.mark.parametrize("twin", TWINS)
def test_a_lake_twin_holds_no_number_name_text_or_raw_value(twin):
    assert not {"msisdn", "text", "raw_value", "sentence", "detail", "reference", "first_name"} & set(twin)


@pytest.mark.parametrize("twin", TWINS)
def test_a_lake_twin_starts_with_its_run(twin):
    assert next(iter(twin.items())) == ("run", pl.Int64)


def test_a_planned_message_has_the_same_types_in_the_lake_as_in_its_batch():
    shared = set(schemas.PLANNED_TWIN) & set(schemas.MESSAGES)
    assert {name: schemas.PLANNED_TWIN[name] for name in shared} == {
        name: schemas.MESSAGES[name] for name in shared
    }
    assert shared >= {"message_id", "batch", "row", "person_key", "segments", "price"}


def test_every_doorway_up_to_the_audience_keeps_the_source_row():
    for schema in (schemas.RAW, schemas.CONTACTS, schemas.REJECTS, schemas.EXCLUDED, schemas.AUDIENCE):
        assert schema["source_row"] == pl.UInt32


@pytest.mark.parametrize(
    "name",
    ["source_row", "msisdn", "message_id", "text", "person_key", "external_id", "region", "consent", "rule"],
)
def test_a_name_of_ours_is_no_attribute(name):
    assert name in RESERVED
    assert attributes([name]) == []


def test_the_columns_of_the_source_are_its_attributes_in_order():
    assert attributes(["source_row", "last_name", "msisdn", "city", "ordinal", "first_name"]) == [
        "last_name",
        "city",
        "first_name",
    ]
