"""Whoever has told the gateway to stop is texted no more, by a real client and a real gateway."""

from __future__ import annotations

import shutil
import time

import orjson
import pytest
import sqlalchemy as sa

from data.analytics import query
from data.files import run_folder
from data.receipt_pages import keep_page
from data.runs import read_run
from data.suppressions import lift_suppression
from engine import receipts as collecting
from engine.forgetting import forget_person
from engine.receipts import collect_once
from messaging.runs import RunState
from tests.engine.doubtful import KEYS, RUN, TAKEN, client_for
from tests.engine.lived_in import ANN

BOB = "+447400123002"
REASON = "opted out at the gateway"


def suppressed(instance):
    with instance.store.read.connect() as connection:
        rows = connection.execute(sa.text("select msisdn, scope, reason, source from suppressions"))
        return {tuple(row) for row in rows}


def to_real_people(instance):
    with instance.store.write.begin() as connection:
        connection.execute(sa.text("update runs set is_simulated = false"))


def test_a_refusal_suppresses_at_once_and_the_next_run_leaves_them_out(lived_in, instance):
    lived_in.simulator.set(reject_numbers={ANN: "opted_out", BOB: "blocked"})
    first = lived_in.plan_run(instance, "one").run
    lived_in.send(instance, first)
    assert suppressed(instance) == {(ANN, "sim", REASON, "run 1 through sim")}
    assert read_run(instance.store, first).state is RunState.FINISHED
    second = lived_in.plan_run(instance, "two").run
    lived_in.send(instance, second)
    lived_in.load(instance)
    asked = f"select reason from excluded where run = {second} and source_row = 2"  # the header is row 1
    assert query(instance.analytics, asked)[1] == [("suppressed",)]
    assert lived_in.simulator.ledger()["rejected"] == {"opted_out": 1, "blocked": 2}
    assert lived_in.balanced(instance, first)
    assert lived_in.balanced(instance, second)


def test_the_word_of_a_real_gateway_holds_everywhere(lived_in, instance):
    lived_in.simulator.set(reject_numbers={ANN: "opted_out"})
    run = lived_in.plan_run(instance, "one").run
    to_real_people(instance)
    lived_in.send(instance, run)
    assert suppressed(instance) == {(ANN, "", REASON, "run 1 through sim")}


# Receipts, on either store. The numbers of a house end in 00000 … 00119.

FIRST, LAST = "+447400100000", "+447400100119"


def sent(house, **suffixes):
    """The run is sent, and its receipts wait: these suffixes of numbers with these codes."""
    house.simulator.set(waiting_share=0, undelivered_suffixes=suffixes)
    house.send()


def collect(house):
    account = house.account
    return collect_once(
        house.store, lambda: client_for(account), "sim", KEYS, var_dir=house.var_dir, clock=time.time
    )


@pytest.fixture
def house(either_house):
    either_house.account = either_house.choose_gateway()
    return either_house


def on_the_list(house):
    return house.rows(
        "select person_key, scope, msisdn, reason, source from suppressions order by person_key"
    )


def of_person(key, msisdn):
    return (key, "sim", msisdn, REASON, "run 1 through sim")


def n_told(house):
    return house.rows("select count(*) from events where kind = 'suppression'")[0][0]


def test_a_receipt_that_says_so_suppresses_with_its_page(house):
    sent(house, **{"00000": "009", "00119": "009", "00001": "027", "00002": "001"})
    assert collect(house).n_new == 120
    assert on_the_list(house) == [of_person("p0-0", FIRST), of_person("p1-59", LAST)]
    assert n_told(house) == 2


def test_the_receipt_of_a_message_to_real_people_holds_everywhere(house):
    with house.store.write.begin() as connection:
        connection.execute(sa.text("update runs set is_simulated = false"))
    sent(house, **{"00000": "009"})
    collect(house)
    assert [scope for _, scope, *_ in on_the_list(house)] == [""]


def test_told_again_it_brings_nobody_back_whom_somebody_let_back(house):
    sent(house, **{"00000": "009"})
    collect(house)
    lift_suppression(house.store, "p0-0", "sim", by="Eve", why="asked for it", now=time.time())
    with house.store.write.begin() as connection:
        connection.execute(sa.text("update accounts set receipt_cursor = null"))
    assert collect(house).n_repeated == 120
    assert on_the_list(house) == []


def test_a_page_whose_reading_is_cut_off_suppresses_when_it_is_read(house, monkeypatch):
    sent(house, **{"00000": "009"})
    with monkeypatch.context() as patch:
        patch.setattr(
            collecting, "record_replies", lambda *args, **kwargs: (_ for _ in ()).throw(KeyboardInterrupt)
        )
        with pytest.raises(KeyboardInterrupt):
            collect(house)
    assert (house.rows("select count(*) from receipts"), on_the_list(house)) == ([(0,)], [])
    collect(house)
    assert on_the_list(house) == [of_person("p0-0", FIRST)]


def test_what_tells_of_a_message_that_cannot_be_read_waits_until_it_can_and_nothing_else_does(
    house, tmp_path
):
    sent(house, **{"00000": "009"})
    shutil.move(run_folder(house.var_dir, RUN).path, tmp_path / "elsewhere")
    collected = collect(house)
    assert (collected.n_unreadable, collected.n_new, on_the_list(house)) == (1, 119, [])
    again = collect(house)
    assert (again.n_unreadable, again.n_new, again.n_repeated) == (1, 0, 0)
    shutil.move(tmp_path / "elsewhere", run_folder(house.var_dir, RUN).path)
    collected = collect(house)
    assert (collected.n_unreadable, collected.n_new, collected.n_repeated) == (0, 1, 119)
    assert on_the_list(house) == [of_person("p0-0", FIRST)]
    assert house.rows("select count(*) from receipts") == [(120,)]


def test_a_receipt_without_our_reference_suppresses_once_it_finds_its_message(house):
    sent(house)
    collect(house)
    [(gateway_id,)] = house.rows("select gateway_message_id from outcomes where batch = 0 and row = 0")
    receipt = {"id": gateway_id, "reference": None, "status": "undelivered", "code": "009", "done_at": 5.0}
    body = orjson.dumps({"receipts": [receipt], "replies": []})
    keep_page(house.store, "sim", body, cursor=None, now=time.time())
    assert (collect(house).n_unknown, on_the_list(house)) == (1, [])
    assert house.reconcile().n_matched == 1
    assert on_the_list(house) == [of_person("p0-0", FIRST)]


def test_a_receipt_without_our_reference_that_comes_before_the_answer_suppresses_with_it(house):
    message = {"to": "+447400999999", "text": "x", "reference": "of somebody else"}
    prefix, _, index = house.simulator.post("/v1/messages", message)["id"].rpartition("-")
    ids = [f"{prefix}-{int(index) + n}" for n in (1, 2, 3)]
    receipts = [
        {"id": one, "reference": None, "status": status, "code": code, "done_at": 5.0}
        for one, status, code in zip(
            ids, ("undelivered", "undelivered", "delivered"), ("009", "027", "009"), strict=True
        )
    ]
    body = orjson.dumps({"receipts": receipts, "replies": []})
    keep_page(house.store, "sim", body, cursor=None, now=time.time())
    assert collect(house).n_unknown == 3
    house.send()
    [place] = house.rows(f"select batch, row from outcomes where gateway_message_id = '{ids[0]}'")
    assert [key for key, *_ in on_the_list(house)] == ["p{}-{}".format(*place)]
    assert n_told(house) == 1


def test_a_look_up_that_tells_the_receipt_suppresses_too(house):
    house.account = house.choose_gateway(pull="consumed_once")
    house.simulator.set(waiting_share=0, undelivered_suffixes={"9": "009"})
    house.send(**TAKEN)
    n = house.terms()["unconfirmed"]
    house.simulator.get("/v1/receipts/next?limit=1000")  # another reader's; nobody tells them again
    assert house.reconcile().n_by_look_up == n
    told = house.rows("select batch, row from outcomes where receipt_code = '009'")
    assert told
    assert {key for key, *_ in on_the_list(house)} == {f"p{batch}-{row}" for batch, row in told}


def test_of_somebody_who_was_forgotten_a_receipt_brings_nothing_back(lived_in, instance):
    lived_in.simulator.set(undelivered_suffixes={"3001": "009"})
    lived_in.send(instance, lived_in.plan_run(instance, "one").run)
    forget_person(instance, ANN, by="Eve")
    time.sleep(0.1)
    lived_in.collect(instance)
    assert suppressed(instance) == {(None, "", "forgotten", "forget")}
