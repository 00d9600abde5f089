"""Live tests: one Asterisk and one simulated carrier for the session, an adapter for each test."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import aiohttp
import pytest
import pytest_asyncio

from tests.fakes.webhook_sink import WebhookSink
from tests.live.adapter_process import APP_ID, APP_KEY, SECRET, AdapterProcess
from tests.live.asterisk import Carrier, Instance
from tests.live.mediaservice_calls import ivr, server  # noqa: F401 - fixtures for all live tests
from tests.live.telephone import Telephone
from tests.live.wire import Wire


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """A short path: Asterisk's control socket has room for 108 bytes."""
    with tempfile.TemporaryDirectory(prefix="av-", dir="/tmp") as name:
        yield Path(name)


@pytest.fixture(scope="session")
def shared_asterisk(folder: Path) -> Iterator[Instance]:
    """The adapter's Asterisk."""
    instance = Instance(folder / "ast")
    instance.start()
    yield instance
    left = leftovers(instance) if instance.running else {}
    instance.stop()
    assert left == {}, "the live suite has left something behind in Asterisk"


def leftovers(instance: Instance, patience: float = 5.0) -> dict[str, str]:
    """What is still there in Asterisk after a moment: its own tables of channels and bridges."""
    until = time.monotonic() + patience
    while True:
        channels = instance.cli("core show channels concise").strip()
        bridges = instance.cli("bridge show all").strip().splitlines()[1:]
        found = {"channels": channels, "bridges": "\n".join(bridges)}
        left = {what: text for what, text in found.items() if text}
        if not left or time.monotonic() > until:
            return left
        time.sleep(0.2)


@pytest.fixture(scope="session")
def carrier(folder: Path, shared_asterisk: Instance) -> Iterator[Carrier]:
    """The simulated carrier in front of it."""
    instance = Carrier(folder / "car", shared_asterisk.sip_port)
    instance.start()
    yield instance
    instance.stop()


@pytest.fixture
def asterisk(shared_asterisk: Instance) -> Instance:
    """The adapter's Asterisk, running."""
    if not shared_asterisk.running:
        shared_asterisk.restart()
    return shared_asterisk


@pytest.fixture
async def sink() -> AsyncIterator[WebhookSink]:
    """The customer's application."""
    async with WebhookSink() as sink:
        yield sink


@pytest.fixture
async def wire(asterisk: Instance) -> AsyncIterator[Wire]:
    """What the adapter reaches Asterisk through."""
    wire = Wire(asterisk.http_port)
    await wire.start()
    yield wire
    await wire.stop()


@pytest.fixture
async def adapter(
    tmp_path: Path, asterisk: Instance, wire: Wire, carrier: Carrier, sink: WebhookSink
) -> AsyncIterator[AdapterProcess]:
    """An adapter of this test's own, provisioned and ready."""
    process = AdapterProcess(
        tmp_path / "adapter",
        asterisk=asterisk,
        ari_port=wire.port,
        carrier_sip_port=carrier.sip_port,
        event_url=sink.url(),
        webhook_port=sink.port,
    )
    await process.cli("apply", "provision.toml")
    await process.start()
    yield process
    await process.stop()
    for instance in (asterisk, carrier):
        # A carrier's leg of a killed Asterisk would send its audio on, to a port of a later call.
        if "0 active channels" not in instance.cli("core show channels count"):
            instance.cli("channel request hangup all")
    assert "Traceback" not in process.log(), process.log()[-4000:]


class Phones(Protocol):
    """Makes a telephone that lives as long as the test; the behaviour is `Telephone`'s."""

    def __call__(self, tone: int, **behaviour: Any) -> Awaitable[Telephone]: ...


class Api:
    """The customer's side of the EnableX contract."""

    def __init__(self, session: aiohttp.ClientSession, sink: WebhookSink) -> None:
        self._session = session
        self.sink = sink

    async def request(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and JSON of one request."""
        async with self._session.request(method, f"/voice/v1{path}", json=body) as answer:
            return answer.status, await answer.json()

    async def fetch(self, path: str, **headers: str) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers and body of one GET of a file."""
        async with self._session.get(f"/voice/v1{path}", headers=headers) as answer:
            return answer.status, answer.headers, await answer.read()

    async def place(self, to: str, **more: Any) -> str:
        """`POST /call`; returns the voice_id."""
        status, reply = await self.request("POST", "/call", {"from": "+15551000", "to": to, **more})
        assert status == 200, reply
        return str(reply["voice_id"])

    async def play(self, call: str, **what: Any) -> str:
        """`PUT /play`; returns the play_id."""
        if "prompt_name" not in what:
            what = {"language": "en-US", "voice": "female", **what}
        status, reply = await self.request("PUT", f"/call/{call}/play", what)
        assert status == 200, reply
        return str(reply["play_id"])

    async def hang_up(self, call: str) -> None:
        """`DELETE /call`."""
        status, reply = await self.request("DELETE", f"/call/{call}")
        assert status == 200, reply

    def events(self, call: str | None = None) -> list[dict[str, Any]]:
        """The acknowledged webhooks in the order of arrival, each once."""
        seen: dict[str, dict[str, Any]] = {}
        for received in self.sink.received:
            if received.acknowledged:
                seen.setdefault(received.id, received.json)
        return [e for e in seen.values() if call is None or e["voice_id"] == call]

    def names(self, call: str | None = None) -> list[str]:
        """`state` or `playstate` of these."""
        return [e.get("state") or e["playstate"] for e in self.events(call)]

    async def event(self, name: str, seconds: float = 15.0) -> dict[str, Any]:
        """Wait for the first event of this name."""
        await self.sink.wait_for(lambda _: name in self.names(), timeout=seconds)
        return next(e for e in self.events() if (e.get("state") or e["playstate"]) == name)

    async def over(self, seconds: float = 20.0) -> list[str]:
        """Wait for `disconnected` and a moment more; the names of all events."""
        await self.event("disconnected", seconds)
        await asyncio.sleep(0.3)
        self.sink.verify(SECRET)
        return self.names()


@pytest.fixture
async def api(adapter: AdapterProcess, sink: WebhookSink) -> AsyncIterator[Api]:
    """The API of the adapter, with the app's credentials."""
    headers = {"Authorization": aiohttp.encode_basic_auth(APP_ID, APP_KEY)}
    async with aiohttp.ClientSession(adapter.base, headers=headers) as session:
        yield Api(session, sink)


@asynccontextmanager
async def of_a_module(
    folder: Path, asterisk: Instance, carrier: Carrier, ami_port: int | None = None
) -> AsyncIterator[tuple[AdapterProcess, WebhookSink]]:
    """An adapter for all tests of a module, and its application: starting takes seconds."""
    if not asterisk.running:
        asterisk.restart()
    async with WebhookSink() as sink:
        process = AdapterProcess(
            folder,
            asterisk=asterisk,
            ami_port=ami_port,
            carrier_sip_port=carrier.sip_port,
            event_url=sink.url(),
            webhook_port=sink.port,
        )
        await process.cli("apply", "provision.toml")
        await process.start()
        yield process, sink
        await process.stop()
        assert "Traceback" not in process.log(), process.log()[-4000:]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def joining_adapter(
    shared_asterisk: Instance, carrier: Carrier, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[AdapterProcess, WebhookSink]]:
    """See `of_a_module`."""
    async with of_a_module(tmp_path_factory.mktemp("adapter"), shared_asterisk, carrier) as both:
        yield both


@pytest_asyncio.fixture(loop_scope="module")
async def app(joining_adapter: tuple[AdapterProcess, WebhookSink]) -> AsyncIterator[Api]:
    """The application at that adapter."""
    process, sink = joining_adapter
    headers = {"Authorization": aiohttp.encode_basic_auth(APP_ID, APP_KEY)}
    async with aiohttp.ClientSession(process.base, headers=headers) as session:
        yield Api(session, sink)


@pytest_asyncio.fixture(loop_scope="module")
async def phones(shared_asterisk: Instance) -> AsyncIterator[Phones]:
    """Telephones; when the test is over, nothing is left of their calls in Asterisk."""
    made: list[Telephone] = []

    async def make(tone: int, **behaviour: Any) -> Telephone:
        phone = Telephone(tone, ("127.0.0.1", shared_asterisk.sip_port), **behaviour)
        await phone.open()
        made.append(phone)
        return phone

    yield make
    left = leftovers(shared_asterisk)
    for phone in made:
        phone.close()
    if left:
        shared_asterisk.cli("channel request hangup all")
    assert left == {}, f"left in Asterisk: {left}"


Eventually = Callable[[Callable[[], bool], float], Awaitable[None]]


@pytest.fixture
def eventually() -> Eventually:
    """Wait until a condition that no event tells of is true."""

    async def wait(condition: Callable[[], bool], seconds: float = 10.0) -> None:
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.05)

    return wait
