"""When a person may have messages in doubt sent again: not while anybody may still send the first copy."""

from __future__ import annotations

from data.ledger.deciding import Decision, decide
from messaging.outcomes import OutcomeStatus
from tests.data.ledger.conftest import RUN, refused


def send_again(bench):
    def ask(connection, now):
        return decide(
            connection, RUN, Decision.SEND_AGAIN, by="Ann", why="they asked", rules=bench.rules, now=now
        )

    return bench.commit(ask)


def test_a_clock_that_is_set_back_shortens_nobodys_right_to_send(bench):
    # The holder sleeps with 30 seconds left by its own clock; by the store's clock its claim lies in the future.
    bench.claim(bench.take(), most=2)
    bench.now -= 600
    bench.take("second")
    decided = send_again(bench)
    assert (decided.n_decided, decided.n_too_early) == (0, 2)
    assert decided.ask_again_at == bench.now + 30
    bench.now += 31
    assert send_again(bench).n_decided == 2


def test_the_time_of_what_fell_in_doubt_is_counted_anew_after_a_clock_was_set_back(bench):
    # How much of it is over, nobody knows; and by that clock it would last another year.
    bench.claim(bench.take(), most=2)
    bench.now += 365 * 86_400
    bench.sweep()
    bench.now -= 365 * 86_400
    decided = send_again(bench)
    assert (decided.n_decided, decided.n_too_early, decided.ask_again_at) == (0, 2, bench.now + 30)
    bench.now += 29
    assert send_again(bench).ask_again_at == bench.now + 1, "asking does not prolong it"
    bench.now += 1
    assert send_again(bench).n_decided == 2


def test_an_open_claim_of_a_clock_that_was_set_back_is_its_holders_until_that_is_given_up(bench):
    claimed = bench.claim(bench.take(), most=2)
    bench.settle(claimed, *refused(OutcomeStatus.UNCONFIRMED, 0))
    bench.now -= 600
    assert send_again(bench).n_too_early == 1
    assert bench.rows("select send_before from claims") == [(claimed.send_before,)]
    bench.sweep()
    assert send_again(bench).ask_again_at == bench.now + 30
    bench.outlast()
    assert send_again(bench).n_decided == 2
