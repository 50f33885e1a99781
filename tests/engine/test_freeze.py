import dataclasses
import hashlib
import stat

import orjson
import polars as pl
import pytest

from data.files import read_batch
from data.fingerprints import file_fingerprints
from data.ledger.audit import audit_run
from data.runs import AlreadyPlanned, RepeatRefused, read_run
from engine import freeze as freezing
from engine.freeze import freeze
from engine.plan import GuardStopped
from messaging.batches import BatchRef
from messaging.runs import RunState
from messaging.schemas import EXCLUDED_TWIN, MESSAGES, PLANNED_TWIN, REJECTS_TWIN
from messaging.sealed import MessageRef, Sealer
from tests.engine.planning import KEYS, NOW, mobiles

FILES = {
    "runs/000001/rejects.parquet",
    "runs/000001/rejects.csv",
    "runs/000001/excluded.parquet",
    "runs/000001/audience.parquet",
    "runs/000001/plan.json",
    "runs/000001/batches/000.parquet",
    "lake/planned/run-000001.parquet",
    "lake/excluded/run-000001.parquet",
    "lake/rejects/run-000001.parquet",
}


def frozen(desk, plan, run, **more):
    return freeze(plan, run, store=desk.store, keys=KEYS, var_dir=desk.var_dir, **{"now": NOW, **more})


def is_balanced(desk, run):
    with desk.store.read.connect() as connection:
        return audit_run(connection, run, now=NOW).balanced


def test_a_frozen_run_is_whole_private_and_sending(desk):
    run = frozen(desk, desk.plan(), desk.run())
    assert (run.state, run.n_messages, run.folder) == (RunState.SENDING, 5, "runs/000001")
    assert run.run_key is not None
    assert run.run_key.startswith("spring+")
    assert desk.files() == FILES
    for path in desk.var_dir.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o600 if path.is_file() else 0o700), path
    assert is_balanced(desk, 1)


def test_messages_are_numbered_for_their_run(desk):
    for number in (1, 2):
        frozen(desk, desk.plan(f"Hi {number}", run={"batch_size": 2}), desk.run())
    messages = pl.concat(
        read_batch(desk.var_dir / "runs" / "000002", BatchRef(2, batch)) for batch in range(3)
    )
    assert messages.schema == MESSAGES
    assert messages["message_id"].to_list() == [(2 << 32) + ordinal for ordinal in range(5)]
    assert Sealer(KEYS.references).open_many(messages["reference"]) == [
        MessageRef(2, ordinal // 2, ordinal % 2) for ordinal in range(5)
    ]


def test_every_batch_is_where_its_sender_looks_for_it(desk):
    desk.source(mobiles(range(123_000, 123_403)))
    run = frozen(desk, desk.plan("Hi", run={"batch_size": 2}), desk.run())
    assert run.n_batches == 202
    assert {file for file in desk.files() if "batches" in file} == {
        "runs/000001/batches/000.parquet",
        "runs/000001/batches/001.parquet",
    }
    for batch, ordinals in [(0, [0, 1]), (199, [398, 399]), (200, [400, 401]), (201, [402])]:
        assert read_batch(desk.var_dir / str(run.folder), BatchRef(1, batch))["ordinal"].to_list() == ordinals


def test_the_lakes_twins_hold_nobody_in_clear(desk):
    frozen(desk, desk.plan("Hi {{ first_name }}"), desk.run())
    for kind, schema in (("planned", PLANNED_TWIN), ("excluded", EXCLUDED_TWIN), ("rejects", REJECTS_TWIN)):
        twin = pl.read_parquet(desk.var_dir / "lake" / kind / "run-000001.parquet")
        assert twin.schema == schema
        assert twin["run"].to_list() == [1] * twin.height
        shown = str(twin.rows())
        for secret in ("7400123", "612345678", "Ann", "Élodie", "not a number"):
            assert secret not in shown
    planned = pl.read_parquet(desk.var_dir / "lake" / "planned" / "run-000001.parquet")
    assert planned.select("source_row", "masked_msisdn", "country", "currency").row(0) == (
        2,
        "+4474…001",
        "GB",
        "EUR",
    )


def test_the_plan_in_the_folder_is_counts_and_fingerprints_only(desk):
    plan = desk.plan("Hi {{ first_name }}")
    frozen(desk, plan, desk.run())
    text = (desk.var_dir / "runs" / "000001" / "plan.json").read_text(encoding="utf-8")
    assert orjson.loads(text)["messages"] == plan.summary.messages
    for secret in ("7400123", "Ann", "not a number"):
        assert secret not in text


def test_the_plan_notes_what_each_file_of_the_run_was(desk):
    frozen(desk, desk.plan(), desk.run())
    folder = desk.var_dir / "runs" / "000001"
    noted = orjson.loads((folder / "plan.json").read_bytes())["files"]
    names = ["audience.parquet", "batches/000.parquet", "excluded.parquet", "rejects.csv", "rejects.parquet"]
    assert list(noted) == names
    assert noted == {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
    (folder / "excluded.parquet").write_bytes(b"somebody else")
    now = file_fingerprints(folder)
    assert [name for name in names if now[name] != noted[name]] == ["excluded.parquet"]


def test_a_frozen_run_stays_as_it_is_whatever_the_source_holds_by_then(desk):
    first = frozen(desk, desk.plan(), desk.run(run_key="k"))
    before = {file: (desk.var_dir / file).read_bytes() for file in desk.files()}
    desk.source(mobiles(range(123_000, 123_050)))
    stale = dataclasses.replace(first, frozen_at=None, state=RunState.PLANNING)
    for record in (first, stale):
        assert frozen(desk, desk.plan("Bye"), record) == first
    assert {file: (desk.var_dir / file).read_bytes() for file in desk.files()} == before


def test_a_crash_before_the_commit_leaves_nothing_that_could_be_claimed_and_a_repeat_replaces_its_files(
    desk, monkeypatch
):
    run, plan = desk.run(), desk.plan()
    with monkeypatch.context() as crash:
        # A killed process runs no clean-up: whatever it has written stays.
        crash.setattr(freezing._Draft, "remove", lambda _draft: None)
        crash.setattr(freezing, "freeze_run", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            frozen(desk, plan, run)
    assert read_run(desk.store, 1).state is RunState.PLANNING
    assert desk.files()
    assert not desk.files() & FILES
    desk.source(mobiles(range(123_000, 123_002)))
    assert frozen(desk, desk.plan(), run).n_messages == 2
    assert desk.files() == FILES


def test_a_crash_between_the_files_and_the_commit_is_repaired_by_a_repeat(desk, monkeypatch):
    run, plan = desk.run(), desk.plan()
    move = freezing._Draft.move_into_place

    def crash_after_moving(draft):
        move(draft)
        raise KeyboardInterrupt

    with monkeypatch.context() as crash:
        crash.setattr(freezing._Draft, "move_into_place", crash_after_moving)
        with pytest.raises(KeyboardInterrupt):
            frozen(desk, plan, run)
    assert read_run(desk.store, 1).state is RunState.PLANNING
    assert desk.files() == FILES
    desk.source(mobiles(range(123_000, 123_002)))
    assert frozen(desk, desk.plan(), run).n_messages == 2
    assert desk.files() == FILES
    assert read_batch(desk.var_dir / "runs" / "000001", BatchRef(1, 0)).height == 2


def test_two_starts_of_one_run_cannot_mix_their_files(desk, monkeypatch):
    run, plan = desk.run(), desk.plan("Hi")
    other = desk.plan("Bye")
    freeze_run = freezing.freeze_run

    def overtaken(*args, **kwargs):
        with monkeypatch.context() as once:
            once.setattr(freezing, "freeze_run", freeze_run)
            frozen(desk, other, run)
        return freeze_run(*args, **kwargs)

    monkeypatch.setattr(freezing, "freeze_run", overtaken)
    assert frozen(desk, plan, run).text_fingerprint == other.summary.text_fingerprint
    assert desk.files() == FILES
    assert set(read_batch(desk.var_dir / "runs" / "000001", BatchRef(1, 0))["text"]) == {"Bye"}


def test_of_two_starts_with_the_same_plan_the_slower_one_finds_the_run_frozen(desk, monkeypatch):
    run, plan = desk.run(), desk.plan()
    write_run_folder = freezing._write_run_folder

    def overtaken(*args):
        with monkeypatch.context() as once:
            once.setattr(freezing, "_write_run_folder", write_run_folder)
            frozen(desk, plan, run)
        raise FileNotFoundError  # the folder that this start was writing to is in its place by now

    monkeypatch.setattr(freezing, "_write_run_folder", overtaken)
    assert frozen(desk, plan, run) == read_run(desk.store, 1)
    assert desk.files() == FILES


def test_a_file_that_is_really_missing_is_no_frozen_run(desk, monkeypatch):
    def fail(*_args):
        raise FileNotFoundError

    monkeypatch.setattr(freezing, "_write_run_folder", fail)
    with pytest.raises(FileNotFoundError):
        frozen(desk, desk.plan(), desk.run())
    assert desk.files() == set()


def test_a_guard_that_says_stop_freezes_nothing(desk):
    run = desk.run()
    with pytest.raises(GuardStopped, match=r"guards\.max_messages allows 1"):
        frozen(desk, desk.plan(guards={"max_messages": 1}), run)
    assert desk.files() == set()
    assert not read_run(desk.store, 1).is_frozen


def test_a_plan_that_was_sent_before_points_to_its_run_and_leaves_no_file(desk):
    first = frozen(desk, desk.plan(), desk.run())
    with pytest.raises(AlreadyPlanned) as raised:
        frozen(desk, desk.plan(), desk.run())
    assert raised.value.run == first
    assert desk.files() == FILES


def test_again_is_a_new_run_with_a_key_of_its_own(desk):
    keys = [frozen(desk, desk.plan(), desk.run(), again=True).run_key for _ in range(3)]
    assert keys == [keys[0], f"{keys[0]}#2", f"{keys[0]}#3"]


@pytest.mark.parametrize(
    ("later", "fields", "is_refused"),
    [
        ({"now": NOW + 3600}, {"run_key": "two"}, True),
        ({"now": NOW + 86_401}, {"run_key": "two"}, False),
        ({"now": NOW + 3600, "again": True}, {"run_key": "two"}, False),
        ({"now": NOW + 3600}, {"run_key": "two", "is_simulated": True}, False),
        ({"now": NOW + 3600}, {"run_key": "two", "origin": "schedule", "scheduled_at": NOW}, False),
    ],
    ids=["by-hand", "a-day-later", "again", "simulated", "scheduled"],
)
def test_a_start_by_hand_repeats_nothing_that_went_out_lately(desk, later, fields, is_refused):
    frozen(desk, desk.plan(), desk.run(run_key="one"))
    second = desk.run(**fields)
    if not is_refused:
        assert frozen(desk, desk.plan(), second, **later).run_key == "two"
        return
    with pytest.raises(RepeatRefused, match=r"run 1 \(one\)"):
        frozen(desk, desk.plan(), second, **later)
    assert desk.files() == FILES


def test_a_simulated_run_keeps_nobody_from_the_real_one(desk):
    frozen(desk, desk.plan(), desk.run(run_key="rehearsal", is_simulated=True))
    assert frozen(desk, desk.plan(), desk.run(run_key="real")).is_frozen


def test_a_frozen_run_may_wait_for_its_time(desk):
    run = frozen(desk, desk.plan(), desk.run(), to=RunState.SCHEDULED)
    assert (run.state, run.started_at) == (RunState.SCHEDULED, None)


def test_rejects_can_be_mended_in_a_spreadsheet(desk):
    frozen(desk, desk.plan(), desk.run())
    rejects = pl.read_csv(desk.var_dir / "runs" / "000001" / "rejects.csv")
    assert rejects.select("source_row", "column", "raw_value", "rule").rows() == [
        (7, "phone", "not a number", "not_a_number")
    ]
    assert rejects["sentence"][0]
