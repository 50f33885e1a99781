import re

import pytest

from data.sql import FOLDER, sql

NAMES = sorted(str(path.relative_to(FOLDER).with_suffix("")) for path in FOLDER.rglob("*.sql"))


def test_comments_are_left_out_because_a_colon_in_them_is_no_parameter():
    assert "--" not in sql("ledger/take")
    assert sql("ledger/take").startswith("update batches")


@pytest.mark.parametrize("name", NAMES)
def test_every_text_has_a_header_that_names_it(name):
    first_line = (FOLDER / f"{name}.sql").read_text().splitlines()[0]
    assert re.match(rf"-- {re.escape(name)}(\.sql)?\b", first_line), first_line
