import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace

import pytest

from data import process_life
from data.process_life import is_dead, this_process

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody can be proved dead")

SAY_AND_WAIT = """
import sys, time
from data.process_life import this_process
mark = this_process()
print(mark.pid, mark.started, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def child():
    with subprocess.Popen(
        [sys.executable, "-c", SAY_AND_WAIT], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        pid, started = map(int, process.stdout.readline().split())
        yield process, replace(this_process(), pid=pid, started=started)
        process.kill()


def test_a_living_process_is_not_dead_nor_are_we(child):
    _, mark = child
    assert not is_dead(mark)
    assert not is_dead(this_process())


def test_a_stopped_process_would_still_send_so_it_is_not_dead(child):
    process, mark = child
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED)
    assert not is_dead(mark)
    process.send_signal(signal.SIGCONT)
    assert not is_dead(mark)


def test_a_killed_process_is_dead_before_and_after_its_parent_has_seen_it(child):
    process, mark = child
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # a zombie now
    assert is_dead(mark)
    process.wait()
    assert is_dead(mark)


def test_a_main_thread_that_has_ended_is_no_dead_process(monkeypatch, child):
    _, mark = child
    monkeypatch.setattr(process_life, "_stat", lambda pid: ("Z", mark.started))
    monkeypatch.setattr(process_life, "_has_one_thread", lambda pid: False)
    assert not is_dead(mark)


def test_an_id_that_was_given_out_again_is_another_process(child):
    _, mark = child
    assert is_dead(replace(mark, started=mark.started - 1))


@pytest.mark.parametrize("place", ["another boot", ""])
def test_of_another_boot_machine_or_container_nothing_is_known(child, place):
    process, mark = child
    process.kill()
    process.wait()
    assert not is_dead(replace(mark, place=place))


def test_where_the_system_does_not_tell_nobody_is_known_and_nobody_is_dead(child, monkeypatch, tmp_path):
    process, mark = child
    process.kill()
    process.wait()
    monkeypatch.setattr(process_life, "_PROC", tmp_path)
    process_life._place.cache_clear()
    try:
        assert this_process() is None
        assert not is_dead(mark)
    finally:
        process_life._place.cache_clear()


def test_what_proc_hides_is_asked_of_the_kernel(monkeypatch, child):
    process, mark = child
    monkeypatch.setattr(process_life, "_stat", lambda pid: None)
    assert not is_dead(mark)
    process.kill()
    process.wait()
    assert is_dead(mark)


def test_all_threads_are_the_same_process():
    found = []
    thread = threading.Thread(target=lambda: found.append(this_process()))
    thread.start()
    thread.join()
    assert found == [this_process()]
