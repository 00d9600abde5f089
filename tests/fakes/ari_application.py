"""A Stasis application inside the fake: its one WebSocket, subscriptions and event filter."""

from __future__ import annotations

import asyncio
import json

from aiohttp import web

from tests.fakes.ari_model import Json


class FakeApplication:
    """Outlives its WebSocket, as in Asterisk: only a crash forgets it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.everything = False
        self.subscribed: set[str] = set()
        """By being in Stasis; an inbound channel's goes with StasisEnd (lab.md, 1)."""
        self.asked_for: set[str] = set()
        """By POST subscription."""
        self.allowed: set[str] = set()
        self.disallowed: set[str] = set()
        self._socket: web.WebSocketResponse | None = None
        self._outgoing: asyncio.Queue[str | None] = asyncio.Queue()

    @property
    def connected(self) -> bool:
        """Whether somebody listens."""
        return self._socket is not None

    def json(self) -> Json:
        """ARI's Application."""
        sources = self.subscribed | self.asked_for
        named = {
            kind: sorted(s.partition(":")[2] for s in sources if s.startswith(f"{kind}:"))
            for kind in ("channel", "bridge", "endpoint")
        }
        return {
            "name": self.name,
            "channel_ids": named["channel"],
            "bridge_ids": named["bridge"],
            "endpoint_ids": named["endpoint"],
            "device_names": [],
            "events_allowed": [{"type": name} for name in sorted(self.allowed)],
            "events_disallowed": [{"type": name} for name in sorted(self.disallowed)],
        }

    def connect(self, socket: web.WebSocketResponse) -> asyncio.Task[None]:
        """Take a new WebSocket; an older one is told, kept open, and hears nothing more."""
        if self._socket is not None:
            self.send(json.dumps({"type": "ApplicationReplaced", "application": self.name}))
        self._socket = socket
        self._outgoing = asyncio.Queue()
        return asyncio.create_task(_pump(socket, self._outgoing))

    def disconnect(self, socket: web.WebSocketResponse) -> None:
        """Forget a WebSocket that has ended."""
        if self._socket is socket:
            self._socket = None

    def close(self) -> None:
        """Close the WebSocket from our side."""
        if self._socket is not None:
            self._outgoing.put_nowait(None)
            self._socket = None

    def send(self, text: str) -> None:
        """Send a text, if somebody listens."""
        if self._socket is not None:
            self._outgoing.put_nowait(text)

    def offer(self, event: Json, about: str) -> bool:
        """Send an event if it is subscribed to and not filtered out; return whether it was."""
        kind = event["type"]
        if kind == "StasisStart":
            self.subscribed.add(about)
        wanted = self.everything or about in self.subscribed or about in self.asked_for
        if kind == "StasisEnd" and event["channel"]["dialplan"]["context"] == "inbound":
            self.subscribed.discard(about)
        if not wanted or kind in self.disallowed or (self.allowed and kind not in self.allowed):
            return False
        self.send(json.dumps(event))
        return self.connected


async def _pump(socket: web.WebSocketResponse, outgoing: asyncio.Queue[str | None]) -> None:
    while (text := await outgoing.get()) is not None:
        await socket.send_str(text)
    await socket.close()
