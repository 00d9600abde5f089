"""The customer of the bench: a webhook that accepts, plays a prompt and hangs up, in a process of
its own, and notes when each webhook came.

`python -m tests.bench.application PORT API_URL APP_ID APP_KEY` prints a line when it serves. Calls
to a number that ends in `HELD` are accepted and left alone. `GET /arrivals` gives what came since
the last time: lists of event name, channel id and arrival, in seconds since the epoch. Signatures
are not verified: that is the customer's work, not the adapter's.

It is a part of the load, as SIPp is, on the machine that is measured: so it speaks just the
HTTP/1.1 that it needs, without a framework (a quarter of aiohttp's CPU). Each request goes the real
way, and a refusal is told on standard error.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import time
from collections import deque
from typing import Any
from urllib.parse import urlsplit

PROMPT = "beep"
HELD = "1001"
CONNECTIONS = 64


class Messages(asyncio.Protocol):
    """Cuts a stream into HTTP messages whose bodies have a Content-Length, or are empty."""

    def __init__(self) -> None:
        self._buffer = b""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way out."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Hand out each message that is whole: its first line, and its body."""
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            first, *fields = self._buffer[:end].split(b"\r\n")
            size = 0
            for field in fields:
                name, _, value = field.partition(b":")
                if name.lower() == b"content-length":
                    size = int(value)
            stop = end + 4 + size
            if len(self._buffer) < stop:
                return
            body, self._buffer = self._buffer[end + 4 : stop], self._buffer[stop:]
            self.message(first, body)

    def message(self, first: bytes, body: bytes) -> None:
        """One message came."""
        raise NotImplementedError


class Answers(Messages):
    """A connection to the API, for one request at a time."""

    def __init__(self, api: Api) -> None:
        super().__init__()
        self._api = api

    def message(self, first: bytes, body: bytes) -> None:
        """The answer came: the connection is free."""
        if first.split()[1] != b"200":
            print(f"refused: {first!r} {body!r}", file=sys.stderr, flush=True)
        self._api.free(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The server closed it."""
        self._api.lost(self)


class Api:
    """Requests to the adapter, over a few connections."""

    def __init__(self, url: str, app_id: str, app_key: str) -> None:
        at = urlsplit(url)
        token = base64.b64encode(f"{app_id}:{app_key}".encode()).decode()
        self._where = (at.hostname, at.port)
        self._headers = f"HTTP/1.1\r\nHost: {at.netloc}\r\nAuthorization: Basic {token}\r\n"
        self._free: list[Answers] = []
        self._open = 0
        self._waiting: deque[bytes] = deque()
        self._opening: set[asyncio.Task[None]] = set()

    def send(self, method: str, path: str, body: dict[str, str] | None = None) -> None:
        """Send a request, as soon as there is a connection."""
        text = json.dumps(body) if body else ""
        kind = "Content-Type: application/json\r\n" if body else ""
        head = f"{method} {path} {self._headers}{kind}Content-Length: {len(text)}\r\n\r\n"
        self._waiting.append((head + text).encode())
        if self._free:
            self.free(self._free.pop())
        elif self._open < CONNECTIONS:
            self._open += 1
            task = asyncio.get_running_loop().create_task(self._connect())
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    def free(self, connection: Answers) -> None:
        """A connection can be used."""
        if self._waiting:
            connection.transport.write(self._waiting.popleft())
        else:
            self._free.append(connection)

    def lost(self, connection: Answers) -> None:
        """A connection is gone."""
        self._open -= 1
        if connection in self._free:
            self._free.remove(connection)

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: Answers(self), *self._where)
        self.free(connection)


class Customer:
    """Reacts to webhooks."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._arrivals: list[tuple[str, str, float]] = []

    def webhook(self, event: dict[str, Any]) -> None:
        """One webhook: noted, and acted upon."""
        name = event.get("state") or event["playstate"]
        self._arrivals.append((name, event.get("channel_id", ""), time.time()))
        call = f"/voice/v1/call/{event['voice_id']}"
        match name:
            case "incomingcall":
                self._api.send("PUT", f"{call}/accept")
            case "connected" if not event["to"].endswith(HELD):
                self._api.send("PUT", f"{call}/play", {"prompt_name": PROMPT})
            case "playfinished":
                self._api.send("DELETE", call)

    def arrivals(self) -> list[tuple[str, str, float]]:
        """What came since the last time."""
        came, self._arrivals = self._arrivals, []
        return came


class Requests(Messages):
    """A connection on which webhooks come, or the question what came."""

    def __init__(self, customer: Customer) -> None:
        super().__init__()
        self._customer = customer

    def message(self, first: bytes, body: bytes) -> None:
        """Answer a request."""
        if first.startswith(b"POST /events "):
            self.transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            self._customer.webhook(json.loads(body))
        else:
            came = json.dumps(self._customer.arrivals()).encode()
            head = (
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            )
            self.transport.write(head % len(came) + came)


async def main(port: str, api: str, app_id: str, app_key: str) -> None:
    """Serve until killed."""
    customer = Customer(Api(api, app_id, app_key))
    server = await asyncio.get_running_loop().create_server(
        lambda: Requests(customer), "127.0.0.1", int(port), backlog=1024
    )
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:5]))
