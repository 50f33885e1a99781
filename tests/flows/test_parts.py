"""Which parts are started, and which of those that have ended are retried."""

from __future__ import annotations

import pytest
from prefect.states import Completed, Crashed, Failed

from flows.parts import PartToRun, Work, _Deployed, parts_of
from flows.send_part import chosen_of_part


def test_chosen_batches_lie_in_their_parts():
    assert parts_of([3, 7, 199, 200, 401]) == [
        PartToRun(0, (3, 7, 199)),
        PartToRun(1, (200,)),
        PartToRun(2, (401,)),
    ]
    assert parts_of([]) == []


def test_a_part_runs_all_its_batches_or_the_chosen_ones_among_them():
    assert chosen_of_part(1, 250, None) == list(range(200, 250))
    assert chosen_of_part(1, 250, [3, 203, 249, 250]) == [203, 249]


@pytest.mark.parametrize(
    ("ended", "unfinished", "is_again", "is_retried"),
    [
        (Failed(), (), False, True),
        (Crashed(), (), False, True),
        (Completed(), (), False, False),
        (Completed(), (1,), False, False),
        (Completed(), (0,), False, True),  # a person had messages in doubt sent again
        (Completed(), (), True, True),
    ],
)
def test_a_part_that_has_ended_is_retried_when_it_failed_or_something_is_left_of_it(
    ended, unfinished, is_again, is_retried
):
    work = Work(run=1, parts=[PartToRun(0)], key="run-1", unfinished=frozenset(unfinished), is_again=is_again)
    assert _Deployed(work, lambda: None)._wants_a_retry(0, ended) is is_retried
