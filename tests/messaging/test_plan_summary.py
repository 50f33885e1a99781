import dataclasses

import pytest

from messaging.plan_summary import PlanSummary

SUMMARY = PlanSummary(
    campaign="welcome",
    source_rows=10,
    rejects={"too_short": 1, "no_number": 2},
    contacts=7,
    excluded={"duplicate": 3},
    audience=4,
    holdout=0,
    messages=4,
    segments=5,
    cost=0.2,
    currency="EUR",
    encodings={"gsm7": 4},
    regions={"GB": 4},
    segments_per_message={1: 3, 2: 1},
    n_batches=1,
    batch_size=1000,
    validity_s=172_800,
    source_fingerprint="a",
    text_fingerprint="b",
    plan_fingerprint="c",
)


def test_the_sums_are_at_hand():
    assert (SUMMARY.n_rejects, SUMMARY.n_excluded) == (3, 3)
    assert SUMMARY.as_dict()["rejects"] == {"too_short": 1, "no_number": 2}


@pytest.mark.parametrize("lost", [{"source_rows": 11}, {"excluded": {}}, {"messages": 3}, {"holdout": 1}])
def test_a_plan_that_loses_a_row_cannot_be_made(lost):
    with pytest.raises(ValueError, match="the plan of welcome loses rows"):
        dataclasses.replace(SUMMARY, **lost)
