"""The port of the server: which it is, is known before it is open; until then nobody is served."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from adapter.http_port import HttpPort
from adapter.settings import Http


@pytest.fixture
async def runner() -> AsyncIterator[web.AppRunner]:
    """A server without a port."""

    async def hello(_: web.Request) -> web.Response:
        return web.Response(text="hello")

    app = web.Application()
    app.router.add_get("/", hello)
    made = web.AppRunner(app)
    await made.setup()
    yield made
    await made.cleanup()


async def fetched(url: str) -> str:
    """What a client gets."""
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return await answer.text()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_port_that_the_system_chooses(runner: web.AppRunner, host: str) -> None:
    """The base names it at once; a client is refused until it is open, and served after that."""
    port = HttpPort(Http(host=host, port=0))
    assert port.base_url.startswith(f"http://{host}:")
    with pytest.raises(aiohttp.ClientConnectorError):
        await fetched(port.base_url)
    opened = await port.open(runner)
    assert port.base_url == f"http://{host}:{opened}"
    assert await fetched(port.base_url) == "hello"


async def test_all_addresses(runner: web.AppRunner) -> None:
    """An empty host is every address of the machine, with a chosen port too."""
    opened = await HttpPort(Http(host="", port=0)).open(runner)
    assert await fetched(f"http://127.0.0.1:{opened}") == "hello"


async def test_port_of_the_settings(runner: web.AppRunner) -> None:
    """It is that one; nothing of it is taken before it opens."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        number: int = other.getsockname()[1]
        port = HttpPort(Http(port=number))
        with pytest.raises(OSError, match="address already in use"):
            await port.open(runner)
    assert await port.open(runner) == number
    assert await fetched(port.base_url) == "hello"
    port.close()


async def test_public_url(runner: web.AppRunner) -> None:
    """Applications reach it by what the settings say, whatever the port is."""
    port = HttpPort(Http(port=0, public_url="https://voice.example/"))
    assert port.base_url == "https://voice.example"
    assert await port.open(runner) > 0


async def test_never_opened() -> None:
    """A start that fails gives the port back."""
    port = HttpPort(Http(port=0))
    number = int(port.base_url.rpartition(":")[2])
    with socket.socket() as taker:
        with pytest.raises(OSError, match="in use"):
            taker.bind(("127.0.0.1", number))
        port.close()
        taker.bind(("127.0.0.1", number))


def test_host_that_is_not_ours() -> None:
    """An address of another machine fails at the start."""
    with pytest.raises(OSError, match="assign"):
        HttpPort(Http(host="192.0.2.1", port=0))
