"""What has to happen for each example of the EnableX Voice document, by its name.

A scene of a request leads up to it and gives the id that its path names. One of a reply or an event
ends with it. Variants are those of the example's file.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from adapter.plugin_api import BadRequest
from tests.contract.ears import said
from tests.contract.parties import bridged, connect, forward, leg, record, transfer
from tests.contract.stack import ANOTHERS, CALLEE, NO_TRUNK, Reply, Stack, eventually
from tests.fakes.ari_model import MACHINE, Callee

Before = Callable[[Stack], Awaitable[str]]
Replying = Callable[[Stack, str], Awaitable[Reply]]
Telling = Callable[[Stack, str], Awaitable[dict[str, Any]]]

UNKNOWN = "8610e43d-f7c5-4eeb-9571-00ffe6ec5c31"
REF = {"prompt_ref": "welcom_ref"}


# Before a request -----------------------------------------------------------------------------


async def nothing(stack: Stack) -> str:
    """The request names no call."""
    return ""


async def offered(stack: Stack) -> str:
    """A call waits for its accept."""
    return await stack.offered()


async def connected(stack: Stack) -> str:
    """A call is up."""
    return await stack.connected()


async def joined(stack: Stack) -> str:
    """A call is bridged."""
    return await bridged(stack)


async def recorded(stack: Stack) -> str:
    """A call is recorded."""
    call = await stack.connected()
    assert (await record(stack, call, start=True)).status == 200
    await stack.event(call, "started")
    return call


async def kept(stack: Stack) -> str:
    """A recording can be fetched; its id."""
    call = await recorded(stack)
    assert (await record(stack, call, stop=True)).status == 200
    recording: str = (await stack.event(call, "completed"))["recording_id"]
    return recording


REQUESTS: Mapping[str, Before] = {
    "accept-request": offered,
    "dial-request": nothing,
    "transfer-request": joined,
    "forward-request": joined,
    "play-request": connected,
    "connect-request": connected,
    "show-request": connected,
    "hold-request": joined,
    "recording-start-request": connected,
    "recording-stop-request": recorded,
    "download-request": kept,
    "hangup-request": connected,
}


# Replies --------------------------------------------------------------------------------------


async def accepted(stack: Stack, _: str) -> Reply:
    """An inbound call is accepted."""
    return await stack.ask("POST", f"/call/{await stack.offered()}/accept")


async def placed(stack: Stack, _: str) -> Reply:
    """A call is placed."""
    return await stack.place(owner_ref="xzy")


async def placed_with_a_foreign_number(stack: Stack, _: str) -> Reply:
    """The caller id is another app's."""
    return await stack.place(**{"from": ANOTHERS})


def of_a_bridged_call(act: Callable[[Stack, str], Awaitable[Reply]]) -> Replying:
    """The reply to an action on a bridged call."""

    async def scene(stack: Stack, _: str) -> Reply:
        return await act(stack, await bridged(stack))

    return scene


def of_a_call(act: Callable[[Stack, str], Awaitable[Reply]]) -> Replying:
    """The reply to an action on a call that is up, and not bridged."""

    async def scene(stack: Stack, _: str) -> Reply:
        return await act(stack, await stack.connected())

    return scene


def while_asterisk_is_away(act: Callable[[Stack, str], Awaitable[Reply]]) -> Replying:
    """The reply to an action on a bridged call, when Asterisk cannot be reached."""

    async def scene(stack: Stack, _: str) -> Reply:
        call = await bridged(stack)
        await stack.ari.refuse_connections()
        await eventually(lambda: bool(stack.adapter.not_ready()))
        return await act(stack, call)

    return scene


async def stopped(stack: Stack, call: str) -> Reply:
    """A prompt that is not there is stopped."""
    return await stack.play(call, stop=True, play_id=UNKNOWN)


async def spoken_by_nobody(stack: Stack, call: str) -> Reply:
    """Nobody speaks this language."""
    return await stack.play(call, text="text", language="xx-XX", voice="female")


async def played_twice(stack: Stack, call: str) -> Reply:
    """A prompt runs, and another is asked for."""
    stack.ari.world.default_media = 60
    assert (await stack.say(call)).status == 200
    return await stack.say(call)


async def played_from_no_wav(stack: Stack, call: str) -> Reply:
    """The stored prompt's file cannot be read."""
    for file in (stack.folder / "media" / "prompts").rglob("*.wav"):
        file.write_bytes(b"no WAV file")
    return await stack.play(call, prompt_name="welcome")


async def spoken_badly(stack: Stack, call: str) -> Reply:
    """The synthesiser fails."""
    stack.speech.faults = [BadRequest("no")]
    return await stack.say(call)


async def connected_by_no_service(stack: Stack, call: str) -> Reply:
    """The caller id has no outbound service."""
    return await connect(stack, call, **{"from": NO_TRUNK})


async def connected_by_no_number(stack: Stack, call: str) -> Reply:
    """The caller id is nobody's number."""
    return await connect(stack, call, **{"from": "+15550099"})


async def shown(stack: Stack, variant: str) -> Reply:
    """An inbound call in the state that the variant names is looked at."""
    call = await stack.offered()
    if variant != "In progress":
        await stack.ask("POST", f"/call/{call}/accept")
        await stack.event(call, "connected")
    if variant == "IVR":
        stack.ari.world.default_media = 60
        assert (await stack.say(call)).status == 200
    return await stack.ask("GET", f"/call/{call}")


async def unknown(stack: Stack, _: str) -> Reply:
    """A call that never was is looked at."""
    return await stack.ask("GET", f"/call/{UNKNOWN}")


async def started(stack: Stack, call: str) -> Reply:
    """A recording is started."""
    return await record(stack, call, start=True)


async def started_twice(stack: Stack, _: str) -> Reply:
    """A recording runs, and another is started."""
    return await record(stack, await recorded(stack), start=True)


async def started_without_ami(stack: Stack, call: str) -> Reply:
    """What records cannot be reached."""
    await stack.ami.close()
    await eventually(lambda: not stack.adapter._audio.ami.connected)
    reply = await record(stack, call, start=True)
    await stack.ami.listen()
    return reply


async def started_while_it_rings(stack: Stack, _: str) -> Reply:
    """The call is not up yet."""
    stack.ari.callee(CALLEE, Callee.rings_out())
    call: str = (await stack.place())["voice_id"]
    return await record(stack, call, start=True)


async def fetched_from_nowhere(stack: Stack, _: str) -> Reply:
    """A recording that never was is fetched."""
    return await stack.ask("GET", f"/recording/{UNKNOWN}")


async def hung_up(stack: Stack, call: str) -> Reply:
    """The call is hung up."""
    return await stack.hang_up(call)


REPLIES: Mapping[str, Replying] = {
    "accept-reply": accepted,
    "dial-reply": placed,
    "dial-error": placed_with_a_foreign_number,
    "transfer-reply": of_a_bridged_call(transfer),
    "transfer-error-409": of_a_call(transfer),
    "transfer-error-500": while_asterisk_is_away(transfer),
    "forward-reply": of_a_bridged_call(forward),
    "forward-error-409": of_a_call(forward),
    "forward-error-500": while_asterisk_is_away(forward),
    "play-reply": of_a_call(Stack.say),
    "play-error": of_a_call(stopped),
    "play-error-405": of_a_bridged_call(Stack.say),
    "play-error-406": of_a_call(spoken_by_nobody),
    "play-error-408": of_a_call(played_twice),
    "play-error-400": of_a_call(played_from_no_wav),
    "play-error-503": of_a_call(spoken_badly),
    "connect-reply": of_a_call(connect),
    "connect-error-6110": of_a_call(connected_by_no_service),
    "connect-error-6118": of_a_call(connected_by_no_number),
    "show-reply": shown,
    "show-error": unknown,
    "recording-reply": of_a_call(started),
    "recording-error-500": of_a_call(started_without_ami),
    "recording-error-409": started_while_it_rings,
    "recording-error-408": started_twice,
    "download-error-404": fetched_from_nowhere,
    "hangup-reply": of_a_call(hung_up),
}


# Events ---------------------------------------------------------------------------------------


async def incoming(stack: Stack, variant: str) -> dict[str, Any]:
    """A call comes in."""
    return await stack.event(await stack.offered(), variant)


async def of_the_call(stack: Stack, variant: str) -> dict[str, Any]:
    """A call goes from ringing to its end; or a machine answers it."""
    if variant == "voicemail":
        stack.ari.callee(CALLEE, Callee(amd=MACHINE))
        call: str = (await stack.place(voicemail_detection=True))["voice_id"]
    else:
        call = await stack.connected()
        await stack.hang_up(call)
    return await stack.event(call, variant)


async def keys_pressed(stack: Stack, variant: str) -> dict[str, Any]:
    """The bridged party presses keys."""
    call = await bridged(stack)
    for key in "12345#":
        stack.ari.digit(leg(call, 2), key)
    return await stack.event(call, variant)


async def spoken(stack: Stack, variant: str) -> dict[str, Any]:
    """The callee says something, mumbles, or is silent."""
    call = await stack.connected()
    if variant == "unrecognized":
        stack.ears.text = ""
    wanted: dict[str, Any] = {"asr": True, "start_timeout": 1, "prompt_ref": "welcome-prompt"}
    assert (await stack.say(call, **wanted)).status == 200
    await stack.ari.wait_for(lambda: stack.ari.count("external_media") == 1)
    if variant != "timeout":
        await stack.ari.say(leg(call, 1), said())
    return await stack.event(call, variant)


async def played(stack: Stack, variant: str) -> dict[str, Any]:
    """A prompt ends as the variant says."""
    call = await stack.connected()
    menu = variant in ("digitcollected", "menutimeout")
    more: dict[str, Any] = {"dtmf": True, "start_timeout": 1} if menu else {}
    if variant in ("failed", "digitcollected"):
        stack.ari.world.default_media = 60
    assert (await stack.say(call, **REF, **more)).status == 200
    await stack.ari.wait_for(lambda: stack.ari.count("play") == 1)
    if variant == "failed":
        await stack.hang_up(call)
    elif variant == "digitcollected":
        for key in "12345#":
            stack.ari.digit(leg(call, 1), key)
    return await stack.event(call, variant)


async def joining(stack: Stack, variant: str) -> dict[str, Any]:
    """Another party is called: it answers and leaves, or is busy."""
    call = await stack.connected()
    if variant == "bridging_failed":
        stack.ari.callee("+15559002", Callee.refuses(486))
    assert (await connect(stack, call)).status == 200
    if variant == "bridge_disconnected":
        await stack.event(call, "bridged")
        stack.ari.remote_hangup(leg(call, 2))
    return await stack.event(call, variant)


async def recording(stack: Stack, variant: str) -> dict[str, Any]:
    """A recording starts and completes, or Asterisk refuses it."""
    if variant == "failed":
        stack.ami.fail("MixMonitor", "no")
        call = await stack.connected()
        await record(stack, call, start=True)
    else:
        call = await recorded(stack)
        await record(stack, call, stop=True)
    return await stack.event(call, variant)


EVENTS: Mapping[str, Telling] = {
    "incoming-event": incoming,
    "dial-event": of_the_call,
    "dtmf-event": keys_pressed,
    "speech-event": spoken,
    "play-event": played,
    "connect-event": joining,
    "recording-event": recording,
    "hangup-event": of_the_call,
}
