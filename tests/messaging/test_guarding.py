from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.guarding import FailureGuards, Recent, Sign, guard, sign_of
from messaging.outcomes import ErrorKind, Outcome, OutcomeStatus, ProviderError

GUARDS = FailureGuards(max_failures_in_a_row=5, max_failure_rate=0.5, failure_window=20)


def outcome(status, kind=None, *, permanent=False):
    error = None if kind is None else ProviderError(kind=kind, permanent=permanent)
    return Outcome(reference="r", status=status, error=error)


GOOD = outcome(OutcomeStatus.ACCEPTED)
BAD = outcome(OutcomeStatus.REJECTED, ErrorKind.BLOCKED)
LATER = outcome(OutcomeStatus.UNSENT, ErrorKind.THROTTLED)


def after(*outcomes, recent=None, guards=GUARDS):
    """One settle for each."""
    recent, stop = recent or Recent(), None
    for one in outcomes:
        guarded = guard(recent, [one], guards)
        recent, stop = guarded.recent, stop or guarded.stop
    return recent, stop


@pytest.mark.parametrize(
    ("said", "sign"),
    [
        (GOOD, Sign.GOOD),
        *((outcome(OutcomeStatus.REJECTED, kind), Sign.BAD) for kind in ("blocked", "content_rejected")),
        (outcome(OutcomeStatus.REJECTED), Sign.BAD),
        *((outcome(OutcomeStatus.UNCONFIRMED, kind), Sign.BAD) for kind in ("timeout", "lost_connection")),
        *(
            (outcome(OutcomeStatus.UNSENT, kind), Sign.NONE)
            for kind in ("throttled", "unavailable", "connect_failed", "held_back", "timeout")
        ),
        (outcome(OutcomeStatus.UNSENT), Sign.NONE),
        (outcome(OutcomeStatus.UNSENT, "unknown", permanent=True), Sign.BAD),
        *(
            (outcome(status, kind), Sign.FATAL)
            for status in (OutcomeStatus.UNSENT, OutcomeStatus.REJECTED)
            for kind in ("no_credit", "bad_credentials")
        ),
    ],
)
def test_what_an_outcome_says_of_the_run(said, sign):
    error = said.error
    if error is not None:
        said = outcome(said.status, ErrorKind(error.kind), permanent=error.permanent)
    assert sign_of(said) is sign


def test_failures_in_a_row_stop_and_a_success_between_them_does_not():
    assert after(*[BAD] * 4)[1] is None
    assert after(*[BAD] * 5)[1] == "5 messages in a row failed (blocked)"
    assert after(*[BAD] * 4, GOOD, *[BAD] * 4)[1] is None
    assert after(*[BAD] * 4, LATER, BAD)[1] is not None, "what is tried again is no success either"


def test_a_row_of_failures_may_go_over_settles_of_any_size():
    first = guard(Recent(), [GOOD, BAD, BAD, BAD], GUARDS)
    assert (first.recent.in_a_row, first.stop) == (3, None)
    assert guard(first.recent, [BAD, BAD, GOOD], GUARDS).stop is None
    assert guard(first.recent, [BAD, BAD], GUARDS).stop is not None


def test_too_large_a_share_of_a_full_window_stops():
    one_of_two = [BAD, BAD, GOOD] * 7
    _, stop = after(*one_of_two)
    assert stop is not None
    assert stop.startswith("14 of the last 20 messages failed, more than the allowed 50%")
    assert after(*one_of_two[:18])[1] is None, "the window is not full yet"
    assert after(*[GOOD, GOOD, BAD] * 50)[1] is None
    assert after(*one_of_two, guards=FailureGuards(max_failure_rate=1.0, failure_window=20))[1] is None


def test_what_the_window_has_left_behind_counts_no_more():
    early = [BAD, BAD, GOOD] * 6  # 12 of 18
    recent, stop = after(*early, *[GOOD] * 40)
    assert stop is None
    assert recent == Recent(), "nothing is kept once nothing of the window failed"


@pytest.mark.parametrize("kind", [ErrorKind.NO_CREDIT, ErrorKind.BAD_CREDENTIALS])
def test_a_refusal_of_the_account_stops_at_once_and_says_which(kind):
    refusal = outcome(OutcomeStatus.UNSENT, kind, permanent=True)
    words = {ErrorKind.NO_CREDIT: "out of credit", ErrorKind.BAD_CREDENTIALS: "credentials refused"}
    assert guard(Recent(), [*[GOOD] * 30, refusal], GUARDS).stop == (
        f"the gateway refuses the account: {words[kind]}"
    )


def test_without_failures_nothing_is_counted():
    assert guard(Recent(), [GOOD] * 500 + [LATER] * 500, GUARDS).recent == Recent()


@given(st.lists(st.lists(st.sampled_from([GOOD, BAD, LATER]), min_size=1, max_size=60), max_size=30))
def test_the_window_stays_short_and_holds_the_latest(settles):
    recent, seen = Recent(), []
    for settle in settles:
        recent = guard(recent, settle, GUARDS).recent
        seen += [one is BAD for one in settle if one is not LATER]
        if recent != Recent():
            assert recent.n_failed == sum(seen[-recent.n :])
            assert len(recent.buckets) <= 2 * GUARDS.failure_window
            assert all(recent.n - n < GUARDS.failure_window for n, _ in recent.buckets[:1])
            assert all(a[0] + b[0] > 2 for a, b in pairwise(recent.buckets))
