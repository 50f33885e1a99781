import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging.person_set import PersonSet

KEYS = st.text("abc", max_size=4)  # few enough to meet again, and the empty one among them


@settings(deadline=None)
@given(people=st.lists(KEYS), asked=st.lists(st.none() | KEYS))
def test_a_row_is_one_of_them_exactly_when_its_key_is(people, asked):
    column = pl.Series(asked, dtype=pl.String)
    assert PersonSet(people).has_each(column).to_list() == [key in set(people) for key in asked]


@given(people=st.lists(KEYS), others=st.sets(KEYS))
@settings(deadline=None)
def test_it_is_a_set_like_any_other(people, others):
    known = PersonSet(people)
    assert known == set(people)
    assert (len(known), known & others, sorted(known)) == (
        len(set(people)),
        set(people) & others,
        sorted(set(people)),
    )
    assert PersonSet.of(known) is known
    assert PersonSet.of(others) == others


def test_none_is_nobody():
    assert PersonSet([None]) == set()
    assert None not in PersonSet(["ann"])


def test_many_people_are_told_from_many_others():
    people = pl.Series([f"{n:032x}" for n in range(0, 60_000, 3)])
    asked = pl.Series([f"{n:032x}" for n in range(60_000)])
    assert PersonSet(people).has_each(asked).arg_true().to_list() == list(range(0, 60_000, 3))
