"""Whether audio goes both ways between the adapter and Asterisk, by letting it go.

A channel without a far end (chan_websocket) is connected to, as for speech recognition; on it
Asterisk plays a file that we have written, and records one that we look for, both as in a call. It
is in a Stasis application of its own, which a running server does not see.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp

from adapter.ami.errors import AmiError
from adapter.ari.client import AriClient
from adapter.ari.errors import AriError, BadAnswer
from adapter.ari.events import Event, PlaybackFinished, StasisStart, decode
from adapter.ari.listening import FORMAT
from adapter.commands.diagnosis import Result, Results, asterisk, described
from adapter.media import wav
from adapter.media.audio_socket import connected, media_url
from adapter.settings import Settings

_CONNECTION: Final = "MEDIA_WEBSOCKET_CONNECTION_ID"
_CONNECT: Final = 2.0  # seconds
_LOOKS, _PAUSE = 20, 0.05  # seconds; a recording's file is there with its first frame
_FILE: Final = "doctor"
_SILENCE: Final = bytes(4800)  # 0.3 s
_PLAIN: Final = re.compile(r"/[A-Za-z0-9/._~=+@-]{1,500}")


@dataclass(frozen=True, slots=True)
class _Probe:
    """The channel, and what is heard of it."""

    name: str
    client: AriClient
    events: aiohttp.ClientWebSocketResponse

    async def event(self, kind: type[StasisStart] | type[PlaybackFinished]) -> Event:
        """Wait for one of the channel's, or of its playback's."""
        async for message in self.events:
            event = decode(message.data)
            if isinstance(event, StasisStart):
                found = event.channel.id
            elif isinstance(event, PlaybackFinished):
                found = event.playback.id
            else:
                continue
            if isinstance(event, kind) and found == self.name:
                return event
        raise BadAnswer("Asterisk closed the connection of events")


async def audio(settings: Settings) -> Results:
    """The media WebSocket, and the folders that Asterisk reads and writes."""
    async with _probe(settings) as probe:
        yield Result("media websocket", "ok", "connected, as for speech recognition")
        recordings = settings.recordings.folder.resolve() / probe.name
        try:
            refused = await _record(settings, probe.name, recordings)
            played = await _play(probe, settings.media.folder.resolve())
            yield played
            yield refused or await _recorded(recordings, played)
        finally:
            shutil.rmtree(recordings, ignore_errors=True)


@contextlib.asynccontextmanager
async def _probe(settings: Settings) -> AsyncIterator[_Probe]:
    """A channel that is up and in Stasis; taken away at the end."""
    name = f"doctor-{secrets.token_hex(8)}"
    app = f"{settings.asterisk.app}-doctor"
    async with (
        aiohttp.ClientSession() as session,
        asterisk.client(settings.asterisk, app) as client,
    ):
        with asterisk.advised(settings.asterisk):
            events = await client.connect_events()
        try:
            media = await client.external_media(
                name, "INCOMING", FORMAT,
                transport="websocket", encapsulation="none", connection_type="server",
            )  # fmt: skip
            url = media_url(settings.asterisk.url, media.channelvars.get(_CONNECTION, ""))
            async with connected(session, url, timeout=_CONNECT):
                probe = _Probe(name, client, events)
                await probe.event(StasisStart)
                yield probe
        finally:
            with contextlib.suppress(AriError):
                await client.hangup(name)


async def _play(probe: _Probe, folder: Path) -> Result:
    """Let Asterisk play a file of ours."""
    name = "media folder"
    if not folder.is_dir():  # noqa: ASYNC240 - one system call
        return Result(name, "warning", f"{folder} is not there yet; the server makes it")
    file = folder / f"{probe.name}.wav"
    try:
        await asyncio.to_thread(wav.save, file, wav.write(_SILENCE))
        await probe.client.play(probe.name, [f"sound:{file.with_suffix('')}"], probe.name)
        finished = await probe.event(PlaybackFinished)
    except OSError as error:
        return Result(name, "failed", f"can't be written: {described(error)}")
    finally:
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)
    if not isinstance(finished, PlaybackFinished) or finished.playback.state != "done":
        text = f"Asterisk does not find, or may not read, what we write to {folder}: it needs the "
        return Result(name, "failed", f"{text}same folder under the same path")
    return Result(name, "ok", f"Asterisk plays what we write to {folder}")


async def _record(settings: Settings, channel: str, folder: Path) -> Result | None:
    """Begin to record the channel, which is over with it; the result when that can't be."""
    name, stem = "recordings folder", folder / _FILE
    if not folder.parent.is_dir():
        return Result(name, "warning", f"{folder.parent} is not there yet; the server makes it")
    if not _PLAIN.fullmatch(str(folder)):
        return Result(name, "failed", f"{str(folder.parent)!r} is no plain path")
    options = f"r({stem}-rx.wav)t({stem}-tx.wav)i(MONITOR_DOCTOR)"
    asked = {"Channel": channel, "File": f"{stem}.wav", "Options": options}
    try:
        folder.mkdir(mode=0o750)  # noqa: ASYNC240 - likewise; the server makes one a day
        async with asterisk.manager(settings.asterisk) as connection:
            await connection.ask("MixMonitor", asked)
    except (OSError, AmiError) as error:
        return Result(name, "failed", described(error))
    return None


async def _recorded(folder: Path, played: Result) -> Result:
    """Look for the file of the recording."""
    name, place = "recordings folder", folder.parent
    for _ in range(_LOOKS):
        if folder.joinpath(f"{_FILE}.wav").is_file():
            return Result(name, "ok", f"Asterisk records to {place}")
        await asyncio.sleep(_PAUSE)
    if played.state != "ok":
        return Result(name, "warning", "not known: nothing could be played that is recorded")
    text = f"nothing of what Asterisk records is in {place}: it needs the same folder under the "
    return Result(name, "failed", f"{text}same path, and must be allowed to write there")
