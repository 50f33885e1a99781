"""The mistakes that a first version of this ledger made, each as the shortest attack that shows it.

Random search missed some of them for a thousand examples; by hand they are six steps. They stand here for good, beside
the simulation and the ledger machine.
"""

import asyncio
import threading

import pytest
import sqlalchemy as sa

from data.ledger.audit import audit_run
from data.ledger.claiming import claim
from data.ledger.deciding import Decision, decide
from data.ledger.leasing import take
from data.ledger.reconciling import adopt_found, read_in_doubt
from data.ledger.records import Busy, Claim, ClaimRequest, Dedupe, Ended, Lease, Recipients, Settled, Wait
from data.ledger.recovering import expire_leases
from data.ledger.resubmitting import resubmit
from data.ledger.rules import Rules
from data.ledger.settling import settle
from data.store.engine import open_store
from data.store.tables import batches, runs
from engine.reconcile import _as_found
from gateway_clients.base import Capabilities, LookedUp, LookUp
from messaging.batches import BatchRef
from messaging.outcomes import ErrorKind, OutcomeStatus, ReceiptStatus
from tests.data.ledger.conftest import RUN, Bench, accepted, refused
from tests.engine.sender.conftest import Office

HELD_BACK = {"kind": ErrorKind.HELD_BACK, "on_wire": False}


def send_again(bench):
    def ask(connection, now):
        return decide(
            connection, RUN, Decision.SEND_AGAIN, by="Ann", why="they asked", rules=bench.rules, now=now
        )

    return bench.commit(ask)


@pytest.fixture
def office(empty_store):
    opened = Office(empty_store(), 10, None, 1, 2)
    yield opened
    opened.loop.close()


# 1. Doubt is what may be on the wire, not threads x claim


def test_a_process_never_has_more_in_doubt_than_twice_its_open_requests(office):
    """Eight attempts at once, each would claim fifty, and two requests may be open: a kill leaves four in doubt."""
    office.gateway.latency_s = 1.0

    async def eight_until_killed():
        attempts = [asyncio.ensure_future(office.sending(f"attempt {number}")) for number in range(8)]
        await asyncio.sleep(0.5)
        for attempt in attempts:
            attempt.cancel()
        in_flight = office.bench.terms()["in_flight"]
        await asyncio.wait(attempts)
        return in_flight

    assert office.loop.run_until_complete(eight_until_killed()) == 4


# 2. Pace is not reserved without limit


def test_eight_claims_at_one_message_a_second_leave_one_message_in_doubt(bench_of):
    bench = bench_of(rate_mps=1.0)
    lease = bench.take()
    answers = [bench.ask(lease, number) for number in range(8)]
    assert [type(answer) for answer in answers] == [Claim] + [Wait] * 7
    assert bench.terms() == {"in_flight": 1, "not_yet_claimed": 9}


def test_a_pause_is_felt_although_an_hour_of_pace_would_have_been_reserved(bench_of):
    bench = bench_of(rate_mps=1.0)
    lease = bench.take()
    bench.claim(lease)
    bench.move_run("paused")
    assert bench.ask(lease, 1) == Ended(why="paused")


# 3. The equation holds while a claim is open


def test_while_a_claim_is_open_its_messages_are_in_flight_and_nothing_is_missing(bench):
    claimed = bench.claim(bench.take(), most=6)
    assert bench.audit().balanced
    bench.settle(claimed, *accepted(0, 1))
    assert bench.audit().balanced
    assert bench.terms() == {"accepted": 2, "in_flight": 4, "not_yet_claimed": 4}


# 4. A claim settles in parts, each message by its own compare-and-set


def test_a_part_settled_again_after_a_lost_word_takes_nothing_from_the_equation(bench):
    claimed = bench.claim(bench.take(), most=4)
    bench.settle(claimed, *accepted(0, 1))
    assert bench.settle(claimed, *accepted(0, 1)) == Settled(n_applied=0, n_repeated=2, n_late=0)
    bench.settle(claimed, *accepted(2, 3))
    assert bench.terms() == {"accepted": 4, "not_yet_claimed": 6}
    assert bench.rows("select state, n_settled from claims") == [("settled", 4)]


def test_a_receipt_between_two_parts_of_a_claim_is_not_overwritten_by_the_second(bench):
    claimed = bench.claim(bench.take(), most=2)
    bench.settle(claimed, *refused(OutcomeStatus.UNCONFIRMED, 0, kind=ErrorKind.TIMEOUT))
    bench.receive(bench.receipt(0, ReceiptStatus.DELIVERED))
    bench.settle(claimed, *refused(OutcomeStatus.UNCONFIRMED, 0, kind=ErrorKind.TIMEOUT), *accepted(1))
    assert bench.terms() == {"accepted": 2, "not_yet_claimed": 8}


def test_a_settle_told_twice_does_not_speak_for_the_claim_that_holds_the_message_by_then(bench):
    """Its first word was lost; meanwhile the message came back unsent and was claimed anew."""
    lease = bench.take()
    first = bench.claim(lease)
    held_back = refused(OutcomeStatus.UNSENT, *range(10), **HELD_BACK)
    bench.settle(first, *held_back)
    bench.claim(lease, 1)
    bench.settle(first, *held_back)
    assert bench.terms() == {"in_flight": 10}
    assert not isinstance(bench.ask(lease, 2), Claim), "else a second copy leaves while the first may be out"


# 5. A claim's right to send ends, and nobody decides before


@pytest.mark.parametrize(("lease_s", "send_window_s"), [(10.0, 50.0), (30.0, 30.0), (20.0, 2.0)])
def test_at_no_instant_may_two_claims_of_one_message_be_sent(bench_of, lease_s, send_window_s):
    """The six steps: a send window longer than the lease, and `send again` that does not wait for its end."""
    bench = bench_of(n=1)
    bench.with_rules(lease_s=lease_s, send_window_s=send_window_s)
    sleeper = bench.claim(bench.take("sleeper"), most=1)  # 1: it claims, and 2: it sleeps
    may_send_until = bench.now + sleeper.send_for_s
    assert may_send_until <= bench.now + lease_s, "either rule closes it, and both are kept"
    for _ in range(200):
        bench.now += 0.5
        taken = bench.try_to_take("second")  # 3: its batch is taken, and its message is in doubt
        if isinstance(taken, Busy):
            continue
        send_again(bench)  # 4: a person decides, as early as the ledger lets them
        if isinstance(bench.ask(taken, 1), Claim):  # 5: it is claimed anew …
            break
    else:
        pytest.fail("its batch is never worked again")
    assert bench.now >= may_send_until, "6: … while the sleeper could still wake and send it"


def test_send_again_waits_for_the_end_of_a_claim_whose_batch_was_taken_early(bench):
    """Same owner, same process: the retry needs no lease to expire, and the old coroutine may still be flying."""
    claimed = bench.claim(bench.take("attempt"), most=2)
    bench.now += 1
    bench.take("attempt")
    assert bench.terms() == {"unconfirmed": 2, "not_yet_claimed": 8}
    asked = send_again(bench)
    assert (asked.n_decided, asked.n_too_early, asked.ask_again_at) == (0, 2, claimed.send_before + 1)
    bench.now = claimed.send_before
    assert send_again(bench).n_decided == 0
    bench.now += 1
    assert send_again(bench).n_decided == 2


def test_a_claim_given_out_again_after_the_clock_was_set_back_may_not_be_sent_for_longer(bench):
    """Its word was lost, the clock went back an hour: by that clock its right to send would last an hour more."""
    lease = bench.take()
    bench.claim(lease, most=2)
    bench.now -= 3600
    assert bench.claim(lease, most=2).send_for_s <= bench.rules.send_window_s


def test_the_time_of_a_claim_runs_on_while_its_word_is_lost(bench):
    lease = bench.take()
    first = bench.claim(lease, most=2)
    bench.now += 4
    assert bench.claim(lease, most=2).send_for_s == first.send_for_s - 4


def test_a_claim_whose_word_was_lost_is_given_to_nobody_who_came_later(bench):
    """The number may be the same one, but the messages are in doubt by then."""
    bench.claim(bench.take("first"), most=2)
    bench.now += 31
    assert bench.ask(bench.take("second"), 0) == Ended(why="stale")


def test_the_sleeper_that_let_nothing_leave_gives_its_messages_to_its_successor(bench):
    sleeping = bench.claim(bench.take("sleeper"))
    bench.now += 3600
    lease = bench.take("second")
    assert bench.ask(lease, 1) == Ended(why="done"), "in doubt, so nobody may send them"
    bench.settle(sleeping, *refused(OutcomeStatus.UNSENT, *range(10), **HELD_BACK))
    assert list(bench.claim(lease, 1).rows) == list(range(10))


# The store's clock leaps forward, and the holder that is given up too early measures its right to send by its own


def give_up_by_sweep(bench, flights=None):
    def sweep(connection, now):
        return expire_leases(connection, bench.rules, now, flights=flights)

    assert bench.commit(sweep) == [bench.ref]


def give_up_by_take(bench, flights=None):
    def take_it(connection, now):
        return take(connection, bench.ref, "second", bench.rules, now, flights=flights)

    assert isinstance(bench.commit(take_it), Lease)


GIVEN_UP = pytest.mark.parametrize("give_up", [give_up_by_sweep, give_up_by_take])


@GIVEN_UP
def test_send_again_waits_for_a_living_holder_that_a_leap_of_the_clock_gave_up(bench, give_up):
    living = bench.claim(bench.take(), most=2)
    bench.now += 3600  # in no time
    give_up(bench)
    asked = send_again(bench)
    assert (asked.n_decided, asked.n_too_early, asked.ask_again_at) == (0, 2, bench.now + living.send_for_s)
    bench.now += living.send_for_s - 0.5
    assert send_again(bench).n_decided == 0
    bench.now += 0.5
    assert send_again(bench).n_decided == 2


@GIVEN_UP
def test_an_absence_after_a_leap_of_the_clock_proves_nothing_while_the_holder_may_send(bench, give_up):
    living = bench.claim(bench.take(), most=1)
    bench.now += 3600
    give_up(bench)
    capabilities = Capabilities(look_up=LookUp.CONCLUSIVE, look_up_after_s=5.0)
    absent = LookedUp(reference="r", is_known=False)

    def look_up():
        [asked] = bench.commit(read_in_doubt, RUN)
        found = _as_found(asked, absent, capabilities, bench.now)
        bench.commit(lambda connection, now: adopt_found(connection, RUN, "sim", [found], bench.sealer, now))

    bench.now += living.send_for_s + 4.5
    look_up()
    assert bench.terms() == {"unconfirmed": 1, "not_yet_claimed": 9}
    bench.now += 0.5
    look_up()
    assert bench.terms() == {"unsent": 1, "not_yet_claimed": 9}


def test_no_copy_goes_out_after_a_leap_of_the_clock_while_the_holder_may_send(bench):
    living = bench.claim(bench.take())
    bench.now += 3600
    lease = bench.take("reconcile")
    request = ClaimRequest(lease=lease, claim_no=1, recipients=bench.recipients, most=50, is_bulk=False)
    dedupe = Dedupe(window_s=86_400, by_request=False)
    bench.now += living.send_for_s - 0.5
    assert bench.commit(resubmit, request, dedupe, bench.rules) == Ended(why="done")
    bench.now += 0.5
    assert bench.commit(resubmit, request, dedupe, bench.rules).rows == list(range(10))


class DeathCertificate:
    """What a flight record says of a holder that is provably dead: it let the first of its messages leave."""

    def is_dead(self, ref, owner, fence):
        return True

    def departed(self, ref, fence, claim_no, request_key):
        return {0}


@GIVEN_UP
def test_nobody_waits_for_a_holder_whose_flight_record_proves_its_death(bench, give_up):
    bench.claim(bench.take(), most=2)
    bench.now += 3600
    give_up(bench, DeathCertificate())
    assert bench.terms() == {"unsent": 1, "unconfirmed": 1, "not_yet_claimed": 8}
    [asked] = bench.commit(read_in_doubt, RUN)
    assert asked.last_sent_at == bench.now
    assert send_again(bench).n_decided == 1


# 6. A second attempt, and a claim with STOPs taken out, are lists of rows


def test_the_rows_between_two_retried_messages_are_not_sent_again(bench):
    lease = bench.take()
    bench.settle(
        bench.claim(lease),
        *accepted(*range(1, 9)),
        *refused(OutcomeStatus.UNSENT, 0, 9),
    )
    bench.now += 2
    again = bench.claim(lease, 1)
    assert list(again.rows) == [0, 9]
    bench.now += 31
    bench.take("second")
    assert bench.terms() == {"accepted": 8, "unconfirmed": 2}, "its recovery knows the list, too"


def test_a_person_taken_out_of_a_claim_by_a_stop_is_not_put_in_doubt_with_it(bench):
    bench.opt_out(1)
    bench.claim(bench.take(), most=3)
    bench.now += 31
    bench.sweep()
    assert bench.terms() == {"unconfirmed": 2, "stopped": 1, "not_yet_claimed": 7}


# 7. Only requests on the wire are attempts


def test_a_message_held_back_for_an_hour_has_all_its_attempts_left(bench):
    lease = bench.take()
    for number in range(20):
        bench.now += 5
        bench.settle(bench.claim(lease, number), *refused(OutcomeStatus.UNSENT, *range(10), **HELD_BACK))
    for number in range(20, 25):
        bench.now += 31
        bench.settle(bench.claim(lease, number), *refused(OutcomeStatus.UNSENT, *range(10)))
    bench.now += 31
    assert bench.ask(lease, 25) == Ended(why="done")


# 8. A reference names its message without a table


def test_receipts_of_a_run_find_their_rows_whatever_the_gateway_calls_them(bench):
    bench.settle(bench.claim(bench.take()), *refused(OutcomeStatus.UNCONFIRMED, *range(10)))
    bench.receive(*(bench.receipt(row, ReceiptStatus.SENT, gid=f"other {row}") for row in (7, 3)))
    assert bench.rows("select row from outcomes where status = 1 order by row") == [(3,), (7,)]


# 9. Retry-After belongs to the account


def test_after_a_throttle_every_batch_of_the_account_holds_still(bench):
    bench.do(sa.insert(batches).values(run=RUN, batch=1, part=0, n_messages=10))
    bench.do(
        sa.update(runs).values(n_messages=20, n_audience=20, n_contacts=20, n_source_rows=20),
    )
    claimed = bench.claim(bench.take(), most=2)
    bench.settle(claimed, *refused(OutcomeStatus.UNSENT, 0, 1), blocked_s=20)
    bench.ref = BatchRef(RUN, 1)
    other = bench.take("another process")
    assert bench.ask(other) == Wait(wait_s=10)
    bench.now += 20
    assert isinstance(bench.ask(other), Claim)


# 10. An owner is one attempt


def test_a_retry_in_the_same_process_does_not_share_the_lease_of_the_attempt_before(bench):
    first = bench.take("process 7, attempt 1")
    bench.claim(first, most=2)
    assert isinstance(bench.try_to_take("process 7, attempt 2"), Busy)
    bench.now += 31
    bench.take("process 7, attempt 2")
    assert bench.ask(first, 1) == Ended(why="stale")


def test_the_same_attempt_may_take_again_and_its_first_answer_is_worth_nothing_then(bench):
    lost = bench.take("attempt 1")
    kept = bench.take("attempt 1")
    assert kept.fence == lost.fence + 1
    assert bench.ask(lost) == Ended(why="stale")
    assert isinstance(bench.ask(kept), Claim)


# 11. Doubt needs nobody to take the batch


def test_a_batch_that_nobody_works_any_more_is_not_in_flight_for_ever(bench):
    bench.claim(bench.take(), most=4)
    bench.now += 31
    assert bench.sweep() == [bench.ref]
    assert bench.terms() == {"unconfirmed": 4, "not_yet_claimed": 6}


# 12. A settle that keeps failing stops the claiming


def test_while_the_store_takes_no_settle_no_more_than_one_further_claim_is_made(office):
    failing = asyncio.Event()

    async def never(*args, **kwargs):
        await failing.wait()

    office.settle = never
    office.gateway.latency_s = 0.01
    office.bench.with_rules(most_per_claim=1)

    async def for_a_while():
        sending = asyncio.ensure_future(office.sending())
        await asyncio.sleep(20)
        sending.cancel()
        in_flight = office.bench.terms()["in_flight"]
        await asyncio.wait([sending])
        return in_flight

    assert office.loop.run_until_complete(for_a_while()) == 2


# 13. The word of a claim may be lost


def test_a_claim_asked_for_twice_is_one_claim(bench):
    lease = bench.take()
    first, again = bench.claim(lease, 0, most=3), bench.claim(lease, 0, most=5)
    assert (again.claim_no, again.rows, again.request_key) == (0, first.rows, first.request_key)
    assert bench.terms() == {"in_flight": 3, "not_yet_claimed": 7}


def test_a_claim_whose_word_was_lost_is_not_given_to_a_successor(bench):
    lease = bench.take("first")
    bench.claim(lease, 0, most=3)
    bench.now += 31
    successor = bench.take("second")
    assert successor.n_claims == 1
    assert list(bench.claim(successor, successor.n_claims, most=3).rows) == [3, 4, 5]


# 14. No watermark: who is about to be texted is looked up


def test_an_opt_out_that_was_written_late_with_an_early_time_still_stops_the_claim(bench):
    bench.claim(bench.take(), most=2)
    bench.now -= 500
    bench.opt_out(2)
    bench.now += 500
    assert list(bench.claim(bench.take(), 1, most=3).rows) == [3, 4]


# 15. The audit is one snapshot


def test_an_audit_beside_a_busy_sender_always_balances(tmp_path):
    """Several selects would see several states: messages that were never missing."""
    store = open_store(f"sqlite:///{tmp_path}/store.db")
    bench = Bench(store, n=200, rate_mps=None)
    is_done = threading.Event()

    def send():
        lease = bench.take()
        recipients = Recipients(person_keys=["p"] * 200, sender_ids=[None] * 200)
        for number in range(100):
            with store.write.begin() as connection:
                request = ClaimRequest(
                    lease=lease, claim_no=number, recipients=recipients, most=2, is_bulk=False
                )
                claimed = claim(connection, request, bench.rules, bench.now)
            with store.write.begin() as connection:
                settle(connection, claimed, accepted(*claimed.rows), 0.0, 1.0, bench.rules, bench.now)
        is_done.set()

    sender = threading.Thread(target=send)
    sender.start()
    unbalanced, n_audits = [], 0
    while not is_done.is_set():
        with store.read.connect() as connection:
            audit = audit_run(connection, RUN, bench.now)
        n_audits += 1
        if not audit.balanced:
            unbalanced.append(audit.terms)
    sender.join()
    store.close()
    assert unbalanced == []
    assert n_audits > 5


# 16. A clock that is set back freezes nothing


def test_after_a_clock_was_set_back_a_year_the_batch_is_worked_and_the_account_sends(bench_of):
    bench = bench_of(rate_mps=10.0)
    bench.now += 365 * 86_400
    bench.claim(bench.take("with the wrong clock"))
    bench.now -= 365 * 86_400
    lease = bench.take("with the right clock")
    assert bench.claim(lease, 1).start_in_s == 0.0


def test_after_a_clock_was_set_back_a_block_of_the_future_does_not_hold_for_a_year(bench):
    bench.now += 365 * 86_400
    claimed = bench.claim(bench.take("with the wrong clock"), most=1)
    bench.settle(claimed, *refused(OutcomeStatus.UNSENT, 0), blocked_s=60)
    bench.now -= 365 * 86_400
    assert isinstance(bench.ask(bench.take("with the right clock"), 1), Claim)


# 17. Nobody left to send to


def test_a_claim_of_whom_all_have_opted_out_leaves_nothing_open_and_no_row_without_values(bench):
    for row in range(10):
        bench.opt_out(row)
    lease = bench.take()
    assert bench.ask(lease) == Ended(why="done")
    assert bench.rows("select count(*) from claims where state = 'open'") == [(0,)]
    assert bench.terms() == {"stopped": 10}
    assert bench.give_back(lease)


def test_a_claim_that_settled_before_its_holder_died_is_recovered_to_nothing(bench):
    """The statement for an empty list was executed once, without values: a crash in the middle of recovery."""
    claimed = bench.claim(bench.take(), most=2)
    bench.receive(bench.receipt(0, ReceiptStatus.SENT), bench.receipt(1, ReceiptStatus.SENT))
    bench.settle(claimed, *accepted(0, 1))
    assert bench.settle(claimed) == Settled(n_applied=0, n_repeated=0, n_late=0)
    bench.now += 31
    bench.commit(take, bench.ref, "second", Rules())
    assert bench.terms() == {"accepted": 2, "not_yet_claimed": 8}


# What a person decides


def test_a_message_that_was_sent_again_and_fell_in_doubt_again_waits_for_a_person_again(bench_of):
    bench = bench_of(n=1)
    bench.claim(bench.take("first"))
    bench.now += 31
    lease = bench.take("second")
    assert send_again(bench).n_too_early == 1
    bench.outlast()
    assert send_again(bench).n_decided == 1
    bench.claim(lease, 1)
    bench.now += 31
    lease = bench.take("third")
    assert bench.terms() == {"unconfirmed": 1}
    assert bench.ask(lease, 2) == Ended(why="done")
    assert send_again(bench).n_too_early == 1
    bench.outlast()
    assert send_again(bench).n_decided == 1


def test_sent_again_and_refused_as_a_second_copy_it_is_accepted_and_not_rejected(bench_of):
    """A person decided wrongly, the gateway knew better: the message is with it, so nothing of it may be hidden."""
    bench = bench_of(n=1)
    bench.claim(bench.take("first"))
    bench.now += 31
    lease = bench.take("second")
    bench.outlast()
    send_again(bench)
    claimed = bench.claim(lease, 1)
    bench.settle(claimed, *refused(OutcomeStatus.REJECTED, 0, kind=ErrorKind.DUPLICATE, permanent=True))
    assert bench.terms() == {"accepted": 1}
