"""What really happened to every message, and whether the ledger may say of it what it says.

The gateway's own count on one side, the rows of `outcomes` on the other, compared after every commit and every
request. Written without a look at the ledger's code: it knows only what design.md promises.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, NoReturn

from messaging.outcomes import OutcomeStatus

ACCEPTED, REJECTED, UNSENT, UNCONFIRMED, STOPPED, IN_FLIGHT = map(int, OutcomeStatus)
NOTHING = 0  # no outcome yet

# What may come after what. `accepted` is for ever; only proof overturns `rejected` and `stopped`.
MOVES: Mapping[int, frozenset[int]] = {
    NOTHING: frozenset({ACCEPTED, REJECTED, UNSENT, UNCONFIRMED, STOPPED}),
    ACCEPTED: frozenset({ACCEPTED}),
    REJECTED: frozenset({REJECTED, ACCEPTED}),
    UNSENT: frozenset({UNSENT, IN_FLIGHT, STOPPED, ACCEPTED}),
    UNCONFIRMED: frozenset({UNCONFIRMED, ACCEPTED, REJECTED, UNSENT, IN_FLIGHT}),
    STOPPED: frozenset({STOPPED, ACCEPTED}),
    IN_FLIGHT: frozenset({IN_FLIGHT, ACCEPTED, REJECTED, UNSENT, UNCONFIRMED}),
}
ENDS = frozenset({ACCEPTED, REJECTED, UNCONFIRMED, STOPPED})


class Line(NamedTuple):
    """One row of `outcomes`, as far as it matters here."""

    batch: int
    row: int
    status: int
    claim_no: int | None
    decision: str | None


class Books:
    """Every planned message, by its reference."""

    def __init__(self, references: Mapping[tuple[int, int], str], fail: Callable[[str], NoReturn]) -> None:
        self.references = references
        self.taken: Counter[str] = Counter()  # copies on their way to a person
        self.refused: set[str] = set()
        self.reported: set[str] = set()  # a receipt of it has reached us
        self.told: dict[str, set[str]] = {}  # the gateway's ids of it that have reached the ledger
        self.claimed: set[str] = set()  # at some time
        self.sent_again: Counter[str] = Counter()  # decisions of a person
        self.sent_by_decision: set[str] = set()
        self.may_come_twice: set[str] = (
            set()
        )  # a person decided so, though a copy was out, or could still leave
        self.statuses: dict[str, int] = {}
        self.counts: Counter[str] = Counter()
        self._fail = fail
        self._lines: dict[tuple[int, int], Line] = {}
        self._assumed_sent: set[str] = set()
        self._known: set[Line] = set()

    @property
    def n_open(self) -> int:
        """Messages that have not come to an end."""
        return len(self.references) - sum(status in ENDS for status in self.statuses.values())

    def n_with(self, status: int) -> int:
        return sum(stands == status for stands in self.statuses.values())

    def line(self, batch: int, row: int) -> Line:
        """As the ledger has it. Raises KeyError for a message without an outcome."""
        return self._lines[batch, row]

    def is_assumed_sent(self, reference: str) -> bool:
        """A person has said so, and no proof came since."""
        return reference in self._assumed_sent

    def of_batch(self, batch: int) -> Counter[int]:
        """Status → messages of one batch; those without an outcome are left out."""
        return Counter(line.status for line in self._lines.values() if line.batch == batch)

    # The gateway's side

    def arrive(self, reference: str) -> None:
        """The bytes are at the gateway, and it takes the message."""
        stands = self.statuses.get(reference, NOTHING)
        if reference not in self.claimed:
            self._fail("somebody was sent a message that nobody had claimed")
        if stands not in {NOTHING, IN_FLIGHT, UNCONFIRMED} and reference not in self.may_come_twice:
            self._fail(f"a message left that the ledger calls {_word(stands)}")
        self.taken[reference] += 1
        copies, decisions = self.taken[reference], self.sent_again[reference]
        if copies > 1 and (reference not in self.may_come_twice or copies > 1 + decisions):
            self._fail("somebody got a message twice")

    def refuse(self, reference: str) -> None:
        """The gateway says no, for good."""
        self.refused.add(reference)

    def tell(self, reference: str, gateway_message_id: str | None) -> None:
        """The ledger has heard of a copy under this id: by an answer, a receipt or a look-up."""
        if self.taken[reference] and gateway_message_id:
            self.told.setdefault(reference, set()).add(gateway_message_id)

    # The ledger's side

    def look(
        self, lines: Iterable[Line], decided: Callable[[str, int], None] | None = None
    ) -> list[tuple[str, int, Line]]:
        """Compare every line that has changed. Returns reference, former status and line of each.

        decided: told of what is unsent now, when it was a person who changed something.
        """
        fresh = set(lines)
        changed = sorted(fresh - self._known)
        gone = {line[:2] for line in self._known} - {line[:2] for line in fresh}
        if gone:
            self._fail(f"the outcomes of {sorted(gone)} are gone")
        self._known = fresh
        return [self._compare(line, decided) for line in changed]

    def _compare(self, line: Line, decided: Callable[[str, int], None] | None) -> tuple[str, int, Line]:
        reference = self.references[line.batch, line.row]
        was = self.statuses.get(reference, NOTHING)
        before = self._lines.get(line[:2])
        self.statuses[reference] = line.status
        self._lines[line[:2]] = line
        if line.decision == "assumed sent":
            self._assumed_sent.add(reference)
        if line.status not in MOVES[was]:
            self._fail(f"{_word(was)} became {_word(line.status)}")
        is_assumed = before is not None and was == UNCONFIRMED and before.decision == "assumed sent"
        if is_assumed and (line.status != ACCEPTED and line != before):
            self._fail(f"assumed sent became {_word(line.status)}")
        if decided is not None and line.status == UNSENT:
            decided(reference, was)
        self._compare_with_gateway(reference, line.status)
        return reference, was, line

    def _compare_with_gateway(self, reference: str, status: int) -> None:
        is_out = self.taken[reference] > 0
        if status == ACCEPTED and not is_out:
            self._fail("lost: the ledger says accepted of a message that the gateway never took")
        if status == REJECTED and reference not in self.refused:
            self._fail("lost: the ledger says rejected of a message that the gateway never refused")
        if is_out and status in {REJECTED, UNSENT, STOPPED} and reference not in self.may_come_twice:
            self._fail(f"hidden: the gateway has taken a message that the ledger calls {_word(status)}")

    def check_the_end(
        self, shown_twice: Iterable[tuple[int, int]], decided: Iterable[tuple[int, int]]
    ) -> None:
        """Both sets once more, as whole sets: lost and hidden. And whoever got it twice is on record.

        shown_twice: the ledger's possible duplicates. decided: messages of which an event tells a person's decision.
        """
        shown_references = {self.references[key] for key in shown_twice}
        if any(len(ids) > 1 and r not in shown_references for r, ids in self.told.items()):
            self._fail("the ledger has heard of two copies, and shows no possible duplicate")
        if set(self.sent_by_decision) - {self.references[key] for key in decided}:
            self._fail("a person's decision is not on record")
        planned = set(self.references.values())
        told = {r for r, status in self.statuses.items() if status in ENDS - {ACCEPTED}}
        lost = planned - set(self.taken) - told
        shown = {r for r, status in self.statuses.items() if status in {ACCEPTED, UNCONFIRMED}}
        hidden = set(self.taken) - shown - self.may_come_twice
        if lost or hidden:
            self._fail(f"{len(lost)} lost, {len(hidden)} hidden: {self.statuses}")
        if any(self.statuses[reference] != ACCEPTED for reference in self.reported):
            self._fail("a receipt was no proof")


def _word(status: int) -> str:
    return OutcomeStatus(status).name.lower().replace("_", " ") if status else "not claimed yet"
