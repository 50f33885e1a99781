import pytest

from messaging.campaign import CampaignError, fingerprint, parse_campaign
from messaging.guarding import FailureGuards


def definition(**sections):
    return {"name": "welcome", "audience": {"file": "people.csv"}, "message": {"text": "Hi"}, **sections}


def complaint(**sections):
    with pytest.raises(CampaignError) as raised:
        parse_campaign(definition(**sections))
    return str(raised.value)


def test_what_a_campaign_leaves_out_has_a_safe_default():
    campaign = parse_campaign(definition())
    assert campaign.gateway.account == "sim"
    assert campaign.consent is None
    assert campaign.schedule.kind is None
    assert (campaign.schedule.max_lateness_s, campaign.schedule.time_zone) == (900, "UTC")
    assert (campaign.run.batch_size, campaign.run.validity_s, campaign.run.repeat_after_s) == (
        1000,
        172_800,
        86_400,
    )
    assert (campaign.guards.max_messages, campaign.guards.max_cost, campaign.guards.max_segments) == (
        None,
        None,
        6,
    )


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("90s", 90),
        ("15m", 900),
        ("24h", 86_400),
        ("2d", 172_800),
        ("1w", 604_800),
        ("1.5h", 5400),
        ("300", 300),
        (600, 600),
    ],
)
def test_durations_are_seconds_or_words(written, seconds):
    campaign = parse_campaign(definition(run={"validity": written}, schedule={"interval": written}))
    assert (campaign.run.validity_s, campaign.schedule.interval_s) == (seconds, seconds)
    assert parse_campaign(definition(run={"validity_s": written})).run.validity_s == seconds


@pytest.mark.parametrize("written", ["soon", "15 minutes", "-5m", "", "1.5s", -1, True])
def test_what_is_no_duration_is_refused(written):
    assert complaint(run={"repeat_after": written}).startswith("run.repeat_after: ")


@pytest.mark.parametrize(
    ("sections", "sentence"),
    [
        ({"schedul": {}}, "schedul: unknown key; did you mean schedule?"),
        ({"guards": {"max_mesages": 5}}, "guards.max_mesages: unknown key; did you mean max_messages?"),
        ({"run": {"validty": 5}}, "run.validty: unknown key; did you mean validity?"),
        ({"consent": {"basi": "recorded"}}, "consent.basi: unknown key; did you mean basis?"),
        ({"gateway": {"colour": "red"}}, "gateway.colour: unknown key; known here: account, prices."),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest_known_one(sections, sentence):
    assert complaint(**sections) == sentence


@pytest.mark.parametrize(
    ("sections", "beginning"),
    [
        ({"name": "a b"}, "name: write 1 to 64 letters"),
        ({"audience": {}}, "audience: give one of file, connection, list, tag and segment"),
        (
            {"audience": {"file": "x", "region": "Atlantis"}},
            "audience.region: write a country as two letters",
        ),
        ({"message": {}}, "message: give either text or template"),
        ({"message": {"text": "a", "template": "b"}}, "message: give either text or template"),
        ({"message": {"text": "a", "sender_id": "much too long"}}, "message.sender_id: a sender ID is"),
        ({"consent": {"basis": "attested"}}, "consent: an attested consent needs a note"),
        ({"consent": {"basis": "hoped"}}, "consent.basis: "),
        (
            {"schedule": {"cron": "0 9 * * 1", "interval": "1h"}},
            "schedule: give only one of cron, interval and rrule",
        ),
        ({"schedule": {"cron": "every monday"}}, "schedule.cron: write five fields"),
        ({"schedule": {"rrule": "FREQ=SOMETIMES"}}, "schedule.rrule: write an RFC 5545 rule"),
        (
            {"schedule": {"time_zone": "Europe/Lodnon"}},
            "schedule.time_zone: write a time zone by its IANA name",
        ),
        (
            {"schedule": {"time_zone": "../etc/passwd"}},
            "schedule.time_zone: write a time zone by its IANA name",
        ),
        ({"guards": {"max_segments": 0}}, "guards.max_segments: "),
        ({"run": {"batch_size": 70_000}}, "run.batch_size: "),
    ],
)
def test_each_mistake_is_one_sentence_with_its_key(sections, beginning):
    sentence = complaint(**sections)
    assert sentence.startswith(beginning)
    assert "\n" not in sentence


def test_a_complaint_never_repeats_what_was_written():
    assert "+447400123456" not in complaint(message={"text": "Hi", "sender_id": "+447400123456 or so"})


@pytest.mark.parametrize(
    ("schedule", "kind"),
    [
        ({"cron": "0 9 * * 1-5", "time_zone": "Europe/London"}, "cron"),
        ({"cron": "@daily"}, "cron"),
        ({"interval": "1h"}, "interval"),
        ({"rrule": "FREQ=WEEKLY;BYDAY=MO;BYHOUR=9;BYMINUTE=0"}, "rrule"),
        ({}, None),
    ],
)
def test_a_schedule_knows_its_kind(schedule, kind):
    assert parse_campaign(definition(schedule=schedule)).schedule.kind == kind


def test_a_country_may_be_written_as_people_write_it():
    assert parse_campaign(definition(audience={"file": "x", "region": "uk"})).audience.region == "GB"


def test_the_fingerprint_changes_with_the_definition_and_with_nothing_else():
    campaign = parse_campaign(definition(schedule={"interval": "1h"}))
    assert fingerprint(campaign) == fingerprint(parse_campaign(definition(schedule={"interval_s": 3600})))
    assert fingerprint(campaign) != fingerprint(parse_campaign(definition(schedule={"interval": "2h"})))


def test_which_failures_stop_a_run_has_defaults_and_stands_among_the_guards():
    assert parse_campaign(definition()).guards.of_failures == FailureGuards()
    written = {"max_failures_in_a_row": 20, "max_failure_rate": 0.1, "failure_window": 1000}
    assert parse_campaign(definition(guards=written)).guards.of_failures == FailureGuards(**written)


@pytest.mark.parametrize(
    "guards",
    [
        {"max_failures_in_a_row": 0},
        {"max_failure_rate": 1.5},
        {"max_failure_rate": float("nan")},
        {"failure_window": 0},
    ],
)
def test_a_guard_against_failures_that_could_never_hold_is_refused(guards):
    assert complaint(guards=guards).startswith(f"guards.{next(iter(guards))}: ")
