import asyncio
from itertools import pairwise

import pytest
import sqlalchemy as sa

from data.accounts import set_rate
from data.ledger.pacing import late_s
from gateway_clients.verdicts import rejected, unconfirmed, unsent
from messaging.outcomes import ErrorKind, Outcome, OutcomeStatus
from messaging.tally import BatchTally
from tests.engine.sender.conftest import accept


def test_a_batch_is_sent_once_and_given_back(office):
    assert office.send() == BatchTally(batch=0, accepted=10)
    assert sorted(office.gateway.rows) == list(range(10))
    assert office.bench.rows("select owner from batches") == [(None,)]


def test_a_finished_batch_sends_nothing(office):
    office.send()
    assert office.send("the rerun") == BatchTally(batch=0, accepted=10)
    assert len(office.gateway.rows) == 10


def test_of_two_owners_at_once_one_sends_and_the_other_says_busy(office):
    async def both():
        return await asyncio.gather(office.sending("first"), office.sending("second"))

    first, second = office.loop.run_until_complete(both())
    assert (first.accepted, second.ended) == (10, "busy")
    assert sorted(office.gateway.rows) == list(range(10))


def test_one_by_one_each_request_has_a_key_of_its_own_and_never_more_are_open_than_allowed(office_of):
    office = office_of(120, concurrency=7)
    office.gateway.latency_s = 1.0
    assert office.send().accepted == 120
    assert office.gateway.most_open == 7
    assert len(set(office.gateway.request_keys)) == 120
    assert max(len(claim.rows) for claim in office.claims) == 14, (
        "claimed and unsettled: twice the concurrency"
    )


def test_in_bulk_a_claim_is_one_request(office_of):
    office = office_of(25, bulk_size=10)
    assert office.send().accepted == 25
    assert [rows for _, rows in office.gateway.requests] == [
        list(range(10)),
        list(range(10, 20)),
        list(range(20, 25)),
    ]
    assert office.settles == [10, 10, 5]


@pytest.mark.parametrize("rate_mps", [4, 20, 200])
def test_messages_leave_at_the_accounts_pace(office_of, rate_mps):
    office = office_of(60, rate_mps=rate_mps)
    assert office.send().accepted == 60
    times = sorted(at for at, _ in office.gateway.requests)
    # An idle account may begin with what a message may be late, so that gaps between claims are made up for.
    assert 59 / rate_mps - 0.02 <= times[-1] - times[0] <= 59 / rate_mps * 1.01
    assert worst_second(times) <= max(rate_mps * 1.05, rate_mps + 1)


def worst_second(times):
    return max(sum(1 for t in times if start <= t < start + 1) for start in times)


def test_what_waited_for_a_lane_of_a_stalled_gateway_leaves_in_slots_of_its_own(office_of):
    office = office_of(400, rate_mps=200, concurrency=25)

    def answer_all_at_once():
        asleep = 0.5 < office.loop.time() < 3.5
        office.gateway.latency_s = 3.5 - office.loop.time() if asleep else 0.01

    office.gateway.before_leaving = answer_all_at_once
    assert office.send().accepted == 400
    times = [at for at, _ in office.gateway.requests]
    assert not [at for at in times if 1 < at < 3.5]
    fullest = max(sum(1 for at in times if start <= at < start + 0.1) for start in times)
    assert fullest <= 200 * (0.1 + late_s(1 / 200)) + 1


def test_what_would_wait_too_long_for_another_slot_comes_back_and_is_claimed_again(office_of):
    office = office_of(20, rate_mps=20, concurrency=3)
    office.loop.call_later(0.5, lambda: setattr(office.gateway, "latency_s", 3.0))

    def wake_up():
        office.gateway.latency_s = 0.01
        office.bench.rows(f"update accounts set next_free_at = {office.now() + 5} returning account")

    office.loop.call_later(3.0, wake_up)
    assert office.send().accepted == 20
    assert sorted(office.gateway.rows) == list(range(20))
    assert office.bench.rows("select max(attempts) from outcomes") == [(1,)]
    assert len([at for at, _ in office.gateway.requests if 3.2 < at < 7.4]) == 0


@pytest.mark.parametrize(("before", "after"), [(0.1, 20.0), (20.0, 2.0)])
def test_another_rate_takes_effect_within_two_seconds(office_of, before, after):
    office = office_of(60, rate_mps=before)
    office.loop.call_later(2.5, lambda: set_rate(office.bench.store, "sim", after, by="a test", now=0))
    assert office.send().accepted == 60
    times = [at for at, _ in office.gateway.requests if at >= 4.5]
    assert len([at for at in times if at < 5.5]) == pytest.approx(after, abs=1)


def test_a_claim_that_lasts_is_settled_in_parts(office_of):
    office = office_of(20, rate_mps=80)

    def slow_for_the_last(messages):
        office.gateway.latency_s = 2.0 if int(messages[0].text) >= 18 else 0.01
        return [accept(m) for m in messages]

    office.gateway.say = slow_for_the_last
    office.gateway.latency_s = 0.01
    assert office.send().accepted == 20
    assert len(office.settles) > 1
    assert sum(office.settles) == 20


# What may not leave


def test_a_sleeper_lets_nothing_leave_and_its_messages_are_sent_by_its_successor(office):
    """Stopped between its claim and its first byte for longer than its lease, while another takes the batch."""

    def sleep_through():
        office.gateway.before_leaving = lambda: None
        office.loop._no_waiting.now_s += 3600

    office.gateway.before_leaving = sleep_through
    tally = office.send("sleeper")
    assert tally.accepted == 10
    assert sorted(office.gateway.rows) == list(range(10))
    assert min(at for at, _ in office.gateway.requests) > 3600
    assert office.bench.rows("select max(attempts) from outcomes") == [(1,)], "held back counts no attempt"


def test_an_answer_of_the_ledger_that_came_too_late_lets_nothing_leave(office):
    """The word of the claim took longer than the claim is worth: boot time from before the question decides."""
    office.bench.with_rules(send_window_s=1.0)
    real_claim = office.claim
    n_asked = 0

    async def slow_word(asked):
        nonlocal n_asked
        n_asked += 1
        answer = await real_claim(asked)
        if n_asked == 1:
            await asyncio.sleep(5)
        return answer

    office.claim = slow_word
    assert office.send().accepted == 10
    assert min(at for at, _ in office.gateway.requests) > 5
    assert len(office.claims) > 1


def test_after_a_throttle_nothing_leaves_until_the_gateway_wants_it(office_of):
    office = office_of(30, concurrency=1)
    office.gateway.say = lambda messages: (
        unsent(ErrorKind.THROTTLED, retry_after_s=7).outcomes(messages)
        if len(office.gateway.requests) == 1
        else [accept(m) for m in messages]
    )
    assert office.send().accepted == 30
    times = [at for at, _ in office.gateway.requests]
    assert times[1] - times[0] >= 7
    assert len(times) == 31


def test_a_throttle_holds_for_the_whole_account_in_the_store(office_of):
    office = office_of(3, concurrency=1)
    office.gateway.say = lambda messages: unsent(ErrorKind.THROTTLED, retry_after_s=5000).outcomes(messages)
    tally = office.send()
    assert (tally.unsent, tally.ended) == (2, "blocked")
    assert tally.not_claimed == 1
    blocked_until = office.bench.rows("select blocked_until from accounts")[0][0]
    assert blocked_until == pytest.approx(office.started_at + 5000, abs=1)
    assert len(office.gateway.requests) == 1


# Attempts


def test_unsent_is_tried_again_and_after_five_attempts_told_with_its_reason(office):
    office.gateway.say = lambda messages: [
        unsent(ErrorKind.UNAVAILABLE).outcome(m.reference) if m.text == "4" else accept(m) for m in messages
    ]
    tally = office.send()
    assert tally.in_words() == "batch 0: 9 accepted, 1 unsent (gateway unavailable)"
    assert office.gateway.rows.count(4) == 5
    assert len(office.gateway.rows) == 14
    times = [at for at, rows in office.gateway.requests if rows == [4]]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert all(low <= gap <= 2 * low + 2 for low, gap in zip([0.5, 1, 2, 4], gaps, strict=True))


def test_a_gateway_out_of_reach_is_given_up_after_a_few_claims(office_of):
    office = office_of(1000)
    office.gateway.say = lambda messages: unsent(ErrorKind.CONNECT_FAILED, on_wire=False).outcomes(messages)
    tally = office.send()
    assert tally.ended == "unreachable"
    assert (tally.unsent, tally.not_claimed) == (250, 750)
    assert tally.in_words() == "batch 0: 250 unsent (gateway unreachable), 750 not sent yet (unreachable)"
    assert 5 < office.loop.time() < 60
    assert office.bench.rows("select max(attempts) from outcomes") == [(0,)]


def test_rejected_and_unconfirmed_are_not_tried_again(office):
    office.gateway.say = lambda messages: (
        rejected(ErrorKind.INVALID_NUMBER).outcomes(messages)
        if int(messages[0].text) % 2
        else unconfirmed(ErrorKind.TIMEOUT).outcomes(messages)
    )
    tally = office.send()
    assert (tally.rejected, tally.unconfirmed, tally.needs_attention) == (5, 5, False)
    assert len(office.gateway.rows) == 10


# Answers that are not what they should be


def test_what_the_gateway_does_not_speak_of_is_unconfirmed_and_strangers_are_ignored(office_of, caplog):
    office = office_of(4, bulk_size=10)
    stranger = Outcome(reference="nobody's", status=OutcomeStatus.REJECTED)
    office.gateway.say = lambda messages: [stranger, *(accept(m) for m in messages[:2])]
    tally = office.send()
    assert (tally.accepted, tally.unconfirmed, tally.reasons) == (2, 2, {"unconfirmed": {"bad_answer": 2}})
    assert "1 messages that it was not given" in caplog.text
    assert "nobody's" not in caplog.text


@pytest.mark.parametrize("second", [OutcomeStatus.REJECTED, OutcomeStatus.UNSENT, OutcomeStatus.STOPPED])
def test_two_answers_that_differ_leave_a_message_in_doubt(office_of, second):
    office = office_of(1)
    office.gateway.say = lambda messages: [
        accept(messages[0]),
        Outcome(reference=messages[0].reference, status=second),
    ]
    assert office.send().unconfirmed == 1


def test_answers_in_another_order_find_their_messages(office_of):
    office = office_of(3, bulk_size=3)
    office.gateway.say = lambda messages: [accept(m) for m in reversed(messages)]
    assert office.send().accepted == 3
    expected = [(row, f"g-{message.reference}") for row, message in enumerate(office.batch.messages)]
    assert office.bench.rows("select row, gateway_message_id from outcomes order by row") == expected


def test_a_client_that_fails_leaves_doubt_and_says_nothing_personal(office, caplog):
    def fail(messages):
        raise KeyError(messages[0].msisdn)

    office.gateway.say = fail
    tally = office.send()
    assert (tally.unconfirmed, tally.reasons) == (10, {"unconfirmed": {"unknown": 10}})
    assert "KeyError" in caplog.text
    assert "447700" not in caplog.text


def test_a_client_that_fails_before_anything_left_is_asked_five_times(office_of):
    office = office_of(1)
    n_asked = 0

    def fail():
        nonlocal n_asked
        n_asked += 1
        raise KeyError

    office.gateway.before_leaving = fail
    assert office.send().unsent == 1
    assert n_asked == 5


def test_an_answer_that_never_comes_is_given_up(office_of):
    office = office_of(3)
    office.gateway.latency_s = 1e6
    tally = office.send()
    assert (tally.unconfirmed, tally.reasons) == (3, {"unconfirmed": {"timeout": 3}})
    assert office.loop.time() < 120


# The end of a process


def test_a_drain_lets_nothing_more_leave_waits_for_answers_and_leaves_nothing_open(office_of):
    office = office_of(200, concurrency=10)
    office.gateway.latency_s = 3.0
    office.loop.call_later(4.0, lambda: office.stop.set(office.loop.time() + 20))
    tally = office.send()
    assert tally.ended == "drained"
    assert (tally.accepted, tally.unconfirmed, tally.in_flight) == (len(office.gateway.rows), 0, 0)
    assert 3 < office.loop.time() < 8
    office.stop = type(office.stop)()
    assert office.send("the rerun").accepted == 200
    assert sorted(office.gateway.rows) == list(range(200))


def test_a_drain_gives_up_answers_that_do_not_come(office_of):
    office = office_of(10)
    office.gateway.latency_s = 1e6
    office.loop.call_later(1.0, lambda: office.stop.set(office.loop.time() + 5))
    tally = office.send()
    assert (tally.unconfirmed, tally.ended) == (10, "drained")
    assert office.loop.time() < 7


def test_a_process_that_drains_already_takes_nothing(office):
    office.stop.set(0)
    assert office.send() == BatchTally(batch=0, not_claimed=10, ended="drained")


# The store's own troubles


def test_a_pause_takes_effect_with_the_next_claim_and_a_resume_sends_the_rest(office_of):
    office = office_of(30, rate_mps=8)
    office.loop.call_later(1.0, lambda: office.bench.move_run("paused"))
    tally = office.send()
    assert tally.ended == "paused"
    assert 0 < tally.accepted < 16
    assert not tally.in_flight
    office.bench.move_run("sending")
    assert office.send("the resume").accepted == 30
    assert sorted(office.gateway.rows) == list(range(30))


def test_while_a_settle_is_not_acknowledged_only_one_more_claim_is_made(office_of):
    """Otherwise a store that takes claims and no settles would put a whole batch in doubt."""
    office = office_of(1000)
    real_settle = office.settle

    async def slow_settle(claim, settlements, **how):
        await asyncio.sleep(1000)
        return await real_settle(claim, settlements, **how)

    office.settle = slow_settle

    async def watch():
        sending = asyncio.ensure_future(office.sending())
        await asyncio.sleep(20)
        n_claims = len(office.claims)
        office.stop.set(0)
        await sending
        return n_claims

    assert office.loop.run_until_complete(watch()) == 2


def test_a_settle_that_fails_for_good_ends_the_work_and_keeps_the_lease(office):
    async def fail(claim, settlements, **how):
        raise sa.exc.OperationalError("settle", {}, Exception("gone"))

    office.settle = fail
    with pytest.raises(sa.exc.OperationalError):
        office.send()
    assert office.bench.rows("select owner from batches") == [("first",)]
    assert office.bench.terms() == {"in_flight": 10}
    assert office.lanes.permits._free == office.lanes.permits.capacity


def test_a_batch_taken_over_in_the_middle_is_left_to_the_new_holder(office_of):
    office = office_of(30, rate_mps=8)

    def take_over():
        office.bench.rows("update batches set owner = 'somebody', fence = fence + 1 returning batch")

    office.loop.call_later(1.0, take_over)
    tally = office.send()
    assert tally.ended == "busy"
    assert office.bench.rows("select owner from batches") == [("somebody",)]
