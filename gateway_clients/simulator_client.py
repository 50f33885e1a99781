"""The client of the simulated gateway (docs/simulator.md), and the shape that a provider's client has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway_clients.base import Capabilities, Idempotency, LookedUp, LookUp, MayLeave, Page
from gateway_clients.errors import BadGatewaySettings, GatewayUnavailable, UnreadablePage
from gateway_clients.http import Http, Wire
from gateway_clients.verdicts import Answer, Verdict, judge_status, rejected, unconfirmed, unsent
from messaging.outcomes import (
    ErrorKind,
    Outcome,
    OutcomeStatus,
    OutgoingMessage,
    Receipt,
    ReceiptStatus,
    Reply,
)

REFERENCES_PER_LOOK_UP = 100  # some 3 kB of query
LOOK_UP_AFTER_S = 2.0  # bytes that wait in a socket of this machine are read by then

# The simulator's words, and ours.
KIND_OF_CODE = {
    "invalid_number": ErrorKind.INVALID_NUMBER,
    "blocked": ErrorKind.BLOCKED,
    "opted_out": ErrorKind.OPTED_OUT,
    "invalid_text": ErrorKind.CONTENT_REJECTED,
    "content_rejected": ErrorKind.CONTENT_REJECTED,
    "sender_refused": ErrorKind.SENDER_REFUSED,
}
RECEIPT_STATUS = {
    "accepted": ReceiptStatus.SENT,
    "delivered": ReceiptStatus.DELIVERED,
    "undelivered": ReceiptStatus.UNDELIVERED,
    "expired": ReceiptStatus.EXPIRED,
}
_TAKEN = ("accepted", "duplicate")
BAD_ANSWER = unconfirmed(ErrorKind.BAD_ANSWER)


class SimulatorAccountSettings(BaseModel):
    """What the settings of an account of this kind may hold."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    url: Annotated[str, Field(min_length=1)]
    bulk_size: Annotated[int, Field(ge=1, le=10_000)] = 500
    pull: Literal["repeatable", "consumed_once"] = "repeatable"
    page_size: Annotated[int, Field(ge=1, le=10_000)] = 5_000
    dedupe_window_s: Annotated[float, Field(ge=0)] = 0.0  # for a simulator that was set to dedupe
    look_up: LookUp = (
        LookUp.CONCLUSIVE
    )  # its books are complete; another word makes it like a lesser provider


def make_simulator_client(
    settings: dict[str, Any], credentials: dict[str, str], *, concurrency: int, wire: Wire | None = None
) -> SimulatorClient:
    """Raises BadGatewaySettings, which names the field and repeats no value."""
    try:
        chosen = SimulatorAccountSettings.model_validate(settings)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise BadGatewaySettings(f"{field}: {first['msg']}; correct the gateway account.") from None
    key = credentials.get("api_key")
    headers = {"authorization": f"Bearer {key}"} if key else None
    return SimulatorClient(Http(chosen.url, concurrency=concurrency, headers=headers, wire=wire), chosen)


class SimulatorClient:
    """One by one with bulk_size 1, else many messages with a text each in one request."""

    def __init__(self, http: Http, settings: SimulatorAccountSettings) -> None:
        self._http = http
        self._settings = settings
        self.capabilities = Capabilities(
            bulk_size=settings.bulk_size,
            idempotency=Idempotency.REFERENCE if settings.dedupe_window_s else Idempotency.NONE,
            dedupe_window_s=settings.dedupe_window_s,
            look_up=settings.look_up,
            look_up_after_s=LOOK_UP_AFTER_S,
            can_pull_receipts=True,
            pull_is_consumed_once=settings.pull == "consumed_once",
        )

    async def submit(
        self,
        messages: Sequence[OutgoingMessage],
        *,
        request_key: str,  # noqa: ARG002 - the simulator knows references only
        may_leave: MayLeave,
    ) -> list[Outcome]:
        if not 1 <= len(messages) <= self.capabilities.bulk_size:
            raise ValueError(
                f"{len(messages)} messages in one request of at most {self.capabilities.bulk_size}"
            )
        is_bulk = self.capabilities.bulk_size > 1
        content = [_as_json(message) for message in messages]
        answer = await self._http.submit(
            "/v1/messages/bulk" if is_bulk else "/v1/messages",
            orjson.dumps({"messages": content} if is_bulk else content[0]),
            may_leave=may_leave,
        )
        verdict = answer if isinstance(answer, Verdict) else judge_status(answer) or _judge_refusal(answer)
        if verdict is not None:
            return verdict.outcomes(messages)
        assert isinstance(answer, Answer)
        return _read_outcomes(answer.body, messages, is_bulk=is_bulk)

    async def pull_receipts(self, cursor: str | None) -> Page:
        query = [("limit", str(self._settings.page_size))]
        if self.capabilities.pull_is_consumed_once:
            return _page(await self._http.get("/v1/receipts/next", query))
        if cursor is not None:
            query.append(("cursor", cursor))
        return _page(await self._http.get("/v1/receipts", query))

    def read_receipts(self, body: bytes) -> tuple[list[Receipt], list[Reply]]:
        try:
            page = _StoredPage.model_validate_json(body)
        except ValidationError as error:
            where = ".".join(str(part) for part in error.errors(include_input=False)[0]["loc"])
            raise UnreadablePage(
                f"a page of the simulator is not as documented, at {where or 'its start'}."
            ) from None
        return [receipt.as_ours() for receipt in page.receipts], [reply.as_ours() for reply in page.replies]

    async def look_up(self, references: Sequence[str]) -> list[LookedUp]:
        found: list[LookedUp] = []
        for start in range(0, len(references), REFERENCES_PER_LOOK_UP):
            found += await self._look_up_some(references[start : start + REFERENCES_PER_LOOK_UP])
        return found

    async def close(self) -> None:
        await self._http.close()

    async def _look_up_some(self, references: Sequence[str]) -> list[LookedUp]:
        body = await self._http.get("/v1/messages", [("reference", reference) for reference in references])
        try:
            known = {message.reference: message for message in _Found.model_validate_json(body).messages}
            return [known[reference].as_ours() for reference in references]
        except (ValidationError, KeyError):
            raise GatewayUnavailable(
                f"the gateway at {self._http.host} answered a look-up with something else."
            ) from None


def _as_json(message: OutgoingMessage) -> dict[str, object]:
    return {
        "to": message.msisdn,
        "text": message.text,
        "from": message.sender_id,
        "reference": message.reference,
        "validity_s": message.validity_s,
    }


def _judge_refusal(answer: Answer) -> Verdict | None:
    """A 4xx that speaks of the whole request; None: a 2xx.

    Bad credentials, no credit and a wrong path say nothing of a message, so they reject none; another attempt would meet the
    same answer. Who answers 4xx without the simulator's error body is not the simulator: the messages are in doubt.
    """
    if answer.status < 400:
        return None
    code = _error_code(answer.body)
    if code is None:
        return unconfirmed(ErrorKind.BAD_ANSWER, code=str(answer.status))
    if answer.status in {401, 403}:
        return unsent(ErrorKind.BAD_CREDENTIALS, code=code, permanent=True)
    if answer.status == 402:
        return unsent(ErrorKind.NO_CREDIT, code=code, permanent=True)
    if answer.status in {404, 405}:
        return unsent(ErrorKind.UNKNOWN, code=code, permanent=True)
    return rejected(KIND_OF_CODE.get(code, ErrorKind.UNKNOWN), code=code)


def _error_code(body: bytes) -> str | None:
    match _loads(body):
        case {"error": {"code": str(code)}}:
            return code
    return None


def _read_outcomes(body: bytes, messages: Sequence[OutgoingMessage], *, is_bulk: bool) -> list[Outcome]:
    """One outcome per message, whatever came: what the answer does not speak of clearly stays in doubt."""
    answers = _answers_by_reference(_loads(body), is_bulk=is_bulk)
    return [_read_outcome(answers.get(message.reference), message.reference) for message in messages]


def _answers_by_reference(content: object, *, is_bulk: bool) -> dict[str, object]:
    items = content.get("messages") if is_bulk and isinstance(content, dict) else [content]
    answers: dict[str, object] = {}
    for item in items if isinstance(items, list) else ():
        match item:
            case {"reference": str(reference)}:
                # Spoken of twice and differently: not clear.
                answers[reference] = item if answers.get(reference, item) == item else None
    return answers


def _read_outcome(item: object, reference: str) -> Outcome:
    if not isinstance(item, dict):
        return BAD_ANSWER.outcome(reference)
    status, gateway_message_id, code = item.get("status"), item.get("id"), item.get("error")
    if status in _TAKEN and isinstance(gateway_message_id, str) and gateway_message_id:
        return Outcome(
            reference=reference, status=OutcomeStatus.ACCEPTED, gateway_message_id=gateway_message_id
        )
    if status == "rejected" and isinstance(code, str):
        return rejected(KIND_OF_CODE.get(code, ErrorKind.UNKNOWN), code=code).outcome(reference)
    return BAD_ANSWER.outcome(reference)


def _loads(body: bytes) -> object:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


class _Receipt(BaseModel):
    id: str
    reference: str | None = None
    status: str
    code: str | None = None
    done_at: float | None = None

    def as_ours(self) -> Receipt:
        return Receipt(
            gateway_message_id=self.id,
            reference=self.reference,
            status=RECEIPT_STATUS.get(self.status, ReceiptStatus.UNKNOWN),
            code=self.code,
            done_at=self.done_at,
        )


class _Reply(BaseModel):
    id: str
    sender: Annotated[str, Field(alias="from")]
    to: str
    text: str
    received_at: float

    def as_ours(self) -> Reply:
        return Reply(
            gateway_message_id=self.id,
            msisdn=self.sender,
            to=self.to,
            text=self.text,
            received_at=self.received_at,
        )


class _StoredPage(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    receipts: list[_Receipt]
    replies: list[_Reply]


class _Message(BaseModel):
    reference: str
    id: str | None
    status: str | None
    code: str | None = None

    def as_ours(self) -> LookedUp:
        if self.id is None or self.status is None:
            return LookedUp(reference=self.reference, is_known=False)
        receipt = _Receipt(id=self.id, reference=self.reference, status=self.status, code=self.code).as_ours()
        return LookedUp(
            reference=self.reference,
            is_known=True,
            gateway_message_id=self.id,
            receipt=receipt if receipt.status.is_final else None,
        )


class _Found(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    messages: list[_Message]


def _page(body: bytes) -> Page:
    """A page that does not say how it goes on is its own end: its body is stored and read all the same."""
    match _loads(body):
        case {"cursor": str(cursor)}:
            return Page(body=body, cursor=cursor)
    return Page(body=body, cursor=None)
