"""The fake Asterisk's snoops and media channels: the way of a caller's audio to a WebSocket.

Source: lab.md, 8 (B, and topology 2), and what `adapter.ari.listening` says it has seen. What a
caller says flows when a snoop on it and a media channel with an open WebSocket are in one bridge.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid

from aiohttp import web

from tests.fakes.ari_model import FakeChannel, Json, Refusal
from tests.fakes.ari_world import FakeWorld

FRAME = 640  # 20 ms at 16 kHz
CONNECTION = "MEDIA_WEBSOCKET_CONNECTION_ID"


class FakeMedia:
    """All of them.

    Args:
        world: where the channels are.

    Attributes:
        names_connections: while false, a media channel does not say where to connect to.
    """

    def __init__(self, world: FakeWorld) -> None:
        self._world = world
        self._sockets: dict[str, web.WebSocketResponse] = {}
        self._waiting: dict[str, FakeChannel] = {}
        self._tasks: set[asyncio.Task[bool]] = set()
        self.names_connections = True

    def snoop(self, channel_id: str, snoop_id: str, spy: str) -> Json:
        """POST /channels/{id}/snoop/{snoopId}: in Stasis at once."""
        self._world.channel(channel_id)
        if spy not in ("in", "out", "both"):
            raise Refusal(400, "Direction specified for spying is invalid")
        snoop = FakeChannel(snoop_id, f"Snoop/{channel_id}-00000001", "Up", inbound=False)
        snoop.spies_on = channel_id
        return self._world.appear(snoop)

    def external(self, channel_id: str, host: str) -> Json:
        """POST /channels/externalMedia: Down, and in Stasis when somebody has connected."""
        if host != "INCOMING":
            raise Refusal(400, "external_host is not configured")
        connection = str(uuid.uuid4()) if self.names_connections else ""
        media = FakeChannel(channel_id, "WebSocket/INCOMING/0x7f", "Down", inbound=False)
        media.variables[CONNECTION] = connection
        media.reported.add(CONNECTION)
        self._waiting[connection] = media
        return self._world.appear(media, in_stasis=False)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """GET /media/{connection}: good for one client."""
        media = self._waiting.pop(request.match_info["connection"], None)
        if media is None or media.id not in self._world.channels:
            raise web.HTTPNotFound
        socket = web.WebSocketResponse(protocols=("media",))
        await socket.prepare(request)
        self._sockets[media.id] = socket
        try:
            await socket.send_str(f"MEDIA_START channel:{media.name} format:slin16 ptime:20")
            media.state = "Up"
            self._world.enter(media, [])
            async for _ in socket:
                pass
        finally:
            del self._sockets[media.id]
            self._world.end(media, 16, 1001, request=(16, 1001))
        return socket

    def hung_up(self, channel: FakeChannel) -> None:
        """A channel has ended: snoops on it end too, and a WebSocket is closed."""
        for other in list(self._world.channels.values()):
            if other.spies_on == channel.id:
                self._world.end(other, 16)
        if (socket := self._sockets.get(channel.id)) is not None:
            self._close(socket)

    def listeners(self, channel_id: str) -> list[web.WebSocketResponse]:
        """The WebSockets that would get what this channel's far end says now."""
        world = self._world
        return [
            self._sockets[beside.id]
            for snoop in world.channels.values()
            if snoop.spies_on == channel_id
            for beside in world.joining.beside(snoop.id)
            if beside.id in self._sockets
        ]

    async def say(self, channel_id: str, pcm: bytes) -> None:
        """The far end makes these sounds: 16 kHz, 16 bit, mono; faster than a mouth would."""
        for socket in self.listeners(channel_id):
            with contextlib.suppress(ConnectionError):  # whoever has heard enough goes away
                for at in range(0, len(pcm), FRAME):
                    await socket.send_bytes(pcm[at : at + FRAME])

    def _close(self, socket: web.WebSocketResponse) -> None:
        task = asyncio.get_running_loop().create_task(socket.close())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
