"""The customer of the bench: a webhook that accepts, plays a prompt and hangs up, in a process of
its own, and notes when each webhook came.

`python -m tests.bench.application PORT API_URL APP_ID APP_KEY` prints a line when it serves. Calls
to a number that ends in `HELD` are accepted and left alone. `GET /arrivals` gives what came since
the last time: lists of event name, channel id and arrival, in seconds since the epoch. Signatures
are not verified: that is the customer's work, not the adapter's.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import time
from collections.abc import Coroutine
from typing import Any

from aiohttp import ClientSession, TCPConnector, web

PROMPT = "beep"
HELD = "1001"


class Customer:
    """Reacts to webhooks."""

    def __init__(self, api: ClientSession) -> None:
        self._api = api
        self._running: set[asyncio.Task[None]] = set()
        self._arrivals: list[tuple[str, str, float]] = []

    async def webhook(self, request: web.Request) -> web.Response:
        """One webhook: noted, answered, and acted upon beside the answer."""
        event: dict[str, Any] = json.loads(await request.read())
        arrived = time.time()
        name = event.get("state") or event["playstate"]
        self._arrivals.append((name, event.get("channel_id", ""), arrived))
        call = f"/voice/v1/call/{event['voice_id']}"
        match name:
            case "incomingcall":
                self._start(self._send("PUT", f"{call}/accept"))
            case "connected" if not event["to"].endswith(HELD):
                self._start(self._send("PUT", f"{call}/play", {"prompt_name": PROMPT}))
            case "playfinished":
                self._start(self._send("DELETE", call))
        return web.Response(status=204)

    async def arrivals(self, request: web.Request) -> web.Response:
        """What came since the last time."""
        came, self._arrivals = self._arrivals, []
        return web.json_response(came)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _send(self, method: str, path: str, body: dict[str, str] | None = None) -> None:
        async with self._api.request(method, path, json=body) as answer:
            await answer.read()


async def main(port: str, api: str, app_id: str, app_key: str) -> None:
    """Serve until killed."""
    connector = TCPConnector(limit=64)
    token = base64.b64encode(f"{app_id}:{app_key}".encode()).decode()
    headers = {"Authorization": f"Basic {token}"}
    async with ClientSession(api, headers=headers, connector=connector) as session:
        customer = Customer(session)
        app = web.Application()
        app.router.add_post("/events", customer.webhook)
        app.router.add_get("/arrivals", customer.arrivals)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", int(port), backlog=1024).start()
        print("ready", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:5]))
