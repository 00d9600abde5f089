"""A customer's webhook endpoint: a real HTTP server on a free loopback port that can misbehave.

    async with WebhookSink() as sink:
        url = sink.url()
        sink.script(503, Reply(503, headers={"Retry-After": "1"}), 200)
        ...
        await sink.wait_for(3)
        sink.verify(secret)

Each request is recorded when its body has been read, before the answer, so what is recorded and
what was acknowledged (`Received.acknowledged`) may differ. Not here: what the events mean.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web
from multidict import CIMultiDictProxy
from standardwebhooks import Webhook


@dataclass(frozen=True, slots=True)
class Reply:
    """How one request is answered.

    Attributes:
        status: HTTP status.
        headers: of the answer.
        body: of the answer.
        delay: seconds before the answer.
        hang: no answer until `WebhookSink.resume` or the end of the sink; then as the rest says.
        drop: the connection is closed without an answer.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay: float = 0.0
    hang: bool = False
    drop: bool = False


HANG = Reply(hang=True)
DROP = Reply(drop=True)


@dataclass(slots=True)
class Received:
    """One request.

    Attributes:
        path: with the query.
        at: seconds since the epoch when its body had been read.
        acknowledged: a 2xx was given to the connection.
    """

    path: str
    headers: CIMultiDictProxy[str]
    body: bytes
    at: float
    acknowledged: bool = False

    @property
    def id(self) -> str:
        """Its ``webhook-id``, "" when there is none."""
        return self.headers.get("webhook-id", "")

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


Condition = int | Callable[[Sequence[Received]], bool]


class WebhookSink:
    """The server. It listens from `start` (or ``async with``) to `stop`.

    Attributes:
        received: all requests, in order of arrival; kept over `down` and `up`.
        default: the reply when no script is left; 200 without a body.
        decide: when set, it gives the reply to each request in place of script and default.
    """

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.default = Reply()
        self.decide: Callable[[Received], Reply] | None = None
        self._scripts: dict[str | None, deque[Reply]] = defaultdict(deque)
        self._port = 0
        self._runner: web.ServerRunner | None = None
        self._resumed = asyncio.Event()
        self._changed = asyncio.Event()

    async def start(self) -> Self:
        """Listen on a free port."""
        await self.up()
        return self

    async def stop(self) -> None:
        """End all connections and stop listening."""
        await self.down()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def url(self, path: str = "/hook", host: str = "127.0.0.1") -> str:
        """The address of a path; `host` may be a name that leads here."""
        return f"http://{host}:{self._port}{path}"

    @property
    def port(self) -> int:
        """The port, the same over `down` and `up`."""
        return self._port

    async def down(self) -> None:
        """As if the application had died: connections break, new ones are refused."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def up(self) -> None:
        """Listen again, on the same port as before."""
        if self._runner is not None:
            return
        # Handlers may be hanging on purpose; 0 would mean to wait for them without end.
        runner = web.ServerRunner(web.Server(self._handle, access_log=None), shutdown_timeout=0.01)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self._port, reuse_address=True).start()
        self._port = runner.addresses[0][1]
        self._runner = runner

    def script(self, *replies: int | Reply, path: str | None = None) -> None:
        """Answer the next requests so, one after the other, then with `default`.

        Args:
            replies: a number is a status.
            path: only requests to this path; they follow their own script before the common one.
        """
        for reply in replies:
            self._scripts[path].append(Reply(reply) if isinstance(reply, int) else reply)

    def resume(self) -> None:
        """Let the requests that hang now go on."""
        self._resumed.set()
        self._resumed = asyncio.Event()

    async def wait_for(
        self,
        condition: Condition,
        timeout: float = 20.0,
    ) -> list[Received]:
        """Wait until so many requests have come, or until `condition(received)` is true.

        It is looked at again when a request arrives and when one was acknowledged.

        Raises:
            AssertionError: not within `timeout` seconds; it lists what came.
        """
        try:
            async with asyncio.timeout(timeout):
                while not self._holds(condition):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            came = "\n".join(f"  {r.path} {r.id} {r.body[:200]!r}" for r in self.received)
            raise AssertionError(
                f"{condition!r} not within {timeout:g} s; {len(self.received)} came:\n{came}"
            ) from None
        return list(self.received)

    async def wait_acknowledged(
        self,
        count: int,
        timeout: float = 20.0,
    ) -> list[Received]:
        """Wait until so many requests were answered with 2xx; returns these."""
        await self.wait_for(lambda all_: sum(r.acknowledged for r in all_) >= count, timeout)
        return [r for r in self.received if r.acknowledged]

    def verify(self, secret: str) -> list[Any]:
        """Check each request's signature with the `standardwebhooks` package.

        Returns:
            The decoded bodies, in order of arrival.

        Raises:
            standardwebhooks.webhooks.WebhookVerificationError: one is not signed as it should be.
        """
        webhook = Webhook(secret)
        return [webhook.verify(r.body, dict(r.headers)) for r in self.received]

    @property
    def bodies(self) -> list[Any]:
        """All bodies, decoded, in order of arrival."""
        return [r.json for r in self.received]

    @property
    def ids(self) -> list[str]:
        """The ``webhook-id`` of all requests, in order of arrival."""
        return [r.id for r in self.received]

    def clear(self) -> None:
        """Forget what was received."""
        self.received.clear()

    def _holds(self, condition: Condition) -> bool:
        if isinstance(condition, int):
            return len(self.received) >= condition
        return condition(self.received)

    def _reply_to(self, received: Received) -> Reply:
        if self.decide is not None:
            return self.decide(received)
        for path in (received.path, None):
            if script := self._scripts.get(path):
                return script.popleft()
        return self.default

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        received = Received(request.path_qs, request.headers, body, time.time())
        reply = self._reply_to(received)
        self.received.append(received)
        self._changed.set()
        if reply.hang:
            await self._resumed.wait()
        if reply.delay:
            await asyncio.sleep(reply.delay)
        if reply.drop:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        response = web.Response(status=reply.status, headers=reply.headers, body=reply.body)
        if 200 <= reply.status < 300:
            await response.prepare(request)
            await response.write_eof()
            received.acknowledged = True
            self._changed.set()
        return response
