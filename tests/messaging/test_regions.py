import phonenumbers
import pytest

from messaging.regions import _BY_NAME, region_of


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("GB", "GB"),
        (" gb ", "GB"),
        ("UK", "GB"),
        ("GBR", "GB"),
        ("U.S.A.", "US"),
        ("Österreich", "AT"),
        ("OSTERREICH", "AT"),
        ("España", "ES"),
        ("भारत", "IN"),
        ("+49", "DE"),
        ("0049", "DE"),
        ("1", "US"),
        ("44", "GB"),
        ("+800", None),  # of no country
        ("Narnia", None),
        ("", None),
        (None, None),
    ],
)
def test_a_country_is_known_by_code_name_or_country_code(text, region):
    assert region_of(text) == region


def test_every_name_means_a_country_that_the_library_reads():
    assert set(_BY_NAME.values()) <= phonenumbers.SUPPORTED_REGIONS
    assert "" not in _BY_NAME
