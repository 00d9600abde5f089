"""One attempt over HTTP, against real servers: each way to fail has its word."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import ClientSession, web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from adapter.outbox.egress import Policy, open_session
from adapter.outbox.post import Answer, post
from tests.fakes.webhook_sink import DROP, HANG, Reply, WebhookSink


@pytest.fixture
async def sink() -> AsyncIterator[WebhookSink]:
    async with WebhookSink() as started:
        yield started


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with open_session(Policy.parse(["127.0.0.1"])) as opened:
        yield opened


async def send(session: ClientSession, url: str) -> Answer:
    return await post(session, url, b"{}", {"x": "y"}, 0.3)


async def test_sends_what_it_is_given(session: ClientSession, sink: WebhookSink) -> None:
    """Body and headers go as they are; any 2xx is an acknowledgement."""
    sink.script(204)
    assert await send(session, sink.url("/p?q=%20")) == Answer(204)
    (got,) = sink.received
    assert (got.path, got.body, got.headers["x"]) == ("/p?q=%20", b"{}", "y")


@pytest.mark.parametrize(
    ("reply", "status", "fault"),
    [
        (Reply(301, {"Location": "/x"}), 301, "redirect"),
        (Reply(308, {"Location": "http://127.0.0.1:1/"}), 308, "redirect"),
        (Reply(400), 400, "status"),
        (Reply(410), 410, "gone"),
        (Reply(503), 503, "status"),
        (DROP, None, "broken"),
        (HANG, None, "timeout"),
    ],
)
async def test_faults_of_the_answer(
    session: ClientSession, sink: WebhookSink, reply: Reply, status: int | None, fault: str
) -> None:
    """One request is made, and what came of it is a value with a text for people."""
    sink.script(reply)
    answer = await send(session, sink.url())
    assert (answer.status, answer.fault) == (status, fault)
    assert answer.error
    assert len(sink.received) == 1


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("http://10.0.0.1/", "refused"),
        ("http://127.0.0.1:1/", "connect"),
        ("http://no-such-name.invalid/", "dns"),
        ("gopher://127.0.0.1/", "url"),
        ("http://[", "url"),
        ("", "url"),
    ],
)
async def test_faults_before_the_request(session: ClientSession, url: str, fault: str) -> None:
    """What cannot be reached is told apart from what may not be reached."""
    answer = await send(session, url)
    assert (answer.status, answer.fault) == (None, fault)
    assert answer.error


async def test_retry_after_is_handed_on(session: ClientSession, sink: WebhookSink) -> None:
    """The header comes back as it was sent."""
    sink.script(Reply(429, {"Retry-After": " 7"}))
    assert (await send(session, sink.url())).retry_after == "7"


async def test_a_short_answer_keeps_its_connection(
    session: ClientSession, sink: WebhookSink
) -> None:
    """The next request uses the connection of the one before; a long answer costs it."""
    peers = []

    async def handle(request: web.BaseRequest) -> web.Response:
        peers.append(request.transport.get_extra_info("peername") if request.transport else None)
        return web.Response(body=b"x" * int(request.path[1:]))

    runner = web.ServerRunner(web.Server(handle), shutdown_timeout=0.01)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    for size in (10, 60_000, 10_000_000, 10):
        await send(session, f"http://127.0.0.1:{runner.addresses[0][1]}/{size}")
    await runner.cleanup()
    assert peers[0] == peers[1] == peers[2] != peers[3]


async def test_an_unknown_certificate_is_refused(session: ClientSession, tmp_path: Path) -> None:
    """TLS is verified: a self-signed server gets no message."""
    context = self_signed(tmp_path)
    asked: list[str] = []

    async def handle(request: web.BaseRequest) -> web.Response:
        asked.append(request.path)
        return web.Response()

    runner = web.ServerRunner(web.Server(handle), shutdown_timeout=0.01)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    answer = await send(session, f"https://127.0.0.1:{runner.addresses[0][1]}/")
    await runner.cleanup()
    assert (answer.status, answer.fault) == (None, "tls")
    assert asked == []


def self_signed(folder: Path) -> ssl.SSLContext:
    """A server context with a certificate for 127.0.0.1 that nobody trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context
