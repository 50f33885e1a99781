import pytest

from messaging.tally import DONE, BatchTally


@pytest.mark.parametrize(
    ("tally", "words"),
    [
        (
            BatchTally(
                batch=17,
                accepted=940,
                rejected=12,
                unsent=48,
                reasons={"unsent": {"throttled": 40, "timeout": 8}},
            ),
            "batch 17: 940 accepted, 12 rejected, 48 unsent (40 gateway throttled, 8 no answer in time)",
        ),
        (
            BatchTally(batch=18, unsent=48, reasons={"unsent": {"throttled": 48}}),
            "batch 18: 48 unsent (gateway throttled)",
        ),
        (
            BatchTally(
                batch=19,
                unsent=10,
                reasons={"unsent": {"unknown": 1, "throttled": 5, "no_credit": 1, "unavailable": 2, "x": 1}},
            ),
            "batch 19: 10 unsent (5 gateway throttled, 2 gateway unavailable, 1 out of credit, 2 for other reasons)",
        ),
        (BatchTally(batch=0, accepted=1000), "batch 0: 1,000 accepted"),
        (
            BatchTally(batch=3, accepted=1, not_claimed=9, ended="paused"),
            "batch 3: 1 accepted, 9 not sent yet (paused)",
        ),
        (BatchTally(batch=4, not_claimed=9, ended=DONE), "batch 4: 9 not sent yet"),
        (
            BatchTally(batch=5, stopped=2, reasons={"stopped": {"opted_out": 2}}),
            "batch 5: 2 stopped (opted out)",
        ),
        (BatchTally(batch=6), "batch 6: no messages"),
    ],
)
def test_a_tally_in_words(tally, words):
    assert tally.in_words() == words


@pytest.mark.parametrize(
    ("counts", "needs_attention"),
    [
        ({"accepted": 5, "rejected": 1, "stopped": 1}, False),
        ({"unconfirmed": 5}, False),
        ({"unsent": 1}, True),
        ({"not_claimed": 1}, True),
    ],
)
def test_attention_is_needed_where_another_run_would_send(counts, needs_attention):
    assert BatchTally(batch=0, **counts).needs_attention is needs_attention


def test_a_tally_counts_every_message_once():
    tally = BatchTally(
        batch=0, accepted=1, rejected=2, unsent=4, unconfirmed=8, stopped=16, in_flight=32, not_claimed=64
    )
    assert tally.n_messages == 127
