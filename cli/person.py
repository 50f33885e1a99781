"""`tidings person`: everything that is known of one number, for whoever asks what is kept of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from cli.instance import open_here
from cli.output import EXIT_OK, print_json, screen
from cli.times import shown
from config.settings import load_settings


def person(number: str, *, region: str | None, out: Path | None, as_json: bool) -> int:
    from data.whole_files import write_text
    from engine.person import all_known
    from messaging.one_number import read_number

    msisdn = read_number(number, region=region)
    with open_here(load_settings()) as instance:
        known = all_known(instance, msisdn)
    if out is not None:
        write_text(orjson.dumps(known, option=orjson.OPT_INDENT_2, default=str).decode() + "\n", out)
    if as_json:
        print_json({"file": str(out)} if out is not None else known)
        return EXIT_OK
    for line in [
        *_in_words(known),
        *([] if out is None else [f"all of it is in {out}; only you may read it."]),
    ]:
        screen.print(line, markup=False, soft_wrap=True)
    return EXIT_OK


def _in_words(known: dict[str, Any]) -> list[str]:
    say = [f"{known['number']}"]
    contact = known["contact"]
    if contact is None:
        say.append("no contact")
    else:
        names = " ".join(filter(None, (contact["first_name"], contact["last_name"])))
        say.append(
            f"contact {names or '(no name)'}, since {shown(contact['created_at'])}, by {contact['changed_by']}"
        )
        say += [f"  {name}: {value}" for name, value in _fields(contact).items()]
    for what in ("lists", "tags"):
        if known[what]:
            say.append(f"{what}: {', '.join(known[what])}")
    for one in known["consents"]:
        answer = "yes" if one["is_given"] else "no"
        counts = ", counts" if one["is_current"] else ""
        say.append(f"consent to {one['purpose']}: {answer}, {one['source']}{counts}")
    say += [
        f"suppressed {_where(one['scope'])}: {one['reason']}, {one['source']}"
        for one in known["suppressions"]
    ]
    for run in known["runs"]:
        say.append(f"run {run['run']} · {run['campaign']} · {shown(run['created_at'])}")
        say += [
            f"  message {one['reference']}: {one['status']}, {one['receipt'] or 'no receipt'}"
            for one in run["messages"]
        ]
        say += [f"  left out, source row {one['source_row']}: {one['reason']}" for one in run["excluded"]]
        say += [f"  rejected, source row {one['source_row']}: {one['rule']}" for one in run["rejects"]]
    say += [
        f"rejected by import {one['import']}, source row {one['source_row']}: {one['rule']}"
        for one in known["rejects_of_imports"]
    ]
    say += [f"reply of {shown(one['received_at'])} to {one['to']}" for one in known["replies"]]
    n_others = len(known["analytics"]) + len(known["pages_of_gateways"]) + len(known["history"])
    say.append(
        f"and {n_others:,} rows of history, gateways' pages and analytics; --json or --out FILE shows everything."
    )
    say += [f"{place} cannot be read and may hold more." for place in known["unreadable"]]
    return say


def _where(scope: str) -> str:
    from data.suppressions import scope_in_words

    return scope_in_words(scope)


def _fields(contact: dict[str, Any]) -> dict[str, str]:
    standard = {name: contact[name] for name in ("external_id", "language", "time_zone") if contact[name]}
    return {**standard, **contact["attributes"]}
