"""A fake Asterisk for tests: a real HTTP and WebSocket server on a free loopback port.

::

    async with FakeAri() as ari:
        client = AriClient(ari.base_url, ari.username, ari.password, app="voice")
        ari.callee("100", Callee.refuses(486))           # script the far end
        ari.media("sound:/p/hello", 0.2)                 # seconds; None: the file is missing
        call = ari.inbound("1001", caller="+15551234")   # let something happen
        ari.digit(call, "5")
        ari.fail("play", 500)                            # misbehave
        await ari.wait_for(lambda: ari.count("play") == 2)

`world` (see `ari_world`) is what it simulates. It is not a SIP stack and has no media.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Literal, Self

from aiohttp import WSMsgType, web

from tests.fakes.ari_application import FakeApplication
from tests.fakes.ari_media import FakeMedia
from tests.fakes.ari_model import Callee, FakeChannel, Json, Refusal, timestamp
from tests.fakes.ari_routes import ROUTES, Reply
from tests.fakes.ari_world import FakeWorld


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came: `path` is still encoded and without "/ari", `ids` are decoded."""

    verb: str
    method: str
    path: str
    query: dict[str, str]
    ids: dict[str, str]
    body: Any


@dataclass(slots=True)
class _Failure:
    status: int
    times: int
    message: str
    stage: Literal["before", "after"]


@dataclass(slots=True)
class _Delay:
    seconds: float
    stage: Literal["before", "after"]


class FakeAri:
    """The server. Everything public is for tests; names of verbs are those of `adapter.ari`."""

    username = "adapter"
    password = "secret"

    def __init__(self) -> None:
        self.port = 0
        self.requests: list[Received] = []
        self.events: list[Json] = []
        """Every event that a connected application was sent, in order."""
        self.world = FakeWorld(self._emit)
        self.media_sockets = FakeMedia(self.world)
        self.world.gone.append(self.media_sockets.hung_up)
        self.applications: dict[str, FakeApplication] = {}
        self.config: dict[tuple[str, str], dict[str, str]] = {}
        self.static_config: set[tuple[str, str]] = set()
        self.version = "22.10.1"
        self.silent_websocket = False
        """While true, WebSocket pings are not answered."""
        self._failures: dict[str, _Failure] = {}
        self._delays: dict[str, _Delay] = {}
        self._websocket_refusals = 0
        self._booting: list[int] = []
        self._runner: web.AppRunner | None = None
        self._tick = asyncio.Event()

    # Running -------------------------------------------------------------------------------

    @property
    def base_url(self) -> str:
        """Where it listens, for AriClient."""
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.world.forget()
        await self.refuse_connections()

    async def listen(self) -> None:
        """Accept connections; on the same port as before, if there was one."""
        app = web.Application()
        app.router.add_get("/ari/events", self._websocket)
        app.router.add_get("/media/{connection}", self.media_sockets.serve)
        for verb, method, path, act in ROUTES:
            app.router.add_route(method, f"/ari{path}", self._handler(verb, act))
        app.router.add_route("*", "/{rest:.*}", self._handler("unknown", _no_such_verb))
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = int(self._runner.addresses[0][1])

    async def refuse_connections(self) -> None:
        """Cut every connection and refuse new ones; channels stay. `listen` ends it."""
        runner, self._runner = self._runner, None
        if runner is None:
            return
        self.drop_websocket()
        for site in list(runner.sites):
            await site.stop()
        if runner.server is not None:
            for connection in runner.server.connections:
                if connection.transport is not None:
                    connection.transport.abort()
        await runner.cleanup()

    async def crash(self) -> None:
        """Die like `kill -9`: nobody is told, everything but pjsip.conf is forgotten.

        `listen` starts it again.
        """
        self.world.forget()
        self.applications_lost()
        self.config.clear()
        await self.refuse_connections()

    def applications_lost(self) -> None:
        """Forget subscriptions and filters, as a restart does."""
        for application in self.applications.values():
            application.close()
        self.applications.clear()

    # Scripting -----------------------------------------------------------------------------

    def callee(self, number: str, callee: Callee) -> None:
        """Say what a number does when it is dialled; the default answers at once."""
        self.world.callees[number] = callee

    def media(self, uri: str, seconds: float | None) -> None:
        """Say how long a media URI plays, or that it is missing (None); the default is 0."""
        self.world.media[uri] = seconds

    def inbound(
        self,
        exten: str,
        *,
        caller: str = "",
        name: str = "",
        trunk: str = "trunk",
        variables: dict[str, str] | None = None,
    ) -> str:
        """Let a call come in and return its channel id. Headers go in `variables`."""
        return self.world.inbound(
            exten, caller=caller, name=name, trunk=trunk, variables=variables or {}
        )

    def digit(self, channel_id: str, digit: str, duration_ms: int = 100) -> None:
        """Let the far end press one key."""
        self.world.digit(channel_id, digit, duration_ms)

    async def say(self, channel_id: str, pcm: bytes) -> None:
        """Let the far end make sounds (16 kHz, 16 bit), once somebody listens to the channel."""
        await self.wait_for(lambda: bool(self.media_sockets.listeners(channel_id)))
        await self.media_sockets.say(channel_id, pcm)

    def remote_hangup(self, channel_id: str, cause: int = 16, sip: int = 0) -> None:
        """Let the far end hang up; cause 0 is a BYE without a Reason header (lab.md, 1)."""
        self.world.end(self.world.channels[channel_id], cause, sip or None, request=(cause, sip))

    def emit(self, event: str, about: str = "", **fields: Any) -> None:
        """Send any event to every application that is subscribed to `about`."""
        self._emit(event, about, fields)

    def send_text(self, text: str) -> None:
        """Send any text to every connected application."""
        for application in self.applications.values():
            application.send(text)

    @property
    def channels(self) -> dict[str, FakeChannel]:
        """The live channels, by id."""
        return self.world.channels

    # Misbehaving ---------------------------------------------------------------------------

    def slow(
        self, verb: str, seconds: float, *, stage: Literal["before", "after"] = "after"
    ) -> None:
        """Answer a verb late from now on; `stage` says on which side of its effect. 0 ends it."""
        self._delays[verb] = _Delay(seconds, stage)

    def fail(
        self,
        verb: str,
        status: int,
        times: int = 1,
        *,
        message: str = "made to fail",
        stage: Literal["before", "after"] = "before",
    ) -> None:
        """Answer the next `times` requests of a verb with an error.

        With stage "after" the request is carried out all the same. Status 0 cuts the connection.
        """
        self._failures[verb] = _Failure(status, times, message, stage)

    def drop_websocket(self) -> None:
        """Close every WebSocket; everything else goes on."""
        for application in self.applications.values():
            application.close()

    def refuse_websocket(self, times: int) -> None:
        """Answer 503 to the next `times` WebSocket handshakes."""
        self._websocket_refusals = times

    def boot(self, *statuses: int) -> None:
        """Answer the next requests as a booting Asterisk does: 404, then 503 (lab2.md, head)."""
        self._booting = list(statuses)

    # Looking -------------------------------------------------------------------------------

    def seen(self, verb: str) -> list[Received]:
        """The requests of one verb, in order."""
        return [request for request in self.requests if request.verb == verb]

    def count(self, verb: str) -> int:
        """How many requests of a verb came."""
        return len(self.seen(verb))

    @property
    def connections(self) -> int:
        """How many TCP connections are open."""
        server = self._runner.server if self._runner is not None else None
        return len(server.connections) if server is not None else 0

    def connected(self, app: str) -> bool:
        """Whether an application has a WebSocket."""
        return app in self.applications and self.applications[app].connected

    async def wait_for(self, true: Callable[[], bool], seconds: float = 20.0) -> None:
        """Wait until `true()`; looks again after each request, event and WebSocket change."""
        async with asyncio.timeout(seconds):
            while not true():
                tick = self._tick
                await tick.wait()

    def _changed(self) -> None:
        tick, self._tick = self._tick, asyncio.Event()
        tick.set()

    # Serving -------------------------------------------------------------------------------

    def _emit(self, event: str, about: str, fields: Json) -> None:
        for application in self.applications.values():
            sent = {
                "type": event,
                "timestamp": timestamp(),
                **fields,
                "asterisk_id": "02:00:00:00:00:01",
                "application": application.name,
            }
            if application.offer(sent, about):
                self.events.append(sent)
        self._changed()

    def _handler(
        self, verb: str, act: Callable[[FakeAri, Received], Reply]
    ) -> Callable[[web.Request], Coroutine[Any, Any, web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            text = await request.read()
            received = Received(
                verb,
                request.method,
                request.rel_url.raw_path.removeprefix("/ari"),
                dict(request.query),
                dict(request.match_info),
                json.loads(text) if text else None,
            )
            refused = self._gate(request)
            if refused is not None:
                return refused
            self.requests.append(received)
            self._changed()
            response = await self._answer(received, act)
            if response is None:
                assert request.transport is not None
                request.transport.abort()
                return web.Response()
            return response

        return handle

    async def _answer(
        self, received: Received, act: Callable[[FakeAri, Received], Reply]
    ) -> web.Response | None:
        """Carry a request out; None cuts the connection."""
        verb = received.verb
        delay = self._delays.get(verb, _Delay(0.0, "after"))
        failure = self._failing(verb)
        if delay.stage == "before" and delay.seconds:
            await asyncio.sleep(delay.seconds)
        response: web.Response | None
        if failure is not None and failure.stage == "before":
            response = _failed(failure)
        else:
            response = _acted(act, self, received)
            if failure is not None:
                response = _failed(failure)
        self._changed()
        if delay.stage == "after" and delay.seconds:
            await asyncio.sleep(delay.seconds)
        return response

    def _failing(self, verb: str) -> _Failure | None:
        failure = self._failures.get(verb)
        if failure is None or failure.times <= 0:
            return None
        failure.times -= 1
        return failure

    def _gate(self, request: web.Request) -> web.Response | None:
        if self._booting:
            return web.Response(status=self._booting.pop(0), text="<html>Not Found</html>")
        given = request.headers.get("Authorization", "")
        wanted = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        if given != f"Basic {wanted}":
            return web.json_response({"error": "Unauthorized"}, status=401)
        return None

    async def _websocket(self, request: web.Request) -> web.StreamResponse:
        refused = self._gate(request)
        if refused is not None:
            return refused
        if self._websocket_refusals > 0:
            self._websocket_refusals -= 1
            return web.json_response({"message": "Asterisk not booted"}, status=503)
        name = request.query.get("app", "")
        if not name:
            return web.json_response({"message": "Missing parameters"}, status=400)
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        application = self.applications.setdefault(name, FakeApplication(name))
        application.everything |= request.query.get("subscribeAll") == "true"
        sender = application.connect(socket)
        self._changed()
        try:
            async for message in socket:
                if message.type is WSMsgType.PING and not self.silent_websocket:
                    await socket.pong(message.data)
        finally:
            sender.cancel()
            application.disconnect(socket)
            self._changed()
        return socket


def _acted(
    act: Callable[[FakeAri, Received], Reply], ari: FakeAri, received: Received
) -> web.Response:
    try:
        status, body = act(ari, received)
    except Refusal as refusal:
        status, body = refusal.status, refusal.body
    return web.Response(status=status) if body is None else web.json_response(body, status=status)


def _failed(failure: _Failure) -> web.Response | None:
    if failure.status == 0:
        return None
    return web.json_response({"message": failure.message}, status=failure.status)


def _no_such_verb(_: FakeAri, received: Received) -> Reply:
    raise Refusal(501, f"the fake has no {received.method} {received.path}")
