"""What a gateway told of somebody is blanked with the record it stands in, and nothing else is."""

from __future__ import annotations

import orjson
import pytest

from data.erasing_pages import page_without, people_in
from messaging.sealed import person_key
from messaging.traces import Traces, trace_of

KEY = b"k" * 32
ANN, BOB = "+447400123001", "+447400123002"
TRACES = Traces(KEY, [trace_of(KEY, ANN)])
HERS = {"from": ANN, "text": "I am Ann", "at": 5}
HIS = {"from": BOB, "text": "I am Bob", "at": 6}
BLANK = {"from": None, "text": "", "at": 5}


def blanked(page):
    body = page_without(orjson.dumps(page), TRACES)
    return None if body is None else orjson.loads(body)


@pytest.mark.parametrize(
    ("page", "after"),
    [
        ([HERS, HIS], [BLANK, HIS]),
        ({"next": "x", "replies": [HIS, HERS]}, {"next": "x", "replies": [HIS, BLANK]}),
        ({"data": {"replies": [[HIS], [HERS]]}}, {"data": {"replies": [[HIS], [BLANK]]}}),
        (
            [{"sender": {"number": ANN}, "content": {"text": "hi", "parts": ["a", 7]}}, HIS],
            [{"sender": {"number": None}, "content": {"text": "", "parts": ["", 7]}}, HIS],
        ),
        ([{"to": [{"number": ANN, "name": "Ann"}], "text": "hi Ann"}], [{"to": [{"number": None, "name": ""}], "text": ""}]),
        ({"message": {"to": [ANN], "text": "hi"}}, {"message": {"to": [None], "text": ""}}),
        ({"from": 447400123001, "text": "hi", "replies": [HIS]}, {"from": None, "text": "", "replies": [HIS]}),
        ([ANN, "x"], [None, ""]),
        ([{"note": "call 07400 123001", "is_read": True, "price": 0.5}], [{"note": None, "is_read": True, "price": 0.5}]),
    ],
)  # fmt: skip
def test_the_record_that_names_her_is_blanked_however_deep_her_number_stands(page, after):
    assert blanked(page) == after
    assert blanked(after) is None


@pytest.mark.parametrize("page", [[HIS], {}, [], None, 5, "text", {"id": "7400-12300"}])
def test_a_page_that_does_not_name_her_is_left_as_it_is(page):
    assert blanked(page) is None


@pytest.mark.parametrize("body", [b"from=%2B447400123001&text=hi", b'"+447400123001"', b"447400123001"])
def test_a_page_that_is_no_object_is_emptied(body):
    assert page_without(body, TRACES) == b""


@pytest.mark.parametrize(
    "body", [b'{"a":"+44 7400 123 001"}', b"<to>00447400123001</to>", b"[447400123001,5]"]
)
def test_a_number_with_its_country_is_found_however_a_page_writes_it(body):
    assert people_in(body, KEY)[person_key(KEY, ANN)] == ANN


def test_no_more_digits_than_a_number_has_are_taken_for_one():
    assert people_in(b'["12345678901234567890", "123456"]', KEY) == {}
