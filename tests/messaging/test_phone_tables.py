"""The tables against the library: whatever they decide, it says so too."""

import os

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging.msisdn import parse_one
from messaging.phone_patterns import VERDICTS, read_digits
from messaging.phone_tables import UNDECIDED, PhoneTables
from tests.messaging.phone_corpus import REGIONS, SOME_REGIONS, corpus

IS_FULL = bool(os.environ.get("FULL_CORPUS"))
REGIONS_HERE, SHARE, FEWEST = (REGIONS, 1.0, 3) if IS_FULL else (SOME_REGIONS, 0.2, 2)

TABLES = PhoneTables(fewest=1)


def written(texts):
    numbers, _ = read_digits(
        pl.DataFrame({"i": pl.Series(range(len(texts)), dtype=pl.UInt32), "text": texts})
    )
    return numbers.with_columns(number=pl.col("written").cast(pl.UInt64, strict=False))


def looked_up(tables, numbers, region):
    """VERDICTS on what the tables decide, and the other numbers."""
    answers = tables.look_up(numbers, region)
    is_decided = answers.saying != UNDECIDED
    e164 = ("+" + answers.e164.cast(pl.String)).alias("e164")
    words = answers.sayings.select(pl.all().gather(answers.saying))
    verdicts = pl.DataFrame([numbers["i"], e164, *words])
    return verdicts.filter(is_decided), numbers.filter(~is_decided)


def differences(decided, texts, region):
    return [
        (region, texts[i], said, truth)
        for i, *said in decided.iter_rows()
        if said != (truth := list(parse_one(texts[i], region)[:4]))
    ]


@pytest.mark.slow
@pytest.mark.timeout(3600 if IS_FULL else 300)
def test_the_tables_say_what_the_library_says_of_every_number_they_decide():
    n = n_decided = 0
    wrong = []
    for region, texts in corpus(REGIONS_HERE, seed=20261129, share=SHARE):
        numbers = written(texts)
        decided, others = looked_up(PhoneTables(fewest=FEWEST), numbers, region)
        assert sorted([*decided["i"], *others["i"]]) == sorted(numbers["i"])
        wrong += differences(decided, texts, region)
        n, n_decided = n + numbers.height, n_decided + decided.height
    assert wrong == []
    assert n > (300_000 if IS_FULL else 8_000)
    assert n_decided > 0.1 * n


# Of the plans of prefixes: shared codes, leading zeros, several ways to dial abroad, prefixes that are words of digits.
@settings(max_examples=40, deadline=None)
@given(
    home=st.sampled_from(["GB", "US", "DE", "IT", "KZ", "NO", "FI", "HU", "CN", "IN"]),
    front=st.sampled_from(
        ["", "0", "00", "1", "7", "8", "+", "+1", "+44", "+7", "+39", "+49", "+47", "+800", "+246"]
    ),
    n_digits=st.integers(3, 12),
    data=st.data(),
)
def test_of_one_kind_of_number_all_are_judged_as_the_library_judges_each(home, front, n_digits, data):
    first = data.draw(st.text("0123456789", min_size=4, max_size=4))
    rest = st.text("0123456789", min_size=n_digits, max_size=n_digits)
    texts = [
        front + first[:n_digits] + more[4:] for more in data.draw(st.lists(rest, min_size=1, max_size=30))
    ]
    decided, _ = looked_up(TABLES, written(texts), home)
    assert differences(decided, texts, home) == []


@pytest.mark.parametrize(
    ("texts", "region", "n_decided"),
    [
        (["07400123456", "07400 999 999", "+44 (0)7400 123456", "00447400123456", "447400123456"], "GB", 5),
        (["+4917612345678", "+12125551234", "+390612345678"], None, 3),
        (["07400123456"], None, 0),
        (["+999123456789", "003", "0030", "00412", "+4", "1" * 19, "9" * 30], "GB", 1),  # 19 digits: too long
        (["12345678901234567890", "+12345678901234567890", "00000000000000000447400123456"], "GB", 0),
        (["+5511961234567", "+542231234567"], "GB", 0),  # there, digits are exchanged for others
        (["16210432520026069"], "CI", 0),  # with its country code, too many digits for 64 bits
        (["0011447400123456", "0412345678"], "AU", 1),  # there are several ways to dial abroad
        (["447457634301", "447457034301", "+447457634301"], "GB", 3),  # settled six digits behind the code
    ],
)
def test_what_is_decided_and_what_is_not(texts, region, n_decided):
    decided, others = looked_up(TABLES, written(texts), region)
    assert (decided.height, decided.height + others.height) == (n_decided, written(texts).height)
    assert differences(decided, texts, region) == []


def test_a_shelf_is_made_once_it_pays():
    tables, numbers = PhoneTables(fewest=5), written(["07400123456"] * 3)
    assert [looked_up(tables, numbers, "GB")[0].height for _ in range(3)] == [0, 3, 3]


def test_no_numbers_are_no_verdicts():
    decided, others = looked_up(TABLES, written(["07400123456"]).clear(), "GB")
    assert (decided.schema, decided.height, others.height) == (VERDICTS, 0, 0)
