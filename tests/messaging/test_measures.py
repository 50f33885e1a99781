from collections import Counter

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging.measures import Meter

PLANS = st.sampled_from(["basic", "premium", "", "  ", None, " basic "])


def frame(plans, numbers=None):
    n = len(plans)
    return pl.DataFrame(
        {
            "source_row": range(2, n + 2),
            "msisdn": numbers or [f"+4474001{k:05}" for k in range(n)],
            "region": ["GB"] * n,
            "plan": plans,
        },
        schema={"source_row": pl.UInt32, "msisdn": pl.String, "region": pl.String, "plan": pl.String},
    )


def measured(contacts, *, chunk=1000, sample=None):
    meter = Meter({"Plan": "plan"}, distinct=["plan"], sample=sample)
    for some in contacts.iter_slices(chunk):
        meter.add(some)
    return meter.measures(contacts.height + 2)


def test_blanks_fill_nothing_and_stand_as_null():
    measures = measured(frame(["basic", " ", "", None, " basic "]))
    assert (measures.contacts, measures.source_rows, measures.filled["plan"]) == (5, 7, 2)
    assert (measures.distinct["plan"], measures.alone["plan"]) == (1, 0)
    assert measures.rows["plan"].to_list() == ["basic", None, None, None, "basic"]
    assert measures.valid_rate == 5 / 7


def test_numbers_are_counted_by_country_and_told_apart():
    contacts = frame(["a"] * 4, numbers=["+447400100001", "+447400100001", "+33612345678", "+447400100002"])
    measures = measured(contacts.with_columns(region=pl.Series(["GB", "GB", "FR", "GB"])))
    assert measures.regions == {"GB": 3, "FR": 1}
    assert measures.distinct["msisdn"] == 3


def test_a_source_of_nobody_has_measures_too():
    measures = measured(frame([]))
    assert (measures.contacts, measures.rows.height, measures.valid_rate) == (0, 0, 0.0)
    assert measures.filled == {"msisdn": 0, "plan": 0, "region": 0}


@settings(max_examples=50, deadline=None)
@given(
    plans=st.lists(PLANS, max_size=80),
    chunk=st.integers(1, 80),
    sample=st.none() | st.integers(0, 80),
)
def test_how_contacts_are_cut_into_chunks_changes_nothing(plans, chunk, sample):
    contacts = frame(plans)
    whole = measured(contacts, sample=sample)
    cut = measured(contacts, chunk=chunk, sample=sample)
    assert cut.rows.equals(whole.rows)
    assert (cut.filled, cut.distinct, cut.alone, cut.regions) == (
        whole.filled,
        whole.distinct,
        whole.alone,
        whole.regions,
    )
    assert whole.rows.height == (len(plans) if sample is None else min(sample, len(plans)))
    counted = Counter(plan.strip() for plan in plans if plan and plan.strip())
    assert whole.distinct["plan"] == len(counted)
    assert whole.alone["plan"] == list(counted.values()).count(1)


def test_a_sample_lies_all_over_the_source():
    contacts = frame([f"{k // 1000}" for k in range(20_000)])
    thousands = measured(contacts, sample=2000).rows["plan"].value_counts()
    assert thousands.height == 20
    assert 60 < thousands["count"].min() <= thousands["count"].max() < 150
