"""`tidings up` as a person uses it: in a process of its own, ended by Ctrl-C's sibling, or by force."""

from __future__ import annotations

import re
import signal
import socket
import sys
from contextlib import closing

import pytest

from cli.supervisor import HOUSE, CannotStart, definition_of_house, up
from config.settings import CHECKOUT, Settings
from tests.cli.conftest import N_PEOPLE, wait_for

RUN_DRAINED = "select run from runs where run_key = 'drained'"

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, and PDEATHSIG is Linux's")


def test_a_taken_port_is_one_sentence_before_anything_is_started(tmp_path):
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        settings = Settings(var_dir=tmp_path / "var", prefect_port=port)
        with pytest.raises(
            CannotStart, match=rf"^port {port} is taken .* set TIDINGS_PREFECT_PORT to a free one\.$"
        ):
            up(settings)
    assert not (tmp_path / "var").exists()


def test_every_deployment_of_prefect_yaml_is_waited_for():
    flows = re.findall(r"entrypoint: flows\.\w+:(\w+)", (CHECKOUT / "prefect.yaml").read_text())
    assert sorted(HOUSE) == sorted(f"{flow.replace('_', '-')}/house" for flow in flows)


def test_the_definition_of_the_house_is_the_same_until_a_flow_changes():
    assert re.fullmatch("[0-9a-f]{16}", definition_of_house())
    assert definition_of_house() == definition_of_house()


@linux_only
@pytest.mark.slow
@pytest.mark.prefect
@pytest.mark.timeout(420)
def test_sigterm_settles_what_is_under_way_and_leaves_no_process(instance, simulator, tmp_path):
    simulator.set(latency_ms=300)
    running = instance.ready()
    assert instance.said(f"http://127.0.0.1:{instance.prefect_port}")
    assert instance.server.version_of("send-part/house") == definition_of_house()
    instance.send(tmp_path, "drained")
    assert wait_for(lambda: simulator.ledger()["messages"] > 100, within_s=120)

    running.send_signal(signal.SIGTERM)
    assert running.wait(90) == 0
    assert wait_for(lambda: not instance.processes(), within_s=5)
    assert instance.ask("select count(*) from claims where state = 'open'") == 0
    assert instance.ask("select count(*) from outcomes where status = 4") == 0
    assert instance.ask("select count(*) from runs where state = 'sending' and run_key = 'drained'") == 1
    taken = instance.open_references(simulator.references())
    assert taken - instance.accepted() == set()
    of_this_run = {message for message in taken if message.run == instance.ask(RUN_DRAINED)}
    assert 100 < len(of_this_run) < N_PEOPLE


@linux_only
@pytest.mark.slow
@pytest.mark.prefect
@pytest.mark.timeout(420)
def test_sigkill_of_the_supervisor_leaves_nobody_who_goes_on_sending(instance, simulator, tmp_path):
    simulator.set(latency_ms=300)
    running = instance.ready()
    instance.send(tmp_path, "killed")
    assert wait_for(lambda: simulator.ledger()["messages"] > 100, within_s=120)

    running.kill()
    assert wait_for(lambda: not instance.processes(), within_s=60)
    assert instance.ask("select count(*) from runs where state = 'sending' and run_key = 'killed'") == 1
    assert simulator.ledger()["duplicates_by_reference"] == 0
