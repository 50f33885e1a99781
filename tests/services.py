"""Services on loopback that list people as well-known CRMs do, each way of paging and of letting in once; and misbehaviour."""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

PEOPLE = [
    {
        "id": str(n),
        "properties": {
            "phone": f"+44740012300{n}",
            "firstname": f"P{n}",
            "lastname": "Smith",
            "sms_consent": "no" if n == 4 else "yes",
            "points": 1.50,
        },
        "updatedAt": "2026-11-01T08:00:00Z",
    }
    for n in range(5)
]


class Service(BaseHTTPRequestHandler):
    """Five contacts in pages of two; the first part of the path says in which way."""

    def log_message(self, *args):
        pass

    def do_GET(self):
        parts = urlsplit(self.path)
        self.parameters = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        self.server.asked.append((self.path, self.headers.get("Authorization") or self.headers.get("X-Key")))
        way = parts.path.split("/")[1]
        return getattr(self, way, self.nothing)()

    def do_POST(self):
        content = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.asked.append((self.path, content))
        if "client_secret=s3cret" not in content:
            return self.answer(401, {"error": "invalid_client"})
        return self.answer(200, {"access_token": "t0ken", "expires_in": 3600})

    def crm(self):
        """As HubSpot's /crm/v3/objects/contacts: a cursor in the answer, a private app's token, properties by name."""
        if self.headers.get("Authorization") not in {"Bearer t0ken", None}:
            return self.answer(401, {"message": "+447400123001"})
        first = int(self.parameters.get("after", 0))
        paging = {"paging": {"next": {"after": str(first + 2)}}} if first + 2 < 5 else {}
        wanted = self.parameters.get("properties", "phone,firstname,points").split(",")
        results = [
            {**one, "properties": {name: one["properties"][name] for name in wanted}}
            for one in PEOPLE[first : first + 2]
        ]
        return self.answer(200, {"results": results, **paging})

    def links(self):
        first = int(self.parameters.get("from", 0))
        following = f"/links?from={first + 2}" if first + 2 < 5 else ""
        return self.answer(200, {"value": PEOPLE[first : first + 2], "@odata.nextLink": following})

    def pages(self):
        page = int(self.parameters.get("page", 1))
        return self.answer(200, {"data": PEOPLE[2 * page - 2 : 2 * page]})

    def offsets(self):
        first, n = int(self.parameters["offset"]), int(self.parameters["limit"])
        return self.answer(200, {"data": PEOPLE[first : first + n], "meta": {"total": 5}})

    def headers_link(self):
        page = int(self.parameters.get("page", 1))
        link = {"Link": f'</headers_link?page={page + 1}>; rel="next"'} if page < 3 else {}
        return self.answer(200, PEOPLE[2 * page - 2 : 2 * page], link)

    def headers_cursor(self):
        first = int(self.parameters.get("cursor", 0))
        return self.answer(
            200, PEOPLE[first : first + 2], {"X-Next": str(first + 2)} if first + 2 < 5 else {}
        )

    def keyed(self):
        return self.answer(200 if self.headers.get("X-Key") == "t0ken" else 401, PEOPLE)

    def asked_for(self):
        return self.answer(200 if self.parameters.get("key") == "t0ken" else 401, PEOPLE)

    def basic(self):
        right = "Basic " + base64.b64encode(b"me:s3cret").decode()
        return self.answer(200 if self.headers.get("Authorization") == right else 401, PEOPLE)

    def broken(self):
        if "after" in self.parameters:
            return self.answer(500, {"message": "+447400123001"}, {"Retry-After": "0"})
        return self.crm()

    def recovering(self):
        self.server.n_failed += 1
        if self.server.n_failed == 1:
            return self.answer(429, {}, {"Retry-After": "1"})
        return self.crm()

    def busy(self):
        return self.answer(503, {}, {"Retry-After": "3600"})

    def busy_until(self):
        return self.answer(503, {}, {"Retry-After": "Fri, 31 Dec 2100 23:59:59 GMT"})

    def vague(self):
        self.server.n_failed += 1
        return self.answer(503, {}, {"Retry-After": "soon"}) if self.server.n_failed == 1 else self.crm()

    def elsewhere(self):
        return self.answer(302, {}, {"Location": "http://127.0.0.2:9/"})

    def moved(self):
        return self.answer(301, {}, {"Location": self.path.replace("/moved", "/crm")})

    def round(self):
        return self.answer(302, {}, {"Location": "/round"})

    def shrinking(self):
        """The list is there on the first page only."""
        return self.crm() if "after" not in self.parameters else self.answer(200, {"error": "+447400123001"})

    def stuck(self):
        return self.answer(200, {"results": PEOPLE[:2], "paging": {"next": {"after": "2"}}})

    def deaf(self):
        return self.answer(200, {"data": PEOPLE[:2]})

    def pointing_away(self):
        return self.answer(200, {"value": PEOPLE, "@odata.nextLink": "http://127.0.0.2:9/?x=+447400123001"})

    def html(self):
        return self.answer(200, None, content=b"<html>+447400123001</html>")

    def deep(self):
        return self.answer(200, None, content=b"[" * 100_000)

    def large(self):
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            while True:
                self.wfile.write(b" " * (1 << 20))
        except OSError:
            self.close_connection = True

    def slow(self):
        """A byte now and then, as much as one likes to wait for."""
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        try:
            while not self.server.is_over.wait(0.05):
                self.wfile.write(b" ")
        except OSError:
            self.close_connection = True

    def nothing(self):
        return self.answer(404, {})

    def answer(self, status, body, headers=None, *, content=None):
        content = json.dumps(body).encode() if content is None else content
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


class Serving(ThreadingHTTPServer):
    """asked: path and what was shown to get in, or sent, of every request."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Service)
        self.asked: list[tuple[str, str | None]] = []
        self.n_failed = 0
        self.is_over = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"


@contextmanager
def serving(certificate: Path | None = None) -> Iterator[Serving]:
    server = Serving()
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.url = f"https://localhost:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.is_over.set()
        server.shutdown()
        server.server_close()
        thread.join()
