import asyncio
import re
import socket
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from visitors import http, visitor
from websockets.exceptions import InvalidStatus

from avatar_edge.settings import EdgeSettings
from avatar_edge.web import security
from avatar_edge.web.pages import pages
from avatar_edge.web.security import Allowance
from avatar_edge.web.server import serving
from avatar_edge.web.settings import WebSettings, ice_server
from avatar_runtime.settings import SettingsError, load

TOKEN = "correct horse battery staple"
QUERY = "/?token=correct%20horse%20battery%20staple"


class Silent:
    """A door behind which nobody is."""

    async def enter(self, channel):
        channel.bye("nobody is here", again=False)


@pytest.fixture
async def page():
    async with serving(Silent(), WebSettings(port=0)) as url:
        yield url


@pytest.fixture
async def locked():
    async with serving(Silent(), WebSettings(port=0, token=TOKEN)) as url:
        yield url


async def refused(url, **options):
    with pytest.raises(InvalidStatus) as caught:
        async with visitor(url, **options):
            pass
    return caught.value.response.status_code


async def test_the_page_and_its_files_come_with_the_strictest_headers(page):
    for path in ("/", *(f"/page/{name}" for name in pages())):
        status, headers, body = await http(page, path)
        assert status == 200
        assert len(body) == int(headers["content-length"])
        policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
        port = page.rpartition(":")[2]
        assert policy == {
            "default-src": "'none'",
            "script-src": "'self'",
            "style-src": "'self'",
            "img-src": "'self' data:",
            "media-src": "'self' blob:",
            "connect-src": f"'self' ws://localhost:{port} wss://localhost:{port}",
            "base-uri": "'none'",
            "form-action": "'none'",
            "frame-ancestors": "'none'",
        }
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "microphone=(self)" in headers["permissions-policy"]
        assert "server" not in headers
    status, headers, body = await http(page, "/")
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert not re.search(rb"<script(?![^>]*\bsrc=)|\son\w+=|javascript:|style=", body)


async def test_a_file_is_sent_once_and_nothing_but_the_page_is_served(page):
    status, headers, _ = await http(page, "/page/index.html")
    assert (status, headers["cache-control"]) == (200, "no-cache")
    again, _, body = await http(page, "/page/index.html", headers={"If-None-Match": headers["etag"]})
    assert (again, body) == (304, b"")
    for path in ("/page/../app.py", "/page/%2e%2e/app.py", "/page//etc/passwd", "/docs", "/openapi.json", "/redoc"):
        assert (await http(page, path))[0] == 404
    assert (await http(page, "/", method="POST"))[0] == 405
    assert (await http(page, "/healthz"))[2] == b'{"ok": true}\n'


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8484", "192.168.1.5", "localhost.evil.example", "", "a b", "localhost, evil"]
)
async def test_a_name_that_is_not_ours_is_refused(page, host):
    status, _, body = await http(page, "/", host=host)
    assert status in (400, 403)
    assert b"<html" not in body
    assert b"evil" not in body


async def test_names_of_this_machine_and_those_allowed_are_ours(page):
    for host in ("localhost", "127.0.0.1:9000", "[::1]:8484", "LOCALHOST:1"):
        assert (await http(page, "/", host=host))[0] == 200
    async with serving(Silent(), WebSettings(port=0, hosts=("Clone.Example",))) as url:
        assert (await http(url, "/", host="clone.example"))[0] == 200
        assert (await http(url, "/", host="other.example"))[0] == 403


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost:1", "file://", None, "http://[bad"]
)
async def test_a_foreign_page_or_none_cannot_reach_the_call(page, origin):
    port = page.rpartition(":")[2]
    reader, writer = await asyncio.open_connection("127.0.0.1", int(port))
    lines = ["GET /call HTTP/1.1", f"Host: localhost:{port}", "Connection: Upgrade", "Upgrade: websocket"]
    lines += ["Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
    lines += [f"Origin: {origin}"] if origin is not None else []
    writer.write("\r\n".join([*lines, "", ""]).encode())
    assert b" 403 " in await reader.readline()
    writer.close()


async def test_the_page_itself_reaches_the_call(page):
    async with visitor(page) as visit:
        await visit.ended()
        assert visit.messages[0].reason == "nobody is here"


async def test_without_the_token_nothing_is_served_and_with_it_once_everything_is(locked):
    assert (await http(locked, "/"))[0] == 401
    assert (await http(locked, "/page/index.html"))[0] == 401
    assert (await http(locked, "/healthz"))[0] == 200
    assert (await http(locked, "/?token=wrong"))[0] == 401
    assert (await http(locked, "/", headers={"Cookie": f"{security.COOKIE}={TOKEN}"}))[0] == 401
    assert await refused(locked) == 403
    assert await refused(locked, path=QUERY.replace("/?", "/call?")) == 403
    status, headers, body = await http(locked, QUERY)
    assert (status, body) == (200, pages()["index.html"].body)
    cookie, *attributes = headers["set-cookie"].split("; ")
    assert attributes == ["Path=/", "HttpOnly", "SameSite=Strict"]
    assert "horse" not in cookie
    assert (await http(locked, "/", headers={"Cookie": f"a=b; {cookie}"}))[0] == 200
    assert (await http(locked, "/page/index.html", headers={"Cookie": cookie}))[0] == 200
    async with visitor(locked, headers={"Cookie": cookie}) as visit:
        await visit.ended()


async def test_a_token_cannot_be_guessed_by_trying(locked):
    tries = [(await http(locked, f"/?token={guess}"))[0] for guess in range(security.GUESSES + 3)]
    assert tries == [401] * security.GUESSES + [429] * 3
    assert (await http(locked, QUERY))[0] == 429
    assert (await http(locked, "/"))[0] == 401


def test_an_allowance_comes_back_with_time():
    allowance = Allowance(2, every_s=10.0)
    assert [allowance.take(100.0) for _ in range(3)] == [True, True, False]
    assert not allowance.left(109.0)
    assert allowance.take(110.5)
    assert not allowance.take(111.0)
    assert [allowance.take(500.0) for _ in range(3)] == [True, True, False]


def certificate(folder):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(pem)
    return str(folder / "cert.pem"), str(folder / "key.pem")


async def test_with_a_certificate_the_page_is_served_by_tls_and_its_cookie_never_travels_without(tmp_path):
    cert, key = certificate(tmp_path)
    async with serving(Silent(), WebSettings(port=0, cert=cert, key=key, token=TOKEN)) as url:
        assert url.startswith("https://localhost:")
        port = int(url.rpartition(":")[2])
        trusted = ssl.create_default_context(cafile=cert)
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusted, server_hostname="localhost")
        writer.write(f"GET {QUERY} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        assert answer.startswith(b"HTTP/1.1 200")
        assert b"; Secure" in answer


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"bind": "0.0.0.0"}, "set web.token"),
        ({"bind": "192.168.1.5", "token": TOKEN}, "web.cert and web.key"),
        ({"bind": "::", "token": TOKEN, "cert": __file__}, "belong together"),
        ({"token": "short"}, "at least"),
        ({"cert": "/nowhere.pem", "key": "/nowhere.pem"}, "no file /nowhere.pem"),
        ({"ice": ("https://x",)}, "no server"),
        ({"ice": ("turn:host:3478",)}, "no server"),
        ({"cert": __file__, "key": __file__}, "cannot be used"),
    ],
)
async def test_what_would_be_open_to_others_or_cannot_work_is_refused_in_a_sentence(given, why):
    with pytest.raises(SettingsError, match=why):
        async with serving(Silent(), WebSettings(port=0, **given)):
            pass


async def test_another_address_is_served_behind_a_proxy_that_has_tls():
    async with serving(Silent(), WebSettings(port=0, bind="0.0.0.0", token=TOKEN, insecure=True)) as url:
        assert (await http(url, QUERY, host="192.168.1.5:8484"))[0] == 200
        assert (await http(url, QUERY, host="evil.example"))[0] == 403


async def test_a_port_that_is_taken_is_told_in_a_sentence():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"port {port} on 127.0.0.1 cannot be used for the page"):
            async with serving(Silent(), WebSettings(port=port)):
                pass


def test_the_page_has_a_section_and_variables_of_its_own_beside_those_of_the_edge(tmp_path):
    path = tmp_path / "avatar.toml"
    path.write_text('[web]\nport = 9000\nhosts = ["clone.example"]\n[edge]\nlanguage = "uk"\n', encoding="utf-8")
    environ = {"AVATAR_WEB__SESSIONS": "2", "AVATAR_EDGE__PATIENCE": "eager", "AVATAR_WEB__ICE": '["stun:a:1"]'}
    web = load("web", WebSettings, argv=[], environ=environ, path=path)
    edge = load("edge", EdgeSettings, argv=[], environ=environ, path=path)
    assert (web.port, web.hosts, web.sessions, web.ice) == (9000, ("clone.example",), 2, ("stun:a:1",))
    assert (edge.language, edge.patience) == ("uk", "eager")


def test_servers_for_the_network_are_named_as_urls():
    assert ice_server("stun:stun.example:3478") == ice_server("stun:stun.example:3478")
    relay = ice_server("turn:me:secret@relay.example:3478?transport=tcp")
    assert (relay.url, relay.user, relay.password) == ("turn:relay.example:3478?transport=tcp", "me", "secret")
