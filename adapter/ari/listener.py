"""The supervised event WebSocket: connects, reads in order, reconnects, and never works itself.

::

    idle -> connecting -> reconciling -> up
               ^  |            |          |
               |  v            |          |
               waiting <-------+----------+     (connection lost or refused)
    any -> stopped (by us) | replaced (another adapter took the application) | failed (a bug)

While `on_up` reconciles, events are held, and released in their order afterwards. When the
connection is lost in between, the held ones are dropped, as were those of the gap: the next
reconciliation sees what came of them.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import Enum

import aiohttp

from adapter.ari.client import AriClient
from adapter.ari.errors import AriError
from adapter.ari.events import EVENT_TYPES, ApplicationReplaced, Event, decode

log = logging.getLogger(__name__)


class ListenerState(Enum):
    """Where the connection stands; drawn in the module's docstring."""

    IDLE = "idle"
    CONNECTING = "connecting"
    RECONCILING = "reconciling"
    UP = "up"
    WAITING = "waiting"
    STOPPED = "stopped"
    REPLACED = "replaced"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ListenerTimes:
    """All in seconds.

    `first_delay` doubles to `longest_delay` between attempts, each jittered down by up to half;
    a connection that was up for `stable` starts anew. `heartbeat` is the WebSocket's ping. When
    no request was answered for `idle_ping` the watchdog asks itself; after `stale` without any
    answer we are not healthy.
    """

    first_delay: float = 0.1
    longest_delay: float = 5.0
    stable: float = 5.0
    heartbeat: float = 10.0
    idle_ping: float = 2.0
    stale: float = 6.0


class _ConnectionLostError(Exception):
    """The WebSocket ended."""


class _ReplacedError(Exception):
    """Asterisk said ApplicationReplaced."""


class Listener:
    """Delivers every event, in order, to `on_event`.

    `on_event(event, raw)` is called synchronously and must not block; what it raises is logged
    and counted. `on_up` is awaited after each connect and reconciles; AriError from it means
    another connection attempt, anything else is a bug and ends in FAILED. `on_down` follows each
    lost connection, before any new one. `on_fatal(reason)` is called once, on REPLACED and
    FAILED: the process should end, for nothing is heard any more. Of `event_types`, which must have
    ApplicationReplaced, Asterisk sends events; each further one costs it and us time.
    """

    def __init__(
        self,
        client: AriClient,
        *,
        on_event: Callable[[Event, bytes], None],
        on_up: Callable[[], Awaitable[None]],
        on_down: Callable[[], None],
        on_fatal: Callable[[str], None],
        event_types: Iterable[str] = EVENT_TYPES,
        times: ListenerTimes | None = None,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._client = client
        self._on_event = on_event
        self._on_up = on_up
        self._on_down = on_down
        self._on_fatal = on_fatal
        self._event_types = tuple(event_types)
        self._times = times or ListenerTimes()
        self._clock = clock
        self._jitter = jitter
        self._state = ListenerState.IDLE
        self._task: asyncio.Task[None] | None = None
        self._held: list[tuple[Event, bytes]] | None = None
        self._last_frame_at: float | None = None
        self._up_since: float | None = None
        self.connections = 0
        """How often the WebSocket was opened; reconnects are one less."""
        self.failed_events = 0
        """How many events made `on_event` raise."""
        self.dropped_events = 0
        """How many held events were lost with their connection."""

    @property
    def state(self) -> ListenerState:
        """Where the connection stands."""
        return self._state

    @property
    def connected(self) -> bool:
        """Whether the WebSocket is open."""
        return self._state in (ListenerState.RECONCILING, ListenerState.UP)

    def age(self, now: float) -> float:
        """Seconds since anything came from Asterisk, event or answer; infinity before."""
        seen = [t for t in (self._last_frame_at, self._client.last_answer_at) if t is not None]
        return now - max(seen) if seen else float("inf")

    def healthy(self, now: float) -> bool:
        """Whether calls can be served: reconciled, and requests are being answered.

        Events alone do not count: they can still flow while ARI's requests hang.
        """
        answered = self._client.last_answer_at
        return (
            self._state is ListenerState.UP
            and answered is not None
            and now - answered <= self._times.stale
        )

    def start(self) -> None:
        """Begin, in a task of its own. Once."""
        if self._task is not None:
            raise RuntimeError("a listener starts once")
        self._task = asyncio.create_task(self._supervise(), name="ari-listener")
        self._task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """Close the connection and end the task; `on_down` is called if it was open."""
        task = self._task
        if task is None or task.done():
            return
        task.cancel()
        await asyncio.wait([task])

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            self._state = ListenerState.STOPPED
            return
        error = task.exception()
        if error is None:
            self._state = ListenerState.REPLACED
            self._on_fatal("another adapter uses the same ARI application name")
            return
        self._state = ListenerState.FAILED
        log.critical("ari listener failed", exc_info=error)
        self._on_fatal(f"ari listener failed: {type(error).__name__}")

    async def _supervise(self) -> None:
        """Return when replaced; otherwise connect again and again."""
        attempt = 0
        replaced = False
        while not replaced:
            self._up_since = None
            try:
                await self._one_connection()
            except* _ReplacedError:
                replaced = True
            except* (_ConnectionLostError, AriError) as lost:
                log.warning("ari connection: %s", "; ".join(str(e) for e in lost.exceptions))
            if self._up_since is not None and self._clock() - self._up_since >= self._times.stable:
                attempt = 0
            self._state = ListenerState.WAITING
            if not replaced:
                await asyncio.sleep(self._delay(attempt))
            attempt += 1

    def _delay(self, attempt: int) -> float:
        times = self._times
        delay = min(times.longest_delay, times.first_delay * 2.0 ** min(attempt, 30))
        return delay * (1.0 - self._jitter() / 2)

    async def _one_connection(self) -> None:
        self._state = ListenerState.CONNECTING
        socket = await self._client.connect_events(heartbeat=self._times.heartbeat)
        self.connections += 1
        self._held = []
        self._state = ListenerState.RECONCILING
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._read(socket))
                group.create_task(self._bring_up())
                group.create_task(self._watch())
        finally:
            self.dropped_events += len(self._held or ())
            self._held = None
            self._state = ListenerState.WAITING
            self._on_down()
            await socket.close()

    async def _bring_up(self) -> None:
        await self._client.event_filter(self._event_types)
        await self._on_up()
        held, self._held = self._held or [], None
        for event, raw in held:
            self._deliver(event, raw)
        self._up_since = self._clock()
        self._state = ListenerState.UP

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                raw = message.data.encode()
            elif message.type is aiohttp.WSMsgType.BINARY:
                raw = message.data
            else:
                break
            self._last_frame_at = self._clock()
            event = decode(raw)
            if isinstance(event, ApplicationReplaced):
                raise _ReplacedError
            if self._held is not None:
                self._held.append((event, raw))
            else:
                self._deliver(event, raw)
        raise _ConnectionLostError(f"websocket closed ({socket.close_code})")

    def _deliver(self, event: Event, raw: bytes) -> None:
        try:
            self._on_event(event, raw)
        except Exception:
            self.failed_events += 1
            log.exception("event %s could not be handled", type(event).__name__)

    async def _watch(self) -> None:
        """Ask for a sign of life whenever no request was answered for a while."""
        idle = self._times.idle_ping
        while True:
            answered = self._client.last_answer_at
            due = idle if answered is None else answered + idle - self._clock()
            if due > 0:
                await asyncio.sleep(due)
                continue
            try:
                await self._client.ping()
            except AriError as error:
                log.warning("asterisk does not answer: %s", error)
                await asyncio.sleep(idle)
