"""`tidings reconcile`: what can be proved of messages in doubt, by receipts, by the gateway, or by a copy it refuses."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from cli.control import this_person
from cli.instance import open_here
from cli.output import EXIT_OK, print_json, screen
from config.settings import load_settings

if TYPE_CHECKING:
    from engine.reconcile import Reconciled


def reconcile(run_name: str, *, as_json: bool) -> int:
    from data.runs import find_run
    from engine.reconcile import reconcile_run
    from tasks.workplace import Workplace

    settings = load_settings()
    with open_here(settings) as instance:
        run = find_run(instance.store, run_name)
        done = reconcile_run(
            instance.store,
            run.run,
            by=this_person(),
            var_dir=instance.var_dir,
            keys=instance.keys,
            client_for=Workplace(settings, instance).client_for,
        )
    if as_json:
        print_json(_as_json(done))
    else:
        screen.print("\n".join(_in_words(done)), markup=False)
    return EXIT_OK


def _as_json(done: Reconciled) -> dict[str, object]:
    return {
        "run": done.run.run,
        "state": done.run.state.value,
        "accepted_by_receipts": done.n_by_receipts,
        "receipts_matched": done.n_matched,
        "accepted_by_look_up": done.n_by_look_up,
        "surely_unsent": done.n_surely_unsent,
        "look_up_failed": done.n_look_up_failed,
        "resubmitted": done.n_resubmitted,
        "accepted_by_resubmission": done.n_by_resubmission,
        "busy_batches": done.n_busy,
        "unconfirmed": done.n_unconfirmed,
        "assumed_sent": done.n_assumed_sent,
        "too_early": done.n_too_early,
        "ask_again_at": done.ask_again_at,
        "gateway_errors": done.gateway_errors,
    }


def _in_words(done: Reconciled) -> list[str]:
    """A line for each thing that happened, then what is left and the command that resolves it."""
    counts = [
        (done.n_by_receipts, "accepted: a receipt proves it"),
        (done.n_by_look_up, "accepted: the gateway knows them"),
        (
            done.n_by_resubmission,
            "accepted: sent once more with the same reference, which the gateway takes once",
        ),
        (done.n_surely_unsent, "unsent: the gateway never took them"),
    ]
    lines = [f"{n:,} {what}" for n, what in counts if n]
    lines += [f"the gateway gave no answer about {done.n_look_up_failed:,}"] if done.n_look_up_failed else []
    lines += [f"{done.n_busy:,} batches are worked on by somebody else"] if done.n_busy else []
    lines += done.gateway_errors
    return [f"run {done.run.run} is {done.run.state.in_words}.", *lines, *_what_is_left(done)]


def _what_is_left(done: Reconciled) -> list[str]:
    from engine.run_control import next_step
    from messaging.runs import RunState

    number, lines = done.run.run, []
    if done.run.state is RunState.FINISHED_WITH_UNSENT:
        lines.append(next_step(done.run))
    if not done.n_undecided:
        assumed = f"; {done.n_assumed_sent:,} stay assumed sent" if done.n_assumed_sent else ""
        return [*lines, f"nothing is in doubt that nobody has decided on{assumed}."]
    lines.append(f"{done.n_undecided:,} stay unconfirmed.")
    if done.ask_again_at is not None:
        at = time.strftime("%H:%M:%S", time.localtime(done.ask_again_at))
        lines.append(
            f"{done.n_too_early:,} of them may still be on their way: `tidings reconcile {number}` again after {at}."
        )
    lines.append(
        f"to decide on them: `tidings resolve {number} --unconfirmed assume-sent --by NAME --why …` (or send-again)."
    )
    return lines
