"""The pace of an account over two processes, by the gateway's own log. How exactly: benchmarks/pace.py.

The bounds here are wide, since tests run on busy machines: two senders that knew nothing of each other would be twice
as fast as allowed, and a backlog that leaves at once is a good half of a second's messages too many.
"""

import pytest

from benchmarks.pace import Case, fullest, judge, measure


@pytest.mark.slow
@pytest.mark.parametrize(
    "case",
    [
        Case(name="slow", rate_mps=40),
        Case(name="fast", rate_mps=200),
        Case(name="a stall", rate_mps=200, stalls=True),
        Case(name="bulk", rate_mps=200, bulk_size=20),
    ],
    ids=lambda case: case.name,
)
def test_two_processes_keep_to_the_one_rate_of_their_account(case, tmp_path, simulator):
    kept = measure(case, tmp_path / "var", simulator.url, seconds=4)
    assert kept.n_messages == 4 * case.rate_mps
    assert kept.worst <= 1.3 * case.rate_mps + kept.largest_request
    assert kept.average <= 1.05 * case.rate_mps
    if not case.stalls:
        assert kept.average >= 0.6 * case.rate_mps


def test_the_fullest_second_is_found_wherever_it_begins():
    arrivals = [(0.0, 1), (0.9, 1), (1.0, 1), (1.5, 2), (1.9, 1), (2.0, 1)]
    assert fullest(arrivals, 1.0) == 5
    assert judge(Case(name="x", rate_mps=4), arrivals).worst == 5
