"""The carrier's books: what was taken, what became of it, and what nobody was to see twice. No network, no clock.

All of it is in memory, about 400 bytes a message, and gone at the end of the process.
"""

from __future__ import annotations

import heapq
import re
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from gateway_clients.simulator.chance import chance
from gateway_clients.simulator.settings import SimulatorSettings

MAX_MESSAGES = 5_000_000  # the books' end: about 2 GB
MAX_TEXTS = 200_000  # texts are kept of the first so many messages only

_MSISDN = re.compile(r"\+[1-9][0-9]{6,14}")
_MAX_TEXT = 1_600
_MAX_REFERENCE = 64

REJECTED_SUFFIX = "9990"
FATE_OF_SUFFIX = {
    "9991": "undelivered",
    "9992": "expired",
    "9993": "waiting",
    "9994": "late",
    "9995": "doubled",
}
CODES = {"delivered": "000", "undelivered": "027", "expired": "011"}

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Receipt:
    index: int
    status: str
    done_at: float


class Carrier:
    """Takes messages, makes receipts of them when they are due, and keeps count. `now` is seconds since 1970."""

    def __init__(self, settings: SimulatorSettings, *, seed: int, id_prefix: str) -> None:
        """id_prefix: ids start with it, so that they do not repeat after a restart."""
        self.settings = settings
        self.seed = seed
        self.id_prefix = id_prefix
        # One column per field; a message is its index.
        self._references: list[str] = []
        self._numbers: list[str] = []
        self._texts: list[str] = []
        self._taken_at = array("d")
        self._first_of: dict[str, int] = {}  # reference → the first message with it
        self._n_of_number: Counter[str] = Counter()
        self._n_reference_copies = 0
        self._n_deduplicated = 0
        self._rejected: Counter[str] = Counter()
        self._n_ripe = 0  # messages whose fate is decided
        self._late: list[tuple[float, int, _Receipt]] = []
        self._receipts: list[_Receipt] = []
        self._n_receipts_consumed = 0
        self._replies: list[Json] = []
        self._n_replies_consumed = 0
        self._status_of: dict[int, str] = {}  # only what is not "accepted" any more

    def __len__(self) -> int:
        return len(self._references)

    def take(self, items: Iterable[Any], *, now: float) -> list[Json]:
        """One answer per item, in order: accepted, duplicate or rejected."""
        return [self._take_one(item, now) for item in items]

    def look_up(self, references: Sequence[str], *, now: float) -> list[Json]:
        """What is known of each reference; status null: nothing."""
        self._ripen(now)
        return [self._known_of(reference) for reference in references]

    def receipts_from(self, position: int, *, limit: int, now: float) -> tuple[list[Json], int]:
        """Up to `limit` receipts from a position on, and the position after them. May be asked again."""
        self._ripen(now)
        end = min(position + limit, len(self._receipts))
        return [self._as_json(receipt) for receipt in self._receipts[position:end]], max(position, end)

    def consume(self, *, limit: int, now: float) -> tuple[list[Json], list[Json]]:
        """Up to `limit` receipts and replies each that were not handed out by this method before."""
        receipts, self._n_receipts_consumed = self.receipts_from(
            self._n_receipts_consumed, limit=limit, now=now
        )
        replies, self._n_replies_consumed = self.replies_from(self._n_replies_consumed, limit=limit)
        return receipts, replies

    @property
    def n_consumed(self) -> tuple[int, int]:
        """Receipts and replies."""
        return self._n_receipts_consumed, self._n_replies_consumed

    def n_receipts(self, *, now: float) -> int:
        self._ripen(now)
        return len(self._receipts)

    def add_reply(self, *, msisdn: str, to: str, text: str, now: float) -> Json:
        """An MO message from a phone."""
        reply = {
            "id": f"{self.id_prefix}-mo-{len(self._replies)}",
            "from": msisdn,
            "to": to,
            "text": text,
            "received_at": now,
        }
        self._replies.append(reply)
        return reply

    def replies_from(self, position: int, *, limit: int) -> tuple[list[Json], int]:
        """As `receipts_from`, for replies."""
        end = min(position + limit, len(self._replies))
        return self._replies[position:end], max(position, end)

    @property
    def n_replies(self) -> int:
        return len(self._replies)

    def references(self) -> list[str]:
        """The reference of every message taken, in order; one taken twice stands there twice."""
        return self._references

    def account(self) -> Json:
        """The counts that a sender is measured by."""
        return {
            "messages": len(self._references),
            "distinct_references": len(self._references) - self._n_reference_copies,
            "duplicates_by_reference": self._n_reference_copies,
            "duplicates_by_number": len(self._numbers) - len(self._n_of_number),
            "deduplicated": self._n_deduplicated,
            "rejected": dict(self._rejected),
            "receipts": len(self._receipts),
            "replies": len(self._replies),
        }

    def _take_one(self, item: Any, now: float) -> Json:
        if not isinstance(item, dict):
            return self._reject(None, "invalid_message")
        reference, number, text = item.get("reference", ""), item.get("to", ""), item.get("text", "")
        code = self._refusal(reference, number, text)
        if code is not None:
            return self._reject(reference, code)
        first = self._first_of.get(reference)
        if first is not None and self.settings.dedupe:
            self._n_deduplicated += 1
            return {"reference": reference, "id": self._id(first), "status": "duplicate", "error": None}
        return self._accept(reference, number, text, now)

    def _accept(self, reference: str, number: str, text: str, now: float) -> Json:
        index = len(self._references)
        if self._first_of.setdefault(reference, index) != index:
            self._n_reference_copies += 1
        self._references.append(reference)
        self._numbers.append(number)
        self._taken_at.append(now)
        if index < MAX_TEXTS:
            self._texts.append(text)
        self._n_of_number[number] += 1
        return {"reference": reference, "id": self._id(index), "status": "accepted", "error": None}

    def _reject(self, reference: object, code: str) -> Json:
        self._rejected[code] += 1
        return {"reference": reference, "id": None, "status": "rejected", "error": code}

    def _refusal(self, reference: Any, number: Any, text: Any) -> str | None:
        """The code of the refusal, or None. A reference is required: without it nobody could be asked about."""
        if not isinstance(reference, str) or not 0 < len(reference) <= _MAX_REFERENCE:
            return "invalid_reference"
        if not isinstance(number, str) or not _MSISDN.fullmatch(number):
            return "invalid_number"
        if not isinstance(text, str) or not 0 < len(text) <= _MAX_TEXT:
            return "invalid_text"
        return self._refusal_by_number(number)

    def _refusal_by_number(self, number: str) -> str | None:
        rules = self.settings
        if number in rules.reject_numbers:
            return rules.reject_numbers[number]
        for prefix, code in rules.reject_prefixes.items():
            if number.startswith(prefix):
                return code
        for suffix, code in rules.reject_suffixes.items():
            if number.endswith(suffix):
                return code
        if rules.magic_suffixes and number.endswith(REJECTED_SUFFIX):
            return "blocked"
        if rules.reject_share and chance(self.seed, "reject", number) < rules.reject_share:
            return "blocked"
        return None

    def _ripen(self, now: float) -> None:
        """Decide the fate of every message whose receipt is due."""
        delay_s = self.settings.receipt_delay_s
        while self._n_ripe < len(self._taken_at) and self._taken_at[self._n_ripe] + delay_s <= now:
            self._decide(self._n_ripe, self._taken_at[self._n_ripe] + delay_s)
            self._n_ripe += 1
        while self._late and self._late[0][0] <= now:
            self._issue(heapq.heappop(self._late)[2])

    def _decide(self, index: int, due: float) -> None:
        fate = self._fate(index)
        if fate == "waiting":
            return
        status = fate if fate in CODES else "delivered"
        is_late = fate == "late" or self._is_chosen("late", self.settings.late_share, index)
        if is_late:
            due += self.settings.late_delay_s
        receipt = _Receipt(index, status, due)
        if fate == "doubled" or self._is_chosen("doubled", self.settings.doubled_share, index):
            heapq.heappush(self._late, (due, 2 * index + 1, receipt))
        if is_late:
            heapq.heappush(self._late, (due, 2 * index, receipt))
        else:
            self._issue(receipt)

    def _fate(self, index: int) -> str:
        rules = self.settings
        if rules.magic_suffixes and (fixed := FATE_OF_SUFFIX.get(self._numbers[index][-4:])):
            return fixed
        if self._undelivered_code(index) is not None:
            return "undelivered"
        luck = chance(self.seed, "fate", self._references[index])
        if luck < rules.undelivered_share:
            return "undelivered"
        if luck < rules.undelivered_share + rules.expired_share:
            return "expired"
        if luck < rules.undelivered_share + rules.expired_share + rules.waiting_share:
            return "waiting"
        return "delivered"

    def _undelivered_code(self, index: int) -> str | None:
        """What a setting wants of this number."""
        number = self._numbers[index]
        found = self.settings.undelivered_suffixes
        return next((code for suffix, code in found.items() if number.endswith(suffix)), None)

    def _code(self, index: int, status: str) -> str | None:
        told = self._undelivered_code(index) if status == "undelivered" else None
        return told or CODES.get(status)

    def _is_chosen(self, purpose: str, share: float, index: int) -> bool:
        return share > 0 and chance(self.seed, purpose, self._references[index]) < share

    def _issue(self, receipt: _Receipt) -> None:
        self._receipts.append(receipt)
        self._status_of[receipt.index] = receipt.status

    def _as_json(self, receipt: _Receipt) -> Json:
        return {
            "id": self._id(receipt.index),
            "reference": self._references[receipt.index],
            "status": receipt.status,
            "code": self._code(receipt.index, receipt.status),
            "done_at": receipt.done_at,
        }

    def _known_of(self, reference: str) -> Json:
        index = self._first_of.get(reference)
        if index is None:
            return {"reference": reference, "id": None, "status": None}
        status = self._status_of.get(index, "accepted")
        return {
            "reference": reference,
            "id": self._id(index),
            "status": status,
            "code": self._code(index, status),
            "to": self._numbers[index],
            "text": self._texts[index] if index < len(self._texts) else None,
            "taken_at": self._taken_at[index],
        }

    def _id(self, index: int) -> str:
        return f"{self.id_prefix}-{index}"
