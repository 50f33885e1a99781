"""The patterns against the library: E.164 (also of invalid numbers), region, type and the rule, without one difference.

Set FULL_CORPUS=1 for all of the corpus: every region, some minutes. (Not TIDINGS_…: conftest drops those.)
"""

import os

import polars as pl
import pytest

from messaging.msisdn import parse_one
from messaging.phone_patterns import MOST_CHARS, VERDICTS, match_patterns
from messaging.phone_rules import PhoneRule
from tests.messaging.phone_corpus import REGIONS, SOME_REGIONS, corpus

IS_FULL = bool(os.environ.get("FULL_CORPUS"))
REGIONS_HERE, SHARE = (REGIONS, 1.0) if IS_FULL else (SOME_REGIONS, 0.2)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_patterns_say_what_the_library_says_of_every_number_they_decide():
    n = n_decided = n_valid = 0
    differences = []
    for region, texts in corpus(REGIONS_HERE, seed=20261122, share=SHARE):
        decided, undecided = match_patterns(pl.Series(texts), region, fewest_rows=0)
        assert sorted([*decided["i"], *undecided]) == list(range(len(texts)))
        for i, *said in decided.rows():
            truth = list(parse_one(texts[i], region)[:4])
            if said != truth:
                differences.append((region, texts[i], said, truth))
            n_valid += truth[3] is None
        n += len(texts)
        n_decided += decided.height
    assert differences == []
    assert n > (300_000 if IS_FULL else 8_000)
    assert n_decided > 0.9 * n
    assert n_valid > 0.2 * n


def test_without_a_region_the_patterns_read_what_has_a_country_code_and_refuse_the_rest():
    texts = [text for region, texts in corpus(SOME_REGIONS, seed=7, share=0.05) for text in texts]
    decided, undecided = match_patterns(pl.Series(texts), None, fewest_rows=0)
    said = {texts[i]: verdict for i, *verdict in decided.rows()}
    assert said == {text: list(parse_one(text, None)[:4]) for text in said}
    assert decided.height + len(undecided) == len(texts)
    assert decided["rule"].eq(PhoneRule.NO_REGION.value).sum() > 500


@pytest.mark.parametrize(
    "text",
    [
        "07400 123456 int. 12",
        "07400 123456 x1234567",
        "0800 FLOWERS",
        "++447400123456",
        "+44+7400123456",
        "12",
        "+999 12345678",
        "1" * (MOST_CHARS + 1),
    ],
)
def test_what_needs_the_library_is_left_to_it(text):
    decided, undecided = match_patterns(pl.Series([text]), "GB", fewest_rows=0)
    assert (decided.height, undecided.to_list()) == (0, [0])


def test_a_country_with_few_rows_is_left_to_the_library():
    texts = pl.Series(["+4915112345678", *["07400123456"] * 3])
    decided, undecided = match_patterns(texts, "GB", fewest_rows=2)
    assert sorted(decided["i"]) == [1, 2, 3]
    assert undecided.to_list() == [0]


def test_no_values_are_no_verdicts():
    decided, undecided = match_patterns(pl.Series([], dtype=pl.String), "GB")
    assert (decided.schema, decided.height, len(undecided)) == (VERDICTS, 0, 0)
