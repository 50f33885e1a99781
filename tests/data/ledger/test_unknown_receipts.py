"""Receipts for ids that nobody knew when they came, matched when the settle brings the id."""

from data.ledger.records import Settled
from messaging.outcomes import OutcomeStatus, Receipt, ReceiptStatus
from tests.data.ledger.conftest import accepted, refused


def nameless(row, status=ReceiptStatus.DELIVERED):
    """A receipt that names the gateway's own id only."""
    return Receipt(gateway_message_id=f"g{row}", reference=None, status=status, code="000", done_at=7.0)


def receipts(bench):
    return bench.rows("select gateway_message_id, run, batch, row from receipts order by receipt")


def test_a_receipt_that_was_here_before_its_id_is_matched_by_the_settle(bench):
    claimed = bench.claim(bench.take())
    bench.receive(nameless(3), nameless(4, ReceiptStatus.SENT), nameless(77))
    assert receipts(bench) == [("g3", None, None, None), ("g4", None, None, None), ("g77", None, None, None)]
    bench.settle(claimed, *accepted(*range(10)))
    assert receipts(bench) == [("g3", 1, 0, 3), ("g4", 1, 0, 4), ("g77", None, None, None)]
    terms = bench.audit().terms
    assert (terms["delivered"], terms["waiting"]) == (1, 9)
    assert bench.rows("select receipt_code, receipt_at from outcomes where row = 3") == [("000", 7.0)]
    [(_, told)] = bench.events("receipts")
    assert (told["rows"], told["status"]) == ([3, 4], [ReceiptStatus.DELIVERED, ReceiptStatus.SENT])


def test_a_late_acceptance_brings_its_receipt_along(bench):
    claimed = bench.claim(bench.take(), most=1)
    bench.now += 31
    bench.sweep()
    bench.receive(nameless(0))
    assert bench.terms()["unconfirmed"] == 1
    bench.settle(claimed, *accepted(0))
    assert (bench.terms()["accepted"], bench.audit().terms["delivered"]) == (1, 1)


def test_a_receipt_of_another_account_is_left_alone(bench):
    claimed = bench.claim(bench.take(), most=1)
    bench.receive(nameless(0))
    bench.rows("update receipts set account = 'another' returning receipt")
    bench.settle(claimed, *accepted(0))
    assert receipts(bench) == [("g0", None, None, None)]


def test_what_was_not_accepted_has_no_id_to_match(bench):
    claimed = bench.claim(bench.take(), most=2)
    bench.receive(Receipt(gateway_message_id="", reference="of a stranger", status=ReceiptStatus.DELIVERED))
    settled = bench.settle(claimed, *refused(OutcomeStatus.UNCONFIRMED, 0), *refused(OutcomeStatus.UNSENT, 1))
    assert settled == Settled(n_applied=2, n_repeated=0, n_late=0)
    assert receipts(bench) == [("", None, None, None)]


def test_a_settle_that_is_repeated_tells_of_the_receipt_once(bench):
    claimed = bench.claim(bench.take(), most=1)
    bench.receive(nameless(0))
    bench.settle(claimed, *accepted(0))
    bench.settle(claimed, *accepted(0))
    assert len(bench.events("receipts")) == 1
