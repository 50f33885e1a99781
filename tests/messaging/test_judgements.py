import pytest

from messaging.judgements import Judgement, QualityReport, Verdict


def judgement(verdict=Verdict.PASSED, severity="error", words="rows of the source"):
    return Judgement(
        name="min_rows",
        words=words,
        wanted="at least 9",
        observed="7",
        severity=severity,
        verdict=verdict,
        basis="an exact rate of the whole source",
    )


def report(*judgements):
    return QualityReport(
        campaign="spring",
        judge="me",
        source_rows=7,
        contacts=5,
        n_judged_rows=5,
        last_run=None,
        judgements=judgements,
    )


@pytest.mark.parametrize("verdict", [Verdict.FAILED, Verdict.BROKEN])
def test_a_failure_says_the_expectation_and_what_was_wanted_and_observed(verdict):
    assert report(judgement(), judgement(verdict)).objection == (
        "spring: the quality gate let nothing through. Rows of the source: wanted at least 9, observed 7"
    )


def test_of_many_failures_three_are_named():
    failed = [judgement(Verdict.FAILED, words=word) for word in ("a", "b", "c", "d", "e")]
    assert str(report(*failed).objection).endswith("; c: wanted at least 9, observed 7; and 2 more")


@pytest.mark.parametrize("verdict", [Verdict.FAILED, Verdict.BROKEN])
def test_a_warning_stops_nothing_and_is_still_no_pass(verdict):
    warned = report(judgement(), judgement(verdict, "warn"))
    assert (warned.objection, len(warned.warnings)) == (None, 1)
    assert warned.in_words == "1 of 2 expectations hold, 1 warning"


def test_what_nobody_has_judged_neither_passes_nor_fails():
    waiting = report(judgement(), judgement(Verdict.NOT_JUDGED))
    assert (waiting.objection, waiting.in_words) == (None, "1 of 1 expectations hold")


def test_the_result_is_plain_values():
    kept = report(judgement(Verdict.FAILED)).as_dict()
    assert (kept["passed"], kept["is_sample"], kept["judgements"][0]["verdict"]) == (False, False, "failed")
