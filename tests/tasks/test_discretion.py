"""What an error may tell Prefect."""

from __future__ import annotations

import traceback

import pytest
import sqlalchemy as sa

from messaging.errors import TidingsError
from tasks.discretion import UnexpectedError, discreet


def quote_a_row():
    raise KeyError("+447400123456 Zebedee")


def test_an_unexpected_error_tells_its_kind_and_place_and_nothing_it_quotes():
    with pytest.raises(
        UnexpectedError, match=r"^KeyError in tests/tasks/test_discretion\.py, line \d+$"
    ) as raised:
        discreet(quote_a_row)()
    assert "Zebedee" not in "".join(traceback.format_exception(raised.value))


def test_a_sentence_for_people_passes_as_it_is():
    def refuse():
        raise TidingsError("welcome.toml: message.text is empty; write one.")

    with pytest.raises(TidingsError, match=r"^welcome\.toml: message\.text is empty; write one\.$"):
        discreet(refuse)()


def test_an_error_of_the_store_passes_so_that_the_task_is_tried_again():
    def lose_the_store():
        raise sa.exc.OperationalError("select 1", {}, OSError("gone"))

    with pytest.raises(sa.exc.OperationalError):
        discreet(lose_the_store)()


def test_an_interrupt_passes():
    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        discreet(interrupt)()


def test_a_discreet_function_keeps_its_name_and_its_arguments():
    def double(number: int) -> int:
        return 2 * number

    wrapped = discreet(double)
    assert (wrapped(4), wrapped.__name__) == (8, "double")
