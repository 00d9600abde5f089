"""The engine's effects as ARI requests; a refusal comes back as a fact.

An exception of the client crosses this boundary as one of two things: a fact (Asterisk answered:
it cannot) or `AsteriskDown` (it did not answer: the row says what is to be done at its return).
Success where a repetition makes it one: creating a channel that exists, dialling one that was
dialled, ending what has ended.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterable

from adapter.ari.client import AriClient
from adapter.ari.errors import (
    AllocationFailed,
    AriError,
    Conflict,
    NotFound,
    Unavailable,
    Unreachable,
)
from adapter.ari.facts import PHONE, arrival_of, state_of
from adapter.ari.joining import Joining, join
from adapter.ari.listening import close_audio, join_audio, open_audio
from adapter.ari.stasis import once_in_stasis
from adapter.core import outputs
from adapter.core.faults import AsteriskDown, ListeningFailed
from adapter.core.ids import BridgeId, ChannelId, ListeningId, PlaybackId, call_of
from adapter.core.inputs import ChannelDialled, ChannelGone, ChannelRefused, Input, PlaybackRefused
from adapter.core.invite import Invite
from adapter.core.model import EndCause
from adapter.core.outputs import Effect
from adapter.core.resume import ChannelState, SeenChannel

log = logging.getLogger(__name__)

_SOURCE = "CHANNEL(pjsip,remote_addr)"
_MOST_HEADERS, _MOST_VALUES = 32, 8  # of one INVITE, and of one header: each is a request
_HEADER = re.compile(r"[A-Za-z0-9._!%*+`'~-]{1,128}")
_KNOWN = frozenset({"from", "privacy", "diversion", "referred-by", "subject", "b", "s"})
_LONG = {"b": "Referred-By", "s": "Subject"}  # compact forms (RFC 3261, 20; RFC 3892)
_CONTEXTS = {"inbound": "inbound", "phones": PHONE}  # asterisk-conf, extensions.conf


class Commands:
    """Carries effects out. Construct with the client; errors as in the module."""

    def __init__(self, client: AriClient) -> None:
        self._client = client

    async def perform(self, effect: Effect) -> Input | None:
        """Carry out one effect; the fact that follows from a refusal, or None.

        Raises:
            AsteriskDown: no answer.
        """
        try:
            return await self._send(effect)
        except (Unreachable, Unavailable) as error:
            raise AsteriskDown(str(error)) from error
        except AriError as error:
            return _refusal(effect, error)

    async def channel(self, channel: ChannelId) -> ChannelState | None:
        """What a channel is doing now. Raises AsteriskDown."""
        try:
            seen = await self._client.get_channel(channel)
        except AriError as error:
            raise AsteriskDown(str(error)) from error
        return state_of(seen) if seen else None

    async def playing(self, playback: PlaybackId) -> bool:
        """Whether a playback is queued or playing. Raises AsteriskDown."""
        try:
            return await self._client.get_playback(playback) is not None
        except AriError as error:
            raise AsteriskDown(str(error)) from error

    async def members(self, bridge: BridgeId) -> frozenset[ChannelId] | None:
        """The channels in a bridge; None when there is no such bridge. Raises AsteriskDown."""
        try:
            seen = await self._client.get_bridge(bridge)
        except AriError as error:
            raise AsteriskDown(str(error)) from error
        return frozenset(ChannelId(channel) for channel in seen.channels) if seen else None

    async def bridges(self) -> Iterable[BridgeId]:
        """All bridges that there are. Raises AsteriskDown."""
        try:
            return [BridgeId(bridge.id) for bridge in await self._client.list_bridges()]
        except AriError as error:
            raise AsteriskDown(str(error)) from error

    async def open_audio(self, channel: ChannelId, listening: ListeningId) -> str:
        """Hold the audio of a channel ready; the id of the connection that brings it.

        Raises:
            ListeningFailed: it can't be had.
            AsteriskDown: no answer.
        """
        try:
            return await open_audio(self._client, channel, listening)
        except (Unreachable, Unavailable) as error:
            raise AsteriskDown(str(error)) from error
        except AriError as error:
            raise ListeningFailed(str(error)) from error

    async def join_audio(self, listening: ListeningId) -> None:
        """Let the audio flow, once somebody connects for it. Raises as `open_audio`."""
        try:
            await join_audio(self._client, listening)
        except (Unreachable, Unavailable) as error:
            raise AsteriskDown(str(error)) from error
        except AriError as error:
            raise ListeningFailed(str(error)) from error

    async def channels(self) -> Iterable[SeenChannel]:
        """The channels in our application's hands. Raises AsteriskDown."""
        try:
            seen = await self._client.list_channels()
        except AriError as error:
            raise AsteriskDown(str(error)) from error
        return [
            SeenChannel(
                id=ChannelId(channel.id),
                state=state_of(channel),
                arrival=arrival_of(channel, from_phone=_CONTEXTS[context] == PHONE)
                if call_of(channel.id) is None and channel.state == "Ring"
                else None,
            )
            for channel in seen
            if (context := channel.dialplan.context) in _CONTEXTS or call_of(channel.id)
        ]

    async def invite(self, channel: ChannelId) -> Invite:
        """The INVITE of an inbound channel, as far as it can be read now. Never raises.

        Asterisk has a copy of it for as long as the channel lives. One request for the names, one
        for each value (lab.md, 1).
        """
        headers: dict[str, tuple[str, ...]] = {}
        source = ""
        try:
            source = await self._client.get_variable(channel, _SOURCE) or ""
            names = await self._client.get_variable(channel, "PJSIP_HEADERS()") or ""
            for name, count in _wanted(names.split(",")).items():
                headers[_LONG.get(name, name)] = await self._values(channel, name, count)
        except AriError as error:
            log.warning("INVITE not read", extra={"channel": channel, "error": str(error)})
        return Invite(headers=headers, source=_host(source))

    async def _values(self, channel: ChannelId, name: str, count: int) -> tuple[str, ...]:
        """The values of a header. Asterisk finds the n-th of a name in any case."""
        found = [
            await self._client.get_variable(channel, f"PJSIP_HEADER(read,{name},{number})")
            for number in range(1, min(count, _MOST_VALUES) + 1)
        ]
        return tuple(value for value in found if value is not None)

    async def _send(self, effect: Effect) -> Input | None:
        client = self._client
        match effect:
            case outputs.CreateChannel():
                await client.create_channel(
                    effect.endpoint,
                    effect.channel,
                    originator=effect.originator,
                    variables=_identity(effect),
                )
            case outputs.Dial(channel=channel):
                await once_in_stasis(
                    lambda: client.dial(channel, effect.timeout, caller=effect.caller)
                )
                return ChannelDialled(channel=channel)
            case outputs.Ring(channel=channel):
                await client.ring(channel)
            case outputs.Answer(channel=channel):
                await client.answer(channel)
            case outputs.Hangup(channel=channel, reason=reason):
                if not await client.hangup(channel, reason=reason):
                    return ChannelGone(channel=channel)
            case outputs.Play(channel=channel, playback=playback, media=media):
                await client.play(channel, [media.uri], playback)
            case outputs.StopPlayback(playback=playback):
                await client.stop_playback(playback)
            case outputs.StopListening(listening=listening):
                await close_audio(client, listening)
            case _ if isinstance(effect, Joining):
                return await join(client, effect)
            case _:
                raise TypeError(f"{type(effect).__name__} is not Asterisk's")
        return None


def _identity(effect: outputs.CreateChannel) -> dict[str, str]:
    """The caller id, diversion and further headers of the INVITE (lab.md, 2).

    With create and dial it is the connected line that goes on the wire. A header that is repeated
    needs a name of its own for each value: the number behind it, which `add` does not look at.
    """
    variables = {"CONNECTEDLINE(num,i)": effect.caller_number}
    if effect.caller_name:
        variables["CONNECTEDLINE(name,i)"] = effect.caller_name
    if effect.private:
        variables["CONNECTEDLINE(pres,i)"] = "prohib"
    if effect.diversion:  # without a count there is no header (seen with Asterisk 22.10)
        variables["REDIRECTING(from-num,i)"] = effect.diversion
        variables["REDIRECTING(count,i)"] = "1"
    counts: Counter[str] = Counter()
    for name, value in effect.headers:
        counts[name.lower()] += 1
        number = counts[name.lower()]
        function = f"{name},{number}" if number > 1 else name
        variables[f"PJSIP_HEADER(add,{function})"] = value
    return variables


def _wanted(names: Iterable[str]) -> dict[str, int]:
    """The headers that an application may want to see, as first written, and how often each is."""
    found: dict[str, tuple[str, int]] = {}
    for name in (name.strip() for name in names):
        key = name.lower()
        if _HEADER.fullmatch(name) and (key.startswith(("x-", "p-")) or key in _KNOWN):
            first, count = found.get(key, (name, 0))
            found[key] = (first, count + 1)
    return dict([*found.values()][:_MOST_HEADERS])


def _host(address: str) -> str:
    """The host of ``host:port``, without the brackets of IPv6."""
    return address.rpartition(":")[0].strip("[]")


def _refusal(effect: Effect, error: AriError) -> Input | None:
    """What a refusal means for the call. A channel that is gone tells so itself, by its event."""
    log.warning("refused by Asterisk", extra={"effect": type(effect).__name__, "error": str(error)})
    match effect:
        case outputs.Play(playback=playback):
            return PlaybackRefused(playback=playback, detail=str(error))
        case outputs.CreateChannel() if isinstance(error, Conflict):
            return None
        case outputs.Dial(channel=channel) if isinstance(error, Conflict):
            return ChannelDialled(channel=channel)
        case outputs.CreateChannel(channel=channel) if isinstance(error, AllocationFailed):
            # a phone that is not registered does not answer; a trunk that is not there is congested
            phone = "@" not in effect.endpoint
            cause = EndCause.NO_ANSWER if phone else EndCause.CONGESTION
            detail = "no such endpoint, or it has no contact that can be reached"
            return ChannelRefused(channel=channel, cause=cause, detail=detail)
        case (
            outputs.CreateChannel(channel=channel)
            | outputs.Dial(channel=channel)
            | outputs.Answer(channel=channel)
        ) if not isinstance(error, NotFound):
            return ChannelRefused(channel=channel, cause=EndCause.FAILED, detail=str(error))
        case _:
            return None
