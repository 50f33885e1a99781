"""`tidings pause`, `resume` and `cancel`: what a person does to a run, under their own name."""

from __future__ import annotations

import getpass
import os
import time
from typing import TYPE_CHECKING, Any

from cli.instance import open_here
from cli.output import EXIT_OK, print_json, screen
from config.settings import Settings, load_settings
from data.orchestrator import Orchestrator

if TYPE_CHECKING:
    from data.runs import RunRecord


def pause(run_name: str, *, as_json: bool) -> int:
    from data.runs import find_run
    from engine.run_control import pause_run

    with open_here(load_settings()) as instance:
        run = find_run(instance.store, run_name)
        paused = pause_run(instance.store, run.run, by=this_person(), now=instance.store.now())
    _tell(
        {"run": paused.run, "state": paused.state.value},
        f"run {paused.run} is paused: nothing more is claimed; what is in flight settles. "
        f"`tidings resume {paused.run}` lets it go on.",
        as_json=as_json,
    )
    return EXIT_OK


def resume(run_name: str, *, opt_outs_checked: bool, as_json: bool) -> int:
    from data.runs import find_run
    from engine.run_control import resume_run

    settings = load_settings()
    with open_here(settings) as instance:
        run = find_run(instance.store, run_name)
        resumed = resume_run(
            instance.store,
            run.run,
            by=this_person(),
            now=instance.store.now(),
            opt_outs_checked=opt_outs_checked,
        )
    record = resumed.run
    content: dict[str, Any] = {
        "run": record.run,
        "state": record.state.value,
        "is_worked": resumed.is_worked,
        "taken_up": None,
    }
    if record.state.is_over:
        words = f"run {record.run} has nothing left to send: it is {record.state.in_words}."
    elif resumed.is_worked:
        words = f"run {record.run} is sending again; somebody works on it already."
    else:
        content["taken_up"], words = let_it_be_sent(settings, record)
    _tell(content, words, as_json=as_json)
    return EXIT_OK


def let_it_be_sent(settings: Settings, run: RunRecord) -> tuple[str | None, str]:
    """Hand a run that may send to the worker of `tidings up`: how, in a word, and in words. None: nobody is up."""
    from engine.run_control import how_to_start
    from engine.waking import Way, wake_run

    server = Orchestrator(settings.api_url)
    if not server.is_up():
        return None, f"run {run.run} may send, and nobody works on it at the moment. {how_to_start(run)}."
    woken = wake_run(server, run, by=this_person(), since=run.state_at, now=time.time(), is_asked_for=True)
    words = f"run {run.run} is sending: {woken.way.value} (flow run {woken.flow_run_id})."
    if woken.way is Way.UNDER_WAY:
        words += " What it leaves is taken up within five minutes."
    return woken.way.name.lower(), words


def cancel(run_name: str, *, as_json: bool) -> int:
    from data.runs import find_run
    from engine.run_control import cancel_run

    with open_here(load_settings()) as instance:
        run = find_run(instance.store, run_name)
        cancelled = cancel_run(instance.store, run.run, by=this_person(), now=instance.store.now())
    number = cancelled.run.run
    words = f"run {number} is cancelled: {cancelled.n_stopped:,} messages stopped, none of them was claimed."
    if cancelled.n_in_flight:
        words += f" {cancelled.n_in_flight:,} are in flight and settle as they come."
    content = {
        "run": number,
        "state": cancelled.run.state.value,
        "stopped": cancelled.n_stopped,
        "in_flight": cancelled.n_in_flight,
    }
    _tell(content, words, as_json=as_json)
    return EXIT_OK


def this_person() -> str:
    """The user of the operating system, as the audit log names who did something."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number without a name
        return f"user {os.getuid()}"


def _tell(content: dict[str, Any], words: str, *, as_json: bool) -> None:
    if as_json:
        print_json(content)
    else:
        screen.print(words, markup=False)
