"""The sample files are what their script makes, and become what expected_counts.csv says."""

import csv
from pathlib import Path

import polars as pl
import pytest

from data.readers import read_source
from data.samples.make_contacts import COUNTRIES, DAMAGES, FOLDER, SPELLINGS, make_files
from messaging.audience import choose_audience, compare_rows, weigh_contacts
from messaging.consents import attested
from messaging.contacts import Columns, choose_columns, split_contacts
from messaging.msisdn import parse_phones
from messaging.sealed import person_keys

KEY = b"k" * 32


@pytest.fixture(scope="module")
def source():
    return read_source(FOLDER / "contacts.csv")


@pytest.fixture(scope="module")
def parted(source):
    """Contacts with person keys, and all rejects."""
    contacts, rejects = split_contacts(source.frame, choose_columns(source.headers), region="GB")
    contacts = contacts.with_columns(person_keys(KEY, contacts["msisdn"]))
    return contacts, pl.concat([rejects, source.rejects])


@pytest.fixture(scope="module")
def opt_outs():
    """The person keys of opt_outs.csv."""
    opt_outs = read_source(FOLDER / "opt_outs.csv")
    contacts, rejects = split_contacts(opt_outs.frame, choose_columns(opt_outs.headers), region=None)
    assert rejects.is_empty()
    return set(person_keys(KEY, contacts["msisdn"]))


def expected():
    with Path(FOLDER / "expected_counts.csv").open(encoding="utf-8") as file:
        return {row["what"]: int(row["rows"]) for row in csv.DictReader(file)}


def counted(prefix, column):
    return {f"{prefix}: {value}": n for value, n in column.value_counts().rows()}


def test_the_script_makes_the_files_byte_for_byte():
    contacts, opt_outs = make_files()
    assert (FOLDER / "contacts.csv").read_bytes() == contacts
    assert (FOLDER / "opt_outs.csv").read_bytes() == opt_outs


def test_the_columns_are_known_by_their_headers(source):
    columns = choose_columns(source.headers)
    assert columns == Columns("mobile", "country", "sms_consent", "customer_id", headers=source.headers)
    assert columns.in_words["phone"] == "Mobile"


def test_the_counts_are_those_that_are_expected(source, parted, opt_outs):
    contacts, rejects = parted
    regions = [country.code for country in COUNTRIES]
    contacts = attested(contacts, "members")
    weighed = weigh_contacts(contacts, needs_yes=False, suppressed=opt_outs)
    weighed = weighed.hstack(compare_rows(weighed).get_columns())
    people, excluded = choose_audience(contacts, weighed, priced_regions=regions)
    assert expected() == {
        "source rows": source.n_rows,
        "contacts": contacts.height,
        "people": people.height,
        **counted("reject", rejects["rule"]),
        **counted("excluded", excluded["reason"]),
    }
    assert source.n_rows == contacts.height + rejects.height
    assert contacts.height == people.height + excluded.height


def test_the_people_are_of_six_countries(parted):
    assert set(parted[0]["region"]) == {country.code for country in COUNTRIES}
    assert len(COUNTRIES) == 6


def test_every_address_is_of_a_domain_that_nobody_can_own(source):
    assert source.frame["e_mail"].str.ends_with("@example.com").all()


def test_every_spelling_is_read_as_the_number_it_stands_for():
    for country in COUNTRIES:
        for shape in (*country.mobile, *country.landline):
            number = shape.replace("#", "4") if country.code != "SE" else shape.replace("#", "1")
            written = pl.Series([spell(country, number) for spell in SPELLINGS])
            assert set(parse_phones(written, country.code)["msisdn"]) == {f"+{country.calling_code}{number}"}


def test_no_damage_is_read_as_a_number():
    for country in COUNTRIES:
        number = country.mobile[0].replace("#", "4")
        written = pl.Series([damage(country, number) for damage in DAMAGES])
        assert parse_phones(written, country.code)["rule"].null_count() == 0
