"""Lids that close and clocks that jump: boot time alone decides what may leave."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from engine.sender.process import SystemClock


def jumping(office, *, at_request, wall_s=0.0, boot_s=0.0, meanwhile=lambda: None):
    """Move clocks of the machine once, directly before the look that precedes a write."""
    jumped, n_requests = [], [0]
    now, boot = office.now, office.boot_s

    def before_leaving():
        n_requests[0] += 1
        if n_requests[0] == at_request:
            jumped.append(True)
            meanwhile()

    office.gateway.before_leaving = before_leaving
    office.now = lambda: now() + (wall_s if jumped else 0.0)
    office.boot_s = lambda: boot() + (boot_s if jumped else 0.0)


def test_after_an_hour_with_the_lid_closed_nothing_leaves_before_it_is_claimed_anew(office_of):
    office = office_of(n=60, concurrency=10)
    jumping(office, at_request=5, wall_s=3600, boot_s=3600)
    tally = office.send()
    assert tally.accepted == 60
    assert sorted(office.gateway.rows) == list(range(60))
    first = office.claims[0]
    late = [row for row in first.rows if row not in office.gateway.rows[:4]]
    assert late
    claimed_again = [row for later in office.claims[1:] for row in later.rows]
    assert set(late) <= set(claimed_again)
    assert {attempts for (attempts,) in office.bench.rows("select attempts from outcomes")} == {1}


def test_of_a_batch_that_was_taken_while_the_machine_slept_nothing_more_leaves(office_of):
    office = office_of(n=40, concurrency=10)

    def taken_by_an_heir():
        office.bench.now = office.now()
        office.bench.take("heir")

    jumping(office, at_request=5, wall_s=3600, boot_s=3600, meanwhile=taken_by_an_heir)
    assert office.send().ended == "busy"
    assert len(office.gateway.rows) == 4
    assert office.bench.terms() == {"accepted": 4, "unsent": 16, "not_yet_claimed": 20}


@pytest.mark.parametrize("wall_s", [3600.0, -3600.0], ids=["forward", "back"])
def test_a_wall_clock_that_jumps_makes_nobody_wait_nor_get_it_twice(office_of, wall_s):
    office = office_of(n=60, rate_mps=100, concurrency=10)
    jumping(office, at_request=7, wall_s=wall_s)
    began_s = office.loop.time()
    tally = office.send()
    assert (tally.accepted, tally.unconfirmed) == (60, 0)
    assert sorted(office.gateway.rows) == list(range(60))
    assert office.loop.time() - began_s < 5  # virtual seconds: 60 messages at 100 a second


@pytest.mark.skipif(sys.platform != "linux", reason="the name of the clock that counts sleep")
def test_the_boot_clock_counts_the_time_a_machine_is_suspended():
    assert SystemClock._BOOT == time.CLOCK_BOOTTIME
    up_s = float(Path("/proc/uptime").read_text().split()[0])
    assert abs(SystemClock().boot_s() - up_s) < 60
