import pytest

from messaging.expectations import KNOWN, complaint_about, in_words, percent, read_as, wanted

IN_SET, BETWEEN = "expect_column_values_to_be_in_set", "expect_column_values_to_be_between"
REGEX, MEAN = "expect_column_values_to_match_regex", "expect_column_mean_to_be_between"
DISTINCT = "expect_column_proportion_of_unique_values_to_be_between"


@pytest.mark.parametrize(
    ("name", "arguments", "complaint"),
    [
        ("expect_column_values_to_be_in_sets", {}, "expect_column_values_to_be_in_sets is no expectation known here; did you mean expect_column_values_to_be_in_set?"),
        ("be_nice", {}, "be_nice is no expectation known here; docs/quality.md lists those a campaign may name"),
        (IN_SET, {"column": "plan"}, f"{IN_SET} needs value_set; add it"),
        (IN_SET, {"value_set": ["a"]}, f"{IN_SET} needs column; add it"),
        (IN_SET, {"column": "plan", "values": ["a"]}, f"{IN_SET} takes no values; it takes column, value_set, mostly"),
        (IN_SET, {"column": "plan", "value_set": [1, 2]}, f"{IN_SET}: value_set is a list of texts, since every column is read as text"),
        (IN_SET, {"column": "plan", "value_set": []}, f"{IN_SET}: value_set is a list of texts, since every column is read as text"),
        (IN_SET, {"column": "plan", "value_set": ["a"], "mostly": 95}, f"{IN_SET}: mostly is the share that has to be so, from 0 to 1"),
        (IN_SET, {"column": "plan", "value_set": ["a"], "mostly": True}, f"{IN_SET}: mostly is the share that has to be so, from 0 to 1"),
        (IN_SET, {"column": "", "value_set": ["a"]}, f"{IN_SET}: column is the name of a column"),
        (REGEX, {"column": "plan", "regex": "("}, f"{REGEX}: regex is no regular expression that Python can read"),
        (REGEX, {"column": "plan", "regex": 7}, f"{REGEX}: regex is no regular expression that Python can read"),
        (BETWEEN, {"column": "points"}, f"{BETWEEN} needs min_value, max_value or both; add one"),
        (BETWEEN, {"column": "points", "min_value": 2, "max_value": 1}, f"{BETWEEN}: min_value is larger than max_value"),
        (BETWEEN, {"column": "points", "min_value": 2, "max_value": "2026-01-01"}, f"{BETWEEN}: min_value and max_value are two numbers or two dates"),
        (BETWEEN, {"column": "points", "min_value": "soon"}, f'{BETWEEN}: min_value is a number, or a date as a text such as "2026-01-31"'),
        (MEAN, {"column": "points", "min_value": "2026-01-01"}, f"{MEAN}: min_value and max_value are numbers"),
        (MEAN, {"column": "points", "min_value": 1, "mostly": 0.9}, f"{MEAN} takes no mostly; it takes column, min_value, max_value, strict_min, strict_max"),
        (DISTINCT, {"column": "points", "min_value": 3}, f"{DISTINCT}: min_value and max_value are shares from 0 to 1"),
        ("expect_column_value_lengths_to_equal", {"column": "pin", "value": 1.5}, "expect_column_value_lengths_to_equal: value is a whole number"),
        ("expect_column_values_to_match_regex_list", {"column": "pin", "regex_list": ["a"], "match_on": "none"}, "expect_column_values_to_match_regex_list: match_on is any or all"),
    ],
)  # fmt: skip
def test_a_mistake_in_an_expectation_is_one_sentence(name, arguments, complaint):
    assert complaint_about(name, arguments) == complaint


def test_expectations_whose_result_is_somebodys_value_are_not_known():
    assert not {"expect_column_max_to_be_between", "expect_column_most_common_value_to_be_in_set"} & set(
        KNOWN
    )
    assert "is no expectation known here" in str(complaint_about("expect_column_max_to_be_between", {}))


@pytest.mark.parametrize(
    ("name", "arguments", "words", "much"),
    [
        ("expect_column_to_exist", {"column": "plan"}, "a column plan", "there"),
        (IN_SET, {"column": "plan", "value_set": ["a", "b"], "mostly": 0.99}, "contacts whose plan is one of a, b", "at least 99 %"),
        (IN_SET, {"column": "plan", "value_set": list("abcdefgh")}, "contacts whose plan is one of a, b, c, d, e, f and 2 more", "all"),
        (BETWEEN, {"column": "points", "min_value": 0, "strict_min": True, "max_value": 10_000}, "contacts whose points is more than 0 and at most 10,000", "all"),
        (BETWEEN, {"column": "joined", "min_value": "2026-01-01"}, "contacts whose joined is at least 2026-01-01", "all"),
        ("expect_column_value_lengths_to_be_between", {"column": "pin", "max_value": 4}, "contacts whose pin is at most 4 characters long", "all"),
        ("expect_column_values_to_match_regex_list", {"column": "pin", "regex_list": ["^a", "b$"]}, "contacts whose pin matches any of ^a, b$", "all"),
        (MEAN, {"column": "points", "min_value": 10.5, "strict_max": True, "max_value": 20}, "the mean of points", "at least 10.5 and less than 20"),
        (DISTINCT, {"column": "id", "min_value": 0.999}, "distinct values of id, of the filled ones", "at least 99.9 %"),
    ],
)  # fmt: skip
def test_an_expectation_reads_as_words(name, arguments, words, much):
    assert complaint_about(name, arguments) is None
    assert (in_words(name, arguments), wanted(name, arguments)) == (words, much)


def test_every_expectation_has_words_for_all_that_it_takes():
    samples = {
        "value_set": ["a"],
        "regex": "a",
        "regex_list": ["a"],
        "strftime_format": "%Y",
        "value": 1,
        "min_value": 0,
    }
    for name, known in KNOWN.items():
        arguments = {
            "column": "c",
            **{key: samples[key] for key in (*known.needs, *known.takes) if key in samples},
        }
        assert complaint_about(name, arguments) is None
        assert "{" not in in_words(name, arguments) + wanted(name, arguments)


def test_what_could_be_somebodys_number_is_not_shown():
    arguments = {"column": "phone 07400123001", "value_set": ["+447400123001", "x" * 50]}
    assert in_words(IN_SET, arguments) == f"contacts whose phone … is one of …, {'x' * 40}…"


@pytest.mark.parametrize(
    ("name", "arguments", "kind"),
    [
        (BETWEEN, {"min_value": 1}, "number"),
        (BETWEEN, {"max_value": "2026-01-01"}, "date"),
        (MEAN, {"max_value": 1}, "number"),
        ("expect_column_value_lengths_to_be_between", {"max_value": 1}, "text"),
        (REGEX, {"regex": "a"}, "text"),
    ],
)
def test_a_column_is_read_as_what_it_is_compared_with(name, arguments, kind):
    assert read_as(name, {"column": "c", **arguments}) == kind


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        (0.0, "0 %"), (1.0, "100 %"), (0.5, "50 %"), (0.31249, "31.2 %"),
        (0.9999, "99.99 %"), (0.9999999, "99.99999 %"), (0.0001, "0.01 %"), (1 / 3_000_000, "0.00003 %"),
    ],
)  # fmt: skip
def test_a_share_is_never_rounded_to_a_whole_that_it_is_not(share, shown):
    assert percent(share) == shown
