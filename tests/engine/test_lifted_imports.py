"""After a misread column was lifted: what the next imports of the same people do."""

from data.source_lifting import count_source, lift_source
from data.suppression_files import import_suppressions
from data.suppression_sources import lists_of
from data.suppressions import latest_suppressions
from tests.engine.intake import KEYS

MISREAD = "phone,first_name,stop\n07400 123001,Ann,12\n07400 123002,Bob,7\n"


def suppressed(intake):
    return {one.msisdn for one in latest_suppressions(intake.store, scope="", most=9)}


def test_rows_that_stay_as_they_were_do_not_suppress_again_after_their_column_was_lifted(intake):
    intake.source(MISREAD)
    assert intake.bring().n_suppressed == 2
    source = "import people, column stop"
    no = {("purpose:marketing", "consent withdrawn"): 2}  # what the column said of the purpose stays said
    assert count_source(intake.store, source, scope=None).besides == no
    lifted = lift_source(
        intake.store,
        source,
        scope=None,
        by="Eve",
        why="a bus stop",
        now=intake.clock,
        pause=lambda _s: None,
    )
    assert (lifted, suppressed(intake)) == (2, set())
    assert count_source(intake.store, source, scope=None).n_to_lift == 0
    assert intake.bring().was_imported_before
    assert intake.bring(again=True).n_suppressed == 0
    intake.source(f"{MISREAD}07400 123004,Dee,\n")
    assert (intake.bring().n_suppressed, suppressed(intake)) == (0, set())
    intake.source(MISREAD.replace("Bob,7", "Bob,8"))
    assert (intake.bring().n_suppressed, suppressed(intake)) == (1, {"+447400123002"})


def sources(intake):
    return {one.msisdn: one.source for one in latest_suppressions(intake.store, scope="", most=9)}


def test_whom_two_imports_name_stays_when_the_column_of_one_is_lifted(intake):
    intake.source("phone,dnc\n07400 123001,yes\n07400 123002,\n", "house.csv")
    intake.bring(file="house.csv", name="house")
    intake.source(MISREAD)
    assert intake.bring().n_suppressed == 1
    misread, house = "import people, column stop", "import house, column dnc"
    assert sources(intake) == {"+447400123001": f"{house} + {misread}", "+447400123002": misread}
    lifted = lift_source(
        intake.store,
        misread,
        scope=None,
        by="Eve",
        why="a bus stop",
        now=intake.clock,
        pause=lambda _s: None,
    )
    assert (lifted, sources(intake)) == (1, {"+447400123001": house})
    intake.source(f"{MISREAD}07400 123004,Dee,\n")
    intake.bring()
    assert sources(intake) == {"+447400123001": house}


def test_a_column_whose_header_holds_a_plus_that_stands_alone_is_one_list(intake):
    intake.source("phone,DNC + x\n07400 123001,yes\n")
    assert intake.bring().n_suppressed == 1
    [source] = sources(intake).values()
    assert lists_of(source) == (source,)
    assert " ++ " in source


def test_of_two_columns_that_are_one_source_the_true_one_is_kept_by_a_file_that_comes_before_the_lift(intake):
    intake.source("phone,stop,dnc\n07400 123001,12,\n07400 123002,7,yes\n")
    intake.bring()
    both = "import people, column stop, dnc"
    assert set(sources(intake).values()) == {both}
    intake.source("phone\n07400 123002\n", "true.csv")
    file = intake.base / "true.csv"
    import_suppressions(intake.store, file, key=KEYS.person, region="GB", now=intake.clock())
    lift_source(
        intake.store, both, scope=None, by="Eve", why="a bus stop", now=intake.clock, pause=lambda _s: None
    )
    assert sources(intake) == {"+447400123002": "true.csv"}
