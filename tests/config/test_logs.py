"""Logging: our rooms on stderr once, talkative libraries quiet, Prefect's root left alone."""

from __future__ import annotations

import logging

import pytest

from config.logs import ROOMS, TOO_TALKATIVE, configure_logging


@pytest.fixture(autouse=True)
def _loggers_as_they_were():
    before = {
        name: (logger.level, logger.propagate, logger.handlers[:])
        for name in (*ROOMS, *TOO_TALKATIVE)
        if (logger := logging.getLogger(name))
    }
    yield
    for name, (level, propagate, handlers) in before.items():
        logger = logging.getLogger(name)
        logger.setLevel(level)
        logger.propagate = propagate
        logger.handlers[:] = handlers


def test_a_line_says_when_how_bad_and_where(capsys):
    configure_logging()
    logging.getLogger("engine.sender").info("submitted batch %s: accepted=%d", 17, 940)
    line = capsys.readouterr().err
    assert line.endswith(" INFO    engine.sender: submitted batch 17: accepted=940\n")
    assert len(line.split()[0]) == len("09:30:00.123")


def test_configuring_twice_prints_each_line_once(capsys):
    configure_logging()
    configure_logging()
    logging.getLogger("data.store").warning("once")
    assert capsys.readouterr().err.count("once") == 1


def test_the_last_level_counts(capsys):
    configure_logging("WARNING")
    logging.getLogger("engine").info("not to be seen")
    configure_logging("DEBUG")
    logging.getLogger("engine").debug("to be seen")
    assert capsys.readouterr().err.count("seen") == 1


@pytest.mark.parametrize("library", TOO_TALKATIVE)
def test_a_library_that_prints_urls_or_parameters_is_silent_below_warning(library):
    configure_logging("DEBUG")
    assert not logging.getLogger(library).isEnabledFor(logging.INFO)


def test_our_lines_do_not_reach_the_root_a_second_time(capsys):
    # An own handler on the root: pytest's caplog listens on loggers that do not propagate too.
    reached: list[str] = []
    listener = logging.Handler()
    listener.emit = lambda record: reached.append(record.getMessage())
    configure_logging()
    logging.getLogger().addHandler(listener)
    try:
        logging.getLogger("tasks").info("a line")
        logging.getLogger("a_library").error("another line")
    finally:
        logging.getLogger().removeHandler(listener)
    assert reached == ["another line"]
    assert "a line" in capsys.readouterr().err


def test_the_root_logger_is_left_alone():
    root = logging.getLogger()
    before = (root.level, root.handlers[:])
    configure_logging("DEBUG")
    assert (root.level, root.handlers) == before


def test_every_room_is_configured():
    # Rooms that do not exist yet are listed already: they are named in the design.
    from config.settings import CHECKOUT

    packages = {path.parent.name for path in CHECKOUT.glob("*/__init__.py")}
    assert packages <= set(ROOMS)
