"""A channel's audio on its way to us: what we make in Asterisk for it, and take away again.

::

    channel ──(snoop, spy=in)── NAME.snoop ──[bridge NAME.listen]── NAME.audio ── media WebSocket

The snoop hears only the far end, and whatever the call does meanwhile: alone, in a bridge, during a
play (lab.md, 8, topology 2). The way of the audio to us is `adapter.media.audio_socket`; why it is
this way round is decision 0015.

The media channel enters Stasis when somebody connects to its WebSocket, and not before (seen with
22.10); unconnected it dies after 31 s. So there are two steps: `open_audio`, then whoever wants the
audio connects, and meanwhile `join_audio`.
"""

from __future__ import annotations

import asyncio
import contextlib

from adapter.ari.client import AriClient
from adapter.ari.errors import AriError, BadAnswer
from adapter.ari.stasis import once_in_stasis

FORMAT = "slin16"
"""16 kHz, 16 bit, mono; Asterisk makes it of whatever the channel has."""

_TRIES = 100  # 5 s, for somebody to connect
_CONNECTION = "MEDIA_WEBSOCKET_CONNECTION_ID"


async def open_audio(client: AriClient, channel: str, name: str) -> str:
    """Let Asterisk hold the audio of a channel ready.

    Args:
        client: of the application that the channel is in.
        channel: whose far end is listened to.
        name: of what is made for it; never used before.

    Returns:
        The id of the media connection, which must be connected to within half a minute.

    Raises:
        AriError: it can't be; nothing is left of it, unless Asterisk does not answer.
    """
    try:
        await client.create_bridge(_bridge(name), bridge_type="mixing")
        await client.snoop(channel, _snoop(name), spy="in")
        media = await client.external_media(
            _audio(name),
            "INCOMING",
            FORMAT,
            transport="websocket",
            encapsulation="none",
            connection_type="server",
        )
        if not media.channelvars.get(_CONNECTION):
            raise BadAnswer("external_media: no id of the media connection")
        await _add(client, name, _snoop(name))
    except BaseException:
        with contextlib.suppress(AriError):
            await close_audio(client, name)
        raise
    return media.channelvars[_CONNECTION]


async def join_audio(client: AriClient, name: str) -> None:
    """Let the audio flow: waits, at most 5 s, until somebody has connected.

    Raises:
        AriError: nobody has, or it is gone. `close_audio` is then to be called, as always.
    """
    await _add(client, name, _audio(name))


async def close_audio(client: AriClient, name: str) -> None:
    """Take away all that was made; what is gone already is success.

    When the far end hangs up, only the snoop goes with it. While the channel has no frame in either
    direction (nothing is played, and the far end sends nothing), the snoop stays though it was told
    to go: it goes with the next frame, or the channel (22.10, seen).

    Raises:
        AriError: something may be left. All of it was tried.
    """
    results = await asyncio.gather(
        client.hangup(_audio(name)),
        client.hangup(_snoop(name)),
        client.delete_bridge(_bridge(name)),
        return_exceptions=True,
    )
    for result in results:
        if isinstance(result, BaseException):
            raise result


async def _add(client: AriClient, name: str, channel: str) -> None:
    """Put a channel into the bridge, once it is in Stasis."""
    await once_in_stasis(lambda: client.add_channel(_bridge(name), channel), _TRIES)


def _snoop(name: str) -> str:
    return f"{name}.snoop"


def _audio(name: str) -> str:
    return f"{name}.audio"


def _bridge(name: str) -> str:
    return f"{name}.listen"
