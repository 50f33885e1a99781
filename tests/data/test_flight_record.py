import os
import signal
import stat
import sys

import pytest

from data import flight_record
from data.flight_record import FlightRecords
from data.ledger.records import Lease, own_request_key
from messaging.batches import BatchRef

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere none is kept")

REF = BatchRef(3, 7)


def lease(fence=1, owner="task/1"):
    return Lease(ref=REF, owner=owner, fence=fence, n_claims=0)


def key(claim_no, owner="task/1"):
    return own_request_key(owner, REF, claim_no)


def die(var_dir, *marks, fence=1, owner="task/1"):
    """A process of its own that holds the lease, marks and is killed."""
    pid = os.fork()
    if pid == 0:
        record = FlightRecords(var_dir).begin(lease(fence, owner), 100)
        for claim_no, rows in marks:
            record.mark(claim_no, rows)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)


def test_what_a_killed_process_let_leave_is_known_claim_by_claim(tmp_path):
    die(tmp_path, (0, range(40)), (1, [41, 43]))
    found = FlightRecords(tmp_path)
    assert found.is_dead(REF, "task/1", 1)
    assert found.departed(REF, 1, 0, key(0)) == set(range(40))
    assert found.departed(REF, 1, 1, key(1)) == {41, 43}
    assert found.departed(REF, 1, 2, key(2)) == set()


def test_a_living_holder_proves_nothing(tmp_path):
    records = FlightRecords(tmp_path)
    record = records.begin(lease(), 100)
    record.mark(0, [1])
    assert not records.is_dead(REF, "task/1", 1)
    assert records.departed(REF, 1, 0, key(0)) is None
    record.end(is_settled=False)


def test_marks_are_read_only_after_the_holder_is_known_to_be_dead(tmp_path, monkeypatch):
    """Or what it marks in between would be missed, and sent twice."""
    die(tmp_path, (0, [1]))
    path = tmp_path / "flight" / "000003-00007.flight"

    def is_dead(process):
        with path.open("r+b") as file:
            file.seek(flight_record.HEADER_BYTES + flight_record.BYTES_PER_ROW * 2)
            file.write((1).to_bytes(4, sys.byteorder))
        return True

    monkeypatch.setattr(flight_record, "is_dead", is_dead)
    assert FlightRecords(tmp_path).departed(REF, 1, 0, key(0)) == {1, 2}


def test_another_lease_owner_or_claim_proves_nothing(tmp_path):
    die(tmp_path, (0, [1]), fence=4)
    found = FlightRecords(tmp_path)
    assert found.departed(REF, 3, 0, key(0)) is None
    assert found.departed(REF, 4, 0, key(0, owner="task/2")) is None
    assert not found.is_dead(REF, "task/2", 4)
    assert not found.is_dead(REF, "task/1", 3)
    assert found.departed(BatchRef(3, 8), 4, 0, key(0)) is None


@pytest.mark.parametrize("n_bytes", [0, 10, 1024, 1100])
def test_a_record_that_was_cut_off_proves_nothing(tmp_path, n_bytes):
    die(tmp_path, (0, [1]))
    os.truncate(tmp_path / "flight" / "000003-00007.flight", n_bytes)
    found = FlightRecords(tmp_path)
    assert found.departed(REF, 1, 0, key(0)) is None


def test_the_next_holder_replaces_the_file_and_a_sleeper_does_not_remove_it(tmp_path):
    sleeper = FlightRecords(tmp_path).begin(lease(1), 100)
    heir = FlightRecords(tmp_path).begin(lease(2), 100)
    sleeper.mark(0, [5])
    sleeper.end(is_settled=True)
    (path,) = (tmp_path / "flight").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    heir.end(is_settled=True)
    assert list((tmp_path / "flight").iterdir()) == []


def test_a_holder_that_leaves_something_open_leaves_its_record(tmp_path):
    FlightRecords(tmp_path).begin(lease(), 100).end(is_settled=False)
    assert len(list((tmp_path / "flight").iterdir())) == 1


def test_where_no_file_can_be_made_none_is_kept(tmp_path):
    (tmp_path / "flight").touch()
    assert FlightRecords(tmp_path).begin(lease(), 100) is None
    assert FlightRecords(tmp_path / "other").begin(lease(owner="x" * 2000), 100) is None
