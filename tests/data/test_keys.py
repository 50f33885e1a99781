import stat

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

from data.keys import KeysError, load_keys, read_secrets

ONE, OTHER = SecretStr("1" * 64), SecretStr("2" * 64)


def test_the_first_start_makes_two_private_keys_and_later_ones_find_them(tmp_path):
    keys = load_keys(tmp_path)
    assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == ["pseudonym", "sealing"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "keys").iterdir()} == {0o600}
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    assert load_keys(tmp_path) == keys


def test_two_instances_have_different_keys(tmp_path):
    assert load_keys(tmp_path / "a").person != load_keys(tmp_path / "b").person


def test_each_purpose_has_a_key_of_its_own(tmp_path):
    keys = load_keys(tmp_path, sealing=ONE, pseudonym=ONE)
    assert len({keys.sealing, keys.person, keys.references}) == 3
    assert {len(key) for key in (keys.sealing, keys.person, keys.references)} == {32}


def test_given_keys_are_used_and_none_is_written(tmp_path):
    assert load_keys(tmp_path, sealing=ONE, pseudonym=ONE) != load_keys(
        tmp_path, sealing=ONE, pseudonym=OTHER
    )
    assert list(tmp_path.iterdir()) == []


def test_the_derivation_never_changes_since_every_suppression_hangs_on_it(tmp_path):
    keys = load_keys(tmp_path, sealing=ONE, pseudonym=ONE)
    assert keys.person.hex() == "0dc3bd6ccc21ebbf789ca9c672285992f809924606a72343ee67576a253129a4"
    assert keys.references.hex() == "0a243e8995d72de838de63884c032576e90c409592ceafd6c2c905fabb0d0b28"


def test_the_sealing_key_may_rotate_without_changing_anybodys_pseudonym(tmp_path):
    assert (
        load_keys(tmp_path, sealing=ONE, pseudonym=ONE).person
        == load_keys(tmp_path, sealing=OTHER, pseudonym=ONE).person
    )


def test_a_lost_pseudonym_key_is_never_replaced(tmp_path):
    load_keys(tmp_path)
    (tmp_path / "keys" / "pseudonym").unlink()
    with pytest.raises(KeysError, match="opt-out"):
        load_keys(tmp_path)
    assert not (tmp_path / "keys" / "pseudonym").exists()


def test_keys_that_a_store_knows_are_never_made_anew(tmp_path):
    check = load_keys(tmp_path / "before").check
    with pytest.raises(KeysError, match="opt-out"):
        load_keys(tmp_path / "after", check=check)
    assert not (tmp_path / "after").exists()


def test_a_lost_sealing_key_is_not_replaced_either(tmp_path):
    check = load_keys(tmp_path).check
    (tmp_path / "keys" / "sealing").unlink()
    with pytest.raises(KeysError, match="TIDINGS_SEALING_KEY"):
        load_keys(tmp_path, check=check)
    assert not (tmp_path / "keys" / "sealing").exists()


def test_another_pseudonym_key_than_the_store_was_made_with_is_refused(tmp_path):
    check = load_keys(tmp_path, sealing=ONE, pseudonym=ONE).check
    assert load_keys(tmp_path, sealing=OTHER, pseudonym=ONE, check=check).check == check
    with pytest.raises(KeysError, match="not the one that this store was made with"):
        load_keys(tmp_path, sealing=ONE, pseudonym=OTHER, check=check)


def test_a_store_of_earlier_pseudonyms_is_refused_and_not_blamed_on_its_key(tmp_path):
    load_keys(tmp_path)
    kept = read_secrets(tmp_path / "keys")
    earlier = HKDF(SHA256(), 32, salt=None, info=b"tidings check").derive(kept.pseudonym.encode()).hex()
    with pytest.raises(KeysError, match=r"made before version 0\.1\.0, under other pseudonyms"):
        load_keys(tmp_path, check=earlier)


def test_the_check_value_gives_no_key_away(tmp_path):
    keys = load_keys(tmp_path, sealing=ONE, pseudonym=ONE)
    assert keys.check not in {keys.person.hex(), keys.references.hex(), keys.sealing.hex()}


def test_a_short_or_unreadable_key_is_refused_without_showing_it(tmp_path):
    with pytest.raises(KeysError, match="TIDINGS_PSEUDONYM_KEY") as raised:
        load_keys(tmp_path, sealing=ONE, pseudonym=SecretStr("hunter2"))
    assert "hunter2" not in str(raised.value)
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "pseudonym").write_bytes(b"\xff" * 64)
    with pytest.raises(KeysError, match="pseudonym"):
        load_keys(tmp_path)


def test_keys_are_not_printed(tmp_path):
    keys = load_keys(tmp_path)
    assert keys.person.hex() not in repr(keys)
    assert str(keys.person) not in repr(keys)
