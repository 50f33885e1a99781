"""What Prefect runs a task again for by itself; everything else waits for a person."""

from __future__ import annotations

from typing import Any

from prefect import State

from tasks.discretion import STORE_ERRORS, UnexpectedError


def is_worth_a_retry(_task: object, _task_run: object, state: State[Any]) -> bool:
    """A crash, or a store out of reach. What a gateway said never is: the sender has tried again already.

    Nor is a sentence for people: a file or a definition is as wrong a minute later.
    """
    return isinstance(state.result(raise_on_failure=False), (UnexpectedError, *STORE_ERRORS))
