"""An import whose process is told to end: it says so in the store, and whoever waits for the store waits no longer."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from data.imports import list_imports
from tests.engine.intake import counts_of

PEOPLE = "phone,first_name\n07400 123001,Ann\n07400 123002,Bob\n"


class Told(BaseException):
    """What a signal handler raises, wherever the process is at that moment."""


@pytest.fixture
def told_at(intake):
    """Tell an import to end once the store has begun to answer a statement, which is open then."""
    if not intake.store.is_sqlite:
        pytest.skip("on SQLite an open statement keeps the only write lock")

    def tell(words):
        def end(_connection, _cursor, statement, *_):
            if words in statement:
                raise Told

        sa.event.listen(intake.store.write, "after_cursor_execute", end)
        return lambda: sa.event.remove(intake.store.write, "after_cursor_execute", end)

    return tell


@pytest.mark.timeout(30)
@pytest.mark.parametrize("statement", ["from contacts\nwhere person_key", "insert into contacts"])
def test_an_import_that_is_told_to_end_lets_go_of_the_store_at_once(intake, told_at, statement):
    intake.source(PEOPLE)
    stop_telling = told_at(statement)
    with pytest.raises(Told):
        intake.bring()
    stop_telling()
    (kept,) = list_imports(intake.store)
    assert (kept.state, kept.state_reason) == ("failed", "it was stopped")
    assert intake.contacts() == {}
    assert counts_of(intake.bring())["new"] == 2
