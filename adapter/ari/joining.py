"""Bridges, sounds and the answering machine: the effects that are about more than one channel.

Success where a repetition makes it one: making a bridge that is there, taking out a channel that is
out, ending a sound that is not heard.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable

from adapter.ari.client import AriClient
from adapter.ari.errors import (
    BadRequest,
    Conflict,
    NotFound,
    Refused,
    Unavailable,
    Unprocessable,
)
from adapter.ari.stasis import once_in_stasis
from adapter.core import outputs
from adapter.core.inputs import BridgeRefused, Input
from adapter.core.model import Detection
from adapter.core.outputs import Sound

Joining = (
    outputs.CreateBridge
    | outputs.AddToBridge
    | outputs.RemoveFromBridge
    | outputs.DestroyBridge
    | outputs.StartSound
    | outputs.StopSound
    | outputs.JudgeAnswer
)
_VERDICTS = {"MACHINE": True, "HUMAN": False}
AMD = "amd"  # asterisk-conf/adapter/extensions.conf: the context, and the argument of its Stasis()


async def join(client: AriClient, effect: Joining) -> Input | None:
    """Carry one of these effects out; the fact that follows from a refusal, or None.

    Raises:
        AriError: no answer; or refused where that says nothing to the call.
    """
    match effect:
        case outputs.CreateBridge():
            return await _create(client, effect)
        case outputs.AddToBridge():
            return await _add(client, effect)
        case outputs.RemoveFromBridge(bridge=bridge, channel=channel):
            with contextlib.suppress(NotFound, BadRequest, Unprocessable, Conflict):
                await client.remove_channel(bridge, channel)
        case outputs.DestroyBridge(bridge=bridge):
            await client.delete_bridge(bridge)
        case outputs.StartSound(channel=channel, sound=sound):
            with contextlib.suppress(NotFound, Conflict):
                await _start(client, sound)(channel)
        case outputs.StopSound(channel=channel, sound=sound):
            with contextlib.suppress(NotFound, Conflict):
                await _stop(client, sound)(channel)
        case outputs.JudgeAnswer(channel=channel, detection=detection):
            await client.set_variable(channel, "AMDARGS", amd_arguments(detection))
            await client.continue_in_dialplan(channel, context=AMD)
    return None


def verdict(args: tuple[str, ...]) -> tuple[bool | None, str]:
    """What Asterisk's AMD found, from the arguments with which the channel came back."""
    status = args[1] if len(args) > 1 else ""
    return _VERDICTS.get(status), " ".join(args[1:3])


def amd_arguments(detection: Detection) -> str:
    """The arguments of AMD(): milliseconds, in its order; empty ones are those of amd.conf."""
    times = (
        detection.initial_silence,
        detection.greeting,
        detection.after_greeting,
        detection.total,
    )
    milliseconds = [str(round(seconds * 1000)) for seconds in times]
    return ",".join([*milliseconds, "", "", str(detection.words)])


async def _create(client: AriClient, effect: outputs.CreateBridge) -> Input | None:
    try:
        await client.create_bridge(effect.bridge)
    except Refused as refused:
        if await client.get_bridge(effect.bridge) is not None:
            return None  # an id that is in use is answered by 500
        return BridgeRefused(bridge=effect.bridge, detail=str(refused))
    return None


async def _add(client: AriClient, effect: outputs.AddToBridge) -> Input | None:
    """A channel that is gone tells so itself, by its event."""
    try:
        await once_in_stasis(lambda: client.add_channel(effect.bridge, effect.channel))
    except BadRequest:
        return None
    except Unavailable:
        raise
    except Refused as refused:
        return BridgeRefused(bridge=effect.bridge, detail=str(refused))
    return None


def _start(client: AriClient, sound: Sound) -> Callable[[str], Awaitable[None]]:
    return {
        Sound.MUSIC: client.start_moh,
        Sound.RINGING: client.ring,
        Sound.SILENCE: client.start_silence,
    }[sound]


def _stop(client: AriClient, sound: Sound) -> Callable[[str], Awaitable[None]]:
    return {
        Sound.MUSIC: client.stop_moh,
        Sound.RINGING: client.stop_ringing,
        Sound.SILENCE: client.stop_silence,
    }[sound]
