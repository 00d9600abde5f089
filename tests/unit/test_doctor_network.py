"""How `ari-voice doctor` judges hosts of applications, our own port, and a certificate."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from adapter.commands.diagnosis import Result, network
from adapter.commands.diagnosis.network import reachable, server, tls, webhooks
from adapter.outbox.egress import Policy
from adapter.settings import Http
from tests.unit.certificates import issue, tls_port

LOCAL = Policy.parse(["127.0.0.1", "localhost"])


def pair(folder: Path, *, name: str = "api", password: bytes = b"") -> tuple[Path, Path]:
    """Files of a certificate for this machine, and of its key."""
    return issue(["127.0.0.1", "voice.example"]).files(folder, name, password=password)


async def judged(http: Http) -> Result:
    """What is said of the API's certificate."""
    (result,) = [one async for one in tls(http)]
    assert result.name == "tls"
    return result


async def test_certificates_that_do_not_fit(tmp_path: Path) -> None:
    """Another's key, a key with a password (nobody is asked), no PEM, and no file."""
    cert, key = pair(tmp_path)
    _, other = pair(tmp_path, name="other")
    _, locked = pair(tmp_path, name="locked", password=b"hush")
    text = tmp_path / "text.pem"
    text.write_text("nothing")
    for given in ((cert, other), (cert, locked), (text, key), (cert, tmp_path / "nowhere")):
        http = Http(tls_cert=given[0], tls_key=given[1])
        assert (await judged(http)).state == "failed", given


@pytest.mark.parametrize(
    ("more", "complains"),
    [
        ({}, False),
        ({"host": "0.0.0.0"}, False),
        ({"host": "10.0.0.1"}, True),
        ({"public_url": "https://voice.example/api"}, False),
        ({"public_url": "https://other.example"}, True),
    ],
)
async def test_the_names_of_the_api(tmp_path: Path, more: dict[str, str], complains: bool) -> None:
    """The one that applications are told; when it listens everywhere, nobody knows which."""
    cert, key = pair(tmp_path)
    http = Http(port=0, tls_cert=cert, tls_key=key, **more)
    assert ("applications are told" in (await judged(http)).text) is complains


async def test_a_renewed_certificate_that_is_not_in_use(tmp_path: Path) -> None:
    """The server reads it at its start, so the one that runs may have the one of before."""
    cert, key = pair(tmp_path)
    async with tls_port(cert, key) as port:
        http = Http(port=port, tls_cert=cert, tls_key=key)
        assert "restart" not in (await judged(http)).text
        pair(tmp_path)
        renewed = await judged(http)
    assert renewed.state == "warning"
    assert "restart" in renewed.text


@pytest.mark.parametrize(
    ("http", "state"),
    [
        (Http(), "ok"),
        (Http(host="::1"), "ok"),
        (Http(host="0.0.0.0"), "warning"),
        (Http(host="0.0.0.0", public_url="https://voice.example"), "ok"),
        (Http(host="10.0.0.1", public_url="http://voice.example"), "warning"),
        (Http(host="0.0.0.0", public_url="http://localhost:8080"), "ok"),
        (Http(host="::", public_url="http://127.0.0.2:8080/api"), "ok"),
        (Http(host="0.0.0.0", public_url="http://[::1]:8080"), "ok"),
        (Http(host="0.0.0.0", public_url="http://voice.example:8080"), "warning"),
        (Http(host="0.0.0.0", public_url="http://localhost.example"), "warning"),
        (Http(host="10.0.0.1", public_url="http://localhost:8080"), "warning"),
    ],
)
async def test_without_tls(http: Http, state: str) -> None:
    """It matters only to those who are reached from elsewhere.

    A container listens everywhere and is told where it is called; another address stays what it is.
    """
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
    context.load_cert_chain(*pair(tmp_path))
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


async def test_a_port_that_hangs_or_has_no_tls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither is "not running"."""
    monkeypatch.setattr(network, "_CONNECT", 0.2)

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with listening() as (port, _):
        assert [one.text async for one in server(Http(port=port))] == [
            f"port {port} is open and does not answer"
        ]
    cert, key = pair(tmp_path)
    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as opened:
        port = opened.sockets[0].getsockname()[1]
        (result,) = [one async for one in server(Http(port=port, tls_cert=cert, tls_key=key))]
    assert result.state == "failed"
    assert "has no TLS" in result.text


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
