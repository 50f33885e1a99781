"""The simulator's HTTP API (docs/simulator.md): paths and JSON on one side, the carrier's books on the other."""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

import orjson
from pydantic import ValidationError

from gateway_clients.simulator.carrier import MAX_MESSAGES, Carrier, Json
from gateway_clients.simulator.http1 import DROPPED, Ending, Head, Response
from gateway_clients.simulator.mischief import Mischief, Throttle
from gateway_clients.simulator.settings import FaultKind, SimulatorSettings

MAX_PER_REQUEST = 10_000
DEFAULT_PAGE, MAX_PAGE = 1_000, 10_000

Query = Mapping[str, Sequence[str]]
Now = Callable[[], float]


class BadRequest(Exception):
    """The request cannot be understood; the sentence goes back in the answer."""


class Api:
    """Answers every request of every connection. State is the carrier's books, the settings and the counters."""

    def __init__(self, settings: SimulatorSettings, *, seed: int, now: Now = time.time) -> None:
        self._at_start = (settings, seed)
        self._now = now
        self._n_resets = 0
        self._routes: dict[tuple[str, str], Callable[[Query, bytes], Response]] = {
            ("GET", "/health"): self._health,
            ("GET", "/v1/messages"): self._look_up,
            ("GET", "/v1/receipts"): self._receipts,
            ("GET", "/v1/receipts/next"): self._next_receipts,
            ("GET", "/v1/replies"): self._replies,
            ("GET", "/control/settings"): self._show_settings,
            ("POST", "/control/settings"): self._set,
            ("POST", "/control/replies"): self._inject_reply,
            ("POST", "/control/reset"): self._reset,
            ("GET", "/ledger"): self._ledger,
            ("GET", "/ledger/references"): self._ledger_references,
            ("GET", "/ledger/arrivals"): self._ledger_arrivals,
        }
        self._start(settings, seed)

    def _start(self, settings: SimulatorSettings, seed: int) -> None:
        self.settings = settings
        self.seed = seed
        self._n_resets += 1
        started = int(self._now() * 1000)
        self._carrier = Carrier(settings, seed=seed, id_prefix=f"{started:x}-{self._n_resets}")
        self._mischief = Mischief(seed)
        self._throttle = Throttle()
        self._n_requests = self._n_throttled = self._n_throttled_requests = 0
        # One line per submit request that was read: when, of how many messages, answered with what (0: nothing).
        self._arrived_at, self._arrived, self._answered = array("d"), array("L"), array("H")

    def may_read(self, head: Head) -> bool:
        """False: the connection is to be reset before the body is read."""
        if head.method != "POST" or not head.path.startswith("/v1/messages"):
            return True
        self._n_requests += 1
        return not self._mischief.strikes_before_reading(self.settings.faults)

    def respond(self, head: Head, body: bytes) -> Response:
        try:
            if head.path.startswith("/v1/") and not self._is_allowed(head):
                return _error(401, "bad_credentials", "the bearer token is missing or wrong")
            if head.method == "POST" and head.path in {"/v1/messages", "/v1/messages/bulk"}:
                return self._submit(body, is_bulk=head.path == "/v1/messages/bulk")
            return self._route(head, body)
        except BadRequest as error:
            return _error(400, "bad_request", str(error))

    def _route(self, head: Head, body: bytes) -> Response:
        handler = self._routes.get((head.method, head.path))
        if handler is not None:
            return handler(parse_qs(head.query, keep_blank_values=True), body)
        if any(path == head.path for _, path in self._routes):
            return _error(405, "method_not_allowed", f"{head.method} is not for this path")
        return _error(404, "not_found", "no such path; see docs/simulator.md")

    def _is_allowed(self, head: Head) -> bool:
        key = self.settings.api_key
        return not key or head.headers.get("authorization") == f"Bearer {key}"

    # Submitting

    def _submit(self, body: bytes, *, is_bulk: bool) -> Response:
        items = _items(body, is_bulk=is_bulk)
        now = self._now()
        response = self._try_to_take(items, now, is_bulk=is_bulk)
        self._arrived_at.append(now)
        self._arrived.append(len(items))
        self._answered.append(response.status if response.ending is Ending.WHOLE else 0)
        return replace(response, delay_s=response.delay_s + self.settings.latency_ms / 1000)

    def _try_to_take(self, items: list[Any], now: float, *, is_bulk: bool) -> Response:
        if len(self._carrier) + len(items) > MAX_MESSAGES:
            return _unavailable(3600, "the books are full; POST /control/reset empties them")
        credit = self.settings.credit
        if credit is not None and len(self._carrier) + len(items) > credit:
            return _error(402, "no_credit", "the account's credit is used up")
        wait_s = self._throttle.wait_s(len(items), per_s=self.settings.throttle_per_s, now=now)
        if wait_s:
            self._n_throttled_requests += 1
            self._n_throttled += len(items)
            return _error(429, "throttled", "too many messages a second", retry_after_s=wait_s)
        fault = self._mischief.fault_for(_first_reference(items), self.settings.faults)
        match fault:
            case FaultKind.DROP_AFTER_READING:
                return DROPPED
            case FaultKind.UNAVAILABLE:
                return _unavailable(self.settings.retry_after_s, "come back later")
            case FaultKind.ERROR_NOT_TAKEN:
                return _error(500, "internal", "something broke")
        return self._spoil(self._take(items, now, is_bulk=is_bulk), fault)

    def _take(self, items: list[Any], now: float, *, is_bulk: bool) -> Response:
        answers = self._carrier.take(items, now=now)
        return _json({"messages": answers} if is_bulk else answers[0])

    def _spoil(self, answer: Response, fault: FaultKind | None) -> Response:
        """What comes back of an answer whose messages are taken."""
        match fault:
            case FaultKind.DROP_AFTER_ACCEPTING:
                return DROPPED
            case FaultKind.ERROR_TAKEN:
                return _error(500, "internal", "something broke")
            case FaultKind.HALF_AN_ANSWER:
                return replace(answer, ending=Ending.HALF)
            case FaultKind.SILENCE:
                return replace(answer, delay_s=self.settings.silence_s)
        return answer

    # Asking

    def _look_up(self, query: Query, _body: bytes) -> Response:
        references = query.get("reference", ())
        if not references:
            raise BadRequest("give ?reference=…, once or several times")
        return _json({"messages": self._carrier.look_up(references, now=self._now())})

    def _receipts(self, query: Query, _body: bytes) -> Response:
        """Receipts and replies since a cursor."""
        at_receipt, at_reply = self._positions(query)
        limit, now = _limit(query), self._now()
        receipts, at_receipt = self._carrier.receipts_from(at_receipt, limit=limit, now=now)
        replies, at_reply = self._carrier.replies_from(at_reply, limit=limit)
        return self._page(receipts, replies, (at_receipt, at_reply))

    def _next_receipts(self, query: Query, _body: bytes) -> Response:
        receipts, replies = self._carrier.consume(limit=_limit(query), now=self._now())
        return self._page(receipts, replies, self._carrier.n_consumed)

    def _page(self, receipts: list[Json], replies: list[Json], at: tuple[int, int]) -> Response:
        cursor = f"{self._carrier.id_prefix}.{at[0]}.{at[1]}"
        is_more = at[0] < self._carrier.n_receipts(now=self._now()) or at[1] < self._carrier.n_replies
        return _json({"receipts": receipts, "replies": replies, "cursor": cursor, "more": is_more})

    def _positions(self, query: Query) -> tuple[int, int]:
        """Where a cursor points. One from before a restart or reset points at the beginning: those books are gone."""
        cursor = query.get("cursor", ("",))[-1]
        if not cursor:
            return 0, 0
        life, _, positions = cursor.partition(".")
        receipts, _, replies = positions.partition(".")
        at = _whole_number(receipts, "cursor"), _whole_number(replies, "cursor")
        return at if life == self._carrier.id_prefix else (0, 0)

    def _replies(self, query: Query, _body: bytes) -> Response:
        replies, after = self._carrier.replies_from(_position(query, "cursor"), limit=_limit(query))
        return _json({"replies": replies, "cursor": str(after), "more": after < self._carrier.n_replies})

    # Steering

    def _show_settings(self, _query: Query, _body: bytes) -> Response:
        return _json({"seed": self.seed, **self.settings.model_dump(mode="json")})

    def _set(self, query: Query, body: bytes) -> Response:
        """Change the fields that the body names; the others stay."""
        changes = _object(body)
        try:
            changed = SimulatorSettings.model_validate({**self.settings.model_dump(), **changes})
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            field = ".".join(str(part) for part in first["loc"]) or "settings"
            raise BadRequest(f"{field}: {first['msg']}") from None
        self.settings = self._carrier.settings = changed
        return self._show_settings(query, body)

    def _inject_reply(self, _query: Query, body: bytes) -> Response:
        given = _object(body)
        number, to, text = given.get("from"), given.get("to", "TIDINGS"), given.get("text")
        if not (isinstance(number, str) and isinstance(to, str) and isinstance(text, str)):
            raise BadRequest('a reply is {"from": "+44…", "to": "…", "text": "STOP"}')
        return _json(self._carrier.add_reply(msisdn=number, to=to, text=text, now=self._now()))

    def _reset(self, _query: Query, body: bytes) -> Response:
        """Empty books, and the settings of the start; {"seed": n} takes another seed."""
        settings, seed_at_start = self._at_start
        seed = _object(body or b"{}").get("seed", seed_at_start)
        if not isinstance(seed, int):
            raise BadRequest("seed: a whole number")
        self._start(settings, seed)
        return _json({"seed": seed})

    # Counting

    def _health(self, _query: Query, _body: bytes) -> Response:
        return _json({"ok": True})

    def _ledger(self, _query: Query, _body: bytes) -> Response:
        self._carrier.n_receipts(now=self._now())
        return _json(
            {
                **self._carrier.account(),
                "requests": self._n_requests,
                "throttled": self._n_throttled,
                "throttled_requests": self._n_throttled_requests,
                "faults": {kind.value: n for kind, n in self._mischief.struck.items()},
            }
        )

    def _ledger_references(self, _query: Query, _body: bytes) -> Response:
        text = "\n".join(self._carrier.references())
        return Response(body=text.encode() + b"\n" if text else b"", content_type="text/plain; charset=utf-8")

    def _ledger_arrivals(self, _query: Query, _body: bytes) -> Response:
        arrivals = zip(self._arrived_at, self._arrived, self._answered, strict=True)
        return _json({"arrivals": list(arrivals)})


def _json(content: Json, *, status: int = 200) -> Response:
    return Response(status=status, body=orjson.dumps(content))


def _error(status: int, code: str, text: str, *, retry_after_s: float | None = None) -> Response:
    headers = {} if retry_after_s is None else {"retry-after": f"{max(retry_after_s, 0.001):.3f}"}
    return Response(
        status=status, body=orjson.dumps({"error": {"code": code, "text": text}}), headers=headers
    )


def _unavailable(retry_after_s: float, text: str) -> Response:
    return _error(503, "unavailable", text, retry_after_s=retry_after_s)


def _object(body: bytes) -> Json:
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise BadRequest("the body is not JSON") from None
    if not isinstance(content, dict):
        raise BadRequest("the body is not a JSON object")
    return content


def _items(body: bytes, *, is_bulk: bool) -> list[Any]:
    content = _object(body)
    if not is_bulk:
        return [content]
    items = content.get("messages")
    if not isinstance(items, list) or not 0 < len(items) <= MAX_PER_REQUEST:
        raise BadRequest(f"messages: a list of 1 to {MAX_PER_REQUEST} messages")
    return items


def _first_reference(items: list[Any]) -> str:
    first = items[0]
    return str(first.get("reference")) if isinstance(first, dict) else ""


def _limit(query: Query) -> int:
    limit = _position(query, "limit") if "limit" in query else DEFAULT_PAGE
    if not 1 <= limit <= MAX_PAGE:
        raise BadRequest(f"limit: 1 to {MAX_PAGE}")
    return limit


def _position(query: Query, name: str) -> int:
    return _whole_number(query.get(name, ("0",))[-1] or "0", name)


def _whole_number(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise BadRequest(f"{name}: not one of ours")
    return int(text)
