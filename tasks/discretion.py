"""What an unexpected error may tell Prefect: its kind and its place, never its words, which may quote a row."""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

import sqlalchemy as sa

from config.settings import CHECKOUT
from messaging.errors import TidingsError

P = ParamSpec("P")
R = TypeVar("R")

# The store is out of reach. Its engines hide parameters, so these name a database and no person.
STORE_ERRORS = (sa.exc.OperationalError, sa.exc.InterfaceError)


class UnexpectedError(RuntimeError):
    """ColumnNotFoundError in engine/plan.py, line 118: a mistake of ours."""


def discreet(function: Callable[P, R]) -> Callable[P, R]:
    """For tasks: Prefect stores what they raise in clear.

    Sentences for people and errors of the store pass as they are; anything else becomes an UnexpectedError.
    """

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except (TidingsError, *STORE_ERRORS):
            raise
        except Exception as error:  # noqa: BLE001 - all of them, whatever they quote
            raise UnexpectedError(f"{type(error).__name__} in {_place(error)}") from None

    return wrapped


def _place(error: Exception) -> str:
    """The innermost line of ours that it passed."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if _is_ours(Path(frame.filename))]
    frame = (ours or frames)[-1]
    name = Path(frame.filename)
    return f"{name.relative_to(CHECKOUT) if _is_ours(name) else name.name}, line {frame.lineno}"


def _is_ours(file: Path) -> bool:
    return file.is_relative_to(CHECKOUT) and "site-packages" not in file.parts
