"""The pages of a service by dlt's REST client: it knows how services page and how they let in whom they know.

Told to it here: what it would pass over in silence, and what must not be quoted.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urljoin, urlsplit, urlunsplit

import requests
from dlt.common import jsonpath
from dlt.common.configuration.specs import RuntimeConfiguration
from dlt.sources.helpers.rest_client.auth import (
    APIKeyAuth,
    AuthConfigBase,
    BearerTokenAuth,
    HttpBasicAuth,
    OAuth2ClientCredentials,
)
from dlt.sources.helpers.rest_client.client import RESTClient
from dlt.sources.helpers.rest_client.paginators import BasePaginator
from dlt.sources.rest_api.config_setup import create_paginator
from jsonpath_ng.exceptions import JSONPathError

from data.readers.guarded_http import Reading, begin_reading, session_for
from messaging.errors import SourceError

if TYPE_CHECKING:
    from data.connections import Connection
    from data.readers.http_pages import Pages

logging.getLogger(
    "dlt"
).disabled = True  # asked to talk, by the environment, it shows addresses with what is in them

_MOST_PAGES = 100_000
_COUNTED = {"page_number", "offset"}  # paginators that count by themselves, whatever the service answers


def fetch_pages(connection: Connection, pages: Pages) -> Iterator[list[dict[str, Any]]]:
    """The rows of each page. Raises SourceError."""
    paginator = _paginator(connection, pages)
    address, parameters = _address(connection, pages.path)
    asked = {_mark(address, parameters)}
    before: list[Any] = []
    with begin_reading(connection) as reading, _in_words(connection):
        answers = _client(reading).paginate(
            address,
            params=parameters,
            paginator=paginator,
            data_selector=json_path(pages.rows),
        )
        for n, page in enumerate(answers, start=1):
            rows = list(page)
            if rows and rows == before and pages.paginator.get("type") in _COUNTED:
                raise _goes_round(connection)
            yield rows
            # An empty address is none, though dlt would ask for it.
            if not page.paginator.has_next_page or not page.request.url:
                return
            mark = _mark(str(page.request.url), page.request.params)
            if mark in asked:
                raise _goes_round(connection)
            if n == _MOST_PAGES:
                raise SourceError(f"{connection.name}: the service lists more than {_MOST_PAGES:,} pages.")
            asked.add(mark)
            before = rows


def ask_for(connection: Connection, path: str) -> None:
    """Fetch one page of whatever kind. Raises SourceError unless the service gives it."""
    address, parameters = _address(connection, path)
    with begin_reading(connection) as reading, _in_words(connection):
        status = _client(reading).get(address, params=parameters).status_code
    if status != requests.codes.ok:
        raise _refused(connection, status)


def json_path(place: str) -> str:
    """Keys with dots between them, whatever is in them; what begins with $ is JSONPath as it stands."""
    if place.startswith("$") or not place:
        return place or "$"
    return ".".join(f'"{key}"' for key in place.replace('"', "").split("."))


class _Client(RESTClient):
    """dlt's, which takes a page without the list for an empty one, and one object for a list of one."""

    def __init__(self, reading: Reading) -> None:
        connection = reading.connection
        super().__init__(
            connection.url,
            auth=_auth(reading),
            session=session_for(reading, connection.url),
            config=RuntimeConfiguration(),  # or it would look for one in files and in the environment
        )
        self._name = connection.name

    def extract_response(self, response: requests.Response, data_selector: Any) -> list[Any]:
        found = jsonpath.find_values(data_selector, response.json())
        if len(found) == 1 and isinstance(found[0], list) and all(isinstance(one, dict) for one in found[0]):
            return found[0]
        place = "the top" if data_selector == "$" else data_selector.replace('"', "")
        raise SourceError(
            f"{self._name}: there is no list of objects at {place!r} of the answer. Correct [audience] rows."
        )


def _client(reading: Reading) -> _Client:
    return _Client(reading)


def _auth(reading: Reading) -> AuthConfigBase | None:
    connection = reading.connection
    user, _, password = connection.token.partition(":")
    match connection.auth:
        case "basic":
            return HttpBasicAuth(username=user, password=password)
        case "oauth2":
            return OAuth2ClientCredentials(
                access_token_url=connection.token_url,
                client_id=user,
                client_secret=password,
                access_token_request_data={"scope": connection.scope} if connection.scope else {},
                session=session_for(reading, connection.token_url),
            )
        case "query":
            return APIKeyAuth(name=connection.header, api_key=connection.token, location="query")
    if not connection.token:
        return None
    if connection.header.lower() == "authorization":
        return BearerTokenAuth(token=connection.token)
    return APIKeyAuth(name=connection.header, api_key=connection.token)


def _paginator(connection: Connection, pages: Pages) -> BasePaginator:
    try:
        jsonpath.compile_path(json_path(pages.rows))
        paginator = create_paginator(_told(pages))  # type: ignore[arg-type]
    except (JSONPathError, TypeError, ValueError) as error:
        raise SourceError(
            f"{connection.name}: dlt does not understand how the service pages ({error}). "
            "Correct rows, next or paginator."
        ) from None
    assert paginator is not None, "auto is not among the types that a campaign may name"
    return paginator


def _told(pages: Pages) -> dict[str, Any]:
    if pages.paginator:
        # Told nothing of a total, dlt would insist on finding one; an empty page is an end, too.
        return {**({"total_path": None} if pages.paginator["type"] in _COUNTED else {}), **pages.paginator}
    if not pages.next:
        return {"type": "single_page"}
    if pages.next_parameter:
        return {"type": "cursor", "cursor_path": json_path(pages.next), "cursor_param": pages.next_parameter}
    return {"type": "json_link", "next_url_path": json_path(pages.next)}


def _address(connection: Connection, path: str) -> tuple[str, dict[str, Any]]:
    """An address and its parameters, taken apart so that a paginator replaces one instead of adding it again."""
    parts = urlsplit(urljoin(connection.url, path))
    return urlunsplit(parts._replace(query="", fragment="")), parse_qs(parts.query, keep_blank_values=True)


def _mark(address: str, parameters: Any) -> str:
    return f"{address} {sorted((parameters or {}).items(), key=str)}"


@contextmanager
def _in_words(connection: Connection) -> Iterator[None]:
    """What dlt, requests and urllib3 raise quotes addresses and answers, so none of it is told."""
    try:
        yield
    except requests.HTTPError as error:
        raise _refused(connection, error.response.status_code if error.response is not None else 0) from None
    except requests.TooManyRedirects:
        raise SourceError(f"{connection.name}: the service redirects without end.") from None
    except (requests.RequestException, OSError) as error:
        raise SourceError(
            f"{connection.name}: the service does not answer ({type(error).__name__}). Nothing was planned."
        ) from None
    except (ValueError, TypeError, AttributeError, LookupError) as error:
        raise SourceError(
            f"{connection.name}: the answer has not what its pages are told by ({type(error).__name__}). "
            "Correct [audience] next or paginator."
        ) from None


def _refused(connection: Connection, status: int) -> SourceError:
    return SourceError(
        f"{connection.name}: the service refused with status {status}. Nothing was planned; "
        "check the path and the token."
    )


def _goes_round(connection: Connection) -> SourceError:
    return SourceError(
        f"{connection.name}: the service gives the same page again and again. Correct [audience] next_parameter or "
        "paginator."
    )
