"""`tidings consent …`: what one person agreed to be texted for, and when they took it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cli.control import this_person
from cli.instance import open_here
from cli.output import EXIT_OK, print_json, screen
from cli.times import read_time, shown
from config.settings import load_settings
from messaging.errors import TidingsError
from messaging.purposes import check_purpose

if TYPE_CHECKING:
    from data.consents import Statement


class NotYet(TidingsError):
    """A consent is of the past: leave out --at for now."""


class BadPurpose(TidingsError):
    """'Our News' is no purpose: write a purpose as one word of small letters, digits, - and _, such as marketing."""


def record(
    number: str,
    *,
    is_given: bool,
    purpose: str,
    source: str,
    evidence: str | None,
    by: str | None,
    at: str | None,
    region: str | None,
    as_json: bool,
) -> int:
    from data.consents import ConsentEntry, current_consents, record_consents
    from data.contacts.editing import refuse_forgotten
    from data.ledger.locking import lock_ledger
    from messaging.instants import A_DAY_S
    from messaging.one_number import read_number
    from messaging.sealed import person_key

    purpose, msisdn = _purpose(purpose), read_number(number, region=region)
    told_at = None if at is None else read_time(at)
    with open_here(load_settings()) as instance:
        now = instance.store.now()
        if told_at is not None and told_at > now:
            raise NotYet("a consent is of the past: leave out --at for now.")
        if told_at is not None and at is not None and not is_given and _is_day(at):
            told_at = min(told_at + A_DAY_S - 1, now)  # nobody knows at what time, so until its end
        person = person_key(instance.keys.person, msisdn)
        entry = ConsentEntry(
            person_key=person,
            msisdn=msisdn,
            purpose=purpose,
            is_given=is_given,
            at=now if told_at is None else told_at,
            source=source,
            evidence=evidence,
            by=by or this_person(),
        )
        with instance.store.write.begin() as connection:
            lock_ledger(connection)
            refuse_forgotten(connection, person, msisdn)
            n_recorded = record_consents(connection, [entry], now=now)
            stands = current_consents(connection, purpose, [person])[person]
    if as_json:
        print_json({"purpose": purpose, "recorded": n_recorded, "is_given": stands.is_given, "at": stands.at})
        return EXIT_OK
    said = "was recorded" if n_recorded else "was known already"
    standing = "yes" if stands.is_given else "no"
    since = "" if stands.at is None else f" since {shown(stands.at)}"
    screen.print(f"this {said}. For {purpose} the answer is {standing}{since}.")
    return EXIT_OK


def show(number: str, *, purpose: str | None, region: str | None, as_json: bool) -> int:
    from data.consents import consents_of
    from messaging.one_number import read_number
    from messaging.sealed import person_key

    wanted = None if purpose is None else _purpose(purpose)
    msisdn = read_number(number, region=region)
    with open_here(load_settings()) as instance, instance.store.read.connect() as connection:
        statements = consents_of(connection, person_key(instance.keys.person, msisdn))
    told = [as_dict(one) for one in statements if wanted in (None, one.purpose)]
    if as_json:
        print_json(told)
        return EXIT_OK
    if not told:
        screen.print("nothing was said: neither yes nor no.")
    for one in told:
        when = "at an unknown time" if one["at"] is None else shown(one["at"])
        counts = " · counts" if one["is_current"] else ""
        screen.print(
            f"{one['purpose']}: {'yes' if one['is_given'] else 'no'}, {when}, {one['source']}"
            f"{' · ' + one['evidence'] if one['evidence'] else ''} · recorded by {one['by']}{counts}"
        )
    return EXIT_OK


def as_dict(one: Statement) -> dict[str, Any]:
    """One statement as the JSON of every command tells it."""
    return {
        "purpose": one.purpose,
        "is_given": one.is_given,
        "at": one.at,
        "source": one.source,
        "evidence": one.evidence,
        "recorded_at": one.recorded_at,
        "by": one.by,
        "is_current": one.is_current,
    }


def _is_day(at: str) -> bool:
    import polars as pl

    from messaging.instants import are_days

    return bool(are_days(pl.Series([at]))[0])


def _purpose(written: str) -> str:
    try:
        return check_purpose(written.strip())
    except ValueError as error:
        raise BadPurpose(f"{written!r} is no purpose: {error}.") from None
