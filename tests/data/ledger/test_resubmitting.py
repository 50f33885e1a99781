"""What is in doubt goes out once more, as a claim with all its checks, and only where a second copy is refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.ledger.deciding import Decision, decide
from data.ledger.records import Claim, ClaimKind, ClaimRequest, Dedupe, Ended, Wait
from data.ledger.resubmitting import is_resubmittable, resubmit
from data.store.engine import open_store
from messaging.outcomes import ErrorKind, OutcomeStatus, ReceiptStatus
from tests.data.ledger.conftest import RUN, Bench, accepted, refused

ACCEPTED, UNCONFIRMED = OutcomeStatus.ACCEPTED, OutcomeStatus.UNCONFIRMED
HOUR = Dedupe(window_s=3600, by_request=False)
BY_REQUEST = Dedupe(window_s=3600, by_request=True)


def in_doubt(bench, *rows, most=10, is_bulk=False):
    """The run's only claim so far; these rows of it are in doubt, the others accepted, and its time to send is over."""
    lease = bench.take("sender")
    claimed = bench.claim(lease, most=most, is_bulk=is_bulk)
    others = set(claimed.rows) - set(rows)
    bench.settle(claimed, *accepted(*others), *refused(UNCONFIRMED, *rows, kind=ErrorKind.LOST_CONNECTION))
    bench.give_back(lease)
    bench.now += 31
    return claimed


def ask(bench, lease, claim_no=1, *, dedupe=HOUR, most=50, is_bulk=False):
    request = ClaimRequest(
        lease=lease, claim_no=claim_no, recipients=bench.recipients, most=most, is_bulk=is_bulk
    )
    return bench.commit(resubmit, request, dedupe, bench.rules)


def rows_asked_for(bench, **how):
    answer = ask(bench, bench.take("reconcile"), **how)
    return list(answer.rows) if isinstance(answer, Claim) else answer.why


def test_only_what_is_in_doubt_is_claimed_and_the_claim_says_what_it_is(bench):
    in_doubt(bench, 2, 5)
    claimed = ask(bench, bench.take("reconcile"))
    assert (claimed.rows, claimed.kind, claimed.claim_no) == ([2, 5], ClaimKind.RESUBMIT, 1)
    assert bench.terms() == {"accepted": 8, "in_flight": 2}
    assert bench.events("claim")[-1] == ("claim", {"rows": [2, 5], "kind": "resubmit"})
    assert bench.rows("select kind, state, n from claims where claim_no = 1") == [("resubmit", "open", 2)]


def test_an_acceptance_ends_the_doubt(bench):
    in_doubt(bench, 2, 5)
    lease = bench.take("reconcile")
    bench.settle(ask(bench, lease), *accepted(2, 5))
    assert bench.terms() == {"accepted": 10}
    assert ask(bench, lease, 2) == Ended(why="done")
    assert bench.give_back(lease)


@pytest.mark.parametrize("status", [OutcomeStatus.UNSENT, OutcomeStatus.REJECTED, UNCONFIRMED])
def test_whatever_else_comes_of_a_copy_the_message_is_in_doubt_as_before(bench, status):
    in_doubt(bench, 2)
    lease = bench.take("reconcile")
    bench.settle(ask(bench, lease), *refused(status, 2, kind=ErrorKind.BLOCKED))
    assert bench.terms() == {"accepted": 9, "unconfirmed": 1}
    assert bench.ask(lease, 2).why == "done"  # nothing of it is claimable by a sender
    assert bench.rows("select error_kind from outcomes where status = 4") == [("blocked",)]


def test_a_gateway_that_calls_the_copy_a_duplicate_has_the_first_one(bench):
    in_doubt(bench, 2)
    claimed = ask(bench, bench.take("reconcile"))
    bench.settle(claimed, *refused(OutcomeStatus.REJECTED, 2, kind=ErrorKind.DUPLICATE))
    assert bench.terms() == {"accepted": 10}
    bench.receive(bench.receipt(2, ReceiptStatus.SENT, gid="the first one's"))
    assert bench.rows("select gateway_message_id from outcomes where row = 2") == [("the first one's",)]
    assert bench.audit().terms["possible_duplicates"] == 0


def test_a_holder_that_dies_leaves_its_messages_in_doubt_as_before(bench):
    in_doubt(bench, 2, 5)
    ask(bench, bench.take("reconcile"))
    bench.now += 31
    assert bench.sweep() == [bench.ref]
    assert bench.terms() == {"accepted": 8, "unconfirmed": 2}
    assert rows_asked_for(bench, claim_no=2) == "done", "should it live, it may still send them"
    bench.outlast()
    assert rows_asked_for(bench, claim_no=2) == [2, 5]


def test_asked_again_it_is_the_same_claim_and_under_another_lease_none(bench):
    in_doubt(bench, 2)
    lease = bench.take("reconcile")
    first = ask(bench, lease)
    assert ask(bench, lease) == first
    bench.now += 31
    bench.take("another")
    assert ask(bench, lease, 1) == Ended(why="stale")
    assert ask(bench, lease, 2) == Ended(why="stale")


def test_nothing_goes_out_while_its_first_copy_may_still_be_on_its_way(bench):
    in_doubt(bench, 2)
    bench.now -= 2
    assert rows_asked_for(bench) == "done"
    bench.now += 1  # the very instant
    assert rows_asked_for(bench) == [2]


@pytest.mark.parametrize("state", ["paused", "stopped", "cancelled", "finished_with_unconfirmed"])
def test_only_a_run_that_may_send_sends_again(bench, state):
    in_doubt(bench, 2)
    bench.move_run(state)
    assert rows_asked_for(bench) == state


def test_the_window_of_the_batch_is_obeyed(bench_of):
    late = bench_of(not_after=1_000_040.0)
    in_doubt(late, 2)
    claimed = ask(late, late.take("reconcile"))
    assert claimed.send_before == 1_000_040.0
    late.now += 40
    assert rows_asked_for(late, claim_no=2) == "too_late"
    assert late.terms() == {"accepted": 9, "unconfirmed": 1}


@pytest.mark.parametrize(
    ("after_s", "answer"), [(2999, [2]), (3000, "done"), (3600, "done"), (90_000, "done")]
)
def test_a_sixth_of_the_gateways_window_is_left_unused(bench, after_s, answer):
    in_doubt(bench, 2)
    bench.now = 1_000_000 + after_s
    assert rows_asked_for(bench) == answer


def test_no_copy_leaves_outside_the_window(bench):
    in_doubt(bench, 2)
    bench.now = 1_000_000 + 2990
    claimed = ask(bench, bench.take("reconcile"))
    assert (claimed.send_before, claimed.send_for_s) == (1_003_000, 10)


def test_a_copy_that_fell_in_doubt_does_not_prolong_the_window(bench):
    in_doubt(bench, 2)
    bench.now = 1_000_000 + 2900
    bench.settle(ask(bench, bench.take("reconcile")), *refused(UNCONFIRMED, 2, kind=ErrorKind.TIMEOUT))
    bench.now += 101
    assert rows_asked_for(bench, claim_no=2) == "done"


def test_a_claim_of_the_future_is_of_unknown_age(bench):
    """The clock was set back between the claim and now."""
    in_doubt(bench, 2)
    bench.rows(f"update claims set claimed_at = {bench.now + 1} returning claim_no")
    assert rows_asked_for(bench) == "done"
    bench.now += 1
    assert rows_asked_for(bench) == [2]


@pytest.mark.parametrize("scope", ["", "purpose:marketing"])
def test_who_wrote_stop_or_withdrew_is_left_out_and_stays_in_doubt(bench, scope):
    in_doubt(bench, 2, 5)
    bench.opt_out(5, scope)
    lease = bench.take("reconcile")
    bench.settle(ask(bench, lease), *accepted(2))
    assert ask(bench, lease, 2) == Ended(why="done")
    assert bench.terms() == {"accepted": 9, "unconfirmed": 1}


def test_who_was_forgotten_is_left_out_and_stays_in_doubt(bench):
    in_doubt(bench, 2, 5)
    bench.recipients.person_keys[5] = None
    lease = bench.take("reconcile")
    bench.settle(ask(bench, lease), *accepted(2))
    assert ask(bench, lease, 2) == Ended(why="done")
    assert bench.terms() == {"accepted": 9, "unconfirmed": 1}


@pytest.mark.parametrize("dedupe", [HOUR, BY_REQUEST])
def test_a_bulk_request_with_a_member_who_wrote_stop_is_not_made_again(bench, dedupe):
    in_doubt(bench, *range(10), is_bulk=True)
    bench.opt_out(5)
    assert rows_asked_for(bench, dedupe=dedupe, is_bulk=True) == "done"
    assert bench.terms() == {"unconfirmed": 10}


def test_what_a_person_assumed_sent_is_never_sent_again(bench):
    in_doubt(bench, 2)

    def assume(connection, now):
        decide(connection, RUN, Decision.ASSUMED_SENT, by="A", why="w", rules=bench.rules, now=now)

    bench.commit(assume)
    assert rows_asked_for(bench) == "done"


def test_nothing_is_moved_to_another_account(bench):
    in_doubt(bench, 2)
    bench.rows("update claims set account = 'an older one' returning claim_no")
    assert rows_asked_for(bench) == "done"


def test_a_request_that_is_known_by_its_key_is_made_again_whole_under_that_key(bench):
    first = in_doubt(bench, *range(10), is_bulk=True)
    again = ask(bench, bench.take("reconcile"), dedupe=BY_REQUEST, is_bulk=True, most=500)
    assert (again.rows, again.request_key) == (list(range(10)), first.request_key)


@pytest.mark.parametrize(
    ("in_doubt_now", "was_bulk", "is_bulk", "most"),
    [(range(9), True, True, 500), (range(10), True, True, 9), (range(10), True, False, 50), (range(10), False, True, 500)],
)  # fmt: skip
def test_a_request_that_would_not_be_the_same_is_not_made(bench, in_doubt_now, was_bulk, is_bulk, most):
    in_doubt(bench, *in_doubt_now, is_bulk=was_bulk)
    assert rows_asked_for(bench, dedupe=BY_REQUEST, is_bulk=is_bulk, most=most) == "done"


def test_single_messages_keep_their_keys_as_well(bench):
    first = in_doubt(bench, 2, 5)
    again = ask(bench, bench.take("reconcile"), dedupe=BY_REQUEST, most=50)
    assert (again.rows, again.request_key) == (
        [2, 5],
        first.request_key,
    )  # the sender adds the row to the key


def test_where_messages_are_known_each_request_has_a_key_of_its_own(bench):
    first = in_doubt(bench, 2, 5)
    assert ask(bench, bench.take("reconcile")).request_key != first.request_key


def test_the_pace_of_the_account_is_kept(bench_of):
    bench = bench_of(rate_mps=4)
    for claim_no in range(4):
        lease = bench.take("sender")
        claimed = bench.claim(lease, claim_no)
        bench.settle(claimed, *refused(UNCONFIRMED, *claimed.rows, kind=ErrorKind.TIMEOUT))
        bench.give_back(lease)
        bench.now += 1
    bench.now += 60
    lease = bench.take("reconcile")
    answers = [ask(bench, lease, claim_no) for claim_no in (4, 5, 6, 7)]
    assert [(list(a.rows), a.start_in_s) if isinstance(a, Claim) else a for a in answers] == [
        ([0], 0.0),
        ([1], 0.25),
        ([2], 0.5),
        Wait(wait_s=0.25),
    ]


def test_a_throttled_copy_is_tried_again_under_the_same_lease_with_back_off_and_not_for_ever(bench):
    in_doubt(bench, 2)
    lease = bench.take("reconcile")
    claim_no, waits = 1, []
    while not isinstance(answer := ask(bench, lease, claim_no), Ended):
        if isinstance(answer, Wait):
            waits.append(answer.wait_s)
            bench.now += answer.wait_s
            continue
        bench.settle(answer, *refused(OutcomeStatus.UNSENT, 2, kind=ErrorKind.THROTTLED))
        claim_no += 1
    assert (claim_no - 1, waits) == (bench.rules.max_attempts, [1.0, 2.0, 4.0, 8.0])
    assert bench.terms() == {"accepted": 9, "unconfirmed": 1}


def test_asking_whether_anything_could_go_out_changes_nothing(bench):
    in_doubt(bench, 2)
    request = ClaimRequest(
        lease=bench.take("reconcile"), claim_no=1, recipients=bench.recipients, most=50, is_bulk=False
    )
    before = bench.rows("select * from batches") + bench.rows("select * from claims")

    def is_worth_it(connection, now):
        return is_resubmittable(connection, request, "sim", HOUR, bench.rules, now)

    assert bench.commit(is_worth_it)
    bench.opt_out(2)
    assert not bench.commit(is_worth_it)
    assert bench.rows("select * from batches") + bench.rows("select * from claims") == before


@pytest.fixture(scope="module")
def benches():
    stores = []

    def make():
        stores.append(open_store("sqlite://"))
        return Bench(stores[-1], n=6, rate_mps=None)

    yield make
    for store in stores:
        store.close()


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["claim", "resubmit", "answer", "die", "wait", "stop", "receipt"]),
            st.integers(0, 5),
        ),
        max_size=25,
    )
)
def test_a_sender_never_gets_what_a_copy_left_in_doubt(benches, steps):
    """The law of resubmission: whoever was perhaps sent is claimed by copies only, as long as nothing proves more."""
    bench = benches()
    open_claims, n_claims, doubted = [], 0, set()
    lease = bench.take("0")
    for number, (step, row) in enumerate(steps):
        if step in {"claim", "resubmit"}:
            how = {"most": 2}
            answer = (
                bench.ask(lease, n_claims, **how) if step == "claim" else ask(bench, lease, n_claims, **how)
            )
            if isinstance(answer, Claim):
                assert step == "resubmit" or doubted.isdisjoint(answer.rows)
                assert step == "claim" or doubted.issuperset(answer.rows)
                open_claims.append(answer)
                n_claims += 1
        elif step == "answer" and open_claims:
            claimed = open_claims.pop()
            status = list(OutcomeStatus)[row % 4]
            answers = accepted(*claimed.rows) if status is ACCEPTED else refused(status, *claimed.rows)
            bench.settle(claimed, *answers)
        elif step == "die":
            bench.now += 31
            lease, open_claims = bench.take(str(number + 1)), []
        elif step == "wait":
            bench.now += 40
            bench.sweep()
            lease, open_claims = bench.take(str(number + 1)), []
        elif step == "stop" and not bench.rows(
            f"select 1 from suppressions where person_key = 'person {row}'"
        ):
            bench.opt_out(row)
        elif step == "receipt":
            bench.receive(bench.receipt(row, ReceiptStatus.SENT))
        in_flight_copies = {
            row for claim in open_claims if claim.kind is ClaimKind.RESUBMIT for row in claim.rows
        }
        stands = {row for (row,) in bench.rows("select row from outcomes where status = 4")}
        doubted = stands | (doubted & in_flight_copies)
