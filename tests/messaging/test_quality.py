import pytest

from messaging.campaign import CampaignError, parse_campaign


def campaign(**quality):
    definition = {"name": "spring", "audience": {"file": "people.csv"}, "message": {"text": "Hi"}}
    return parse_campaign({**definition, "quality": quality})


def test_what_a_campaign_leaves_out_asks_for_little():
    quality = parse_campaign(
        {"name": "spring", "audience": {"file": "people.csv"}, "message": {"text": "Hi"}}
    ).quality
    assert (quality.min_rows, quality.min_valid_rate, quality.min_unique_rate) == (1, 0.5, 0.5)
    assert (quality.rows_against_last_run, quality.max_valid_rate_drop) == ((0.2, 5.0), 0.2)
    assert (quality.required_columns, dict(quality.complete), quality.allowed_countries) == ((), {}, ())
    stops = {name for name, severity in quality.severity.model_dump().items() if severity == "error"}
    assert stops == {"required_columns", "complete", "min_rows", "min_valid_rate", "allowed_countries"}


def test_countries_may_be_written_as_people_write_them():
    assert campaign(allowed_countries=["uk", "IE", "GB"]).quality.allowed_countries == ("GB", "IE")


def test_the_arguments_of_an_expectation_stand_beside_its_name():
    [one] = campaign(
        expectations=[
            {
                "name": "expect_column_values_to_match_regex",
                "column": "pin",
                "regex": "^[0-9]",
                "severity": "warn",
            }
        ]
    ).quality.expectations
    assert (one.severity, one.column) == ("warn", "pin")
    assert one.arguments == {"column": "pin", "regex": "^[0-9]"}


def test_a_table_knows_the_columns_it_names():
    quality = campaign(
        required_columns=["a"],
        complete={"b": 0.5},
        expectations=[{"name": "expect_column_to_exist", "column": "c"}],
    ).quality
    assert list(quality.columns()) == ["a", "b", "c"]


EXISTS = {"name": "expect_column_to_exist", "column": "plan"}


@pytest.mark.parametrize(
    ("quality", "beginning"),
    [
        ({"min_valid_rates": 0.5}, "quality.min_valid_rates: unknown key; did you mean min_valid_rate?"),
        ({"severity": {"min_row": "warn"}}, "quality.severity.min_row: unknown key; did you mean min_rows?"),
        ({"severity": {"min_rows": "maybe"}}, "quality.severity.min_rows: Input should be 'error', 'warn'"),
        ({"min_valid_rate": 50}, "quality.min_valid_rate: "),
        ({"complete": {"First Name": 95}}, "quality.complete.First Name: "),
        ({"min_rows": -1}, "quality.min_rows: "),
        ({"allowed_countries": ["Atlantis"]}, "quality.allowed_countries: write countries as two letters"),
        ({"rows_against_last_run": [5, 0.2]}, "quality.rows_against_last_run: write the least and the most"),
        ({"expectations": [{"column": "plan"}]}, "quality.expectations.name: is missing"),
        (
            {"expectations": [{**EXISTS, "name": "expect_column_to_exit"}]},
            "quality.expectations: expect_column_to_exit is no expectation known here; did you mean expect_column_to_exist?",
        ),
        (
            {"expectations": [{**EXISTS, "severity": "off"}]},
            "quality.expectations.severity: Input should be 'error' or 'warn'",
        ),
        (
            {"expectations": [EXISTS, EXISTS]},
            "quality.expectations: expect_column_to_exist stands there twice",
        ),
    ],
)
def test_each_mistake_is_one_sentence_with_its_key(quality, beginning):
    with pytest.raises(CampaignError) as raised:
        campaign(**quality)
    assert str(raised.value).startswith(beginning)
    assert "\n" not in str(raised.value)
