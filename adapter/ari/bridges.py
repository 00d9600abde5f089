"""The verbs for bridges and recordings. Errors as in `channels`.

A bridge id is never used twice: Asterisk answers a duplicate with 409 (22.10.1, seen), and a bridge
of the same id may still be dying. A playback on a bridge reports each of its events twice to an
application that is subscribed to everything, as ours is (seen).
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from adapter.ari import verbs
from adapter.ari.errors import Conflict, NotFound
from adapter.ari.resources import Bridge, LiveRecording, Playback
from adapter.ari.transport import Transport, checked, reader

_read_bridge = reader(Bridge)
_read_bridges = reader(list[Bridge])
_read_playback = reader(Playback)
_read_recording = reader(LiveRecording)


class BridgeVerbs(Transport):
    """Bridges: make, fill, empty, delete; and recordings."""

    async def create_bridge(
        self, bridge_id: str, *, bridge_type: str = "mixing,dtmf_events", name: str = ""
    ) -> Bridge:
        """Make an empty bridge. Without dtmf_events keys do not reach us (lab.md, 5)."""
        query = {"type": bridge_type, "bridgeId": bridge_id}
        if name:
            query["name"] = name
        return _read_bridge(await self._send(verbs.CREATE_BRIDGE, query=query))

    async def get_bridge(self, bridge_id: str) -> Bridge | None:
        """Return a bridge, or None when it does not exist."""
        try:
            return _read_bridge(await self._send(verbs.GET_BRIDGE, bridge_id))
        except NotFound:
            return None

    async def list_bridges(self) -> list[Bridge]:
        """Return every bridge. For reconciliation only."""
        return _read_bridges(await self._send(verbs.LIST_BRIDGES))

    async def delete_bridge(self, bridge_id: str) -> None:
        """Delete a bridge; its channels stay alive. Gone already is success.

        So is 409 "Bridge not in Stasis application", which a bridge that is dying answers (seen).
        """
        with contextlib.suppress(NotFound, Conflict):
            await self._send(verbs.DELETE_BRIDGE, bridge_id)

    async def add_channel(self, bridge_id: str, channel_id: str, *, mute: bool = False) -> None:
        """Put a channel in a bridge, out of any other. Raises BadRequest for no such channel."""
        query = {"channel": channel_id}
        if mute:
            query["mute"] = "true"
        await self._send(verbs.ADD_CHANNEL, bridge_id, query=query)

    async def remove_channel(self, bridge_id: str, channel_id: str) -> None:
        """Take a channel out. Raises Unprocessable when it is not in."""
        await self._send(verbs.REMOVE_CHANNEL, bridge_id, query={"channel": channel_id})

    async def play_on_bridge(
        self, bridge_id: str, media: Sequence[str], playback_id: str
    ) -> Playback:
        """Play to everybody in a bridge; otherwise as `play`."""
        body = {"media": [checked(uri, "media") for uri in media], "playbackId": playback_id}
        return _read_playback(await self._send(verbs.PLAY_ON_BRIDGE, bridge_id, body=body))

    async def start_bridge_moh(self, bridge_id: str, moh_class: str | None = None) -> None:
        """Play music on hold to everybody in a bridge."""
        query = {"mohClass": moh_class} if moh_class is not None else None
        await self._send(verbs.START_BRIDGE_MOH, bridge_id, query=query)

    async def stop_bridge_moh(self, bridge_id: str) -> None:
        """Stop a bridge's music on hold."""
        await self._send(verbs.STOP_BRIDGE_MOH, bridge_id)

    async def record(self, channel_id: str, name: str, audio_format: str = "wav") -> LiveRecording:
        """Record what a channel says. In a bridge this fails by event (lab.md, 7).

        `if_exists` is always "fail": raises Conflict for a name in use.
        """
        query = {"name": name, "format": audio_format, "ifExists": "fail"}
        return _read_recording(await self._send(verbs.RECORD, channel_id, query=query))

    async def record_bridge(
        self, bridge_id: str, name: str, audio_format: str = "wav"
    ) -> LiveRecording:
        """Record everybody in a bridge, mixed."""
        query = {"name": name, "format": audio_format, "ifExists": "fail"}
        return _read_recording(await self._send(verbs.RECORD_BRIDGE, bridge_id, query=query))

    async def stop_recording(self, name: str) -> None:
        """Stop and keep a live recording; over already is success."""
        with contextlib.suppress(NotFound):
            await self._send(verbs.STOP_RECORDING, name)

    async def discard_recording(self, name: str) -> None:
        """Stop a live recording and throw it away; gone already is success."""
        with contextlib.suppress(NotFound):
            await self._send(verbs.DISCARD_RECORDING, name)
