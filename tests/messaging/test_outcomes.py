"""The numbers that the store keeps never change meaning."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.outcomes import ErrorKind, Outcome, OutcomeStatus, ReceiptStatus

RECEIPTS = st.sampled_from(ReceiptStatus)


def test_an_outcome_has_the_number_it_has_in_stores_that_exist():
    assert {status.name: status.value for status in OutcomeStatus} == {
        "ACCEPTED": 1,
        "REJECTED": 2,
        "UNSENT": 3,
        "UNCONFIRMED": 4,
        "STOPPED": 5,
        "IN_FLIGHT": 6,
    }


def test_a_receipt_has_the_number_it_has_in_stores_that_exist():
    assert {status.name: status.value for status in ReceiptStatus} == {
        "UNKNOWN": 0,
        "SCHEDULED": 1,
        "QUEUED": 2,
        "SENT": 3,
        "UNDELIVERED": 10,
        "EXPIRED": 11,
        "REJECTED": 12,
        "FAILED": 13,
        "CANCELED": 14,
        "DELIVERED": 20,
        "READ": 21,
    }


@given(earlier=RECEIPTS, later=RECEIPTS)
def test_a_final_receipt_ranks_above_every_one_that_is_not(earlier, later):
    assert not (earlier.is_final and not later.is_final and later >= earlier)


@pytest.mark.parametrize("status", [ReceiptStatus.UNDELIVERED, ReceiptStatus.EXPIRED, ReceiptStatus.FAILED])
def test_delivered_outranks_a_failure_that_came_first(status):
    # Carriers do send "expired" and then deliver; the phone's word is the later truth.
    assert status < ReceiptStatus.DELIVERED < ReceiptStatus.READ


def test_an_error_kind_is_spelled_as_its_name():
    assert [kind.value for kind in ErrorKind] == [kind.name.lower() for kind in ErrorKind]


def test_an_outcome_counts_as_an_attempt_unless_it_says_otherwise():
    outcome = Outcome(reference="r", status=OutcomeStatus.UNSENT)
    assert outcome.on_wire
    assert outcome.gateway_message_id is None
