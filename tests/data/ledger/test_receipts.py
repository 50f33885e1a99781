import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.ledger.records import Recorded
from messaging.outcomes import ErrorKind, OutcomeStatus, Receipt, ReceiptStatus
from tests.data.ledger.conftest import accepted, refused

FINAL = [status for status in ReceiptStatus if status.is_final]


@pytest.fixture
def sent(bench):
    """Ten messages, all accepted."""
    bench.settle(bench.claim(bench.take()), *accepted(*range(10)))
    return bench


def standing(bench, row):
    return bench.rows(f"select status, receipt, gateway_message_id from outcomes where row = {row}")[0]


def test_a_receipt_counts_once_however_often_it_comes(sent):
    receipts = [sent.receipt(0, ReceiptStatus.SENT), sent.receipt(0, ReceiptStatus.DELIVERED)]
    assert sent.receive(*receipts, receipts[0]) == Recorded(n_new=2, n_repeated=1, n_unknown=0, n_adopted=0)
    assert sent.receive(*receipts) == Recorded(n_new=0, n_repeated=2, n_unknown=0, n_adopted=0)
    assert len(sent.events("receipts")) == 1
    assert sent.rows("select count(*) from receipts") == [(2,)]


def test_a_reference_in_upper_case_is_the_same_receipt(sent):
    receipt = sent.receipt(0, ReceiptStatus.DELIVERED)
    shouted = Receipt(
        gateway_message_id=receipt.gateway_message_id,
        reference=receipt.reference.upper(),
        status=receipt.status,
        done_at=receipt.done_at,
    )
    sent.receive(receipt)
    assert sent.receive(shouted).n_repeated == 1


def test_a_final_status_never_goes_back(sent):
    sent.receive(sent.receipt(0, ReceiptStatus.DELIVERED))
    sent.receive(sent.receipt(0, ReceiptStatus.SENT), sent.receipt(0, ReceiptStatus.UNDELIVERED))
    assert standing(sent, 0) == (OutcomeStatus.ACCEPTED, ReceiptStatus.DELIVERED, "g0")
    assert sent.audit().terms["delivered"] == 1


@settings(max_examples=30, deadline=None)
@given(
    order=st.permutations(
        [ReceiptStatus.QUEUED, ReceiptStatus.SENT, ReceiptStatus.FAILED, ReceiptStatus.DELIVERED]
    ),
    settled_after=st.integers(0, 4),
)
def test_whatever_the_order_of_receipts_and_settle_the_ledger_is_the_same(fresh_bench, order, settled_after):
    """The law of receipts: they commute, with each other and with the settle."""
    bench = fresh_bench()
    claimed = bench.claim(bench.take(), most=1)
    for position, status in enumerate(order):
        if position == settled_after:
            bench.settle(claimed, *accepted(0))
        bench.receive(bench.receipt(0, status))
    if settled_after == len(order):
        bench.settle(claimed, *accepted(0))
    assert standing(bench, 0) == (OutcomeStatus.ACCEPTED, ReceiptStatus.DELIVERED, "g0")


@pytest.fixture(scope="module")
def fresh_bench():
    from data.store.engine import open_store
    from tests.data.ledger.conftest import Bench

    stores = []

    def make():
        stores.append(open_store("sqlite://"))
        return Bench(stores[-1], n=2, rate_mps=None)

    yield make
    for store in stores:
        store.close()


@pytest.mark.parametrize("status", [OutcomeStatus.UNSENT, OutcomeStatus.REJECTED, OutcomeStatus.UNCONFIRMED])
def test_a_receipt_is_proof_whatever_the_outcome_says(bench, status):
    lease = bench.take()
    bench.settle(bench.claim(lease, most=1), *refused(status, 0))
    assert bench.receive(bench.receipt(0, ReceiptStatus.SENT)).n_adopted == 1
    assert standing(bench, 0) == (OutcomeStatus.ACCEPTED, ReceiptStatus.SENT, "g0")
    assert bench.events("adopted") == [("adopted", {"rows": [0], "gateway_message_id": ["g0"]})]
    bench.now += 60
    assert 0 not in bench.claim(bench.take("the rerun"), 1).rows


def test_a_receipt_for_a_stopped_message_makes_it_accepted(bench):
    bench.opt_out(0)
    bench.claim(bench.take())
    bench.receive(bench.receipt(0, ReceiptStatus.DELIVERED))
    assert bench.terms() == {"accepted": 1, "in_flight": 9}


def test_a_receipt_for_a_message_assumed_sent_makes_it_accepted(bench):
    bench.settle(bench.claim(bench.take()), *refused(OutcomeStatus.UNCONFIRMED, *range(10)))
    bench.rows("update outcomes set decision = 'assumed sent' where row = 3 returning row")
    bench.receive(bench.receipt(3, ReceiptStatus.DELIVERED))
    assert bench.terms() == {"accepted": 1, "unconfirmed": 9}
    assert bench.audit().terms["assumed_sent"] == 0


def test_a_receipt_for_a_later_attempt_in_flight_waits_for_its_settle(bench):
    lease = bench.take()
    bench.settle(
        bench.claim(lease, most=1), *refused(OutcomeStatus.UNSENT, 0, kind=ErrorKind.HELD_BACK, on_wire=False)
    )
    bench.settle(bench.claim(lease, 1), *accepted(*range(1, 10)))
    newer = bench.claim(lease, 2)
    bench.receive(bench.receipt(0, ReceiptStatus.DELIVERED, gid="an earlier copy"))
    assert bench.terms() == {"accepted": 9, "in_flight": 1}
    bench.settle(newer, *accepted(0))
    assert standing(bench, 0) == (OutcomeStatus.ACCEPTED, ReceiptStatus.DELIVERED, "g0")
    kind, late = bench.events()[-1]
    assert (kind, late["rows"], late["gateway_message_id"]) == ("late", [0], ["an earlier copy"])
    assert late["possible_duplicate"] == [True]


def test_a_receipt_that_names_another_message_of_the_gateway_is_a_possible_duplicate(sent):
    sent.receive(sent.receipt(0, ReceiptStatus.DELIVERED, gid="another"))
    kind, late = sent.events()[-1]
    assert (kind, late["possible_duplicate"]) == ("late", [True])
    assert standing(sent, 0)[2] == "g0"


def test_parts_may_have_ids_of_their_own(sent):
    sent.receive(sent.receipt(0, ReceiptStatus.DELIVERED, gid="part one", part=1))
    assert sent.events("late") == []


@pytest.mark.parametrize("reference", [None, "", "not one of ours", "0" * 20])
def test_a_receipt_for_an_unknown_id_is_kept(sent, reference):
    stranger = Receipt(gateway_message_id="x", reference=reference, status=ReceiptStatus.DELIVERED)
    assert sent.receive(stranger) == Recorded(n_new=1, n_repeated=0, n_unknown=1, n_adopted=0)
    assert sent.rows("select gateway_message_id, reference, run from receipts") == [
        ("x", reference or "", None)
    ]
    assert sent.receive(stranger).n_repeated == 1


@pytest.mark.parametrize(("run", "batch", "row"), [(2, 0, 0), (1, 7, 0), (1, 0, 10)])
def test_a_reference_of_ours_that_is_not_in_this_store_is_kept_as_unknown(sent, run, batch, row):
    reference = sent.sealer.seal(run, batch, row)
    receipt = Receipt(gateway_message_id="x", reference=reference, status=ReceiptStatus.DELIVERED)
    assert sent.receive(receipt).n_unknown == 1
    assert sent.rows("select reference, run from receipts") == [(reference, None)]


def test_an_empty_page_changes_nothing(sent):
    assert sent.receive() == Recorded(n_new=0, n_repeated=0, n_unknown=0, n_adopted=0)
    assert sent.events("receipts") == []


@pytest.mark.parametrize("status", FINAL)
def test_every_final_status_has_a_term_of_its_own(sent, status):
    sent.receive(sent.receipt(0, status))
    term = "rejected_later" if status is ReceiptStatus.REJECTED else status.name.lower()
    found = sent.audit().terms
    assert (found[term], found["waiting"], found["no_receipt"]) == (1, 9, 0)


def test_after_its_validity_a_silent_message_has_no_receipt(sent):
    sent.receive(sent.receipt(0, ReceiptStatus.DELIVERED), sent.receipt(1, ReceiptStatus.QUEUED))
    sent.now += 3600
    found = sent.audit().terms
    assert (found["delivered"], found["waiting"], found["no_receipt"]) == (1, 0, 9)
