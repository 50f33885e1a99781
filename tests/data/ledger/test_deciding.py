"""When a person may have messages in doubt sent again: not while anybody may still send the first copy."""

from __future__ import annotations

from data.ledger.deciding import Decision, decide
from tests.data.ledger.conftest import RUN


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


def test_what_fell_in_doubt_after_its_last_instant_is_decided_on_at_once_whatever_the_clock_does_then(bench):
    bench.claim(bench.take(), most=2)
    bench.now += 31
    bench.sweep()
    bench.now -= 600
    assert send_again(bench).n_decided == 2
