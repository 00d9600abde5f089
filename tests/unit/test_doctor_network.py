"""How `ari-voice doctor` judges hosts of applications, our own port, and a certificate."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from adapter.commands.diagnosis.network import certificate, reachable, server, tls, webhooks
from adapter.outbox.egress import Policy
from adapter.settings import Http

NOW = datetime.now(UTC)
LOCAL = Policy.parse(["127.0.0.1", "localhost"])


def pair(folder: Path, days: int, *, password: bytes = b"", name: str = "api") -> tuple[Path, Path]:
    """A certificate that ends in so many days, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "api.example")])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=100))
        .not_valid_after(NOW + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    secrecy: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password:
        secrecy = serialization.BestAvailableEncryption(password)
    cert_file, key_file = folder / f"{name}.pem", folder / f"{name}.key"
    cert_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, secrecy)
    )
    return cert_file, key_file


@pytest.mark.parametrize(("days", "state"), [(90, "ok"), (13, "warning"), (-1, "failed")])
def test_the_end_of_a_certificate(tmp_path: Path, days: int, state: str) -> None:
    """Two weeks before it there is a warning; then it fails."""
    assert certificate(*pair(tmp_path, days), NOW).state == state


def test_certificates_that_do_not_fit(tmp_path: Path) -> None:
    """Another's key, a key with a password (nobody is asked), no PEM, and no file."""
    cert, key = pair(tmp_path, 90)
    _, other = pair(tmp_path, 90, name="other")
    _, locked = pair(tmp_path, 90, name="locked", password=b"hush")
    text = tmp_path / "text.pem"
    text.write_text("nothing")
    for given in ((cert, other), (cert, locked), (text, key), (cert, tmp_path / "nowhere")):
        assert certificate(*given, NOW).state == "failed", given


@pytest.mark.parametrize(
    ("http", "state"),
    [
        (Http(), "ok"),
        (Http(host="::1"), "ok"),
        (Http(host="0.0.0.0"), "warning"),
        (Http(host="0.0.0.0", public_url="https://voice.example"), "ok"),
        (Http(host="10.0.0.1", public_url="http://voice.example"), "warning"),
    ],
)
async def test_without_tls(http: Http, state: str) -> None:
    """It matters only to those who are reached from elsewhere."""
    assert [one.state async for one in tls(http)] == [state]


@asynccontextmanager
async def listening(
    context: ssl.SSLContext | None = None,
) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A port, and what it was sent."""
    got: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await reader.read())
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as opened:
        yield opened.sockets[0].getsockname()[1], got


async def test_an_application_is_connected_to_and_sent_nothing() -> None:
    """A host name too, by whichever of its addresses takes it."""
    async with listening() as (port, got):
        assert (await reachable(f"http://127.0.0.1:{port}", LOCAL)).state == "ok"
        assert (await reachable(f"http://localhost:{port}", LOCAL)).state == "ok"
        async with asyncio.timeout(5):
            while len(got) < 2:
                await asyncio.sleep(0.01)
    assert got == [b"", b""]


async def test_an_application_that_may_not_be_called() -> None:
    """Nobody connects to a private address that the settings do not name."""
    async with listening() as (port, got):
        judged = await reachable(f"http://127.0.0.1:{port}", Policy())
        assert judged.state == "failed"
        assert "not allowed" in judged.text
        named = await reachable(f"http://localhost:{port}", Policy())
        assert named.state == "failed"
        assert "not allowed" in named.text
    assert got == []


async def test_an_application_with_a_certificate_of_its_own(tmp_path: Path) -> None:
    """It is refused, as a webhook would be."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair(tmp_path, 90))
    async with listening(context) as (port, _):
        judged = await reachable(f"https://127.0.0.1:{port}", LOCAL)
    assert judged.state == "failed"
    assert "certificate" in judged.text


async def test_hosts_are_looked_at_once_and_not_without_end() -> None:
    """Paths make no difference and are not shown; more than 64 hosts are counted only."""
    urls = [f"http://127.0.0.{number}:1/{path}" for number in range(1, 81) for path in "ab"]
    found = [one async for one in webhooks(urls, ("127.0.0.0/8",))]
    assert len(found) == 65
    assert found[-1].text.startswith("16 more hosts")
    assert all(one.state == "failed" for one in found[:-1])
    assert [one.state async for one in webhooks([], ())] == ["ok"]


async def ready(request: web.Request) -> web.Response:
    return web.json_response({"ready": True, "reasons": []})


async def unready(request: web.Request) -> web.Response:
    return web.json_response({"ready": False, "reasons": ["draining"]}, status=503)


async def other(request: web.Request) -> web.Response:
    return web.Response(status=404)


@pytest.mark.parametrize(
    ("handler", "state"), [(ready, "ok"), (unready, "warning"), (other, "failed")]
)
async def test_our_own_port(handler: Callable[..., web.Response], state: str) -> None:
    """Ready, not ready, and taken by somebody else; closed is no fault."""
    app = web.Application()
    app.router.add_get("/readyz", handler)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    assert [one.state async for one in server(Http(port=port))] == [state]
    await runner.cleanup()
    assert [one.text async for one in server(Http(port=port))] == [f"not running at port {port}"]
