"""`tidings resolve`: a person decides on what is in doubt."""

from __future__ import annotations

from cli.arguments import Unconfirmed
from cli.instance import open_here
from cli.output import EXIT_OK, print_json, screen
from config.settings import load_settings


def resolve(run_name: str, unconfirmed: Unconfirmed, *, by: str, why: str, as_json: bool) -> int:
    from data.ledger.deciding import Decision
    from data.runs import find_run
    from engine.resolving import resolve_run, too_early
    from engine.run_control import how_to_start

    is_again = unconfirmed is Unconfirmed.SEND_AGAIN
    decision = Decision.SEND_AGAIN if is_again else Decision.ASSUMED_SENT
    with open_here(load_settings()) as instance:
        run = find_run(instance.store, run_name)
        resolved = resolve_run(instance.store, run.run, decision, by=by, why=why, now=instance.store.now())
    record, decided = resolved.run, resolved.decided
    if as_json:
        print_json(
            {
                "run": record.run,
                "state": record.state.value,
                "decision": unconfirmed.value,
                "decided": decided.n_decided,
                "too_early": decided.n_too_early,
                "ask_again_at": decided.ask_again_at,
            }
        )
        return EXIT_OK
    became = "unsent, to be sent again" if is_again else "assumed sent"
    words = [f"run {record.run} is {record.state.in_words}: {decided.n_decided:,} messages are {became}."]
    if decided.n_too_early:
        words.append(too_early(record.run, decided))
    if is_again:
        words.append(f"{how_to_start(record)}.")
    screen.print(" ".join(words), markup=False)
    return EXIT_OK
