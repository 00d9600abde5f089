"""The audio of one channel, from Asterisk's media WebSocket (chan_websocket), as a client of it.

Asterisk waits for us at ``/media/{connection}`` (lab.md, 8, B; decision 0015). It says MEDIA_START
first, then sends a binary frame of linear PCM for each 20 ms, as long as its channel gets audio; of
a caller who sends none a snoop makes silence. Its other texts, such as DTMF_END, say nothing that
ARI does not, and `optimal_frame_size` is for those who send.

Nothing is sent here: the caller hears nothing of ours on this way.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ssl import SSLContext
from typing import Final

from aiohttp import (
    ClientError,
    ClientSession,
    ClientWebSocketResponse,
    ClientWSTimeout,
    WSMessage,
    WSMsgType,
    WSServerHandshakeError,
)

from adapter.core.faults import ListeningFailed

RATES: Final = {"slin": 8000, "slin16": 16000}
"""Asterisk's names of 16-bit little-endian mono PCM -> Hz."""

_CONNECTION = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_BASE = re.compile(r"http(s?://[^?#\s]+?)/*")
_LARGEST = 16 * 1024  # bytes of a message: half a second at 16 kHz, where 20 ms are expected
_HEARTBEAT = 10.0  # seconds
_CLOSING = 1.0  # seconds for the other side to say goodbye


class AudioSocket:
    """An open connection.

    Attributes:
        rate: Hz of what is received.
    """

    def __init__(self, socket: ClientWebSocketResponse, rate: int) -> None:
        self._socket = socket
        self.rate = rate

    async def receive(self, timeout: float | None = None) -> bytes:
        """The next audio: 16-bit little-endian mono samples.

        Raises:
            TimeoutError: nothing came for `timeout` seconds. The next call goes on.
            ListeningFailed: the connection is closed, or what came is no audio.
        """
        while True:
            message = await self._socket.receive(timeout)
            if message.type is WSMsgType.TEXT:
                continue
            pcm = _binary(message)
            if len(pcm) % 2:
                raise ListeningFailed("the audio has half samples")
            return pcm

    async def close(self) -> None:
        """Hear no more. Twice is fine."""
        await self._socket.close()


def media_url(base_url: str, connection: str) -> str:
    """Where a connection waits for us.

    Args:
        base_url: Asterisk's HTTP server, "http://host:port" or "https://...", before "/ari".
        connection: its id, as `external_media` gave it: a UUID.

    Raises:
        ListeningFailed: one of them has another form.
    """
    base = _BASE.fullmatch(base_url)
    if base is None or not _CONNECTION.fullmatch(connection):
        raise ListeningFailed("no address of audio")
    return f"ws{base[1]}/media/{connection}"


@asynccontextmanager
async def connected(
    session: ClientSession, url: str, *, timeout: float, ssl: SSLContext | bool = True
) -> AsyncIterator[AudioSocket]:
    """Connect, and close at the end; then Asterisk ends the channel of the connection too.

    Args:
        session: belongs to the running loop.
        url: see `media_url`.
        timeout: seconds until MEDIA_START must be there.
        ssl: as aiohttp takes it.

    Raises:
        ListeningFailed: refused, no answer in time, or not audio that we can use.
    """
    try:
        async with asyncio.timeout(timeout):
            socket = await session.ws_connect(
                url,
                protocols=("media",),
                ssl=ssl,
                heartbeat=_HEARTBEAT,
                max_msg_size=_LARGEST,
                timeout=ClientWSTimeout(ws_close=_CLOSING),
            )
    except WSServerHandshakeError as error:
        raise ListeningFailed(f"Asterisk refuses the audio: {error.status}") from error
    except (ClientError, TimeoutError, OSError) as error:
        raise ListeningFailed(f"no audio from Asterisk: {type(error).__name__}") from error
    async with socket:
        yield AudioSocket(socket, await _rate(socket, timeout))


async def _rate(socket: ClientWebSocketResponse, timeout: float) -> int:
    """Wait for MEDIA_START; the rate of the format that it names."""
    try:
        message = await socket.receive(timeout)
    except TimeoutError:
        raise ListeningFailed("no MEDIA_START from Asterisk in time") from None
    if message.type is not WSMsgType.TEXT:
        _binary(message)
        raise ListeningFailed("audio came before MEDIA_START")
    name, _, fields = str(message.data).partition(" ")
    audio_format = dict(field.partition(":")[::2] for field in fields.split()).get("format", "")
    if name != "MEDIA_START" or audio_format not in RATES:
        raise ListeningFailed("Asterisk's audio is in a format that was not asked for")
    return RATES[audio_format]


def _binary(message: WSMessage) -> bytes:
    """The data of a binary message. Anything else ends the connection."""
    if message.type is WSMsgType.BINARY:
        return bytes(message.data)
    if message.type is WSMsgType.ERROR:
        raise ListeningFailed(f"the audio broke off: {type(message.data).__name__}")
    raise ListeningFailed("the audio was closed by Asterisk")
