"""The carrier's books, without a network and with a clock of the test's own."""

from __future__ import annotations

from collections import Counter

import pytest

from gateway_clients.simulator.carrier import Carrier
from gateway_clients.simulator.mischief import Mischief, Throttle
from gateway_clients.simulator.settings import LIFELIKE, FaultKind, Frequency, SimulatorSettings

NOW = 1_790_000_000.0


def message(number, **changes):
    return {
        "to": f"+46701{number:06d}",
        "text": "Hello",
        "from": "SHOP",
        "reference": f"r{number}",
        **changes,
    }


def carrier(*, seed=1, **settings):
    return Carrier(SimulatorSettings(**settings), seed=seed, id_prefix="t")


def statuses(books, *, now, limit=10_000):
    return {
        receipt["reference"]: receipt["status"] for receipt in books.receipts_from(0, limit=limit, now=now)[0]
    }


def test_each_message_gets_one_answer_in_order():
    answers = carrier().take([message(1), message(2, to="07700"), message(3)], now=NOW)
    assert answers == [
        {"reference": "r1", "id": "t-0", "status": "accepted", "error": None},
        {"reference": "r2", "id": None, "status": "rejected", "error": "invalid_number"},
        {"reference": "r3", "id": "t-1", "status": "accepted", "error": None},
    ]


@pytest.mark.parametrize(
    ("item", "error"),
    [
        ("no object", "invalid_message"),
        (message(1, reference=""), "invalid_reference"),
        (message(1, reference=None), "invalid_reference"),
        (message(1, reference="r" * 65), "invalid_reference"),
        (message(1, to=46701), "invalid_number"),
        (message(1, to="+0701"), "invalid_number"),
        (message(1, text=""), "invalid_text"),
        (message(1, text="x" * 1601), "invalid_text"),
        (message(1, to="+46701239990"), "blocked"),
    ],
)
def test_what_is_refused_says_why(item, error):
    books = carrier()
    (answer,) = books.take([item], now=NOW)
    assert (answer["status"], answer["error"], answer["id"]) == ("rejected", error, None)
    assert (books.account()["messages"], books.account()["rejected"]) == (0, {error: 1})


def test_rules_refuse_by_number_prefix_and_suffix_with_their_own_codes():
    books = carrier(
        reject_numbers={"+46701000001": "opted_out"},
        reject_prefixes={"+358": "sender_refused"},
        reject_suffixes={"77": "no_credit"},
        magic_suffixes=False,
    )
    numbers = ["+46701000001", "+358401234567", "+46701000077", "+46701239990"]
    answers = books.take([message(n, to=to) for n, to in enumerate(numbers)], now=NOW)
    assert [answer["error"] for answer in answers] == ["opted_out", "sender_refused", "no_credit", None]


def test_a_share_refuses_the_same_people_every_time_and_others_with_another_seed():
    def refused(seed):
        answers = carrier(seed=seed, reject_share=0.1).take([message(n) for n in range(2_000)], now=NOW)
        return {answer["reference"] for answer in answers if answer["status"] == "rejected"}

    assert refused(1) == refused(1)
    assert refused(1) != refused(2)
    assert 150 < len(refused(1)) < 250


def test_copies_are_counted_by_reference_and_by_number():
    books = carrier()
    books.take([message(1), message(1), message(2, to="+46701000001"), message(3)], now=NOW)
    account = books.account()
    assert (account["messages"], account["distinct_references"]) == (4, 3)
    assert (account["duplicates_by_reference"], account["duplicates_by_number"]) == (1, 2)
    assert books.references() == ["r1", "r1", "r2", "r3"]


def test_deduplication_answers_with_the_first_id_and_takes_nothing():
    books = carrier(dedupe=True)
    first, again = books.take([message(1), message(1)], now=NOW)
    assert (again["status"], again["id"]) == ("duplicate", first["id"])
    assert (books.account()["messages"], books.account()["deduplicated"]) == (1, 1)


def test_a_receipt_comes_when_it_is_due_and_not_before():
    books = carrier(receipt_delay_s=5)
    books.take([message(1)], now=NOW)
    assert statuses(books, now=NOW + 4.9) == {}
    assert books.receipts_from(0, limit=9, now=NOW + 5)[0] == [
        {"id": "t-0", "reference": "r1", "status": "delivered", "code": "000", "done_at": NOW + 5}
    ]


def test_the_mix_of_receipts_is_as_set_and_the_same_for_the_same_seed():
    def mix():
        books = carrier(undelivered_share=0.2, expired_share=0.1, waiting_share=0.3)
        books.take([message(n) for n in range(3_000)], now=NOW)
        return statuses(books, now=NOW)

    counts = Counter(mix().values())
    assert mix() == mix()
    assert counts["undelivered"] == pytest.approx(600, rel=0.15)
    assert counts["expired"] == pytest.approx(300, rel=0.2)
    assert counts["delivered"] == pytest.approx(1_200, rel=0.1)
    assert counts.total() == pytest.approx(2_100, rel=0.1)


@pytest.mark.parametrize(
    ("suffix", "at_once", "at_last"),
    [
        ("9991", ["undelivered"], ["undelivered"]),
        ("9992", ["expired"], ["expired"]),
        ("9993", [], []),
        ("9994", [], ["delivered"]),
        ("9995", ["delivered", "delivered"], ["delivered", "delivered"]),
        ("9996", ["delivered"], ["delivered"]),
    ],
)
def test_magic_suffixes_have_a_fixed_fate(suffix, at_once, at_last):
    books = carrier(late_delay_s=30)
    books.take([message(1, to=f"+4670123{suffix}")], now=NOW)
    for now, expected in ((NOW, at_once), (NOW + 30, at_last)):
        receipts, _ = books.receipts_from(0, limit=9, now=now)
        assert [receipt["status"] for receipt in receipts] == expected


def test_late_receipts_come_out_of_order_and_doubled_ones_twice():
    books = carrier(late_share=0.3, late_delay_s=10, doubled_share=0.2)
    books.take([message(n) for n in range(500)], now=NOW)
    on_time = len(books.receipts_from(0, limit=10_000, now=NOW)[0])
    seen = Counter(receipt["reference"] for receipt in books.receipts_from(0, limit=10_000, now=NOW + 10)[0])
    assert len(seen) == 500
    assert set(seen.values()) == {1, 2}
    assert on_time < seen.total()


def test_positions_page_through_the_receipts_without_gap_or_overlap():
    books = carrier()
    books.take([message(n) for n in range(7)], now=NOW)
    seen, position = [], 0
    while page := books.receipts_from(position, limit=3, now=NOW)[0]:
        seen += [receipt["reference"] for receipt in page]
        position += len(page)
    assert seen == [f"r{n}" for n in range(7)]
    assert books.receipts_from(99, limit=3, now=NOW) == ([], 99)


def test_what_was_consumed_is_not_handed_out_again():
    books = carrier()
    books.take([message(n) for n in range(3)], now=NOW)
    books.add_reply(msisdn="+46701", to="SHOP", text="STOP", now=NOW)
    pages = [books.consume(limit=2, now=NOW) for _ in range(3)]
    assert [[receipt["reference"] for receipt in receipts] for receipts, _ in pages] == [
        ["r0", "r1"],
        ["r2"],
        [],
    ]
    assert [[reply["text"] for reply in replies] for _, replies in pages] == [["STOP"], [], []]


def test_a_throttle_lets_a_second_of_messages_in_and_then_says_how_long_to_wait():
    throttle = Throttle()
    assert throttle.wait_s(10, per_s=10, now=NOW) == 0
    assert throttle.wait_s(1, per_s=10, now=NOW) == pytest.approx(0.1)
    assert throttle.wait_s(1, per_s=10, now=NOW + 0.1) == 0
    assert throttle.wait_s(1, per_s=0, now=NOW) == 0


def test_a_throttle_takes_a_request_larger_than_a_second_and_makes_the_next_ones_pay():
    throttle = Throttle()
    assert throttle.wait_s(50, per_s=10, now=NOW) == 0
    assert throttle.wait_s(1, per_s=10, now=NOW) == pytest.approx(4.1)
    assert throttle.wait_s(1, per_s=10, now=NOW + 4.2) == 0


def test_a_fault_strikes_every_nth_request():
    mischief = Mischief(seed=1)
    faults = {FaultKind.UNAVAILABLE: Frequency(every=3)}
    struck = []
    for n in range(6):
        assert not mischief.strikes_before_reading(faults)
        struck.append(mischief.fault_for(f"r{n}", faults))
    assert struck == [None, None, FaultKind.UNAVAILABLE] * 2


def test_a_fault_by_chance_strikes_the_same_requests_and_gives_a_second_attempt_a_new_chance():
    faults = {FaultKind.UNAVAILABLE: Frequency(share=0.5)}

    def struck():
        mischief = Mischief(seed=7)
        return [[mischief.fault_for(f"r{n}", faults) is not None for _ in range(8)] for n in range(50)]

    assert struck() == struck()
    assert 10 < sum(first for first, *_ in struck()) < 40
    assert all(not all(attempts) for attempts in struck())


def test_what_people_get_has_a_bit_of_everything():
    books = Carrier(LIFELIKE, seed=1, id_prefix="t")
    answers = books.take([message(n) for n in range(2_000)], now=NOW)
    receipts = [receipt["status"] for receipt in books.receipts_from(0, limit=10_000, now=NOW + 60)[0]]
    assert {answer["status"] for answer in answers} == {"accepted", "rejected"}
    assert set(receipts) == {"delivered", "undelivered", "expired"}
    n_accepted = books.account()["messages"]
    assert (
        len({receipt["id"] for receipt in books.receipts_from(0, limit=10_000, now=NOW + 60)[0]}) < n_accepted
    )
