"""The verbs for channels and their playbacks.

Every method raises Unreachable, or Refused with the subclass of its status; only what a method
does differently is said there. A DELETE of something that is gone already has done its work: 404
counts as success. Ids are chosen by the caller.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

from adapter.ari import verbs
from adapter.ari.errors import InvalidArgument, NotFound
from adapter.ari.resources import Channel, Playback, Variable
from adapter.ari.transport import Transport, checked, reader

_read_channel = reader(Channel)
_read_channels = reader(list[Channel])
_read_playback = reader(Playback)
_read_variable = reader(Variable)


class ChannelVerbs(Transport):
    """Channels: make, dial, answer, play, hang up."""

    async def create_channel(
        self,
        endpoint: str,
        channel_id: str,
        *,
        originator: str | None = None,
        app_args: str = "",
        variables: Mapping[str, str] | None = None,
    ) -> Channel:
        """Make an outbound channel in state Down; StasisStart follows, then `dial` it.

        `endpoint` is "PJSIP/{number}@{trunk}", built by us and never taken from a customer
        (lab.md, 3). `variables` may set headers ("PJSIP_HEADER(add,X-A)") and the identity shown
        ("CONNECTEDLINE(all,i)"); control characters in them are refused here.
        Raises Conflict when the id is in use: a former try had succeeded. Raises
        AllocationFailed for an unknown endpoint or an unreachable contact.
        """
        query = {"endpoint": endpoint, "app": self.app, "channelId": channel_id}
        if originator is not None:
            query["originator"] = originator
        if app_args:
            query["appArgs"] = app_args
        body = {"variables": _checked_variables(variables)} if variables else None
        return _read_channel(await self._send(verbs.CREATE_CHANNEL, query=query, body=body))

    async def dial(self, channel_id: str, seconds: float, *, caller: str | None = None) -> None:
        """Call the far end for at most `seconds` (rounded up to whole ones).

        `caller` is the channel that hears ringback. Raises Conflict before StasisStart and when
        dialled already. Asterisk's own timeout looks like a real 480 (lab.md, 2).
        """
        query = {"timeout": str(max(1, math.ceil(seconds)))}
        if caller is not None:
            query["caller"] = caller
        await self._send(verbs.DIAL, channel_id, query=query)

    async def ring(self, channel_id: str) -> None:
        """Send 180 Ringing to an unanswered caller."""
        await self._send(verbs.RING, channel_id)

    async def stop_ringing(self, channel_id: str) -> None:
        """End what an answered caller hears of `ring`; before the answer it changes nothing."""
        await self._send(verbs.STOP_RINGING, channel_id)

    async def answer(self, channel_id: str) -> None:
        """Answer an inbound channel; answering twice is fine."""
        await self._send(verbs.ANSWER, channel_id)

    async def hangup(
        self, channel_id: str, *, reason: str | None = None, reason_code: int | None = None
    ) -> bool:
        """End a channel; gone already is success. Returns whether it was still there.

        Give `reason` (ARI's words) or `reason_code` (Q.850, never a SIP status, which Asterisk
        would silently misread), not both. What the caller gets: the table in lab.md, 1.
        """
        query: dict[str, str] = {}
        if reason is not None:
            query["reason"] = reason
        if reason_code is not None:
            if reason is not None or not 0 <= reason_code <= 127:
                raise InvalidArgument("one of reason and reason_code (Q.850: 0 to 127)")
            query["reason_code"] = str(reason_code)
        try:
            await self._send(verbs.HANGUP, channel_id, query=query)
        except NotFound:
            return False
        return True

    async def play(self, channel_id: str, media: Sequence[str], playback_id: str) -> Playback:
        """Queue media URIs as one playback.

        The list goes in the body: in the query Asterisk splits at commas. A missing file is not
        an error here but a PlaybackFinished "failed"; an unknown scheme never finishes (lab.md,
        4). Asterisk accepts a playback id twice. Raises PreconditionFailed on a channel that is
        Down.
        """
        body = {"media": [checked(uri, "media") for uri in media], "playbackId": playback_id}
        return _read_playback(await self._send(verbs.PLAY, channel_id, body=body))

    async def get_playback(self, playback_id: str) -> Playback | None:
        """Return a queued or running playback, or None. ARI has no verb that lists them."""
        try:
            return _read_playback(await self._send(verbs.GET_PLAYBACK, playback_id))
        except NotFound:
            return None

    async def stop_playback(self, playback_id: str) -> None:
        """Stop a playback; over already is success. Its PlaybackFinished says "done"."""
        with contextlib.suppress(NotFound):
            await self._send(verbs.STOP_PLAYBACK, playback_id)

    async def get_channel(self, channel_id: str) -> Channel | None:
        """Return a channel, or None when it does not exist."""
        try:
            return _read_channel(await self._send(verbs.GET_CHANNEL, channel_id))
        except NotFound:
            return None

    async def list_channels(self) -> list[Channel]:
        """Return every channel in Asterisk. For reconciliation only: costly under load."""
        return _read_channels(await self._send(verbs.LIST_CHANNELS))

    async def send_dtmf(
        self, channel_id: str, digits: str, *, duration: float = 0.1, between: float = 0.1
    ) -> None:
        """Send keys to the far end; `duration` and `between` in seconds, "w" is a pause.

        Asterisk takes any character silently, so the caller checks `digits`.
        """
        query = {"dtmf": digits, "duration": _ms(duration), "between": _ms(between)}
        await self._send(verbs.SEND_DTMF, channel_id, query=query)

    async def get_variable(self, channel_id: str, name: str) -> str | None:
        """Return a variable or function value, or None when a plain variable is not set.

        A function that yields nothing, such as a missing header, raises ServerFault (lab.md, 1);
        a channel that is gone gives None too.
        """
        try:
            answer = await self._send(verbs.GET_VARIABLE, channel_id, query={"variable": name})
        except NotFound:
            return None
        return _read_variable(answer).value

    async def set_variable(
        self, channel_id: str, name: str, value: str, *, report: bool = False
    ) -> None:
        """Set a variable or call a function; `report` puts it in each later `channelvars`."""
        query = {"variable": name, "value": value}
        if report:
            query["report_events"] = "true"
        await self._send(verbs.SET_VARIABLE, channel_id, query=query)

    async def continue_in_dialplan(
        self, channel_id: str, *, context: str, extension: str = "s", priority: int = 1
    ) -> None:
        """Send a channel on into the dialplan; StasisEnd follows."""
        query = {"context": context, "extension": extension, "priority": str(priority)}
        await self._send(verbs.CONTINUE, channel_id, query=query)

    async def redirect(self, channel_id: str, endpoint: str) -> None:
        """Send REFER, or 302 when unanswered, to "PJSIP/sip:user@host" (lab.md, 11)."""
        await self._send(verbs.REDIRECT, channel_id, query={"endpoint": endpoint})

    async def transfer_progress(self, channel_id: str, states: str) -> None:
        """Answer a phone's REFER: channel_progress, channel_answered, channel_declined..."""
        await self._send(verbs.TRANSFER_PROGRESS, channel_id, query={"states": states})

    async def hold(self, channel_id: str) -> None:
        """Let the channel's own phone hear music on hold; the other side still hears it."""
        await self._send(verbs.HOLD, channel_id)

    async def unhold(self, channel_id: str) -> None:
        """End `hold`."""
        await self._send(verbs.UNHOLD, channel_id)

    async def start_moh(self, channel_id: str, moh_class: str | None = None) -> None:
        """Play music on hold to a channel; a later `play` ends it for good."""
        query = {"mohClass": moh_class} if moh_class is not None else None
        await self._send(verbs.START_MOH, channel_id, query=query)

    async def stop_moh(self, channel_id: str) -> None:
        """Stop music on hold."""
        await self._send(verbs.STOP_MOH, channel_id)

    async def start_silence(self, channel_id: str) -> None:
        """Send silence, so that the far end gets RTP."""
        await self._send(verbs.START_SILENCE, channel_id)

    async def stop_silence(self, channel_id: str) -> None:
        """Stop sending silence."""
        await self._send(verbs.STOP_SILENCE, channel_id)

    async def mute(self, channel_id: str, direction: str = "both") -> None:
        """Mute "in", "out" or "both"."""
        await self._send(verbs.MUTE, channel_id, query={"direction": direction})

    async def unmute(self, channel_id: str, direction: str = "both") -> None:
        """Undo `mute`."""
        await self._send(verbs.UNMUTE, channel_id, query={"direction": direction})

    async def snoop(
        self, channel_id: str, snoop_id: str, *, spy: str = "none", whisper: str = "none"
    ) -> Channel:
        """Listen to or speak into a channel; `spy` and `whisper` are none, in, out or both."""
        query = {"app": self.app, "spy": spy, "whisper": whisper}
        return _read_channel(await self._send(verbs.SNOOP, channel_id, snoop_id, query=query))

    async def external_media(
        self, channel_id: str, external_host: str, audio_format: str, **options: str
    ) -> Channel:
        """Make a channel to a media server; `options` are ARI's parameters (lab.md, 8 and 10)."""
        query = {"channelId": channel_id, "app": self.app, "external_host": external_host}
        query |= {"format": audio_format, **options}
        return _read_channel(await self._send(verbs.EXTERNAL_MEDIA, query=query))


def _ms(seconds: float) -> str:
    return str(round(seconds * 1000))


def _checked_variables(variables: Mapping[str, str]) -> dict[str, Any]:
    return {checked(k, "a variable's name"): checked(v, k) for k, v in variables.items()}
