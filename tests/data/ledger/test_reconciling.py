"""Messages in doubt and what proves something of them: kept receipts, and a gateway that was asked."""

import sqlalchemy as sa

from data.ledger.deciding import Decision, decide
from data.ledger.reconciling import adopt_found, adopt_receipts, read_in_doubt, unknown_receipts_of
from data.ledger.records import Adopted, Found
from data.store.tables import batches, receipts, runs
from messaging.outcomes import ErrorKind, OutcomeStatus, Receipt, ReceiptStatus
from tests.data.ledger.conftest import RUN, accepted, refused

ACCEPTED, UNSENT, UNCONFIRMED = OutcomeStatus.ACCEPTED, OutcomeStatus.UNSENT, OutcomeStatus.UNCONFIRMED
NOTHING = Adopted(n_matched=0, n_accepted=0, n_unsent=0)


def leave_in_doubt(bench, *rows):
    """A claim of ten; these rows of it are in doubt, the others accepted."""
    others = set(range(10)) - set(rows)
    doubt = refused(UNCONFIRMED, *rows, kind=ErrorKind.TIMEOUT)
    bench.settle(bench.claim(bench.take()), *accepted(*others), *doubt)


def in_doubt(bench):
    return bench.commit(read_in_doubt, RUN)


def found(bench, row, *, gid="g", status=None):
    [asked] = [one for one in in_doubt(bench) if one.row == row]
    receipt = None if status is None else bench.receipt(row, status, gid=f"{gid}{row}")
    return Found(asked, True, f"{gid}{row}", receipt, False)


def absent(bench, row, *, is_proof=True):
    [asked] = [one for one in in_doubt(bench) if one.row == row]
    return Found(asked, False, None, None, is_proof)


def adopt(bench, *said):
    def write(connection, now):
        return adopt_found(connection, RUN, "sim", said, bench.sealer, now)

    return bench.commit(write)


def adopt_kept(bench):
    with bench.store.write.begin() as connection:
        unknown = unknown_receipts_of(connection, RUN, "sim", bench.sealer)
    return bench.commit(adopt_receipts, RUN, unknown)


def decided(bench, decision):
    def say(connection, now):
        return decide(connection, RUN, decision, by="Ann", why="asked", rules=bench.rules, now=now)

    bench.commit(say)


def test_what_is_in_doubt_is_read_with_the_instant_after_which_nothing_of_it_can_leave(bench):
    leave_in_doubt(bench, 2, 7)
    decided(bench, Decision.ASSUMED_SENT)
    assert [tuple(one) for one in in_doubt(bench)] == [
        (0, 2, 0, True, "sim", bench.now + 30),
        (0, 7, 0, True, "sim", bench.now + 30),
    ]


def test_what_a_restore_put_in_doubt_may_have_been_sent_until_then(bench):
    leave_in_doubt(bench, 2)
    bench.rows("update outcomes set settled_at = 1000500 where row = 2 returning row")
    bench.rows(
        "update outcomes set claim_no = null, status = 4, settled_at = 1000500 where row = 3 returning row"
    )
    assert [(one.row, one.account, one.last_sent_at) for one in in_doubt(bench)] == [
        (2, "sim", 1_000_500),
        (3, None, 1_000_500),
    ]


def test_what_the_gateway_knows_is_accepted_with_its_id_and_its_receipt(bench):
    leave_in_doubt(bench, 2, 7)
    said = found(bench, 2), found(bench, 7, status=ReceiptStatus.DELIVERED)
    assert adopt(bench, *said) == Adopted(n_matched=0, n_accepted=2, n_unsent=0)
    assert bench.terms() == {"accepted": 10}
    assert bench.rows(
        "select row, gateway_message_id, receipt, error_kind from outcomes where row in (2, 7)"
    ) == [
        (2, "g2", None, None),
        (7, "g7", ReceiptStatus.DELIVERED, None),
    ]
    assert bench.events("adopted") == [
        (
            "adopted",
            {"rows": [2, 7], "status": [1, 1], "gateway_message_id": ["g2", "g7"], "by": "look-up"},
        )
    ]
    assert adopt(bench, *said) == NOTHING
    assert len(bench.events("adopted")) == 1
    assert len(bench.events("receipts")) == 1


def test_what_the_gateway_surely_does_not_know_is_unsent_and_claimable(bench):
    leave_in_doubt(bench, 2, 7)
    said = absent(bench, 2), absent(bench, 7, is_proof=False)
    assert adopt(bench, *said) == Adopted(n_matched=0, n_accepted=0, n_unsent=1)
    assert bench.terms() == {"accepted": 8, "unsent": 1, "unconfirmed": 1}
    [(_, told)] = bench.events("adopted")
    assert (told["rows"], told["status"]) == ([2], [UNSENT])
    assert adopt(bench, *said) == NOTHING
    bench.now += 31
    assert list(bench.claim(bench.take("second"), 1).rows) == [2]


def test_a_person_relies_on_what_was_assumed_sent_and_proof_of_it_is_welcome(bench):
    leave_in_doubt(bench, 2, 7)
    decided(bench, Decision.ASSUMED_SENT)
    assert adopt(bench, absent(bench, 2), found(bench, 7)) == Adopted(n_matched=0, n_accepted=1, n_unsent=0)
    assert bench.terms() == {"accepted": 9, "unconfirmed": 1}


def test_an_absence_says_nothing_of_an_attempt_made_after_the_question(bench):
    leave_in_doubt(bench, 2)
    said = absent(bench, 2)
    bench.now += 31
    decided(bench, Decision.SEND_AGAIN)
    again = bench.claim(bench.take("second"), 1)
    assert adopt(bench, said) == NOTHING
    bench.settle(again, *refused(UNCONFIRMED, 2, kind=ErrorKind.TIMEOUT))
    assert adopt(bench, said) == NOTHING
    assert bench.terms() == {"accepted": 9, "unconfirmed": 1}


def test_what_is_found_after_a_person_had_it_sent_again_is_not_sent_again(bench):
    leave_in_doubt(bench, 2)
    said = found(bench, 2)
    bench.now += 31
    decided(bench, Decision.SEND_AGAIN)
    assert adopt(bench, said).n_accepted == 1
    assert bench.ask(bench.take("second"), 1).why == "done"


def test_what_is_found_by_another_id_than_was_accepted_meanwhile_is_a_possible_duplicate(bench):
    leave_in_doubt(bench, 2)
    said = found(bench, 2)
    bench.receive(bench.receipt(2, ReceiptStatus.SENT, gid="another"))
    assert adopt(bench, said) == NOTHING
    assert bench.audit().terms["possible_duplicates"] == 1


def test_a_receipt_by_reference_is_matched_when_its_run_turns_up(bench):
    """The store was restored from a copy that did not hold the run yet."""
    later = Receipt(
        gateway_message_id="x", reference=bench.sealer.seal(RUN, 4, 1), status=ReceiptStatus.DELIVERED
    )
    stranger = Receipt(
        gateway_message_id="y", reference=bench.sealer.seal(99, 0, 1), status=ReceiptStatus.DELIVERED
    )
    assert bench.receive(later, stranger).n_unknown == 2
    assert adopt_kept(bench) == NOTHING
    bench.do(sa.insert(batches).values(run=RUN, batch=4, part=0, n_messages=2, next_row=0))
    bench.do(sa.update(runs).values(n_source_rows=12, n_contacts=12, n_audience=12, n_messages=12))
    assert adopt_kept(bench) == Adopted(n_matched=1, n_accepted=1, n_unsent=0)
    assert bench.rows("select run, batch, row from receipts order by receipt") == [
        (1, 4, 1),
        (None, None, None),
    ]
    assert bench.audit().terms["delivered"] == 1
    assert [kind for kind, _ in bench.events("receipts", "adopted")] == ["receipts", "adopted"]
    assert adopt_kept(bench) == NOTHING


def test_a_receipt_by_the_gateways_own_id_is_matched_after_its_settle_as_well(bench):
    leave_in_doubt(bench, 2)
    bench.receive(
        Receipt(gateway_message_id="g5", reference=None, status=ReceiptStatus.FAILED),
        Receipt(gateway_message_id="nobody's", reference=None, status=ReceiptStatus.FAILED),
    )
    assert adopt_kept(bench) == Adopted(n_matched=1, n_accepted=0, n_unsent=0)
    assert bench.audit().terms["failed"] == 1
    assert adopt_kept(bench) == NOTHING


def test_a_message_with_a_receipt_is_accepted_however_it_came_to_stand_in_doubt(bench):
    leave_in_doubt(bench, 2, 7)
    bench.do(
        sa.insert(receipts).values(
            account="sim", gateway_message_id="g2", reference="r", part=0, status=int(ReceiptStatus.DELIVERED),
            received_at=bench.now, run=RUN, batch=0, row=2,
        )
    )  # fmt: skip
    assert adopt_kept(bench) == Adopted(n_matched=0, n_accepted=1, n_unsent=0)
    assert bench.terms() == {"accepted": 9, "unconfirmed": 1}
    assert bench.events("adopted") == [("adopted", {"rows": [2], "gateway_message_id": ["g2"]})]
    assert adopt_kept(bench) == NOTHING


def test_what_was_matched_meanwhile_is_not_matched_twice(bench):
    bench.receive(Receipt(gateway_message_id="g5", reference=None, status=ReceiptStatus.DELIVERED))
    claimed = bench.claim(bench.take())
    bench.settle(claimed, *accepted(5))
    bench.rows("update receipts set run = null, batch = null, row = null returning receipt")
    with bench.store.write.begin() as connection:
        unknown = unknown_receipts_of(connection, RUN, "sim", bench.sealer)
    bench.settle(claimed, *accepted(5))  # repeated: matches nothing
    bench.rows("update receipts set run = 1, batch = 0, row = 5 returning receipt")
    n_events = len(bench.events("receipts"))
    assert bench.commit(adopt_receipts, RUN, unknown) == NOTHING
    assert len(bench.events("receipts")) == n_events
