"""When Prefect may run a task again by itself."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from prefect.states import Failed

from messaging.errors import SourceError, TidingsError
from tasks.discretion import UnexpectedError
from tasks.retrying import is_worth_a_retry


@pytest.mark.parametrize(
    ("error", "is_worth"),
    [
        (sa.exc.OperationalError("select 1", {}, OSError("gone")), True),
        (UnexpectedError("KeyError in engine/plan.py, line 1"), True),
        (TidingsError("there is no gateway account 'main'"), False),
        (SourceError("people.csv: no column looks like a phone number"), False),
    ],
)
def test_only_crashes_and_errors_of_the_store_are_tried_again(error, is_worth):
    assert is_worth_a_retry(None, None, Failed(data=error)) is is_worth
