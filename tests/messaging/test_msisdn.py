import phonenumbers
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging.msisdn import FEWEST_ROWS_FOR_PATTERNS, PHONES, parse_phones, repaired
from messaging.phone_rules import PhoneRule
from tests.messaging.phone_corpus import SOME_REGIONS, corpus


def parse(text, region="GB"):
    """(msisdn, region, type, rule) of one value."""
    return parse_phones(pl.Series([text], dtype=pl.String), region).row(0)


@pytest.mark.parametrize(
    "text",
    [
        "07400 123456",
        "+44 (0)7400 123456",
        "00447400123456",
        "447400123456",
        "7400123456",  # a spreadsheet took it for a number
        "(07400) 123-456",
        "07400.123.456",
        "０７４００１２３４５６",
        "+٤٤ ٧٤٠٠ ١٢٣٤٥٦",
        "\u202a+44 7400 123456\u202c",  # as copied from a phone's contacts
        "'+447400123456",
        "tel: 07400-123456",
        "07400 123456 ext 4",
        "07400\u00a0123456",
        "447400123456.0",
        "447400123456,0",
        "4.47400123456E+11",
        "4,47400123456e11",
    ],
)
def test_every_spelling_of_a_number_is_the_same_msisdn(text):
    assert parse(text) == ("+447400123456", "GB", "mobile", None)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (None, PhoneRule.NO_NUMBER),
        ("", PhoneRule.NO_NUMBER),
        (" \u00a0", PhoneRule.NO_NUMBER),
        ("n/a", PhoneRule.NOT_A_NUMBER),
        ("ann@example.com", PhoneRule.NOT_A_NUMBER),
        ("+", PhoneRule.NOT_A_NUMBER),
        ("0740", PhoneRule.TOO_SHORT),
        ("07400 1234567890", PhoneRule.TOO_LONG),
        ("1" * 300, PhoneRule.TOO_LONG),
        ("+44 7700 900123", PhoneRule.INVALID_NUMBER),  # Ofcom's range for drama
        ("+999 12345678", PhoneRule.UNKNOWN_COUNTRY_CODE),
        ("4.474E+11", PhoneRule.EXCEL_LOST_DIGITS),
        ("4.4740012346E+11", PhoneRule.EXCEL_LOST_DIGITS),
        ("4.474001234561E+11", PhoneRule.EXCEL_LOST_DIGITS),
        ("4E+11", PhoneRule.EXCEL_LOST_DIGITS),
    ],
)
def test_what_is_no_number_gets_the_rule_it_breaks(text, rule):
    assert parse(text) == (None, None, None, rule)


@pytest.mark.parametrize(
    "text",
    [
        "07400123456/07400123457",
        "07400 123456 / 07400 123457",
        "07400123456; 07400123457",  # the library takes the second one for an extension
        "07400123456,07400123457",
        "07400123456 or 07400123457",
        "+447400123456 +447400123457",
        "07400123456 07400123457",
        "07400123456\n07400123457",
        "07400 123456 ext 07400123457",
    ],
)
def test_two_numbers_in_a_cell_are_never_the_first_of_them(text):
    assert parse(text) == (None, None, None, PhoneRule.TWO_NUMBERS)


def test_a_stroke_inside_one_number_makes_no_two():
    assert parse("+49 (0)7071/1234567", "DE") == ("+4970711234567", "DE", "fixed_line", None)


@pytest.mark.parametrize(
    "text",
    [
        "0740012345O",
        "0740O 123456",
        "07400 123456 Bob",
        "0740O 123456 ext 4",
        "0800 FLOWERS",
        "+49 151 234567O8",
    ],
)
def test_letters_among_the_digits_are_not_dropped(text):
    assert parse(text) == (None, None, None, PhoneRule.LETTERS_IN_NUMBER)


def test_a_letter_less_would_be_the_number_of_somebody_else():
    """What this guards against: the library drops a single letter, and the rest is valid here."""
    dropped = phonenumbers.parse("+49 151 2345678O9", None)
    assert phonenumbers.is_valid_number(dropped)
    assert parse("+49 151 2345678O9")[3] == PhoneRule.LETTERS_IN_NUMBER


@pytest.mark.parametrize(
    ("damaged", "mended"),
    [
        ("447400123456.0", "447400123456"),
        ("447400123456,0", "447400123456"),
        ("+447400123456.0", "+447400123456"),
        ("4.47400123456E+11", "447400123456"),
        (" 4,47400123456e11 ", "447400123456"),
        ("4.474E+11", "4.474E+11"),
        ("447400123456.5", "447400123456.5"),
        ("06.12.34.56.70", "06.12.34.56.70"),  # the last pair of a French number, not a fraction
        ("06123456.00", "06123456.00"),
        ("123456.0", "123456.0"),
        ("07400 123456", "07400 123456"),
        (None, None),
    ],
)
def test_excel_damage_is_undone_only_where_no_digit_is_lost(damaged, mended):
    assert repaired(pl.Series([damaged], dtype=pl.String)).to_list() == [mended]


def test_without_a_region_only_numbers_with_country_code_are_read():
    phones = parse_phones(pl.Series(["07400 123456", "+44 7400 123456", "0044 7400 123456"]), None)
    assert phones["msisdn"].to_list() == [None, "+447400123456", None]
    assert phones["rule"].to_list() == [PhoneRule.NO_REGION, None, PhoneRule.NO_REGION]


def test_each_number_is_read_in_its_own_region():
    raw = pl.Series(["0151 12345678", "07400 123456", "(212) 555-0123", "06 12 34 56 78", "0612345678"])
    phones = parse_phones(raw, pl.Series(["DE", "GB", "US", "FR", None]))
    assert phones.rows() == [
        ("+4915112345678", "DE", "mobile", None),
        ("+447400123456", "GB", "mobile", None),
        ("+12125550123", "US", "fixed_line_or_mobile", None),
        ("+33612345678", "FR", "mobile", None),
        (None, None, None, PhoneRule.NO_REGION),
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("020 7946 0018", ("+442079460018", "GB", "fixed_line", None)),
        ("+1 (876) 212-3456", ("+18762123456", "JM", "mobile", None)),
        ("+800 1234 5678", ("+80012345678", "001", "toll_free", None)),
        ("+39 06 1234 5678", ("+390612345678", "IT", "fixed_line", None)),
    ],
)
def test_type_and_region_are_the_librarys(text, found):
    assert parse(text) == found


@pytest.mark.parametrize("region", ["GB", "DE", None])
def test_a_long_column_reads_as_a_short_one(region):
    """The patterns take over from some hundred rows on; what they say must not depend on it."""
    texts = [
        *("07400 123456", "+447400123456", "", None, "n/a", "4.474E+11", "07400123456/07400123457", "0740"),
        *("07400123456 Bob", "+4915112345678", "07400 123456 ext 4", "447400123456.0", "+44 7700 900123"),
        *(
            "12345678901234567890",
            "0740012 3456789",
            "07400" + " " * 250 + "123456",
            "４４7400123456",
            "447457634301",
        ),
    ]
    many = pl.Series(texts * (FEWEST_ROWS_FOR_PATTERNS // 2))
    assert parse_phones(many, region).rows() == [parse(text, region) for text in texts] * (
        FEWEST_ROWS_FOR_PATTERNS // 2
    )


@pytest.mark.slow
def test_of_every_spelling_a_long_column_and_the_library_say_the_same():
    """Of each kind come as many as make tables pay; in a short column only the library is asked."""
    for region, texts in corpus(SOME_REGIONS, seed=20261130, share=0.03):
        texts += [f" {text}.0\t" for text in texts]
        assert len(texts) < FEWEST_ROWS_FOR_PATTERNS
        short = parse_phones(pl.Series(texts), region).rows()
        assert parse_phones(pl.Series(texts * 100), region).rows() == short * 100


def test_no_values_are_no_rows():
    phones = parse_phones(pl.Series([], dtype=pl.String), "GB")
    assert (phones.schema, phones.height) == (PHONES, 0)


def test_every_rule_tells_the_next_step():
    for rule in PhoneRule:
        assert rule.sentence.endswith(".")
        assert any(mark in rule.sentence for mark in (";", ", or"))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.text(alphabet="0123456789+-() ./;,xoE\n＋４e", max_size=24),
            st.sampled_from(["GB", "DE", None]),
        ),
        max_size=8,
    )
)
def test_a_row_has_a_number_or_a_rule_whatever_is_in_the_cell(cells):
    raw = pl.Series([text for text, _ in cells], dtype=pl.String)
    phones = parse_phones(raw, pl.Series([region for _, region in cells], dtype=pl.String))
    assert phones.height == len(cells)
    for msisdn, region, number_type, rule in phones.rows():
        if rule is not None:
            assert (msisdn, region, number_type, PhoneRule(rule)) == (None, None, None, rule)
        else:
            assert phonenumbers.is_valid_number(phonenumbers.parse(msisdn, None))
            assert region is not None
            assert number_type != "unknown"
