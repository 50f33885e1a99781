"""The root of the tree of exceptions that are meant to be read by a person."""

from __future__ import annotations


class TidingsError(Exception):
    """One sentence that names the thing and the next step; the command line prints it and ends with code 2."""


class SourceError(TidingsError):
    """A contact file that cannot be read, or lacks what a campaign needs: names the file, what was seen, the next step."""
