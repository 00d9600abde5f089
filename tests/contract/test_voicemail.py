"""voicemail_detection (enablex-voice.txt, "Dial Out a Number"; enablex.md, "Outbound").

Asterisk's AMD() judges in the dialplan: the channel leaves our application and comes back.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.parties import PARTY, connect, gone, leg, of, record
from tests.contract.stack import CALLEE, RINGS, Stack
from tests.contract.wording import matches, refused
from tests.fakes.ari_model import HUMAN, MACHINE, Callee

SPOKEN = {"text": "your prompt here", "language": "en-US", "voice": "female"}
DROP = SPOKEN | {"text": "please call back", "prompt_ref": "drop"}


async def judged(stack: Stack, amd: tuple[str, str] | None, **keys: Any) -> str:
    """A call with detection to a callee of this kind; its id."""
    stack.ari.callee(CALLEE, Callee(amd=amd))
    reply = await stack.place(**{"voicemail_detection": True} | keys)
    assert reply.status == 200, reply
    call: str = reply["voice_id"]
    return call


def comes_back(stack: Stack, call: str, verdict: tuple[str, str]) -> None:
    """The channel of a call returns from the dialplan with this verdict."""
    stack.ari.world.enter(stack.ari.channels[leg(call, 1)], ["amd", *verdict])


async def test_machine(stack: Stack) -> None:
    """`voicemail` with the keys of a call event, and never connected; the call stays."""
    call = await judged(stack, MACHINE, owner_ref="xzy")
    matches(
        await stack.event(call, "voicemail"),
        **of(call),
        state="voicemail",
        channel_id=leg(call, 1),
        owner_ref="xzy",
    )
    await stack.quiet()
    assert stack.names(call) == ["ringing", "voicemail"]
    assert (await stack.ask("GET", f"/call/{call}"))["state"] == "connected"


@pytest.mark.parametrize("amd", [HUMAN, ("NOTSURE", "TOOLONG-4900"), ("HANGUP", ""), ("", "")])
async def test_no_machine(stack: Stack, amd: tuple[str, str]) -> None:
    """A human, and whoever Asterisk is not sure of: connected, and never voicemail."""
    call = await judged(stack, amd)
    await stack.event(call, "connected")
    await stack.quiet()
    assert stack.names(call) == ["ringing", "connected"]


async def test_no_verdict(stack: Stack) -> None:
    """Nobody may wait for ever: without a verdict total_time and 5 s later it is connected."""
    call = await judged(stack, None, voicemail_detection={"total_time": 0.1})
    await stack.ari.wait_for(lambda: stack.ari.count("continue") == 1)
    assert (await stack.ask("GET", f"/call/{call}"))["state"] == "In progress"
    await stack.sink.wait_for(lambda _: "connected" in stack.names(call), timeout=8)


async def test_before_the_verdict(stack: Stack) -> None:
    """Answered, not connected: GET is In progress, play is 409, and DELETE ends the call."""
    call = await judged(stack, None)
    await stack.ari.wait_for(lambda: stack.ari.count("continue") == 1)
    assert (await stack.ask("GET", f"/call/{call}"))["state"] == "In progress"
    assert (await stack.say(call)).status == 409
    await stack.hang_up(call)
    ended = await stack.over(call)
    assert stack.names(call) == ["ringing", "disconnected"]
    assert ended["sip_code"] == 200


async def test_hang_up_while_it_is_judged(stack: Stack) -> None:
    """A callee that hangs up meanwhile: disconnected alone."""
    call = await judged(stack, None)
    await stack.ari.wait_for(lambda: stack.ari.count("continue") == 1)
    stack.ari.remote_hangup(leg(call, 1))
    await stack.over(call)
    assert stack.names(call) == ["ringing", "disconnected"]


async def test_action_on_connect(stack: Stack) -> None:
    """It runs for a human, behind connected; not for a machine."""
    action = {"play": SPOKEN | {"prompt_ref": 1}}
    call = await judged(stack, HUMAN, action_on_connect=action)
    await stack.event(call, "playfinished")
    assert stack.names(call) == ["ringing", "connected", "playfinished"]
    call = await judged(stack, MACHINE, action_on_connect=action)
    await stack.event(call, "voicemail")
    await stack.quiet()
    assert stack.names(call) == ["ringing", "voicemail"]
    assert stack.ari.count("play") == 1


async def test_connect_on_connect(stack: Stack) -> None:
    """Nobody is bridged with a machine."""
    action = {"connect": {"to": PARTY}}
    call = await judged(stack, MACHINE, action_on_connect=action)
    await stack.event(call, "voicemail")
    await stack.quiet()
    assert stack.names(call) == ["ringing", "voicemail"]
    call = await judged(stack, HUMAN, action_on_connect=action)
    await stack.event(call, "bridged")


@pytest.mark.parametrize("drop", [{}, {"drop": DROP}])
async def test_connect_before_the_verdict(stack: Stack, drop: dict[str, Any]) -> None:
    """A machine: bridging_failed behind voicemail, once, and nobody is called."""
    call = await judged(stack, None, voicemail_detection=drop or True)
    await stack.ari.wait_for(lambda: stack.ari.count("continue") == 1)
    reply = await connect(stack, call)
    assert (reply.status, reply["state"]) == (200, "initiated")
    assert (await connect(stack, call)).status == 409
    comes_back(stack, call, MACHINE)
    failed = await stack.event(call, "bridging_failed")
    matches(
        failed,
        **of(call) | {"to": PARTY},
        voice_Id=call,
        state="bridging_failed",
        channel_id=leg(call, 2),
        msg="Cancelled",
        sip_code=487,
    )
    if drop:
        await stack.over(call)
    await stack.quiet()
    after = ["playfinished", "disconnected"] if drop else []
    assert stack.names(call) == ["ringing", "voicemail", "bridging_failed", *after]
    assert [one.ids.get("channel") for one in stack.ari.seen("dial")].count(leg(call, 2)) == 0
    if not drop:
        again = await connect(stack, call)
        assert again["bridge_id"] != reply["bridge_id"]
        assert (await stack.event(call, "bridged"))["channel_id"] == leg(call, 3)


async def test_connect_before_the_verdict_of_a_human(stack: Stack) -> None:
    """It is carried out with connected."""
    call = await judged(stack, None)
    await stack.ari.wait_for(lambda: stack.ari.count("continue") == 1)
    assert (await connect(stack, call)).status == 200
    comes_back(stack, call, HUMAN)
    await stack.event(call, "bridged")
    assert stack.names(call) == ["ringing", "connected", "bridging", "bridged"]


async def test_drop_message(stack: Stack) -> None:
    """It is played to a machine and has its outcome; then the call ends."""
    call = await judged(stack, MACHINE, voicemail_detection={"drop": DROP})
    ended = await stack.over(call)
    finished = await stack.event(call, "playfinished")
    assert finished["prompt_ref"] == "drop"
    assert stack.names(call) == ["ringing", "voicemail", "playfinished", "disconnected"]
    assert ended["disconnect_reason"] == "Normal clearing"
    await gone(stack, leg(call, 1))


async def test_no_drop_message_for_a_human(stack: Stack) -> None:
    """A human hears none, and the call goes on."""
    call = await judged(stack, HUMAN, voicemail_detection={"drop": DROP})
    await stack.event(call, "connected")
    await stack.quiet()
    assert stack.names(call) == ["ringing", "connected"]
    assert stack.ari.count("play") == 0


async def test_what_can_be_done_with_a_machine(stack: Stack) -> None:
    """An application may play to it, record it, and connect it all the same."""
    call = await judged(stack, MACHINE)
    await stack.event(call, "voicemail")
    await record(stack, call, start=True)
    await stack.say(call)
    await stack.event(call, "playfinished")
    await connect(stack, call)
    await stack.event(call, "bridged")
    await stack.hang_up(call)
    await stack.over(call)
    assert stack.names(call)[-2:] == ["completed", "disconnected"]


async def test_how_it_is_judged(stack: Stack) -> None:
    """The documented tuning goes to AMD() in milliseconds; other numbers are its defaults."""
    call = await judged(stack, HUMAN)
    tuned = {
        "initial_silence": 1,
        "greeting": 2,
        "after_greeting_silence": 0.5,
        "total_time": 4,
        "maximum_words": 7,
    }
    await stack.event(call, "connected")
    await stack.event(await judged(stack, HUMAN, voicemail_detection=tuned), "connected")
    given = [
        one.query["value"]
        for one in stack.ari.seen("set_variable")
        if one.query["variable"] == "AMDARGS"
    ]
    assert given == ["2500,1500,800,5000,,,3", "1000,2000,500,4000,,,7"]
    assert all(one.query["context"] == "amd" for one in stack.ari.seen("continue"))


async def test_auto_record(stack: Stack) -> None:
    """It records from the answer on, so also what was said before the verdict."""
    call = await judged(stack, MACHINE, auto_record=True)
    await stack.event(call, "started")
    await stack.event(call, "voicemail")
    await stack.hang_up(call)
    await stack.over(call)
    assert stack.names(call)[-2:] == ["completed", "disconnected"]


async def test_off_is_the_default(stack: Stack) -> None:
    """Without it, and with false, nobody is judged."""
    for keys in ({}, {"voicemail_detection": False}):
        await stack.connected(**keys)
    assert stack.ari.count("continue") == 0


@pytest.mark.parametrize("amd", [HUMAN, MACHINE])
async def test_restart_while_it_is_judged(stack: Stack, amd: tuple[str, str]) -> None:
    """A verdict that comes after the restart counts; one that came meanwhile is not known, and
    the call is connected."""
    stack.ari.callee(CALLEE, Callee(amd=None))
    reply = await stack.place(voicemail_detection={"total_time": 1})
    call = reply["voice_id"]
    await stack.ari.wait_for(lambda: stack.ari.count("continue") == 1)
    await stack.kill()
    await stack.start()
    comes_back(stack, call, amd)
    name = "voicemail" if amd is MACHINE else "connected"
    await stack.event(call, name)
    assert stack.names(call) == ["ringing", name]
    assert (await stack.say(call)).status == 200


@pytest.mark.parametrize(
    ("detection", "named"),
    [
        ("yes", "voicemail_detection"),
        (1, "voicemail_detection"),
        (None, "voicemail_detection"),
        ({"initial_silence": 0}, "initial_silence"),
        ({"greeting": 11}, "greeting"),
        ({"after_greeting_silence": "x"}, "after_greeting_silence"),
        ({"total_time": 21}, "total_time"),
        ({"maximum_words": 0}, "maximum_words"),
        ({"drop": {}}, "prompt_name"),
        ({"drop": {"text": "a"}}, "voice"),
    ],
)
async def test_bad_request(stack: Stack, detection: Any, named: str) -> None:
    """What is out of range is 400, and named; nothing is dialled."""
    refused(await stack.place(voicemail_detection=detection), 400, 400, named)
    assert stack.ari.count("create_channel") == 0


async def test_drop_message_that_can_not_be(stack: Stack) -> None:
    """An unknown prompt, and an unknown voice, are refused before anything is dialled."""
    unheard = {"drop": {"prompt_name": "unheard"}}
    refused(await stack.place(voicemail_detection=unheard), 404, 404)
    robot = {"drop": SPOKEN | {"voice": "robot"}}
    refused(await stack.place(voicemail_detection=robot), 406, 6117)
    assert (await stack.place(**{"from": RINGS})).status == 200
