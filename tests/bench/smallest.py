"""The smallest ARI script that answers, plays and hangs up: what any adapter is measured against.

One WebSocket, one keep-alive pool, three requests a call. No logging, no storage, no webhooks, no
state, no error handling: nothing that a product must have. Run as a process of its own by the
bench: `python -m tests.bench.smallest BASE_URL USER PASSWORD APP MEDIA`.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys

from aiohttp import ClientSession, TCPConnector

POOL = 8  # Asterisk's listen backlog is 10: a larger burst of connections stalls for a second


async def main(base: str, user: str, password: str, app: str, media: str) -> None:
    """Serve until killed."""
    running: set[asyncio.Task[None]] = set()
    token = base64.b64encode(f"{user}:{password}".encode()).decode()
    headers = {"Authorization": f"Basic {token}"}
    connector = TCPConnector(limit=POOL + 1)
    async with ClientSession(base, headers=headers, connector=connector) as session:

        async def send(method: str, path: str) -> None:
            async with session.request(method, path) as answer:
                await answer.read()

        async def greet(channel: str) -> None:
            await send("POST", f"/ari/channels/{channel}/answer")
            await send("POST", f"/ari/channels/{channel}/play?media=sound:{media}")

        def start(work: asyncio.Task[None]) -> None:
            running.add(work)
            work.add_done_callback(running.discard)

        async with session.ws_connect(f"/ari/events?app={app}") as events:
            print("ready", flush=True)
            async for message in events:
                event = json.loads(message.data)
                if event["type"] == "StasisStart":
                    start(asyncio.create_task(greet(event["channel"]["id"])))
                elif event["type"] == "PlaybackFinished":
                    channel = event["playback"]["target_uri"].removeprefix("channel:")
                    start(asyncio.create_task(send("DELETE", f"/ari/channels/{channel}")))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:6]))
