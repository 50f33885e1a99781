"""Services read through dlt, against a real server: every way of paging and letting in, and whatever goes wrong."""

import datetime as dt
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from data.connections import Connection
from data.readers import open_connection
from data.readers.guarded_http import is_public
from data.readers.http_pages import Pages, ask_once
from messaging.errors import SourceError
from tests.services import serving

CHECKOUT = Path(__file__).resolve().parents[3]
CONTACTS = Pages(
    path="/crm/v3/objects/contacts?limit=2", rows="results", next="paging.next.after", next_parameter="after"
)
EVERYBODY = [(str(n), f"+44740012300{n}", f"P{n}") for n in range(5)]


@pytest.fixture
def service():
    with serving() as server:
        yield server


@pytest.fixture
def crm(service):
    return Connection(name="hubspot", kind="http", url=service.url, token="t0ken", may_be_private=True)


def everybody(connection, pages):
    with open_connection(connection, pages) as source:
        chunks = list(source.chunks())
    return source, [row for chunk in chunks for row in chunk.select("id", "phone", "firstname").rows()]


def test_a_crm_is_read_page_by_page_with_its_token(service, crm):
    with open_connection(crm, CONTACTS) as source:
        [chunk] = source.chunks()
    assert list(source.headers) == ["id", "phone", "firstname", "points", "updated_at"]
    assert chunk.row(4) == (6, "4", "+447400123004", "P4", "1.5", "2026-11-01T08:00:00Z")
    assert everybody(crm, CONTACTS)[1] == EVERYBODY
    assert [path.partition("after=")[2] for path, _ in service.asked] == 2 * ["", "2", "4"]
    assert {token for _, token in service.asked} == {"Bearer t0ken"}
    assert len(source.fingerprint) == 64


@pytest.mark.parametrize(
    ("pages", "n_asked"),
    [
        (Pages(path="/links", rows="value", next='$["@odata.nextLink"]'), 3),
        (Pages(path="/links", rows="value", paginator={"type": "json_link", "next_url_path": '["@odata.nextLink"]'}), 3),
        (Pages(path="/pages?page=1", rows="data", paginator={"type": "page_number", "base_page": 1}), 4),
        (Pages(path="/offsets", rows="data", paginator={"type": "offset", "limit": 2, "total_path": "meta.total"}), 3),
        (Pages(path="/offsets", rows="data", paginator={"type": "offset", "limit": 2}), 4),
        (Pages(path="/headers_link", paginator={"type": "header_link"}), 3),
        (Pages(path="/headers_cursor", paginator={"type": "header_cursor", "cursor_key": "X-Next"}), 3),
        (Pages(path="/crm?after=0", rows="$.results", next="paging.next.after", next_parameter="after"), 3),
    ],
    ids=["address", "json_link", "page", "offset, total", "offset", "Link", "header", "cursor"],
)  # fmt: skip
def test_every_way_of_paging_gives_the_same_people(service, crm, pages, n_asked):
    _, rows = everybody(crm, pages)
    assert rows == EVERYBODY
    assert len(service.asked) == n_asked


@pytest.mark.parametrize(
    ("path", "secret"),
    [
        ("/crm", {}),
        ("/keyed", {"header": "X-Key"}),
        ("/asked_for", {"header": "key", "auth": "query"}),
        ("/basic", {"token": "me:s3cret", "auth": "basic"}),
    ],
)
def test_every_way_of_letting_in_is_spoken(crm, path, secret):
    ask_once(replace(crm, **secret), path)
    wrong = replace(crm, **{**secret, "token": "me:wr0ng"})
    with pytest.raises(SourceError, match="refused with status 401") as error:
        ask_once(wrong, path)
    assert "wr0ng" not in str(error.value)


def test_oauth_fetches_a_token_once_and_shows_it_to_the_service_only(crm):
    with serving() as login:
        oauth = replace(
            crm, auth="oauth2", token="me:s3cret", token_url=f"{login.url}/token", scope="contacts.read"
        )
        _, rows = everybody(oauth, CONTACTS)
        assert rows == EVERYBODY
        ((path, sent),) = login.asked
        assert (path, "scope=contacts.read" in sent) == ("/token", True)
        with pytest.raises(SourceError, match="refused with status 401"):
            everybody(replace(oauth, token="me:wr0ng"), CONTACTS)


@pytest.mark.parametrize(
    ("pages", "sentence"),
    [
        (replace(CONTACTS, path="/broken"), "status 500"),
        (replace(CONTACTS, path="/nowhere"), "status 404"),
        (replace(CONTACTS, rows="people"), "there is no list of objects at 'people'"),
        (replace(CONTACTS, rows="paging"), "there is no list of objects at 'paging'"),
        (replace(CONTACTS, path="/shrinking"), "there is no list of objects at 'results'"),
        (replace(CONTACTS, path="/elsewhere"), "points to another host"),
        (Pages(path="//127.0.0.2/x", rows="results"), "points to another host"),
        (Pages(path="http://127.0.0.1:9/x", rows="results"), "points to another host"),
        (Pages(path="/pointing_away", rows="value", next='$["@odata.nextLink"]'), "points to another host"),
        (Pages(path="/round"), "redirects without end"),
        (replace(CONTACTS, path="/stuck"), "the same page again and again"),
        (replace(CONTACTS, next_parameter="afterwards"), "the same page again and again"),
        (Pages(path="/deaf", rows="data", paginator={"type": "page_number"}), "the same page again and again"),
        (Pages(path="/crm", rows="results", next="results"), "the answer has not what its pages are told by"),
        (Pages(path="/pages", rows="data", paginator={"type": "page_number", "base_page": 1, "total_path": "total"}),
         r"the answer has not what its pages are told by \(ValueError\)"),
        (Pages(path="/crm", rows="results", paginator={"type": "page_number", "base": 1}), "unexpected keyword"),
        (Pages(path="/crm", rows="$.results["), "does not understand how the service pages"),
        (Pages(path="/html"), "is no JSON"),
        (Pages(path="/deep"), "is no JSON"),
        (Pages(path="/large"), "one page is larger than 64 MB"),
        (Pages(path="/busy"), "wait longer than the time limit"),
        (Pages(path="/busy_until"), "wait longer than the time limit"),
    ],
)  # fmt: skip
def test_a_service_that_misbehaves_is_one_sentence_and_nobody_is_read(crm, pages, sentence):
    with pytest.raises(SourceError, match=sentence) as error:
        everybody(crm, pages)
    assert "7400" not in str(error.value)
    assert "t0ken" not in str(error.value)


@pytest.mark.parametrize("path", ["/recovering", "/vague"])
def test_a_page_that_failed_is_asked_for_again_when_the_service_says(service, crm, path):
    began = time.monotonic()
    _, rows = everybody(crm, replace(CONTACTS, path=path))
    assert rows == EVERYBODY
    assert time.monotonic() - began >= 1
    assert len(service.asked) == 4


def test_a_service_that_gives_a_byte_now_and_then_is_left_at_the_time_limit(service, crm):
    with pytest.raises(SourceError, match=r"reading took longer than 1 s"):
        everybody(replace(crm, time_limit_s=1.0), Pages(path="/slow"))


def test_an_encrypted_line_is_hung_up_at_the_time_limit_too(certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with serving(certificate) as server:
        crm = Connection(name="hubspot", kind="http", url=server.url, may_be_private=True, time_limit_s=2.0)
        with pytest.raises(SourceError, match=r"reading took longer than 2 s"):
            everybody(crm, Pages(path="/slow"))


def test_a_redirect_within_the_host_is_followed(crm):
    _, rows = everybody(crm, Pages(path="/moved", rows="results"))
    assert len(rows) == 2


def test_a_private_address_is_refused_unless_the_connection_allows_it(service, crm):
    for url in (crm.url, crm.url.replace("127.0.0.1", "localhost")):
        with pytest.raises(SourceError, match="is at an address that is not public"):
            everybody(Connection(name="hubspot", kind="http", url=url), CONTACTS)
    assert service.asked == []


def test_a_private_address_is_refused_for_the_token_too(service, crm):
    oauth = replace(
        crm,
        url="https://example.com",
        may_be_private=False,
        auth="oauth2",
        token="a:b",
        token_url=service.url,
    )
    with pytest.raises(SourceError, match="is at an address that is not public"):
        everybody(oauth, CONTACTS)
    assert service.asked == []


def test_a_proxy_of_the_environment_is_not_asked(service, crm, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert everybody(crm, CONTACTS)[1] == EVERYBODY


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """One for localhost, signed by itself, with its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


def test_a_certificate_must_be_trusted_by_the_machine_and_made_out_for_the_name(certificate, monkeypatch):
    with serving(certificate) as server:
        crm = Connection(name="hubspot", kind="http", url=server.url, token="t0ken", may_be_private=True)
        with pytest.raises(SourceError, match=r"does not answer \(SSLError\)"):
            everybody(crm, CONTACTS)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert everybody(crm, CONTACTS)[1] == EVERYBODY
        with pytest.raises(SourceError, match=r"does not answer \(SSLError\)"):
            everybody(replace(crm, url=crm.url.replace("localhost", "127.0.0.1")), CONTACTS)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True), ("2001:4860:4860::8888", True), ("127.0.0.1", False), ("10.1.2.3", False),
        ("169.254.169.254", False), ("100.64.0.1", False), ("::1", False), ("fe80::1%eth0", False), ("fd00::1", False),
        ("::ffff:10.0.0.1", False), ("2002:0a00:0001::", False), ("0.0.0.0", False), ("224.0.0.1", False),
    ],
)  # fmt: skip
def test_which_addresses_are_public(address, public):
    assert is_public(address) == public


def run_apart(code, home):
    environment = {**os.environ, "HOME": str(home), "DLT_DATA_DIR": "", "RUNTIME__LOG_LEVEL": "DEBUG"}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=CHECKOUT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


READ = """
from data.connections import Connection
from data.readers.http_pages import Pages, pages_grid
crm = Connection(name="hubspot", kind="http", url="{url}", token="t0ken", may_be_private=True)
pages = Pages(path="/crm", rows="results", next="paging.next.after", next_parameter="after")
with pages_grid(crm, pages) as grid:
    print(grid.read_as)
"""


def test_dlt_leaves_nothing_behind_and_says_nothing(service, tmp_path):
    """Neither its settings and its telemetry, in the home folder, nor a line that shows an address or a token."""
    done = run_apart(READ.format(url=service.url), tmp_path)
    assert (done.stdout, done.stderr) == ("HTTP, 5 rows of JSON\n", "")
    assert list(tmp_path.iterdir()) == []


def test_without_dlt_a_service_is_one_sentence_that_names_the_command(service, tmp_path):
    code = "import sys\nsys.modules['dlt'] = None\n" + READ.format(url=service.url)
    assert (
        "SourceError: hubspot: services are read with dlt, and dlt is not installed here. In Tidings' folder: "
        ".venv/bin/python -m pip install --editable '.[crm]'" in run_apart(code, tmp_path).stderr
    )
    assert service.asked == []


def test_what_reads_no_service_brings_no_dlt(tmp_path):
    code = (
        "import sys, cli.main, engine.audience_source, data.readers.http_pages, data.readers.sql_query\n"
        "print('dlt' in sys.modules, 'requests' in sys.modules)"
    )
    assert run_apart(code, tmp_path).stdout == "False False\n"
