"""What comes late for a message that was decided meanwhile is kept, and a possible second copy is counted."""

import pytest

from data.ledger.copies import said_of_the_first
from data.ledger.deciding import Decision, decide
from messaging.outcomes import ErrorKind, Outcome, OutcomeStatus, ProviderError, ReceiptStatus
from tests.data.ledger.conftest import RUN, accepted, refused

ACCEPTED, UNSENT, UNCONFIRMED = OutcomeStatus.ACCEPTED, OutcomeStatus.UNSENT, OutcomeStatus.UNCONFIRMED


def lose(bench, *, most=1):
    """A claim whose holder is not heard of any more; nobody knows whether it sent, and it can send no more."""
    claimed = bench.claim(bench.take("lost"), most=most)
    bench.now += 31
    bench.sweep()
    bench.outlast()
    return claimed


def decided(bench, decision):
    def say(connection, now):
        return decide(connection, RUN, decision, by="Ann", why="asked", rules=bench.rules, now=now)

    bench.commit(say)


def n_possible_duplicates(bench):
    return bench.audit().terms["possible_duplicates"]


def test_an_answer_that_comes_after_it_was_assumed_sent_makes_it_accepted(bench):
    claimed = lose(bench)
    decided(bench, Decision.ASSUMED_SENT)
    assert bench.settle(claimed, *accepted(0)).n_applied == 1
    assert (bench.terms()["accepted"], n_possible_duplicates(bench)) == (1, 0)


def test_an_acceptance_before_the_message_is_claimed_again_keeps_it_from_being_sent_twice(bench):
    claimed = lose(bench)
    decided(bench, Decision.SEND_AGAIN)
    assert bench.settle(claimed, *accepted(0)).n_applied == 1
    assert 0 not in bench.claim(bench.take("second"), 1).rows
    assert n_possible_duplicates(bench) == 0


@pytest.mark.parametrize("answer", [ACCEPTED, UNCONFIRMED, None])
def test_an_acceptance_after_the_message_was_claimed_again_is_a_possible_duplicate(bench, answer):
    """Whatever became of the second copy by then: accepted, in doubt, or still on its way."""
    first = lose(bench, most=10)
    decided(bench, Decision.SEND_AGAIN)
    second = bench.claim(bench.take("second"), 1)
    if answer is ACCEPTED:
        bench.settle(second, accepted(0)[0]._replace(outcome=_accepted_as("another")))
    elif answer is UNCONFIRMED:
        bench.settle(second, *refused(UNCONFIRMED, 0, kind=ErrorKind.TIMEOUT))
    bench.settle(first, *accepted(0))
    _, late = bench.events("late")[-1]
    assert (late["rows"], late["gateway_message_id"], late["possible_duplicate"]) == ([0], ["g0"], [True])
    assert n_possible_duplicates(bench) == 1
    bench.settle(first, *accepted(0))  # the word of the commit was lost
    assert n_possible_duplicates(bench) == 1


@pytest.mark.parametrize("answer", [UNSENT, OutcomeStatus.REJECTED])
def test_an_acceptance_beside_a_second_attempt_that_surely_failed_is_no_duplicate(bench, answer):
    first = lose(bench, most=10)
    decided(bench, Decision.SEND_AGAIN)
    second = bench.claim(bench.take("second"), 1)
    bench.settle(second, *refused(answer, 0))
    bench.settle(first, *accepted(0))
    assert (bench.terms()["accepted"], n_possible_duplicates(bench)) == (1, 0)


@pytest.mark.parametrize("decision", list(Decision))
@pytest.mark.parametrize("answer", [UNSENT, OutcomeStatus.REJECTED, UNCONFIRMED])
def test_any_other_answer_after_a_decision_is_kept_as_evidence_and_changes_nothing(bench, decision, answer):
    claimed = lose(bench)
    decided(bench, decision)
    before = bench.rows("select status, decision from outcomes")
    settled = bench.settle(claimed, *refused(answer, 0))
    assert (settled.n_applied, settled.n_late) == (0, 1)
    assert bench.rows("select status, decision from outcomes") == before
    [(_, late)] = bench.events("late")
    assert (late["status"], late["error_kind"], late["possible_duplicate"]) == (
        [answer],
        ["throttled"],
        [False],
    )
    assert n_possible_duplicates(bench) == 0


def test_an_error_that_is_told_late_is_kept_with_the_message_in_doubt(bench):
    claimed = lose(bench)
    late = refused(UNCONFIRMED, 0, kind=ErrorKind.TIMEOUT)
    assert bench.settle(claimed, *late).n_applied == 1
    assert bench.rows("select status, error_kind from outcomes") == [(UNCONFIRMED, "timeout")]
    assert bench.settle(claimed, *late).n_repeated == 1


def test_a_receipt_that_names_another_copy_is_counted_once_however_many_there_are(bench):
    bench.settle(bench.claim(bench.take()), *accepted(*range(10)))
    for status in (ReceiptStatus.SENT, ReceiptStatus.DELIVERED):
        bench.receive(bench.receipt(0, status, gid="another"))
    assert n_possible_duplicates(bench) == 1


def test_receipts_of_two_copies_that_came_while_a_holder_died_are_counted(bench):
    """Seed 949 of the simulation: what a person had sent again was in flight when both copies were delivered."""
    bench.claim(bench.take())
    bench.receive(bench.receipt(0, ReceiptStatus.DELIVERED, gid="first"))
    bench.receive(bench.receipt(0, ReceiptStatus.DELIVERED, gid="second"))
    bench.now += bench.rules.lease_s + 1
    assert bench.sweep()
    assert (bench.terms()["accepted"], n_possible_duplicates(bench)) == (1, 1)
    (late,) = (payload for _, payload in bench.events("late"))
    assert (late["gateway_message_id"], late["possible_duplicate"]) == (["second"], [True])


def test_what_a_second_copy_proves_of_the_first():
    def say(status, kind=None):
        error = None if kind is None else ProviderError(kind=kind, permanent=True)
        return said_of_the_first(Outcome(reference="r", status=status, error=error)).status

    assert say(ACCEPTED) == ACCEPTED
    assert say(OutcomeStatus.REJECTED, ErrorKind.DUPLICATE) == ACCEPTED
    assert say(OutcomeStatus.REJECTED, ErrorKind.NO_CREDIT) == UNCONFIRMED
    assert say(UNSENT, ErrorKind.THROTTLED) == UNCONFIRMED
    assert say(UNCONFIRMED, ErrorKind.TIMEOUT) == UNCONFIRMED


def _accepted_as(gateway_message_id):
    return Outcome(reference="0", status=ACCEPTED, gateway_message_id=gateway_message_id)
