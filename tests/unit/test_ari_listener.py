"""adapter.ari.listener against a real WebSocket server: order, holding, reconnect, health."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from adapter.ari.client import AriClient
from adapter.ari.errors import Unreachable
from adapter.ari.events import (
    EVENT_TYPES,
    ChannelDtmfReceived,
    Event,
    MalformedEvent,
    StasisStart,
    UnknownEvent,
)
from adapter.ari.listener import Listener, ListenerState, ListenerTimes
from tests.fakes.ari_server import FakeAri

FAST = ListenerTimes(
    first_delay=0.01, longest_delay=0.05, stable=60.0, heartbeat=0.2, idle_ping=0.05, stale=0.3
)


class Ear:
    """A listener with everything that it reported."""

    def __init__(self, ari: FakeAri, times: ListenerTimes = FAST, request: float = 0.2) -> None:
        self.ari = ari
        self.client = AriClient(
            ari.base_url, ari.username, ari.password, app="voice", timeout=request
        )
        self.events: list[Event] = []
        self.raw: list[bytes] = []
        self.log: list[str] = []
        self.fatal: list[str] = []
        self.up: Callable[[], Awaitable[None]] = _nothing
        self.listener = Listener(
            self.client,
            on_event=self.on_event,
            on_up=self.on_up,
            on_down=lambda: self._note("down"),
            on_fatal=self.on_fatal,
            times=times,
        )
        self._tick = asyncio.Event()

    def _note(self, word: str) -> None:
        self.log.append(word)
        self._tick.set()

    def on_event(self, event: Event, raw: bytes) -> None:
        """Keep an event; a UnknownEvent of type Bang is a handler's bug."""
        self.events.append(event)
        self.raw.append(raw)
        self._note("event")
        if event == UnknownEvent("Bang"):
            raise ZeroDivisionError

    async def on_up(self) -> None:
        """Note and do what the test wants done."""
        self._note("up")
        await self.up()
        self._note("reconciled")

    def on_fatal(self, reason: str) -> None:
        """Note."""
        self.fatal.append(reason)
        self._note("fatal")

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait for something this listener does."""
        async with asyncio.timeout(5):
            while not true():
                self._tick.clear()
                await self._tick.wait()

    async def until_state(self, state: ListenerState) -> None:
        """Wait for a state."""
        await _eventually(lambda: self.listener.state is state)

    async def connect(self) -> None:
        """Start and wait until it is up."""
        self.listener.start()
        await self.until_state(ListenerState.UP)


async def _nothing() -> None:
    pass


async def _eventually(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0.005)


@pytest.fixture
async def ari() -> AsyncIterator[FakeAri]:
    """A fake Asterisk."""
    async with FakeAri() as fake:
        yield fake


@pytest.fixture
async def ear(ari: FakeAri) -> AsyncIterator[Ear]:
    """A listener that was not started yet."""
    made = Ear(ari)
    yield made
    await made.listener.stop()
    await made.client.close()


async def test_events_come_in_order_with_their_text(ari: FakeAri, ear: Ear) -> None:
    """Fifty digits in a row are delivered in their order, with the bytes they came in."""
    await ear.connect()
    call = ari.inbound("1001", caller="+15551234")
    digits = [str(n % 10) for n in range(50)]
    for digit in digits:
        ari.digit(call, digit)
    await ear.until(lambda: len(ear.events) >= 51)
    assert isinstance(ear.events[0], StasisStart)
    heard = [event.digit for event in ear.events if isinstance(event, ChannelDtmfReceived)]
    assert heard == digits
    assert all(raw.startswith(b"{") for raw in ear.raw)


async def test_only_known_types_are_let_through(ari: FakeAri, ear: Ear) -> None:
    """The filter names what decode knows, ApplicationReplaced too; noise stays in Asterisk."""
    await ear.connect()
    assert ari.applications["voice"].allowed == set(EVENT_TYPES)
    call = ari.inbound("1001")
    await ear.client.set_variable(call, "A", "1")
    ari.digit(call, "1")
    await ear.until(lambda: any(isinstance(e, ChannelDtmfReceived) for e in ear.events))
    assert [type(event) for event in ear.events] == [StasisStart, ChannelDtmfReceived]


async def test_events_are_held_while_reconciling(ari: FakeAri, ear: Ear) -> None:
    """What comes during on_up is delivered after it, in order, and before anything later."""
    go = asyncio.Event()

    async def reconcile() -> None:
        await go.wait()

    ear.up = reconcile
    ear.listener.start()
    await ear.until(lambda: "up" in ear.log)
    assert ear.listener.state is ListenerState.RECONCILING
    assert ear.listener.connected
    assert not ear.listener.healthy(time.monotonic())
    call = ari.inbound("1001")
    for digit in "123":
        ari.digit(call, digit)
    await ari.wait_for(lambda: len(ari.events) == 4)
    await ear.client.ping()
    assert ear.events == []
    go.set()
    await ear.until(lambda: len(ear.events) == 4)
    ari.digit(call, "4")
    await ear.until(lambda: len(ear.events) == 5)
    heard = [event.digit for event in ear.events if isinstance(event, ChannelDtmfReceived)]
    assert heard == list("1234")
    assert ear.log[:3] == ["up", "reconciled", "event"]


async def test_held_events_die_with_their_connection(ari: FakeAri, ear: Ear) -> None:
    """A cut during on_up cancels it and drops what was held: the next on_up sees the outcome."""
    stuck = asyncio.Event()
    ear.up = lambda: _wait_for_ever(stuck)
    ear.listener.start()
    await ear.until(lambda: "up" in ear.log)
    ari.inbound("1001")
    await ari.wait_for(lambda: len(ari.events) == 1)
    await ear.client.ping()
    ear.up = _nothing
    ari.drop_websocket()
    await ear.until(lambda: "reconciled" in ear.log)
    await ear.until_state(ListenerState.UP)
    assert ear.log == ["up", "down", "up", "reconciled"]
    assert ear.events == []
    assert ear.listener.dropped_events == 1


async def _wait_for_ever(event: asyncio.Event) -> None:
    await event.wait()


async def test_a_lost_connection_comes_back(ari: FakeAri, ear: Ear) -> None:
    """After a clean close: down, up, and events flow again."""
    await ear.connect()
    ari.drop_websocket()
    await ear.until(lambda: ear.log.count("reconciled") == 2)
    await ear.until_state(ListenerState.UP)
    ari.inbound("1001")
    await ear.until(lambda: len(ear.events) == 1)
    assert ear.log == ["up", "reconciled", "down", "up", "reconciled", "event"]
    assert ear.listener.connections == 2


async def test_asterisk_may_come_later_and_boot_slowly(ari: FakeAri, ear: Ear) -> None:
    """Refused connections, 404 and 503 are only waited for; on_down is not called for them."""
    await ari.refuse_connections()
    ear.listener.start()
    await ear.until_state(ListenerState.WAITING)
    assert not ear.listener.connected
    ari.boot(404, 503, 404)
    ari.refuse_websocket(2)
    await ari.listen()
    await ear.until_state(ListenerState.UP)
    assert ear.log == ["up", "reconciled"]


async def test_a_crash_is_noticed_and_the_filter_is_set_again(ari: FakeAri, ear: Ear) -> None:
    """After Asterisk's restart everything that it forgot is said again."""
    await ear.connect()
    await ari.crash()
    await ear.until(lambda: "down" in ear.log)
    await ari.listen()
    await ear.until(lambda: ear.log.count("reconciled") == 2)
    assert ari.applications["voice"].allowed == set(EVENT_TYPES)


async def test_a_failed_reconciliation_connects_again(ari: FakeAri, ear: Ear) -> None:
    """AriError from on_up, or a refused filter, is a lost connection, not a bug."""
    failures = iter([Unreachable("ping", "made up")])

    async def reconcile() -> None:
        for failure in failures:
            raise failure

    ear.up = reconcile
    ari.fail("event_filter", 500)
    ear.listener.start()
    await ear.until_state(ListenerState.UP)
    assert ear.log == ["down", "up", "down", "up", "reconciled"]
    assert ear.fatal == []


async def test_a_bug_in_reconciliation_is_fatal(ari: FakeAri, ear: Ear) -> None:
    """Anything but AriError from on_up ends the listener and is said once."""

    async def reconcile() -> None:
        raise ZeroDivisionError

    ear.up = reconcile
    ear.listener.start()
    await ear.until(lambda: bool(ear.fatal))
    assert ear.listener.state is ListenerState.FAILED
    assert not ear.listener.connected
    assert ear.log == ["up", "down", "fatal"]


async def test_a_closing_server_is_no_busy_loop(ari: FakeAri) -> None:
    """A server that accepts and closes at once is asked at growing intervals."""
    ear = Ear(ari, ListenerTimes(first_delay=0.02, longest_delay=10.0))
    times: list[float] = []

    async def cut() -> None:
        times.append(time.monotonic())
        ari.drop_websocket()
        await asyncio.Event().wait()

    ear.up = cut
    ear.listener.start()
    await ear.until(lambda: len(times) == 6)
    await ear.listener.stop()
    await ear.client.close()
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert all(gap >= 0.01 * 2**n for n, gap in enumerate(gaps))


async def test_a_second_adapter_stops_the_first(ari: FakeAri, ear: Ear) -> None:
    """ApplicationReplaced is final: no reconnect, which would take turns with the other."""
    await ear.connect()
    async with AriClient(ari.base_url, ari.username, ari.password, app="voice") as other:
        socket = await other.connect_events()
        await ear.until(lambda: bool(ear.fatal))
        assert ear.listener.state is ListenerState.REPLACED
        assert not ear.listener.healthy(time.monotonic())
        assert ear.log == ["up", "reconciled", "down", "fatal"]
        assert ari.connected("voice")
        assert ear.listener.connections == 1
        await socket.close()


async def test_a_handler_that_raises_ends_nothing(
    ari: FakeAri, ear: Ear, caplog: pytest.LogCaptureFixture
) -> None:
    """The fault is logged with the type, counted, and the next event comes."""
    await ear.connect()
    with caplog.at_level(logging.ERROR):
        ari.send_text('{"type":"Bang","secret":"5551234"}')
        call = ari.inbound("1001")
        await ear.until(lambda: len(ear.events) == 2)
    assert ear.listener.failed_events == 1
    assert "UnknownEvent" in caplog.text
    assert "5551234" not in caplog.text
    assert isinstance(ear.events[1], StasisStart)
    assert ear.events[1].channel.id == call


async def test_junk_is_delivered_as_malformed(ari: FakeAri, ear: Ear) -> None:
    """Junk on the socket neither raises nor disconnects."""
    await ear.connect()
    for text in ("", "[]", "{", '{"type":"StasisStart"}'):
        ari.send_text(text)
    await ear.until(lambda: len(ear.events) == 4)
    assert all(isinstance(event, MalformedEvent) for event in ear.events)
    assert ear.listener.state is ListenerState.UP


async def test_the_socket_outlives_the_request_timeout(ari: FakeAri, ear: Ear) -> None:
    """The total timeout of requests does not end the WebSocket."""
    await ear.connect()
    await asyncio.sleep(0.5)
    ari.inbound("1001")
    await ear.until(lambda: len(ear.events) == 1)
    assert ear.listener.connections == 1


async def test_a_silent_socket_is_given_up(ari: FakeAri, ear: Ear) -> None:
    """Without pongs the connection is replaced, though TCP still stands."""
    await ear.connect()
    ari.silent_websocket = True
    await ear.until(lambda: "down" in ear.log)
    ari.silent_websocket = False
    await ear.until_state(ListenerState.UP)


async def test_the_watchdog_asks_when_idle(ari: FakeAri, ear: Ear) -> None:
    """Idle, pings go out, so a quiet night is healthy."""
    await ear.connect()
    await ari.wait_for(lambda: ari.count("ping") >= 3)
    now = time.monotonic()
    assert ear.listener.healthy(now)
    assert ear.listener.age(now) < 0.3


async def test_hanging_requests_are_not_healthy(ari: FakeAri, ear: Ear) -> None:
    """ARI that no longer answers is unhealthy although events still flow, and recovers."""
    await ear.connect()
    ari.slow("ping", 1.0)
    call = ari.inbound("1001")
    async with asyncio.timeout(5):
        while ear.listener.healthy(time.monotonic()):
            ari.digit(call, "1")
            await asyncio.sleep(0.02)
    assert ear.listener.state is ListenerState.UP
    assert ear.listener.age(time.monotonic()) < 0.3
    ari.slow("ping", 0)
    await _eventually(lambda: ear.listener.healthy(time.monotonic()))


async def test_stopping_closes_and_says_so(ari: FakeAri, ear: Ear) -> None:
    """After stop nothing is connected; stopping twice or before the start is fine."""
    await ear.listener.stop()
    await ear.connect()
    await ear.listener.stop()
    await ear.listener.stop()
    assert ear.listener.state is ListenerState.STOPPED
    assert ear.log[-1] == "down"
    assert ear.fatal == []
    await ari.wait_for(lambda: not ari.connected("voice"))


async def test_it_starts_once(ear: Ear) -> None:
    """Two readers of one application would replace each other."""
    ear.listener.start()
    with pytest.raises(RuntimeError):
        ear.listener.start()


def test_delays_double_to_the_limit_with_jitter() -> None:
    """0.1 s doubles to 5 s, and jitter takes at most half."""
    ari = AriClient("http://127.0.0.1:1", "u", "p", app="a")
    for jitter, factor in ((0.0, 1.0), (1.0, 0.5)):
        listener = Listener(
            ari,
            on_event=lambda *_: None,
            on_up=_nothing,
            on_down=lambda: None,
            on_fatal=lambda _: None,
            jitter=lambda given=jitter: given,  # type: ignore[misc]
        )
        delays = [listener._delay(attempt) for attempt in (0, 1, 2, 6, 1000)]
        assert delays == [wanted * factor for wanted in (0.1, 0.2, 0.4, 5.0, 5.0)]
