"""Whether contacts may be texted, and what that rests on: the kind of number, suppressions, consents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

import sqlalchemy as sa

from data.consents import UNDATED, Consent
from data.sql import sql
from data.suppressions import EVERYWHERE, Suppression, purpose_scope
from messaging.phone_rules import MOBILE_TYPES

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from data.contacts.records import Contact


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is known of one person besides the contact. consents: the ones that count, one per purpose."""

    consents: list[Consent] = field(default_factory=list)
    suppressions: list[Suppression] = field(default_factory=list)

    def why_not(self, contact: Contact, purpose: str) -> str | None:
        """Why no campaign of this purpose texts the contact, in words; None: nothing speaks against it."""
        if contact.number_type not in MOBILE_TYPES:
            return f"no mobile number ({contact.number_type.replace('_', ' ')})"
        by_scope = {one.scope: one for one in self.suppressions}
        if EVERYWHERE in by_scope:
            return f"suppressed ({by_scope[EVERYWHERE].reason})"
        if purpose_scope(purpose) in by_scope:
            return f"said no to {purpose}"
        return None

    def has_said_yes(self, purpose: str) -> bool:
        return any(one.purpose == purpose and one.is_given for one in self.consents)


def read_standings(connection: Connection, person_keys: Sequence[str]) -> dict[str, Standing]:
    """Of everybody asked for; of a few people, for a person to look at."""
    found = {key: Standing() for key in person_keys}
    asked = {"person_keys": list(found)}
    for row in connection.execute(_of_people("consents"), asked):
        found[row.person_key].consents.append(
            Consent(
                consent=row.consent,
                person_key=row.person_key,
                purpose=row.purpose,
                is_given=bool(row.is_given),
                at=None if row.is_given and row.at == UNDATED else row.at,
                source=row.source,
                evidence=row.evidence,
                by=row.recorded_by,
            )
        )
    for row in connection.execute(_of_people("suppressions"), asked):
        found[row.person_key].suppressions.append(
            Suppression(
                person_key=row.person_key,
                msisdn=None,
                reason=row.reason,
                source=row.source,
                scope=row.scope,
                at=row.at,
            )
        )
    return found


@cache
def _of_people(name: str) -> sa.TextClause:
    return sa.text(sql(f"contacts/{name}")).bindparams(sa.bindparam("person_keys", expanding=True))
