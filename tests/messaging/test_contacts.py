import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging.contacts import Columns, choose_columns, split_contacts
from messaging.errors import SourceError
from messaging.phone_rules import PhoneRule
from messaging.schemas import CONTACTS, REJECTS


def raw(rows, *, names=("phone", "country", "first_name")):
    """RAW + text columns from tuples, in the order of names."""
    frame = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
    numbers = pl.Series("source_row", range(2, frame.height + 2), dtype=pl.UInt32)
    return frame.insert_column(0, numbers)


@pytest.mark.parametrize(
    ("headers", "phone"),
    [
        (["Name", "Phone"], "Phone"),
        (["Phone", "Mobile"], "Mobile"),
        (["Home Phone", "Mobile Phone", "Business Phone"], "Mobile Phone"),
        (["Phone", "Phone 2"], "Phone"),
        (["Phone 1 - Type", "Phone 1 - Value", "Phone 2 - Value"], "Phone 1 - Value"),
        (["phoneNumber", "phone_verified", "phone_type"], "phoneNumber"),
        (["Vorname", "Handynummer", "Telefon (Festnetz)"], "Handynummer"),
        (["Telefonnummer", "E-Mail"], "Telefonnummer"),
        (["prénom", "Téléphone portable", "téléphone fixe"], "Téléphone portable"),
        (["nombre", "Teléfono móvil"], "Teléfono móvil"),
        (["naam", "Mobiel nummer"], "Mobiel nummer"),
        (["imię", "Telefon komórkowy"], "Telefon komórkowy"),
        (["nimi", "matkapuhelin"], "matkapuhelin"),
        (["όνομα", "κινητό"], "κινητό"),
        (["имя", "Мобильный телефон"], "Мобильный телефон"),
        (["姓名", "手机号码"], "手机号码"),
        (["MSISDN", "operator"], "MSISDN"),
        (["contact_no", "id"], "contact_no"),
    ],
)
def test_the_phone_column_is_known_by_its_header(headers, phone):
    assert choose_columns(headers).phone == phone


def test_without_a_phone_column_one_is_asked_to_name_it():
    with pytest.raises(SourceError) as error:
        choose_columns(["id", "mail"], source="contacts.csv")
    assert str(error.value) == (
        "contacts.csv: no column looks like a phone number (saw: id, mail). Name it with --phone COLUMN."
    )


def test_a_header_as_long_as_a_page_is_shown_by_its_beginning():
    with pytest.raises(SourceError, match=rf"\(saw: mail, {'x' * 40}…\)"):
        choose_columns(["mail", "x" * 5_000])


def test_two_columns_that_may_both_be_the_phone_are_not_guessed_between():
    with pytest.raises(
        SourceError, match=r"^contacts.csv: 2 columns may be the phone number \(Home Phone, Work Phone\)"
    ):
        choose_columns(["Home Phone", "Work Phone"], source="contacts.csv")


def test_a_file_without_a_header_is_told_apart_and_nobodys_data_is_shown():
    with pytest.raises(SourceError, match="first row holds somebody's data") as error:
        choose_columns(["+447400123456", "Ann", "ann@example.com"], source="contacts.csv")
    assert not any(word in str(error.value) for word in ("7400", "Ann", "ann@"))


def test_of_many_columns_only_some_are_shown():
    with pytest.raises(SourceError, match="and 88 more"):
        choose_columns([f"c{k}" for k in range(100)])


@pytest.mark.parametrize("named", ["Work Phone", "work_phone", "work phone"])
def test_a_column_may_be_named_as_written_or_as_cleaned(named):
    headers = {"work_phone": "Work Phone", "mobile": "Mobile"}
    assert choose_columns(headers, phone=named).phone == "work_phone"


@pytest.mark.parametrize("setting", ["phone", "region", "consent", "external_id"])
def test_a_column_that_is_named_must_be_there(setting):
    with pytest.raises(SourceError, match=r"there is no column 'Nope' \(saw: Phone, Name\)"):
        choose_columns(["Phone", "Name"], **{setting: "Nope"})


@pytest.mark.parametrize(
    ("headers", "country"),
    [
        (["Phone", "Country"], "Country"),
        (["Phone", "Country of birth"], None),
        (["Phone", "Billing Country", "Phone Country"], "Phone Country"),
        (["Telefon", "Land"], "Land"),
        (["tel", "Pays"], "Pays"),
        (["Phone", "Region"], None),  # North, South, …
    ],
)
def test_the_country_column_is_known_by_its_header(headers, country):
    assert choose_columns(headers).region == country


@pytest.mark.parametrize(
    ("headers", "consent"),
    [
        (["Phone", "Consent"], "Consent"),
        (["Phone", "opt-in"], "opt-in"),
        (["Phone", "Accepts Email Marketing", "Accepts SMS Marketing"], "Accepts SMS Marketing"),
        (["Phone", "Consent", "SMS consent"], "SMS consent"),
        (["Phone", "email_opt_in"], None),
        (["Phone", "consent_date", "consent_source"], None),
        (["Handy", "Einwilligung"], "Einwilligung"),
        (["tel", "Consentement SMS"], "Consentement SMS"),
    ],
)
def test_the_consent_column_is_known_by_its_header(headers, consent):
    assert choose_columns(headers).consent == consent


def test_two_columns_that_may_both_be_the_consent_are_not_guessed_between():
    with pytest.raises(SourceError, match=r"2 columns may be the consent \(Opt-in, Permission\)"):
        choose_columns(["Phone", "Opt-in", "Permission"])


@pytest.mark.parametrize(
    ("headers", "external_id"),
    [
        (["id", "Phone", "Customer ID"], "Customer ID"),
        (["ID", "Phone"], "ID"),
        (["Phone", "campaign_id", "shop id"], None),
        (["Handy", "Kundennummer"], "Kundennummer"),
    ],
)
def test_the_external_id_is_known_by_its_header(headers, external_id):
    assert choose_columns(headers).external_id == external_id


def test_a_contact_keeps_its_own_columns_and_its_consent_as_they_are_written():
    source = raw(
        [("07400 123456", " Ja ", "C 17", "Zoë 🌸", "0042")],
        names=("phone", "sms_consent", "customer_id", "first_name", "points"),
    )
    contacts, rejects = split_contacts(source, choose_columns(source.columns[1:]), region="GB")
    assert contacts.columns == [*CONTACTS, "phone", "sms_consent", "customer_id", "first_name", "points"]
    assert contacts.rows() == [
        (2, "+447400123456", "GB", "mobile", " Ja ", "C 17", "07400 123456", " Ja ", "C 17", "Zoë 🌸", "0042")
    ]
    assert (rejects.schema, rejects.height) == (REJECTS, 0)


def test_a_reject_tells_the_cell_as_the_source_writes_it():
    columns = choose_columns({"mobile_phone": "Mobile Phone", "name": "Name"})
    source = raw([("0740", "Ann"), ("07400 123456", "Bob")], names=("mobile_phone", "name"))
    _, rejects = split_contacts(source, columns, region="GB")
    assert rejects.rows() == [(2, "Mobile Phone", "0740", "too_short", PhoneRule.TOO_SHORT.sentence)]


def test_a_number_is_read_in_the_country_of_its_row():
    source = raw(
        [
            ("0151 12345678", "DE", "a"),
            ("0151 12345678", "Deutschland", "b"),
            ("0151 12345678", "germany ", "c"),
            ("0151 12345678", "+49", "d"),
            ("07400 123456", "UK", "e"),
            ("07400 123456", None, "f"),
            ("07400 123456", "  ", "g"),
        ]
    )
    contacts, _ = split_contacts(source, choose_columns(source.columns[1:]), region="GB")
    assert contacts["region"].to_list() == ["DE"] * 4 + ["GB"] * 3


def test_a_country_that_is_not_known_never_falls_back_on_the_default():
    """07400 123456 from Atlantis is not the British number of the same digits."""
    source = raw([("07400 123456", "Atlantis", "a"), ("+4915112345678", "Atlantis", "b")])
    contacts, rejects = split_contacts(source, choose_columns(source.columns[1:]), region="GB")
    assert contacts["msisdn"].to_list() == ["+4915112345678"]
    assert rejects.rows() == [
        (2, "country", "Atlantis", "unknown_country", PhoneRule.UNKNOWN_COUNTRY.sentence)
    ]


def test_without_any_country_a_national_number_is_a_reject():
    source = raw([("07400 123456", None, "a")])
    _, rejects = split_contacts(source, Columns("phone"), region=None)
    assert rejects["rule"].to_list() == ["no_region"]


def test_a_default_region_may_be_a_name_and_must_be_a_country():
    source = raw([("07400 123456", None, "a")])
    assert split_contacts(source, Columns("phone"), region="United Kingdom")[0].height == 1
    with pytest.raises(SourceError, match="'Narnia' is no country we know"):
        split_contacts(source, Columns("phone"), region="Narnia")


def test_who_has_opted_out_has_said_no_whatever_the_consent_column_says():
    source = raw(
        [
            ("07400 123451", "yes", "yes"),
            ("07400 123452", "yes", "2024-05-01"),
            ("07400 123453", "yes", "x"),
            ("07400 123454", "yes", "No"),
            ("07400 123455", "yes", None),
            ("07400 123456", None, "TRUE"),
        ],
        names=("phone", "consent_", "unsubscribed"),
    )
    columns = choose_columns(source.columns[1:])
    contacts, _ = split_contacts(source, columns, region="GB")
    assert contacts["consent"].to_list() == ["no", "no", "no", "yes", "yes", "no"]


def test_a_column_of_opt_outs_and_one_of_people_who_want_nothing_both_count():
    source = raw(
        [
            ("07400 123451", "yes", "Unsubscribed", None),
            ("07400 123452", "yes", "no", "blocked"),
            ("07400 123453", "yes", None, "no"),
        ],
        names=("phone", "consent_", "unsubscribed", "dnc"),
    )
    columns = choose_columns(source.columns[1:])
    assert (columns.opt_out, columns.do_not_contact) == ("unsubscribed", ("dnc",))
    contacts, _ = split_contacts(source, columns, region="GB")
    assert contacts["consent"].to_list() == ["no", "no", "yes"]


def test_every_column_of_people_who_want_nothing_counts():
    rows = [("07400 123451", "x", None), ("07400 123452", None, "yes"), ("07400 123453", "no", "no")]
    source = raw(rows, names=("phone", "dnc", "sms_blacklist"))
    columns = choose_columns({name: name.upper() for name in source.columns[1:]})
    assert columns.in_words == {"phone": "PHONE", "do_not_contact": "DNC, SMS_BLACKLIST"}
    contacts, _ = split_contacts(source, columns, region="GB")
    assert contacts["consent"].to_list() == ["no", "no", None]


@pytest.mark.parametrize("opt_out", [None, "unsubscribed", "do_not_contact"])
def test_columns_said_to_be_copies_are_copies(opt_out):
    names = ("phone", "consent_", "customer_id", "vorname", opt_out or "points")
    source = raw(
        [("07400 123451", "yes", "7", "Ann", "1"), ("07400 123452", None, "8", None, None)], names=names
    )
    columns = choose_columns(source.columns[1:])
    contacts, _ = split_contacts(source, columns, region="GB")
    contacts = contacts.with_columns(pl.col(column).alias(name) for name, column in columns.fields.items())
    assert set(columns.copies) == {"external_id", "first_name"} | ({"consent"} if opt_out is None else set())
    for name, column in columns.copies.items():
        assert contacts[name].equals(contacts[column], null_equal=True)


CELLS = st.one_of(
    st.none(),
    st.sampled_from(
        ["07400 123456", "+4915112345678", "n/a", "4.474E+11", "07400123456/07400123457", "447400123456.0"]
    ),
    st.text(max_size=12),
)


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(
        st.tuples(CELLS, st.sampled_from([None, "", "DE", "gb", "Narnia"]), st.text(max_size=5)), max_size=12
    ),
    region=st.sampled_from([None, "GB"]),
)
def test_every_row_is_a_contact_or_a_reject_and_nobody_is_both(rows, region):
    source = raw(rows)
    contacts, rejects = split_contacts(source, choose_columns(source.columns[1:]), region=region)
    assert sorted([*contacts["source_row"], *rejects["source_row"]]) == source["source_row"].to_list()
    assert contacts["source_row"].is_sorted()
    assert rejects["source_row"].is_sorted()
    assert contacts["msisdn"].str.contains(r"^\+[1-9][0-9]{6,14}$").all()
    kept = source.filter(pl.col("source_row").is_in(contacts["source_row"].implode()))
    assert contacts.select("phone", "country", "first_name").equals(kept.drop("source_row"))


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("Vorname", "first_name"), ("Prénom", "first_name"), ("Given name", "first_name"), ("имя", "first_name"),
        ("Förnamn", "first_name"), ("Imię", "first_name"), ("Apellidos", "last_name"), ("Nom de famille", "last_name"),
        ("Nachname", "last_name"), ("Surname", "last_name"), ("Sprache", "language"), ("Język", "language"),
        ("preferredLanguage", "language"), ("Zeitzone", "time_zone"), ("Fuseau horaire", "time_zone"),
        ("TimeZone ID", "time_zone"), ("Company name", None), ("File name", None), ("nom de ville", None),
    ],
)  # fmt: skip
def test_a_field_that_templates_like_is_known_in_many_languages(header, field):
    columns = choose_columns({"phone": "phone", "column_2": header})
    assert columns.fields == ({} if field is None else {field: "column_2"})


def test_a_field_that_is_told_goes_before_one_that_is_found():
    headers = {"phone": "phone", "first_name": "First Name", "nick": "Nick", "due": "Due"}
    told = choose_columns(headers, fields={"first_name": "Nick", "date": "Due"})
    assert told.fields == {"first_name": "nick", "date": "due"}
    assert choose_columns(headers).fields == {}
    assert told.in_words == {"phone": "phone", "first_name": "Nick", "date": "Due"}


@pytest.mark.parametrize("name", ["msisdn", "two words", "1st"])
def test_a_name_that_a_template_cannot_use_is_refused(name):
    with pytest.raises(SourceError, match="cannot be the name of a field"):
        choose_columns(["phone", "nick"], fields={name: "nick"})


def test_a_column_that_is_not_there_names_nobody_of_a_first_row_without_headers():
    first_row = {"ann": "Ann", "c": "07400 123001", "leeds": "Leeds"}
    with pytest.raises(SourceError, match=r"no column 'Mobile' .* put a row of names above") as raised:
        choose_columns(first_row, phone="Mobile")
    assert "Ann" not in str(raised.value)
    assert "Leeds" not in str(raised.value)
