import pytest
import sqlalchemy as sa

from data.ledger.audit import EQUATIONS, NoSuchRun, audit_run
from data.sql import sql
from data.store.tables import runs
from tests.data.ledger.conftest import accepted


def test_a_run_adds_up_from_its_freeze_to_its_end(bench):
    assert bench.audit().balanced
    lease = bench.take()
    bench.settle(bench.claim(lease, most=4), *accepted(0, 1))
    audit = bench.audit()
    assert audit.balanced
    assert [(e.left, e.right) for e in audit.equations] == [(10, 10)] * 5 + [(2, 2)]
    assert audit.equations[4].name == (
        "messages = accepted + rejected + unsent + unconfirmed + in flight + not yet claimed + stopped"
    )


@pytest.mark.parametrize(
    "damage",
    [
        "delete from outcomes where row = 0",
        "update outcomes set status = 6 where row = 0",
        "update outcomes set receipt = 99 where row = 0",
        "update batches set next_row = next_row + 1",
        "update claims set n_settled = n_settled - 1, state = 'open'",
        "insert into outcomes (run, batch, row, status) values (1, 0, 10, 1)",
        "update runs set n_messages = 11, n_audience = 11, n_contacts = 11, n_source_rows = 11",
        "update runs set n_rejects = 1",
        "update runs set n_holdout = 1",
        "update batches set n_messages = n_messages + 1",
    ],
)
def test_damage_is_noticed(bench, damage):
    bench.settle(bench.claim(bench.take()), *accepted(*range(10)))
    with bench.store.write.begin() as connection:
        connection.execute(sa.text(damage))
    assert not bench.audit().balanced


def test_the_audit_is_one_statement_and_its_terms_are_those_of_the_equations(bench):
    assert sql("ledger/audit").count(";") == 1
    named = {term for left, right in EQUATIONS for term in (left, *right)}
    assert set(bench.audit().terms) == named | {"assumed_sent", "possible_duplicates"}


def test_a_run_that_is_not_there_is_named(bench):
    with bench.store.write.begin() as connection, pytest.raises(NoSuchRun, match="run 7"):
        audit_run(connection, 7)


def test_a_run_still_in_planning_adds_up_to_nothing(bench):
    bench.do(
        sa.insert(runs).values(
            run=2,
            campaign="c",
            state="planning",
            origin="hand",
            is_simulated=True,
            account="sim",
            created_at=0,
        )
    )
    with bench.store.write.begin() as connection:
        audit = audit_run(connection, 2)
    assert audit.balanced
    assert set(audit.terms.values()) == {0}
