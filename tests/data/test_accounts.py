from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa

from data.accounts import (
    Account,
    BadAccount,
    CredentialsSealed,
    UnknownAccount,
    ensure_simulator_account,
    read_account,
    save_account,
    set_rate,
)
from data.store.migrate import prepare_store

KEY = b"k" * 32
NOW = 1_790_000_000.0
SHOP = Account(
    account="shop",
    kind="simulator",
    settings={"bulk_size": 1},
    credentials={"api_key": "a secret of the shop"},
    rate_mps=30.0,
    concurrency=8,
)


@pytest.fixture
def store(tmp_path):
    store = prepare_store(f"sqlite:///{tmp_path / 'store.db'}", now=NOW)
    yield store
    store.close()


def test_an_account_comes_back_as_it_was_saved(store):
    save_account(store, SHOP, sealing_key=KEY)
    assert read_account(store, "shop", sealing_key=KEY) == SHOP


def test_saving_again_changes_the_account_and_keeps_its_pace(store):
    save_account(store, SHOP, sealing_key=KEY)
    with store.write.begin() as connection:
        connection.execute(sa.text("update accounts set next_free_at = 5, blocked_until = 7"))
    slower = replace(SHOP, rate_mps=3.0, credentials={})
    save_account(store, slower, sealing_key=KEY)
    assert read_account(store, "shop", sealing_key=KEY) == slower
    with store.read.connect() as connection:
        pace = connection.execute(sa.text("select next_free_at, blocked_until from accounts")).one()
    assert tuple(pace) == (5, 7)


def test_credentials_never_rest_or_print_in_clear(store, tmp_path):
    save_account(store, SHOP, sealing_key=KEY)
    store.close()
    rest = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"shop" in rest
    assert b"a secret" not in rest
    assert "a secret" not in repr(SHOP)


def test_credentials_open_with_their_own_key_only(store):
    save_account(store, SHOP, sealing_key=KEY)
    with pytest.raises(CredentialsSealed, match="sealing key") as error:
        read_account(store, "shop", sealing_key=b"x" * 32)
    assert "a secret" not in str(error.value)


def test_credentials_copied_to_another_account_do_not_open_there(store):
    save_account(store, SHOP, sealing_key=KEY)
    save_account(store, replace(SHOP, account="thief"), sealing_key=KEY)
    with store.write.begin() as connection:
        connection.execute(
            sa.text(
                "update accounts set credentials = (select credentials from accounts where account = 'shop')"
            )
        )
    with pytest.raises(CredentialsSealed):
        read_account(store, "thief", sealing_key=KEY)


def test_sim_is_there_from_the_first_start_and_stays_as_somebody_changed_it(store):
    ensure_simulator_account(store)
    first = read_account(store, "sim", sealing_key=KEY)
    assert first == Account(account="sim", kind="simulator")
    assert first.is_simulated
    one_by_one = replace(first, settings={"bulk_size": 1}, rate_mps=100.0)
    save_account(store, one_by_one, sealing_key=KEY)
    ensure_simulator_account(store)
    assert read_account(store, "sim", sealing_key=KEY) == one_by_one


def test_a_url_known_at_run_time_is_laid_over_the_settings_and_not_stored(store):
    save_account(store, SHOP, sealing_key=KEY)
    there = read_account(store, "shop", sealing_key=KEY).with_url("http://127.0.0.1:4280")
    assert there.settings == {"bulk_size": 1, "url": "http://127.0.0.1:4280"}
    assert "url" not in read_account(store, "shop", sealing_key=KEY).settings


def test_an_unknown_account_is_named_together_with_the_known_ones(store):
    ensure_simulator_account(store)
    with pytest.raises(UnknownAccount, match=r"'shop'; known: sim\."):
        read_account(store, "shop", sealing_key=KEY)


@pytest.mark.parametrize(
    "change", [{"rate_mps": 0.0}, {"rate_mps": float("nan")}, {"concurrency": 0}, {"account": ""}]
)
def test_an_account_that_could_not_send_is_refused(store, change):
    with pytest.raises(BadAccount):
        save_account(store, replace(SHOP, **change), sealing_key=KEY)


@pytest.mark.parametrize(
    ("before", "after", "next_free_at"),
    [(0.1, 10.0, 90.1), (10.0, 0.1, 109.9), (None, 4.0, 100.25), (4.0, None, 99.75), (4.0, 4.0, 100.0)],
)
def test_another_rate_counts_from_the_slot_that_was_given_out_last(store, before, after, next_free_at):
    """Reserved until 100 s: the last slot began one distance of the old rate earlier, and stays."""
    save_account(store, replace(SHOP, rate_mps=before), sealing_key=KEY)
    with store.write.begin() as connection:
        connection.execute(sa.text("update accounts set next_free_at = 100"))
    set_rate(store, "shop", after, by="a test", now=NOW)
    with store.read.connect() as connection:
        found = connection.execute(sa.text("select rate_mps, next_free_at from accounts")).one()
    assert tuple(found) == (after, pytest.approx(next_free_at))


def test_a_rate_that_is_none_is_refused(store):
    save_account(store, SHOP, sealing_key=KEY)
    for wrong in (0.0, -1.0, float("inf"), float("nan")):
        with pytest.raises(BadAccount):
            set_rate(store, "shop", wrong, by="a test", now=NOW)
    with pytest.raises(UnknownAccount, match="known: shop"):
        set_rate(store, "ship", 4.0, by="a test", now=NOW)
